package core

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"heddle/persist"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// Config is what the core needs to know.
type Config struct {
	ClusterTimestamp  int64 // ms; part of new application ids, and the rm_identifier of tokens
	Epoch             int64
	MaxAttempts       int           // most attempts that an application may have
	NodeExpiry        time.Duration // a node that is silent so long is lost
	AMExpiry          time.Duration
	AllocationExpiry  time.Duration // a granted container that is not started so long is taken back
	MaxCompleted      int           // finished applications that are remembered
	LogAggregation    bool
	BlacklistAMNodes  bool  // keep a later AM off the nodes where an earlier one failed
	BlacklistAtMost   int64 // part of the nodes, in parts per million, from which on no node is avoided
	TrackingURL       func(yarn.ApplicationID) string
	DiagnosticsLength int // bytes kept of an application's diagnostics
}

// Recorder makes records durable. Calls must be taken in order; done is called from
// another goroutine once the record is on disk or could not be written.
type Recorder interface {
	SaveApp(r AppRecord, done func(error))
	SaveAttempt(r AttemptRecord, done func(error))
	RemoveApp(id yarn.ApplicationID, attempts []yarn.AttemptID)
}

// Launcher starts an attempt's AM on the node of its container and reports the outcome.
type Launcher interface {
	Launch(l Launch, done func(error))
}

// Launch is one AM to start.
type Launch struct {
	Grant   Grant
	Attempt yarn.AttemptID
	User    string
	App     yarn.ApplicationID
	Context []byte // the encoded ApplicationSubmissionContextProto
	Submit  int64  // ms
}

// Core is the ResourceManager's state. Its exported methods may be called from anywhere.
type Core struct {
	cfg      Config
	sched    *scheduler.Scheduler
	recorder Recorder
	launcher Launcher
	clock    func() time.Time
	made     time.Time // by the clock, with its monotonic reading
	log      *slog.Logger

	firing bool
	queue  []func() // events raised by the actions of another, in order

	inbox   chan message
	stopped chan struct{}

	apps       map[yarn.ApplicationID]*application
	containers map[yarn.ContainerID]*container
	nodes      map[yarn.NodeID]*node
	recovered  map[yarn.NodeID][]*attempt // AMs of before the restart whose nodes have not registered yet
	completed  []yarn.ApplicationID       // in order of finishing
	grantTimes []expiring                 // in order of granting
	departed   []departure                // the earliest first, some of nodes that are back
	growTimes  []growth                   // in order of granting
	nextApp    atomic.Int32
	counts     Counts
	history    history

	amSessions   sync.Map // yarn.AttemptID -> *AMSession
	nodeSessions sync.Map // yarn.NodeID -> *NodeSession

	appViews  persist.Builder[yarn.ApplicationID, *AppView]
	nodeViews persist.Builder[yarn.NodeID, *NodeView]
	dirtyApps map[*application]struct{}
	expiries  map[*application]struct{} // with a lifetime that has not passed
	dirtyNode map[*node]struct{}
	draining  map[*node]struct{} // being decommissioned gracefully
	shrunk    map[*node]struct{} // made smaller than what runs on them, until a moment
	usageOld  bool               // queue figures changed since they were last published
	view      atomic.Pointer[View]
	lastLists lastLists
	busy      time.Duration // spent in batches
	lastPass  atomic.Int64  // ms; when a batch last ended
}

type message struct {
	run  func()
	done chan struct{}
}

type expiring struct {
	id yarn.ContainerID
	at time.Time
}

// ErrStopped says that the core no longer takes commands.
var ErrStopped = errors.New("the ResourceManager is shutting down")

const (
	inboxLength = 1024
	batchLength = 256
	placeBudget = 512 // containers granted before the inbox is looked at again
	tickEvery   = 200 * time.Millisecond
)

// New makes a core around an empty scheduler.
func New(cfg Config, s *scheduler.Scheduler, r Recorder, l Launcher, clock func() time.Time, log *slog.Logger) *Core {
	c := &Core{
		cfg: cfg, sched: s, recorder: r, launcher: l, clock: clock, made: clock(), log: log,
		inbox: make(chan message, inboxLength), stopped: make(chan struct{}),
		apps: map[yarn.ApplicationID]*application{}, containers: map[yarn.ContainerID]*container{},
		nodes: map[yarn.NodeID]*node{}, dirtyApps: map[*application]struct{}{}, dirtyNode: map[*node]struct{}{},
		recovered: map[yarn.NodeID][]*attempt{}, expiries: map[*application]struct{}{}, draining: map[*node]struct{}{}, shrunk: map[*node]struct{}{}, usageOld: true,
	}
	c.publish()
	return c
}

// Run is the core's goroutine; it returns when ctx ends.
func (c *Core) Run(ctx context.Context) {
	defer close(c.stopped)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	again := make(chan struct{})
	close(again)
	more := false
	for {
		var due <-chan struct{}
		if more {
			due = again
		}
		var batch []message
		select {
		case <-ctx.Done():
			return
		case m := <-c.inbox:
			batch = c.drain(m)
		case <-tick.C:
			c.tick()
		case <-due:
		}
		began := c.clock()
		for _, m := range batch {
			m.run()
		}
		more = c.place()
		c.publish()
		for _, m := range batch {
			if m.done != nil {
				close(m.done)
			}
		}
		c.busy += c.clock().Sub(began)
		c.lastPass.Store(c.now())
	}
}

func (c *Core) drain(first message) []message {
	batch := []message{first}
	for len(batch) < batchLength {
		select {
		case m := <-c.inbox:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// call runs f on the core's goroutine and returns when its batch has been placed and published.
func (c *Core) call(ctx context.Context, f func()) error {
	m := message{f, make(chan struct{})}
	select {
	case c.inbox <- m:
	case <-c.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-m.done:
		return nil
	case <-c.stopped:
		return ErrStopped
	}
}

// post runs f on the core's goroutine some time later.
func (c *Core) post(f func()) {
	select {
	case c.inbox <- message{run: f}:
	case <-c.stopped:
	}
}

// fire runs one event of a state machine. An event raised by an action waits until the
// action's own step is complete.
func (c *Core) fire(event func()) {
	c.queue = append(c.queue, event)
	if c.firing {
		return
	}
	c.firing = true
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		next()
	}
	c.firing = false
}

// LastPass is when the core last finished a batch; a health check compares it with now.
func (c *Core) LastPass() time.Time { return time.UnixMilli(c.lastPass.Load()) }

// NewApplicationID hands out the next application id.
func (c *Core) NewApplicationID() yarn.ApplicationID {
	return yarn.ApplicationID{ClusterTimestamp: c.cfg.ClusterTimestamp, ID: c.nextApp.Add(1)}
}

// place runs a placement pass and hands out what it granted; it reports whether the
// budget ended the pass.
func (c *Core) place() bool {
	grants, more := c.sched.Place(c.uptime(), placeBudget)
	for _, g := range grants {
		c.granted(g)
	}
	c.handGrown()
	return more
}

// tick looks for what has expired.
func (c *Core) tick() {
	now := c.clock()
	c.nodeSessions.Range(func(_, v any) bool {
		s := v.(*NodeSession)
		if n := c.nodes[s.ID]; n != nil && n.live() && s.Silent(now) > c.cfg.NodeExpiry {
			c.log.Warn("node expired", "node", n.id, "silent_ms", s.Silent(now).Milliseconds())
			c.fireNode(n, nodeExpired)
		}
		return true
	})
	c.amSessions.Range(func(_, v any) bool {
		s := v.(*AMSession)
		a := c.apps[s.Attempt.Application]
		if a == nil || a.current == nil || a.current.id != s.Attempt || !a.current.awaited() {
			return true
		}
		if s.Silent(now) > c.cfg.AMExpiry {
			c.fireAttempt(a.current, attemptExpired, attemptNews{})
		}
		return true
	})
	for len(c.grantTimes) > 0 && !c.grantTimes[0].at.After(now) {
		id := c.grantTimes[0].id
		c.grantTimes = c.grantTimes[1:]
		if k := c.containers[id]; k != nil && k.state == containerAllocated {
			c.endContainer(k, containerExpire, yarn.ExitAborted, "Container expired since it was unused")
			c.cleanContainer(k)
		}
	}
	c.shrinkUnused(now)
	c.expireApps(now.UnixMilli())
	c.drainNodes(now)
	c.shrinkNodes(now)
	if c.usageOld {
		c.publish()
	}
}
