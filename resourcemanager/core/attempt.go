package core

import (
	"fmt"
	"math"

	"heddle/resourcemanager/scheduler"
	"heddle/statemachine"
	"heddle/yarn"
)

// attemptState is an attempt's inner state.
type attemptState int

const (
	attemptScheduled attemptState = iota // waits for its AM's container
	attemptAllocatedSaving
	attemptAllocated // the AM is being started
	attemptUnmanagedSaving
	attemptLaunched // waits for the AM to register
	attemptRunning
	attemptFinishing // unregistered, the AM's container still runs
	attemptFinished
	attemptFailed
	attemptKilled
)

func (s attemptState) String() string {
	return [...]string{"SCHEDULED", "ALLOCATED_SAVING", "ALLOCATED", "LAUNCHED_UNMANAGED_SAVING", "LAUNCHED", "RUNNING",
		"FINISHING", "FINISHED", "FAILED", "KILLED"}[s]
}

var attemptStates = map[attemptState]yarn.AttemptState{
	attemptScheduled: yarn.AttemptScheduled, attemptAllocatedSaving: yarn.AttemptAllocatedSaving, attemptAllocated: yarn.AttemptAllocated,
	attemptUnmanagedSaving: yarn.AttemptSubmitted, attemptLaunched: yarn.AttemptLaunched, attemptRunning: yarn.AttemptRunning,
	attemptFinishing: yarn.AttemptFinishing, attemptFinished: yarn.AttemptFinished, attemptFailed: yarn.AttemptFailed, attemptKilled: yarn.AttemptKilled,
}

type attemptEvent int

const (
	attemptGranted attemptEvent = iota // the AM's container
	attemptSaved
	attemptLaunchDone
	attemptLaunchFailed
	attemptRegister
	attemptUnregister
	attemptContainerDone
	attemptExpired
	attemptKill
	attemptFail // on request of a client
)

func (e attemptEvent) String() string {
	return [...]string{"AM container granted", "saved", "launched", "launch failed", "registered", "unregistered",
		"AM container finished", "expired", "kill", "fail"}[e]
}

// attempt is one try to run an application's AM.
type attempt struct {
	core    *Core
	app     *application
	id      yarn.AttemptID
	state   attemptState
	session *AMSession
	am      *Grant
	start   int64
	finish  int64
	// When the node had taken the AM's start, and when the AM registered; ms, 0 for what is not known (of before a restart).
	launchedAt, registeredAt int64

	host     string
	rpcPort  int32
	tracking string
	status   yarn.FinalStatus
	exit     yarn.ExitStatus
	diag     string
	free     bool // its failure is not the application's fault
}

// attemptNews is what an attempt's event brings.
type attemptNews struct {
	grant    *Grant
	exit     Exit
	text     string
	host     string
	rpcPort  int32
	tracking string
	status   yarn.FinalStatus
	err      error
}

type attemptStep struct {
	*attempt
	news attemptNews
}

// attemptMachine is the life of an attempt.
var attemptMachine *statemachine.Machine[attemptState, attemptEvent, *attemptStep]

// Actions raise events of other machines, so the table cannot be an initializer.
func init() {
	attemptMachine = statemachine.Compile(statemachine.Table[attemptState, attemptEvent, *attemptStep]{
		{From: attemptScheduled, On: attemptGranted, To: []attemptState{attemptAllocatedSaving}, Action: (*attemptStep).allocated},
		{From: attemptScheduled, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptScheduled, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptAllocatedSaving, On: attemptSaved, To: []attemptState{attemptAllocated, attemptFailed}, Action: (*attemptStep).launch},
		{From: attemptAllocatedSaving, On: attemptContainerDone, To: []attemptState{attemptFailed}, Action: (*attemptStep).amDied},
		{From: attemptAllocatedSaving, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptAllocatedSaving, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptAllocated, On: attemptLaunchDone, To: []attemptState{attemptLaunched}, Action: (*attemptStep).launched},
		{From: attemptAllocated, On: attemptLaunchFailed, To: []attemptState{attemptFailed}, Action: (*attemptStep).launchFailed},
		{From: attemptAllocated, On: attemptRegister, To: []attemptState{attemptRunning}, Action: (*attemptStep).register},
		{From: attemptAllocated, On: attemptContainerDone, To: []attemptState{attemptFailed}, Action: (*attemptStep).amDied},
		{From: attemptAllocated, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptAllocated, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptUnmanagedSaving, On: attemptSaved, To: []attemptState{attemptLaunched, attemptFailed}, Action: (*attemptStep).open},
		{From: attemptUnmanagedSaving, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptUnmanagedSaving, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptLaunched, On: attemptRegister, To: []attemptState{attemptRunning}, Action: (*attemptStep).register},
		{From: attemptLaunched, On: attemptContainerDone, To: []attemptState{attemptFailed}, Action: (*attemptStep).amDied},
		{From: attemptLaunched, On: attemptExpired, To: []attemptState{attemptFailed}, Action: (*attemptStep).expired},
		{From: attemptLaunched, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptLaunched, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptRunning, On: attemptLaunchDone, To: []attemptState{attemptRunning}},
		{From: attemptRunning, On: attemptRegister, To: []attemptState{attemptRunning}, Action: (*attemptStep).register},
		{From: attemptRunning, On: attemptUnregister, To: []attemptState{attemptFinishing, attemptFinished}, Action: (*attemptStep).unregister},
		{From: attemptRunning, On: attemptContainerDone, To: []attemptState{attemptFailed}, Action: (*attemptStep).amDied},
		{From: attemptRunning, On: attemptExpired, To: []attemptState{attemptFailed}, Action: (*attemptStep).expired},
		{From: attemptRunning, On: attemptKill, To: []attemptState{attemptKilled}, Action: (*attemptStep).kill},
		{From: attemptRunning, On: attemptFail, To: []attemptState{attemptFailed}, Action: (*attemptStep).failAsked},
		{From: attemptFinishing, On: attemptContainerDone, To: []attemptState{attemptFinished}, Action: (*attemptStep).amEnded},
		{From: attemptFinishing, On: attemptExpired, To: []attemptState{attemptFinished}, Action: (*attemptStep).amEnded},
		{From: attemptFinishing, On: attemptKill, To: []attemptState{attemptFinished}, Action: (*attemptStep).amEnded},
		{From: attemptFinishing, On: attemptLaunchDone, To: []attemptState{attemptFinishing}}, // a short AM was faster than the answer
		{From: attemptFinished, On: attemptLaunchDone, To: []attemptState{attemptFinished}},
		{From: attemptFinished, On: attemptContainerDone, To: []attemptState{attemptFinished}},
		{From: attemptFinished, On: attemptKill, To: []attemptState{attemptFinished}},
		{From: attemptFailed, On: attemptContainerDone, To: []attemptState{attemptFailed}},
		{From: attemptFailed, On: attemptSaved, To: []attemptState{attemptFailed}},
		{From: attemptFailed, On: attemptLaunchDone, To: []attemptState{attemptFailed}, Action: (*attemptStep).tooLate},
		{From: attemptFailed, On: attemptLaunchFailed, To: []attemptState{attemptFailed}},
		{From: attemptKilled, On: attemptContainerDone, To: []attemptState{attemptKilled}},
		{From: attemptKilled, On: attemptSaved, To: []attemptState{attemptKilled}},
		{From: attemptKilled, On: attemptLaunchDone, To: []attemptState{attemptKilled}, Action: (*attemptStep).tooLate},
		{From: attemptKilled, On: attemptLaunchFailed, To: []attemptState{attemptKilled}},
		{From: attemptKilled, On: attemptKill, To: []attemptState{attemptKilled}},
	})
}

func (c *Core) fireAttempt(t *attempt, e attemptEvent, news attemptNews) {
	c.fire(func() {
		step := attemptStep{t, news}
		next, err := attemptMachine.Fire(t.state, e, &step)
		if err != nil {
			c.log.Warn("attempt event ignored", "attempt", t.id, "error", err)
			return
		}
		t.state = next
		c.touchApp(t.app)
	})
}

// awaited reports whether the AM is expected to call.
func (t *attempt) awaited() bool {
	return t.state == attemptLaunched || t.state == attemptRunning || t.state == attemptFinishing
}

// over reports whether the attempt has ended.
func (t *attempt) over() bool { return t.state >= attemptFinished }

// startAttempt asks for the AM's container, or opens the door for an unmanaged AM.
func (c *Core) startAttempt(t *attempt) {
	a := t.app
	if a.sub.Unmanaged {
		t.state = attemptUnmanagedSaving
	}
	requests := make([]scheduler.Request, len(a.sub.AM))
	copy(requests, a.sub.AM)
	if err := c.sched.StartAttempt(t.id, !a.sub.Unmanaged, 0, requests, c.avoided(a), c.uptime()); err != nil {
		c.log.Error("the scheduler refused an attempt", "attempt", t.id, "error", err)
		return
	}
	if a.sub.Unmanaged {
		c.saveAttempt(t)
	}
	c.touchApp(a)
}

// avoided are the hosts that the application's next AM should not go to: none where they
// are too large a part of the cluster, since then the nodes are hardly the cause.
func (c *Core) avoided(a *application) []string {
	if int64(len(a.badNodes))*scheduler.Million >= c.cfg.BlacklistAtMost*int64(c.counts.NodesRunning) {
		return nil
	}
	return a.badNodes
}

func (c *Core) saveAttempt(t *attempt) {
	c.recorder.SaveAttempt(t.record(false), func(err error) {
		c.post(func() { c.fireAttempt(t, attemptSaved, attemptNews{err: err}) })
	})
}

func (s *attemptStep) allocated() attemptState {
	s.am = s.news.grant
	s.core.saveAttempt(s.attempt)
	return attemptAllocatedSaving
}

// unsaved ends an attempt that a restart would not know: its AM would be an orphan.
func (s *attemptStep) unsaved() attemptState {
	s.core.log.Error("an attempt could not be stored", "attempt", s.id, "error", s.news.err)
	return s.fail(fmt.Sprintf("Attempt %s could not be stored: %v", s.id, s.news.err))
}

func (s *attemptStep) launch() attemptState {
	if s.news.err != nil {
		return s.unsaved()
	}
	t, c := s.attempt, s.core
	t.session = c.openAMSession(t)
	c.launcher.Launch(Launch{Grant: *t.am, Attempt: t.id, User: t.app.sub.User, App: t.app.sub.ID, Context: t.app.sub.Context, Submit: t.app.sub.SubmitTime},
		func(err error) {
			c.post(func() {
				if err != nil {
					c.fireAttempt(t, attemptLaunchFailed, attemptNews{err: err})
					return
				}
				c.fireAttempt(t, attemptLaunchDone, attemptNews{})
			})
		})
	return attemptAllocated
}

// open lets an unmanaged AM in.
func (s *attemptStep) open() attemptState {
	if s.news.err != nil {
		return s.unsaved()
	}
	return s.launched()
}

func (s *attemptStep) launched() attemptState {
	if s.session == nil {
		s.session = s.core.openAMSession(s.attempt)
	}
	now := s.core.clock()
	s.launchedAt = now.UnixMilli()
	s.app.launched()
	s.session.Seen(now)
	return attemptLaunched
}

// tooLate stops an AM that was started although its attempt had ended meanwhile.
func (s *attemptStep) tooLate() attemptState {
	if s.am != nil {
		s.core.orderClean(s.am.Node, s.am.ID)
	}
	return s.state
}

func (s *attemptStep) register() attemptState {
	s.host, s.rpcPort, s.tracking = s.news.host, s.news.rpcPort, s.news.tracking
	if s.launchedAt > 0 { // else it registers again, after a restart
		s.registeredAt = s.core.now()
	}
	if s.app.state == appAccepted {
		s.core.fireApp(s.app, appAttemptRegistered, appStep{attempt: s.attempt})
	}
	return attemptRunning
}

func (s *attemptStep) unregister() attemptState {
	s.status, s.diag, s.tracking = s.news.status, s.news.text, s.news.tracking
	s.finish = s.core.now()
	state := attemptFinishing
	if s.app.sub.Unmanaged {
		state = attemptFinished
	}
	s.core.recorder.SaveAttempt(s.recordAs(yarn.AttemptFinished), s.core.reportFailure("attempt", s.id))
	s.core.fireApp(s.app, appAttemptUnregistered, appStep{attempt: s.attempt})
	return state
}

func (s *attemptStep) amEnded() attemptState {
	s.exit = s.news.exit.Status
	s.core.closeAMSession(s.attempt)
	s.core.fireApp(s.app, appAttemptFinished, appStep{attempt: s.attempt})
	return attemptFinished
}

// amDied is the end of the AM's container before the AM unregistered.
func (s *attemptStep) amDied() attemptState {
	e := s.news.exit
	s.exit = e.Status
	switch e.Status {
	case yarn.ExitPreempted, yarn.ExitAborted, yarn.ExitDisksFailed, yarn.ExitKilledByResourceManager:
		s.free = true
	}
	text := fmt.Sprintf("AM Container for %s exited with  exitCode: %d\nFailing this attempt.Diagnostics: %s", s.id, e.Status, e.Diagnostics)
	if url := s.core.cfg.TrackingURL; url != nil {
		text += "For more detailed output, check the application tracking page: " + url(s.id.Application) + " Then click on links to logs of each attempt.\n"
	}
	return s.fail(text)
}

func (s *attemptStep) launchFailed() attemptState {
	return s.fail(fmt.Sprintf("Error launching %s. Got exception: %v", s.id, s.news.err))
}

func (s *attemptStep) expired() attemptState {
	s.done()
	return s.fail(fmt.Sprintf("ApplicationMaster for attempt %s timed out", s.id))
}

func (s *attemptStep) failAsked() attemptState { return s.fail(s.news.text) }

// done ends the progress of an AM that is killed or has expired (Hadoop's FinalTransition).
func (s *attemptStep) done() {
	if s.session != nil && (s.state == attemptLaunched || s.state == attemptRunning) {
		s.session.progress.Store(math.Float32bits(1))
	}
}

// fail ends the attempt; its containers are stopped unless the application keeps them.
func (s *attemptStep) fail(text string) attemptState {
	s.status = yarn.FinalFailed
	s.conclude(text, yarn.AttemptFailed)
	keep := s.app.sub.KeepContainers && !s.app.sub.Unmanaged
	s.core.endAttempt(s.attempt, keep)
	s.core.fireApp(s.app, appAttemptFailed, appStep{attempt: s.attempt, text: text})
	return attemptFailed
}

func (s *attemptStep) kill() attemptState {
	s.done()
	s.status = yarn.FinalKilled
	s.conclude(s.news.text, yarn.AttemptKilled)
	s.core.endAttempt(s.attempt, false)
	s.core.fireApp(s.app, appAttemptKilled, appStep{attempt: s.attempt})
	return attemptKilled
}

// conclude ends an attempt whose AM did not say good-bye: what led to it leads nowhere any more.
func (s *attemptStep) conclude(text string, as yarn.AttemptState) {
	s.diag, s.finish = text, s.core.now()
	s.host, s.rpcPort, s.tracking = "N/A", -1, ""
	if url := s.core.cfg.TrackingURL; url != nil {
		s.tracking = url(s.id.Application)
	}
	s.core.closeAMSession(s.attempt)
	s.core.recorder.SaveAttempt(s.recordAs(as), s.core.reportFailure("attempt", s.id))
}

// counts reports whether a failure counts against the application's attempts.
func (t *attempt) counts() bool { return !t.free }

// blame reports whether the AM's node may be at fault, so that the next AM avoids it.
// Ends that were ordered, or that the node already answers for, do not count.
func (t *attempt) blame() bool {
	switch t.exit {
	case yarn.ExitSuccess, yarn.ExitPreempted, yarn.ExitAborted, yarn.ExitDisksFailed, yarn.ExitKilledByResourceManager,
		yarn.ExitKilledByAppMaster, yarn.ExitKilledAfterAppCompletion, yarn.ExitKilledExceededVMem, yarn.ExitKilledExceededPMem:
		return false
	}
	return true
}

func (t *attempt) record(final bool) AttemptRecord {
	now := &t.app.usage
	return AttemptRecord{ID: t.id, AM: t.am, Start: t.start, Finish: t.finish, Final: final, FinalStatus: t.status, ExitStatus: t.exit,
		TrackingURL: t.tracking, Diagnostics: t.diag, MemorySeconds: now.mbMillis / 1000, VCoreSeconds: now.coreMilli / 1000}
}

func (t *attempt) recordAs(state yarn.AttemptState) AttemptRecord {
	r := t.record(true)
	r.State = state
	return r
}

// endAttempt takes the attempt's asks back and, unless kept, stops its containers.
func (c *Core) endAttempt(t *attempt, keep bool) {
	for _, held := range c.sched.EndAttempt(t.id) {
		k := c.containers[held.ID]
		if k == nil || keep && !held.AM && k.state == containerRunning {
			continue
		}
		c.cleanContainer(k)
		c.endContainer(k, containerKill, yarn.ExitKilledAfterAppCompletion, "Container killed as its application attempt has ended.")
	}
}

// reportFailure logs a record that could not be stored and on which nobody waits.
func (c *Core) reportFailure(what string, id fmt.Stringer) func(error) {
	return func(err error) {
		if err != nil {
			c.log.Error("a record could not be stored", "what", what, "id", id, "error", err)
		}
	}
}
