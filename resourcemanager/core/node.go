package core

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"heddle/resourcemanager/scheduler"
	"heddle/statemachine"
	"heddle/yarn"
)

type nodeEvent int

const (
	nodeRegister nodeEvent = iota
	nodeHealthy
	nodeUnhealthy
	nodeExpired
	nodeShutdown // unregistered
	nodeExclude
	nodeDrain // decommission gracefully
	nodeAdmit // not excluded any more
)

func (e nodeEvent) String() string {
	return [...]string{"registered", "healthy", "unhealthy", "expired", "shut down", "excluded", "excluded gracefully", "admitted again"}[e]
}

// node is a NodeManager.
type node struct {
	core       *Core
	id         yarn.NodeID
	state      yarn.NodeState
	rack       string
	httpPort   int32
	version    string
	total      yarn.Resource
	session    *NodeSession
	report     string
	reported   int64 // ms
	apps       map[yarn.ApplicationID]struct{}
	containers map[yarn.ContainerID]*container // that it holds
	sick       bool                            // as it last said of itself
	drainBy    time.Time                       // when it leaves although it is in use; zero: never
	shrinkBy   time.Time                       // when what it holds too much is taken back
	departures int                             // how often it has left
}

type nodeStep struct {
	*node
}

// nodeMachine is the life of a node. A node that comes back registers again.
var nodeMachine *statemachine.Machine[yarn.NodeState, nodeEvent, *nodeStep]

// Actions raise events of other machines, so the table cannot be an initializer.
func init() {
	nodeMachine = statemachine.Compile(statemachine.Table[yarn.NodeState, nodeEvent, *nodeStep]{
		{From: yarn.NodeNew, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
		{From: yarn.NodeRunning, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
		{From: yarn.NodeRunning, On: nodeUnhealthy, To: []yarn.NodeState{yarn.NodeUnhealthy}, Action: (*nodeStep).sicken},
		{From: yarn.NodeRunning, On: nodeHealthy, To: []yarn.NodeState{yarn.NodeRunning}},
		{From: yarn.NodeRunning, On: nodeExpired, To: []yarn.NodeState{yarn.NodeLost}, Action: (*nodeStep).lose},
		{From: yarn.NodeRunning, On: nodeShutdown, To: []yarn.NodeState{yarn.NodeShutdown}, Action: (*nodeStep).lose},
		{From: yarn.NodeRunning, On: nodeExclude, To: []yarn.NodeState{yarn.NodeDecommissioned}, Action: (*nodeStep).exclude},
		{From: yarn.NodeUnhealthy, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
		{From: yarn.NodeUnhealthy, On: nodeUnhealthy, To: []yarn.NodeState{yarn.NodeUnhealthy}},
		{From: yarn.NodeUnhealthy, On: nodeHealthy, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).recover},
		{From: yarn.NodeUnhealthy, On: nodeExpired, To: []yarn.NodeState{yarn.NodeLost}, Action: (*nodeStep).lose},
		{From: yarn.NodeUnhealthy, On: nodeShutdown, To: []yarn.NodeState{yarn.NodeShutdown}, Action: (*nodeStep).lose},
		{From: yarn.NodeUnhealthy, On: nodeExclude, To: []yarn.NodeState{yarn.NodeDecommissioned}, Action: (*nodeStep).exclude},
		{From: yarn.NodeRunning, On: nodeDrain, To: []yarn.NodeState{yarn.NodeDecommissioning}, Action: (*nodeStep).drain},
		{From: yarn.NodeUnhealthy, On: nodeDrain, To: []yarn.NodeState{yarn.NodeDecommissioning}, Action: (*nodeStep).drain},
		{From: yarn.NodeDecommissioning, On: nodeRegister, To: []yarn.NodeState{yarn.NodeDecommissioning}, Action: (*nodeStep).rejoin},
		{From: yarn.NodeDecommissioning, On: nodeHealthy, To: []yarn.NodeState{yarn.NodeDecommissioning}},
		{From: yarn.NodeDecommissioning, On: nodeUnhealthy, To: []yarn.NodeState{yarn.NodeDecommissioning}},
		{From: yarn.NodeDecommissioning, On: nodeDrain, To: []yarn.NodeState{yarn.NodeDecommissioning}},
		{From: yarn.NodeDecommissioning, On: nodeAdmit, To: []yarn.NodeState{yarn.NodeRunning, yarn.NodeUnhealthy}, Action: (*nodeStep).admit},
		{From: yarn.NodeDecommissioning, On: nodeExclude, To: []yarn.NodeState{yarn.NodeDecommissioned}, Action: (*nodeStep).exclude},
		{From: yarn.NodeDecommissioning, On: nodeExpired, To: []yarn.NodeState{yarn.NodeLost}, Action: (*nodeStep).lose},
		{From: yarn.NodeDecommissioning, On: nodeShutdown, To: []yarn.NodeState{yarn.NodeDecommissioned}, Action: (*nodeStep).lose},
		{From: yarn.NodeLost, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
		{From: yarn.NodeShutdown, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
		{From: yarn.NodeDecommissioned, On: nodeRegister, To: []yarn.NodeState{yarn.NodeRunning}, Action: (*nodeStep).join},
	})
}

func (c *Core) fireNode(n *node, e nodeEvent) {
	c.fire(func() {
		next, err := nodeMachine.Fire(n.state, e, &nodeStep{n})
		if err != nil {
			c.log.Warn("node event ignored", "node", n.id, "error", err)
			return
		}
		changed := next != n.state
		if n.state == yarn.NodeRunning {
			c.counts.NodesRunning--
		}
		if next == yarn.NodeRunning {
			c.counts.NodesRunning++
		}
		n.state = next
		c.touchNode(n)
		if changed {
			c.tellAMs(n)
		}
	})
}

// maxDeparted is how many departures are remembered.
const maxDeparted = 10_000

// live reports whether the node takes part: it is registered and heartbeats are expected.
func (n *node) live() bool {
	return n.state == yarn.NodeRunning || n.state == yarn.NodeUnhealthy || n.state == yarn.NodeDecommissioning
}

func (n *node) httpAddress() string { return n.id.Host + ":" + strconv.Itoa(int(n.httpPort)) }

func (s *nodeStep) join() yarn.NodeState {
	s.core.sched.AddNode(s.id, s.rack, s.total)
	s.core.sched.SetNodeUsable(s.id, true)
	return yarn.NodeRunning
}

func (s *nodeStep) sicken() yarn.NodeState {
	s.core.sched.SetNodeUsable(s.id, false)
	return yarn.NodeUnhealthy
}

func (s *nodeStep) recover() yarn.NodeState {
	s.core.sched.SetNodeUsable(s.id, true)
	return yarn.NodeRunning
}

// lose gives up the node's containers: they count as aborted.
func (s *nodeStep) lose() yarn.NodeState {
	s.leave(fmt.Sprintf("Container released on a *lost* node %s", s.id))
	return s.state
}

func (s *nodeStep) exclude() yarn.NodeState {
	s.session.order(func(o *Orders) {
		o.Shutdown = "Disallowed NodeManager nodeId: " + s.id.String() + " hostname:" + s.id.Host
	})
	s.leave("Container released as its node " + s.id.String() + " was decommissioned")
	return s.state
}

func (s *nodeStep) leave(why string) {
	c := s.core
	delete(c.draining, s.node)
	delete(c.shrunk, s.node)
	s.session.replaced.Store(true)
	c.nodeSessions.Delete(s.id)
	c.sched.SetNodeUsable(s.id, false)
	for _, k := range s.held() {
		c.endContainer(k, containerKill, yarn.ExitAborted, why)
	}
	c.sched.RemoveNode(s.id)
	s.apps = map[yarn.ApplicationID]struct{}{}
	s.departures++
	c.departed = append(c.departed, departure{s.id, s.departures})
	c.forgetDeparted()
}

// departure is one of a node's.
type departure struct {
	id     yarn.NodeID
	number int
}

// forgetDeparted forgets the nodes that left first, when more than maxDeparted are away: nodes whose ports change with each
// start would fill the memory, and so would somebody who invents nodes.
func (c *Core) forgetDeparted() {
	for len(c.departed) > maxDeparted {
		d := c.departed[0]
		c.departed = c.departed[1:]
		if n := c.nodes[d.id]; n != nil && n.departures == d.number && !n.live() {
			delete(c.nodes, d.id)
			delete(c.dirtyNode, n)
			c.nodeViews.Delete(d.id)
			c.usageOld = true // so that a view without it is published
		}
	}
}

// held lists the containers of a node in order.
func (n *node) held() []*container {
	out := make([]*container, 0, len(n.containers))
	for _, k := range n.containers {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *container) int { return a.id.Compare(b.id) })
	return out
}

// tellAMs puts a node's new state into the next answer of every running AM.
func (c *Core) tellAMs(n *node) {
	v := n.view()
	c.amSessions.Range(func(_, s any) bool {
		s.(*AMSession).add(func(news *AMNews) { news.Nodes = append(news.Nodes, v) })
		return true
	})
}

// NodeRegistration is what a NodeManager says when it registers.
type NodeRegistration struct {
	ID         yarn.NodeID
	HTTPPort   int32
	Version    string
	Rack       string
	Total      yarn.Resource
	Cores      int64 // of the machine; 0 where the node does not tell
	Containers []NodeContainer
	Apps       []yarn.ApplicationID // that it still serves
	From       netip.Addr           // where the call came from; zero where that is not known
}

// NodeContainer is a container as a registering NodeManager reports it.
type NodeContainer struct {
	ID          yarn.ContainerID
	State       yarn.ContainerState
	Resource    yarn.Resource
	Key         scheduler.AskKey
	Diagnostics string
	Exit        yarn.ExitStatus
	Created     int64
	Version     int32
}

// RegisterNode takes a NodeManager in, with the containers it already runs, and gives it
// a new session.
func (c *Core) RegisterNode(ctx context.Context, r NodeRegistration) (*NodeSession, error) {
	var s *NodeSession
	err := c.call(ctx, func() { s = c.registerNode(r) })
	return s, err
}

func (c *Core) registerNode(r NodeRegistration) *NodeSession {
	n := c.nodes[r.ID]
	if n == nil {
		n = &node{core: c, id: r.ID, state: yarn.NodeNew, apps: map[yarn.ApplicationID]struct{}{}, containers: map[yarn.ContainerID]*container{}}
		c.nodes[r.ID] = n
	}
	if n.session != nil {
		n.session.replaced.Store(true)
	}
	n.rack, n.httpPort, n.version, n.total = r.Rack, r.HTTPPort, r.Version, r.Total
	n.report, n.reported, n.sick = "", c.now(), false
	s := &NodeSession{pulse: newPulse(c.clock()), ID: r.ID, From: r.From, Cores: r.Cores, Healthy: true, Started: map[yarn.ContainerID]struct{}{}, Ended: map[yarn.ContainerID]struct{}{}}
	n.session = s
	c.nodeSessions.Store(r.ID, s)
	c.fireNode(n, nodeRegister)
	c.reconcile(n, r)
	c.log.Info("node registered", "node", n.id, "rack", n.rack, "version", n.version, "containers", len(r.Containers))
	return s
}

// reconcile compares what a registering node runs with what is known of it: unknown
// containers of live attempts are taken over, those of dead ones stopped, and known ones
// that the node does not have are lost.
func (c *Core) reconcile(n *node, r NodeRegistration) {
	reported := map[yarn.ContainerID]bool{}
	for _, nc := range r.Containers {
		reported[nc.ID] = true
		if nc.State == yarn.ContainerComplete {
			c.containerEnded(n.id, ContainerReport{ID: nc.ID, Exit: nc.Exit, Diagnostics: nc.Diagnostics})
			continue
		}
		if k := c.containers[nc.ID]; k != nil {
			c.containerStarted(k.id)
			continue
		}
		c.adopt(n, nc)
	}
	for _, k := range n.held() {
		if !reported[k.id] && k.state == containerRunning {
			c.endContainer(k, containerKill, yarn.ExitAborted, "Container lost: its node "+n.id.String()+" registered again without it")
		}
	}
	c.missAMs(n.id, reported)
	for _, id := range r.Apps {
		if a := c.apps[id]; a == nil || a.cleaned {
			n.session.order(func(o *Orders) { o.CleanApps = append(o.CleanApps, id) })
			continue
		} else {
			a.nodes[n.id] = struct{}{}
		}
		n.apps[id] = struct{}{}
	}
}

// adopt takes over a running container after a restart of the ResourceManager.
func (c *Core) adopt(n *node, nc NodeContainer) {
	a := c.apps[nc.ID.Attempt.Application]
	if a == nil || !a.inSched || a.cleaned || a.current == nil || !c.wanted(a, nc.ID) {
		n.session.order(func(o *Orders) { o.Clean = append(o.Clean, nc.ID) })
		return
	}
	am := a.current.am != nil && a.current.am.ID == nc.ID
	if _, err := c.sched.Recover(nc.ID, n.id, nc.Resource, nc.Key, am); err != nil {
		c.log.Warn("a running container could not be taken over", "container", nc.ID, "error", err)
		n.session.order(func(o *Orders) { o.Clean = append(o.Clean, nc.ID) })
		return
	}
	k := &container{id: nc.ID, app: a, node: n.id, nodeHTTP: n.httpAddress(), resource: nc.Resource, key: nc.Key, am: am, state: containerRunning, created: nc.Created, version: nc.Version}
	c.hold(k)
	a.usage.change(c.now(), nc.Resource, 1)
	a.nodes[n.id] = struct{}{}
	n.apps[a.sub.ID] = struct{}{}
	if s := a.current.session; s != nil && nc.ID.Attempt != a.current.id {
		g := k.grant()
		s.add(func(news *AMNews) { news.Kept = append(news.Kept, g) })
	}
	c.touchApp(a)
	c.touchNode(n)
}

// wanted reports whether a container belongs to the present attempt, or to an earlier
// one whose containers are kept.
func (c *Core) wanted(a *application, id yarn.ContainerID) bool {
	return !a.current.over() && (id.Attempt == a.current.id || a.sub.KeepContainers)
}

// NodeNews is what a heartbeat brings beside "I am alive".
type NodeNews struct {
	Node      yarn.NodeID
	Started   []yarn.ContainerID
	Ended     []ContainerReport
	Measured  []Measured
	Health    *Health
	LogStates []LogReport
}

// ContainerReport is a container's end as its node reports it.
type ContainerReport struct {
	ID          yarn.ContainerID
	Exit        yarn.ExitStatus
	Diagnostics string
}

// Health is a node's state of health.
type Health struct {
	Healthy bool
	Report  string
	At      int64 // ms
}

// LogState is how far log aggregation is (LogAggregationStatus; numbers are Hadoop's).
type LogState int32

// LogReport is the log-aggregation state of an application on one node.
type LogReport struct {
	App         yarn.ApplicationID
	State       LogState
	Diagnostics string
}

// NodeReports applies a heartbeat's news.
func (c *Core) NodeReports(ctx context.Context, news NodeNews) error {
	return c.call(ctx, func() {
		n := c.nodes[news.Node]
		if n == nil || !n.live() {
			return
		}
		for _, id := range news.Started {
			c.containerStarted(id)
		}
		for _, e := range news.Ended {
			c.containerEnded(n.id, e)
		}
		for _, m := range news.Measured {
			c.measured(m)
		}
		if h := news.Health; h != nil {
			n.report, n.reported, n.sick = h.Report, h.At, !h.Healthy
			event := nodeUnhealthy
			if h.Healthy {
				event = nodeHealthy
			}
			c.fireNode(n, event)
		}
		for _, l := range news.LogStates {
			if a := c.apps[l.App]; a != nil {
				a.logStates[n.id] = l.State
				c.touchApp(a)
			}
		}
	})
}

func (c *Core) containerStarted(id yarn.ContainerID) {
	k := c.containers[id]
	if k == nil {
		return
	}
	next, err := containerMachine.Fire(k.state, containerStart, k)
	if err != nil {
		c.log.Warn("container event ignored", "container", id, "error", err)
		return
	}
	k.state = next
}

func (c *Core) containerEnded(from yarn.NodeID, r ContainerReport) {
	k := c.containers[r.ID]
	if k == nil {
		c.lateExit(from, r)
		return
	}
	if k.node != from {
		c.log.Warn("a node reports the end of a container that runs elsewhere", "node", from, "container", r.ID, "runs_on", k.node)
		return
	}
	c.endContainer(k, containerFinish, r.Exit, r.Diagnostics)
}

// lateExit handles the end of a container that is not held: after a restart it may be
// the AM's that a recovered attempt still waits for, or one that an AM must hear of. The node
// forgets it once that AM has, or at once where nobody waits.
func (c *Core) lateExit(from yarn.NodeID, r ContainerReport) {
	exit := Exit{ID: r.ID, Node: from, Status: r.Exit, Diagnostics: r.Diagnostics}
	a := c.apps[r.ID.Attempt.Application]
	if a == nil || a.cleaned || a.current == nil {
		c.forget(exit)
		return
	}
	t := a.current
	if t.am != nil && t.am.ID == r.ID {
		c.forget(exit)
		if !t.over() {
			c.fireAttempt(t, attemptContainerDone, attemptNews{exit: exit})
		}
		return
	}
	if t.session != nil && t.session.owes(r.ID) || slices.ContainsFunc(a.strays, func(e Exit) bool { return e.ID == r.ID }) {
		return
	}
	_, told := a.told[r.ID]
	mine := a.current.id == r.ID.Attempt || a.sub.KeepContainers
	if told || !mine || c.cfg.Epoch <= r.ID.Epoch() {
		c.forget(exit)
		return
	}
	if a.told == nil {
		a.told = map[yarn.ContainerID]struct{}{}
	}
	a.told[r.ID] = struct{}{}
	if t.over() || t.session == nil {
		c.strayExit(a, exit)
		return
	}
	t.session.add(func(news *AMNews) { news.Exits = append(news.Exits, exit) })
}

// UnregisterNode says that a NodeManager stops.
func (c *Core) UnregisterNode(ctx context.Context, id yarn.NodeID) error {
	return c.call(ctx, func() {
		if n := c.nodes[id]; n != nil && n.live() {
			c.fireNode(n, nodeShutdown)
		}
	})
}

// SignalContainer passes a signal on to the container's node; ok is false where it does not run.
func (c *Core) SignalContainer(ctx context.Context, id yarn.ContainerID, command int32) (ok bool, err error) {
	err = c.call(ctx, func() {
		k := c.containers[id]
		if k == nil {
			return
		}
		if s, found := c.NodeSession(k.node); found {
			ok = true
			s.order(func(o *Orders) { o.Signals = append(o.Signals, Signal{id, command}) })
		}
	})
	return ok, err
}
