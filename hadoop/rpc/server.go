package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/hadoop/rpc/digestmd5"
)

// TokenVerifier knows the secrets behind the tokens that clients present.
type TokenVerifier interface {
	// Password recomputes or finds the password of a token from its raw identifier
	// and names the user that its bearer acts as. An error that holds an *Error
	// keeps its class on the wire (ClassInvalidToken, ClassStandby, ClassRetriable).
	Password(ctx context.Context, identifier []byte) (password []byte, user string, err error)
}

// ServerConfig says what a server offers. Zero limits take the defaults named beside them.
type ServerConfig struct {
	Name        string // for log lines
	Protocols   []Protocol
	Tokens      TokenVerifier // nil: no TOKEN authentication
	AllowSimple bool
	QOP         []string // auth, auth-int, auth-conf in the configured order; empty is auth

	MaxDataLength      int           // bytes of a request; 134217728, ipc.maximum.data.length
	MaxConnections     int           // ipc.server.max.connections; 0: as many as there are descriptors for
	MaxRequestMemory   int64         // 1 GiB; what large requests, arriving and at work, may take together
	MaxInFlightPerConn int           // 100; beyond it the connection is not read
	IdleThreshold      int           // 4000 connections, ipc.client.idlethreshold; above it idle ones are closed
	IdleTimeout        time.Duration // 20 s: what idle means then
	HandshakeTimeout   time.Duration // 30 s for preamble, SASL and context together
	FrameTimeout       time.Duration // 60 s for each part, of growing size, of a large frame that has begun
	WriteTimeout       time.Duration // 60 s for one write to a peer

	// Authorize is asked once per connection, when its context names user and
	// protocol: service ACLs and proxy users. nil lets all in but proxy users.
	Authorize func(ctx context.Context, c *Call, protocol string) error

	Log *slog.Logger
}

func (c *ServerConfig) setDefaults() {
	setDefault(&c.MaxDataLength, 128<<20)
	setDefault(&c.MaxRequestMemory, 1<<30)
	setDefault(&c.MaxInFlightPerConn, 100)
	setDefault(&c.IdleThreshold, 4000)
	setDefault(&c.IdleTimeout, 20*time.Second)
	setDefault(&c.HandshakeTimeout, 30*time.Second)
	setDefault(&c.FrameTimeout, 60*time.Second)
	setDefault(&c.WriteTimeout, 60*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Server answers calls on any number of listeners.
type Server struct {
	cfg       ServerConfig
	qops      []digestmd5.QOP
	protocols map[string]*protocolEntry // never changes after NewServer
	places    int64                     // connections that all servers of the process may have
	counters  counters
	memory    memory
	hostile   limitedLog

	base   context.Context // of all calls; ends when Shutdown gives up waiting
	cancel context.CancelFunc

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	stopping  bool
	swept     time.Time      // last look for idle connections
	running   sync.WaitGroup // Serve loops and connections
}

type protocolEntry struct {
	Protocol
	methods map[string]*methodEntry
}

type methodEntry struct {
	Method
	name                 string
	calls, errors, nanos atomic.Uint64
}

// NewServer checks the configuration. Every server also answers ProtocolMetaInfoPB.
func NewServer(cfg ServerConfig) (*Server, error) {
	cfg.setDefaults()
	if cfg.Tokens == nil && !cfg.AllowSimple {
		return nil, fmt.Errorf("rpc server %s: neither TOKEN nor SIMPLE authentication is allowed, so nobody could call it", cfg.Name)
	}
	qops, err := digestmd5.ParseQOPs(cfg.QOP)
	if err != nil {
		return nil, fmt.Errorf("rpc server %s: hadoop.rpc.protection: %w", cfg.Name, err)
	}
	s := &Server{cfg: cfg, qops: qops, places: places(), protocols: make(map[string]*protocolEntry),
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{})}
	s.memory.limit = cfg.MaxRequestMemory
	s.base, s.cancel = context.WithCancel(context.Background())
	for _, p := range append(cfg.Protocols[:len(cfg.Protocols):len(cfg.Protocols)], metaInfo(cfg.Protocols)) {
		if err := s.register(p); err != nil {
			return nil, fmt.Errorf("rpc server %s: %w", cfg.Name, err)
		}
	}
	return s, nil
}

func (s *Server) register(p Protocol) error {
	if _, double := s.protocols[p.Name]; double || p.Name == "" {
		return fmt.Errorf("protocol %q is empty or registered twice", p.Name)
	}
	e := &protocolEntry{Protocol: p, methods: make(map[string]*methodEntry, len(p.Methods))}
	for name, m := range p.Methods {
		if m.Raw == nil && (m.New == nil || m.Handle == nil) {
			return fmt.Errorf("method %s of %s has no handler", name, p.Name)
		}
		e.methods[name] = &methodEntry{Method: m, name: name}
	}
	s.protocols[p.Name] = e
	return nil
}

// available is the list in refusals, e.g. "[TOKEN]".
func (s *Server) available() string {
	var names []string
	if s.cfg.Tokens != nil {
		names = append(names, methodToken)
	}
	if s.cfg.AllowSimple {
		names = append(names, methodSimple)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// Serve accepts connections until the listener fails or Shutdown is called, which makes it return nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		l.Close()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	defer s.forget(l)
	return s.accept(l)
}

func (s *Server) forget(l net.Listener) {
	l.Close()
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
}

func (s *Server) accept(l net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			s.admit(nc)
			continue
		}
		if s.isStopping() {
			return nil
		}
		var ne net.Error
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
			return fmt.Errorf("rpc server %s: accepting on %s: %w", s.cfg.Name, l.Addr(), err)
		}
		// Out of file descriptors, mostly: others will end, so wait a moment for them.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.hostile.warn(s.cfg.Log, "accepting a connection failed; trying again", "server", s.cfg.Name, "error", err)
		select {
		case <-time.After(pause):
		case <-s.base.Done():
			return nil
		}
	}
}

// admit starts a connection's goroutine, or refuses it.
func (s *Server) admit(nc net.Conn) {
	s.counters.accepted.Add(1)
	c := newConn(s, nc)
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		nc.Close()
		return
	}
	if !s.roomLocked(time.Now()) {
		s.mu.Unlock()
		nc.Close()
		s.counters.refused.Add(1)
		s.hostile.warn(s.cfg.Log, "connection refused: the server has as many as it may", "server", s.cfg.Name,
			"peer", nc.RemoteAddr(), "limit", s.cfg.MaxConnections, "descriptors", s.places)
		return
	}
	s.conns[c] = struct{}{}
	open.Add(1)
	crowded := len(s.conns) > s.cfg.IdleThreshold
	s.running.Add(1)
	s.mu.Unlock()
	if crowded {
		s.closeIdle()
	}
	go func() {
		defer s.running.Done()
		defer open.Add(-1)
		defer s.remove(c)
		c.run()
	}()
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// closeIdle ends the connections that have been silent for IdleTimeout; it looks once a second at most.
func (s *Server) closeIdle() {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) < time.Second {
		return
	}
	s.swept = now
	for c := range s.conns {
		if c.idleSince(now) > s.cfg.IdleTimeout {
			c.nc.Close()
		}
	}
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Shutdown stops listening, lets running calls answer until ctx ends, then closes
// all connections. It returns after the last goroutine has ended; the error is ctx's if calls were cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.stopReading()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.abort()
		<-done
	}
	s.cancel()
	return err
}

func (s *Server) abort() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.nc.Close()
	}
}
