//go:build interop

// Package interop runs unmodified Hadoop clients against a cluster whose ResourceManager and NodeManager
// are Heddle's, or Java's for a control: HEDDLE_INTEROP_RM=java, HEDDLE_INTEROP_NM=java.
package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/nodemanager/launcher"
	"heddle/test/cluster"
)

// suite is the HDFS and the cluster that all scenarios share.
type suite struct {
	dir    string
	binary string
	rm, nm cluster.Kind
	hdfs   *cluster.HDFS
	main   *cluster.Cluster
}

var shared suite

func TestMain(m *testing.M) {
	launcher.Dispatch() // nodes of some tests run in this process
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, m)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (int, error) {
	var err error
	if shared.dir, err = os.MkdirTemp("", "heddle-interop-"); err != nil {
		return 0, err
	}
	if err := os.Chmod(shared.dir, 0o755); err != nil { // containers of other users pass through it
		return 0, err
	}
	if shared.rm, err = cluster.KindFromEnv("HEDDLE_INTEROP_RM", cluster.Heddle); err != nil {
		return 0, err
	}
	if shared.nm, err = cluster.KindFromEnv("HEDDLE_INTEROP_NM", cluster.Heddle); err != nil {
		return 0, err
	}
	if shared.binary, err = heddle(shared.dir); err != nil {
		return 0, err
	}
	if shared.hdfs, err = cluster.StartHDFS(ctx, filepath.Join(shared.dir, "hdfs")); err != nil {
		return 0, err
	}
	defer shared.hdfs.Stop()
	shared.main, err = cluster.Start(ctx, shared.options("main", shared.rm, shared.nm))
	if err != nil {
		return 0, err
	}
	defer shared.main.Stop()
	code := m.Run()
	if code == 0 && os.Getenv("HEDDLE_INTEROP_KEEP") == "" {
		shared.main.Stop() // first: daemons that still write make the removal fail
		shared.hdfs.Stop()
		return code, os.RemoveAll(shared.dir)
	}
	fmt.Fprintln(os.Stderr, "interop: logs and data are kept in", shared.dir)
	return code, nil
}

func (s *suite) options(name string, rm, nm cluster.Kind) cluster.Options {
	return cluster.Options{Dir: filepath.Join(s.dir, name), RM: rm, NM: nm, HDFS: s.hdfs, Command: []string{s.binary}}
}

// heddle is the binary under test: HEDDLE_BINARY, or one built from this source.
func heddle(dir string) (string, error) {
	if b := os.Getenv("HEDDLE_BINARY"); b != "" {
		return filepath.Abs(b)
	}
	for _, name := range []string{"heddle", "heddle-agent"} { // a heddle without its agent inside finds it beside itself
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "heddle/cmd/"+name)
		if name == "heddle-agent" {
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if b, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, b)
		}
	}
	return filepath.Join(dir, "heddle"), nil
}

// ranWell checks that a client ended with code 0 and printed every wanted text.
func ranWell(t *testing.T, run cluster.Run, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if run.Code != 0 {
		t.Fatalf("exit code %d; it printed:\n%s\n%s", run.Code, end(run.Out), shared.main.Logs())
	}
	printed(t, run, want...)
}

func printed(t *testing.T, run cluster.Run, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(run.Out, w) {
			t.Errorf("%q was not printed, but:\n%s", w, end(run.Out))
		}
	}
}

func end(s string) string {
	if len(s) > 6000 {
		return "…" + s[len(s)-6000:]
	}
	return s
}

var applicationID = regexp.MustCompile(`application_\d+_\d+`)

// limited is the test's context with a time limit.
func limited(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// until polls ok every 100 ms for at most d.
func until(t *testing.T, d time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(d)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, d, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
