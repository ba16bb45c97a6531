package applicationmaster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/job/rendezvous"
	"heddle/job/status"
	"heddle/jobspec"
)

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ignoreRefusal: a job that has ended no longer listens to its agents.
func ignoreRefusal(err error) error {
	if errors.Is(err, rendezvous.ErrRefused) {
		return nil
	}
	return err
}

func roles(workers int) jobspec.Framework {
	return jobspec.Framework{Queue: "default", Roles: []jobspec.Role{
		{Name: "ps", Instances: 1, MemoryMB: 128, CPU: 1, Image: "img", ShmMB: 64, MinFailed: 1},
		{Name: "worker", Instances: workers, MemoryMB: 256, CPU: 2, GPUs: 1, MinFailed: 1, MinSucceeded: workers},
	}}
}

// untilStopped is the command of a role that never ends by itself.
func untilStopped(ctx context.Context) int {
	<-ctx.Done()
	return 143
}

func (f *fakeCluster) outcome(t *testing.T, want yarnpb.FinalApplicationStatusProto, diagnostics string) {
	t.Helper()
	if f.finished == nil || f.finished.GetFinalApplicationStatus() != want || !strings.Contains(f.finished.GetDiagnostics(), diagnostics) {
		t.Errorf("the ResourceManager was told %v; want %s with %q", f.finished, want, diagnostics)
	}
}

func TestAJobFromRegistrationToItsRecord(t *testing.T) {
	var mu sync.Mutex
	var rosters []string
	f := &fakeCluster{command: func(ctx context.Context, a *rendezvous.Assignment, roster []rendezvous.Place) int {
		var hosts []string
		for _, p := range roster {
			hosts = append(hosts, p.Host)
		}
		mu.Lock()
		rosters = append(rosters, strings.Join(hosts, " "))
		mu.Unlock()
		if a.Role == "ps" {
			return untilStopped(ctx)
		}
		return 0
	}}
	d, err := f.start(t, t.Context(), roles(3))
	if err != nil {
		t.Fatal(err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED, "3 tasks of worker succeeded")
	slices.Sort(rosters)
	if got := slices.Compact(rosters); len(got) != 1 || got[0] != "ps-0 worker-0 worker-1 worker-2" {
		t.Errorf("rosters: %q", got)
	}
	s, err := d.ReadStatus("application_1_0001")
	if err != nil || s.State != status.Succeeded || s.Count(status.Succeeded) != 3 || s.Count(status.Stopped) != 1 {
		t.Errorf("the record: %+v, %v", s, err)
	}
	if f.registers != 1 || len(f.running) != 0 {
		t.Errorf("%d registrations, %d containers left", f.registers, len(f.running))
	}
}

func TestAFailedTaskFailsTheJob(t *testing.T) {
	f := &fakeCluster{command: func(ctx context.Context, a *rendezvous.Assignment, _ []rendezvous.Place) int {
		if a.Role == "worker" && a.Index == 1 {
			return 7
		}
		return untilStopped(ctx)
	}}
	if _, err := f.start(t, t.Context(), roles(2)); !errors.Is(err, ErrJobFailed) {
		t.Errorf("%v", err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_FAILED, "task worker-1 failed with exit code 7: code 7")
}

func TestARestartedResourceManagerIsToldAgain(t *testing.T) {
	f := &fakeCluster{command: func(context.Context, *rendezvous.Assignment, []rendezvous.Place) int { return 0 }}
	f.trouble = func(n int) error {
		if n == 1 || n == 4 {
			return rpc.Exception(rpc.ClassApplicationMasterNotRegistered, "who are you?")
		}
		if n == 2 {
			return rpc.Exception(rpc.ClassIO, "still loading")
		}
		return nil
	}
	if _, err := f.start(t, t.Context(), roles(2)); err != nil {
		t.Fatal(err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED, "")
	if f.registers < 2 {
		t.Errorf("%d registrations", f.registers)
	}
}

func TestLostAnswersLoseNothing(t *testing.T) {
	f := &fakeCluster{command: func(context.Context, *rendezvous.Assignment, []rendezvous.Place) int { return 0 }}
	f.lose = func(n int) bool { return n%2 == 1 }
	if _, err := f.start(t, t.Context(), roles(2)); err != nil {
		t.Fatal(err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED, "")
	if f.registers != 1 {
		t.Errorf("%d registrations", f.registers)
	}
}

func TestWhatIsRefusedForGoodFailsTheJobWithTheReason(t *testing.T) {
	f := &fakeCluster{trouble: func(int) error {
		return rpc.Exception(rpc.ClassInvalidResourceRequest, "requested memory > maximum")
	}}
	if _, err := f.start(t, t.Context(), roles(1)); !errors.Is(err, ErrJobFailed) {
		t.Errorf("%v", err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_FAILED, "requested memory > maximum")

	f = &fakeCluster{refuse: "Docker containers are not allowed on this node"}
	if _, err := f.start(t, t.Context(), roles(1)); !errors.Is(err, ErrJobFailed) {
		t.Errorf("%v", err)
	}
	f.outcome(t, yarnpb.FinalApplicationStatusProto_APP_FAILED, "Docker containers are not allowed on this node")
}

func TestAnEndedAttemptGoesWithoutAWord(t *testing.T) {
	f := &fakeCluster{trouble: func(int) error { return rpc.Exception(rpc.ClassApplicationAttemptNotFound, "it is over") }}
	if _, err := f.start(t, t.Context(), roles(1)); err == nil || !strings.Contains(err.Error(), "it is over") {
		t.Errorf("%v", err)
	}
	if f.finished != nil {
		t.Errorf("it unregistered: %v", f.finished)
	}
}

func TestAnApplicationMasterThatIsToldToEndLeavesItsRecord(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var running atomic.Int32
	f := &fakeCluster{command: func(ctx context.Context, _ *rendezvous.Assignment, places []rendezvous.Place) int {
		if int(running.Add(1)) == len(places) { // no agent is at the barrier any more
			cancel()
		}
		return untilStopped(ctx)
	}}
	d, err := f.start(t, ctx, roles(2))
	if err == nil || f.finished != nil {
		t.Errorf("%v, %v", err, f.finished)
	}
	if s, err := d.ReadStatus("application_1_0001"); err != nil || s.State != status.Stopped {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRetriesGetOtherContainers(t *testing.T) {
	spec := roles(2)
	spec.RetryCount = 1
	var mu sync.Mutex
	tries := map[string]int{}
	f := &fakeCluster{command: func(ctx context.Context, a *rendezvous.Assignment, _ []rendezvous.Place) int {
		mu.Lock()
		name := fmt.Sprintf("%s-%d", a.Role, a.Index)
		tries[name]++
		n := tries[name]
		mu.Unlock()
		switch {
		case a.Role == "ps":
			return untilStopped(ctx)
		case n == 1 && a.Index == 0:
			return 1
		case n == 1:
			return untilStopped(ctx)
		}
		return 0
	}}
	d, err := f.start(t, t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.ReadStatus("application_1_0001")
	if err != nil || s.Attempt != 2 || s.Retries.User != 1 || f.next != 6 {
		t.Errorf("%+v, %v, %d containers", s, err, f.next)
	}
}

func TestOutsideAContainerItSaysWhatItIs(t *testing.T) {
	_, err := newMaster(Options{Getenv: func(string) string { return "" }})
	if err == nil || !strings.Contains(err.Error(), "heddle job submit") {
		t.Errorf("%v", err)
	}
}
