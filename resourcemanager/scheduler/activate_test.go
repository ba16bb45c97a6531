package scheduler

import (
	"strings"
	"testing"
)

// running names the applications that have started, in the order of their names.
func (c *cluster) running(names string) (out string) {
	for _, name := range strings.Fields(names) {
		if a := c.Scheduler.apps[c.apps[name]]; a != nil && a.active {
			out += name + " "
		}
	}
	return strings.TrimSpace(out)
}

func (c *cluster) end(name string) {
	c.RemoveApp(c.apps[name])
	c.place()
}

// limited is a tree of a.x, a.y and b in which two applications may run at a time below a, and one in x.
func limited() QueueConfig {
	x, y := leafOf("x", 50), leafOf("y", 50)
	x.MaxParallelApps = new(1)
	a := QueueConfig{Name: "a", Capacity: Million / 2, MaxCapacity: Million, Children: []QueueConfig{x, y}, MaxParallelApps: new(2)}
	return tree(a, leafOf("b", 50))
}

func TestApplicationsWaitForTheirTurnToRunInAQueue(t *testing.T) {
	c := newCluster(t, limited())
	c.nodesOf(2, 16, 16)
	const all = "x1 x2 y1 y2 b1 b2"
	for _, name := range strings.Fields(all) {
		c.app(name, name[:1], "alice")
	}
	c.place()
	if got := c.running(all); got != "x1 y1 b1 b2" {
		t.Errorf("%s run", got)
	}
	for _, name := range []string{"x2", "y2"} {
		if why := c.Why(c.apps[name]); why.Reason != ParallelApps || why.Active {
			t.Errorf("%s: %+v", name, why)
		}
	}
	c.ask("x2", want(Any, 1, 1, true))
	c.has("x2", 0)
	c.end("y1") // x2 came before y2, but x has its one
	if got := c.running(all); got != "x1 y2 b1 b2" {
		t.Errorf("%s run after y1's end", got)
	}
	c.app("y3", "y", "bob")
	c.end("x1") // of two that may take the place, the first goes first, whatever its queue
	if got := c.running(all + " y3"); got != "x2 y2 b1 b2" {
		t.Errorf("%s run after x1's end", got)
	}
	c.has("x2", 1)
	next := c.cfg
	next.Root = limited()
	next.Root.Children[0].MaxParallelApps = nil
	if err := c.Reconfigure(next); err != nil {
		t.Fatal(err)
	}
	c.place()
	if got := c.running(all + " y3"); got != "x2 y2 b1 b2 y3" {
		t.Errorf("%s run without a's limit", got)
	}
	next.Root = limited()
	if err := c.Reconfigure(next); err != nil { // nothing that runs is stopped
		t.Fatal(err)
	}
	c.app("y4", "y", "bob")
	c.end("x2")
	if got := c.running(all + " y3 y4"); got != "y2 b1 b2 y3" {
		t.Errorf("%s run with the limit back", got)
	}
}

func TestApplicationsOfAUserWaitForTheirTurnInAllQueues(t *testing.T) {
	c := newCluster(t, tree(leafOf("a", 50), leafOf("b", 50)))
	c.nodesOf(2, 16, 16)
	next := c.cfg
	next.UserParallelApps = map[string]int{"alice": 1, "carol": 0, EachUser: 2}
	if err := c.Reconfigure(next); err != nil {
		t.Fatal(err)
	}
	const all = "a1 a2 b1 b2 b3 c1"
	c.app("a1", "a", "alice")
	c.app("a2", "b", "alice")
	c.app("b1", "a", "bob")
	c.app("b2", "b", "bob")
	c.app("b3", "b", "bob")
	c.app("c1", "b", "carol")
	c.place()
	if got := c.running(all); got != "a1 b1 b2" {
		t.Errorf("%s run", got)
	}
	if err := c.Move(c.apps["b1"], "root.b"); err != nil {
		t.Fatal(err)
	}
	c.end("a1")
	if got := c.running(all); got != "a2 b1 b2" {
		t.Errorf("%s run after a1's end", got)
	}
	c.end("b2")
	if got := c.running(all); got != "a2 b1 b3" {
		t.Errorf("%s run after b2's end", got)
	}
}
