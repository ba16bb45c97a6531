package core

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// Submit takes an application in. It returns when the submission is durable, or with the
// reason why it was refused. A second submission of an id by the same user is a success.
func (c *Core) Submit(ctx context.Context, sub Submission) error {
	saved := make(chan error, 1)
	var refused error
	err := c.call(ctx, func() { refused = c.submit(sub, saved) })
	if err == nil {
		err = refused
	}
	if err != nil {
		return err
	}
	select {
	case err := <-saved:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stopped:
		return ErrStopped
	}
}

func (c *Core) submit(sub Submission, saved chan error) error {
	if a := c.apps[sub.ID]; a != nil {
		if a.sub.User != sub.User {
			return fmt.Errorf("Application with id %s is already present! Cannot add a duplicate!", sub.ID)
		}
		if a.state == appNewSaving {
			a.waiters = append(a.waiters, saved)
			return nil
		}
		saved <- nil
		return nil
	}
	path, err := c.sched.LeafPath(sub.Queue)
	if err != nil {
		return fmt.Errorf("Application %s submitted by user %s to %w", sub.ID, sub.User, err)
	}
	if err := c.sched.Accepts(path, sub.User); err != nil {
		return fmt.Errorf("Failed to submit application %s: %w", sub.ID, err)
	}
	a := c.newApplication(sub, path)
	a.waiters = append(a.waiters, saved)
	c.counts.AppsSubmitted++
	c.fireApp(a, appSubmit, appStep{})
	return nil
}

func (c *Core) newApplication(sub Submission, path string) *application {
	a := &application{core: c, sub: sub, queue: path, start: sub.SubmitTime, status: yarn.FinalUndefined,
		nodes: map[yarn.NodeID]struct{}{}, containers: map[yarn.ContainerID]*container{}, logStates: map[yarn.NodeID]LogState{}}
	a.usage.at = c.now()
	c.apps[sub.ID] = a
	if sub.Expires > 0 {
		a.setExpiry(sub.Expires)
	}
	return a
}

// Kill ends an application. done is true once its end is durable; the caller asks again until then.
func (c *Core) Kill(ctx context.Context, id yarn.ApplicationID, diagnostics string) (done, known bool, err error) {
	err = c.call(ctx, func() {
		a := c.apps[id]
		if a == nil {
			return
		}
		known = true
		if a.ended() {
			done = true
			return
		}
		c.fireApp(a, appKill, appStep{text: diagnostics})
		done = a.ended()
	})
	return done, known, err
}

// ended reports whether the application's final state is durable.
func (a *application) ended() bool {
	return a.state == appFinished || a.state == appFailed || a.state == appKilled || a.state == appFinishing
}

// FailAttempt ends an attempt as failed; known is false for an unknown one.
func (c *Core) FailAttempt(ctx context.Context, id yarn.AttemptID, diagnostics string) (known bool, err error) {
	err = c.call(ctx, func() {
		a := c.apps[id.Application]
		if a == nil || a.current == nil || a.current.id.Attempt < id.Attempt {
			return
		}
		known = true
		if a.current.id == id && !a.current.over() {
			c.fireAttempt(a.current, attemptFail, attemptNews{text: diagnostics})
		}
	})
	return known, err
}

// Registration is what an AM says when it registers.
type Registration struct {
	Host     string
	RPCPort  int32
	Tracking string
}

// Register marks an attempt's AM as running. It returns the containers of earlier
// attempts that were kept for it.
func (c *Core) Register(ctx context.Context, id yarn.AttemptID, r Registration) (kept []Grant, err error) {
	err = c.call(ctx, func() {
		a := c.apps[id.Application]
		if a == nil || a.current == nil || a.current.id != id {
			return
		}
		c.fireAttempt(a.current, attemptRegister, attemptNews{host: r.Host, rpcPort: r.RPCPort, tracking: r.Tracking})
		for _, k := range a.containers {
			if k.id.Attempt != id {
				kept = append(kept, k.grant())
			}
		}
	})
	slices.SortFunc(kept, func(a, b Grant) int { return a.ID.Compare(b.ID) })
	return kept, err
}

// AMRequest is what an allocate call brings beside "I am alive".
type AMRequest struct {
	Asks                   []scheduler.Request
	Gang                   *scheduler.Gang
	Release                []yarn.ContainerID
	Updates                []SizeUpdate
	Blacklist, Unblacklist []string
	Progress               float32
	Tracking               string // a new tracking URL, if not empty
}

// Empty reports whether the request would change nothing but the progress.
func (r *AMRequest) Empty() bool {
	return len(r.Asks) == 0 && r.Gang == nil && len(r.Release) == 0 && len(r.Updates) == 0 && len(r.Blacklist) == 0 && len(r.Unblacklist) == 0 && r.Tracking == ""
}

// Allocate applies an AM's request and runs a placement pass, so that what can be granted
// at once is in the session when it returns.
func (c *Core) Allocate(ctx context.Context, id yarn.AttemptID, r AMRequest) error {
	return c.call(ctx, func() {
		a := c.apps[id.Application]
		if a == nil || a.current == nil || a.current.id != id || a.current.over() {
			return
		}
		if a.current.session != nil {
			a.current.session.progress.Store(math.Float32bits(r.Progress))
		}
		if r.Tracking != "" {
			a.current.tracking = r.Tracking
		}
		c.sched.Blacklist(id.Application, r.Blacklist, r.Unblacklist)
		for _, rel := range r.Release {
			c.release(a, rel)
		}
		for _, u := range r.Updates {
			c.updateSize(a, u)
		}
		if len(r.Asks) > 0 {
			c.sched.UpdateAsks(id.Application, r.Asks, c.uptime())
		}
		if r.Gang != nil {
			c.sched.AskGang(id.Application, *r.Gang, c.uptime())
		}
		c.touchApp(a)
	})
}

// release takes back a container that its AM does not want. Others' containers are left alone.
func (c *Core) release(a *application, id yarn.ContainerID) {
	k := c.containers[id]
	if k == nil || k.app != a || k.am {
		return
	}
	if k.state == containerRunning || k.state == containerAllocated {
		c.cleanContainer(k)
		c.endContainer(k, containerRelease, yarn.ExitAborted, "Container released by application")
	}
}

// Finish is an AM's farewell.
type Finish struct {
	Status      yarn.FinalStatus
	Diagnostics string
	Tracking    string
}

// Unregister records an AM's farewell and waits until it is durable. An AM that asks again,
// since it never saw the answer, waits for the same. ok is false where the attempt is
// neither running nor has said farewell.
func (c *Core) Unregister(ctx context.Context, id yarn.AttemptID, f Finish) (ok bool, err error) {
	saved := make(chan error, 1)
	err = c.call(ctx, func() {
		a := c.apps[id.Application]
		if a == nil || a.current == nil || a.current.id != id {
			return
		}
		switch a.current.state {
		case attemptRunning:
		case attemptFinishing, attemptFinished:
			ok = true
			if a.state == appFinalSaving {
				a.enders = append(a.enders, saved)
			} else {
				saved <- nil
			}
			return
		default:
			return
		}
		ok = true
		a.enders = append(a.enders, saved)
		c.fireAttempt(a.current, attemptUnregister, attemptNews{status: f.Status, text: f.Diagnostics, tracking: f.Tracking})
	})
	if err != nil || !ok {
		return ok, err
	}
	select {
	case err := <-saved:
		return true, err
	case <-ctx.Done():
		return true, ctx.Err()
	case <-c.stopped:
		return true, ErrStopped
	}
}

// ContainerView is a container at one moment.
type ContainerView struct {
	Grant
	State yarn.ContainerState
}

// Containers lists an attempt's live containers in order.
func (c *Core) Containers(ctx context.Context, id yarn.AttemptID) (out []ContainerView, err error) {
	err = c.call(ctx, func() {
		a := c.apps[id.Application]
		if a == nil {
			return
		}
		for _, k := range a.containers {
			if k.id.Attempt == id {
				out = append(out, k.view())
			}
		}
	})
	slices.SortFunc(out, func(a, b ContainerView) int { return a.ID.Compare(b.ID) })
	return out, err
}

// Container finds a live container.
func (c *Core) Container(ctx context.Context, id yarn.ContainerID) (v ContainerView, ok bool, err error) {
	err = c.call(ctx, func() {
		if k := c.containers[id]; k != nil {
			v, ok = k.view(), true
		}
	})
	return v, ok, err
}

func (k *container) view() ContainerView {
	state := yarn.ContainerRunning
	if k.state == containerAllocated {
		state = yarn.ContainerNew
	}
	return ContainerView{Grant: k.grant(), State: state}
}

// LeafPath resolves a queue name to a leaf's path.
func (c *Core) LeafPath(queue string) (string, error) { return c.View().Names.LeafPath(queue) }

// Reconfigure takes over a changed queue tree; see scheduler.Reconfigure.
func (c *Core) Reconfigure(ctx context.Context, cfg scheduler.Config) error {
	var refused error
	err := c.call(ctx, func() {
		refused = c.sched.Reconfigure(cfg)
		c.usageOld = true
	})
	return errors.Join(err, refused)
}

// Progress notes an AM's progress; it is seen with the
// next look at the application.
func (c *Core) Progress(id yarn.AttemptID, progress float32) {
	s, ok := c.AMSession(id)
	if !ok {
		return
	}
	s.progress.Store(math.Float32bits(progress))
}
