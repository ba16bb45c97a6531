package scheduler

import (
	"strings"
	"testing"

	"heddle/yarn"
)

func TestTwoQueuesShareByTheirCapacitiesUnderContention(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 60), leafOf("b", 40)))
	c.app("x", "a", "u")
	c.app("y", "b", "v")
	c.UpdateAsks(c.apps["x"], []Request{want(Any, 100, 1, true)}, c.now)
	c.UpdateAsks(c.apps["y"], []Request{want(Any, 100, 1, true)}, c.now)
	c.nodesOf(4, 5, 16)
	c.place()
	c.has("x", 12)
	c.has("y", 8)
}

func TestAnIdleQueuesShareIsLent(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 60), leafOf("b", 40)))
	c.nodesOf(4, 8, 8)
	c.app("x", "a", "u")
	c.ask("x", want(Any, 40, 1, true))
	c.has("x", 32)
	c.app("y", "b", "v")
	c.ask("y", want(Any, 8, 1, true))
	c.has("y", 0)
	c.finish("x", 6)
	c.has("y", 6)
}

func TestAQueueStopsAtItsMaximum(t *testing.T) {
	a := leafOf("a", 25)
	a.MaxCapacity = Million / 2
	c := newCluster(t, tree(a, leafOf("b", 75)))
	c.nodesOf(4, 4, 16)
	c.app("x", "a", "u")
	c.ask("x", want(Any, 100, 1, true))
	c.has("x", 8)
	if why := c.Why(c.apps["x"]); why.Reason != QueueMaximum {
		t.Errorf("pending because %q", why.Reason)
	}
}

func TestTheUserLimitFactorBoundsOneUser(t *testing.T) {
	a := leafOf("a", 50)
	a.UserLimitFactor = Million
	c := newCluster(t, tree(a, leafOf("b", 50)))
	c.nodesOf(2, 8, 16)
	c.app("x", "a", "u")
	c.ask("x", want(Any, 100, 1, true))
	// Hadoop compares with "above the limit", so one container more than the limit is granted.
	c.has("x", 9)
}

func TestTheAMShareHoldsBackASecondAM(t *testing.T) {
	a := leafOf("a", 100)
	a.MaxAMShare = Million / 10
	c := newCluster(t, tree(a))
	c.nodesOf(2, 8, 16) // 16 GB: AMs may use 1.6, rounded up to 2
	c.managed("x", "a", "u", 2)
	c.managed("y", "a", "u", 2)
	c.place()
	if !c.am["x"] || c.am["y"] {
		t.Errorf("AMs: %v", c.am)
	}
	if why := c.Why(c.apps["y"]); why.Reason != AMShare || why.Active {
		t.Errorf("pending because %q", why.Reason)
	}
	c.RemoveApp(c.apps["x"])
	c.place()
	if !c.am["y"] {
		t.Error("y waits although x has ended")
	}
}

func TestANamedHostIsTakenBeforeOthers(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(4, 8, 8)
	c.app("x", "a", "u")
	c.ask("x", want("N3", 2, 1, true), want("/default-rack", 2, 1, true), want(Any, 2, 1, true))
	if c.on["x"]["n3"] != 2 {
		t.Errorf("placed on %v", c.on["x"])
	}
}

func TestAFullHostIsLeftForItsRackAfterTheDelay(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.node("r1n1", "/r1", 2, 8, 0)
	c.node("r1n2", "/r1", 2, 8, 0)
	c.node("r2n1", "/r2", 2, 8, 0)
	c.app("x", "a", "u")
	c.ask("x", want("r1n1", 3, 1, true), want("/r1", 3, 1, true), want(Any, 3, 1, true))
	if c.on["x"]["r1n1"] != 2 || c.count("x") != 2 {
		t.Errorf("before the delay: %v", c.on["x"])
	}
	if why := c.Why(c.apps["x"]); why.Reason != WaitsForLocality {
		t.Errorf("pending because %q", why.Reason)
	}
	c.now = c.NextDue()
	c.place()
	if c.on["x"]["r1n2"] != 1 {
		t.Errorf("after the delay: %v", c.on["x"])
	}
}

func TestWithoutRelaxedLocalityOnlyTheNamedPlacesServe(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.node("r1n1", "/r1", 2, 8, 0)
	c.node("r1n2", "/r1", 2, 8, 0)
	c.node("r2n1", "/r2", 2, 8, 0)
	c.app("host", "a", "u")
	c.ask("host", want("r1n1", 3, 1, true), want("/r1", 3, 1, false), want(Any, 3, 1, false))
	c.app("rack", "a", "u")
	c.ask("rack", want("/r1", 3, 1, true), want(Any, 3, 1, false))
	c.now += 100000
	c.dirty = true
	c.place()
	if c.on["host"]["r1n1"] != 2 || c.count("host") != 2 {
		t.Errorf("host: %v", c.on["host"])
	}
	if c.on["rack"]["r1n2"] != 2 || c.count("rack") != 2 {
		t.Errorf("rack: %v", c.on["rack"])
	}
}

func TestHigherPrioritiesOfOneApplicationAreServedFirst(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.app("x", "a", "u")
	low, high := want(Any, 4, 1, true), want(Any, 4, 2, true)
	low.Key.Priority, high.Key.Priority = 20, 10
	c.ask("x", low, high)
	c.nodesOf(1, 6, 8)
	for _, k := range c.place() {
		if k.Key.Priority != 10 {
			t.Errorf("priority %d was served", k.Key.Priority)
		}
	}
	c.has("x", 3)
}

func TestTheApplicationOfHigherPriorityComesFirst(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.appWith("low", "a", "u", 0)
	c.appWith("high", "a", "u", 5)
	c.ask("low", want(Any, 4, 1, true))
	c.ask("high", want(Any, 4, 1, true))
	c.nodesOf(1, 4, 8)
	c.place()
	c.has("high", 4)
	c.has("low", 0)
}

func TestAGPUAskGoesWhereGPUsAre(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(3, 8, 8)
	c.node("g", "/default-rack", 8, 8, 2)
	c.app("x", "a", "u")
	r := want(Any, 3, 1, true)
	r.Capability[gpu] = 1
	c.ask("x", r)
	if c.on["x"]["g"] != 2 || c.count("x") != 2 {
		t.Errorf("placed on %v", c.on["x"])
	}
}

func TestAnAskAboveTheMaximumIsRefused(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	if _, err := c.cfg.Normalize(yarn.NewResource(99999, 1), c.cfg.Maximum); err == nil || !strings.Contains(err.Error(), "maximum allowed allocation=<memory:16384, vCores:16, yarn.io/gpu: 8>") {
		t.Error(err)
	}
	if r, err := c.cfg.Normalize(yarn.NewResource(1500, 0), c.cfg.Maximum); err != nil || r != yarn.NewResource(2048, 1) {
		t.Errorf("%v, %v", r, err)
	}
}

func TestABlacklistedNodeGetsNothing(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(2, 4, 8)
	c.app("x", "a", "u")
	c.Blacklist(c.apps["x"], []string{"N1"}, nil)
	c.ask("x", want(Any, 8, 1, true))
	if c.on["x"]["n2"] != 4 || c.count("x") != 4 {
		t.Errorf("placed on %v", c.on["x"])
	}
	c.Blacklist(c.apps["x"], nil, []string{"n1"})
	c.place()
	c.has("x", 8)
}

func TestAPendingAskSaysThatABlacklistHoldsTheNodesThatFit(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.node("small", "/default-rack", 2, 8, 0)
	c.node("big", "/default-rack", 8, 8, 0)
	why := func(name string, want Reason) {
		t.Helper()
		if got := c.Why(c.apps[name]).Reason; got != want {
			t.Errorf("%s waits: %q, not %q", name, got, want)
		}
	}
	c.node("other", "/default-rack", 8, 8, 0)
	c.app("y", "a", "u")
	c.Blacklist(c.apps["y"], []string{"big"}, nil)
	c.ask("y", want(Any, 1, 8, true))
	c.app("x", "a", "u")
	c.Blacklist(c.apps["x"], []string{"big"}, nil)
	c.ask("x", want(Any, 1, 4, true))
	why("x", NoNodeFits) // a node that is not on the list is busy
	c.Blacklist(c.apps["x"], []string{"other"}, nil)
	c.place()
	why("x", Blacklisted)
	c.app("z", "a", "u")
	c.Blacklist(c.apps["z"], []string{"small"}, nil)
	c.ask("z", want("small", 1, 1, false), want(Any, 1, 1, false))
	why("z", Blacklisted) // it insists on a host that it has put on the list
	c.managed("w", "a", "u", 4)
	if err := c.StartAttempt(yarn.AttemptID{Application: c.apps["w"], Attempt: 2}, true, 0, []Request{{Name: Any, Capability: yarn.NewResource(4096, 1), Count: 1, Relax: true}},
		[]string{"big", "other"}, c.now); err != nil {
		t.Fatal(err)
	}
	c.place()
	why("w", AMFailedThere)
}

func TestALargeAskIsNotPassedForEver(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(1, 8, 8)
	c.app("large", "a", "v")
	c.app("small", "a", "u")
	c.ask("small", want(Any, 8, 1, true))
	c.ask("large", want(Any, 1, 6, true))
	c.ask("small", want(Any, 50, 1, true))
	for range 6 {
		c.finish("small", 1)
	}
	c.has("large", 1)
}

func TestAGangIsGrantedWholeOrNotAtAll(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(2, 4, 8)
	c.app("x", "a", "u")
	gang := Gang{Key: AskKey{1, -1}, Parts: []Part{
		{Capability: yarn.NewResource(1024, 1), Count: 2, RelaxAny: true},
		{Capability: yarn.NewResource(3072, 1), Count: 2, RelaxAny: true},
	}}
	c.app("other", "a", "v")
	c.ask("other", want("n1", 2, 1, true), want("/default-rack", 2, 1, true), want(Any, 2, 1, true))
	c.AskGang(c.apps["x"], gang, c.now)
	c.place()
	c.has("x", 0)
	if why := c.Why(c.apps["x"]); why.Reason != GangNotWhole {
		t.Errorf("pending because %q", why.Reason)
	}
	c.finish("other", 2)
	c.has("x", 4)
}

func TestContainersOfARemovedNodeAreReturned(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 100)))
	c.nodesOf(2, 2, 8)
	c.app("x", "a", "u")
	c.ask("x", want(Any, 4, 1, true))
	if lost := c.RemoveNode(yarn.NodeID{Host: "n1", Port: 1}); len(lost) != 2 {
		t.Errorf("%d containers lost, want 2", len(lost))
	}
	c.place()
	c.has("x", 2)
}

func TestBadTreesAreRefused(t *testing.T) {
	types, _ := yarn.NewResourceTypes()
	for want, root := range map[string]QueueConfig{
		"add up to 90":          tree(leafOf("a", 50), leafOf("b", 40)),
		"lists a twice":         tree(leafOf("a", 50), leafOf("a", 50)),
		"not between 0 and 100": tree(leafOf("a", 150)),
		"not root":              {Name: "x"},
		"is below its capacity": tree(QueueConfig{Name: "a", Capacity: Million, MaxCapacity: 1000}),
	} {
		if _, err := New(Config{Types: types, Root: root}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, have %v", want, err)
		}
	}
}

func TestQueueNamesResolveToLeaves(t *testing.T) {
	parent := QueueConfig{Name: "p", Capacity: Million / 2, MaxCapacity: Million, Children: []QueueConfig{leafOf("x", 50), leafOf("d", 50)}}
	c := newCluster(t, tree(parent, leafOf("x", 50)))
	for name, want := range map[string]string{"d": "root.p.d", "root.p.x": "root.p.x", "root.x": "root.x"} {
		if got, err := c.LeafPath(name); err != nil || got != want {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"p": "not a leaf", "root.p": "not a leaf", "x": "ambiguous", "nope": "unknown queue"} {
		if _, err := c.LeafPath(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMovedApplicationTakesItsContainersAndAsksAlong(t *testing.T) {
	full := leafOf("c", 10)
	full.Stopped = true
	c := newCluster(t, tree(leafOf("a", 50), leafOf("b", 40), full))
	c.nodesOf(4, 8, 8)
	c.app("x", "a", "u")
	c.app("y", "a", "u")
	c.ask("x", want(Any, 40, 1, true))
	c.has("x", 32)
	if err := c.Move(c.apps["x"], "root.b"); err != nil {
		t.Fatal(err)
	}
	c.place()
	a, b := c.queues["root.a"], c.queues["root.b"]
	if a.used[yarn.Memory] != 0 || a.pending.containers != 0 || b.used[yarn.Memory] != 32<<10 || b.pending.containers != 8 || len(b.active) != 1 || b.users["u"].used[yarn.Memory] != 32<<10 {
		t.Errorf("a uses %v and wants %d, b uses %v and wants %d", a.used, a.pending.containers, b.used, b.pending.containers)
	}
	c.finish("x", 2)
	c.has("x", 32)
	c.ask("y", want(Any, 4, 1, true))
	c.finish("x", 4)
	c.has("y", 4)
	if err := c.Move(c.apps["y"], "root.c"); err == nil || !strings.Contains(err.Error(), "STOPPED") {
		t.Errorf("a stopped queue took an application: %v", err)
	}
	if err := c.Move(c.apps["y"], "root"); err == nil {
		t.Error("a parent took an application")
	}
}

func TestRefreshedQueuesKeepWhatRunsInThem(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 50), leafOf("b", 50)))
	c.nodesOf(4, 8, 8)
	c.app("x", "a", "u")
	c.app("y", "b", "u")
	c.ask("x", want(Any, 40, 1, true))
	c.has("x", 32)
	next := c.cfg
	narrow := leafOf("a", 20)
	narrow.MaxCapacity = Million / 4
	next.Root = tree(narrow, leafOf("b", 40), QueueConfig{Name: "p", Capacity: Million * 4 / 10, MaxCapacity: Million, Children: []QueueConfig{leafOf("new", 100)}})
	if err := c.Reconfigure(next); err != nil {
		t.Fatal(err)
	}
	c.now |= 1 << 40 // a is above its new maximum
	c.check()
	a := c.queues["root.a"]
	if a.used[yarn.Memory] != 32<<10 || a.pending.containers != 8 || a.guaranteed[yarn.Memory] != 32<<10/5 || c.root.used[yarn.Memory] != 32<<10 || len(a.active) != 1 {
		t.Errorf("%+v", a)
	}
	c.ask("y", want(Any, 20, 1, true))
	c.app("z", "new", "u")
	c.ask("z", want(Any, 4, 1, true))
	c.finish("x", 24)
	c.has("x", 8) // a stays at its new maximum
	c.has("y", 20)
	c.has("z", 4)
	if got, err := c.LeafPath("new"); err != nil || got != "root.p.new" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestAQueueThatIsUsedCannotBeDeletedOrTurned(t *testing.T) {
	parent := QueueConfig{Name: "p", Capacity: Million / 2, MaxCapacity: Million, Children: []QueueConfig{leafOf("x", 100)}}
	c := newCluster(t, tree(leafOf("a", 50), parent))
	c.nodesOf(1, 8, 8)
	c.app("j", "a", "u")
	turned := parent
	turned.Children = nil
	split := leafOf("a", 50)
	split.Children = []QueueConfig{leafOf("y", 100)}
	stopped := leafOf("a", 50)
	stopped.Stopped = true
	refused := func(want string, children ...QueueConfig) {
		t.Helper()
		next := c.cfg
		next.Root = tree(children...)
		if err := c.Reconfigure(next); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
		c.check()
	}
	whole := parent
	whole.Capacity = Million
	refused("root.a cannot be deleted from the capacity scheduler configuration, as the queue is not yet in stopped state. Current State : RUNNING", whole)
	refused("Can not convert parent queue: root.p to leaf queue", leafOf("a", 50), turned)
	refused("Can not convert the leaf queue: root.a to parent queue", split, parent)
	refused("add up to", leafOf("a", 20), parent)
	next := c.cfg
	next.Root = tree(stopped, parent)
	if err := c.Reconfigure(next); err != nil {
		t.Fatal(err)
	}
	refused("Current State : DRAINING", whole)
	c.RemoveApp(c.apps["j"])
	next.Root = tree(whole)
	if err := c.Reconfigure(next); err != nil {
		t.Errorf("the empty stopped queue: %v", err)
	}
	if _, err := c.LeafPath("a"); err == nil {
		t.Error("the deleted queue is still there")
	}
}

func TestAContainerGrowsWhenItsNodeAndItsQueueHaveRoom(t *testing.T) {
	narrow := leafOf("a", 50)
	narrow.MaxCapacity = Million * 3 / 4
	c := newCluster(t, tree(narrow, leafOf("b", 50)))
	c.nodesOf(2, 8, 8)
	c.app("x", "a", "u")
	c.app("y", "b", "u")
	c.ask("x", want(Any, 2, 2, true))
	c.has("x", 2)
	held := sortedContainers(c.held)
	k, other := held[0], held[1]
	size := func(gb int64) yarn.Resource { return yarn.NewResource(gb<<10, 1) }
	grows := func(wanted ...*Container) {
		t.Helper()
		c.place()
		got := c.TakeGrown()
		if len(got) != len(wanted) || len(got) > 0 && got[0] != wanted[0] {
			t.Errorf("%v grew", got)
		}
	}
	c.Grow(k.ID, size(6))
	if c.Grow(k.ID, size(7)) {
		t.Error("a second wish was taken")
	}
	grows(k)
	c.ask("y", want(Any, 2, 4, true))
	c.has("y", 1) // one node has 2 GB left, the other 6
	c.Grow(other.ID, size(5))
	grows() // its node is full, though the queue has room
	if p := c.Why(c.apps["x"]); p.Reason != NoNodeFits {
		t.Errorf("%v", p.Reason)
	}
	c.finish("y", 1)
	grows() // y's second container came first
	c.ask("y", want(Any, 0, 4, true))
	c.finish("y", 1)
	grows(other)
	c.Grow(k.ID, size(8))
	grows() // 12 GB are the queue's maximum
	if p := c.Why(c.apps["x"]); p.Reason != QueueMaximum {
		t.Errorf("%v", p.Reason)
	}
	c.Shrink(other.ID, size(1))
	grows(k)
	c.Grow(other.ID, size(2))
	c.finish("x", 2)
	grows()
	if c.root.ready != 0 {
		t.Error("an ended container is still waited for")
	}
	if c.Grow(k.ID, size(2)) || c.Shrink(k.ID, size(1)) {
		t.Error("an ended container changed")
	}
}
