// Package container is the life of applications and containers on a node, from the
// start request to the last file that is removed.
//
//	start request -> localize -> launch -> wait -> clean up -> Done, kept until the ResourceManager has it
//	                              ^--------- relaunch: a retry, a restart, another launch context
//	application finished -> end its containers -> upload logs -> remove its directories
package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/localizer"
	"heddle/nodemanager/plugin"
	"heddle/nodemanager/recovery"
	"heddle/statemachine"
	"heddle/yarn"
)

// Spec is a container as its token and launch context describe it.
type Spec struct {
	ID       yarn.ContainerID
	User     string
	Resource yarn.Resource
	Launch   Launch
	Grant    Grant
	Logs     LogContext
}

// Launch is the launch context.
type Launch struct {
	Resources   []localizer.Resource
	Credentials []byte // credentials stream, format 0
	Service     map[string][]byte
	Env         map[string]string
	Commands    []string
	ACLs        map[string]string // VIEW_APP, MODIFY_APP
	Retry       Retry
}

// Grant is what only travels back to the ResourceManager.
type Grant struct {
	Created             time.Time
	Priority            int32
	NodeLabels          string
	Version             int32
	Opportunistic       bool
	AllocationRequestID int64
	AllocationTags      []string
	Master              bool // the application's AM
}

// LogContext is what an application wants of its logs' upload.
type LogContext struct {
	Include, Exclude string // regular expressions on file names
	Policy           string // class of the aggregation policy
	Parameters       string // of the policy
	// RolledInclude makes logs that it matches be uploaded while the application runs; empty: none.
	RolledInclude, RolledExclude string
}

// State is a container's state.
type State int

// States.
const (
	New State = iota
	Localizing
	Launching
	Running
	Reinitializing // its process is being ended, and another follows
	Relaunching    // between two processes
	Killing        // told to end, and not yet ended
	Ending         // being cleaned up
	Done
)

var stateNames = [...]string{"NEW", "LOCALIZING", "LAUNCHING", "RUNNING", "REINITIALIZING", "RELAUNCHING", "KILLING", "ENDING", "DONE"}

func (s State) String() string { return stateNames[s] }

type event int

const (
	evInit event = iota
	evLocalized
	evLocalizeFailed
	evLaunched
	evLaunchFailed
	evExited
	evKill
	evCleaned
	evReattach
	evReinit
	evRelaunch
)

func (e event) String() string {
	return [...]string{"INIT", "LOCALIZED", "LOCALIZE_FAILED", "LAUNCHED", "LAUNCH_FAILED", "EXITED", "KILL", "CLEANED", "REATTACH", "REINIT", "RELAUNCH"}[e]
}

// lifecycle lists every legal step. Actions run under the container's lock: they only start
// goroutines and cancel contexts.
var lifecycle *statemachine.Machine[State, event, *Container]

func init() { lifecycle = statemachine.Compile(steps()) } // actions fire steps: a plain variable would be a cycle

func steps() statemachine.Table[State, event, *Container] {
	return statemachine.Table[State, event, *Container]{
		{From: New, On: evInit, To: []State{Localizing}, Action: (*Container).startLocalizing},
		{From: New, On: evKill, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: New, On: evReattach, To: []State{Launching}, Action: (*Container).startReattach},
		{From: New, On: evExited, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: New, On: evRelaunch, To: []State{Relaunching}, Action: (*Container).startRelaunch},

		{From: Localizing, On: evLocalized, To: []State{Launching}, Action: (*Container).startLaunch},
		{From: Localizing, On: evLocalizeFailed, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Localizing, On: evKill, To: []State{Killing}, Action: (*Container).interrupt},

		{From: Launching, On: evLaunched, To: []State{Running}, Action: (*Container).startWaiting},
		{From: Launching, On: evLaunchFailed, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Launching, On: evExited, To: []State{Ending, Relaunching}, Action: (*Container).afterExit}, // while the NodeManager was away
		{From: Launching, On: evKill, To: []State{Killing}, Action: (*Container).interrupt},

		{From: Running, On: evExited, To: []State{Ending, Relaunching}, Action: (*Container).afterExit},
		{From: Running, On: evReinit, To: []State{Reinitializing}, Action: (*Container).startStopping},
		{From: Running, On: evKill, To: []State{Killing}, Action: (*Container).startStopping},

		{From: Reinitializing, On: evExited, To: []State{Ending, Relaunching}, Action: (*Container).afterExit},
		{From: Reinitializing, On: evKill, To: []State{Killing}}, // it is being stopped

		{From: Relaunching, On: evLaunched, To: []State{Running}, Action: (*Container).startWaiting},
		{From: Relaunching, On: evLaunchFailed, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Relaunching, On: evKill, To: []State{Killing}, Action: (*Container).interrupt},

		{From: Killing, On: evLocalized, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Killing, On: evLocalizeFailed, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Killing, On: evLaunched, To: []State{Killing}, Action: (*Container).waitAndStop},
		{From: Killing, On: evLaunchFailed, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Killing, On: evExited, To: []State{Ending}, Action: (*Container).startCleanup},
		{From: Killing, On: evKill, To: []State{Killing}},

		{From: Ending, On: evInit, To: []State{Ending}}, // killed before it began
		{From: Ending, On: evKill, To: []State{Ending}},
		{From: Ending, On: evCleaned, To: []State{Done}},
		{From: Done, On: evInit, To: []State{Done}},
		{From: Done, On: evKill, To: []State{Done}},
	}
}

// Container is one container. mu guards everything below it; fields above never change.
type Container struct {
	ID      yarn.ContainerID
	User    string
	Started time.Time
	mgr     *Manager
	owner   *executor.Account
	done    chan struct{} // closed in Done
	ctx     context.Context
	cancel  context.CancelFunc // interrupts localizing and launching
	saved   *saved             // of an earlier NodeManager; nil for a container of this one

	saving sync.Mutex // orders the journal's records of spec and turn
	sizing sync.Mutex // orders the limits that the executor sets

	mu          sync.Mutex
	spec        Spec // as it is now: its size and launch context may have changed
	turn        turn
	state       State
	exit        yarn.ExitStatus
	diagnostics string
	killed      bool
	process     executor.Process
	gone        chan struct{} // closed when the process ended
	task        *executor.Task
	localized   localizer.Result
	gpus        []string
	plugged     plugin.Grant
	finished    time.Time
	workDir     string
	logDir      string
}

// Status is a moment of a container.
type Status struct {
	Spec        Spec
	Owner       *executor.Account // of its files; nil: the NodeManager's own user
	State       State
	Exit        yarn.ExitStatus
	Diagnostics string
	Started     time.Time
	Finished    time.Time
	PID         int
	Addresses   []string
	GPUs        []string
	WorkDir     string
}

// Status reads the container's state.
func (c *Container) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Spec: c.spec, Owner: c.owner, State: c.state, Exit: yarn.ExitInvalid, Diagnostics: c.diagnostics, Started: c.Started, Finished: c.finished, GPUs: c.gpus, WorkDir: c.workDir}
	if c.state == Done {
		s.Exit = c.exit
	}
	if c.process != nil {
		s.PID, s.Addresses = c.process.PID(), c.process.Addresses()
	}
	return s
}

// fire makes one step; an illegal one is a bug and is logged with both names.
func (c *Container) fire(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step(e)
}

func (c *Container) step(e event) {
	next, err := lifecycle.Fire(c.state, e, c)
	if err != nil {
		c.mgr.cfg.Log.Error("a container's step is not in the table", "container", c.ID, "error", err)
		return
	}
	c.mgr.cfg.Log.Debug("container", "id", c.ID, "from", c.state, "to", next)
	before := c.state
	c.state = next
	if next == Done && before != Done {
		c.finished = c.mgr.cfg.Now()
		close(c.done)
		c.mgr.containerDone(c)
	}
}

// note adds to the diagnostics, with the time as Hadoop writes it; only the last part is kept.
func (c *Container) note(text string) {
	c.diagnostics += fmt.Sprintf("[%s]%s\n", c.mgr.cfg.Now().Format("2006-01-02 15:04:05.000"), text)
	if over := len(c.diagnostics) - c.mgr.cfg.MaxDiagnostics; over > 0 {
		c.diagnostics = c.diagnostics[over:]
	}
}

// Kill ends the container. The first reason counts as its exit status.
func (c *Container) Kill(exit yarn.ExitStatus, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state < Ending && !c.killed {
		c.killed = true
		c.exit = exit
		c.note(reason)
		c.mgr.cfg.Journal.Note(recovery.Put(partKey(c.ID, partKill), savedKill{exit, c.diagnostics}))
	}
	c.step(evKill)
}

// Signal sends a signal to the running container.
func (c *Container) Signal(ctx context.Context, s syscall.Signal) error {
	c.mu.Lock()
	p := c.process
	running := c.state == Running
	c.mu.Unlock()
	if p == nil || !running {
		return fmt.Errorf("container %s is not running", c.ID)
	}
	return p.Signal(ctx, s)
}

// Usage is what the container uses now; ok is false unless it runs.
func (c *Container) Usage(ctx context.Context) (u executor.Usage, pid int, ok bool) {
	c.mu.Lock()
	p := c.process
	running := c.state == Running
	c.mu.Unlock()
	if p == nil || !running {
		return executor.Usage{}, 0, false
	}
	u, err := p.Usage(ctx)
	return u, p.PID(), err == nil
}

// LogSizes is how many bytes the container's logs have in each log directory.
func (c *Container) LogSizes() map[string]int64 {
	out := map[string]int64{}
	for _, l := range c.mgr.cfg.Dirs.AllLog() {
		dir := dirs.LogDir(l, c.ID)
		err := c.owner.Do(func() error {
			return filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
				if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
					return nil
				}
				if err != nil {
					return err
				}
				if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
					out[dir] += fi.Size()
				}
				return nil
			})
		})
		if err != nil {
			c.mgr.cfg.Log.Warn("the size of a container's logs is not known", "container", c.ID, "error", err)
		}
	}
	return out
}

// Wait returns when the container is Done or ctx ends.
func (c *Container) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Container) startLocalizing() State {
	c.mgr.wg.Go(func() {
		res, err := c.mgr.cfg.Localizer.Localize(c.ctx, c.request(c.launchContext()))
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mgr.away.Err() != nil {
			return
		}
		if err == nil {
			c.localized = res
			c.step(evLocalized)
			return
		}
		if !c.killed {
			c.exit = yarn.ExitInvalid
			c.note(err.Error())
		}
		c.step(evLocalizeFailed)
	})
	return Localizing
}

// Resource is the container's size now.
func (c *Container) Resource() yarn.Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spec.Resource
}

func (c *Container) launchContext() Launch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spec.Launch
}

func (c *Container) request(l Launch) localizer.Request {
	return localizer.Request{Container: c.ID, User: c.User, Owner: c.owner, Resources: l.Resources}
}

func (c *Container) interrupt() State {
	c.cancel()
	return Killing
}
