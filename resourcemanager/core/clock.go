package core

import (
	"sync/atomic"
	"time"
)

// now is the time of day in ms, for what is shown and stored.
func (c *Core) now() int64 { return c.clock().UnixMilli() }

// uptime is how long the core has existed, in ms of the monotonic clock. The scheduler's delays go by it: setting the
// machine's clock changes none of them.
func (c *Core) uptime() int64 { return c.clock().Sub(c.made).Milliseconds() }

// pulse is when a peer was last heard. What it is silent for goes by the monotonic clock, so that setting the machine's
// clock ends no node and no AM; what is shown is the time of day.
type pulse struct {
	since time.Time    // with its monotonic reading
	heard atomic.Int64 // ns after since
	shown atomic.Int64 // ms
}

func newPulse(now time.Time) *pulse {
	p := &pulse{since: now}
	p.Seen(now)
	return p
}

// Seen notes that the peer was heard at now, which has a monotonic reading.
func (p *pulse) Seen(now time.Time) {
	p.heard.Store(int64(now.Sub(p.since)))
	p.shown.Store(now.UnixMilli())
}

// Silent is how long before now the peer was last heard.
func (p *pulse) Silent(now time.Time) time.Duration {
	return now.Sub(p.since) - time.Duration(p.heard.Load())
}
