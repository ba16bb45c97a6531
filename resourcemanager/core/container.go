package core

import (
	"heddle/resourcemanager/scheduler"
	"heddle/statemachine"
	"heddle/yarn"
)

// containerState is a container's inner state.
type containerState int

const (
	containerAllocated containerState = iota // granted, not known to run
	containerRunning
	containerCompleted
	containerReleased
	containerExpired
	containerKilled
)

func (s containerState) String() string {
	return [...]string{"ALLOCATED", "RUNNING", "COMPLETED", "RELEASED", "EXPIRED", "KILLED"}[s]
}

type containerEvent int

const (
	containerStart containerEvent = iota
	containerFinish
	containerRelease
	containerExpire
	containerKill // the ResourceManager takes it back
)

func (e containerEvent) String() string {
	return [...]string{"started", "finished", "released", "expired", "killed"}[e]
}

// containerMachine is the life of a container; only the first end counts.
var containerMachine = statemachine.Compile(statemachine.Table[containerState, containerEvent, *container]{
	{From: containerAllocated, On: containerStart, To: []containerState{containerRunning}},
	{From: containerAllocated, On: containerFinish, To: []containerState{containerCompleted}},
	{From: containerAllocated, On: containerRelease, To: []containerState{containerReleased}},
	{From: containerAllocated, On: containerExpire, To: []containerState{containerExpired}},
	{From: containerAllocated, On: containerKill, To: []containerState{containerKilled}},
	{From: containerRunning, On: containerStart, To: []containerState{containerRunning}},
	{From: containerRunning, On: containerFinish, To: []containerState{containerCompleted}},
	{From: containerRunning, On: containerRelease, To: []containerState{containerReleased}},
	{From: containerRunning, On: containerKill, To: []containerState{containerKilled}},
})

// container is a granted container until it ends.
type container struct {
	id       yarn.ContainerID
	app      *application
	node     yarn.NodeID
	nodeHTTP string
	resource yarn.Resource
	key      scheduler.AskKey
	am       bool
	state    containerState
	created  int64
	version  int32          // how often its size was changed
	before   *yarn.Resource // the size that the node knows, while an increase is on its way there by the AM
}

// hold and unhold keep a container in the three sets that find it: by id, by application, by node.
func (c *Core) hold(k *container) {
	c.containers[k.id] = k
	k.app.containers[k.id] = k
	if n := c.nodes[k.node]; n != nil {
		n.containers[k.id] = k
	}
}

func (c *Core) unhold(k *container) {
	delete(c.containers, k.id)
	delete(k.app.containers, k.id)
	if n := c.nodes[k.node]; n != nil {
		delete(n.containers, k.id)
	}
}

// granted hands a container that the scheduler granted to its AM, or to the launcher.
func (c *Core) granted(g *scheduler.Container) {
	now := c.clock()
	a := c.apps[g.ID.Attempt.Application]
	n := c.nodes[g.Node]
	if a == nil || n == nil || a.current == nil {
		c.sched.Complete(g.ID)
		return
	}
	k := &container{id: g.ID, app: a, node: g.Node, nodeHTTP: n.httpAddress(), resource: g.Resource, key: g.Key, am: g.AM, created: now.UnixMilli()}
	c.hold(k)
	c.counts.ContainersAllocated++
	a.usage.change(now.UnixMilli(), g.Resource, 1)
	a.usage.allocated++
	a.nodes[g.Node] = struct{}{}
	n.apps[a.sub.ID] = struct{}{}
	c.touchNode(n)
	c.touchApp(a)
	grant := k.grant()
	if g.AM {
		c.fireAttempt(a.current, attemptGranted, attemptNews{grant: &grant})
		return
	}
	c.grantTimes = append(c.grantTimes, expiring{g.ID, now.Add(c.cfg.AllocationExpiry)})
	if s := a.current.session; s != nil {
		s.add(func(news *AMNews) { news.Grants = append(news.Grants, grant) })
	}
}

func (k *container) grant() Grant {
	return Grant{ID: k.id, Node: k.node, NodeHTTP: k.nodeHTTP, Resource: k.resource, Key: k.key, Created: k.created, AM: k.am, User: k.app.sub.User, Version: k.version}
}

// endContainer ends a container once: its resources are free again and its AM is told.
func (c *Core) endContainer(k *container, e containerEvent, status yarn.ExitStatus, diagnostics string) {
	next, err := containerMachine.Fire(k.state, e, k)
	if err != nil {
		c.log.Warn("container event ignored", "container", k.id, "error", err)
		return
	}
	k.state = next
	c.unhold(k)
	c.sched.Complete(k.id)
	now := c.now()
	a := k.app
	a.usage.change(now, yarn.Resource{}.Sub(k.resource), -1)
	c.counts.ContainersReleased++
	if n := c.nodes[k.node]; n != nil {
		c.touchNode(n)
	}
	c.touchApp(a)
	exit := Exit{ID: k.id, Node: k.node, Status: status, Diagnostics: diagnostics, Resource: k.resource}
	c.history.add(k, exit, now)
	if k.am {
		c.forget(exit)
		for _, t := range a.attempts {
			if t.id == k.id.Attempt {
				c.fireAttempt(t, attemptContainerDone, attemptNews{exit: exit})
			}
		}
		return
	}
	s := (*AMSession)(nil)
	if a.current != nil && !a.current.over() {
		s = a.current.session
	}
	if s == nil {
		c.strayExit(a, exit)
		return
	}
	s.drop(k.id)
	s.add(func(news *AMNews) { news.Exits = append(news.Exits, exit) })
}

// forget lets the node drop an exit status that no AM will take.
func (c *Core) forget(e Exit) { c.Acknowledge([]Exit{e}) }

// cleanContainer orders the container's node to stop it.
func (c *Core) cleanContainer(k *container) { c.orderClean(k.node, k.id) }

func (c *Core) orderClean(node yarn.NodeID, id yarn.ContainerID) {
	if s, ok := c.NodeSession(node); ok {
		s.order(func(o *Orders) { o.Clean = append(o.Clean, id) })
	}
}

// releaseContainers stops what an application still holds; the AM's container is left
// alone unless all is set.
func (c *Core) releaseContainers(a *application, all bool) {
	if a.current == nil {
		return
	}
	for _, held := range c.sched.EndAttempt(a.current.id) {
		k := c.containers[held.ID]
		if k == nil || (k.am && !all) {
			continue
		}
		c.cleanContainer(k)
		c.endContainer(k, containerKill, yarn.ExitKilledAfterAppCompletion, "Container killed as its application has ended.")
	}
}

// complete is the last act of an application: the scheduler and the nodes forget it, and
// the oldest of too many ended applications is forgotten altogether.
func (c *Core) complete(a *application) {
	if a.cleaned {
		return
	}
	a.cleaned = true
	if a.inSched {
		for _, left := range c.sched.RemoveApp(a.sub.ID) {
			if k := c.containers[left.ID]; k != nil {
				c.unhold(k)
			}
		}
		a.usage.change(c.now(), yarn.Resource{}.Sub(a.usage.held), -a.usage.running)
	}
	for _, t := range a.attempts {
		c.closeAMSession(t)
	}
	for _, e := range a.strays {
		c.forget(e)
	}
	a.strays = nil
	for id := range a.nodes {
		if s, ok := c.NodeSession(id); ok {
			s.order(func(o *Orders) { o.CleanApps = append(o.CleanApps, a.sub.ID) })
		}
		if n := c.nodes[id]; n != nil {
			delete(n.apps, a.sub.ID)
		}
	}
	c.completed = append(c.completed, a.sub.ID)
	for c.cfg.MaxCompleted > 0 && len(c.completed) > c.cfg.MaxCompleted {
		c.forgetApp(c.completed[0])
		c.completed = c.completed[1:]
	}
	c.touchApp(a)
}

func (c *Core) forgetApp(id yarn.ApplicationID) {
	a := c.apps[id]
	if a == nil {
		return
	}
	var attempts []yarn.AttemptID
	for _, t := range a.attempts {
		attempts = append(attempts, t.id)
	}
	c.recorder.RemoveApp(id, attempts)
	delete(c.apps, id)
	delete(c.dirtyApps, a)
	c.appViews.Delete(id)
}
