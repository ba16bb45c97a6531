package scheduler

import (
	"strings"

	"heddle/yarn"
)

// Place runs placement at now (ms) until nothing more can be placed or budget containers
// were granted, and returns the granted containers in order. more is true when the
// budget ended it.
func (s *Scheduler) Place(now int64, budget int) (grants []*Container, more bool) {
	if !s.Due(now) {
		return nil, false
	}
	t := tx{s: s}
	for range passesAtMost {
		s.pass++
		s.reserving, s.looked = reservationsPerPass, false
		freed := s.freed
		s.dirty, s.wake = false, 0
		s.activate(s.waitingLeaves())
		before := len(grants)
		for len(grants) < budget {
			leaf := s.neediest(s.root)
			if leaf == nil {
				break
			}
			grants = s.placeIn(leaf, &t, grants, now)
		}
		if len(grants) >= budget {
			s.dirty = true
			return grants, true
		}
		// A limit may have moved with the usage: look again until a pass changes nothing.
		if len(grants) == before && s.freed == freed {
			break
		}
	}
	s.dirty = false
	return grants, false
}

// Bounds on the work of one call of Place.
const (
	passesAtMost        = 16
	reservationsPerPass = 8 // each looks at every node
)

// waitingLeaves are the leaves with applications that have not started.
func (s *Scheduler) waitingLeaves() (out []*queue) {
	var walk func(*queue)
	walk = func(q *queue) {
		if len(q.waiting) > 0 {
			out = append(out, q)
		}
		for _, c := range q.children {
			walk(c)
		}
	}
	walk(s.root)
	return out
}

// neediest is the leaf below q that wants something, is not known to be blocked in this
// pass, and whose queues are furthest below their guaranteed shares.
func (s *Scheduler) neediest(q *queue) *queue {
	for !q.leaf() {
		var best *queue
		var least int64
		for _, c := range q.children {
			if c.ready == 0 || c.blocked == s.pass {
				continue
			}
			if r := s.cfg.ratio(c.used, c.guaranteed); best == nil || r < least {
				best, least = c, r
			}
		}
		if best == nil {
			q.blocked = s.pass
			if q.parent == nil {
				return nil
			}
			return s.neediest(s.root)
		}
		q = best
	}
	if q.ready == 0 || q.blocked == s.pass {
		return nil
	}
	return q
}

// placeIn grants one ask's worth in a leaf, or marks the leaf blocked for this pass.
func (s *Scheduler) placeIn(q *queue, t *tx, grants []*Container, now int64) []*Container {
	if q.cursorPass != s.pass {
		q.cursorPass, q.cursor = s.pass, 0
	}
	limit := s.userLimit(q)
	for q.cursor < len(q.wanting) {
		a := q.wanting[q.cursor]
		if s.cfg.ratio(a.user.used, s.total) > s.cfg.ratio(limit, s.total) {
			a.skipped = UserLimit
			if r := a.reservation(); r != nil {
				s.unreserve(r.node)
			}
			q.cursor++
			continue
		}
		got, reason := s.placeFor(a, t, now)
		if got {
			a.skipped = NotSkipped
			return t.commit(grants)
		}
		a.skipped = reason
		q.cursor++
	}
	q.blocked = s.pass
	return grants
}

// placeFor tries the asks of an application in their order and grants the first that can be.
func (s *Scheduler) placeFor(a *app, t *tx, now int64) (bool, Reason) {
	done, reason := s.grow(a)
	if done {
		return true, NotSkipped
	}
	for _, k := range a.asks {
		if k.blocked == s.pass || k.outstanding() <= 0 {
			continue
		}
		r := s.placeAsk(a, k, t, now)
		if r == NotSkipped {
			return true, NotSkipped
		}
		k.blocked = s.pass
		k.skipped = r
		k.skips++
		if reason == NotSkipped {
			reason = r
		}
	}
	return false, reason
}

// placeAsk grants one container of a plain ask, or every container of a gang.
func (s *Scheduler) placeAsk(a *app, k *ask, t *tx, now int64) Reason {
	if !k.gang {
		return s.placeOne(a, k, k.parts[0], t, now)
	}
	for _, p := range k.parts {
		for p.Count > 0 {
			if r := s.placeOne(a, k, p, t, now); r != NotSkipped {
				t.rollback()
				switch r {
				case QueueMaximum, TooLarge, Blacklisted:
					return r
				}
				return GangNotWhole
			}
		}
	}
	return NotSkipped
}

// placeOne grants one container of a part on the best place that its constraints and the
// locality delays allow now.
func (s *Scheduler) placeOne(a *app, k *ask, p *Part, t *tx, now int64) Reason {
	if s.aboveMaximum(a.queue, p.Capability) {
		s.dropReservation(k)
		return QueueMaximum
	}
	if k.reserved != nil && s.redeem(a, k, p, t, now) {
		return NotSkipped
	}
	ok := func(n *node) bool { return n.usable && !a.avoids(n, k.am) }
	if n, level := s.near(k, p, ok, now); n != nil {
		t.grant(a, k, p, n, level, now)
		return NotSkipped
	}
	if r := s.barred(a, k, p); r != NotSkipped {
		return r
	}
	if !p.RelaxAny {
		return WaitsForLocality
	}
	if s.known(p.Hosts) && !s.waited(k, now, s.anyAfter()) {
		return WaitsForLocality
	}
	if n := s.index.next(&s.cfg, p.Capability, ok); n != nil {
		t.grant(a, k, p, n, OffSwitch, now)
		return NotSkipped
	}
	return s.reserve(a, k, p, ok)
}

// near is a node with room on one of the part's hosts, or, once the ask has waited for
// them, in one of its racks.
func (s *Scheduler) near(k *ask, p *Part, ok func(*node) bool, now int64) (*node, Locality) {
	for _, host := range sortedPlaces(p.Hosts) {
		for _, n := range s.hosts[host] {
			if n.reserved == nil && ok(n) && s.cfg.fits(p.Capability, n.free()) {
				return n, NodeLocal
			}
		}
	}
	if len(p.Racks) == 0 || s.known(p.Hosts) && !s.waited(k, now, s.rackAfter()) {
		return nil, OffSwitch
	}
	for _, name := range sortedPlaces(p.Racks) {
		if !p.Racks[name].Relax || s.racks[name] == nil {
			continue
		}
		if n := s.racks[name].index.next(&s.cfg, p.Capability, ok); n != nil {
			return n, RackLocal
		}
	}
	return nil, OffSwitch
}

// aboveMaximum reports whether r more would take a queue of the path above its maximum.
// A maximum of the whole cluster is no limit: there the nodes are.
func (s *Scheduler) aboveMaximum(q *queue, r yarn.Resource) bool {
	for ; q != nil; q = q.parent {
		if q.absMax < Million && !s.cfg.fits(q.used.Add(r), q.maximum) {
			return true
		}
	}
	return false
}

// known reports whether one of the named hosts could ever serve: there is no sense in
// waiting for hosts that are not in the cluster.
func (s *Scheduler) known(hosts map[string]*Place) bool {
	for name, p := range hosts {
		if p.Count <= 0 {
			continue
		}
		for _, n := range s.hosts[name] {
			if n.usable {
				return true
			}
		}
	}
	return false
}

// avoids reports whether the application's blacklist keeps it off the node.
func (a *app) avoids(n *node, am bool) bool {
	if am && a.amAvoid[n.host] {
		return true
	}
	return a.avoid != nil && (a.avoid[n.host] || a.avoid[strings.ToLower(n.rack.name)])
}

// barred is the reason of a part that fits usable nodes, but only such as the application must not have. A part that insists on its
// hosts and racks looks at those alone. It seldom looks at more than a node: the first that is not barred ends it.
func (s *Scheduler) barred(a *app, k *ask, p *Part) Reason {
	if len(a.avoid) == 0 && (!k.am || len(a.amAvoid) == 0) {
		return NotSkipped
	}
	reason := NotSkipped
	for _, n := range s.index.nodes {
		if n == nil || !n.usable || !s.cfg.fits(p.Capability, n.total) || !p.RelaxAny && !p.names(n) {
			continue
		}
		switch {
		case !a.avoids(n, k.am):
			return NotSkipped
		case a.avoids(n, false):
			reason = Blacklisted
		case reason == NotSkipped:
			reason = AMFailedThere
		}
	}
	return reason
}

// names reports whether the part asks for the node's host or rack.
func (p *Part) names(n *node) bool {
	return p.Hosts[n.host] != nil || p.Racks[n.rack.name] != nil && p.Racks[n.rack.name].Relax
}

// waited reports whether an ask has waited long enough for a less local place; if not
// it notes when to look again.
func (s *Scheduler) waited(k *ask, now, delay int64) bool {
	if now-k.since >= delay {
		return true
	}
	if at := k.since + delay; s.wake == 0 || at < s.wake {
		s.wake = at
	}
	return false
}

// rackAfter and anyAfter turn Hadoop's delays, counted in node heartbeats of the whole
// cluster, into ms: with n nodes, n heartbeats take one interval.
func (s *Scheduler) rackAfter() int64 { return s.heartbeats(s.cfg.NodeLocalityDelay) }

func (s *Scheduler) anyAfter() int64 {
	if s.cfg.RackLocalityDelay < 0 {
		return s.rackAfter()
	}
	return s.heartbeats(s.cfg.NodeLocalityDelay + s.cfg.RackLocalityDelay)
}

func (s *Scheduler) heartbeats(n int64) int64 {
	nodes := int64(max(1, len(s.nodes)))
	return min(n, nodes) * s.cfg.HeartbeatMillis / nodes
}

// reservation holds a node's free resources back for an ask that fits the node but not
// what is free on it now.
type reservation struct {
	node *node
	ask  *ask
	app  *app
	size yarn.Resource // of one container of the ask
}

// reserve holds back the node that needs to free least for the ask, so that smaller asks
// do not pass it for ever. An application holds one node at a time, and only where the
// cluster has enough free resources that are merely scattered. In a full cluster one node
// is held back for the neediest ask, until a needier one comes.
func (s *Scheduler) reserve(a *app, k *ask, p *Part, ok func(*node) bool) Reason {
	neediest := !s.looked
	s.looked = true
	if k.gang || s.reserving == 0 {
		return NoNodeFits
	}
	scattered := s.cfg.fits(p.Capability, s.total.Sub(s.root.used))
	if !scattered && !neediest {
		return NoNodeFits
	}
	if neediest && s.starving != nil && s.starving.app != a {
		s.unreserve(s.starving.node)
	}
	if a.reservation() != nil {
		return NoNodeFits
	}
	s.reserving--
	best := s.closest(p.Capability, ok)
	if best == nil {
		if s.anyLarge(p.Capability) {
			return NoNodeFits
		}
		return TooLarge
	}
	r := &reservation{node: best, ask: k, app: a, size: p.Capability}
	best.reserved, k.reserved = r, r
	a.queue.hold(r.size, 1)
	if !scattered {
		s.starving = r
	}
	s.index.set(best.slot, best.offered())
	best.rack.index.set(best.rackSlot, best.offered())
	return NoNodeFits
}

// closest is the node without a reservation that lacks least to hold r.
func (s *Scheduler) closest(r yarn.Resource, ok func(*node) bool) *node {
	var best *node
	var short int64
	for _, n := range s.index.nodes {
		if n == nil || n.reserved != nil || !ok(n) || !s.cfg.fits(r, n.total) {
			continue
		}
		missing := s.cfg.ratio(r.Sub(n.free()), r)
		if best == nil || missing < short {
			best, short = n, missing
		}
	}
	return best
}

func (a *app) reservation() *reservation {
	for _, k := range a.asks {
		if k.reserved != nil {
			return k.reserved
		}
	}
	return nil
}

// anyLarge reports whether some node could hold r if it were empty.
func (s *Scheduler) anyLarge(r yarn.Resource) bool {
	for _, n := range s.nodes {
		if s.cfg.fits(r, n.total) {
			return true
		}
	}
	return false
}

// redeem turns an ask's reservation into a grant once the node has room.
func (s *Scheduler) redeem(a *app, k *ask, p *Part, t *tx, now int64) bool {
	n := k.reserved.node
	if !n.usable || a.avoids(n, k.am) || !s.cfg.fits(p.Capability, n.total) {
		s.unreserve(n)
		return false
	}
	if !s.cfg.fits(p.Capability, n.free()) {
		return false
	}
	s.unreserve(n)
	t.grant(a, k, p, n, OffSwitch, now)
	return true
}

func (s *Scheduler) unreserve(n *node) {
	if n.reserved == nil {
		return
	}
	if s.starving == n.reserved {
		s.starving = nil
	}
	r := n.reserved
	r.app.queue.hold(yarn.Resource{}.Sub(r.size), -1)
	r.ask.reserved, n.reserved = nil, nil
	s.freed++
	s.refresh(n)
}

func (s *Scheduler) dropReservation(k *ask) {
	if k.reserved != nil {
		s.unreserve(k.reserved.node)
	}
}
