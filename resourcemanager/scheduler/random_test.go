package scheduler

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"heddle/yarn"
)

// run drives a scheduler with random operations, checking the books after every pass,
// and returns a hash of all decisions.
func run(t *testing.T, seed uint64, steps int) uint64 {
	r := rand.New(rand.NewPCG(seed, 1))
	small := leafOf("a", 30)
	small.MaxCapacity = Million / 2
	limited := leafOf("c", 30)
	limited.UserLimitFactor = Million
	limited.MaxAMShare = Million / 10
	if seed%2 == 1 {
		small.MaxParallelApps = new(2)
	}
	c := newCluster(t, tree(small, leafOf("b", 40), limited))
	h := fnv.New64a()
	var gangs int
	for step := range steps {
		c.now += r.Int64N(500)
		switch op := r.IntN(10); {
		case op == 0:
			c.node(fmt.Sprintf("h%d", r.IntN(12)), fmt.Sprintf("/r%d", r.IntN(3)), 1+r.Int64N(16), 1+r.Int64N(16), r.Int64N(3))
			c.now |= 1 << 40 // a node that shrinks may leave a queue above its maximum
		case op == 1 && len(c.nodes) > 3:
			c.RemoveNode(yarn.NodeID{Host: fmt.Sprintf("h%d", r.IntN(12)), Port: 1})
		case op == 2 && len(c.apps) < 20:
			c.appWith(fmt.Sprint(step), []string{"a", "b", "c"}[r.IntN(3)], fmt.Sprint("u", r.IntN(3)), r.Int32N(3))
		case op < 5 && len(c.apps) > 0:
			id := yarn.ApplicationID{ClusterTimestamp: 1, ID: 1 + r.Int32N(int32(len(c.apps)))}
			n := r.Int64N(6)
			capability := yarn.Resource{1024 * (1 + r.Int64N(8)), 1 + r.Int64N(4), r.Int64N(2)}
			k := AskKey{r.Int32N(3), -1}
			host, rackName := fmt.Sprintf("h%d", r.IntN(12)), fmt.Sprintf("/r%d", r.IntN(3))
			c.UpdateAsks(id, []Request{{k, host, capability, n, true}, {k, rackName, capability, n, r.IntN(2) == 0}, {k, Any, capability, n, r.IntN(3) > 0}}, c.now)
		case op == 5 && len(c.apps) > 0:
			gangs++
			id := yarn.ApplicationID{ClusterTimestamp: 1, ID: 1 + r.Int32N(int32(len(c.apps)))}
			c.AskGang(id, Gang{AskKey{5, -1}, []Part{{Capability: yarn.NewResource(2048, 1), Count: 1 + r.Int64N(5), RelaxAny: true}}}, c.now)
		case op == 6 && len(c.apps) > 0:
			id := yarn.ApplicationID{ClusterTimestamp: 1, ID: 1 + r.Int32N(int32(len(c.apps)))}
			c.Blacklist(id, []string{fmt.Sprintf("h%d", r.IntN(12))}, []string{fmt.Sprintf("h%d", r.IntN(12))})
			c.SetPriority(id, r.Int32N(4))
			if r.IntN(2) == 0 {
				if err := c.Move(id, "root."+[]string{"a", "b", "c"}[r.IntN(3)]); err != nil && c.Scheduler.apps[id] != nil {
					t.Errorf("move %s: %v", id, err)
				}
				c.now |= 1 << 40 // a queue may be above its maximum then
			}
		case op == 7 && r.IntN(3) == 0:
			part := 10 + r.Int64N(50)
			changed := leafOf("a", part)
			changed.MaxCapacity = Million - r.Int64N(100)*1000
			next := c.cfg
			next.Root = tree(limited, leafOf("b", 70-part), changed)
			if part%4 == 0 {
				next.Root.MaxParallelApps, next.UserParallelApps = new(int(part)/4), map[string]int{"u1": 2, EachUser: 3}
			}
			if part%3 == 0 {
				next.Root.Children = append(next.Root.Children, leafOf("d", 0))
			}
			if err := c.Reconfigure(next); err != nil && c.queues["root.d"] == nil {
				t.Error(err)
			}
			c.now |= 1 << 40
		case op == 8 && len(c.held) > 0:
			k := sortedContainers(c.held)[r.IntN(len(c.held))]
			bigger := k.Resource.Add(yarn.Resource{1024 * r.Int64N(4), r.Int64N(2), r.Int64N(2)})
			if r.IntN(2) == 0 {
				c.Grow(k.ID, bigger)
			} else {
				c.Shrink(k.ID, k.Resource.Min(yarn.NewResource(1024, 1)))
			}
		default:
			for _, k := range sortedContainers(c.held) {
				if r.IntN(3) == 0 {
					c.Complete(k.ID)
				}
			}
		}
		for _, k := range c.place() {
			fmt.Fprintln(h, k.ID, k.Node, k.Resource)
		}
		for _, k := range c.TakeGrown() {
			fmt.Fprintln(h, k.ID, "is", k.Resource)
		}
	}
	for _, id := range c.apps {
		c.RemoveApp(id)
	}
	c.place()
	if !c.root.used.IsZero() || len(c.held) != 0 || c.root.pending.containers != 0 || c.root.ready != 0 {
		t.Errorf("after all applications ended: %v used, %d wanted", c.root.used, c.root.pending.containers)
	}
	for _, n := range c.nodes {
		if n.reserved != nil {
			t.Errorf("%s is still held back", n.id)
		}
	}
	return h.Sum64()
}

func TestRandomOperationsKeepTheBooksAndAreRepeatable(t *testing.T) {
	for seed := range uint64(30) {
		if a, b := run(t, seed, 300), run(t, seed, 300); a != b {
			t.Fatalf("seed %d: two runs decided differently", seed)
		}
	}
}

func FuzzOperations(f *testing.F) {
	f.Add(uint64(99))
	f.Fuzz(func(t *testing.T, seed uint64) { run(t, seed, 200) })
}

// BenchmarkPlace is the cost of granting and completing one container at 1,000 nodes.
func BenchmarkPlace(b *testing.B) {
	types, _ := yarn.NewResourceTypes()
	s, err := New(Config{Types: types, Calculator: Dominant, Minimum: yarn.NewResource(1024, 1), Maximum: yarn.NewResource(8192, 8),
		Root: tree(leafOf("a", 60), leafOf("b", 40)), HeartbeatMillis: 1000})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		s.AddNode(yarn.NodeID{Host: fmt.Sprint("n", i), Port: 1}, "/default-rack", yarn.NewResource(65536, 64))
	}
	for i, q := range []string{"root.a", "root.b"} {
		id := yarn.ApplicationID{ClusterTimestamp: 1, ID: int32(i + 1)}
		if err := s.AddApp(AppSpec{ID: id, Queue: q, User: "u"}); err != nil {
			b.Fatal(err)
		}
		s.UpdateAsks(id, []Request{{Name: Any, Capability: yarn.NewResource(1024, 1), Count: 1 << 40, Relax: true}}, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		grants, _ := s.Place(1, 100)
		for _, c := range grants {
			s.Complete(c.ID)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/container")
}
