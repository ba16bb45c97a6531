package scheduler

import (
	"slices"

	"heddle/yarn"
)

// activate lets waiting applications start as far as the AM shares and the limits on applications that run side by
// side go. Each leaf has its order; between leaves the application that came first goes first, since leaves share limits.
func (s *Scheduler) activate(leaves []*queue) {
	if len(leaves) == 0 || s.total.IsZero() {
		return
	}
	shares, room := make([]amShare, len(leaves)), s.parallelRoom()
	for i, q := range leaves {
		shares[i] = amShare{queue: q, limit: s.amLimit(q)}
		for room == nil && shares[i].next < len(q.waiting) {
			s.start(&shares[i], room)
		}
	}
	for room != nil {
		var first *amShare
		for i := range shares {
			if sh := &shares[i]; sh.next < len(sh.queue.waiting) && (first == nil || sh.head().order < first.head().order) {
				first = sh
			}
		}
		if first == nil {
			break
		}
		s.start(first, room)
	}
	for _, q := range leaves {
		q.waiting = slices.DeleteFunc(q.waiting, func(a *app) bool { return a.active })
	}
}

// amShare is what the ApplicationMasters of a leaf may use in a pass, and how far the pass has come there.
type amShare struct {
	queue     *queue
	limit     yarn.Resource
	userLimit yarn.Resource
	known     bool // userLimit is computed
	next      int  // index into the leaf's waiting applications
}

func (sh *amShare) head() *app { return sh.queue.waiting[sh.next] }

// start lets the leaf's next application start, or notes why not. The first AM of a queue, and of a user, has its share,
// else a share that is smaller than one AM would let nothing run.
func (s *Scheduler) start(sh *amShare, room *parallelRoom) {
	a, q := sh.head(), sh.queue
	sh.next++
	if room.full(a) {
		a.skipped = ParallelApps
		return
	}
	if len(q.active) > 0 && !q.amUsed.IsZero() && !s.cfg.fits(q.amUsed.Add(a.am), sh.limit) {
		a.skipped = AMShare
		return
	}
	if !sh.known {
		sh.userLimit, sh.known = s.userAMLimit(q), true
	}
	if len(q.active) > 0 && !a.user.amUsed.IsZero() && !s.cfg.fits(a.user.amUsed.Add(a.am), sh.userLimit) {
		a.skipped = UserAMShare
		return
	}
	s.setActive(a)
	room.take(a)
}

// parallelRoom is how many more applications may run, where that is limited. Nil is without limits.
type parallelRoom struct {
	queues  map[*queue]int // those that have a limit
	users   map[string]int // applications that run
	ofUsers map[string]int // see Config
}

func (s *Scheduler) parallelRoom() *parallelRoom {
	if len(s.cfg.UserParallelApps) == 0 && !s.root.limitsParallel() { // most clusters: nobody is counted
		return nil
	}
	r := &parallelRoom{queues: map[*queue]int{}, users: map[string]int{}, ofUsers: s.cfg.UserParallelApps}
	var walk func(*queue) int
	walk = func(q *queue) (running int) {
		for name, u := range q.users {
			r.users[name] += u.active
			running += u.active
		}
		for _, c := range q.children {
			running += walk(c)
		}
		if most := q.cfg.MaxParallelApps; most != nil {
			r.queues[q] = *most - running
		}
		return running
	}
	walk(s.root)
	return r
}

func (q *queue) limitsParallel() bool {
	return q.cfg.MaxParallelApps != nil || slices.ContainsFunc(q.children, (*queue).limitsParallel)
}

func (r *parallelRoom) full(a *app) bool {
	if r == nil {
		return false
	}
	most, limited := r.ofUsers[a.user.name]
	if !limited {
		most, limited = r.ofUsers[EachUser]
	}
	if limited && r.users[a.user.name] >= most {
		return true
	}
	for q := a.queue; q != nil; q = q.parent {
		if room, limited := r.queues[q]; limited && room <= 0 {
			return true
		}
	}
	return false
}

func (r *parallelRoom) take(a *app) {
	if r == nil {
		return
	}
	r.users[a.user.name]++
	for q := a.queue; q != nil; q = q.parent {
		if _, limited := r.queues[q]; limited {
			r.queues[q]--
		}
	}
}
