package scheduler

import (
	"slices"
	"strings"

	"heddle/yarn"
)

// node is a machine as the scheduler sees it.
type node struct {
	id       yarn.NodeID
	host     string // in lower case: host names compare without case
	rack     *rack
	slot     int // in the cluster's index
	rackSlot int // in its rack's index
	total    yarn.Resource
	used     yarn.Resource
	usable   bool // healthy and not being decommissioned
	reserved *reservation
	held     map[yarn.ContainerID]*Container
}

// rack groups the nodes that share a network location.
type rack struct {
	name  string
	index fitIndex
}

func (n *node) free() yarn.Resource { return n.total.Sub(n.used) }

// offered is what the free-capacity index may hand out: nothing while the node is
// unusable or held back for a reservation.
func (n *node) offered() yarn.Resource {
	if !n.usable || n.reserved != nil {
		return nothing
	}
	return n.free()
}

// nothing fits no ask, not even an empty one.
var nothing = func() (r yarn.Resource) {
	for i := range r {
		r[i] = -1
	}
	return r
}()

// AddNode makes a node's resources available. A known id is replaced; its containers stay.
func (s *Scheduler) AddNode(id yarn.NodeID, rackName string, total yarn.Resource) {
	if n, ok := s.nodes[id]; ok {
		s.resize(n, total)
		n.usable = true
		s.refresh(n)
		return
	}
	r := s.racks[rackName]
	if r == nil {
		r = &rack{name: rackName}
		s.racks[rackName] = r
	}
	n := &node{id: id, host: strings.ToLower(id.Host), rack: r, total: total, usable: true,
		held: map[yarn.ContainerID]*Container{}}
	n.slot = s.index.add(n)
	n.rackSlot = r.index.add(n)
	s.nodes[id] = n
	s.hosts[n.host] = append(s.hosts[n.host], n)
	s.setTotal(s.total.Add(total))
	s.refresh(n)
}

// RemoveNode takes a node away and returns the containers that were on it, in order;
// their usage is given back.
func (s *Scheduler) RemoveNode(id yarn.NodeID) []*Container {
	n, ok := s.nodes[id]
	if !ok {
		return nil
	}
	lost := sortedContainers(n.held)
	for _, c := range lost {
		s.Complete(c.ID)
	}
	s.unreserve(n)
	n.usable = false
	s.index.remove(n.slot)
	n.rack.index.remove(n.rackSlot)
	delete(s.nodes, id)
	s.hosts[n.host] = slices.DeleteFunc(s.hosts[n.host], func(o *node) bool { return o == n })
	if len(s.hosts[n.host]) == 0 {
		delete(s.hosts, n.host)
	}
	s.setTotal(s.total.Sub(n.total))
	return lost
}

// SetNodeTotal changes how much a node offers.
func (s *Scheduler) SetNodeTotal(id yarn.NodeID, total yarn.Resource) {
	if n, ok := s.nodes[id]; ok {
		s.resize(n, total)
		s.refresh(n)
	}
}

// SetNodeUsable says whether new containers may go to the node.
func (s *Scheduler) SetNodeUsable(id yarn.NodeID, usable bool) {
	if n, ok := s.nodes[id]; ok && n.usable != usable {
		n.usable = usable
		s.refresh(n)
	}
}

// NodeUsage is a node's used and total resources; ok is false for an unknown node.
func (s *Scheduler) NodeUsage(id yarn.NodeID) (used, total yarn.Resource, containers int, ok bool) {
	n, ok := s.nodes[id]
	if !ok {
		return used, total, 0, false
	}
	return n.used, n.total, len(n.held), true
}

// Overfull reports whether a node holds more than it offers, as it may after it was made smaller.
func (s *Scheduler) Overfull(id yarn.NodeID) bool {
	n, ok := s.nodes[id]
	return ok && !s.cfg.fits(n.used, n.total)
}

// Total is the resources of all nodes.
func (s *Scheduler) Total() yarn.Resource { return s.total }

func (s *Scheduler) resize(n *node, total yarn.Resource) {
	if n.total == total {
		return
	}
	s.setTotal(s.total.Sub(n.total).Add(total))
	n.total = total
}

// refresh brings the free-capacity indexes in line with the node and wakes placement.
func (s *Scheduler) refresh(n *node) {
	free := n.offered()
	s.index.set(n.slot, free)
	n.rack.index.set(n.rackSlot, free)
	s.dirty = true
}

func sortedContainers(m map[yarn.ContainerID]*Container) []*Container {
	out := make([]*Container, 0, len(m))
	for _, c := range m {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Container) int { return a.ID.Compare(b.ID) })
	return out
}
