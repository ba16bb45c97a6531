package container

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// The ResourceManager acknowledges that an upload runs just when its end is saved: the next NodeManager knows of the end.
func TestAnOlderReportDoesNotTakeTheLastOnesPlace(t *testing.T) {
	dir := t.TempDir()
	open := func() (*recovery.Journal, *Manager) {
		j, err := recovery.Open(dir, time.Now(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		m := &Manager{news: make(chan struct{}, 1), reports: logReports{journal: j, now: time.Now, coming: map[yarn.ApplicationID]bool{}, told: map[yarn.ApplicationID]savedReport{}}}
		if err := m.reports.recover(); err != nil {
			t.Fatal(err)
		}
		return j, m
	}
	app := yarn.ApplicationID{ClusterTimestamp: 7, ID: 1}
	j, m := open()
	m.report(LogReport{App: app, State: LogRunning})
	died := make(chan struct{})
	go func() {
		defer close(died)
		m.reportSaved(LogReport{App: app, State: LogSucceeded}, func(c recovery.Change) {
			if err := j.Save(c); err != nil {
				t.Error(err)
			}
			m.Acknowledge(1)
			runtime.Goexit() // the daemon dies here
		})
	}()
	<-died
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, m = open()
	defer j.Close() //nolint:errcheck // only read
	if due, told := m.LogReports(), m.ToldLogReports(); len(due) != 1 || due[0].State != LogSucceeded || len(told) != 0 {
		t.Errorf("the next NodeManager has %v to tell, and told %v", due, told)
	}
}
