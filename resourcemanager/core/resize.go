package core

import (
	"time"

	"heddle/yarn"
)

// SizeUpdate is an AM's wish to change a running container.
type SizeUpdate struct {
	ID       yarn.ContainerID
	Version  int32 // that the AM knows
	Increase bool
	Target   yarn.Resource
	Refused  string // why it cannot be, found before the core was asked
	Request  any    // the AM's own words, to answer with
}

// Sized is a container whose size was changed as its AM wished.
type Sized struct {
	Grant
	Increase bool
}

// Denial is a wish that was refused.
type Denial struct {
	Update  SizeUpdate
	Reason  string
	Version int32 // of the container; 0 where it is not known
}

// Reasons for which updates are refused (Hadoop's RMServerUtils).
const (
	UnknownContainer  = "INVALID_CONTAINER_ID"
	WrongVersion      = "INCORRECT_CONTAINER_VERSION_ERROR"
	UpdateOutstanding = "UPDATE_OUTSTANDING_ERROR"
	SizeOutOfRange    = "RESOURCE_OUTSIDE_ALLOWED_RANGE"
)

// updateSize begins an increase or makes a decrease. What comes of it is told in the session.
func (c *Core) updateSize(a *application, u SizeUpdate) {
	k := c.containers[u.ID]
	deny := func(reason string) {
		d := Denial{Update: u, Reason: reason}
		if k != nil {
			d.Version = k.version
		}
		a.current.session.add(func(news *AMNews) { news.Denied = append(news.Denied, d) })
	}
	switch {
	case k == nil || k.app != a:
		k = nil
		deny(UnknownContainer)
	case u.Version != k.version:
		deny(WrongVersion)
	case u.Refused != "":
		deny(u.Refused)
	case u.Increase:
		if target := u.Target.Max(k.resource); target == k.resource {
			deny(SizeOutOfRange)
		} else if !c.sched.Grow(k.id, target) {
			deny(UpdateOutstanding)
		}
	default:
		if target := u.Target.Min(k.resource); target == k.resource {
			deny(SizeOutOfRange)
		} else {
			c.shrink(k, target)
		}
	}
}

// handGrown tells AMs of the containers that the scheduler found room for.
func (c *Core) handGrown() {
	for _, g := range c.sched.TakeGrown() {
		if k := c.containers[g.ID]; k != nil {
			c.resized(k, g.Resource, true)
		}
	}
}

// growth is an increase that its AM is to bring to the node until a time.
type growth struct {
	id      yarn.ContainerID
	version int32
	at      time.Time
}

// Measured is the size that a node says a container has got.
type Measured struct {
	ID       yarn.ContainerID
	Resource yarn.Resource
}

// measured hears that an increase has reached its node.
func (c *Core) measured(m Measured) {
	switch k := c.containers[m.ID]; {
	case k == nil || k.before == nil:
	case m.Resource.Max(k.resource) == m.Resource:
		k.before = nil
	default: // an earlier one of several
		k.before = new(k.before.Max(m.Resource))
	}
}

// shrinkUnused takes increases back that no AM brought to the node in time (Hadoop does so too, YARN-1651).
func (c *Core) shrinkUnused(now time.Time) {
	for len(c.growTimes) > 0 && !c.growTimes[0].at.After(now) {
		g := c.growTimes[0]
		c.growTimes = c.growTimes[1:]
		k := c.containers[g.id]
		if k == nil || k.before == nil || k.version != g.version {
			continue
		}
		c.log.Info("an increase that was not used is taken back", "container", k.id, "size", *k.before)
		c.shrink(k, *k.before)
	}
}

// shrink makes a container smaller, and tells its AM and its node.
func (c *Core) shrink(k *container, target yarn.Resource) {
	if !c.sched.Shrink(k.id, target) {
		return
	}
	c.resized(k, target, false)
	if s, ok := c.NodeSession(k.node); ok {
		g := k.grant()
		s.order(func(o *Orders) { o.Sized = append(o.Sized, g) })
	}
}

// resized books a container's new size and tells its AM.
func (c *Core) resized(k *container, size yarn.Resource, increase bool) {
	k.app.usage.change(c.now(), size.Sub(k.resource), 0)
	if increase && k.before == nil {
		k.before = new(k.resource)
	}
	if !increase { // the node is told
		k.before = nil
	}
	k.resource = size
	k.version++
	if increase {
		c.growTimes = append(c.growTimes, growth{k.id, k.version, c.clock().Add(c.cfg.AllocationExpiry)})
	}
	c.touchApp(k.app)
	if n := c.nodes[k.node]; n != nil {
		c.touchNode(n)
	}
	if t := k.app.current; t != nil && !t.over() && t.session != nil {
		g := k.grant()
		t.session.add(func(news *AMNews) { news.Sized = append(news.Sized, Sized{g, increase}) })
	}
}
