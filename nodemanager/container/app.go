package container

import (
	"sync"
	"time"

	"heddle/executor"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// app is an application on this node. The manager's lock guards it.
type app struct {
	ID         yarn.ApplicationID
	User       string
	owner      *executor.Account
	ACLs       map[string]string
	Logs       LogContext
	Created    time.Time
	containers map[yarn.ContainerID]*Container
	ended      []FinishedContainer // of an earlier NodeManager's time
	finishing  bool
	done       chan struct{}

	rolling  sync.Mutex          // one upload at a time
	rolled   map[string]Uploaded // guarded by rolling
	stopRoll chan struct{}       // closed when it is finishing

	wasFinishing, uploaded bool // when it was recovered
}

func newApp(m *Manager, first *Container) *app {
	s := first.spec // nobody else has it yet
	return &app{ID: first.ID.Attempt.Application, User: first.User, owner: first.owner, ACLs: s.Launch.ACLs, Logs: s.Logs, Created: m.cfg.Now(),
		containers: map[yarn.ContainerID]*Container{}, done: make(chan struct{}), stopRoll: make(chan struct{})}
}

// App is a moment of an application.
type App struct {
	ID         yarn.ApplicationID
	User       string
	Owner      *executor.Account // of the files; nil: the NodeManager's own user
	ACLs       map[string]string
	State      string
	Containers []yarn.ContainerID
}

// Apps are the applications on the node.
func (m *Manager) Apps() []App {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]App, 0, len(m.apps))
	for _, a := range m.apps {
		x := App{ID: a.ID, User: a.User, Owner: a.owner, ACLs: a.ACLs, State: "RUNNING"}
		if a.finishing {
			x.State = "FINISHING_CONTAINERS_WAIT"
		}
		for id := range a.containers {
			x.Containers = append(x.Containers, id)
		}
		out = append(out, x)
	}
	return out
}

// FinishApp ends an application on this node: its containers, its logs' upload, its directories.
// A second call changes nothing.
func (m *Manager) FinishApp(id yarn.ApplicationID, reason string) {
	m.mu.Lock()
	a := m.apps[id]
	if a == nil || a.finishing {
		m.mu.Unlock()
		return
	}
	a.finishing = true
	close(a.stopRoll)
	m.cfg.Journal.Note(a.record())
	containers := make([]*Container, 0, len(a.containers))
	for _, c := range a.containers {
		containers = append(containers, c)
	}
	m.mu.Unlock()
	for _, c := range containers {
		c.Kill(yarn.ExitKilledAfterAppCompletion, "Container killed on application-finish event: "+reason)
	}
	m.wg.Go(func() { m.finish(a, containers) })
}

// finish waits for the containers without a limit: nothing of theirs is given away before they are gone.
func (m *Manager) finish(a *app, containers []*Container) {
	defer close(a.done)
	f := FinishedApp{ID: a.ID, User: a.User, Owner: a.owner, ACLs: a.ACLs, Logs: a.Logs}
	for _, c := range containers {
		select {
		case <-c.done:
		case <-m.away.Done():
			return
		}
	}
	f.Containers = a.finished(containers)
	a.rolling.Lock()
	f.Uploaded = a.rolled
	a.rolling.Unlock()
	m.cfg.Aux.StopApp(a.ID)
	m.cfg.Localizer.RemoveApp(a.User, a.ID)
	m.removeDirs(a)
	if !a.uploaded {
		m.uploadLogs(f)
	} else {
		m.logsUploaded(f.ID)
	}
	if m.away.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := []recovery.Change{recovery.Delete(keyApp + a.ID.String()), recovery.Delete(keyUploaded + a.ID.String()), recovery.Delete(keyRolled + a.ID.String())}
	for _, c := range f.Containers {
		changes = append(append(changes, forgetContainer(c.ID)...), recovery.Delete(keyEnded+a.ID.String()+"/"+c.ID.String()))
	}
	m.cfg.Journal.Note(changes...)
	delete(m.apps, a.ID)
	for _, c := range containers {
		if m.containers[c.ID] == c {
			m.forget(c)
		}
	}
}

func (m *Manager) removeDirs(a *app) {
	remove := func() error { return m.cfg.Dirs.RemoveApp(a.User, a.ID) }
	if m.cfg.DeleteDelay > 0 {
		m.deleteLater(remove)
		return
	}
	if err := remove(); err != nil {
		m.cfg.Log.Warn("an application's directories could not be removed", "application", a.ID, "error", err)
	}
}

// uploadLogs takes the logs away; where that fails they stay for the retention time.
func (m *Manager) uploadLogs(f FinishedApp) {
	if m.cfg.Uploader == nil {
		m.retainLogs(f.ID)
		return
	}
	m.report(LogReport{App: f.ID, State: LogRunning})
	err := m.cfg.Uploader.Upload(m.away, f)
	if m.away.Err() != nil {
		return // the next NodeManager begins anew
	}
	if err != nil {
		m.cfg.Log.Error("logs were not uploaded; they stay on this node", "application", f.ID, "error", err)
		m.report(LogReport{App: f.ID, State: LogFailed, Diagnostics: err.Error()})
		m.retainLogs(f.ID)
		return
	}
	m.logsUploaded(f.ID)
}

// logsUploaded removes the local files of logs that are where they belong.
func (m *Manager) logsUploaded(id yarn.ApplicationID) {
	// both before the ResourceManager hears of it, so that the next NodeManager says the same
	m.reportSaved(LogReport{App: id, State: LogSucceeded}, func(report recovery.Change) {
		if err := m.cfg.Journal.Save(recovery.Put(keyUploaded+id.String(), true), report); err != nil {
			m.cfg.Log.Warn("that logs were uploaded is not remembered", "application", id, "error", err)
		}
	})
	if m.cfg.KeepLogs {
		return
	}
	remove := func() error { return m.cfg.Dirs.RemoveAppLogs(id) }
	if m.cfg.DeleteDelay > 0 {
		m.deleteLater(remove)
		return
	}
	if err := remove(); err != nil {
		m.cfg.Log.Warn("uploaded logs could not be removed", "application", id, "error", err)
	}
}

func (m *Manager) retainLogs(id yarn.ApplicationID) {
	until := m.cfg.Now().Add(m.cfg.LogRetention)
	m.cfg.Journal.Note(recovery.Put(keyRetain+id.String(), until))
	m.retainUntil(id, until)
}

func (m *Manager) retainUntil(id yarn.ApplicationID, until time.Time) {
	m.wg.Go(func() {
		select {
		case <-m.closed:
			return
		case <-time.After(until.Sub(m.cfg.Now())):
		}
		m.cfg.Journal.Note(recovery.Delete(keyRetain + id.String()))
		if err := m.cfg.Dirs.RemoveAppLogs(id); err != nil {
			m.cfg.Log.Warn("old logs could not be removed", "application", id, "error", err)
		}
	})
}
