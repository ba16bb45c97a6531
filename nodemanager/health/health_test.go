package health

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func script(t *testing.T, text string) Script {
	t.Helper()
	p := filepath.Join(t.TempDir(), "check.sh")
	if err := os.WriteFile(p, []byte("#!/bin/bash\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Script{Path: p, Options: []string{"option"}, Interval: time.Hour, Timeout: time.Minute}
}

func TestWhatScriptsSay(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                        {"", ""},
		"something":                      {"echo all is well", ""},
		"an exit code alone":             {"exit 3", ""},
		"ERROR inside a line":            {"echo no ERROR here", ""},
		"ERROR":                          {"echo looked at $1; echo ERROR fan 3 stands still; echo more; exit 1", "looked at option\nERROR fan 3 stands still\nmore"},
		"ERROR on the other output":      {"echo ERROR there 1>&2", "ERROR there"},
		"a child that keeps its output":  {"sleep 1000 & echo fine", ""},
		"more than a heartbeat can bear": {"echo ERROR; head -c 1000000 /dev/zero | tr '\\0' x", "ERROR\n" + strings.Repeat("x", maxReport-6)},
		"what a text cannot hold":        {"printf 'ERROR \\xff'", "ERROR ?"},
		"an ERROR behind much else":      {"head -c 1000000 /dev/zero | tr '\\0' x; echo; echo ERROR", strings.Repeat("x", maxReport)},
	} {
		t.Run(name, func(t *testing.T) {
			x := script(t, tt.text)
			if name == "a child that keeps its output" {
				x.Options = nil
			}
			s := New([]Script{x}, slog.New(slog.DiscardHandler))
			s.RunOnce(t.Context())
			ok, report, _ := s.Health()
			if report != tt.want || ok != (tt.want == "") {
				t.Errorf("%v, %.200q, want %.200q", ok, report, tt.want)
			}
		})
	}
}

func TestAScriptThatHangsOrIsNotThere(t *testing.T) {
	hangs, works := script(t, "trap '' TERM; while :; do sleep 1; done"), script(t, "echo ERROR disk")
	hangs.Timeout = 50 * time.Millisecond
	gone := works
	gone.Path += ".gone"
	if err := gone.Check(); err == nil {
		t.Error("a script that is not there was accepted")
	}
	s := New([]Script{hangs, works, gone}, slog.New(slog.DiscardHandler))
	s.RunOnce(t.Context())
	ok, report, _ := s.Health()
	if !strings.HasPrefix(report, "Node health script timed out;ERROR disk;"+gone.Path+": ") || ok {
		t.Errorf("%v, %q", ok, report)
	}
	// a node that has recovered is told so
	if err := os.WriteFile(works.Path, []byte("#!/bin/bash\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s = New([]Script{works}, slog.New(slog.DiscardHandler))
	s.reports[0] = "ERROR disk"
	s.RunOnce(t.Context())
	if ok, report, _ := s.Health(); !ok || report != "" {
		t.Errorf("after the fault: %v, %q", ok, report)
	}
}
