package framework

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"heddle/job/rendezvous"
	"heddle/job/status"
	"heddle/jobspec"
	"heddle/yarn"
)

// story tells what happens to a job, in virtual time, and plays ResourceManager, nodes and agents.
type story struct {
	t    *testing.T
	job  *Job
	now  time.Time
	next int64 // container sequence

	asks     map[int]int
	started  map[string]yarn.ContainerID // role-index -> its container
	stops    []yarn.ContainerID
	releases []yarn.ContainerID
}

func role(name string, instances, minFailed, minSucceeded int) jobspec.Role {
	return jobspec.Role{Name: name, Instances: instances, MinFailed: minFailed, MinSucceeded: minSucceeded}
}

func tell(t *testing.T, retries int, roles ...jobspec.Role) *story {
	t.Helper()
	spec := &jobspec.Framework{Name: "job", User: "alice", Queue: "default", RetryCount: retries, Roles: roles}
	s := &story{t: t, now: time.UnixMilli(1_000_000), asks: map[int]int{}, started: map[string]yarn.ContainerID{}}
	s.job = New(spec, "application_1_0001", Settings{GangTimeout: 500 * time.Second, StopTimeout: 30 * time.Second, Jitter: func(n int64) int64 { return n - 1 }})
	s.job.Begin(s.now)
	s.obey()
	return s
}

func (s *story) obey() {
	o := s.job.TakeOrders()
	for r, n := range o.Asks {
		s.asks[r] = n
	}
	for _, l := range o.Launch {
		s.started[fmt.Sprintf("%s-%d", l.Role.Name, l.Index)] = l.Grant.ID
	}
	s.stops = append(s.stops, o.Stop...)
	s.releases = append(s.releases, o.Release...)
}

func container(n int64) yarn.ContainerID {
	return yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 1, ID: 1}, Attempt: 1}, ID: n}
}

// grant gives n containers of a role.
func (s *story) grant(role, n int) {
	for range n {
		s.next++
		s.asks[role]--
		s.job.Granted(s.now, Grant{ID: container(s.next), Priority: Priority(role)})
		s.obey()
	}
}

// gather grants all that is asked for and lets every agent arrive.
func (s *story) gather() {
	s.t.Helper()
	for r := range s.job.spec.Roles {
		s.grant(r, s.asks[r])
	}
	for _, id := range s.started {
		s.job.Started(s.now, id)
		if err := s.job.AtGate(s.now, id, rendezvous.Ready{Host: "h"}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.obey()
	if _, whole := s.job.Places(); !whole {
		s.t.Fatalf("the gang is not whole: %s", s.job.detail())
	}
}

// exit ends a task's command, and its container.
func (s *story) exit(task string, code int) {
	id := s.started[task]
	s.job.Reported(s.now, id, rendezvous.Exit{Code: code, Reason: fmt.Sprintf("code %d", code)})
	s.job.ContainerEnded(s.now, id, yarn.ExitStatus(code), "")
	s.obey()
}

// lose ends a task's container from outside.
func (s *story) lose(task string, st yarn.ExitStatus, diagnostics string) {
	s.job.ContainerEnded(s.now, s.started[task], st, diagnostics)
	s.obey()
}

// stopped lets the containers end that were told to.
func (s *story) stopped() {
	stops := s.stops
	s.stops = nil
	for _, id := range stops {
		s.job.ContainerEnded(s.now, id, yarn.ExitKilledByAppMaster, "")
	}
	s.obey()
}

func (s *story) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.job.Tick(s.now)
	s.obey()
}

func (s *story) is(want State) {
	s.t.Helper()
	if s.job.State() != want {
		s.t.Fatalf("the job is %s, want %s (%s)", s.job.State(), want, s.job.Status().Diagnostics)
	}
}

func (s *story) ended(want status.State, code int, diagnostics string) {
	s.t.Helper()
	s.is(Completed)
	st := s.job.Status()
	if st.State != want || *st.ExitCode != code || !strings.Contains(st.Diagnostics, diagnostics) {
		s.t.Fatalf("the job ended %s with %d, %q; want %s with %d, %q", st.State, *st.ExitCode, st.Diagnostics, want, code, diagnostics)
	}
}

func TestAGangStartsTogether(t *testing.T) {
	s := tell(t, 0, role("ps", 1, 1, 0), role("worker", 2, 1, 2))
	if s.asks[0] != 1 || s.asks[1] != 2 {
		t.Fatalf("asks %v", s.asks)
	}
	s.grant(1, 2)
	for _, task := range []string{"worker-0", "worker-1"} {
		if err := s.job.AtGate(s.now, s.started[task], rendezvous.Ready{Host: task}); err != nil {
			t.Fatal(err)
		}
	}
	s.is(Gathering)
	s.grant(0, 1)
	s.is(Gathering)
	if err := s.job.AtGate(s.now, s.started["ps-0"], rendezvous.Ready{Host: "ps-0"}); err != nil {
		t.Fatal(err)
	}
	s.is(Running)
	places, _ := s.job.Places()
	if len(places) != 3 || places[0].Host != "ps-0" || places[2].Host != "worker-1" || places[2].Index != 1 {
		t.Errorf("the roster is %+v", places)
	}
	if err := s.job.AtGate(s.now, s.started["ps-0"], rendezvous.Ready{}); err != nil {
		t.Errorf("an agent that asks again after a lost answer: %v", err)
	}
	s.exit("worker-1", 0)
	s.is(Running)
	if p := s.job.Progress(); p < 0.3 || p > 0.4 {
		t.Errorf("progress %v after one of three tasks", p)
	}
	s.exit("worker-0", 0)
	s.is(Ending)
	s.stopped()
	s.ended(status.Succeeded, 0, "2 tasks of worker succeeded")
	if st := s.job.Status(); st.Roles[0].Tasks[0].State != status.Stopped || st.Roles[1].Tasks[0].State != status.Succeeded {
		t.Errorf("tasks: %+v", st.Roles)
	}
}

// FrameworkLauncher's completion policy, case by case.
func TestCompletionPolicy(t *testing.T) {
	for _, tt := range []struct {
		name  string
		roles []jobspec.Role
		exits string // task=code, in order
		want  status.State
		code  int
	}{
		{"the first failure fails the job", []jobspec.Role{role("w", 3, 1, 0)}, "w-1=7", status.Failed, 7},
		{"failures below the bound do not", []jobspec.Role{role("w", 3, 2, 0)}, "w-0=7 w-1=0 w-2=0", status.Succeeded, 0},
		{"the second failure of two fails it", []jobspec.Role{role("w", 3, 2, 0)}, "w-0=7 w-2=8", status.Failed, 8},
		{"no bound: failures never fail it", []jobspec.Role{role("w", 2, 0, 0)}, "w-0=1 w-1=1", status.Succeeded, 0},
		{"enough successes end it", []jobspec.Role{role("w", 3, 1, 2)}, "w-0=0 w-1=0", status.Succeeded, 0},
		{"all must complete by default", []jobspec.Role{role("w", 2, 1, 0), role("p", 1, 1, 0)}, "w-0=0 w-1=0 p-0=0", status.Succeeded, 0},
		{"an arbitrator decides alone", []jobspec.Role{role("chief", 1, 1, 1), role("w", 2, 0, 0)}, "w-0=9 chief-0=0", status.Succeeded, 0},
		{"the first finisher wins", []jobspec.Role{role("w", 2, 1, 1)}, "w-1=0", status.Succeeded, 0},
		{"a failure and a success bound: what comes first", []jobspec.Role{role("w", 2, 1, 1)}, "w-1=4", status.Failed, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, 0, tt.roles...)
			s.gather()
			fields := strings.Fields(tt.exits)
			for i, e := range fields {
				var code int
				task, number, _ := strings.Cut(e, "=")
				fmt.Sscan(number, &code)
				s.is(Running)
				s.exit(task, code)
				if i < len(fields)-1 {
					s.is(Running)
				}
			}
			s.stopped()
			s.ended(tt.want, tt.code, "")
		})
	}
}

func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name    string
		retries int
		end     func(*story)
		again   bool
		count   status.Retries
	}{
		{"no retries: a failure is final", 0, func(s *story) { s.exit("w-0", 1) }, false, status.Retries{}},
		{"a failure costs a retry", 1, func(s *story) { s.exit("w-0", 1) }, true, status.Retries{User: 1}},
		{"success is never retried", 5, func(s *story) { s.exit("w-0", 0) }, false, status.Retries{}},
		{"-1 retries every failure", RetryFailed, func(s *story) { s.exit("w-0", 1) }, true, status.Retries{User: 1}},
		{"-1 leaves success alone", RetryFailed, func(s *story) { s.exit("w-0", 0) }, false, status.Retries{}},
		{"-2 retries success, too", RetryAlways, func(s *story) { s.exit("w-0", 0) }, true, status.Retries{User: 1}},
		{"a segmentation fault is not retried", 5, func(s *story) { s.exit("w-0", 139) }, false, status.Retries{}},
		{"exceeded memory is not retried", 5, func(s *story) { s.lose("w-0", yarn.ExitKilledExceededPMem, "too much") }, false, status.Retries{}},
		{"a lost node is the platform's affair", 0, func(s *story) { s.lose("w-0", yarn.ExitAborted, "Container released on a *lost* node") }, true, status.Retries{Platform: 1}},
		{"preemption is the platform's affair", 0, func(s *story) { s.lose("w-0", yarn.ExitPreempted, "") }, true, status.Retries{Platform: 1}},
		{"a killed container is the platform's affair", 0, func(s *story) { s.lose("w-0", yarn.ExitForceKilled, "") }, true, status.Retries{Platform: 1}},
		{"a killed command is the job's own", 0, func(s *story) { s.exit("w-0", 137) }, false, status.Retries{}},
		{"an image without the agent's needs is final", 5, func(s *story) { s.lose("w-0", 127, "bash: not found") }, false, status.Retries{}},
		{"an expired grant is want of room", 0, func(s *story) { s.lose("w-0", yarn.ExitAborted, "Container expired since it was unused") }, true, status.Retries{Resource: 1}},
		{"a taken port is tried elsewhere", 0, func(s *story) { s.exit("w-0", 253) }, true, status.Retries{Platform: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, tt.retries, role("w", 1, 1, 1))
			s.gather()
			tt.end(s)
			s.stopped()
			if !tt.again {
				s.is(Completed)
				return
			}
			s.is(BackingOff)
			if got := s.job.Status(); got.Retries != tt.count || got.State != status.Waiting {
				t.Errorf("%s, retries %+v", got.State, got.Retries)
			}
			s.pass(lastConflict)
			s.is(Gathering)
			if s.asks[0] != 1 || s.job.Status().Attempt != 2 {
				t.Errorf("asks %v, attempt %d", s.asks, s.job.Status().Attempt)
			}
			s.gather()
			s.is(Running)
		})
	}
}

func TestTheLastRetryIsTheLast(t *testing.T) {
	s := tell(t, 2, role("w", 1, 1, 0))
	for range 2 {
		s.gather()
		s.exit("w-0", 1)
		s.is(BackingOff)
		s.pass(lastPause)
	}
	s.gather()
	s.exit("w-0", 5)
	s.ended(status.Failed, 5, "task w-0 failed with exit code 5")
}

func TestAGangThatIsNotWholeInTimeGivesItsContainersBack(t *testing.T) {
	s := tell(t, 0, role("w", 3, 1, 0))
	s.pass(time.Hour) // it holds nothing: it is in nobody's way
	s.is(Gathering)
	s.grant(0, 2)
	s.pass(499 * time.Second)
	s.is(Gathering)
	s.pass(126 * time.Second) // the time-out and its random quarter
	s.is(Ending)
	if s.asks[0] != 0 || len(s.stops) != 2 {
		t.Fatalf("asks %v, stops %v", s.asks, s.stops)
	}
	s.stopped()
	s.is(BackingOff)
	if r := s.job.Status().Retries; r.Resource != 1 {
		t.Errorf("retries %+v", r)
	}
	s.pass(firstPause + firstConflict)
	s.is(Gathering)
	if s.asks[0] != 3 {
		t.Errorf("asks %v", s.asks)
	}
}

func TestSurplusContainersGoBack(t *testing.T) {
	s := tell(t, 0, role("w", 1, 1, 0))
	s.grant(0, 3)
	if len(s.releases) != 2 {
		t.Errorf("released %v", s.releases)
	}
	s.job.Granted(s.now, Grant{ID: container(99), Priority: 42})
	s.obey()
	if len(s.releases) != 3 {
		t.Errorf("a grant of an unknown priority: released %v", s.releases)
	}
}

func TestAContainerThatDoesNotStart(t *testing.T) {
	s := tell(t, 3, role("w", 2, 1, 0))
	s.grant(0, 2)
	s.job.StartFailed(s.now, s.started["w-0"], "docker is not allowed on this node", false)
	s.obey()
	s.stopped()
	s.ended(status.Failed, CodeStartFailed, "docker is not allowed")
	if len(s.releases) != 1 {
		t.Errorf("released %v", s.releases)
	}
	s = tell(t, 0, role("w", 1, 1, 0))
	s.grant(0, 1)
	s.job.StartFailed(s.now, s.started["w-0"], "no route to host", true)
	s.obey()
	s.is(BackingOff)
}

func TestANodeThatDoesNotAnswerDoesNotHoldTheJob(t *testing.T) {
	s := tell(t, 0, role("w", 2, 1, 0))
	s.gather()
	s.exit("w-0", 1)
	s.is(Ending)
	s.pass(29 * time.Second)
	s.is(Ending)
	s.pass(2 * time.Second)
	s.ended(status.Failed, 1, "")
	if len(s.releases) != 1 || s.releases[0] != s.started["w-1"] {
		t.Errorf("released %v", s.releases)
	}
	s.lose("w-1", yarn.ExitAborted, "late") // must not disturb
	s.is(Completed)
}

func TestATaskThatEndedByItselfIsNotCalledStopped(t *testing.T) {
	s := tell(t, 0, role("w", 2, 1, 0))
	s.gather()
	s.job.Reported(s.now, s.started["w-1"], rendezvous.Exit{Code: 4, Reason: "code 4"})
	s.exit("w-0", 3)
	s.is(Ending)
	s.lose("w-1", 4, "")
	s.ended(status.Failed, 3, "w-0")
	if task := s.job.Status().Roles[0].Tasks[1]; task.State != status.Failed || *task.ExitCode != 4 || task.Reason != "code 4" {
		t.Errorf("w-1: %+v", task)
	}
}

func TestATaskThatEndsBeforeTheBarrierFailsTheAttempt(t *testing.T) {
	s := tell(t, 0, role("w", 2, 0, 0)) // even where failures would not count
	s.grant(0, 2)
	s.exit("w-0", 252)
	s.stopped()
	s.ended(status.Failed, 252, "w-0")
}

func TestKillEndsAJobInEveryState(t *testing.T) {
	for name, until := range map[string]func(*story){
		"gathering":   func(*story) {},
		"running":     func(s *story) { s.gather() },
		"ending":      func(s *story) { s.gather(); s.exit("w-0", 1) },
		"backing off": func(s *story) { s.gather(); s.lose("w-0", yarn.ExitPreempted, ""); s.stopped() },
	} {
		s := tell(t, 0, role("w", 2, 1, 0))
		until(s)
		s.job.Kill(s.now)
		if st := s.job.Status(); st.State != status.Stopped || s.job.State() != Completed || s.job.Verdict() != nil && name == "gathering" {
			t.Errorf("%s: %s, %s", name, st.State, s.job.State())
		}
	}
}
