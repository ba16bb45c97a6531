package core

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

func TestAttemptsAreRetriedUpToTheLimit(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil).Application
		w.exits(w.amContainer(id), 7)
		w.state(id, "ACCEPTED")
		if v := w.app(id); v.Attempt.Attempt != 2 || w.launch.count() != 2 {
			t.Fatalf("attempt %d, %d AMs started", v.Attempt.Attempt, w.launch.count())
		}
		w.exits(w.amContainer(id), 7)
		w.state(id, "FAILED")
		v := w.app(id)
		for _, want := range []string{"failed 2 times", "exitCode: 7", "it said so"} {
			if !strings.Contains(v.Diagnostics, want) {
				t.Errorf("%q is missing in the diagnostics %q", want, v.Diagnostics)
			}
		}
		if v.Final != yarn.FinalFailed || v.Running != 0 || !v.Used.IsZero() {
			t.Errorf("%s, %d containers, %v", v.Final, v.Running, v.Used)
		}
	})
}

// What is not the application's fault does not count against its attempts (flows.md §1).
func TestFailuresThatDoNotCount(t *testing.T) {
	for _, exit := range []yarn.ExitStatus{yarn.ExitPreempted, yarn.ExitAborted, yarn.ExitDisksFailed, yarn.ExitKilledByResourceManager} {
		within(t, func(c *Config) { c.MaxAttempts = 1 }, func(w *world) {
			id := w.running(nil).Application
			w.exits(w.amContainer(id), exit)
			if v := w.app(id); v.Inner != "ACCEPTED" || v.Attempt.Attempt != 2 {
				t.Errorf("exit %d: %s, attempt %d", exit, v.Inner, v.Attempt.Attempt)
			}
		})
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(func(s *Submission) { s.FailureValidity = time.Minute.Milliseconds() }).Application
		for n := range 3 {
			time.Sleep(2 * time.Minute)
			w.exits(w.amContainer(id), 1)
			if v := w.app(id); v.Inner != "ACCEPTED" {
				t.Fatalf("after failure %d: %s", n+1, v.Inner)
			}
		}
		w.exits(w.amContainer(id), 1)
		w.state(id, "FAILED")
	})
}

// A later AM avoids the node where one failed, while that is a small part of the cluster.
func TestLaterAMsAvoidTheNode(t *testing.T) {
	within(t, func(c *Config) { c.MaxAttempts = 10 }, func(w *world) {
		id := w.running(nil).Application
		w.exits(w.amContainer(id), 1)
		if got := w.amContainer(id).Node.Host; got != "n1" {
			t.Fatalf("on the only node: %s", got)
		}
		for _, h := range []string{"n2", "n3", "n4", "n5"} {
			w.node(h, 8)
		}
		first := w.amContainer(id).Node.Host
		w.exits(w.amContainer(id), 1)
		if got := w.amContainer(id).Node.Host; got == first {
			t.Errorf("the next AM went to %s again", got)
		}
	})
}

func TestLaunchFailureFailsTheAttempt(t *testing.T) {
	within(t, func(c *Config) { c.MaxAttempts = 1 }, func(w *world) {
		w.launch.fail = errDisk
		w.node("n1", 8)
		s := w.submission(nil)
		w.must(<-w.submit(s))
		w.state(s.ID, "FAILED")
		if d := w.app(s.ID).Diagnostics; !strings.Contains(d, "Error launching") || !strings.Contains(d, errDisk.Error()) {
			t.Errorf("diagnostics %q", d)
		}
	})
}

func TestSilentAMExpires(t *testing.T) {
	within(t, func(c *Config) { c.MaxAttempts, c.NodeExpiry = 1, 24*time.Hour }, func(w *world) {
		id := w.running(nil)
		s, _ := w.core.AMSession(id)
		time.Sleep(w.cfg.AMExpiry - time.Second)
		s.Seen(w.clock())
		time.Sleep(w.cfg.AMExpiry - time.Second)
		w.state(id.Application, "RUNNING")
		time.Sleep(2 * time.Second)
		w.state(id.Application, "FAILED")
		if d := w.app(id.Application).Diagnostics; !strings.Contains(d, "timed out") {
			t.Errorf("diagnostics %q", d)
		}
	})
}

// asks sends an AM's asks and returns what its session holds afterwards.
func (w *world) asks(id yarn.AttemptID, r AMRequest) AMNews {
	w.t.Helper()
	w.must(w.core.Allocate(context.Background(), id, r))
	s, ok := w.core.AMSession(id)
	if !ok {
		w.t.Fatalf("%s has no session", id)
	}
	news, _ := s.Take()
	return news
}

func anywhere(n int64) AMRequest {
	return AMRequest{Asks: []scheduler.Request{{Key: scheduler.AskKey{Priority: 1, AllocationID: -1}, Name: scheduler.Any, Capability: yarn.NewResource(1024, 1), Count: n, Relax: true}}}
}

func (w *world) takes(id yarn.AttemptID) AMNews {
	w.t.Helper()
	w.settle()
	s, ok := w.core.AMSession(id)
	if !ok {
		w.t.Fatalf("%s has no session", id)
	}
	news, _ := s.Take()
	return news
}

func (w *world) orders(id yarn.NodeID) Orders {
	w.t.Helper()
	w.settle()
	s, ok := w.core.NodeSession(id)
	if !ok {
		w.t.Fatalf("node %s has no session", id)
	}
	return s.Take()
}

// A lost node takes its containers with it: the AM hears -100 for each, and of the node.
func TestSilentNodeIsLost(t *testing.T) {
	within(t, func(c *Config) { c.AMExpiry, c.AllocationExpiry = 24*time.Hour, 24*time.Hour }, func(w *world) {
		id := w.running(nil)
		other := w.node("n2", 8)
		news := w.asks(id, AMRequest{Asks: []scheduler.Request{
			{Key: scheduler.AskKey{Priority: 1, AllocationID: -1}, Name: "n2", Capability: yarn.NewResource(1024, 1), Count: 3, Relax: true},
			{Key: scheduler.AskKey{Priority: 1, AllocationID: -1}, Name: scheduler.Any, Capability: yarn.NewResource(1024, 1), Count: 3}}})
		if len(news.Grants) != 3 {
			t.Fatalf("%d grants", len(news.Grants))
		}
		for range 8 {
			time.Sleep(2 * time.Minute)
			s, _ := w.core.NodeSession(w.amContainer(id.Application).Node)
			s.Seen(w.clock())
		}
		news = w.takes(id)
		if len(news.Exits) != 3 || news.Exits[0].Status != yarn.ExitAborted || !strings.Contains(news.Exits[0].Diagnostics, "lost") {
			t.Errorf("exits: %+v", news.Exits)
		}
		if n := len(news.Nodes); n == 0 || news.Nodes[n-1].ID != other || news.Nodes[n-1].State != yarn.NodeLost {
			t.Errorf("nodes: %+v", news.Nodes)
		}
		if v := w.app(id.Application); v.Running != 1 || v.Used != yarn.NewResource(1024, 1) {
			t.Errorf("%d containers, %v", v.Running, v.Used)
		}
		if v := w.core.View(); v.Total != yarn.NewResource(8192, 8) || v.Counts.NodesRunning != 1 {
			t.Errorf("the cluster has %v, %d nodes", v.Total, v.Counts.NodesRunning)
		}
	})
}

// A grant that is not started in time is taken back; one that is started is not.
func TestUnusedGrantExpires(t *testing.T) {
	within(t, func(c *Config) { c.AMExpiry, c.NodeExpiry = 24*time.Hour, 24*time.Hour }, func(w *world) {
		id := w.running(nil)
		news := w.asks(id, anywhere(2))
		w.must(w.core.NodeReports(context.Background(), NodeNews{Node: news.Grants[0].Node, Started: []yarn.ContainerID{news.Grants[0].ID}}))
		time.Sleep(w.cfg.AllocationExpiry + time.Second)
		exits := w.takes(id).Exits
		if len(exits) != 1 || exits[0].ID != news.Grants[1].ID || exits[0].Diagnostics != "Container expired since it was unused" || exits[0].Status != yarn.ExitAborted {
			t.Errorf("exits: %+v", exits)
		}
		if o := w.orders(news.Grants[1].Node); !slices.Equal(o.Clean, []yarn.ContainerID{news.Grants[1].ID}) {
			t.Errorf("the node must clean %v", o.Clean)
		}
	})
}

// An exit status stays with the node until the AM has taken it.
func TestExitsAreForgottenOnlyWhenTheAMTookThem(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		g := w.asks(id, anywhere(1)).Grants[0]
		w.exits(g, 3)
		if o := w.orders(g.Node); len(o.Forget) != 0 {
			t.Errorf("the node was told to forget %v before the AM knew", o.Forget)
		}
		exits := w.takes(id).Exits
		if len(exits) != 1 || exits[0].Status != 3 || exits[0].Diagnostics != "it said so\n" {
			t.Fatalf("exits: %+v", exits)
		}
		w.core.Acknowledge(exits)
		if o := w.orders(g.Node); !slices.Equal(o.Forget, []yarn.ContainerID{g.ID}) {
			t.Errorf("after the AM's answer: %v", o.Forget)
		}
	})
}

func TestReleaseTakesOnlyOnesOwn(t *testing.T) {
	within(t, nil, func(w *world) {
		a := w.running(nil)
		s := w.submission(func(s *Submission) { s.Unmanaged, s.AM = true, nil })
		w.must(<-w.submit(s))
		b := yarn.AttemptID{Application: s.ID, Attempt: 1}
		w.register(b)
		mine := w.asks(a, anywhere(1)).Grants[0]
		if exits := w.asks(b, AMRequest{Release: []yarn.ContainerID{mine.ID, w.amContainer(a.Application).ID}}).Exits; len(exits) != 0 {
			t.Errorf("another's containers were released: %+v", exits)
		}
		if exits := w.asks(a, AMRequest{Release: []yarn.ContainerID{w.amContainer(a.Application).ID}}).Exits; len(exits) != 0 {
			t.Errorf("the AM released its own container: %+v", exits)
		}
		exits := w.asks(a, AMRequest{Release: []yarn.ContainerID{mine.ID}}).Exits
		if len(exits) != 1 || exits[0].Status != yarn.ExitAborted {
			t.Errorf("exits: %+v", exits)
		}
	})
}

// After its farewell the AM lives on until its container ends; the others are stopped at
// once, and the nodes clean up when all is over.
func TestFarewell(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		task := w.asks(id, anywhere(1)).Grants[0]
		am := w.amContainer(id.Application)
		if ok, err := w.core.Unregister(context.Background(), id, Finish{Status: yarn.FinalSucceeded, Diagnostics: "done", Tracking: "http://history/"}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		w.state(id.Application, "FINISHING")
		if o := w.orders(am.Node); !slices.Equal(o.Clean, []yarn.ContainerID{task.ID}) || len(o.CleanApps) != 0 {
			t.Errorf("after the farewell: %+v", o)
		}
		w.exits(am, 0)
		w.state(id.Application, "FINISHED")
		if o := w.orders(am.Node); !slices.Equal(o.CleanApps, []yarn.ApplicationID{id.Application}) {
			t.Errorf("after the end: %+v", o)
		}
		v := w.app(id.Application)
		if v.OriginalURL != "http://history/" || v.Diagnostics != "done" || v.Progress() != 1 || v.Running != 0 {
			t.Errorf("%+v", v)
		}
		if _, ok := w.core.AMSession(id); ok {
			t.Error("the AM's session is left")
		}
		if len(w.core.containers) != 0 || w.core.View().Used != (yarn.Resource{}) {
			t.Errorf("%d containers and %v are left", len(w.core.containers), w.core.View().Used)
		}
	})
}

func TestKillAtEveryPointOfLife(t *testing.T) {
	for name, arrange := range map[string]func(w *world) yarn.ApplicationID{
		"waiting for a node": func(w *world) yarn.ApplicationID {
			s := w.submission(nil)
			w.must(<-w.submit(s))
			return s.ID
		},
		"AM being started": func(w *world) yarn.ApplicationID {
			w.launch.hold = true
			w.node("n1", 8)
			s := w.submission(nil)
			w.must(<-w.submit(s))
			w.settle()
			return s.ID
		},
		"running": func(w *world) yarn.ApplicationID {
			id := w.running(nil)
			w.asks(id, anywhere(3))
			return id.Application
		},
		"unmanaged, waiting for its AM": func(w *world) yarn.ApplicationID {
			s := w.submission(func(s *Submission) { s.Unmanaged, s.AM = true, nil })
			w.must(<-w.submit(s))
			return s.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, nil, func(w *world) {
				id := arrange(w)
				if _, known, err := w.core.Kill(context.Background(), id, "enough"); !known || err != nil {
					t.Fatal(known, err)
				}
				w.state(id, "KILLED")
				for _, done := range w.launch.done {
					done(nil) // the start that was under way succeeds after all
				}
				w.settle()
				if n := len(w.launch.done); n > 0 {
					if o := w.orders(w.amContainer(id).Node); !slices.Contains(o.Clean, w.amContainer(id).ID) {
						t.Errorf("an AM that was started too late is not stopped: %+v", o)
					}
				}
				if len(w.core.containers) != 0 || w.core.View().Used != (yarn.Resource{}) {
					t.Errorf("%d containers and %v are left", len(w.core.containers), w.core.View().Used)
				}
				if strings.Contains(w.log.String(), "level=ERROR") {
					t.Errorf("%s", w.log)
				}
			})
		})
	}
}

// started lets nodes report granted containers as running.
func (w *world) started(grants ...Grant) {
	w.t.Helper()
	for _, g := range grants {
		w.must(w.core.NodeReports(context.Background(), NodeNews{Node: g.Node, Started: []yarn.ContainerID{g.ID}}))
	}
}

// The next attempt gets what runs, and hears of what ended and was not told; what was granted and not started goes.
func TestKeptContainersGoToTheNextAttempt(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(func(s *Submission) { s.KeepContainers = true })
		grants := w.asks(id, anywhere(5)).Grants
		running, told, untold, meanwhile, unstarted := grants[0], grants[1], grants[2], grants[3], grants[4]
		w.started(running, told, untold, meanwhile)
		w.exits(told, 3)
		w.core.Acknowledge(w.takes(id).Exits)
		session, _ := w.core.AMSession(id)
		session.Acknowledged()
		w.exits(untold, 4)
		w.takes(id) // in an answer that the AM does not live to acknowledge
		w.orders(running.Node)
		w.exits(w.amContainer(id.Application), 1)
		w.exits(meanwhile, 5)
		if o := w.orders(running.Node); !slices.Contains(o.Clean, unstarted.ID) || slices.Contains(o.Clean, running.ID) || slices.Contains(o.Forget, untold.ID) || slices.Contains(o.Forget, meanwhile.ID) {
			t.Errorf("orders %+v", o)
		}
		second := yarn.AttemptID{Application: id.Application, Attempt: 2}
		kept, err := w.core.Register(context.Background(), second, Registration{})
		if err != nil || len(kept) != 1 || kept[0].ID != running.ID {
			t.Errorf("kept: %+v, %v", kept, err)
		}
		exits := w.takes(second).Exits
		if len(exits) != 2 || exits[0].ID != untold.ID || exits[0].Status != 4 || exits[1].ID != meanwhile.ID {
			t.Errorf("the second AM hears of %+v", exits)
		}
	})
}

// An exit that a node reports after a restart is for the AM, once, and stays with the node until the AM has it.
func TestExitsAfterARestart(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		am := w.amContainer(id.Application)
		task := w.asks(id, anywhere(1)).Grants[0]
		w.crash()
		again := func() {
			t.Helper()
			_, err := w.core.RegisterNode(context.Background(), NodeRegistration{ID: am.Node, HTTPPort: 8042, Rack: "/default-rack", Total: yarn.NewResource(8192, 8), Apps: []yarn.ApplicationID{id.Application},
				Containers: []NodeContainer{{ID: am.ID, State: yarn.ContainerRunning, Resource: am.Resource, Key: am.Key}, {ID: task.ID, State: yarn.ContainerComplete, Exit: 9}}})
			w.must(err)
		}
		again()
		w.register(id)
		again() // the node restarts too, before the AM asks
		if o := w.orders(am.Node); len(o.Forget) != 0 {
			t.Errorf("the node was told to forget %v", o.Forget)
		}
		exits := w.takes(id).Exits
		if len(exits) != 1 || exits[0].Status != 9 {
			t.Fatalf("%+v", exits)
		}
		session, _ := w.core.AMSession(id)
		w.core.Acknowledge(session.Acknowledged())
		again() // and once more, before it heard that it may forget
		if o := w.orders(am.Node); !slices.Contains(o.Forget, task.ID) {
			t.Errorf("%+v", o)
		}
		if exits := w.takes(id).Exits; len(exits) != 0 {
			t.Errorf("told twice: %+v", exits)
		}
	})
}

func TestContainersOfAFailedAttemptAreStopped(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		task := w.asks(id, anywhere(1)).Grants[0]
		w.exits(w.amContainer(id.Application), 1)
		if o := w.orders(task.Node); !slices.Contains(o.Clean, task.ID) {
			t.Errorf("orders %+v", o)
		}
	})
}

// After a restart the containers that a node reports are taken over, those of ended or
// unknown applications are stopped.
func TestRestartTakesRunningContainersOver(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		am, task := w.amContainer(id.Application), w.asks(id, anywhere(1)).Grants[0]
		w.crash()
		stranger := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 5, ID: 5}, Attempt: 1}, ID: 1}
		report := func(id yarn.ContainerID) NodeContainer {
			return NodeContainer{ID: id, State: yarn.ContainerRunning, Resource: yarn.NewResource(1024, 1), Key: scheduler.AskKey{AllocationID: -1}}
		}
		_, err := w.core.RegisterNode(context.Background(), NodeRegistration{ID: am.Node, Rack: "/default-rack", Total: yarn.NewResource(8192, 8),
			Containers: []NodeContainer{report(am.ID), report(task.ID), report(stranger)},
			Apps:       []yarn.ApplicationID{id.Application, stranger.Attempt.Application}})
		w.must(err)
		w.settle()
		if v := w.app(id.Application); v.Running != 2 || v.Used != yarn.NewResource(2048, 2) || v.Attempt.Attempt != 1 {
			t.Errorf("%d containers, %v, attempt %d", v.Running, v.Used, v.Attempt.Attempt)
		}
		if o := w.orders(am.Node); !slices.Equal(o.Clean, []yarn.ContainerID{stranger}) || !slices.Equal(o.CleanApps, []yarn.ApplicationID{stranger.Attempt.Application}) {
			t.Errorf("orders %+v", o)
		}
		w.register(id)
		fresh := w.asks(id, anywhere(1)).Grants
		if len(fresh) != 1 || fresh[0].ID.Epoch() != 1 {
			t.Errorf("granted after the restart: %+v", fresh)
		}
	})
}

func TestNodeComesAndGoes(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		node := w.amContainer(id.Application).Node
		health := func(ok bool, report string) {
			w.must(w.core.NodeReports(context.Background(), NodeNews{Node: node, Health: &Health{Healthy: ok, Report: report, At: 1}}))
		}
		health(false, "disk full")
		if n, _ := w.core.View().Nodes.Get(node); n.State != yarn.NodeUnhealthy || n.Report != "disk full" {
			t.Errorf("%+v", n)
		}
		if got := len(w.asks(id, anywhere(1)).Grants); got != 0 {
			t.Errorf("an unhealthy node got %d containers", got)
		}
		health(true, "")
		if got := len(w.takes(id).Grants); got != 1 {
			t.Errorf("the healthy node got %d containers", got)
		}
		session, _ := w.core.NodeSession(node)
		w.must(w.core.ExcludeNodes(context.Background(), func(n yarn.NodeID) Exclusion { return Exclusion{Excluded: n == node} }))
		if o := session.Take(); !strings.Contains(o.Shutdown, "Disallowed NodeManager") {
			t.Errorf("orders of the excluded node: %+v", o)
		}
		if n, _ := w.core.View().Nodes.Get(node); n.State != yarn.NodeDecommissioned || !n.Total.IsZero() {
			t.Errorf("%+v", n)
		}
		w.node("n1", 8)
		w.must(w.core.UnregisterNode(context.Background(), node))
		if n, _ := w.core.View().Nodes.Get(node); n.State != yarn.NodeShutdown {
			t.Errorf("%+v", n)
		}
	})
}

// The oldest of too many ended applications leave memory and disk.
func TestOldEndedApplicationsAreForgotten(t *testing.T) {
	within(t, func(c *Config) { c.MaxCompleted = 2 }, func(w *world) {
		var ids []yarn.ApplicationID
		for range 4 {
			s := w.submission(nil)
			w.must(<-w.submit(s))
			if _, _, err := w.core.Kill(context.Background(), s.ID, "enough"); err != nil {
				t.Fatal(err)
			}
			w.state(s.ID, "KILLED")
			ids = append(ids, s.ID)
		}
		for i, id := range ids {
			_, seen := w.core.View().Apps.Get(id)
			_, stored := w.disk.apps[id]
			if want := i >= 2; seen != want || stored != want {
				t.Errorf("%s: seen %v, stored %v, want %v", id, seen, stored, want)
			}
		}
	})
}

func TestSubmissionsThatAreRefused(t *testing.T) {
	within(t, nil, func(w *world) {
		s := w.submission(func(s *Submission) { s.Queue = "nowhere" })
		if err := <-w.submit(s); err == nil || !strings.Contains(err.Error(), "unknown queue: nowhere") {
			t.Errorf("%v", err)
		}
		first := w.submission(nil)
		w.must(<-w.submit(first))
		w.must(<-w.submit(first)) // the same again is a success
		stolen := first
		stolen.User = "mallory"
		if err := <-w.submit(stolen); err == nil || !strings.Contains(err.Error(), "already present") {
			t.Errorf("%v", err)
		}
	})
}

func TestCallsAfterTheEnd(t *testing.T) {
	within(t, nil, func(w *world) {
		w.stop()
		if err := w.core.Submit(context.Background(), w.submission(nil)); err != ErrStopped { //nolint:errorlint // it is that very value
			t.Errorf("%v", err)
		}
		w.start(Recovered{})
	})
}

// The containers that ended last are remembered with their application, and only those.
func TestEndedContainersAreRemembered(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		var last yarn.ContainerID
		for range 3 {
			g := w.asks(id, anywhere(1)).Grants[0]
			w.exits(g, 3)
			last = g.ID
		}
		list, err := w.core.Ended(context.Background(), id.Application, 2)
		if err != nil || len(list) != 2 || list[0].ID != last || list[0].Exit != 3 || list[0].State != "COMPLETED" || list[0].Diagnostics != "it said so\n" || list[0].Finish < list[0].Created {
			t.Fatalf("%+v, %v", list, err)
		}
		if e, ok, err := w.core.EndedContainer(context.Background(), list[1].ID); !ok || err != nil || e.ID != list[1].ID {
			t.Errorf("%+v, %v, %v", e, ok, err)
		}
		if _, ok, _ := w.core.EndedContainer(context.Background(), w.amContainer(id.Application).ID); ok {
			t.Error("the AM's container has not ended")
		}
	})
	h, a, b := &history{}, &application{core: &Core{}}, &application{core: &Core{}}
	count := func(a *application) (n int) {
		h.of(a, func(EndedContainer) bool { n++; return true })
		return n
	}
	for i := range 2 * remembered {
		k := &container{app: a}
		if i%4 == 0 {
			k.app = b
		}
		h.add(k, Exit{Diagnostics: string(bytes.Repeat([]byte("ä"), saidMost))}, 1)
		if i == 3 && (count(a) != 3 || count(b) != 1) {
			t.Errorf("%d and %d of 4", count(a), count(b))
		}
	}
	if count(a) != remembered*3/4 || count(b) != remembered/4 || len(h.ring) != remembered || len(h.ring[0].Diagnostics) > saidMost {
		t.Errorf("%d and %d are remembered", count(a), count(b))
	}
}

// Whoever invents nodes, or starts them on new ports, does not fill the memory: those that left first are forgotten.
func TestDepartedNodesAreForgottenInTheEnd(t *testing.T) {
	within(t, nil, func(w *world) {
		stays := w.node("stays", 8)
		back := w.node("back", 8)
		w.must(w.core.UnregisterNode(context.Background(), back))
		w.node("back", 8)
		var first, last yarn.NodeID
		for i := range maxDeparted + 7 {
			last = w.node(fmt.Sprintf("gone%d", i), 8)
			if i == 0 {
				first = last
			}
			w.must(w.core.UnregisterNode(context.Background(), last))
		}
		w.settle()
		nodes := w.core.View().Nodes
		if n := nodes.Len(); n != maxDeparted+2 {
			t.Errorf("%d nodes are remembered", n)
		}
		for id, want := range map[yarn.NodeID]bool{stays: true, back: true, first: false, last: true} {
			if _, known := nodes.Get(id); known != want {
				t.Errorf("%s is known: %v", id, known)
			}
		}
		w.books()
	})
}
