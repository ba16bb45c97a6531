package core

import (
	"context"
	"strings"
	"testing"
	"time"

	"heddle/yarn"
)

func TestAnApplicationIsKilledWhenItsLifetimeHasPassed(t *testing.T) {
	within(t, nil, func(w *world) {
		long := w.submission(func(s *Submission) { s.Expires = s.SubmitTime + time.Hour.Milliseconds() })
		short := w.submission(func(s *Submission) { s.Expires = s.SubmitTime + time.Minute.Milliseconds() })
		w.must(w.core.Submit(context.Background(), long))
		w.must(w.core.Submit(context.Background(), short))
		time.Sleep(59 * time.Second)
		w.settle()
		if v, _ := w.core.View().Apps.Get(short.ID); v.State != yarn.AppAccepted {
			t.Errorf("%v before its time", v.State)
		}
		w.crash()
		time.Sleep(3 * time.Second)
		w.settle()
		if v, _ := w.core.View().Apps.Get(short.ID); v.State != yarn.AppKilled || !strings.Contains(v.Diagnostics, "exceeded the lifetime period") {
			t.Errorf("%v: %s", v.State, v.Diagnostics)
		}
		known, err := w.core.SetExpiry(context.Background(), long.ID, time.Now().UnixMilli()+1000)
		if err != nil || !known {
			t.Errorf("%v, %v", known, err)
		}
		time.Sleep(3 * time.Second)
		w.settle()
		if v, _ := w.core.View().Apps.Get(long.ID); v.State != yarn.AppKilled {
			t.Errorf("%v after its time was shortened", v.State)
		}
		if known, err := w.core.SetExpiry(context.Background(), long.ID, 0); known || err != nil {
			t.Errorf("an ended application was changed: %v", err)
		}
	})
}

func TestChangesAreDurableBeforeTheyAreAnswered(t *testing.T) {
	within(t, nil, func(w *world) {
		s := w.submission(nil)
		w.must(w.core.Submit(context.Background(), s))
		w.settle()
		w.disk.holding(true)
		answered := make(chan error, 1)
		go func() {
			_, err := w.core.SetPriority(context.Background(), s.ID, 7)
			answered <- err
		}()
		w.settle()
		select {
		case err := <-answered:
			t.Fatalf("answered before it was durable: %v", err)
		default:
		}
		w.disk.flush()
		w.must(<-answered)
		w.crash()
		if v, _ := w.core.View().Apps.Get(s.ID); v.Priority != 7 {
			t.Errorf("priority %d after a restart", v.Priority)
		}
	})
}
