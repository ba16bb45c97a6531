package core

import (
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// Recover puts back what the store held. It is called once, before Run. An attempt that
// had not ended waits for its AM to call again; an application without one gets its
// first attempt now.
func (c *Core) Recover(r Recovered) {
	last := int32(0)
	for _, rec := range r.Apps {
		if rec.Submission.ID.ClusterTimestamp == c.cfg.ClusterTimestamp {
			last = max(last, rec.Submission.ID.ID)
		}
		c.recoverApp(rec, r.Attempts[rec.Submission.ID])
	}
	c.nextApp.Store(last)
	c.publish()
}

func (c *Core) recoverApp(rec AppRecord, attempts []AttemptRecord) {
	path, err := c.sched.LeafPath(rec.Submission.Queue)
	if err != nil {
		path = rec.Submission.Queue
	}
	a := c.newApplication(rec.Submission, path)
	a.start, a.launch, a.finish, a.diag = rec.Start, rec.Launch, rec.Finish, rec.Diagnostics
	for i := range attempts {
		a.attempts = append(a.attempts, c.recoverAttempt(a, attempts[i]))
	}
	if n := len(a.attempts); n > 0 {
		a.current = a.attempts[n-1]
		last := attempts[n-1]
		a.status = last.FinalStatus
		a.usage.mbMillis, a.usage.coreMilli = last.MemorySeconds*1000, last.VCoreSeconds*1000
	}
	if rec.Final {
		a.state = map[yarn.AppState]appState{yarn.AppFinished: appFinished, yarn.AppFailed: appFailed, yarn.AppKilled: appKilled}[rec.State]
		if a.state == appKilled {
			a.status = yarn.FinalKilled
		}
		if a.state == appFailed {
			a.status = yarn.FinalFailed
		}
		a.cleaned = true
		c.completed = append(c.completed, rec.Submission.ID)
		c.touchApp(a)
		return
	}
	c.resume(a, err)
}

// resume lets an application that had not ended go on.
func (c *Core) resume(a *application, unknownQueue error) {
	am := c.sched.Minimum()
	if len(a.sub.AM) > 0 {
		am = a.sub.AM[0].Capability
	}
	err := unknownQueue
	if err == nil {
		err = c.sched.AddApp(scheduler.AppSpec{ID: a.sub.ID, Queue: a.queue, User: a.sub.User, Priority: a.sub.Priority, AM: am})
	}
	a.state = appAccepted
	if err != nil {
		a.diag, a.status = "The application could not be recovered: "+err.Error(), yarn.FinalFailed
		a.state = a.finalize(appFailed, yarn.AppAccepted)
		return
	}
	a.inSched = true
	c.touchApp(a)
	t := a.current
	if t == nil {
		a.newAttempt()
		return
	}
	if t.state == attemptFinished { // the farewell was stored, the application's end was not
		a.diag = t.diag
		a.state = a.finalize(appFinished, yarn.AppRunning)
		return
	}
	if t.over() {
		a.newAttempt()
		return
	}
	if err := c.sched.StartAttempt(t.id, false, 0, nil, nil, c.uptime()); err != nil {
		c.log.Error("a recovered attempt was refused", "attempt", t.id, "error", err)
		return
	}
	t.session = c.openAMSession(t)
	if t.am != nil {
		c.recovered[t.am.Node] = append(c.recovered[t.am.Node], t)
	}
}

// missAMs ends the recovered attempts whose AM a node does not have: the old
// ResourceManager may have died between storing the attempt and starting its AM.
func (c *Core) missAMs(n yarn.NodeID, reported map[yarn.ContainerID]bool) {
	for _, t := range c.recovered[n] {
		if reported[t.am.ID] || t.over() {
			continue
		}
		c.fireAttempt(t, attemptContainerDone, attemptNews{exit: Exit{ID: t.am.ID, Node: n, Status: yarn.ExitAborted,
			Diagnostics: "The node registered after a restart of the ResourceManager without this container.\n"}})
	}
	delete(c.recovered, n)
}

func (c *Core) recoverAttempt(a *application, r AttemptRecord) *attempt {
	t := &attempt{core: c, app: a, id: r.ID, am: r.AM, start: r.Start, finish: r.Finish, host: "N/A", rpcPort: -1,
		tracking: r.TrackingURL, status: r.FinalStatus, exit: r.ExitStatus, diag: r.Diagnostics, state: attemptLaunched}
	if r.Final {
		t.state = map[yarn.AttemptState]attemptState{yarn.AttemptFinished: attemptFinished, yarn.AttemptFailed: attemptFailed, yarn.AttemptKilled: attemptKilled}[r.State]
		if t.state == attemptFailed {
			a.failures = append(a.failures, r.Finish)
		}
	}
	if r.AM != nil {
		a.nodes[r.AM.Node] = struct{}{}
	}
	return t
}
