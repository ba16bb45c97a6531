package rendezvous

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
)

// Master is what the server asks the ApplicationMaster. It is called from many goroutines. An error
// is told to the agent, which gives up then.
type Master interface {
	// Secret is a container's secret; ok is false for a container that is not (or no longer) a task's.
	Secret(container string) (secret []byte, ok bool)
	Hello(ctx context.Context, container string) (*Assignment, error)
	Ready(ctx context.Context, container string, r Ready) error
	// Roster may wait until the gang is whole, and at the latest when ctx ends answers that it is not.
	Roster(ctx context.Context, container string) (*Roster, error)
	Exit(ctx context.Context, container string, e Exit) error
}

// Server answers agents.
type Server struct {
	master Master
	log    *slog.Logger

	mu   sync.Mutex
	last map[string]uint64 // the newest request number of each container
	odd  int               // refused requests so far
}

// NewServer answers for master.
func NewServer(master Master, log *slog.Logger) *Server {
	return &Server{master: master, log: log, last: map[string]uint64{}}
}

// Forget drops what is kept for an ended container.
func (s *Server) Forget(container string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, container)
}

// Register adds the calls to a router.
func (s *Server) Register(mux *http.ServeMux) {
	handle(s, mux, "hello", func(ctx context.Context, c string, _ struct{}) (any, error) { return s.master.Hello(ctx, c) })
	handle(s, mux, "ready", func(ctx context.Context, c string, r Ready) (any, error) {
		return struct{}{}, s.master.Ready(ctx, c, r)
	})
	handle(s, mux, "roster", func(ctx context.Context, c string, _ struct{}) (any, error) { return s.master.Roster(ctx, c) })
	handle(s, mux, "exit", func(ctx context.Context, c string, e Exit) (any, error) {
		e.Reason = e.Reason[:min(len(e.Reason), MaxReason)]
		return struct{}{}, s.master.Exit(ctx, c, e)
	})
}

func handle[In any](s *Server, mux *http.ServeMux, call string, f func(context.Context, string, In) (any, error)) {
	mux.HandleFunc("POST "+prefix+call, func(w http.ResponseWriter, r *http.Request) {
		caller, body, ok := s.authenticate(r, call)
		if !ok {
			s.refuse(w, r)
			return
		}
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			caller.answer(w, http.StatusBadRequest, []byte("the request is no JSON of this call"))
			return
		}
		out, err := f(r.Context(), caller.container, in)
		if err != nil {
			caller.answer(w, http.StatusConflict, []byte(err.Error()))
			return
		}
		text, err := json.Marshal(out)
		if err != nil {
			caller.answer(w, http.StatusInternalServerError, []byte(err.Error()))
			return
		}
		caller.answer(w, http.StatusOK, text)
	})
}

// caller is an authenticated request.
type caller struct {
	container, call string
	secret          []byte
	sequence        uint64
}

func (c *caller) answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerMAC, sign(c.secret, c.container, c.call, c.sequence, status, body))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an agent that is gone has nobody to tell
}

// authenticate checks signature and number. The body is read before, bounded.
func (s *Server) authenticate(r *http.Request, call string) (*caller, []byte, bool) {
	c := &caller{container: r.Header.Get(headerContainer), call: call}
	var known bool
	if c.secret, known = s.master.Secret(c.container); !known {
		return nil, nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxRequest+1))
	if err != nil || len(body) > MaxRequest {
		return nil, nil, false
	}
	if c.sequence, err = strconv.ParseUint(r.Header.Get(headerSequence), 10, 63); err != nil {
		return nil, nil, false
	}
	if !signed(r.Header.Get(headerMAC), c.secret, c.container, call, c.sequence, 0, body) {
		return nil, nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.sequence <= s.last[c.container] {
		return nil, nil, false
	}
	s.last[c.container] = c.sequence
	return c, body, true
}

// noted bounds the log lines that strangers can cause.
const noted = 20

func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.odd++
	n := s.odd
	s.mu.Unlock()
	if n <= noted {
		s.log.Warn("a request without a valid signature was refused", "from", r.RemoteAddr, "path", r.URL.Path, "refused so far", n)
	}
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}
