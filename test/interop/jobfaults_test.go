//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/job/status"
	"heddle/test/cluster"
)

func submitText(t *testing.T, ctx context.Context, c *cluster.Cluster, text string, options ...string) {
	t.Helper()
	args := append([]string{"job", "submit", "--executor", "process"}, options...)
	run, err := heddleRun(ctx, c, append(args, writeJob(t, text))...)
	if err != nil || run.Code != 0 {
		t.Fatalf("code %d, %v: %s", run.Code, err, run.Out)
	}
}

func jobStatus(ctx context.Context, c *cluster.Cluster, name string) (*status.Job, error) {
	run, err := heddleRun(ctx, c, "job", "status", "--json", name)
	if err != nil {
		return nil, err
	}
	if run.Code != 0 {
		return nil, fmt.Errorf("code %d: %s", run.Code, run.Out)
	}
	s := new(status.Job)
	return s, json.Unmarshal([]byte(run.Out), s)
}

// becomes waits until a job is in a state.
func becomes(t *testing.T, ctx context.Context, c *cluster.Cluster, name string, want status.State) *status.Job {
	t.Helper()
	var s *status.Job
	until(t, 2*time.Minute, name+" becomes "+string(want), func() (err error) {
		s, err = jobStatus(ctx, c, name)
		if err == nil && (s.State != want || len(s.Roles) == 0) {
			err = fmt.Errorf("it is %s: %s %s\n%s", s.State, s.Detail, s.Diagnostics, c.Logs())
		}
		return err
	})
	return s
}

// masters lists the processes of ApplicationMasters whose containers lie in a cluster's directory.
func masters(t *testing.T, c *cluster.Cluster) (pids []int) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		line, err := os.ReadFile(f)
		if err != nil || !strings.HasPrefix(string(line), "./heddle\x00applicationmaster") {
			continue
		}
		cwd, err := os.Readlink(filepath.Join(filepath.Dir(f), "cwd"))
		if err != nil || !strings.HasPrefix(cwd, c.Dir()+"/") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// A job whose ApplicationMaster dies starts over under a new one, and nothing of the old attempt runs on.
func TestJobOutlivesItsApplicationMaster(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c, err := cluster.Start(ctx, shared.options("amdies", shared.rm, shared.nm))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	go_ := filepath.Join(t.TempDir(), "go")
	submitText(t, ctx, c, fmt.Sprintf(`{"jobName": "phoenix", "image": "none", "taskRoles": [{"name": "main", "taskNumber": 2, "memoryMB": 256, "command": "while [ ! -e %s ]; do sleep 0.1; done"}]}`, go_))
	first := becomes(t, ctx, c, "phoenix", status.Running)
	pids := masters(t, c)
	if len(pids) != 1 {
		t.Fatalf("ApplicationMasters: %v", pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "a second attempt runs", func() error {
		s, err := jobStatus(ctx, c, "phoenix")
		if err == nil && (s.State != status.Running || len(s.Roles) == 0 || s.Roles[0].Tasks[0].Container == first.Roles[0].Tasks[0].Container || s.Count(status.Running) != 2) {
			err = fmt.Errorf("it is %+v", s)
		}
		return err
	})
	if err := os.WriteFile(go_, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	becomes(t, ctx, c, "phoenix", status.Succeeded)
}

// A job goes on while its ResourceManager is killed and started again.
func TestJobOutlivesItsResourceManager(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c, err := cluster.Start(ctx, shared.options("rmdies", shared.rm, shared.nm))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	go_ := filepath.Join(t.TempDir(), "go")
	submitText(t, ctx, c, fmt.Sprintf(`{"jobName": "steady", "image": "none", "taskRoles": [{"name": "main", "taskNumber": 2, "memoryMB": 256, "command": "while [ ! -e %s ]; do sleep 0.1; done"}]}`, go_))
	before := becomes(t, ctx, c, "steady", status.Running)
	c.KillRM()
	if err := c.StartRM(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the job is known again", func() error {
		s, err := jobStatus(ctx, c, "steady")
		if err == nil && s.State != status.Running {
			err = fmt.Errorf("it is %s", s.State)
		}
		return err
	})
	if err := os.WriteFile(go_, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	after := becomes(t, ctx, c, "steady", status.Succeeded)
	for i, task := range after.Roles[0].Tasks {
		if task.Container != before.Roles[0].Tasks[i].Container {
			t.Errorf("task %d ran in %s, and then in %s", i, before.Roles[0].Tasks[i].Container, task.Container)
		}
	}
}

// A gang that cannot become whole does not keep others from what it holds, and two gangs do not hold each other.
func TestGangsDoNotHoldEachOther(t *testing.T) {
	ctx := limited(t, 5*time.Minute)
	o := shared.options("gangs", shared.rm, shared.nm)
	// Room for eight pieces of 256 MB, of which an ApplicationMaster takes two.
	o.Site = map[string]string{"yarn.nodemanager.resource.memory-mb": "2048", "heddle.job.gang-timeout": "8s"}
	o.Queues = map[string]string{
		"yarn.scheduler.capacity.resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
		"yarn.scheduler.capacity.root.queues":         "a,b", "yarn.scheduler.capacity.maximum-am-resource-percent": "0.9",
		"yarn.scheduler.capacity.root.a.capacity": "50", "yarn.scheduler.capacity.root.b.capacity": "50",
		"yarn.scheduler.capacity.root.a.user-limit-factor": "10", "yarn.scheduler.capacity.root.b.user-limit-factor": "10",
	}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	const job = `{"jobName": "gang", "image": "none", "taskRoles": [{"name": "main", "taskNumber": %d, "memoryMB": 256, "command": "sleep 1"}]}`
	submitText(t, ctx, c, fmt.Sprintf(job, 7), "--name", "too-large", "--queue", "a")
	until(t, time.Minute, "it holds all there is", func() error {
		s, err := jobStatus(ctx, c, "too-large")
		if err == nil && !strings.Contains(s.Detail, "6 of 7 tasks have a container") {
			err = errors.New(s.Detail)
		}
		return err
	})
	submitText(t, ctx, c, fmt.Sprintf(job, 3), "--name", "modest", "--queue", "b")
	becomes(t, ctx, c, "modest", status.Succeeded)
	s, err := jobStatus(ctx, c, "too-large")
	if err != nil || s.Retries.Resource == 0 || s.State.Final() {
		t.Errorf("the gang that held it back: %+v, %v", s, err)
	}
	run, err := heddleRun(ctx, c, "job", "stop", "too-large")
	ranWell(t, run, err)

	done := make(chan struct{})
	go func() {
		defer close(done)
		submitText(t, ctx, c, fmt.Sprintf(job, 3), "--name", "gang-b", "--queue", "b")
	}()
	submitText(t, ctx, c, fmt.Sprintf(job, 3), "--name", "gang-a", "--queue", "a")
	<-done
	for _, name := range []string{"gang-a", "gang-b"} {
		s := becomes(t, ctx, c, name, status.Succeeded)
		t.Logf("%s was whole after %d gangs that were given back", name, s.Retries.Resource)
	}
}

// Hadoop's NodeManagers watch address space unless told otherwise, and Go programs reserve a lot of it.
func TestJobWhereAddressSpaceIsWatched(t *testing.T) {
	ctx := limited(t, 3*time.Minute)
	o := shared.options("vmem", shared.rm, shared.nm)
	o.Site = map[string]string{"yarn.nodemanager.vmem-check-enabled": "true", "yarn.nodemanager.container-monitor.interval-ms": "500"}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	const job = `{"jobName": "watched", "image": "none", "taskRoles": [{"name": "main", "memoryMB": %d, "command": "sleep 4"}]}`
	run, err := heddleRun(ctx, c, "job", "submit", "--executor", "process", "--wait", writeJob(t, fmt.Sprintf(job, 768)))
	ranWell(t, run, err, "SUCCEEDED")
	if strings.Contains(run.Out, "warning") {
		t.Errorf("a warning without need: %s", run.Out)
	}
	run, err = heddleRun(ctx, c, "job", "submit", "--executor", "process", "--wait", writeJob(t, fmt.Sprintf(job, 256)))
	if err != nil {
		t.Fatal(err)
	}
	printed(t, run, "warning: role main: containers with less than 640 MB")
	if shared.nm == cluster.Heddle { // Java's was seen to let it live
		printed(t, run, "exit code -103")
	}
}
