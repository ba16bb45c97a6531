package core

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heddle/yarn"
)

// A submission is answered once it is on disk; until then it reads NEW_SAVING and nothing starts.
func TestSubmissionIsDurableBeforeItIsAnswered(t *testing.T) {
	within(t, nil, func(w *world) {
		w.node("n1", 8)
		w.disk.holding(true)
		s := w.submission(nil)
		answer := w.submit(s)
		w.open(answer, "the submission")
		again := w.submit(s)
		w.open(again, "the repeated submission")
		if v := w.app(s.ID); v.State != yarn.AppNewSaving || len(v.Attempts) != 0 {
			t.Errorf("before it is saved the application is %s with %d attempts", v.State, len(v.Attempts))
		}
		w.disk.flush()
		w.must(<-answer)
		w.must(<-again)
		w.settle()
		if w.launch.count() != 1 {
			t.Errorf("%d AMs were started, want 1", w.launch.count())
		}
	})
}

func TestCrashBeforeTheSubmissionIsSaved(t *testing.T) {
	within(t, nil, func(w *world) {
		w.disk.holding(true)
		s := w.submission(nil)
		answer := w.submit(s)
		w.open(answer, "the submission")
		w.crash()
		if err := <-answer; err == nil {
			t.Error("the submission was accepted although nothing was saved")
		}
		if _, ok := w.core.View().Apps.Get(s.ID); ok {
			t.Error("an application that was never saved is there")
		}
	})
}

func TestCrashAfterTheSubmissionWasAccepted(t *testing.T) {
	within(t, nil, func(w *world) {
		s := w.submission(nil)
		w.must(<-w.submit(s))
		w.crash()
		w.state(s.ID, "ACCEPTED")
		w.node("n1", 8)
		w.settle()
		if w.launch.count() != 1 {
			t.Errorf("%d AMs were started after the restart, want 1", w.launch.count())
		}
	})
}

// Until an attempt is on disk its AM is not started and has no session, so no AMRM token is good.
func TestAttemptIsDurableBeforeItsAMStarts(t *testing.T) {
	within(t, nil, func(w *world) {
		s := w.submission(nil)
		w.must(<-w.submit(s))
		w.settle()
		w.disk.holding(true)
		w.node("n1", 8)
		w.settle()
		id := yarn.AttemptID{Application: s.ID, Attempt: 1}
		if v := w.app(s.ID); v.Attempts[0].State != yarn.AttemptAllocatedSaving {
			t.Fatalf("the attempt is %s", v.Attempts[0].State)
		}
		if _, ok := w.core.AMSession(id); ok || w.launch.count() != 0 {
			t.Errorf("before the attempt is saved: session %v, %d AMs started", ok, w.launch.count())
		}
		w.disk.flush()
		w.settle()
		if _, ok := w.core.AMSession(id); !ok || w.launch.count() != 1 {
			t.Errorf("after the attempt was saved: session %v, %d AMs started", ok, w.launch.count())
		}
	})
}

func TestCrashBeforeTheAttemptIsSaved(t *testing.T) {
	within(t, nil, func(w *world) {
		s := w.submission(nil)
		w.must(<-w.submit(s))
		w.disk.holding(true)
		w.node("n1", 8)
		w.settle()
		w.crash()
		w.node("n1", 8)
		w.settle()
		if v := w.app(s.ID); v.Attempt.Attempt != 1 || w.launch.count() != 1 {
			t.Errorf("attempt %d, %d AMs started; want the first attempt, started once", v.Attempt.Attempt, w.launch.count())
		}
	})
}

func TestUnmanagedAttemptIsDurableBeforeItsTokenIsGiven(t *testing.T) {
	within(t, nil, func(w *world) {
		w.disk.holding(true)
		s := w.submission(func(s *Submission) { s.Unmanaged, s.AM = true, nil })
		answer := w.submit(s)
		synctest.Wait()
		w.disk.mu.Lock()
		first := w.disk.pending
		w.disk.pending = nil
		w.disk.mu.Unlock()
		for _, f := range first { // the application, not yet its attempt
			f()
		}
		w.must(<-answer)
		w.settle()
		id := yarn.AttemptID{Application: s.ID, Attempt: 1}
		if _, ok := w.core.AMSession(id); ok || w.app(s.ID).Attempts[0].State == yarn.AttemptLaunched {
			t.Errorf("before it is saved the attempt is %s, session %v", w.app(s.ID).Attempts[0].State, ok)
		}
		w.disk.flush()
		w.settle()
		if _, ok := w.core.AMSession(id); !ok || w.app(s.ID).Attempts[0].State != yarn.AttemptLaunched {
			t.Errorf("after it was saved the attempt is %s, session %v", w.app(s.ID).Attempts[0].State, ok)
		}
	})
}

// An AM's farewell is answered with true once the application's end is on disk.
func TestUnregisterIsDurableBeforeItIsAnswered(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		w.disk.holding(true)
		ctx, cancel := context.WithCancel(context.Background())
		lost := answer(func() error { _, err := w.core.Unregister(ctx, id, Finish{Status: yarn.FinalSucceeded}); return err })
		w.open(lost, "the farewell")
		if v := w.app(id.Application); v.State != yarn.AppRunning {
			t.Errorf("before its end is saved the application reads %s", v.State)
		}
		cancel() // the AM's connection broke: it asks again
		if err := <-lost; err == nil {
			t.Error("a farewell was confirmed to nobody")
		}
		again := answer(func() error {
			ok, err := w.core.Unregister(context.Background(), id, Finish{Status: yarn.FinalSucceeded})
			if err == nil && !ok {
				t.Error("the repeated farewell was refused")
			}
			return err
		})
		w.open(again, "the repeated farewell")
		w.disk.flush()
		w.must(<-again)
		w.state(id.Application, "FINISHING")
		if ok, err := w.core.Unregister(context.Background(), id, Finish{}); !ok || err != nil {
			t.Errorf("a third farewell: %v, %v", ok, err)
		}
		if v := w.app(id.Application); v.State != yarn.AppFinished || v.Final != yarn.FinalSucceeded {
			t.Errorf("the application reads %s, %s", v.State, v.Final)
		}
	})
}

func TestCrashBeforeTheFarewellIsSaved(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		am := w.amContainer(id.Application)
		w.disk.holding(true)
		lost := answer(func() error { _, err := w.core.Unregister(context.Background(), id, Finish{}); return err })
		w.open(lost, "the farewell")
		w.crash()
		<-lost
		w.state(id.Application, "ACCEPTED")
		w.comesBack(am)
		if s, ok := w.core.AMSession(id); !ok || s.Registered {
			t.Error("the AM cannot register again after the restart")
		}
		w.register(id)
		ok, err := w.core.Unregister(context.Background(), id, Finish{Status: yarn.FinalSucceeded})
		if !ok || err != nil {
			t.Errorf("the farewell after the restart: %v, %v", ok, err)
		}
	})
}

// comesBack registers a container's node again, which reports the container running.
func (w *world) comesBack(g Grant) {
	w.t.Helper()
	_, err := w.core.RegisterNode(context.Background(), NodeRegistration{ID: g.Node, HTTPPort: 8042, Rack: "/default-rack", Total: yarn.NewResource(8192, 8),
		Containers: []NodeContainer{{ID: g.ID, State: yarn.ContainerRunning, Resource: g.Resource, Key: g.Key}}, Apps: []yarn.ApplicationID{g.ID.Attempt.Application}})
	w.must(err)
	w.settle()
}

// The attempt's farewell reached the disk, the application's end did not.
func TestCrashBetweenTheFarewellAndTheEnd(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		w.disk.holding(true)
		lost := answer(func() error {
			_, err := w.core.Unregister(context.Background(), id, Finish{Status: yarn.FinalSucceeded})
			return err
		})
		w.open(lost, "the farewell")
		w.disk.mu.Lock()
		w.disk.pending[0]()
		w.disk.mu.Unlock()
		w.crash()
		<-lost
		w.state(id.Application, "FINISHED")
		if v := w.app(id.Application); v.Final != yarn.FinalSucceeded || w.launch.count() != 0 {
			t.Errorf("%s, %d AMs started; want SUCCEEDED and none", v.Final, w.launch.count())
		}
	})
}

func TestKillIsDurableBeforeItIsAnswered(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil).Application
		w.disk.holding(true)
		kill := func() bool {
			done, known, err := w.core.Kill(context.Background(), id, "killed by a test")
			if !known || err != nil {
				t.Fatalf("known %v, %v", known, err)
			}
			return done
		}
		if kill() || kill() {
			t.Error("a kill was confirmed before it was saved")
		}
		if v := w.app(id); v.State != yarn.AppRunning {
			t.Errorf("before its end is saved the application reads %s", v.State)
		}
		w.disk.flush()
		w.settle()
		if !kill() {
			t.Error("a saved kill was not confirmed")
		}
		if v := w.app(id); v.State != yarn.AppKilled || v.Final != yarn.FinalKilled || v.Diagnostics != "killed by a test" {
			t.Errorf("%s, %s, %q", v.State, v.Final, v.Diagnostics)
		}
	})
}

func TestCrashBeforeTheKillIsSaved(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil).Application
		w.disk.holding(true)
		if done, _, err := w.core.Kill(context.Background(), id, "killed"); done || err != nil {
			t.Fatal(done, err)
		}
		w.crash()
		w.state(id, "ACCEPTED")
	})
}

// A ResourceManager that died between saving an attempt and starting its AM tries again as
// soon as the node is back, without counting a failure.
func TestCrashBeforeTheAMWasStarted(t *testing.T) {
	within(t, func(c *Config) { c.MaxAttempts = 1 }, func(w *world) {
		w.launch.hold = true
		w.node("n1", 8)
		s := w.submission(nil)
		w.must(<-w.submit(s))
		w.settle()
		w.crash()
		w.state(s.ID, "ACCEPTED")
		w.node("n1", 8)
		w.settle()
		if v := w.app(s.ID); v.Attempt.Attempt != 2 || w.launch.count() != 1 || !strings.Contains(v.Attempts[0].Diagnostics, "without this container") {
			t.Errorf("attempt %d, %d AMs started, the first ended with %q", v.Attempt.Attempt, w.launch.count(), v.Attempts[0].Diagnostics)
		}
	})
}

// A disk that fails: the submission is refused with the reason, an attempt is not started.
func TestWhatCannotBeSaved(t *testing.T) {
	within(t, nil, func(w *world) {
		w.disk.fail = errDisk
		s := w.submission(nil)
		if err := <-w.submit(s); err == nil || !strings.Contains(err.Error(), errDisk.Error()) {
			t.Errorf("the submission was answered with %v", err)
		}
		w.state(s.ID, "FAILED")
		w.disk.fail = nil
		for _, unmanaged := range []bool{false, true} {
			s := w.submission(func(s *Submission) { s.Unmanaged = unmanaged })
			w.disk.holding(true)
			done := w.submit(s)
			synctest.Wait()
			w.disk.flush()
			w.disk.mu.Lock()
			w.disk.fail = errDisk
			w.disk.mu.Unlock()
			w.must(<-done)
			w.node("n1", 8)
			w.settle()
			w.state(s.ID, "FAILED")
			if v := w.app(s.ID); w.launch.count() != 0 || !strings.Contains(v.Diagnostics, errDisk.Error()) {
				t.Errorf("unmanaged %v: %d AMs started; diagnostics %q", unmanaged, w.launch.count(), v.Diagnostics)
			}
			w.disk.mu.Lock()
			w.disk.fail = nil
			w.disk.mu.Unlock()
		}
	})
}

// Ended applications and how they ended survive.
func TestEndsSurviveARestart(t *testing.T) {
	within(t, func(c *Config) { c.MaxAttempts = 1 }, func(w *world) {
		failed := w.running(nil).Application
		w.exits(w.amContainer(failed), 1)
		w.state(failed, "FAILED")
		killed := w.submission(nil)
		w.must(<-w.submit(killed))
		if _, _, err := w.core.Kill(context.Background(), killed.ID, "no longer needed"); err != nil {
			t.Fatal(err)
		}
		w.state(killed.ID, "KILLED")
		before := w.app(failed)
		time.Sleep(time.Minute)
		w.crash()
		if v := w.app(failed); v.State != yarn.AppFailed || v.Final != yarn.FinalFailed || v.Diagnostics != before.Diagnostics || v.Finish != before.Finish {
			t.Errorf("after the restart: %s %s %q %d", v.State, v.Final, v.Diagnostics, v.Finish)
		}
		if v := w.app(killed.ID); v.State != yarn.AppKilled || v.Final != yarn.FinalKilled || v.Diagnostics != "no longer needed" {
			t.Errorf("after the restart: %s %s %q", v.State, v.Final, v.Diagnostics)
		}
	})
}
