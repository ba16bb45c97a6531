package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heddle/hadoop/conf"
	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/records"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/service"
	"heddle/resourcemanager/settings"
	"heddle/yarn"
)

type noLaunches struct{}

func (noLaunches) Launch(core.Launch, func(error)) {}

// crowded is a web server of n applications, one in ten of which waits, the others ended.
func crowded(t testing.TB, n int32) http.Handler {
	t.Helper()
	dir := t.TempDir()
	text := conf.XML(map[string]string{"yarn.scheduler.capacity.root.queues": "default", "yarn.scheduler.capacity.root.default.capacity": "100",
		"yarn.scheduler.capacity.maximum-applications": "100000", "yarn.resourcemanager.max-completed-applications": "100000", "hadoop.tmp.dir": dir})
	for _, name := range []string{"core-site.xml", "yarn-site.xml", "capacity-scheduler.xml"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := settings.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	sched, err := scheduler.New(s.Scheduler)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	rec := core.Recovered{Attempts: map[yarn.ApplicationID][]core.AttemptRecord{}}
	for i := range n {
		app := core.AppRecord{Submission: core.Submission{ID: yarn.ApplicationID{ClusterTimestamp: 1, ID: i + 1}, Name: fmt.Sprintf("word count %d", i), User: fmt.Sprintf("user%d", i%50),
			Queue: "default", Type: "MAPREDUCE", Tags: []string{"nightly"}, Unmanaged: true, SubmitTime: now}, Start: now}
		if i%10 != 0 {
			app.Final, app.State, app.Finish = true, yarn.AppFinished, now+60_000
		}
		rec.Apps = append(rec.Apps, app)
	}
	if n > 1 { // the second has failed often
		id := rec.Apps[1].Submission.ID
		for i := range int32(3000) {
			rec.Attempts[id] = append(rec.Attempts[id], core.AttemptRecord{ID: yarn.AttemptID{Application: id, Attempt: i + 1}, Start: now, Finish: now + int64(i), Final: true, State: yarn.AttemptFailed, FinalStatus: yarn.FinalFailed})
		}
	}
	log := slog.New(slog.DiscardHandler)
	c := core.New(core.Config{ClusterTimestamp: 1, MaxAttempts: 1, MaxCompleted: 100_000, AMExpiry: time.Hour, NodeExpiry: time.Hour}, sched, records.None{}, noLaunches{}, time.Now, log)
	c.Recover(rec)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	h, err := New(&service.Service{Core: c, Settings: s, Clock: time.Now, Log: log, Lists: service.NewTurns(), Access: service.NewAccess(s, "rm", func(string) []string { return nil })}, nil, hadoophttp.Operator{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// BenchmarkApplicationList is the time, the memory and the bytes of a list of ten thousand applications.
func BenchmarkApplicationList(b *testing.B) {
	h := crowded(b, 10_000)
	for _, c := range []struct{ name, path, accept, encoding string }{
		{"JSON", "/ws/v1/cluster/apps", "application/json", ""},
		{"JSON gzip", "/ws/v1/cluster/apps", "application/json", "gzip"},
		{"XML", "/ws/v1/cluster/apps", "application/xml", ""},
		{"waiting", "/ws/v1/cluster/apps?states=ACCEPTED&limit=20", "application/json", ""},
		{"page", "/cluster/apps", "text/html", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var w counter
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, c.path, nil)
				r.Header.Set("Accept", c.accept)
				r.Header.Set("Accept-Encoding", c.encoding)
				w = counter{header: http.Header{}}
				h.ServeHTTP(&w, r)
			}
			if w.bytes < 1000 {
				b.Fatalf("only %d bytes", w.bytes)
			}
			b.ReportMetric(float64(w.bytes), "bytes/answer")
		})
	}
}

// counter is a response that nobody reads.
type counter struct {
	header http.Header
	bytes  int
}

func (c *counter) Header() http.Header { return c.header }
func (c *counter) WriteHeader(int)     {}
func (c *counter) Write(b []byte) (int, error) {
	c.bytes += len(b)
	return len(b), nil
}
