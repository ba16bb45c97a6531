package scheduler

import "heddle/yarn"

// tx collects grants that take effect at once in the scheduler's books and can be
// undone together until they are committed.
type tx struct {
	s      *Scheduler
	grants []grant
}

// grant is one granted container and what it was taken from, to be able to undo it.
type grant struct {
	container *Container
	part      *Part
	host      string // the named host and rack whose counts went down; "" if none
	rack      string
	since     int64
	ask       *ask
}

// grant gives one container of part on n to a.
func (t *tx) grant(a *app, k *ask, p *Part, n *node, level Locality, now int64) {
	s := t.s
	a.sequence++
	c := &Container{
		ID:   yarn.ContainerID{Attempt: a.attempt, ID: s.cfg.Epoch<<yarn.EpochShift | a.sequence},
		Node: n.id, Resource: p.Capability, Key: k.key, AM: k.am, Locality: level, node: n, app: a,
	}
	g := grant{container: c, part: p, ask: k, since: k.since}
	p.Count--
	// A grant on a host also takes one from its rack, a grant on a rack none from its hosts.
	if level == NodeLocal {
		if h := p.Hosts[n.host]; h != nil && h.Count > 0 {
			h.Count--
			g.host = n.host
		}
	}
	if level >= RackLocal {
		if r := p.Racks[n.rack.name]; r != nil && r.Count > 0 {
			r.Count--
			g.rack = n.rack.name
		}
	}
	if level != OffSwitch {
		k.since = now
	}
	t.demand(a, p.Capability, -1)
	s.charge(c)
	t.grants = append(t.grants, g)
}

// demand changes what the application and its queues still want by n containers.
func (t *tx) demand(a *app, capability yarn.Resource, n int64) {
	r := capability.Times(n)
	a.outstanding.containers += n
	a.outstanding.resource = a.outstanding.resource.Add(r)
	a.user.pending.containers += n
	a.user.pending.resource = a.user.pending.resource.Add(r)
	for q := a.queue; q != nil; q = q.parent {
		q.pending.containers += n
		q.pending.resource = q.pending.resource.Add(r)
	}
}

// rollback undoes every grant, the last one first.
func (t *tx) rollback() {
	for i := len(t.grants) - 1; i >= 0; i-- {
		g := t.grants[i]
		a := g.container.app
		t.s.uncharge(g.container)
		a.sequence--
		g.part.Count++
		g.ask.since = g.since
		if g.host != "" {
			g.part.Hosts[g.host].Count++
		}
		if g.rack != "" {
			g.part.Racks[g.rack].Count++
		}
		t.demand(a, g.part.Capability, 1)
	}
	t.grants = t.grants[:0]
}

// commit makes the grants final and appends their containers to out.
func (t *tx) commit(out []*Container) []*Container {
	for _, g := range t.grants {
		out = append(out, g.container)
		g.ask.skipped = NotSkipped
		if g.ask.outstanding() == 0 {
			t.s.dropReservation(g.ask)
		}
		t.s.setReady(g.container.app)
	}
	t.grants = t.grants[:0]
	return out
}
