package core

import (
	"context"
	"fmt"

	"heddle/yarn"
)

// update changes a live application by f, on the core's goroutine, and waits until the
// changed record is durable. known is false for an unknown or ended one.
func (c *Core) update(ctx context.Context, id yarn.ApplicationID, f func(*application) error) (known bool, err error) {
	saved := make(chan error, 1)
	var refused error
	err = c.call(ctx, func() {
		a := c.apps[id]
		if a == nil || a.ended() {
			return
		}
		known = true
		if refused = f(a); refused != nil {
			return
		}
		c.touchApp(a)
		c.recorder.SaveApp(a.record(), func(err error) { saved <- err })
	})
	if err == nil {
		err = refused
	}
	if err != nil || !known {
		return known, err
	}
	select {
	case err := <-saved:
		if err != nil {
			return true, fmt.Errorf("%s was changed, but the change could not be stored and will be lost when the ResourceManager restarts: %w", id, err)
		}
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-c.stopped:
		return true, ErrStopped
	}
}

// SetPriority changes an application's priority; known is false for an unknown or ended one.
func (c *Core) SetPriority(ctx context.Context, id yarn.ApplicationID, priority int32) (known bool, err error) {
	return c.update(ctx, id, func(a *application) error {
		a.sub.Priority = priority
		c.sched.SetPriority(id, priority)
		if a.current != nil && a.current.session != nil {
			a.current.session.priority.Store(priority)
		}
		return nil
	})
}

// Move takes an application, its containers and its asks to another leaf. known is false
// for an unknown or ended one.
func (c *Core) Move(ctx context.Context, id yarn.ApplicationID, queue string) (known bool, err error) {
	return c.update(ctx, id, func(a *application) error {
		if a.state != appAccepted && a.state != appRunning {
			return fmt.Errorf("App in %s state cannot be moved.", a.reported())
		}
		path, err := c.sched.LeafPath(queue)
		if err != nil {
			return err
		}
		if err := c.sched.Move(id, path); err != nil {
			return err
		}
		a.sub.Queue, a.queue = path, path
		if a.current != nil && a.current.session != nil {
			a.current.session.queue.Store(&path)
		}
		return nil
	})
}

// SetExpiry sets when (ms) an application is killed if it still runs; 0 is never. known is
// false for an unknown or ended one.
func (c *Core) SetExpiry(ctx context.Context, id yarn.ApplicationID, at int64) (known bool, err error) {
	return c.update(ctx, id, func(a *application) error {
		a.setExpiry(at)
		return nil
	})
}

// setExpiry keeps the set that tick looks at.
func (a *application) setExpiry(at int64) {
	a.sub.Expires = at
	if at > 0 {
		a.core.expiries[a] = struct{}{}
		return
	}
	delete(a.core.expiries, a)
}

// expireApps kills the applications whose lifetime has passed (ms).
func (c *Core) expireApps(now int64) {
	for a := range c.expiries {
		if a.ended() || a.cleaned {
			delete(c.expiries, a)
			continue
		}
		if now >= a.sub.Expires {
			delete(c.expiries, a)
			c.log.Info("application lifetime exceeded", "application", a.sub.ID)
			c.fireApp(a, appKill, appStep{text: "Application is killed by ResourceManager as it has exceeded the lifetime period."})
		}
	}
}
