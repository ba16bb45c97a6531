package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/hadoop/conf"
	"heddle/nodemanager"
	"heddle/yarn"
)

// limit is how long a test waits for what should take a moment; reaching it fails the test.
const limit = 60 * time.Second

// Box is a NodeManager in this process, with a ResourceManager of its own.
type Box struct {
	*RM
	Dir     string // everything of the node is below it
	Cgroups string // the path of its groups in each hierarchy
	Node    yarn.NodeID
	Web     string
	Log     *Log

	stop  context.CancelFunc
	ended chan error
	once  sync.Once
	err   error
}

// Log collects what the daemon logs.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Options change what Start starts.
type Options struct {
	Site map[string]string // keys over those of a small node
	Dir  string            // default: a new folder of the test's
	// SiteFor are more keys, which depend on the ResourceManager's address.
	SiteFor func(tracker string) map[string]string
	// ExecutorCfg is the content of container-executor.cfg.
	ExecutorCfg string
}

// Start starts a NodeManager and waits until it has registered; it is stopped with the test.
func Start(t testing.TB, o Options) *Box {
	t.Helper()
	b := Begin(t, o)
	select {
	case err := <-b.ended:
		t.Fatalf("the NodeManager ended at its start: %v\n%s", err, b.Log)
	case <-time.After(limit):
		t.Fatalf("the NodeManager did not register\n%s", b.Log)
	case <-b.ready:
	}
	return b.Box
}

// boxes counts nodes, so that each has cgroups of its own.
var boxes atomic.Int64

// Beginning is a NodeManager that may not have registered yet.
type Beginning struct {
	*Box
	ready chan struct{}
}

// Begin starts a NodeManager and does not wait.
func Begin(t testing.TB, o Options) *Beginning {
	t.Helper()
	b := &Beginning{Box: &Box{RM: StartRM(t), Dir: o.Dir, Log: &Log{}, ended: make(chan error, 1)}, ready: make(chan struct{})}
	if b.Dir == "" {
		b.Dir = openDir(t)
	}
	b.Cgroups = newCgroups()
	c := b.configuration(o)
	etc := t.TempDir()
	if o.ExecutorCfg != "" {
		if err := os.WriteFile(filepath.Join(etc, "container-executor.cfg"), []byte(o.ExecutorCfg), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() {
		b.ended <- nodemanager.Run(ctx, c, nodemanager.Options{Version: "test", ConfigDir: etc,
			Log: slog.New(slog.NewTextHandler(b.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Ready: func(n yarn.NodeID, web string) {
				b.Node, b.Web = n, web
				close(b.ready)
			}})
	}()
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Errorf("the NodeManager ended with %v\n%s", err, b.Log)
		}
		b.removeCgroups(t)
	})
	return b
}

func newCgroups() string { return fmt.Sprintf("/heddle-test-%d-%d", os.Getpid(), boxes.Add(1)) }

// cgroupsLeft are the groups of containers that are not removed.
func (b *Box) cgroupsLeft(t testing.TB) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", b.Cgroups, "container_*"))
	if err != nil {
		t.Fatal(err)
	}
	unified, err := filepath.Glob(filepath.Join("/sys/fs/cgroup", b.Cgroups, "container_*"))
	if err != nil {
		t.Fatal(err)
	}
	return append(left, unified...)
}

// removeCgroups removes the node's own groups, which must be empty again or not there.
func (b *Box) removeCgroups(t testing.TB) {
	t.Helper()
	for _, d := range []string{"cpu", "memory", "devices", "unified", ""} {
		if err := os.Remove(filepath.Join("/sys/fs/cgroup", d, b.Cgroups)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("containers' cgroups are left: %v: %v", err, b.cgroupsLeft(t))
		}
	}
}

// openDir is a directory of the test that containers of other users pass through.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/" && strings.HasPrefix(d, os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// configuration is the NodeManager's, with the test's own wishes last.
func (b *Box) configuration(o Options) *conf.Config {
	c := conf.WithDefaults()
	for k, v := range b.site(o) {
		c.Set(k, v)
	}
	return c
}

func (b *Box) site(o Options) map[string]string {
	out := map[string]string{
		"hadoop.tmp.dir": b.Dir, "fs.defaultFS": "file:///",
		"yarn.nodemanager.address": "127.0.0.1:0", "yarn.nodemanager.webapp.address": "127.0.0.1:0", "yarn.nodemanager.hostname": "127.0.0.1",
		"yarn.resourcemanager.resource-tracker.address": b.Address, "yarn.resourcemanager.connect.retry-interval.ms": "50",
		"yarn.nodemanager.local-dirs": b.Dir + "/local1," + b.Dir + "/local2", "yarn.nodemanager.log-dirs": b.Dir + "/logs1," + b.Dir + "/logs2",
		"yarn.nodemanager.remote-app-log-dir":                                           "file://" + b.Dir + "/remote",
		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
		"yarn.nodemanager.vmem-check-enabled":                                           "false", "yarn.nodemanager.container-monitor.interval-ms": "100",
		"yarn.nodemanager.linux-container-executor.cgroups.hierarchy": b.Cgroups,
		"mapreduce.shuffle.port": "0",
	}
	maps.Copy(out, o.Site)
	if o.SiteFor != nil {
		maps.Copy(out, o.SiteFor(b.Address))
	}
	return out
}

// Stop stops the NodeManager in order and returns how it ended; a second call returns the same.
func (b *Box) Stop() error {
	b.once.Do(func() {
		b.stop()
		select {
		case b.err = <-b.ended:
		case <-time.After(2 * limit):
			b.err = errors.New("the NodeManager did not end")
		}
	})
	return b.err
}

// Ended waits for a NodeManager that ends by itself.
func (b *Box) Ended(t testing.TB) error {
	t.Helper()
	b.once.Do(func() {
		select {
		case b.err = <-b.ended:
		case <-time.After(limit):
			t.Fatalf("the NodeManager did not end\n%s", b.Log)
		}
	})
	err := b.err
	b.err = nil // expected, and told
	return err
}

// Get fetches a page of the node.
func (b *Box) Get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + b.Web + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Until polls ok for at most a minute.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// Files lists what is left below the node's local and log directories, without the directories
// that every node has.
func (b *Box) Files(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, top := range []string{"local1", "local2", "logs1", "logs2"} {
		err := filepath.WalkDir(filepath.Join(b.Dir, top), func(p string, d os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) { // the node removed it meanwhile
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(b.Dir, p)
			if err != nil {
				return err
			}
			if strings.Count(rel, "/") > 1 || !d.IsDir() || strings.HasPrefix(rel, "logs") && rel != top {
				out = append(out, rel)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
