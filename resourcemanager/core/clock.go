package core

import (
	"sync/atomic"
	"time"
)

// tolerated is how far the wall clock may run away from the monotonic one between two ticks: it is being adjusted.
const tolerated = 500 * time.Millisecond

// checkClock looks whether the machine's clock was set since the last tick. Times are kept in ms of the wall clock, as they
// are shown; without this a jump ahead would let every node and every AM expire at once.
func (c *Core) checkClock() {
	now := c.clock()
	last := c.ticked
	c.ticked = now
	if last.IsZero() {
		return
	}
	jump := time.Duration(now.UnixMilli()-last.UnixMilli())*time.Millisecond - now.Sub(last) // Sub goes by the monotonic reading
	if jump.Abs() > tolerated {
		c.log.Warn("the machine's clock was set", "by_ms", jump.Milliseconds())
		c.clockJumped(jump.Milliseconds(), now.UnixMilli())
	}
}

// clockJumped moves what was seen before the jump, and what is due after it, to the clock that now tells now.
func (c *Core) clockJumped(by, now int64) {
	c.nodeSessions.Range(func(_, v any) bool { moveSeen(&v.(*NodeSession).lastSeen, by, now); return true })
	c.amSessions.Range(func(_, v any) bool { moveSeen(&v.(*AMSession).lastSeen, by, now); return true })
	latest := now + c.cfg.AllocationExpiry.Milliseconds()
	for i := range c.grantTimes {
		c.grantTimes[i].at = min(c.grantTimes[i].at+max(by, 0), latest)
	}
	for i := range c.growTimes {
		c.growTimes[i].at = min(c.growTimes[i].at+max(by, 0), latest)
	}
}

// moveSeen corrects a time that lies before the jump; one that was taken after it stands.
func moveSeen(seen *atomic.Int64, by, now int64) {
	for {
		old := seen.Load()
		moved := old
		if by < 0 || old+by <= now {
			moved = min(old+max(by, 0), now)
		}
		if moved == old || seen.CompareAndSwap(old, moved) {
			return
		}
	}
}
