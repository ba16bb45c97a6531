package core

import "heddle/yarn"

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
		} else if c.sched.Shrink(k.id, target) {
			c.resized(k, target, false)
			if s, ok := c.NodeSession(k.node); ok { // an increase is brought to the node by the AM
				g := k.grant()
				s.order(func(o *Orders) { o.Sized = append(o.Sized, g) })
			}
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

// resized books a container's new size and tells its AM.
func (c *Core) resized(k *container, size yarn.Resource, increase bool) {
	k.app.usage.change(c.now(), size.Sub(k.resource), 0)
	k.resource = size
	k.version++
	c.touchApp(k.app)
	if n := c.nodes[k.node]; n != nil {
		c.touchNode(n)
	}
	if t := k.app.current; t != nil && !t.over() && t.session != nil {
		g := k.grant()
		t.session.add(func(news *AMNews) { news.Sized = append(news.Sized, Sized{g, increase}) })
	}
}
