package scheduler

import (
	"slices"

	"heddle/yarn"
)

// growth is a running container that its AM wants larger. It waits for room on the container's node.
type growth struct {
	container *Container
	target    yarn.Resource
}

// Grow asks for a running container to become target, which is at least its size in every type. The next passes
// try it before the application's other asks; TakeGrown tells when it has happened. It reports false where the
// container is not known or an earlier wish is still open.
func (s *Scheduler) Grow(id yarn.ContainerID, target yarn.Resource) bool {
	c, ok := s.held[id]
	if !ok || slices.ContainsFunc(c.app.growths, func(g growth) bool { return g.container == c }) {
		return false
	}
	c.app.growths = append(c.app.growths, growth{c, target})
	s.setReady(c.app)
	s.dirty = true
	return true
}

// Shrink makes a running container target, which is at most its size in every type, at once. It reports false
// where the container is not known.
func (s *Scheduler) Shrink(id yarn.ContainerID, target yarn.Resource) bool {
	c, ok := s.held[id]
	if !ok {
		return false
	}
	s.setSize(c, target)
	return true
}

// TakeGrown returns the containers that grew since the last call, in order.
func (s *Scheduler) TakeGrown() []*Container {
	grown := s.grown
	s.grown = nil
	return grown
}

// setSize changes a container's size in all books.
func (s *Scheduler) setSize(c *Container, size yarn.Resource) {
	delta := size.Sub(c.Resource)
	c.Resource = size
	c.node.used = c.node.used.Add(delta)
	c.app.used = c.app.used.Add(delta)
	c.app.user.used = c.app.user.used.Add(delta)
	c.app.queue.charge(delta, 0)
	s.refresh(c.node)
}

// grow lets the first wish of an application that has room come true.
func (s *Scheduler) grow(a *app) (bool, Reason) {
	reason := NotSkipped
	for i, g := range a.growths {
		n, more := g.container.node, g.target.Sub(g.container.Resource)
		r := NotSkipped
		switch {
		case s.aboveMaximum(a.queue, more):
			r = QueueMaximum
		case !s.cfg.fits(g.target, n.total):
			r = TooLarge
		case !n.usable || n.reserved != nil || !s.cfg.fits(more, n.free()):
			r = NoNodeFits
		}
		if r != NotSkipped {
			if reason == NotSkipped {
				reason = r
			}
			continue
		}
		a.growths = slices.Delete(a.growths, i, i+1)
		s.setSize(g.container, g.target)
		s.grown = append(s.grown, g.container)
		s.setReady(a)
		return true, NotSkipped
	}
	return false, reason
}

// dropGrowth forgets what was wished for a container that has ended.
func (s *Scheduler) dropGrowth(c *Container) {
	if len(c.app.growths) == 0 {
		return
	}
	c.app.growths = slices.DeleteFunc(c.app.growths, func(g growth) bool { return g.container == c })
	s.setReady(c.app)
}
