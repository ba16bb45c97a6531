package scheduler

import (
	"fmt"
	"slices"
)

// QueueState is what a queue does with new applications (QueueState).
type QueueState string

// Queue states. A draining queue is stopped and still has applications.
const (
	QueueRunning  QueueState = "RUNNING"
	QueueStopping QueueState = "DRAINING"
	QueueIsDown   QueueState = "STOPPED"
)

func (q *queue) state() QueueState {
	switch {
	case !q.stopped():
		return QueueRunning
	case q.population() > 0:
		return QueueStopping
	}
	return QueueIsDown
}

// population is the number of applications in the queue and all below.
func (q *queue) population() int {
	n := q.apps
	for _, c := range q.children {
		n += c.population()
	}
	return n
}

// Reconfigure takes over the queue tree, the locality delays and the bounds on applications of next, as
// refreshQueues does; types, calculator and allocation limits stay. Nothing changes where it fails: the tree must
// be valid, and a queue that is left out, or that turns from a leaf into a parent or back, must be stopped and
// without applications, and a leaf's largest allocation does not shrink (Hadoop's CapacitySchedulerQueueManager).
func (s *Scheduler) Reconfigure(next Config) error {
	if next.Root.Name != "root" {
		return fmt.Errorf("the topmost queue is named %q, not root", next.Root.Name)
	}
	if err := next.Root.Validate("root"); err != nil {
		return err
	}
	if err := s.mayBecome(&next.Root); err != nil {
		return err
	}
	old := s.queues
	s.cfg.Root, s.cfg.NodeLocalityDelay, s.cfg.RackLocalityDelay, s.cfg.MaxApplications = next.Root, next.NodeLocalityDelay, next.RackLocalityDelay, next.MaxApplications
	s.cfg.UserParallelApps = next.UserParallelApps
	s.queues = map[string]*queue{}
	s.root = s.build(next.Root, nil)
	s.names = namesOf(s.root)
	s.root.inherit(old)
	s.root.resize(s.total)
	s.pass++ // what was blocked in the last pass may not be now
	s.dirty = true
	return nil
}

// mayBecome reports which queue forbids the change to the tree below root.
func (s *Scheduler) mayBecome(root *QueueConfig) error {
	next := map[string]*QueueConfig{}
	var walk func(q *QueueConfig, path string)
	walk = func(q *QueueConfig, path string) {
		next[path] = q
		for i := range q.Children {
			walk(&q.Children[i], path+"."+q.Children[i].Name)
		}
	}
	walk(root, "root")
	paths := make([]string, 0, len(s.queues))
	for path := range s.queues {
		paths = append(paths, path)
	}
	slices.Sort(paths) // the first one at fault, always the same
	for _, path := range paths {
		q := s.queues[path]
		state := q.state()
		to := next[path]
		isLeaf := to != nil && len(to.Children) == 0
		// AMs have been told how large their containers may be.
		if was := s.cfg.Largest(&q.cfg); isLeaf && q.leaf() && was != was.Min(s.cfg.Largest(to)) {
			return fmt.Errorf("Trying to reinitialize %s the maximum allocation size can not be decreased! Current setting: %s, trying to set it to: %s", path, s.cfg.Types.Format(was), s.cfg.Types.Format(s.cfg.Largest(to)))
		}
		if state == QueueIsDown {
			continue
		}
		switch {
		case to == nil:
			return fmt.Errorf("%s cannot be deleted from the capacity scheduler configuration, as the queue is not yet in stopped state. Current State : %s", path, state)
		case isLeaf && !q.leaf():
			return fmt.Errorf("Can not convert parent queue: %s to leaf queue since it is not yet in stopped state. Current State : %s", path, state)
		case !isLeaf && q.leaf():
			return fmt.Errorf("Can not convert the leaf queue: %s to parent queue since it is not yet in stopped state. Current State : %s", path, state)
		}
	}
	return nil
}

// inherit takes over what the leaves of the old tree hold, and sums it up again.
func (q *queue) inherit(old map[string]*queue) {
	if o := old[q.path]; q.leaf() && o != nil && o.leaf() {
		q.users, q.waiting, q.active, q.wanting, q.amUsed, q.apps = o.users, o.waiting, o.active, o.wanting, o.amUsed, o.apps
		q.used, q.containers, q.reserved, q.pending, q.ready = o.used, o.containers, o.reserved, o.pending, o.ready
		for _, a := range slices.Concat(q.waiting, q.active) {
			a.queue = q
		}
	}
	for _, c := range q.children {
		c.inherit(old)
		q.used, q.containers, q.ready = q.used.Add(c.used), q.containers+c.containers, q.ready+c.ready
		q.reserved, q.pending = q.reserved.add(c.reserved), q.pending.add(c.pending)
	}
}
