package container

import (
	"errors"
	"fmt"

	"heddle/nodemanager/localizer"
)

// ready refuses what Hadoop allows for running containers only, AMs excepted; the caller has the lock.
func (c *Container) ready(operation string) error {
	if c.state == Running && c.turn.Change == nil && !c.spec.Grant.Master {
		return nil
	}
	return fmt.Errorf("%s Not RUNNING for [%s]. Current state [%s], re-initializing [%t], AM container [%t]", c.ID, operation, c.state, c.turn.Change != nil, c.spec.Grant.Master)
}

// Reinitialize runs another launch context in the place of the present one, and with the resources of
// both. Unless it commits at once, the present one can be gone back to, and is where the new one fails.
func (c *Container) Reinitialize(l Launch, autoCommit bool) error {
	if err := errors.Join(c.mgr.cfg.CheckRuntime(l.Env), checkNames(l.Resources)); err != nil {
		return err
	}
	return c.begin("RE_INIT", func() (*change, error) {
		ch := &change{Launch: l}
		ch.Launch.Resources = merge(c.spec.Launch.Resources, l.Resources)
		if !autoCommit {
			back := c.spec.Launch
			ch.Back = &back
		}
		return ch, nil
	})
}

// Restart runs the launch context again. As in Hadoop there is nothing to go back to afterwards.
func (c *Container) Restart() error {
	return c.begin("RE_INIT", func() (*change, error) { return &change{Launch: c.spec.Launch}, nil })
}

// Rollback goes back to the launch context before the last re-initialization.
func (c *Container) Rollback() error {
	return c.begin("ROLLBACK", func() (*change, error) {
		if c.turn.Back == nil {
			return nil, errors.New("Nothing to rollback to !!") //nolint:revive // Hadoop's text
		}
		return &change{Launch: *c.turn.Back}, nil
	})
}

// Commit makes the last re-initialization final.
func (c *Container) Commit() error {
	return c.alterTurn("COMMIT", func() (undo func(), err error) {
		back := c.turn.Back
		if back == nil {
			return nil, errors.New("Nothing to Commit !!") //nolint:revive // Hadoop's text
		}
		c.turn.Back = nil
		return func() { c.turn.Back = back }, nil
	})
}

// alterTurn lets alter change the turn, where the operation may be now, and saves it. Where that fails it is undone. Both
// functions are called with the lock held.
func (c *Container) alterTurn(operation string, alter func() (undo func(), err error)) error {
	c.mu.Lock()
	err := c.ready(operation)
	var undo func()
	if err == nil {
		undo, err = alter()
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := c.saveTurn(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		undo()
		return err
	}
	return nil
}

// begin remembers a change, which is done when this has returned or a later NodeManager has it.
func (c *Container) begin(operation string, what func() (*change, error)) error {
	var ch *change
	err := c.alterTurn(operation, func() (undo func(), err error) {
		ch, err = what()
		if err == nil {
			c.turn.Change = ch
		}
		return func() { c.turn.Change = nil }, err
	})
	if err != nil {
		return err
	}
	c.mgr.wg.Go(func() { c.prepareChange(ch) })
	return nil
}

// prepareChange brings a change's resources while the present process runs, and then ends that.
func (c *Container) prepareChange(ch *change) {
	_, err := c.mgr.cfg.Localizer.Localize(c.ctx, c.request(ch.Launch))
	c.mu.Lock()
	if c.mgr.away.Err() != nil || c.turn.Change != ch {
		c.mu.Unlock()
		return
	}
	if err == nil {
		c.turn.Change = &change{Launch: ch.Launch, Back: ch.Back, Stopping: true}
	}
	c.mu.Unlock()
	if err == nil {
		err = c.saveTurn()
	}
	c.mu.Lock()
	if err == nil {
		defer c.mu.Unlock()
		if c.state == Running && c.turn.due() {
			c.step(evReinit)
		}
		return
	}
	c.turn.Change = nil
	c.note("Container aborting re-initialization.. " + err.Error())
	c.mu.Unlock()
	if err := c.saveTurn(); err != nil {
		c.mgr.cfg.Log.Error("that a re-initialization was given up is not remembered", "container", c.ID, "error", err)
	}
}

// merge is both lists, the newer resource where a link name is in both.
func merge(old, newer []localizer.Resource) []localizer.Resource {
	return append(without(old, newer), newer...)
}

// without leaves those out whose link names are in gone.
func without(all, gone []localizer.Resource) []localizer.Resource {
	names := map[string]bool{}
	for _, x := range gone {
		names[x.Name] = true
	}
	var out []localizer.Resource
	for _, x := range all {
		if !names[x.Name] {
			out = append(out, x)
		}
	}
	return out
}
