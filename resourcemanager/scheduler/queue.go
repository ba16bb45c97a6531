package scheduler

import (
	"cmp"
	"slices"

	"heddle/yarn"
)

// queue is one queue of the tree. Leaves hold applications.
type queue struct {
	path     string
	cfg      QueueConfig
	parent   *queue
	children []*queue

	absCapacity int64 // parts per million of the cluster
	absMax      int64
	guaranteed  yarn.Resource // absCapacity of the cluster's total
	maximum     yarn.Resource

	used       yarn.Resource
	containers int64
	reserved   demand // nodes held back, and the containers they are held back for
	pending    demand
	ready      int    // active applications below that want something
	blocked    uint64 // the pass in which nothing below could be placed

	// A leaf's own.
	users      map[string]*user
	waiting    []*app // accepted, but held back by the AM share; in order
	active     []*app // may be served; in order
	wanting    []*app // those of active that want something; in order
	cursor     int    // wanting before it are blocked in the pass cursorPass
	cursorPass uint64
	amUsed     yarn.Resource
	apps       int
}

// user is what one user has in one leaf.
type user struct {
	name    string
	used    yarn.Resource
	amUsed  yarn.Resource
	pending demand
	apps    int // applications, waiting ones included
	active  int // applications past the AM share
	wanting int // active applications that want something
}

// build makes the tree below cfg; capacities are known, resources come with the nodes.
func (s *Scheduler) build(cfg QueueConfig, parent *queue) *queue {
	q := &queue{cfg: cfg, parent: parent, path: cfg.Name, absCapacity: cfg.Capacity, absMax: cfg.MaxCapacity}
	if parent != nil {
		q.path = parent.path + "." + cfg.Name
		q.absCapacity = scale(parent.absCapacity, cfg.Capacity, Million)
		q.absMax = scale(parent.absMax, cfg.MaxCapacity, Million)
	}
	s.queues[q.path] = q
	for _, c := range cfg.Children {
		q.children = append(q.children, s.build(c, q))
	}
	if q.leaf() {
		q.users = map[string]*user{}
	}
	return q
}

func (q *queue) leaf() bool { return len(q.children) == 0 }

// resize recomputes the queue's shares after the cluster's total changed.
func (q *queue) resize(total yarn.Resource) {
	q.guaranteed, q.maximum = share(total, q.absCapacity), share(total, q.absMax)
	for _, c := range q.children {
		c.resize(total)
	}
}

// stopped reports whether the queue or one above it takes no new applications.
func (q *queue) stopped() bool {
	for ; q != nil; q = q.parent {
		if q.cfg.Stopped {
			return true
		}
	}
	return false
}

// room is how much more the queue may use, bounded by every queue above it.
func (q *queue) room() yarn.Resource {
	r := q.maximum.Sub(q.used)
	for p := q.parent; p != nil; p = p.parent {
		r = r.Min(p.maximum.Sub(p.used))
	}
	return r
}

// charge adds r and n containers to the queue and all above it.
func (q *queue) charge(r yarn.Resource, n int64) {
	for ; q != nil; q = q.parent {
		q.used = q.used.Add(r)
		q.containers += n
	}
}

// hold adds n reservations of r in all to the queue and all above it.
func (q *queue) hold(r yarn.Resource, n int64) {
	for ; q != nil; q = q.parent {
		q.reserved.resource = q.reserved.resource.Add(r)
		q.reserved.containers += n
	}
}

// before orders applications of a leaf: higher priority first, then order of submission.
func before(a, b *app) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.order, b.order))
}

func insertApp(list []*app, a *app) ([]*app, int) {
	i, found := slices.BinarySearchFunc(list, a, before)
	if found {
		return list, i
	}
	return slices.Insert(list, i, a), i
}

func removeApp(list []*app, a *app) ([]*app, int) {
	i, found := slices.BinarySearchFunc(list, a, before)
	if !found {
		return list, -1
	}
	return slices.Delete(list, i, i+1), i
}

// setReady keeps an application's place in its leaf's list of those that want something,
// and the counts that lead the search down the tree.
func (s *Scheduler) setReady(a *app) {
	want := a.active && (a.outstanding.containers > 0 || len(a.growths) > 0)
	if want == a.ready {
		return
	}
	a.ready = want
	q, step := a.queue, 1
	if want {
		var i int
		q.wanting, i = insertApp(q.wanting, a)
		q.cursor = min(q.cursor, i)
	} else {
		step = -1
		var i int
		q.wanting, i = removeApp(q.wanting, a)
		if i >= 0 && i < q.cursor {
			q.cursor--
		}
	}
	a.user.wanting += step
	for p := q; p != nil; p = p.parent {
		p.ready += step
	}
}

// currentLimit is the most a leaf could use at this moment: its maximum, less what its
// neighbours use of it. At least its guaranteed share.
func (s *Scheduler) currentLimit(q *queue) yarn.Resource {
	return q.used.Add(q.room()).Min(q.maximum).Max(q.guaranteed)
}

// amLimit is how much of a leaf ApplicationMasters may use (Hadoop's LeafQueue: the AM
// share of what the queue could have now, at least of what it is guaranteed).
func (s *Scheduler) amLimit(q *queue) yarn.Resource {
	return s.roundUp(shareUp(s.currentLimit(q), q.cfg.MaxAMShare))
}

// userAMLimit is one user's part of the AM share.
func (s *Scheduler) userAMLimit(q *queue) yarn.Resource {
	users := 0
	for _, u := range q.users {
		if u.apps > 0 {
			users++
		}
	}
	each := max(q.cfg.UserLimit, Million/int64(max(1, users)))
	limit := shareUp(q.maximum, q.cfg.MaxAMShare)
	if q.cfg.UserLimitFactor >= 0 {
		limit = shareUp(q.guaranteed, scale(scale(q.cfg.MaxAMShare, each, Million), q.cfg.UserLimitFactor, Million))
	}
	return s.roundUp(limit).Min(s.amLimit(q))
}

// userLimit is how much one user of a leaf may use before its other users come first
// (Hadoop's UsersManager: the larger of an equal part and the minimum percentage of the
// queue's current capacity, at most the factor times its guaranteed share).
func (s *Scheduler) userLimit(q *queue) yarn.Resource {
	least := s.cfg.Minimum
	guaranteed := q.guaranteed
	if s.cfg.ratio(guaranteed, s.total) < s.cfg.ratio(least, s.total) {
		guaranteed = least
	}
	current := guaranteed
	if s.cfg.ratio(q.used, s.total) >= s.cfg.ratio(guaranteed, s.total) {
		current = q.used.Add(least)
	}
	active := 0
	for _, u := range q.users {
		if u.wanting > 0 {
			active++
		}
	}
	part := share(current, Million/int64(max(1, active))).Max(share(current, q.cfg.UserLimit))
	if q.cfg.UserLimitFactor < 0 {
		return s.roundUp(part)
	}
	return s.roundUp(part.Min(share(guaranteed, q.cfg.UserLimitFactor)))
}

// roundUp rounds every type up to a multiple of the minimum allocation.
func (s *Scheduler) roundUp(r yarn.Resource) yarn.Resource {
	for i := range s.cfg.counted() {
		r[i] = roundUp(r[i], s.cfg.Minimum[i], 1<<62)
	}
	return r
}

func sortedUsers(m map[string]*user) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
