//go:build interop

package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/test/cluster"
)

// The machine's clock jumps ahead by an hour, and back: no node and no master is taken for silent, no attempt is started
// anew, and applications are accepted and run as before. It sets the clock of the machine that it runs on, for some
// seconds; so it runs only with CHAOS_CLOCK=1.
func TestTheClockJumps(t *testing.T) {
	if os.Getenv("CHAOS_CLOCK") != "1" {
		t.Skip("it sets this machine's clock: CHAOS_CLOCK=1 allows it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	binary, dir := underTest(t), folder(t)
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, RM: cluster.Heddle, NM: cluster.Heddle, Command: []string{binary}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	w := newWorkload(t, c, binary)
	submit := func(name, command string) {
		t.Helper()
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, fmt.Appendf(nil, `{"jobName": %q, "image": "none", "taskRoles": [{"name": "a", "memoryMB": 256, "command": %q}]}`, name, command), 0o644); err != nil {
			t.Fatal(err)
		}
		if run, err := w.heddle(ctx, "job", "submit", "--executor", "process", file); err != nil || run.Code != 0 {
			t.Fatalf("submit %s: %v, %s", name, err, run.Out)
		}
	}
	wait := func(name string) {
		t.Helper()
		if run, err := w.heddle(ctx, "job", "wait", name); err != nil || run.Code != 0 || !strings.Contains(run.Out, "SUCCEEDED") {
			t.Errorf("%s ended with %v, %s", name, err, run.Out)
		}
	}
	submit("long", fmt.Sprintf("touch %[1]s/begun; while [ ! -e %[1]s/finish ]; do sleep 0.1; done", dir))
	if err := w.until(ctx, "the long job's task", func() error { _, err := os.Stat(filepath.Join(dir, "begun")); return err }); err != nil {
		t.Fatal(err)
	}
	ahead := time.Duration(0)
	defer func() {
		if ahead != 0 { // the test ended early
			jump(t, -ahead)
		}
	}()
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		jump(t, by)
		ahead += by
		time.Sleep(4 * time.Second) // several heartbeats, and the monitors' rounds
		name := fmt.Sprintf("after%.0f", by.Seconds())
		submit(name, "exit 0")
		wait(name)
		var m struct {
			ClusterMetrics struct{ ActiveNodes, LostNodes, AppsRunning int }
		}
		if err := c.GetJSON("/ws/v1/cluster/metrics", &m); err != nil || m.ClusterMetrics.ActiveNodes != 1 || m.ClusterMetrics.LostNodes != 0 || m.ClusterMetrics.AppsRunning != 1 {
			t.Errorf("after a jump by %v: %+v, %v", by, m, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "finish"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wait("long")
	var list struct {
		Apps struct {
			App []struct{ Name, AmContainerLogs string }
		}
	}
	if err := c.GetJSON("/ws/v1/cluster/apps", &list); err != nil {
		t.Fatal(err)
	}
	for _, a := range list.Apps.App {
		if !strings.Contains(a.AmContainerLogs, "_01_000001/") {
			t.Errorf("%s was started anew: %s", a.Name, a.AmContainerLogs)
		}
	}
	if t.Failed() {
		t.Log(c.Logs())
	}
}

// jump sets the clock by d.
func jump(t *testing.T, d time.Duration) {
	t.Helper()
	now := time.Now().Add(d)
	tv := syscall.NsecToTimeval(now.UnixNano())
	if err := syscall.Settimeofday(&tv); err != nil {
		t.Fatalf("setting the clock: %v", err)
	}
}
