package core

import (
	"context"
	"testing"
	"time"

	"heddle/yarn"
)

func (w *world) nodeState(id yarn.NodeID) yarn.NodeState {
	w.settle()
	n, _ := w.core.View().Nodes.Get(id)
	return n.State
}

func (w *world) exclude(x Exclusion, hosts ...string) {
	w.t.Helper()
	w.must(w.core.ExcludeNodes(context.Background(), func(n yarn.NodeID) Exclusion {
		for _, h := range hosts {
			if n.Host == h {
				return x
			}
		}
		return Exclusion{}
	}))
}

// A node that is decommissioned gracefully gets nothing more, and goes when neither a container nor an
// application's data is left on it.
func TestAGracefulDecommissionWaitsForWhatRuns(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		node := w.amContainer(id.Application).Node
		idle := w.node("idle", 8)
		session, _ := w.core.NodeSession(node)
		w.exclude(Exclusion{Excluded: true, Graceful: true, Seconds: 3600}, "n1", "idle")
		if w.nodeState(node) != yarn.NodeDecommissioning || !session.Draining() {
			t.Fatalf("%v", w.nodeState(node))
		}
		time.Sleep(time.Second)
		if got := w.nodeState(idle); got != yarn.NodeDecommissioned {
			t.Errorf("the idle node is %v", got)
		}
		if got := len(w.asks(id, anywhere(1)).Grants); got != 0 {
			t.Errorf("a leaving node got %d containers", got)
		}
		w.node("n1", 8) // registers again: a restart, say
		if got := w.nodeState(node); got != yarn.NodeDecommissioning {
			t.Errorf("after it registered again it is %v", got)
		}
		other := w.node("n2", 8)
		news := w.takes(id)
		if len(news.Grants) != 1 || news.Grants[0].Node != other {
			t.Errorf("%+v", news.Grants)
		}
		ok, err := w.core.Unregister(context.Background(), id, Finish{Status: yarn.FinalSucceeded})
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		w.exits(w.amContainer(id.Application), yarn.ExitSuccess)
		time.Sleep(time.Second)
		if got := w.nodeState(node); got != yarn.NodeDecommissioned {
			t.Errorf("the node that nobody needs is %v", got)
		}
	})
}

func TestAGracefulDecommissionEnds(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		node := w.amContainer(id.Application).Node
		for _, again := range []yarn.NodeState{yarn.NodeRunning, yarn.NodeUnhealthy} {
			w.exclude(Exclusion{Excluded: true, Graceful: true, Seconds: 3600}, "n1")
			w.must(w.core.NodeReports(context.Background(), NodeNews{Node: node, Health: &Health{Healthy: again == yarn.NodeRunning}}))
			w.exclude(Exclusion{})
			if got := w.nodeState(node); got != again {
				t.Errorf("a node that is not excluded any more is %v, want %v", got, again)
			}
		}
		w.exclude(Exclusion{Excluded: true, Graceful: true, Seconds: 3600}, "n1")
		w.exclude(Exclusion{Excluded: true, Graceful: true, Seconds: 30}, "n1") // a second thought
		if n, _ := w.core.View().Nodes.Get(node); !n.DrainBy.Equal(time.Now().Add(30 * time.Second)) {
			t.Errorf("it leaves at %s", n.DrainBy)
		}
		time.Sleep(29 * time.Second)
		if got := w.nodeState(node); got != yarn.NodeDecommissioning {
			t.Errorf("before its time it is %v", got)
		}
		time.Sleep(2 * time.Second)
		if got := w.nodeState(node); got != yarn.NodeDecommissioned {
			t.Errorf("after its time it is %v", got)
		}
		w.node("n1", 8)
		w.exclude(Exclusion{Excluded: true, Graceful: true, Seconds: -1}, "n1")
		w.exclude(Exclusion{Excluded: true}, "n1")
		if got := w.nodeState(node); got != yarn.NodeDecommissioned {
			t.Errorf("excluded at once it is %v", got)
		}
	})
}

// A node's new size counts at once and reaches the node; what it holds too much goes when the administrator says so,
// the newest first and AMs last.
func TestANodeIsResized(t *testing.T) {
	within(t, nil, func(w *world) {
		id := w.running(nil)
		am := w.amContainer(id.Application)
		if got := len(w.asks(id, anywhere(7)).Grants); got != 7 {
			t.Fatalf("%d containers", got)
		}
		resize := func(gb, millis int64) {
			t.Helper()
			w.must(w.core.ResizeNodes(context.Background(), map[yarn.NodeID]NodeResource{am.Node: {Total: yarn.Resource{gb << 10, -1, -1}, Millis: millis}, {Host: "gone"}: {}}))
			w.settle()
		}
		w.orders(am.Node)
		resize(16, -1)
		if n, _ := w.core.View().Nodes.Get(am.Node); n.Total != (yarn.Resource{16 << 10, 8, 0}) {
			t.Errorf("it offers %v", n.Total)
		}
		if o := w.orders(am.Node); o.Resource == nil || o.Resource[yarn.Memory] != 16<<10 || o.Resource[yarn.VCores] != 8 {
			t.Errorf("the node was told %v", o.Resource)
		}
		resize(3, -1)
		time.Sleep(time.Minute)
		if got := len(w.takes(id).Exits); got != 0 {
			t.Errorf("%d containers were taken back", got)
		}
		resize(3, 5000)
		time.Sleep(4 * time.Second)
		if got := len(w.takes(id).Exits); got != 0 {
			t.Errorf("%d containers were taken back before the time", got)
		}
		time.Sleep(2 * time.Second)
		exits := w.takes(id).Exits
		if len(exits) != 5 || exits[0].Status != yarn.ExitPreempted || exits[0].ID.ID != 8 {
			t.Errorf("%+v", exits)
		}
		if got := len(w.orders(am.Node).Clean); got != 5 {
			t.Errorf("the node was told to stop %d", got)
		}
		w.state(id.Application, "RUNNING")
	})
}

// A node that is gone tells nothing of its logs: after a time that is not waited for any longer.
func TestLogsAreNotWaitedForForEver(t *testing.T) {
	within(t, func(c *Config) { c.LogAggregation, c.MaxAttempts = true, 1 }, func(w *world) {
		id := w.running(nil).Application
		logs := func() LogState { return w.app(id).LogState(time.Now().UnixMilli(), 10*time.Minute) }
		w.exits(w.amContainer(id), 1)
		w.state(id, "FAILED")
		if got := logs(); got != LogNotStart {
			t.Errorf("at its end: %d", got)
		}
		time.Sleep(11 * time.Minute)
		if got := logs(); got != LogTimeOut {
			t.Errorf("later: %d", got)
		}
	})
}
