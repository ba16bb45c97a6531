package core

import (
	"fmt"
	"slices"

	"heddle/resourcemanager/scheduler"
	"heddle/statemachine"
	"heddle/yarn"
)

// appState is an application's inner state.
type appState int

const (
	appNew appState = iota
	appNewSaving
	appAccepted
	appRunning
	appFinalSaving
	appFinishing
	appFinished
	appFailed
	appKilling
	appKilled
)

func (s appState) String() string {
	return [...]string{"NEW", "NEW_SAVING", "ACCEPTED", "RUNNING", "FINAL_SAVING", "FINISHING", "FINISHED", "FAILED", "KILLING", "KILLED"}[s]
}

type appEvent int

const (
	appSubmit appEvent = iota
	appSaved
	appRefused // could not be stored, or the scheduler does not take it
	appAttemptRegistered
	appAttemptUnregistered
	appAttemptFinished
	appAttemptFailed
	appAttemptKilled
	appKill
	appFinalSaved
)

func (e appEvent) String() string {
	return [...]string{"submit", "saved", "refused", "attempt registered", "attempt unregistered", "attempt finished",
		"attempt failed", "attempt killed", "kill", "final state saved"}[e]
}

// application is one application and its attempts.
type application struct {
	core       *Core
	sub        Submission
	queue      string // the leaf's path
	state      appState
	shown      yarn.AppState // what clients see while the final state is being saved
	target     appState      // after the final state is saved
	start      int64
	launch     int64
	finish     int64
	diag       string
	status     yarn.FinalStatus
	attempts   []*attempt
	current    *attempt
	failures   []int64 // times of the failures that count
	nodes      map[yarn.NodeID]struct{}
	containers map[yarn.ContainerID]*container // that it holds
	waiters    []chan error                    // for the submission to be durable
	enders     []chan error                    // for the final state to be durable
	strays     []Exit                          // that the next attempt's AM must hear of
	told       map[yarn.ContainerID]struct{}   // exits of containers of before a restart that an AM was told
	badNodes   []string                        // hosts on which an AM failed

	usage     usage
	inSched   bool
	logStates map[yarn.NodeID]LogState
	cleaned   bool
	lastEnded uint64 // 1 + the number of its last container in the history; 0: none
}

// usage integrates what an application holds over time.
type usage struct {
	held      yarn.Resource
	running   int
	at        int64 // ms
	mbMillis  int64
	coreMilli int64
	allocated int // containers granted so far
}

func (u *usage) change(now int64, delta yarn.Resource, containers int) {
	dt := now - u.at
	u.mbMillis += u.held[yarn.Memory] * dt
	u.coreMilli += u.held[yarn.VCores] * dt
	u.at, u.held, u.running = now, u.held.Add(delta), u.running+containers
}

// appStep is what an action of the application's table works on.
type appStep struct {
	*application
	attempt *attempt
	text    string
	err     error
}

// appMachine is the life of an application. While the final state is being saved the
// state before it is shown; late events of a dead attempt change nothing.
var appMachine *statemachine.Machine[appState, appEvent, *appStep]

// Actions raise events of other machines, so the table cannot be an initializer.
func init() {
	appMachine = statemachine.Compile(statemachine.Table[appState, appEvent, *appStep]{
		{From: appNew, On: appSubmit, To: []appState{appNewSaving}, Action: (*appStep).save},
		{From: appNewSaving, On: appSaved, To: []appState{appAccepted, appFinalSaving}, Action: (*appStep).accept},
		{From: appNewSaving, On: appRefused, To: []appState{appFailed}, Action: (*appStep).refuse},
		{From: appNewSaving, On: appKill, To: []appState{appFinalSaving}, Action: (*appStep).killUnstarted},
		{From: appAccepted, On: appAttemptRegistered, To: []appState{appRunning}, Action: (*appStep).registered},
		{From: appAccepted, On: appAttemptFailed, To: []appState{appAccepted, appFinalSaving}, Action: (*appStep).retry},
		{From: appAccepted, On: appKill, To: []appState{appKilling, appFinalSaving}, Action: (*appStep).kill},
		{From: appRunning, On: appAttemptUnregistered, To: []appState{appFinalSaving}, Action: (*appStep).unregistered},
		{From: appRunning, On: appAttemptFailed, To: []appState{appAccepted, appFinalSaving}, Action: (*appStep).retry},
		{From: appRunning, On: appKill, To: []appState{appKilling, appFinalSaving}, Action: (*appStep).kill},
		{From: appFinalSaving, On: appFinalSaved, To: []appState{appFinishing, appFinished, appFailed, appKilled}, Action: (*appStep).finalSaved},
		{From: appFinalSaving, On: appAttemptFinished, To: []appState{appFinalSaving}, Action: (*appStep).amGone},
		{From: appFinalSaving, On: appSaved, To: []appState{appFinalSaving}},
		{From: appFinalSaving, On: appKill, To: []appState{appFinalSaving}},
		{From: appFinalSaving, On: appAttemptKilled, To: []appState{appFinalSaving}},
		{From: appFinishing, On: appAttemptFinished, To: []appState{appFinished}, Action: (*appStep).end},
		{From: appFinishing, On: appKill, To: []appState{appFinishing}, Action: (*appStep).killFinishing},
		{From: appKilling, On: appAttemptKilled, To: []appState{appFinalSaving}, Action: (*appStep).killed},
		{From: appKilling, On: appKill, To: []appState{appKilling}},
		{From: appFinished, On: appKill, To: []appState{appFinished}},
		{From: appFailed, On: appKill, To: []appState{appFailed}},
		{From: appFailed, On: appSaved, To: []appState{appFailed}},
		{From: appKilled, On: appKill, To: []appState{appKilled}},
		{From: appKilled, On: appSaved, To: []appState{appKilled}},
	})
}

func (c *Core) fireApp(a *application, e appEvent, step appStep) {
	c.fire(func() {
		step.application = a
		next, err := appMachine.Fire(a.state, e, &step)
		if err != nil {
			c.log.Warn("application event ignored", "application", a.sub.ID, "error", err)
			return
		}
		a.state = next
		c.touchApp(a)
	})
}

// reported is the state that clients see (flows.md: the state before, while saving or killing).
func (a *application) reported() yarn.AppState {
	switch a.state {
	case appNew:
		return yarn.AppNew
	case appNewSaving:
		return yarn.AppNewSaving
	case appAccepted:
		return yarn.AppAccepted
	case appRunning:
		return yarn.AppRunning
	case appFinalSaving, appKilling:
		return a.shown
	case appFinishing, appFinished:
		return yarn.AppFinished
	case appFailed:
		return yarn.AppFailed
	default:
		return yarn.AppKilled
	}
}

func (s *appStep) save() appState {
	c := s.core
	c.recorder.SaveApp(s.record(), func(err error) {
		c.post(func() {
			if err != nil {
				c.fireApp(s.application, appRefused, appStep{err: fmt.Errorf("the application could not be stored: %w", err)})
				return
			}
			c.fireApp(s.application, appSaved, appStep{})
			s.answer(nil)
		})
	})
	return appNewSaving
}

func (s *appStep) accept() appState {
	am := s.core.sched.Minimum()
	if len(s.sub.AM) > 0 {
		am = s.sub.AM[0].Capability
	}
	err := s.core.sched.AddApp(scheduler.AppSpec{ID: s.sub.ID, Queue: s.queue, User: s.sub.User, Priority: s.sub.Priority, AM: am})
	if err != nil {
		s.diag, s.status = err.Error(), yarn.FinalFailed
		return s.finalize(appFailed, yarn.AppNewSaving)
	}
	s.inSched = true
	s.newAttempt()
	return appAccepted
}

func (s *appStep) refuse() appState {
	s.diag, s.status, s.finish = s.err.Error(), yarn.FinalFailed, s.core.now()
	s.answer(s.err)
	s.core.complete(s.application)
	return appFailed
}

func (s *appStep) registered() appState {
	s.launched()
	return appRunning
}

// launched notes when the first AM ran.
func (a *application) launched() {
	if a.launch == 0 {
		a.launch = a.core.now()
	}
}

// retry starts another attempt unless the failures that count have reached the limit.
func (s *appStep) retry() appState {
	c := s.core
	if s.attempt.counts() {
		s.failures = append(s.failures, c.now())
	}
	if v := s.sub.FailureValidity; v > 0 {
		since := c.now() - v
		s.failures = slices.DeleteFunc(s.failures, func(t int64) bool { return t < since })
	}
	limit := s.maxAttempts()
	if len(s.failures) < limit && !s.sub.Unmanaged {
		if am := s.attempt.am; c.cfg.BlacklistAMNodes && am != nil && s.attempt.blame() && !slices.Contains(s.badNodes, am.Node.Host) {
			s.badNodes = append(s.badNodes, am.Node.Host)
		}
		s.newAttempt()
		return appAccepted
	}
	var rules string
	if v := s.sub.FailureValidity; v > 0 {
		rules = fmt.Sprintf(" in previous %d milliseconds", v)
	}
	if limit != c.cfg.MaxAttempts {
		rules += fmt.Sprintf(" (global limit =%d; local limit is =%d)", c.cfg.MaxAttempts, limit)
	}
	s.diag = fmt.Sprintf("Application %s failed %d times%s due to %s. Failing the application.", s.sub.ID, max(1, len(s.failures)), rules, s.text)
	if s.sub.Unmanaged {
		s.diag = "Unmanaged application " + s.sub.ID.String() + " failed due to " + s.text + ". Failing the application."
	}
	s.status = yarn.FinalFailed
	return s.finalize(appFailed, s.shownNow())
}

// shownNow is the state shown while the final one is saved.
func (s *appStep) shownNow() yarn.AppState { return s.reported() }

func (a *application) maxAttempts() int {
	if n := a.sub.MaxAttempts; n > 0 {
		return min(n, a.core.cfg.MaxAttempts)
	}
	return a.core.cfg.MaxAttempts
}

func (s *appStep) unregistered() appState {
	s.diag, s.status = s.attempt.diag, s.attempt.status
	target := appFinishing
	if s.sub.Unmanaged {
		target = appFinished
	}
	return s.finalize(target, yarn.AppRunning)
}

func (s *appStep) killUnstarted() appState {
	s.diag, s.status = s.text, yarn.FinalKilled
	return s.finalize(appKilled, yarn.AppNewSaving)
}

// kill ends the attempt first; its end brings the application's.
func (s *appStep) kill() appState {
	s.shown = s.reported()
	s.diag = s.text
	if s.current == nil {
		s.status = yarn.FinalKilled
		return s.finalize(appKilled, s.shown)
	}
	s.core.fireAttempt(s.current, attemptKill, attemptNews{text: s.diag})
	return appKilling
}

func (s *appStep) killed() appState {
	s.status = yarn.FinalKilled
	return s.finalize(appKilled, s.shown)
}

// killFinishing does not wait for an AM that has unregistered but still runs.
func (s *appStep) killFinishing() appState {
	s.core.fireAttempt(s.current, attemptKill, attemptNews{text: s.text})
	return appFinishing
}

func (s *appStep) amGone() appState {
	if s.target == appFinishing {
		s.target = appFinished
	}
	return appFinalSaving
}

// finalize saves the final state; until it is durable clients see shown.
func (a *application) finalize(target appState, shown yarn.AppState) appState {
	a.target, a.shown = target, shown
	a.finish = a.core.now()
	if n := a.core.cfg.DiagnosticsLength; n > 0 && len(a.diag) > n {
		a.diag = a.diag[len(a.diag)-n:]
	}
	r := a.record()
	r.Final, r.State = true, map[appState]yarn.AppState{appFinishing: yarn.AppFinished, appFinished: yarn.AppFinished,
		appFailed: yarn.AppFailed, appKilled: yarn.AppKilled}[target]
	c := a.core
	c.recorder.SaveApp(r, func(err error) {
		c.post(func() {
			if err != nil {
				c.log.Error("the final state of an application could not be stored", "application", a.sub.ID, "error", err)
			}
			c.fireApp(a, appFinalSaved, appStep{err: err})
		})
	})
	return appFinalSaving
}

func (s *appStep) finalSaved() appState {
	for _, w := range s.enders {
		w <- s.err
	}
	s.enders = nil
	s.answer(nil)
	if s.target == appFinishing {
		s.core.releaseContainers(s.application, false)
		return appFinishing
	}
	s.end()
	return s.target
}

// end gives back everything that the application still holds.
func (s *appStep) end() appState {
	s.core.releaseContainers(s.application, true)
	s.core.complete(s.application)
	return appFinished
}

// answer lets those go on who wait for the submission to be durable.
func (a *application) answer(err error) {
	for _, w := range a.waiters {
		w <- err
	}
	a.waiters = nil
}

func (a *application) newAttempt() {
	n := int32(1)
	if len(a.attempts) > 0 {
		n = a.attempts[len(a.attempts)-1].id.Attempt + 1
	}
	t := &attempt{core: a.core, app: a, id: yarn.AttemptID{Application: a.sub.ID, Attempt: n}, start: a.core.now(),
		exit: yarn.ExitInvalid, status: yarn.FinalUndefined, rpcPort: -1, host: "N/A"}
	a.attempts = append(a.attempts, t)
	a.current = t
	a.core.startAttempt(t)
}

func (a *application) record() AppRecord {
	return AppRecord{Submission: a.sub, Start: a.start, Launch: a.launch, Finish: a.finish, Diagnostics: a.diag}
}
