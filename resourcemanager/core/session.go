package core

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// Grant is a container that an AM, or the launcher, may start.
type Grant struct {
	ID       yarn.ContainerID
	Node     yarn.NodeID
	NodeHTTP string // host:port
	Resource yarn.Resource
	Key      scheduler.AskKey
	Created  int64 // ms
	AM       bool
	User     string
	Version  int32
}

// Exit is a container that has ended.
type Exit struct {
	ID          yarn.ContainerID
	Node        yarn.NodeID
	Status      yarn.ExitStatus
	Diagnostics string
	Resource    yarn.Resource
}

// AMSession is what lies between an attempt's AM and the core. The AM's calls are
// handled under Call, one at a time; the core only adds news under the inner lock.
type AMSession struct {
	*pulse

	Attempt yarn.AttemptID
	User    string // the submitter
	App     Submission

	Call       sync.Mutex // held during one register, allocate or finish
	Registered bool       // guarded by Call
	Done       bool       // unregistered; guarded by Call
	ResponseID int32      // of the last answer; guarded by Call
	LastReply  any        // guarded by Call
	SentNodes  map[yarn.NodeID]int32
	KeyID      int32 // of the AMRM key that the AM's token is known to use; guarded by Call

	queue    atomic.Pointer[string]
	priority atomic.Int32
	progress atomic.Uint32 // bits of a float32 from 0 to 1

	mu        sync.Mutex
	news      AMNews
	delivered []Exit // in the last answer, which the AM has not acknowledged by its next call
	removed   bool
}

// AMNews is what an AM has not been told yet.
type AMNews struct {
	Grants []Grant
	Exits  []Exit
	Nodes  []*NodeView
	Kept   []Grant // containers of earlier attempts that were found after registration
	Sized  []Sized
	Denied []Denial
}

// Queue is the path of the application's leaf.
func (s *AMSession) Queue() string { return *s.queue.Load() }

// Priority is the application's priority as last set.
func (s *AMSession) Priority() int32 { return s.priority.Load() }

// Progress is what the AM last said, from 0 to 1.
func (s *AMSession) Progress() float32 { return math.Float32frombits(s.progress.Load()) }

// Take returns the news and forgets them. ok is false once the attempt has ended.
func (s *AMSession) Take() (news AMNews, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news, s.news = s.news, AMNews{}
	s.delivered = append(s.delivered, news.Exits...)
	return news, !s.removed
}

// Acknowledged returns the exits of the last answer: the AM's next call says that it has them.
func (s *AMSession) Acknowledged() []Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.delivered
	s.delivered = nil
	return e
}

// owes reports whether the AM has not acknowledged a container's exit.
func (s *AMSession) owes(id yarn.ContainerID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := func(e Exit) bool { return e.ID == id }
	return slices.ContainsFunc(s.news.Exits, is) || slices.ContainsFunc(s.delivered, is)
}

// end closes the session and returns the exits that its AM has not acknowledged.
func (s *AMSession) end() []Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = true
	left := slices.Concat(s.delivered, s.news.Exits)
	s.delivered, s.news.Exits = nil, nil
	return left
}

func (s *AMSession) add(f func(*AMNews)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.news)
}

// drop takes a grant back that the AM has not pulled yet.
func (s *AMSession) drop(id yarn.ContainerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.news.Grants {
		if s.news.Grants[i].ID == id {
			s.news.Grants = append(s.news.Grants[:i], s.news.Grants[i+1:]...)
			return
		}
	}
}

// AMSession finds an attempt's session.
func (c *Core) AMSession(id yarn.AttemptID) (*AMSession, bool) {
	v, ok := c.amSessions.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*AMSession), true
}

func (c *Core) openAMSession(t *attempt) *AMSession {
	a := t.app
	s := &AMSession{pulse: newPulse(c.clock()), Attempt: t.id, User: a.sub.User, App: a.sub, SentNodes: map[yarn.NodeID]int32{}}
	queue := a.queue
	s.queue.Store(&queue)
	s.priority.Store(a.sub.Priority)
	s.news.Exits, a.strays = a.strays, nil
	c.amSessions.Store(t.id, s)
	return s
}

// closeAMSession ends an attempt's session. What its AM has not taken is for the next one, if containers are kept
// across attempts.
func (c *Core) closeAMSession(t *attempt) {
	if t.session == nil {
		return
	}
	if _, open := c.amSessions.LoadAndDelete(t.id); !open {
		return
	}
	for _, e := range t.session.end() {
		c.strayExit(t.app, e)
	}
}

// strayExit keeps an exit for which there is no AM now, or lets the node forget it where none will come.
func (c *Core) strayExit(a *application, e Exit) {
	if a.sub.KeepContainers && !a.sub.Unmanaged && !a.cleaned && a.state != appFinalSaving && a.state != appFinishing {
		a.strays = append(a.strays, e)
		return
	}
	c.forget(e)
}

// NodeSession is what lies between a NodeManager and the core. Heartbeats are handled
// under Call, one at a time; the core adds orders under the inner lock.
type NodeSession struct {
	*pulse

	ID   yarn.NodeID
	From netip.Addr // that the registration came from; zero where that is not known

	Cores int64 // of the machine; 0 where the node does not tell

	Call         sync.Mutex // held during one heartbeat
	ResponseID   int32      // of the last answer; guarded by Call
	LastReply    any        // nil for a plain one without orders; guarded by Call
	Plain        bool       // the last answer was a plain one; guarded by Call
	LastSequence int64      // of a plain last answer; guarded by Call
	Healthy      bool       // as last reported; guarded by Call
	Report       string
	Started      map[yarn.ContainerID]struct{} // reported running; guarded by Call
	Ended        map[yarn.ContainerID]struct{} // reported complete, not yet to be removed; guarded by Call

	utilization atomic.Pointer[Utilization]
	replaced    atomic.Bool // the node registered again, or is gone
	draining    atomic.Bool // it is excluded, and stays until it is empty

	mu     sync.Mutex
	orders Orders
}

// Utilization is what a NodeManager measured.
type Utilization struct {
	NodePMemMB, NodeVMemMB           int32
	NodeCPU                          float32
	ContainersPMemMB, ContainersVMem int32
	ContainersCPU                    float32
}

// Orders is what a NodeManager must do.
type Orders struct {
	Clean     []yarn.ContainerID   // stop these
	Forget    []yarn.ContainerID   // their exit status has arrived
	CleanApps []yarn.ApplicationID // these have ended
	Signals   []Signal
	Sized     []Grant        // these have another size now
	Resource  *yarn.Resource // this is the node's size now
	Shutdown  string         // stop, for this reason
}

// Signal is a signal to a container (SignalContainerCommand's number).
type Signal struct {
	Container yarn.ContainerID
	Command   int32
}

// Measure notes what the node measured.
func (s *NodeSession) Measure(u Utilization) {
	if last := s.utilization.Load(); last != nil && *last == u {
		return
	}
	s.measure(u)
}

// Busy is the part of the machine's cores that it last measured to be at work, from 0 to 1; ok is false where that is not known.
func (s *NodeSession) Busy() (part float32, ok bool) {
	u := s.utilization.Load()
	if u == nil || s.Cores <= 0 {
		return 0, false
	}
	return min(max(u.NodeCPU/float32(s.Cores), 0), 1), true
}

// measure is apart so that equal measurements take no memory.
func (s *NodeSession) measure(u Utilization) { s.utilization.Store(&u) }

// Idle reports whether there are no orders.
func (s *NodeSession) Idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.orders
	return len(o.Clean)+len(o.Forget)+len(o.CleanApps)+len(o.Signals)+len(o.Sized) == 0 && o.Resource == nil && o.Shutdown == ""
}

// Draining reports whether the node is excluded but stays until it is empty.
func (s *NodeSession) Draining() bool { return s.draining.Load() }

// Replaced reports whether the session is no longer the node's.
func (s *NodeSession) Replaced() bool { return s.replaced.Load() }

// Take returns the orders and forgets them.
func (s *NodeSession) Take() Orders {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders
	s.orders = Orders{}
	return o
}

func (s *NodeSession) order(f func(*Orders)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.orders)
}

// NodeSession finds a registered node's session.
func (c *Core) NodeSession(id yarn.NodeID) (*NodeSession, bool) {
	v, ok := c.nodeSessions.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*NodeSession), true
}

// Acknowledge tells the nodes that the AM has taken these exits, so that they stop repeating them.
func (c *Core) Acknowledge(exits []Exit) {
	for _, e := range exits {
		if s, ok := c.NodeSession(e.Node); ok {
			s.order(func(o *Orders) { o.Forget = append(o.Forget, e.ID) })
		}
	}
}
