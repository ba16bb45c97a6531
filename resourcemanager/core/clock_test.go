package core

import (
	"sync/atomic"
	"testing"
	"time"

	"heddle/yarn"
)

// What was seen before the clock was set counts as long ago as before, and what was seen since stands.
func TestSeenTimesFollowTheClock(t *testing.T) {
	const now, hour = int64(10_000_000), int64(3_600_000)
	for name, c := range map[string]struct{ seen, by, want int64 }{
		"ahead, seen before":        {now - hour - 700, hour, now - 700},
		"ahead, seen since":         {now - 300, hour, now - 300},
		"back, seen before":         {now + hour - 700, -hour, now},
		"back, seen since":          {now - 300, -hour, now - 300},
		"ahead, silent for a while": {now - hour - 9_000, hour, now - 9_000},
	} {
		var seen atomic.Int64
		seen.Store(c.seen)
		moveSeen(&seen, c.by, now)
		if got := seen.Load(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got-now, c.want-now)
		}
	}
}

// A clock that is set ahead by a day loses no node, no AM and no container that was just granted.
func TestAJumpOfTheClockEndsNothing(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		granted := w.asks(id, anywhere(1)).Grants
		node := granted[0].Node
		day := 24 * time.Hour.Milliseconds()
		ahead := int64(0)
		real := w.core.clock
		w.do(func() {
			w.core.clock = func() time.Time { return real().Add(time.Duration(ahead) * time.Millisecond) }
			ahead = day
			w.core.clockJumped(day, w.core.now())
		})
		time.Sleep(3 * time.Second)
		w.settle()
		if s := w.nodeState(node); s != yarn.NodeRunning {
			t.Errorf("the node is %s", s)
		}
		if _, ok := w.core.AMSession(id); !ok {
			t.Error("the AM is lost")
		}
		if news := w.takes(id); len(news.Exits) != 0 {
			t.Errorf("containers ended: %v", news.Exits)
		}
		w.do(func() {
			ahead = 0
			w.core.clockJumped(-day, w.core.now())
		})
		time.Sleep(w.cfg.NodeExpiry + 5*time.Second) // silent for good now
		w.settle()
		if s := w.nodeState(node); s != yarn.NodeLost {
			t.Errorf("the silent node is %s", s)
		}
	})
}
