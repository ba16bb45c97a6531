package scheduler

import "heddle/yarn"

// Pending explains what an application still waits for.
type Pending struct {
	Containers int64
	Resource   yarn.Resource
	Active     bool // past the AM share
	Reason     Reason
	Reserved   yarn.NodeID   // the node held back for it, if any
	Held       yarn.Resource // what the node is held back for: one container
}

// Why says what an application waits for and the reason of the last pass.
func (s *Scheduler) Why(id yarn.ApplicationID) Pending {
	a, ok := s.apps[id]
	if !ok {
		return Pending{}
	}
	p := Pending{Containers: a.outstanding.containers, Resource: a.outstanding.resource, Active: a.active, Reason: a.skipped}
	if r := a.reservation(); r != nil {
		p.Reserved, p.Held = r.node.id, r.size
	}
	return p
}

// AppUsage is what an application holds now.
func (s *Scheduler) AppUsage(id yarn.ApplicationID) (used yarn.Resource, containers int) {
	if a, ok := s.apps[id]; ok {
		return a.used, len(a.containers)
	}
	return used, 0
}

// Headroom is how much more an application could get: what its queue, its user and the
// cluster leave. MapReduce preempts its own reducers by this number, so it never
// exceeds what can really be had.
func (s *Scheduler) Headroom(id yarn.ApplicationID) yarn.Resource {
	a, ok := s.apps[id]
	if !ok {
		return yarn.Resource{}
	}
	free := s.total.Sub(s.root.used)
	return s.userLimit(a.queue).Sub(a.user.used).Min(a.queue.room()).Min(free).Max(yarn.Resource{})
}

// QueueInfo is one queue's configuration and use at one moment.
type QueueInfo struct {
	Path                   string
	Config                 QueueConfig // without the children; MaxApplications is the limit that holds
	Leaf                   bool
	State                  QueueState
	Children               []string // paths
	AbsCapacity, AbsMax    int64    // parts per million
	Guaranteed, Maximum    yarn.Resource
	Used                   yarn.Resource
	Containers             int64
	PendingContainers      int64
	Pending                yarn.Resource
	ReservedContainers     int64 // nodes held back for larger asks, one container each
	Reserved               yarn.Resource
	Apps, ActiveApps       int // of a leaf, or of all leaves below
	WaitingApps            int
	AMUsed, AMLimit        yarn.Resource
	UserAMLimit, UserLimit yarn.Resource
	Users                  []UserInfo
}

// UserInfo is one user's part of a leaf.
type UserInfo struct {
	Name              string
	Used, AMUsed      yarn.Resource
	ActiveApps        int
	PendingApps       int
	PendingContainers int64
}

// Queues describes every queue, parents before children, in configuration order.
func (s *Scheduler) Queues() []QueueInfo {
	var out []QueueInfo
	var walk func(q *queue) (apps, active, waiting int)
	walk = func(q *queue) (apps, active, waiting int) {
		at := len(out)
		out = append(out, s.describe(q))
		if q.leaf() {
			return q.apps, len(q.active), len(q.waiting)
		}
		for _, c := range q.children {
			a, b, w := walk(c)
			apps, active, waiting = apps+a, active+b, waiting+w
		}
		out[at].Apps, out[at].ActiveApps, out[at].WaitingApps = apps, active, waiting
		return apps, active, waiting
	}
	walk(s.root)
	return out
}

func (s *Scheduler) describe(q *queue) QueueInfo {
	info := QueueInfo{
		Path: q.path, Config: q.cfg, Leaf: q.leaf(), State: q.state(), AbsCapacity: q.absCapacity, AbsMax: q.absMax,
		Guaranteed: q.guaranteed, Maximum: q.maximum, Used: q.used, Containers: q.containers,
		PendingContainers: q.pending.containers, Pending: q.pending.resource,
		ReservedContainers: q.reserved.containers, Reserved: q.reserved.resource,
	}
	info.Config.Children = nil
	info.Config.MaxApplications = s.mostApps(q)
	for _, c := range q.children {
		info.Children = append(info.Children, c.path)
	}
	if !q.leaf() {
		return info
	}
	info.Apps, info.ActiveApps, info.WaitingApps = q.apps, len(q.active), len(q.waiting)
	info.AMUsed, info.AMLimit, info.UserAMLimit, info.UserLimit = q.amUsed, s.amLimit(q), s.userAMLimit(q), s.userLimit(q)
	for _, name := range sortedUsers(q.users) {
		u := q.users[name]
		info.Users = append(info.Users, UserInfo{Name: name, Used: u.used, AMUsed: u.amUsed, ActiveApps: u.active,
			PendingApps: u.apps - u.active, PendingContainers: u.pending.containers})
	}
	return info
}
