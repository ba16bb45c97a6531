package core

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// world is a core under test in a bubble of fake time, with a recorder and a launcher that
// can be held: what they are asked stays undone until the test lets it go.
type world struct {
	t      *testing.T
	core   *Core
	cfg    Config
	disk   *disk
	launch *launches
	log    *bytes.Buffer
	clock  func() time.Time
	stop   func()
	apps   int32
}

// disk is a Recorder. records are what a restart would find.
type disk struct {
	mu       sync.Mutex
	hold     bool
	fail     error
	pending  []func()
	apps     map[yarn.ApplicationID]AppRecord
	attempts map[yarn.AttemptID]AttemptRecord
}

func (d *disk) save(write func(), done func(error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := func() {
		if d.fail == nil {
			write()
		}
		done(d.fail)
	}
	if d.hold {
		d.pending = append(d.pending, f)
		return
	}
	f()
}

func (d *disk) SaveApp(r AppRecord, done func(error)) {
	d.save(func() { d.apps[r.Submission.ID] = r }, done)
}

func (d *disk) SaveAttempt(r AttemptRecord, done func(error)) {
	d.save(func() { d.attempts[r.ID] = r }, done)
}

func (d *disk) RemoveApp(id yarn.ApplicationID, attempts []yarn.AttemptID) {
	d.save(func() {
		delete(d.apps, id)
		for _, t := range attempts {
			delete(d.attempts, t)
		}
	}, func(error) {})
}

// holding makes later records wait.
func (d *disk) holding(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold = on
}

// flush writes what waits, and lets later records through.
func (d *disk) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold = false
	for _, f := range d.pending {
		f()
	}
	d.pending = nil
}

func (d *disk) recovered() Recovered {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := Recovered{Attempts: map[yarn.ApplicationID][]AttemptRecord{}}
	r.Apps = slices.SortedFunc(maps.Values(d.apps), func(a, b AppRecord) int { return a.Submission.ID.Compare(b.Submission.ID) })
	for _, a := range slices.SortedFunc(maps.Values(d.attempts), func(a, b AttemptRecord) int { return a.ID.Compare(b.ID) }) {
		r.Attempts[a.ID.Application] = append(r.Attempts[a.ID.Application], a)
	}
	return r
}

// launches is a Launcher.
type launches struct {
	mu   sync.Mutex
	hold bool
	fail error
	all  []Launch
	done []func(error)
}

func (l *launches) Launch(x Launch, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, x)
	if l.hold {
		l.done = append(l.done, done)
		return
	}
	done(l.fail)
}

func (l *launches) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// within runs f with a started core, in fake time.
func within(t *testing.T, change func(*Config), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, disk: &disk{apps: map[yarn.ApplicationID]AppRecord{}, attempts: map[yarn.AttemptID]AttemptRecord{}}, launch: &launches{}, log: &bytes.Buffer{}, clock: time.Now}
		w.cfg = Config{ClusterTimestamp: time.Now().UnixMilli(), MaxAttempts: 2, NodeExpiry: 10 * time.Minute, AMExpiry: 15 * time.Minute,
			AllocationExpiry: 10 * time.Minute, MaxCompleted: 100, BlacklistAMNodes: true, BlacklistAtMost: 800_000, DiagnosticsLength: 64 << 10}
		if change != nil {
			change(&w.cfg)
		}
		w.start(Recovered{})
		defer func() { w.stop() }()
		f(w)
	})
}

func (w *world) start(r Recovered) {
	w.t.Helper()
	w.core = New(w.cfg, newScheduler(w.t, w.cfg.Epoch), w.disk, w.launch, w.clock, slog.New(slog.NewTextHandler(w.log, nil)))
	w.core.Recover(r)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { w.core.Run(ctx) })
	w.stop = func() {
		cancel()
		done.Wait()
	}
}

// crash ends the core with what it has not written, and starts another from the disk.
func (w *world) crash() {
	w.t.Helper()
	w.stop()
	w.disk.mu.Lock()
	w.disk.pending, w.disk.hold = nil, false
	w.disk.mu.Unlock()
	w.launch = &launches{}
	w.cfg.Epoch++
	w.start(w.disk.recovered())
}

func newScheduler(t *testing.T, epoch int64) *scheduler.Scheduler {
	t.Helper()
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName})
	if err != nil {
		t.Fatal(err)
	}
	leaf := scheduler.QueueConfig{Name: "default", Capacity: scheduler.Million, MaxCapacity: scheduler.Million, UserLimit: scheduler.Million,
		UserLimitFactor: 100 * scheduler.Million, MaxAMShare: scheduler.Million}
	s, err := scheduler.New(scheduler.Config{Types: types, Calculator: scheduler.Dominant, Minimum: yarn.NewResource(1024, 1), Maximum: yarn.Resource{8192, 8, 8},
		Root:              scheduler.QueueConfig{Name: "root", Capacity: scheduler.Million, MaxCapacity: scheduler.Million, Children: []scheduler.QueueConfig{leaf}},
		NodeLocalityDelay: 40, RackLocalityDelay: -1, HeartbeatMillis: 1000, MaxApplications: 1000, Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do runs f on the core's goroutine.
func (w *world) do(f func()) {
	w.t.Helper()
	if err := w.core.call(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
}

// settle waits until nothing more happens by itself.
func (w *world) settle() {
	w.t.Helper()
	synctest.Wait()
	w.do(w.books)
	synctest.Wait()
}

// books checks that the core's three sets of containers agree with the scheduler.
func (w *world) books() {
	byApp, byNode := 0, 0
	for _, a := range w.core.apps {
		byApp += len(a.containers)
	}
	for _, n := range w.core.nodes {
		byNode += len(n.containers)
	}
	if all := len(w.core.containers); byApp != all || byNode != all {
		w.t.Errorf("%d containers, %d by application, %d by node", all, byApp, byNode)
	}
	for id, k := range w.core.containers {
		if _, ok := w.core.sched.Container(id); !ok || k.app.containers[id] != k || w.core.nodes[k.node].containers[id] != k {
			w.t.Errorf("%s is not where it belongs; the scheduler has it: %v", id, ok)
		}
	}
}

// must waits for the answer of a call that may not fail.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) submission(change func(*Submission)) Submission {
	w.apps++
	s := Submission{ID: yarn.ApplicationID{ClusterTimestamp: w.cfg.ClusterTimestamp, ID: w.apps}, Name: "job", User: "alice", Queue: "default",
		FailureValidity: -1, SubmitTime: time.Now().UnixMilli(),
		AM: []scheduler.Request{{Name: scheduler.Any, Capability: yarn.NewResource(1024, 1), Count: 1, Relax: true}}}
	if change != nil {
		change(&s)
	}
	return s
}

// submit submits in the background; the channel yields Submit's answer.
func (w *world) submit(s Submission) <-chan error {
	return answer(func() error { return w.core.Submit(context.Background(), s) })
}

func answer(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

// open checks that a call has not been answered yet.
func (w *world) open(c <-chan error, what string) {
	w.t.Helper()
	synctest.Wait()
	select {
	case err := <-c:
		w.t.Fatalf("%s was answered (%v) before it was durable", what, err)
	default:
	}
}

func (w *world) node(host string, gb int64) yarn.NodeID {
	w.t.Helper()
	id := yarn.NodeID{Host: host, Port: 1}
	_, err := w.core.RegisterNode(context.Background(), NodeRegistration{ID: id, HTTPPort: 8042, Version: "3.4.2", Rack: "/default-rack", Total: yarn.NewResource(gb*1024, gb)})
	w.must(err)
	return id
}

// running submits an application on a node of its own and lets its AM register.
func (w *world) running(change func(*Submission)) yarn.AttemptID {
	w.t.Helper()
	w.node("n1", 8)
	s := w.submission(change)
	w.must(<-w.submit(s))
	w.settle()
	id := yarn.AttemptID{Application: s.ID, Attempt: 1}
	w.register(id)
	return id
}

func (w *world) register(id yarn.AttemptID) {
	w.t.Helper()
	_, err := w.core.Register(context.Background(), id, Registration{Host: "n1", RPCPort: 1234, Tracking: "http://n1:1/"})
	w.must(err)
	w.state(id.Application, "RUNNING")
}

func (w *world) app(id yarn.ApplicationID) *AppView {
	w.t.Helper()
	v, ok := w.core.View().Apps.Get(id)
	if !ok {
		w.t.Fatalf("%s is not known", id)
	}
	return v
}

// state checks an application's inner state.
func (w *world) state(id yarn.ApplicationID, want string) {
	w.t.Helper()
	w.settle()
	if got := w.app(id).Inner; got != want {
		w.t.Fatalf("%s is %s, want %s (%s)\n%s", id, got, want, w.app(id).Diagnostics, w.log)
	}
}

// amContainer is the AM's container of an application's present attempt.
func (w *world) amContainer(id yarn.ApplicationID) Grant {
	w.t.Helper()
	am := w.app(id).AM
	if am == nil {
		w.t.Fatalf("%s has no AM container", id)
	}
	return *am
}

// exits lets a node report the end of a container.
func (w *world) exits(g Grant, status yarn.ExitStatus) {
	w.t.Helper()
	w.must(w.core.NodeReports(context.Background(), NodeNews{Node: g.Node, Ended: []ContainerReport{{ID: g.ID, Exit: status, Diagnostics: "it said so\n"}}}))
	w.settle()
}

var errDisk = errors.New("no space left on device")
