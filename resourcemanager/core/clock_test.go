package core

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// wallClock is a clock whose time of day may be set, while its monotonic reading goes on. The times of a synctest bubble
// have no monotonic reading, so this one starts from a time outside.
type wallClock struct {
	start time.Time // real
	began time.Time // the same moment in the bubble
	ahead atomic.Int64
}

var outside = time.Now()

func (c *wallClock) now() time.Time {
	t := c.start.Add(time.Since(c.began))
	// Package time has no call that parts the two readings: this reaches into the seconds of its wall field.
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.ahead.Load() / int64(time.Second) << 30)
	return t
}

// setTo lets the time of day be ahead of the real one.
func (c *wallClock) setTo(t *testing.T, ahead time.Duration) {
	t.Helper()
	c.ahead.Store(0)
	before := c.now()
	c.ahead.Store(int64(ahead))
	if now := c.now(); now.UnixMilli()-before.UnixMilli() != ahead.Milliseconds() || now.Sub(before) != 0 {
		t.Fatalf("the clock of the test reads %s after %s", now, before)
	}
}

// withClock is within, with a clock that can be set.
func withClock(t *testing.T, f func(w *world, c *wallClock)) {
	within(t, nil, func(w *world) {
		c := &wallClock{start: outside, began: time.Now()}
		w.clock = c.now
		w.crash()
		f(w, c)
	})
}

// A clock that is set ahead by a day, and back, ends no node, no AM, no container that was just granted and no wait.
func TestAJumpOfTheClockEndsNothing(t *testing.T) {
	withClock(t, func(w *world, c *wallClock) {
		id := w.running(nil)
		for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			node := w.asks(id, anywhere(1)).Grants[0].Node
			heard, _ := w.core.View().Nodes.Get(node)
			c.setTo(t, by)
			time.Sleep(3 * time.Second)
			w.settle()
			if s := w.nodeState(node); s != yarn.NodeRunning {
				t.Errorf("set by %s: the node is %s", by, s)
			}
			if _, ok := w.core.AMSession(id); !ok {
				t.Errorf("set by %s: the AM is lost", by)
			}
			if news := w.takes(id); len(news.Exits) != 0 {
				t.Errorf("set by %s: containers ended: %v", by, news.Exits)
			}
			n, _ := w.core.NodeSession(node)
			n.Seen(c.now())
			if seen := heard.LastSeen(); seen != c.now().UnixMilli() {
				t.Errorf("set by %s: it is shown as heard at %d", by, seen)
			}
		}
		node := w.asks(id, anywhere(1)).Grants[0].Node
		time.Sleep(w.cfg.NodeExpiry + 5*time.Second) // silent for good now
		w.settle()
		if s := w.nodeState(node); s != yarn.NodeLost {
			t.Errorf("the silent node is %s", s)
		}
	})
}

// An ask that waits for a full host takes another one after the usual delay, although the clock was set back.
func TestAJumpOfTheClockHoldsNoAskBack(t *testing.T) {
	withClock(t, func(w *world, c *wallClock) {
		id := w.running(nil)
		first := w.asks(id, anywhere(1)).Grants[0].Node
		room, _ := w.core.View().Nodes.Get(first)
		full := anywhere(int64(room.Total[yarn.Memory]-room.Used[yarn.Memory]) / 1024)
		w.asks(id, full)
		w.node("other", 8)
		at := func(name string) scheduler.Request {
			return scheduler.Request{Key: scheduler.AskKey{Priority: 2, AllocationID: -1}, Name: name, Capability: yarn.NewResource(1024, 1), Count: 1, Relax: true}
		}
		if news := w.asks(id, AMRequest{Asks: []scheduler.Request{at(first.Host), at(room.Rack), at(scheduler.Any)}}); len(news.Grants) != 0 {
			t.Fatalf("granted at once: %v", news.Grants)
		}
		c.setTo(t, -24*time.Hour)
		time.Sleep(2 * time.Minute)
		if news := w.takes(id); len(news.Grants) != 1 || news.Grants[0].Node.Host != "other" {
			t.Errorf("granted after two minutes: %v", news.Grants)
		}
	})
}
