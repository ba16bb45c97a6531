//go:build interop

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/test/cluster"
)

// marks is a task that marks its application's attempt, which is a part of its container's id, until it may end.
const marks = `attempt=$(echo $CONTAINER_ID | rev | cut -d_ -f2 | rev)
while [ ! -e %[1]s/finish ]; do echo $attempt >> %[1]s/marks; sleep 0.1; done
`

// A machine is cut off for longer than its node may be silent, and joined again: the application goes on elsewhere with
// a new attempt, and the old one's master and task, which lived on, are stopped and change nothing. Then a master hangs:
// it is replaced, too. (SAMZA-2585: two masters ran side by side.)
func TestAHostIsCutOffAndAMasterHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	binary, dir := underTest(t), folder(t)
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, RM: cluster.Heddle, NM: cluster.None, Outside: true, Command: []string{binary}, Site: map[string]string{
		"yarn.nm.liveness-monitor.expiry-interval-ms": "2500", "yarn.am.liveness-monitor.expiry-interval-ms": "6000",
		"yarn.resourcemanager.am.max-attempts":           "2", // the cut is not the application's failure: there are three
		"yarn.resourcemanager.connect.retry-interval.ms": "200",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	w := newWorkload(t, c, binary)
	script := filepath.Join(dir, "marks.sh")
	if err := os.WriteFile(script, fmt.Appendf(nil, marks, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	job := filepath.Join(dir, "job.json")
	if err := os.WriteFile(job, fmt.Appendf(nil, `{"jobName": "marks", "image": "none", "taskRoles": [{"name": "a", "memoryMB": 256, "command": "bash %s"}]}`, script), 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := c.AddHost(ctx, 1, cluster.Heddle)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Logs())
	}
	defer func() {
		if t.Failed() {
			t.Log(first.Logs())
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}()
	await := func(what string, ok func() error) {
		t.Helper()
		if err := w.until(ctx, what, ok); err != nil {
			t.Fatalf("%v\n%s", err, c.Logs())
		}
	}
	mark := func() string { // the last one
		b, err := os.ReadFile(filepath.Join(dir, "marks"))
		if err != nil {
			return ""
		}
		all := strings.Fields(string(b))
		return all[len(all)-1]
	}
	marked := func(attempt string) func() error {
		return func() error {
			if got := mark(); got != attempt {
				return fmt.Errorf("the last mark is %q", got)
			}
			return nil
		}
	}
	of := func(attempt string) (out []proc) {
		for _, p := range processes(dir) {
			if strings.Contains(p.container, "_"+attempt+"_") {
				out = append(out, p)
			}
		}
		return out
	}

	if run, err := w.heddle(ctx, "job", "submit", "--executor", "process", job); err != nil || run.Code != 0 {
		t.Fatalf("submit: %v, %s", err, run.Out)
	}
	await("the first attempt's task", marked("01"))
	if err := errors.Join(c.AddNM(ctx, cluster.Heddle), first.Cut(ctx)); err != nil {
		t.Fatal(err)
	}
	await("the lost node", func() error {
		if state, err := c.NodeState(first.Node()); err != nil || state != "LOST" {
			return fmt.Errorf("%s, %v", state, err)
		}
		return nil
	})
	await("the second attempt's task", marked("02"))
	if len(of("01")) == 0 {
		t.Error("the cut off machine's containers ended by themselves")
	}
	if err := first.Heal(ctx); err != nil {
		t.Fatal(err)
	}
	await("the end of the first attempt's processes", func() error {
		if left := of("01"); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	if state, err := c.NodeState(first.Node()); err != nil || state != "RUNNING" {
		t.Errorf("the joined node is %s, %v", state, err)
	}

	for _, p := range of("02") { // its master hangs, with all that it started itself
		if strings.HasSuffix(p.container, "_000001") {
			if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
	}
	await("the third attempt's task", marked("03"))
	await("the end of the second attempt's processes", func() error {
		if left := of("02"); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	if err := os.WriteFile(filepath.Join(dir, "finish"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if run, err := w.heddle(ctx, "job", "wait", "marks"); err != nil || run.Code != 0 || !strings.Contains(run.Out, "SUCCEEDED") {
		t.Errorf("the job ended with %v, %s", err, run.Out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "marks"))
	if err != nil {
		t.Fatal(err)
	}
	if last := strings.TrimRight(string(b), "\n"); !strings.HasSuffix(last, "03") {
		t.Errorf("an earlier attempt made the last mark: …%s", last[max(0, len(last)-40):])
	}
	if t.Failed() {
		t.Log(c.Logs())
	}
}

func underTest(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs(os.Getenv("HEDDLE_BINARY"))
	if err != nil || os.Getenv("HEDDLE_BINARY") == "" {
		t.Fatal("set HEDDLE_BINARY to the heddle under test")
	}
	return binary
}

// folder is a directory of the test that other users may pass through; it is removed when the test has passed.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "heddle-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and data are kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Log(err)
		}
	})
	return dir
}
