package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"heddle/executor"
	"heddle/nodemanager/localizer"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// What the journal holds of applications and containers. A container's records come one after the other in
// its life: spec when it was accepted and, with turn, when it changed, launch before its process starts, kill, and exit before its files go.
//
//	app/<application>                    savedApp, from the first container to the last file
//	rolled/<application>                 what was uploaded of its logs while it ran
//	uploaded/<application>               its logs are where they belong
//	ended/<application>/<container>      FinishedContainer, when the ResourceManager has it
//	report/<application>                 savedReport: what the ResourceManager hears, or heard lately
//	retain/<application>                 time until which its logs stay here
//	container/<container>/<part>         savedSpec, turn, savedLaunch, savedKill, savedExit
const (
	keyRolled = "rolled/"

	keyApp, keyUploaded, keyEnded, keyReport, keyRetain, keyContainer = "app/", "uploaded/", "ended/", "report/", "retain/", "container/"

	partSpec, partTurn, partLaunch, partKill, partExit = "spec", "turn", "launch", "kill", "exit"
)

type savedApp struct {
	User      string
	ACLs      map[string]string
	Logs      LogContext
	Created   time.Time
	Finishing bool
}

type savedSpec struct {
	Spec    Spec
	Started time.Time
}

type savedLaunch struct {
	Task      executor.Task // without its account, which is looked up anew
	WorkDir   string
	LogDir    string
	Localized localizer.Result
	Plugged   map[string][]string // devices of plug-ins by resource
	Attempt   int                 // number of this process, from 0
}

type savedKill struct {
	Exit        yarn.ExitStatus
	Diagnostics string
}

type savedExit struct {
	Exit        yarn.ExitStatus
	Diagnostics string
	Killed      bool
	Finished    time.Time
}

// saved is everything of one container.
type saved struct {
	spec   *savedSpec
	turn   *turn
	launch *savedLaunch
	kill   *savedKill
	exit   *savedExit
}

func partKey(id yarn.ContainerID, part string) string {
	return keyContainer + id.String() + "/" + part
}

func forgetContainer(id yarn.ContainerID) []recovery.Change {
	var out []recovery.Change
	for _, p := range []string{partSpec, partTurn, partLaunch, partKill, partExit} {
		out = append(out, recovery.Delete(partKey(id, p)))
	}
	return out
}

func (a *app) record() recovery.Change {
	return recovery.Put(keyApp+a.ID.String(), savedApp{User: a.User, ACLs: a.ACLs, Logs: a.Logs, Created: a.Created, Finishing: a.finishing})
}

// saveLaunch is called before the process starts, so that there is none without its record.
func (c *Container) saveLaunch(t *executor.Task) error {
	c.mu.Lock()
	s := savedLaunch{Task: *t, WorkDir: c.workDir, LogDir: c.logDir, Localized: c.localized, Plugged: c.plugged.Held, Attempt: c.turn.Attempt}
	c.mu.Unlock()
	s.Task.RunAs = nil
	return c.mgr.cfg.Journal.Save(recovery.Put(partKey(c.ID, partLaunch), s))
}

// saveExit is called before the files go, the exit code's among them.
func (c *Container) saveExit() error {
	c.mu.Lock()
	s := savedExit{Exit: c.exit, Diagnostics: c.diagnostics, Killed: c.killed, Finished: c.mgr.cfg.Now()}
	c.mu.Unlock()
	return c.mgr.cfg.Journal.Save(recovery.Put(partKey(c.ID, partExit), s))
}

// Recover reads what an earlier NodeManager knew. fix puts resources into today's order of types. Nothing
// starts before Resume; until then Known says which containers are not to be touched.
func (m *Manager) Recover(fix func(yarn.Resource) yarn.Resource) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.recoverApps(); err != nil {
		return err
	}
	containers, err := m.loadContainers()
	if err != nil {
		return err
	}
	for id, s := range containers {
		a := m.apps[id.Attempt.Application]
		if a == nil || s.spec == nil {
			m.cfg.Log.Error("a container has records and no application; it is ended", "container", id)
			m.cfg.Journal.Note(forgetContainer(id)...)
			continue
		}
		s.spec.Spec.Resource = fix(s.spec.Spec.Resource)
		c := m.newContainer(s.spec.Spec, s.spec.Started, a.owner)
		c.saved = s
		a.containers[id] = c
		m.containers[id] = c
	}
	return m.reports.recover()
}

func (m *Manager) recoverApps() error {
	err := recovery.Load(m.cfg.Journal, keyApp, func(name string, s savedApp) error {
		id, err := yarn.ParseApplicationID(name)
		if err != nil {
			m.cfg.Log.Error("an application's record is not usable; its containers are ended", "application", name, "error", err)
			return nil
		}
		owner, err := m.cfg.Account(s.User)
		if err != nil {
			m.cfg.Log.Error("an application of a user who is not known any more; its containers are ended", "application", id, "error", err)
			m.cfg.Journal.Note(recovery.Delete(keyApp + name))
			return nil
		}
		m.apps[id] = &app{ID: id, User: s.User, owner: owner, ACLs: s.ACLs, Logs: s.Logs, Created: s.Created, wasFinishing: s.Finishing,
			containers: map[yarn.ContainerID]*Container{}, done: make(chan struct{}), stopRoll: make(chan struct{})}
		return nil
	})
	if err != nil {
		return err
	}
	err = recovery.Load(m.cfg.Journal, keyUploaded, func(name string, _ bool) error {
		if id, err := yarn.ParseApplicationID(name); err == nil && m.apps[id] != nil {
			m.apps[id].uploaded = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = recovery.Load(m.cfg.Journal, keyRolled, func(name string, had map[string]Uploaded) error {
		if id, err := yarn.ParseApplicationID(name); err == nil && m.apps[id] != nil {
			m.apps[id].rolled = had
		}
		return nil
	})
	if err != nil {
		return err
	}
	return recovery.Load(m.cfg.Journal, keyEnded, func(rest string, f FinishedContainer) error {
		a := m.apps[f.ID.Attempt.Application]
		if a == nil {
			m.cfg.Journal.Note(recovery.Delete(keyEnded + rest))
			return nil
		}
		a.ended = append(a.ended, f)
		return nil
	})
}

func (m *Manager) loadContainers() (map[yarn.ContainerID]*saved, error) {
	out := map[yarn.ContainerID]*saved{}
	of := func(rest, part string) *saved {
		name, p, _ := strings.Cut(rest, "/")
		id, err := yarn.ParseContainerID(name)
		if p != part || err != nil {
			return nil
		}
		if out[id] == nil {
			out[id] = &saved{}
		}
		return out[id]
	}
	return out, errors.Join(
		loadPart(m.cfg.Journal, partSpec, of, func(s *saved, v savedSpec) { s.spec = &v }),
		loadPart(m.cfg.Journal, partTurn, of, func(s *saved, v turn) { s.turn = &v }),
		loadPart(m.cfg.Journal, partLaunch, of, func(s *saved, v savedLaunch) { s.launch = &v }),
		loadPart(m.cfg.Journal, partKill, of, func(s *saved, v savedKill) { s.kill = &v }),
		loadPart(m.cfg.Journal, partExit, of, func(s *saved, v savedExit) { s.exit = &v }),
	)
}

func loadPart[T any](j *recovery.Journal, part string, of func(rest, part string) *saved, set func(*saved, T)) error {
	return recovery.LoadIf(j, keyContainer, func(rest string) bool { return strings.HasSuffix(rest, "/"+part) }, func(rest string, v T) error {
		if s := of(rest, part); s != nil {
			set(s, v)
		}
		return nil
	})
}

// Known reports whether a container is one of this node's.
func (m *Manager) Known(id yarn.ContainerID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.containers[id] != nil
}

// KnownApp reports whether an application is on this node.
func (m *Manager) KnownApp(id yarn.ApplicationID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apps[id] != nil
}

// Resume goes on with what Recover found: running containers are watched again, those that had not begun
// begin, ended ones are cleaned up, and applications that were ending go on with that.
func (m *Manager) Resume() error {
	m.mu.Lock()
	containers := make([]*Container, 0, len(m.containers))
	for _, c := range m.containers {
		containers = append(containers, c)
	}
	var finishing []yarn.ApplicationID
	for _, a := range m.apps {
		if a.wasFinishing || len(a.containers) == 0 && len(a.ended) == 0 {
			finishing = append(finishing, a.ID)
		}
		m.roll(a)
	}
	m.mu.Unlock()
	for _, c := range containers {
		c.resume()
	}
	for _, id := range finishing {
		m.FinishApp(id, "it had finished before the NodeManager was started again")
	}
	if len(containers) > 0 {
		m.cfg.Log.Info("recovered", "containers", len(containers), "finishing applications", len(finishing))
	}
	return recovery.Load(m.cfg.Journal, keyRetain, func(name string, until time.Time) error {
		id, err := yarn.ParseApplicationID(name)
		if err != nil {
			return nil //nolint:nilerr // not a record of ours
		}
		m.retainUntil(id, until)
		return nil
	})
}

// between reports whether a process had ended and the next had not begun.
func (s *saved) between() bool {
	return s.launch != nil && s.turn != nil && s.turn.Attempt > s.launch.Attempt
}

func (c *Container) resume() {
	s := c.saved
	c.mu.Lock()
	if s.turn != nil {
		c.turn = *s.turn
	}
	if k := s.kill; k != nil {
		c.killed, c.exit, c.diagnostics = true, k.Exit, k.Diagnostics
	}
	if l := s.launch; l != nil {
		t := l.Task
		t.RunAs = c.owner
		c.task, c.gpus, c.workDir, c.logDir, c.localized = &t, t.GPUs, l.WorkDir, l.LogDir, l.Localized
	}
	if x := s.exit; x != nil {
		c.killed, c.exit, c.diagnostics = x.Killed, x.Exit, x.Diagnostics
	}
	c.mu.Unlock()
	if s.launch != nil {
		c.mgr.cfg.Devices.Restore(c.ID, c.gpus)
		c.mgr.cfg.Plugins.Restore(c.ID, s.launch.Plugged)
		for _, l := range c.launches() {
			c.mgr.cfg.Localizer.Hold(c.request(l))
		}
	}
	defer c.resumeAdding()
	switch {
	case s.exit != nil:
		c.fire(evExited)
	case s.between() && s.kill == nil:
		c.fire(evRelaunch)
	case s.between():
		c.fire(evKill)
	case s.launch != nil:
		c.fire(evReattach)
		if s.kill != nil {
			c.fire(evKill)
		}
	case s.kill != nil:
		c.fire(evKill)
	default:
		c.fire(evInit)
	}
}

// startReattach looks for the process of a container that an earlier NodeManager started.
func (c *Container) startReattach() State {
	c.mgr.wg.Go(func() {
		p, err := c.reattach()
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.mgr.away.Err() != nil:
		case err != nil:
			if !c.turn.due() {
				c.exited(0, err)
			}
			c.step(evExited)
		default:
			c.mgr.cfg.Log.Info("a container goes on", "container", c.ID, "pid", p.PID())
			c.process = p
			c.step(evLaunched)
			c.catchUp()
		}
	})
	return Launching
}

// reattach asks until the answer is definite: an engine that does not answer is no lost container.
func (c *Container) reattach() (executor.Process, error) {
	ctx := c.mgr.away
	for {
		p, err := c.executor(c.task).Reattach(ctx, c.task)
		if err == nil || errors.Is(err, executor.ErrLost) || ctx.Err() != nil {
			return p, err
		}
		c.mgr.cfg.Log.Warn("a container of the earlier NodeManager was not found yet; it is tried again", "container", c.ID, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// straggling is the process of a recovered container that had ended: some of it may be left.
func (c *Container) straggling() executor.Process {
	if c.saved == nil || c.task == nil || c.saved.exit == nil && !c.saved.between() {
		return nil
	}
	p, err := c.reattach()
	if err != nil {
		return nil
	}
	return p
}

// Leave lets go of everything and ends nothing, for a NodeManager that comes back; it waits until ctx ends.
func (m *Manager) Leave(ctx context.Context) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	m.leave()
	close(m.closed)
	m.stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		m.wg.Wait()
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the NodeManager ends while something is still being done: %w", ctx.Err())
	}
}

// finished is every container that the application had here, in order.
func (a *app) finished(containers []*Container) []FinishedContainer {
	out := slices.Clone(a.ended)
	for _, c := range containers {
		s := c.Status()
		f := FinishedContainer{c.ID, s.Exit, s.Spec.Grant.Master}
		if !slices.ContainsFunc(out, func(o FinishedContainer) bool { return o.ID == c.ID }) {
			out = append(out, f)
		}
	}
	return out
}
