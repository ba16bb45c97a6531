package core

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"heddle/persist"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// View is the whole state at one moment; it never changes.
type View struct {
	Apps   persist.Map[yarn.ApplicationID, *AppView]
	Nodes  persist.Map[yarn.NodeID, *NodeView]
	Queues []scheduler.QueueInfo // parents before children
	Names  *scheduler.Names
	Total  yarn.Resource
	Used   yarn.Resource
	Counts Counts

	listed    atomic.Pointer[appLists] // once somebody has asked for them
	lastLists *lastLists               // of all views
}

// Counts are totals since the start.
type Counts struct {
	ContainersAllocated, ContainersReleased int64
	AppsSubmitted                           int64
	NodesRunning                            int
}

// AppView is an application at one moment.
type AppView struct {
	Submission
	QueuePath    string
	State        yarn.AppState
	Inner        string // the inner state's name
	Final        yarn.FinalStatus
	Diagnostics  string
	Start        int64 // ms
	Launch       int64
	Finish       int64 // 0 while it runs
	Attempt      yarn.AttemptID
	Attempts     []AttemptView
	Host         string
	RPCPort      int32
	OriginalURL  string // as the AM registered it
	session      *AMSession
	AM           *Grant
	Used         yarn.Resource
	Running      int
	Allocated    int
	Pending      scheduler.Pending
	logState     LogState
	placed       bool // containers of it were on nodes, which have logs
	LogDone      int
	usage        usage
	AMRegistered bool
	Veiled       bool // a copy for those who may not see its details
}

// Seconds is what the application has used until now (ms): MB-seconds and vcore-seconds.
func (v *AppView) Seconds(now int64) (memoryMB, vcores int64) {
	u := v.usage
	if now > u.at {
		u.change(now, yarn.Resource{}, 0)
	}
	return u.mbMillis / 1000, u.coreMilli / 1000
}

// AtWork reports whether the application holds a container for its AM, by which metrics tell the running from the pending.
func (v *AppView) AtWork() bool {
	return v.State == yarn.AppRunning || v.State == yarn.AppAccepted && v.AM != nil
}

// Progress is how far the application is, from 0 to 1, as its AM last said; 1 where it was killed.
func (v *AppView) Progress() float32 {
	switch {
	case v.State == yarn.AppFinished:
		return 1
	case v.session != nil:
		return v.session.Progress()
	case v.State.Final() && v.AM != nil: // it ended before a restart
		return 1
	}
	return 0
}

// LogState is how far log aggregation is at now, in ms. What no node has told timeout after the application's end is not waited
// for any longer, such as the word of a node that is gone.
func (v *AppView) LogState(now int64, timeout time.Duration) LogState {
	if v.State.Final() && v.placed && now > v.Finish+timeout.Milliseconds() {
		switch v.logState {
		case LogNotStart, LogRunning:
			return LogTimeOut
		case LogRunningWithFailure:
			return LogFailed
		}
	}
	return v.logState
}

// AttemptView is an attempt at one moment.
type AttemptView struct {
	ID            yarn.AttemptID
	State         yarn.AttemptState
	Start, Finish int64
	// When its AM was started, and when it registered; ms, 0 where that is not so or not known (of before a restart).
	Launched, Registered int64
	Host                 string
	RPCPort              int32
	TrackingURL          string
	Diagnostics          string
	AM                   *Grant
}

// NodeView is a node at one moment.
type NodeView struct {
	ID          yarn.NodeID
	State       yarn.NodeState
	Rack        string
	HTTP        string // host:port
	Version     string
	Total, Used yarn.Resource
	Containers  int
	Report      string
	Reported    int64     // ms
	DrainBy     time.Time // when a node that is being decommissioned leaves at the latest; zero: no such moment
	session     *NodeSession
}

// NodeSession is the session of a node of this view; it may have been replaced since.
func (v *View) NodeSession(id yarn.NodeID) (*NodeSession, bool) {
	n, ok := v.Nodes.Get(id)
	if !ok || n.session == nil {
		return nil, false
	}
	return n.session, true
}

// LastSeen is when the node was last heard, in ms.
func (v *NodeView) LastSeen() int64 {
	if v.session == nil {
		return v.Reported
	}
	return v.session.shown.Load()
}

// Utilization is what the node measured last, or nil.
func (v *NodeView) Utilization() *Utilization {
	if v.session == nil {
		return nil
	}
	return v.session.utilization.Load()
}

// Busy is how much of their vcores the running nodes use together, from 0 to 1, as the share of each node's cores that is at work.
func (v *View) Busy() float32 {
	var used, all int64
	for _, n := range v.Nodes.All() {
		if n.State != yarn.NodeRunning {
			continue
		}
		all += n.Total[yarn.VCores]
		if n.session != nil {
			part, _ := n.session.Busy()
			used += int64(part * float32(n.Total[yarn.VCores]))
		}
	}
	return min(float32(used)/max(float32(all), 1), 1)
}

// Queue is the queue at path, nil where there is none.
func (v *View) Queue(path string) *scheduler.QueueInfo {
	for i := range v.Queues {
		if v.Queues[i].Path == path {
			return &v.Queues[i]
		}
	}
	return nil
}

// LargestNode is, of each resource type, the most that a running node has; ok is false without one.
func (v *View) LargestNode() (most yarn.Resource, ok bool) {
	for _, n := range v.Nodes.All() {
		if n.State == yarn.NodeRunning {
			for i := range most {
				most[i] = max(most[i], n.Total[i])
			}
			ok = true
		}
	}
	return most, ok
}

// View is the latest published state.
func (c *Core) View() *View { return c.view.Load() }

func (c *Core) touchApp(a *application) {
	c.dirtyApps[a] = struct{}{}
	c.usageOld = true
}

func (c *Core) touchNode(n *node) {
	c.dirtyNode[n] = struct{}{}
	c.usageOld = true
}

// publish makes what changed since the last time visible to readers.
func (c *Core) publish() {
	if len(c.dirtyApps) == 0 && len(c.dirtyNode) == 0 && !c.usageOld {
		return
	}
	for a := range c.dirtyApps {
		c.appViews.Set(a.sub.ID, a.view())
	}
	for n := range c.dirtyNode {
		c.nodeViews.Set(n.id, n.view())
	}
	clear(c.dirtyApps)
	clear(c.dirtyNode)
	queues := c.sched.Queues()
	c.usageOld = false
	c.view.Store(&View{Apps: c.appViews.Map(), Nodes: c.nodeViews.Map(), Queues: queues, Names: c.sched.Names(),
		Total: c.sched.Total(), Used: queues[0].Used, Counts: c.counts, lastLists: &c.lastLists})
}

func (a *application) view() *AppView {
	v := &AppView{
		Submission: a.sub, QueuePath: a.queue, State: a.reported(), Inner: a.state.String(), Final: a.status,
		Diagnostics: a.diag, Start: a.start, Launch: a.launch, Host: "N/A", RPCPort: -1,
		Used: a.usage.held, Running: a.usage.running, Allocated: a.usage.allocated, usage: a.usage,
	}
	if v.State.Final() {
		v.Finish = a.finish
	} else if a.status != yarn.FinalUndefined {
		v.Final = yarn.FinalUndefined
	}
	if a.inSched && !a.cleaned {
		v.Pending = a.core.sched.Why(a.sub.ID)
	}
	for _, t := range a.attempts {
		v.Attempts = append(v.Attempts, AttemptView{ID: t.id, State: attemptStates[t.state], Start: t.start, Finish: t.finish, Launched: t.launchedAt, Registered: t.registeredAt,
			Host: t.host, RPCPort: t.rpcPort, TrackingURL: t.tracking, Diagnostics: t.diag, AM: t.am})
	}
	if t := a.current; t != nil {
		v.Attempt, v.Host, v.RPCPort, v.OriginalURL, v.session, v.AM = t.id, t.host, t.rpcPort, t.tracking, t.session, t.am
		v.AMRegistered = t.state >= attemptRunning
	}
	v.logState, v.placed = a.logState(), len(a.nodes) > 0
	return v
}

// Log-aggregation states (LogAggregationStatusProto).
const (
	LogDisabled LogState = 1 + iota
	LogNotStart
	LogRunning
	LogSucceeded
	LogFailed
	LogTimeOut
	LogRunningWithFailure
)

// logState sums up the nodes: the worst of those that have ended, running while some have not.
func (a *application) logState() LogState {
	if !a.core.cfg.LogAggregation {
		return LogDisabled
	}
	if len(a.logStates) == 0 {
		return LogNotStart
	}
	running, failed := false, false
	for id := range a.nodes {
		switch a.logStates[id] {
		case LogSucceeded:
		case LogFailed, LogTimeOut:
			failed = true
		case LogRunningWithFailure:
			running, failed = true, true
		default:
			running = true
		}
	}
	switch {
	case running && failed:
		return LogRunningWithFailure
	case running:
		return LogRunning
	case failed:
		return LogFailed
	}
	return LogSucceeded
}

func (n *node) view() *NodeView {
	used, total, containers, ok := n.core.sched.NodeUsage(n.id)
	if !ok {
		total = yarn.Resource{}
		if n.live() {
			total = n.total
		}
	}
	return &NodeView{ID: n.id, State: n.state, Rack: n.rack, HTTP: n.httpAddress(), Version: n.version,
		Total: total, Used: used, Containers: containers, Report: n.report, Reported: n.reported, DrainBy: n.drainBy, session: n.session}
}

// SortedNodes lists the nodes by id.
func (v *View) SortedNodes() []*NodeView {
	out := make([]*NodeView, 0, v.Nodes.Len())
	for _, n := range v.Nodes.All() {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *NodeView) int { return a.ID.Compare(b.ID) })
	return out
}

// NodeCounts counts the nodes by state.
func (v *View) NodeCounts() map[yarn.NodeState]int {
	out := map[yarn.NodeState]int{}
	for _, n := range v.Nodes.All() {
		out[n.State]++
	}
	return out
}

// Headroom is what an application could still get: what its queue, its user's limit and
// the cluster leave. MapReduce preempts its reducers by it.
func (v *View) Headroom(queue, user string) yarn.Resource {
	room := v.Total.Sub(v.Used)
	for _, q := range v.Queues {
		if q.Path != queue && !(len(queue) > len(q.Path) && queue[:len(q.Path)+1] == q.Path+".") {
			continue
		}
		room = room.Min(q.Maximum.Sub(q.Used))
		if q.Path != queue {
			continue
		}
		var used yarn.Resource
		if i, ok := slices.BinarySearchFunc(q.Users, user, func(u scheduler.UserInfo, name string) int { return cmp.Compare(u.Name, name) }); ok {
			used = q.Users[i].Used
		}
		room = room.Min(q.UserLimit.Sub(used))
	}
	return room.Max(yarn.Resource{})
}
