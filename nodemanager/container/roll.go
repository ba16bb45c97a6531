package container

import (
	"time"

	"heddle/nodemanager/recovery"
)

// roll uploads an application's logs while it runs, where it and the node want that. The caller has the lock.
func (m *Manager) roll(a *app) {
	if m.cfg.Uploader == nil || m.cfg.Uploader.Interval() <= 0 || a.Logs.RolledInclude == "" {
		return
	}
	m.wg.Go(func() {
		t := time.NewTicker(m.cfg.Uploader.Interval())
		defer t.Stop()
		for {
			select {
			case <-a.stopRoll:
				return
			case <-m.away.Done():
				return
			case <-t.C:
				m.rollOnce(a)
			}
		}
	})
}

// rollOnce uploads what is new, remembers it, and only then removes files: a NodeManager that dies in
// between uploads something twice and loses nothing.
func (m *Manager) rollOnce(a *app) {
	a.rolling.Lock()
	defer a.rolling.Unlock()
	m.mu.Lock()
	f := FinishedApp{ID: a.ID, User: a.User, Owner: a.owner, ACLs: a.ACLs, Logs: a.Logs, Uploaded: a.rolled}
	var containers []*Container
	for _, c := range a.containers {
		containers = append(containers, c)
	}
	m.mu.Unlock()
	f.Containers = a.finished(containers)
	for i, c := range f.Containers {
		if c.Exit < 0 { // as Hadoop: the policy sees one that runs as one that works
			for _, x := range containers {
				if x.ID == c.ID && x.Status().State != Done {
					f.Containers[i].Exit = 0
				}
			}
		}
	}
	m.report(LogReport{App: a.ID, State: LogRunning})
	had, err := m.cfg.Uploader.Roll(f)
	if err != nil {
		m.cfg.Log.Warn("logs of a running application were not uploaded; it is tried again", "application", a.ID, "error", err)
		m.report(LogReport{App: a.ID, State: LogRunningWithFailure, Diagnostics: err.Error()})
		return
	}
	if err := m.cfg.Journal.Save(recovery.Put(keyRolled+a.ID.String(), had)); err != nil {
		m.cfg.Log.Warn("what was uploaded is not remembered, and files are not removed", "application", a.ID, "error", err)
		return
	}
	f.Uploaded = had
	a.rolled = m.cfg.Uploader.Clean(f)
}
