package container

import (
	"fmt"

	"heddle/yarn"
)

// Update is another size or kind for a container, of a token that the ResourceManager signed or of its own word.
type Update struct {
	Resource      yarn.Resource
	Version       int32
	Opportunistic bool
}

// Update changes the container's size: the kernel's limits and the monitor follow, and the
// ResourceManager hears of a greater one. It returns when the size is remembered.
func (c *Container) Update(u Update) error {
	c.mu.Lock()
	if err := c.updatable(u); err != nil {
		c.mu.Unlock()
		return err
	}
	before, untold := c.spec, c.turn.Untold
	c.spec.Resource, c.spec.Grant.Version, c.spec.Grant.Opportunistic = u.Resource, u.Version, u.Opportunistic
	if u.Resource != before.Resource && before.Resource.FitsIn(u.Resource) {
		c.turn.Untold = u.Version
	}
	c.mu.Unlock()
	if err := c.saveTurn(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spec.Resource, c.spec.Grant, c.turn.Untold = before.Resource, before.Grant, untold
		return err
	}
	c.mgr.cfg.Log.Info("a container has another size", "container", c.ID, "from", before.Resource, "to", u.Resource, "version", u.Version)
	c.resize()
	c.mgr.tellRM()
	return nil
}

func (c *Container) updatable(u Update) error {
	if c.state >= Killing {
		return fmt.Errorf("Container %s is in %s state. Resource can only be changed when a container is in RUNNING or SCHEDULED state", c.ID, c.state) //nolint:revive // Hadoop's text
	}
	if has := c.spec.Grant.Version; u.Version <= has {
		return fmt.Errorf("Container %s has update version [%d] >= requested version [%d]", c.ID, has, u.Version) //nolint:revive // Hadoop's text
	}
	if !c.mgr.cfg.Devices.Same(c.spec.Resource, u.Resource) || !c.mgr.cfg.Plugins.Same(c.spec.Resource, u.Resource) {
		return fmt.Errorf("container %s keeps its devices while it runs: ask for a new container to have others", c.ID)
	}
	return nil
}

// resize has the kernel hold the process to the container's size. Where it refuses, as it may when memory is in use
// above the new limit, the monitor still knows the size. Of sizes in a row the last is set last.
func (c *Container) resize() {
	c.sizing.Lock()
	defer c.sizing.Unlock()
	c.mu.Lock()
	p, l := c.process, c.limits()
	c.mu.Unlock()
	if p == nil {
		return
	}
	if err := p.Resize(c.mgr.away, l); err != nil {
		c.mgr.cfg.Log.Warn("a container's new limits were not all set", "container", c.ID, "error", err)
	}
}

// Grown lists the containers whose greater size the ResourceManager has not heard of.
func (m *Manager) Grown() []Spec {
	var out []Spec
	for _, c := range m.Containers() {
		c.mu.Lock()
		if c.turn.Untold > 0 && c.state < Killing {
			out = append(out, c.spec)
		}
		c.mu.Unlock()
	}
	return out
}

// ToldGrown says that the ResourceManager has these.
func (m *Manager) ToldGrown(told []Spec) {
	for _, s := range told {
		c, err := m.Find(s.ID)
		if err != nil {
			continue
		}
		c.mu.Lock()
		done := c.turn.Untold == s.Grant.Version
		if done {
			c.turn.Untold = 0
		}
		c.mu.Unlock()
		if !done {
			continue
		}
		m.wg.Go(func() {
			if err := c.saveTurn(); err != nil {
				m.cfg.Log.Warn("that the ResourceManager has a container's size is not remembered; it hears it again", "container", c.ID, "error", err)
			}
		})
	}
}
