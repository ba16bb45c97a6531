package core

import (
	"context"
	"math"
	"time"

	"heddle/yarn"
)

// Exclusion is what the host lists now say of a node.
type Exclusion struct {
	Excluded bool
	Graceful bool  // let what runs there end first
	Seconds  int64 // how long a graceful exclusion waits at most; negative: for ever
}

// ExcludeNodes decommissions the live nodes that the lists exclude, at once or when nothing runs there any more,
// and takes those back that were leaving and are not excluded now.
func (c *Core) ExcludeNodes(ctx context.Context, of func(yarn.NodeID) Exclusion) error {
	return c.call(ctx, func() {
		for _, n := range c.nodes {
			if !n.live() {
				continue
			}
			switch x := of(n.id); {
			case !x.Excluded && n.state == yarn.NodeDecommissioning:
				c.fireNode(n, nodeAdmit)
			case !x.Excluded:
			case x.Graceful:
				n.drainBy = time.Time{}
				if x.Seconds >= 0 {
					n.drainBy = c.clock().Add(time.Duration(min(x.Seconds, math.MaxInt32)) * time.Second)
				}
				c.fireNode(n, nodeDrain)
			default:
				c.fireNode(n, nodeExclude)
			}
		}
	})
}

// drain keeps the node as it is, but gives it nothing more.
func (s *nodeStep) drain() yarn.NodeState {
	s.core.sched.SetNodeUsable(s.id, false)
	s.core.draining[s.node] = struct{}{}
	s.session.draining.Store(true)
	s.core.log.Info("node is being decommissioned", "node", s.id, "containers", len(s.containers), "applications", len(s.apps))
	return yarn.NodeDecommissioning
}

// rejoin keeps a leaving node leaving when it registers again.
func (s *nodeStep) rejoin() yarn.NodeState {
	s.join()
	s.core.sched.SetNodeUsable(s.id, false)
	s.session.draining.Store(true)
	return yarn.NodeDecommissioning
}

// admit takes a leaving node back.
func (s *nodeStep) admit() yarn.NodeState {
	delete(s.core.draining, s.node)
	s.session.draining.Store(false)
	if s.sick {
		return yarn.NodeUnhealthy
	}
	s.core.sched.SetNodeUsable(s.id, true)
	return yarn.NodeRunning
}

// drainNodes lets go of the leaving nodes that nothing needs any more: neither a container nor the data that a
// running application's earlier containers left there. After its time-out a node goes as it is.
func (c *Core) drainNodes(now time.Time) {
	for n := range c.draining {
		late := !n.drainBy.IsZero() && !now.Before(n.drainBy)
		if !late && len(n.containers)+len(n.apps) > 0 {
			continue
		}
		c.log.Info("node is decommissioned", "node", n.id, "timed_out", late, "containers", len(n.containers))
		c.fireNode(n, nodeExclude)
	}
}

// NodeResource is a node's new size.
type NodeResource struct {
	Total yarn.Resource // a negative amount leaves the type as it is
	// Millis is when containers beyond the new size are taken back; negative: never (Hadoop's over-commit time-out).
	Millis int64
}

// Over is the node's size after the change of what it was.
func (r NodeResource) Over(old yarn.Resource) yarn.Resource {
	for i, amount := range r.Total {
		if amount >= 0 {
			old[i] = amount
		}
	}
	return old
}

// ResizeNodes changes how much live nodes offer. Nodes that are not known are ignored.
func (c *Core) ResizeNodes(ctx context.Context, sizes map[yarn.NodeID]NodeResource) error {
	return c.call(ctx, func() {
		for id, size := range sizes {
			n := c.nodes[id]
			if n == nil || !n.live() {
				continue
			}
			total := size.Over(n.total)
			c.log.Info("node resized", "node", id, "from", n.total, "to", total)
			n.total = total
			c.sched.SetNodeTotal(id, total)
			n.session.order(func(o *Orders) { o.Resource = &total })
			delete(c.shrunk, n)
			if size.Millis >= 0 {
				n.shrinkBy = c.clock().Add(time.Duration(size.Millis) * time.Millisecond)
				c.shrunk[n] = struct{}{}
			}
			c.touchNode(n)
			c.tellAMs(n)
		}
	})
}

// shrinkNodes takes back what nodes hold beyond their new size, the newest containers first, AMs last.
func (c *Core) shrinkNodes(now time.Time) {
	for n := range c.shrunk {
		if now.Before(n.shrinkBy) {
			continue
		}
		delete(c.shrunk, n)
		held := n.held()
		for _, ams := range []bool{false, true} {
			for i := len(held) - 1; i >= 0; i-- {
				if k := held[i]; k.am == ams && c.sched.Overfull(n.id) {
					c.cleanContainer(k)
					c.endContainer(k, containerKill, yarn.ExitPreempted, "Container preempted since its node "+n.id.String()+" was made smaller")
				}
			}
		}
	}
}
