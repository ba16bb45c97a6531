package container

import (
	"maps"
	"time"

	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// LogReport tells the ResourceManager how an application's log upload goes.
type LogReport struct {
	App         yarn.ApplicationID
	State       LogState
	Diagnostics string
}

// LogState is the state of a log upload; the numbers are Hadoop's LogAggregationStatus.
type LogState int32

// Log upload states.
const (
	LogRunning   LogState = 3
	LogSucceeded LogState = 4
	LogFailed    LogState = 5

	LogRunningWithFailure LogState = 7
)

// reportsKept is how long a report that the ResourceManager has is kept for the next one, which after a restart knows
// nothing of it (Hadoop's NMLogAggregationStatusTracker keeps them too).
const reportsKept = 10 * time.Minute

// logReports are what the ResourceManager is to hear, and what it heard lately.
type logReports struct {
	journal *recovery.Journal
	now     func() time.Time
	due     []LogReport
	coming  map[yarn.ApplicationID]bool // whose last report is in the journal and not yet due
	told    map[yarn.ApplicationID]savedReport
}

// savedReport is a report in the journal.
type savedReport struct {
	LogReport
	Told time.Time // zero where the ResourceManager does not have it
}

func (l *logReports) add(r LogReport) {
	l.due = append(l.due, r)
	delete(l.coming, r.App)
	l.journal.Note(recovery.Put(keyReport+r.App.String(), savedReport{LogReport: r}))
}

// acknowledge moves the first n due reports to the told ones, and drops those told long ago.
func (l *logReports) acknowledge(n int) {
	n = min(n, len(l.due))
	if n == 0 {
		return
	}
	now := l.now()
	due := maps.Clone(l.coming) // of which the journal has more than what is acknowledged
	for _, r := range l.due[n:] {
		due[r.App] = true
	}
	for _, r := range l.due[:n] {
		s := savedReport{r, now}
		l.told[r.App] = s
		if !due[r.App] {
			l.journal.Note(recovery.Put(keyReport+r.App.String(), s))
		}
	}
	l.due = append([]LogReport(nil), l.due[n:]...)
	for id, s := range l.told {
		if now.Sub(s.Told) > reportsKept {
			delete(l.told, id)
			if !due[id] {
				l.journal.Note(recovery.Delete(keyReport + id.String()))
			}
		}
	}
}

func (l *logReports) recover() error {
	return recovery.Load(l.journal, keyReport, func(_ string, s savedReport) error {
		if s.Told.IsZero() {
			l.due = append(l.due, s.LogReport)
		} else {
			l.told[s.App] = s
		}
		return nil
	})
}

// reportSaved reports what save makes durable first, together with something else; an earlier report that is acknowledged
// meanwhile does not take its place in the journal.
func (m *Manager) reportSaved(r LogReport, save func(recovery.Change)) {
	m.mu.Lock()
	m.reports.coming[r.App] = true
	m.mu.Unlock()
	save(recovery.Put(keyReport+r.App.String(), savedReport{LogReport: r}))
	m.report(r)
}

func (m *Manager) report(r LogReport) {
	m.mu.Lock()
	m.reports.add(r)
	m.mu.Unlock()
	m.tellRM()
}

// LogReports are those that the ResourceManager does not have yet, the oldest first.
func (m *Manager) LogReports() []LogReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]LogReport(nil), m.reports.due...)
}

// ToldLogReports are those that a ResourceManager had in the last minutes; one that has restarted hears them again.
func (m *Manager) ToldLogReports() (out []LogReport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.reports.told {
		out = append(out, s.LogReport)
	}
	return out
}

// Acknowledge says that the ResourceManager has the first n of LogReports.
func (m *Manager) Acknowledge(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reports.acknowledge(n)
}
