package container

import (
	"slices"
	"time"

	"heddle/executor"
	"heddle/nodemanager/localizer"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// RetryPolicy says after which exit codes a container's command is run again.
type RetryPolicy int32

// Policies; the numbers are Hadoop's ContainerRetryPolicy.
const (
	RetryNever RetryPolicy = iota
	RetryAlways
	RetryOnCodes
)

// Retry is a launch context's wish about commands that fail.
type Retry struct {
	Policy   RetryPolicy
	Codes    []int32 // of RetryOnCodes
	Max      int     // retries; -1 for no end
	Interval time.Duration
	// Validity is how long a failure counts; for ever unless it is positive.
	Validity time.Duration
}

// turn is how a container goes on from one process to the next, and what was asked for and is not
// done yet. It is a record of the journal: slices, maps and what pointers lead to are replaced, not changed.
type turn struct {
	Attempt  int // number of the process that runs or is due, from 0
	Retries  int // done so far
	Failures []time.Time
	RetryAt  time.Time
	Change   *change
	Back     *Launch // what a rollback leads to
	Adding   []localizer.Resource
	Failed   map[string]string // by link name, why a resource did not come into the running container
	Untold   int32             // version of a greater size that the ResourceManager has not heard of
}

// change is another launch for a running container: first its resources come, then the process ends.
type change struct {
	Launch   Launch
	Back     *Launch // what a rollback leads to afterwards
	Stopping bool
}

// due reports whether the end of the process is the begin of another launch.
func (t *turn) due() bool { return t.Change != nil && t.Change.Stopping }

// retry decides on another try after a failure, and counts it.
func (t *turn) retry(r Retry, code int32, now time.Time) bool {
	if r.Policy == RetryNever || r.Policy == RetryOnCodes && !slices.Contains(r.Codes, code) {
		return false
	}
	counted := t.Retries
	if r.Validity > 0 {
		t.Failures = slices.DeleteFunc(slices.Clone(t.Failures), func(at time.Time) bool { return now.Sub(at) > r.Validity })
		counted = len(t.Failures)
	}
	if r.Max >= 0 && counted >= r.Max {
		return false
	}
	t.Retries++
	if r.Validity > 0 && r.Max >= 0 {
		t.Failures = append(t.Failures, now)
	}
	return true
}

// take makes a change the launch that is due; its retries count anew.
func (c *Container) take(ch change) {
	c.spec.Launch = ch.Launch
	c.turn.Back, c.turn.Change = ch.Back, nil
	c.turn.Retries, c.turn.Failures, c.turn.RetryAt = 0, nil, time.Time{}
}

// afterExit ends the container, or goes on with another process.
func (c *Container) afterExit() State {
	if !c.follows() {
		return c.startCleanup()
	}
	c.turn.Attempt++
	return c.startRelaunch()
}

// follows says whether another process comes after the one that ended: the launch that was asked for, a
// retry, or after a re-initialization that failed the launch before it.
func (c *Container) follows() bool {
	if c.killed {
		return false
	}
	if c.turn.due() {
		c.take(*c.turn.Change)
		return true
	}
	switch c.exit {
	case yarn.ExitSuccess, yarn.ExitForceKilled, yarn.ExitTerminated: // Hadoop takes the latter two for somebody's wish
		return false
	}
	r, now := c.spec.Launch.Retry, c.mgr.cfg.Now()
	if c.turn.retry(r, int32(c.exit), now) {
		c.turn.RetryAt = now.Add(max(r.Interval, c.mgr.cfg.MinRetryInterval))
		c.mgr.cfg.Log.Info("a container's command is tried again", "container", c.ID, "exit", c.exit, "retry", c.turn.Retries, "of", r.Max)
		return true
	}
	if back := c.turn.Back; back != nil {
		c.note("Container Re-init Auto Rolled-Back.")
		c.take(change{Launch: *back})
		return true
	}
	return false
}

func (c *Container) startRelaunch() State {
	p, at := c.process, c.turn.RetryAt
	c.mgr.wg.Go(func() { c.launched(c.relaunch(p, at)) })
	return Relaunching
}

// relaunch starts the next process, when everything of the one before is gone, in the same work directory.
func (c *Container) relaunch(p executor.Process, at time.Time) (executor.Process, error) {
	if err := c.saveTurn(); err != nil {
		return nil, err
	}
	if p == nil {
		p = c.straggling()
	}
	if p != nil && !c.removeProcess(p) {
		return nil, c.mgr.away.Err()
	}
	c.mu.Lock()
	c.process = nil
	c.mu.Unlock()
	select {
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	case <-c.mgr.away.Done():
		return nil, c.mgr.away.Err()
	case <-time.After(at.Sub(c.mgr.cfg.Now())):
	}
	res, err := c.mgr.cfg.Localizer.Localize(c.ctx, c.request(c.launchContext()))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.localized = res
	c.mu.Unlock()
	if err := c.unlink(res.Paths); err != nil {
		return nil, err
	}
	return c.launch(c.ctx)
}

// catchUp does what was asked for while the process that runs now was being started; the caller has the lock.
func (c *Container) catchUp() {
	if c.state != Running {
		return
	}
	if c.task.Limits != c.limits() {
		c.mgr.wg.Go(c.resize)
	}
	switch ch := c.turn.Change; {
	case ch == nil:
	case ch.Stopping:
		c.step(evReinit)
	case c.saved != nil && c.saved.turn != nil && c.saved.turn.Change == ch: // an earlier NodeManager was asked
		c.mgr.wg.Go(func() { c.prepareChange(ch) })
	}
}

// saveTurn makes what changes in a container's life durable.
func (c *Container) saveTurn() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	s, t := savedSpec{c.spec, c.Started}, c.turn
	c.mu.Unlock()
	return c.mgr.cfg.Journal.Save(recovery.Put(partKey(c.ID, partSpec), s), recovery.Put(partKey(c.ID, partTurn), t))
}

// launches are the launch contexts that the container has, or may have without being asked again.
func (c *Container) launches() []Launch {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Launch{c.spec.Launch, {Resources: c.turn.Adding}}
	if c.turn.Back != nil {
		out = append(out, *c.turn.Back)
	}
	if ch := c.turn.Change; ch != nil {
		out = append(out, ch.Launch)
		if ch.Back != nil {
			out = append(out, *ch.Back)
		}
	}
	return out
}
