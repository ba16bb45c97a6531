//go:build interop

package soak

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"heddle/test/cluster"
)

const (
	playedNodes = 200
	remembered  = 60 // applications; the set is full before the time that counts begins
)

func site(dir string) map[string]string {
	return map[string]string{
		"yarn.resourcemanager.store.class":                             "org.apache.hadoop.yarn.server.resourcemanager.recovery." + cmp.Or(os.Getenv("SOAK_STORE"), "LeveldbRMStateStore"),
		"yarn.resourcemanager.max-completed-applications":              strconv.Itoa(remembered),
		"yarn.nodemanager.resource.memory-mb":                          "4096", // too small for what is to run on played nodes
		"yarn.nodemanager.resource.cpu-vcores":                         "32",
		"yarn.nodemanager.resource-type." + marker:                     "1000",
		"yarn.nodemanager.remote-app-log-dir":                          filepath.Join(dir, "remote-logs"),
		"yarn.resourcemanager.am-scheduling.node-blacklisting-enabled": "false", // one node has what real applications need
		"yarn.nodemanager.localizer.cache.target-size-mb":              "5", "yarn.nodemanager.localizer.cache.cleanup.interval-ms": "10000",
	}
}

func TestSoak(t *testing.T) {
	minutes, err := strconv.Atoi(os.Getenv("SOAK_MINUTES"))
	if err != nil || minutes < 1 {
		t.Skip("set SOAK_MINUTES; make soak does")
	}
	binary, err := filepath.Abs(os.Getenv("HEDDLE_BINARY"))
	if err != nil || os.Getenv("HEDDLE_BINARY") == "" {
		t.Fatal("set HEDDLE_BINARY to the heddle under test")
	}
	dir, err := os.MkdirTemp("", "heddle-soak-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, RM: cluster.Heddle, NM: cluster.Heddle, Site: site(dir), Command: []string{binary}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	w, err := newWorkload(t.Log, c)
	if err != nil {
		t.Fatal(err)
	}
	if w.fleet, err = startFleet(c.Address("tracker"), playedNodes, w.play, w.failed); err != nil {
		t.Fatal(err)
	}
	defer w.fleet.stop()
	soak(t, w, time.Duration(minutes)*time.Minute)
	if t.Failed() {
		t.Logf("logs and data are kept in %s\n%s", dir, c.Logs())
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Log(err)
	}
}

// soak works for length, counted from when the ResourceManager remembers as many applications as it may.
func soak(t *testing.T, w *workload, length time.Duration) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	polled, worked := make(chan struct{}), make(chan struct{})
	go func() { defer close(polled); w.poll(ctx) }()
	go func() { defer close(worked); w.submit(ctx) }()
	data := filepath.Join(w.c.Dir(), "data")
	rm, nm := w.c.PIDs()
	daemons := []*daemon{
		{name: "ResourceManager", pid: rm, web: w.c.Address("web"), dirs: []string{data + "/rm-store-db", data + "/rm-store", data + "/tmp"}},
		{name: "NodeManager", pid: nm, web: w.c.Address("nmweb"), dirs: []string{data + "/nm-local", data + "/nm-logs", data + "/nm-recovery"}},
	}
	for w.count() < remembered && !w.hopeless() {
		time.Sleep(time.Second)
	}
	every := max(2*time.Second, length/360)
	perMinute := int(time.Minute / every)
	t.Logf("%s  %d applications are over; the soak of %s begins, with a sample every %s", time.Now().Format(time.TimeOnly), w.count(), length, every)
	began, n := time.Now(), 0
	for time.Since(began) < length && !w.hopeless() {
		time.Sleep(every)
		for _, d := range daemons {
			if err := d.look(); err != nil {
				t.Fatalf("looking at the %s: %v", d.name, err)
			}
		}
		if n++; n%perMinute == 0 {
			report(t, w, daemons, perMinute)
			if err := w.clean(filepath.Join(w.c.Dir(), "remote-logs"), 5*time.Minute); err != nil {
				t.Error(err)
			}
		}
	}
	end()
	<-worked
	<-polled
	time.Sleep(3 * time.Second) // the nodes' last words
	if err := w.nodesLeft(); err != nil {
		t.Error(err)
	}
	judge(t, w, daemons)
}

func (w *workload) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finished
}

// hopeless ends a run in which too much went wrong to go on.
func (w *workload) hopeless() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.faults) > 20
}

func report(t *testing.T, w *workload, daemons []*daemon, samples int) {
	w.mu.Lock()
	finished, flying, containers, asked, faults := w.finished, len(w.flying), w.containers, w.asked, len(w.faults)
	w.mu.Unlock()
	t.Logf("%s  %d applications over, %d run, %d exit statuses, %d REST answers, %d faults | %s | %s",
		time.Now().Format(time.TimeOnly), finished, flying, containers, asked, faults, daemons[0].line(samples), daemons[1].line(samples))
}

func judge(t *testing.T, w *workload, daemons []*daemon) {
	for i, err := range w.faults {
		if i == 20 {
			t.Errorf("… and %d more", len(w.faults)-i)
			break
		}
		t.Error(err)
	}
	for _, k := range kinds {
		if w.done[k] == 0 {
			t.Errorf("no %s application ended as expected", k)
		}
	}
	t.Logf("ended as expected: %v; %d exit statuses, each once; %d REST answers", w.done, w.containers, w.asked)
	t.Logf("%-16s %-12s %10s %10s %10s %10s", "daemon", "figure", "2nd sixth", "last sixth", "drift", "highest")
	for _, d := range daemons {
		for i, f := range figures {
			trend, err := trendOf(d.samples[i], f.floor)
			if err != nil {
				t.Errorf("%s, %s: %v", d.name, f.name, err)
				continue
			}
			highest := 0.0
			for _, v := range d.samples[i] {
				highest = max(highest, v)
			}
			t.Logf("%-16s %-12s %10.1f %10.1f %10.1f %10.1f", d.name, f.name, trend.early/f.unit, trend.late/f.unit, trend.drift/f.unit, highest/f.unit)
			if trend.grows {
				t.Errorf("%s: %s grows", d.name, f.name)
			}
		}
	}
}
