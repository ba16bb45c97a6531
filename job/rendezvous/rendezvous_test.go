package rendezvous

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/jobspec"
)

// fakeMaster knows one container and counts what reached it.
type fakeMaster struct {
	secret []byte
	ready  []Ready
	exit   Exit
	fail   error
}

func (m *fakeMaster) Secret(c string) ([]byte, bool) { return m.secret, c == "c1" }
func (m *fakeMaster) Hello(context.Context, string) (*Assignment, error) {
	return &Assignment{Role: "worker", Index: 1, Framework: jobspec.Framework{Name: "job"}}, m.fail
}
func (m *fakeMaster) Ready(_ context.Context, _ string, r Ready) error {
	m.ready = append(m.ready, r)
	return nil
}
func (m *fakeMaster) Roster(context.Context, string) (*Roster, error) {
	return &Roster{Whole: true, Places: []Place{{Role: "worker", Index: 1, Host: "h"}}}, nil
}
func (m *fakeMaster) Exit(_ context.Context, _ string, e Exit) error { m.exit = e; return nil }

func serve(t *testing.T, m *fakeMaster) (address string) {
	t.Helper()
	mux := http.NewServeMux()
	NewServer(m, slog.New(slog.DiscardHandler)).Register(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestAnAgentWithItsSecretIsServed(t *testing.T) {
	m := &fakeMaster{secret: NewSecret()}
	c := NewClient(serve(t, m), "c1", m.secret)
	defer c.Close()
	a, err := c.Hello(t.Context())
	if err != nil || a.Role != "worker" || a.Index != 1 || a.Framework.Name != "job" {
		t.Fatalf("hello: %+v, %v", a, err)
	}
	if err := c.Ready(t.Context(), Ready{Host: "h", Ports: map[string][]int{"http": {8080}}}); err != nil || len(m.ready) != 1 || m.ready[0].Ports["http"][0] != 8080 {
		t.Fatalf("ready: %+v, %v", m.ready, err)
	}
	r, err := c.Roster(t.Context())
	if err != nil || !r.Whole || r.Places[0].Host != "h" {
		t.Fatalf("roster: %+v, %v", r, err)
	}
	if err := c.Exit(t.Context(), Exit{Code: 3, Reason: strings.Repeat("ü", MaxReason)}); err != nil || m.exit.Code != 3 || len(m.exit.Reason) > MaxReason {
		t.Fatalf("exit: %d bytes of reason, %v", len(m.exit.Reason), err)
	}
	m.fail = errors.New("the job has ended")
	if _, err := c.Hello(t.Context()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "the job has ended") {
		t.Errorf("a refusal: %v", err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	m := &fakeMaster{secret: NewSecret()}
	address := serve(t, m)
	for name, c := range map[string]*Client{
		"a wrong secret":        NewClient(address, "c1", NewSecret()),
		"an unknown container":  NewClient(address, "c2", m.secret),
		"no secret and no name": NewClient(address, "", nil),
	} {
		if _, err := c.Hello(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
	if len(m.ready) != 0 {
		t.Error("a stranger's call reached the master")
	}
}

func TestARecordedRequestIsWorthless(t *testing.T) {
	m := &fakeMaster{secret: NewSecret()}
	address := serve(t, m)
	send := func(sequence string, number uint64, call string, body []byte) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+prefix+"ready", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(headerContainer, "c1")
		req.Header.Set(headerSequence, sequence)
		req.Header.Set(headerMAC, sign(m.secret, "c1", call, number, 0, body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	body := []byte(`{"host":"h"}`)
	for _, tt := range []struct {
		name, sequence string
		number         uint64
		call           string
		body           []byte
		want           int
	}{
		{"the first", "7", 7, "ready", body, http.StatusOK},
		{"the same again", "7", 7, "ready", body, http.StatusUnauthorized},
		{"an older number", "6", 6, "ready", body, http.StatusUnauthorized},
		{"signed for another call", "8", 8, "exit", body, http.StatusUnauthorized},
		{"signed with another number", "9", 8, "ready", body, http.StatusUnauthorized},
		{"no number", "x", 0, "ready", body, http.StatusUnauthorized},
		{"not JSON", "10", 10, "ready", []byte("host"), http.StatusBadRequest},
		{"too large", "11", 11, "ready", make([]byte, MaxRequest+1), http.StatusUnauthorized},
		{"the next", "12", 12, "ready", body, http.StatusOK},
	} {
		if got := send(tt.sequence, tt.number, tt.call, tt.body); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
	if len(m.ready) != 2 {
		t.Errorf("%d requests reached the master, want 2", len(m.ready))
	}
}

func TestAFalseMasterIsNotBelieved(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerMAC, sign(NewSecret(), "c1", "hello", 1, http.StatusOK, []byte("{}")))
		_, _ = w.Write([]byte("{}"))
	}))
	defer s.Close()
	c := NewClient(strings.TrimPrefix(s.URL, "http://"), "c1", NewSecret())
	defer c.Close()
	if err := c.once(t.Context(), "hello", []byte("{}"), &Assignment{}); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("%v", err)
	}
}

// Whatever a stranger sends, nothing reaches the master and nothing panics.
func FuzzRequest(f *testing.F) {
	m := &fakeMaster{secret: NewSecret()}
	mux := http.NewServeMux()
	NewServer(m, slog.New(slog.DiscardHandler)).Register(mux)
	f.Add("c1", "1", "00", []byte("{}"))
	f.Add("", "-1", "", []byte(nil))
	f.Fuzz(func(t *testing.T, container, sequence, mac string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, prefix+"ready", bytes.NewReader(body))
		r.Header[headerContainer] = []string{container}
		r.Header[headerSequence] = []string{sequence}
		r.Header[headerMAC] = []string{mac}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || len(m.ready) != 0 {
			t.Fatalf("status %d, %d reached the master", w.Code, len(m.ready))
		}
	})
}
