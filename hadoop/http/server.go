package hadoophttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of every web server, against slow and oversized requests.
const (
	maxHeaderBytes = 64 << 10 // hadoop.http.max.request.header.size
	maxBodyBytes   = 16 << 20
	maxConnections = 2048
	headerTimeout  = 30 * time.Second
	bodyTimeout    = 2 * time.Minute
	idleTimeout    = 2 * time.Minute
)

// Mux routes requests and sets the headers that Hadoop's servers send with every answer.
type Mux struct {
	*http.ServeMux
	identity *Identity
}

// NewMux is an empty router. identity may be nil.
func NewMux(identity *Identity) *Mux { return &Mux{http.NewServeMux(), identity} }

// withoutSlash is the request without a slash at the end of its path, where Hadoop's routers make no difference: below
// /ws, /cluster and /node. Its log links have such a slash before their query.
func withoutSlash(r *http.Request) *http.Request {
	path := r.URL.EscapedPath()
	if !strings.HasSuffix(path, "/") || !strings.HasPrefix(path, "/ws/") && !strings.HasPrefix(path, "/cluster/") && !strings.HasPrefix(path, "/node/") {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	out := *r
	out.URL = &u
	return &out
}

// ServeHTTP adds the headers, bounds the body and refuses TRACE; OPTIONS is answered for every page.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-FRAME-OPTIONS", "SAMEORIGIN")
	h.Set("X-XSS-Protection", "1; mode=block")
	if r.Method == http.MethodTrace || r.Method == "TRACK" {
		http.Error(w, "TRACE method not allowed", http.StatusMethodNotAllowed)
		return
	}
	r = withoutSlash(r)
	if m.identity != nil {
		m.identity.Remember(w, r)
	}
	if r.Method == http.MethodOptions && m.serves(r) {
		h.Set("Allow", strings.Join(m.allowed(r), ", "))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	m.ServeMux.ServeHTTP(w, r)
}

// serves reports whether a page is there. Hadoop's Java clients, `yarn logs` among them, ask by OPTIONS
// whether they must authenticate before each request, and go on only after a 200.
func (m *Mux) serves(r *http.Request) bool {
	probe := r.Clone(r.Context())
	probe.Method = http.MethodGet
	_, pattern := m.ServeMux.Handler(probe)
	return pattern != ""
}

// allowed are the methods of a page that is there.
func (m *Mux) allowed(r *http.Request) []string {
	out := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := m.ServeMux.Handler(probe); strings.HasPrefix(pattern, method+" ") {
			out = append(out, method)
		}
	}
	return out
}

// Metrics answers /metrics and /prom with what registry gathers.
func (m *Mux) Metrics(registry *prometheus.Registry) {
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	m.Handle("GET /metrics", handler)
	m.Handle("GET /prom", handler)
}

// Server serves one daemon's pages on one listener.
type Server struct {
	http *http.Server
}

// NewServer serves handler; log takes what goes wrong on connections.
func NewServer(handler http.Handler, log *slog.Logger) *Server {
	return &Server{http: &http.Server{
		Handler: busyWhileServing(handler), ConnContext: withConn, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// Listen opens addr (host:port) and says what to do when it cannot.
func Listen(ctx context.Context, addr, key string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %s: the port is taken; stop the other program or set %s to another port: %w", addr, key, err)
	case err != nil:
		return nil, fmt.Errorf("listening on %s (from %s): %w", addr, key, err)
	}
	return l, nil
}

// Serve answers on l until Shutdown; then it returns nil.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(limit(l, maxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving on %s: %w", l.Addr(), err)
}

// Shutdown stops taking connections, lets running answers end until ctx does, then cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stopping the web server: %w", err), s.http.Close())
	}
	return nil
}
