package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"heddle/resourcemanager/service"
)

// stuck is the response of a caller who does not read until he is let.
type stuck struct {
	counter
	began, read chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	if s.bytes == 0 {
		close(s.began)
		<-s.read
	}
	return s.counter.Write(b)
}

// Callers who do not read their list keep nobody from getting his.
func TestSlowReadersOfListsHoldUpNobody(t *testing.T) {
	h := crowded(t, 1000)
	read, done := make(chan struct{}), make(chan int)
	const slow = 20
	for range slow {
		s := &stuck{counter{header: http.Header{}}, make(chan struct{}), read}
		go func() {
			h.ServeHTTP(s, httptest.NewRequest(http.MethodGet, "/ws/v1/cluster/apps", nil))
			done <- s.bytes
		}()
		<-s.began
	}
	var w counter
	for _, path := range []string{"/ws/v1/cluster/apps", "/cluster/apps", "/cluster"} {
		w = counter{header: http.Header{}}
		h.ServeHTTP(&w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.bytes < 1000 {
			t.Errorf("%s: %d bytes", path, w.bytes)
		}
	}
	close(read)
	for range slow {
		if n := <-done; n < 1_000_000 {
			t.Errorf("a slow reader got %d bytes", n)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	turns := service.NewTurns()
	for range cap(turns) {
		if err := turns.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if turns.Take(gone) == nil {
		t.Error("a caller who is gone got a turn that was not free")
	}
	out := &inTurn{turns: turns, ctx: gone, out: &w}
	_, _ = out.Write(make([]byte, 5)) // kept
	if err := out.Flush(); err != nil && !out.lost {
		t.Errorf("%v without losing the turn", err)
	}
	out.done()
	if len(turns) != cap(turns)-1 {
		t.Errorf("%d of %d turns are taken", len(turns), cap(turns))
	}
}
