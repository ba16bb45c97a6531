package scheduler

import (
	"fmt"
	"testing"

	"heddle/yarn"
)

// cluster is a scheduler under test with names instead of ids.
type cluster struct {
	*Scheduler
	t    *testing.T
	now  int64
	apps map[string]yarn.ApplicationID
	// on counts the granted containers of each application by host, AMs left out.
	on map[string]map[string]int
	am map[string]bool // applications whose AM was granted
}

const gpu = 2

// leafOf is a leaf with the defaults of Hadoop but a user-limit-factor wide enough not to matter.
func leafOf(name string, percent int64) QueueConfig {
	return QueueConfig{Name: name, Capacity: percent * 10000, MaxCapacity: Million, UserLimit: Million,
		UserLimitFactor: 100 * Million, MaxAMShare: Million}
}

func tree(children ...QueueConfig) QueueConfig {
	return QueueConfig{Name: "root", Capacity: Million, MaxCapacity: Million, Children: children}
}

func newCluster(t *testing.T, root QueueConfig) *cluster {
	t.Helper()
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Types: types, Calculator: Dominant,
		Minimum: yarn.NewResource(1024, 1), Maximum: yarn.Resource{16384, 16, 8},
		Root: root, NodeLocalityDelay: 40, RackLocalityDelay: -1, HeartbeatMillis: 1000, MaxApplications: 10000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{Scheduler: s, t: t, now: 1000, apps: map[string]yarn.ApplicationID{},
		on: map[string]map[string]int{}, am: map[string]bool{}}
}

func (c *cluster) node(host, rack string, gb, cores, gpus int64) {
	c.AddNode(yarn.NodeID{Host: host, Port: 1}, rack, yarn.Resource{gb * 1024, cores, gpus})
}

func (c *cluster) nodesOf(n int, gb, cores int64) {
	for i := range n {
		c.node(fmt.Sprintf("n%d", i+1), "/default-rack", gb, cores, 0)
	}
}

// app submits an unmanaged application of user to a queue; its AM takes nothing of the cluster.
func (c *cluster) app(name, queue, user string) {
	c.appWith(name, queue, user, 0)
}

func (c *cluster) appWith(name, queue, user string, priority int32) {
	c.t.Helper()
	id := yarn.ApplicationID{ClusterTimestamp: 1, ID: int32(len(c.apps) + 1)}
	path, err := c.LeafPath(queue)
	if err == nil {
		err = c.AddApp(AppSpec{ID: id, Queue: path, User: user, Priority: priority, AM: c.cfg.Minimum})
	}
	if err == nil {
		err = c.StartAttempt(yarn.AttemptID{Application: id, Attempt: 1}, false, 0, nil, nil, c.now)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.apps[name] = id
}

// managed submits an application whose AM needs gb.
func (c *cluster) managed(name, queue, user string, gb int64) {
	c.t.Helper()
	id := yarn.ApplicationID{ClusterTimestamp: 1, ID: int32(len(c.apps) + 1)}
	path, _ := c.LeafPath(queue)
	am := yarn.NewResource(gb*1024, 1)
	if err := c.AddApp(AppSpec{ID: id, Queue: path, User: user, AM: am}); err != nil {
		c.t.Fatal(err)
	}
	c.apps[name] = id
	if err := c.StartAttempt(yarn.AttemptID{Application: id, Attempt: 1}, true, 0,
		[]Request{{Name: Any, Capability: am, Count: 1, Relax: true}}, nil, c.now); err != nil {
		c.t.Fatal(err)
	}
}

func want(name string, n, gb int64, relax bool) Request {
	return Request{Key: AskKey{1, -1}, Name: name, Capability: yarn.NewResource(gb*1024, 1), Count: n, Relax: relax}
}

func (c *cluster) ask(name string, requests ...Request) {
	c.UpdateAsks(c.apps[name], requests, c.now)
	c.place()
}

// place runs passes until nothing more is granted and checks the books after it.
func (c *cluster) place() (granted []*Container) {
	for {
		g, more := c.Place(c.now, 100)
		granted = append(granted, g...)
		if !more {
			break
		}
	}
	for _, k := range granted {
		name := c.nameOf(k.ID.Attempt.Application)
		if k.AM {
			c.am[name] = true
			continue
		}
		if c.on[name] == nil {
			c.on[name] = map[string]int{}
		}
		c.on[name][k.Node.Host]++
	}
	c.check()
	return granted
}

func (c *cluster) nameOf(id yarn.ApplicationID) string {
	for n, a := range c.apps {
		if a == id {
			return n
		}
	}
	return "?"
}

func (c *cluster) has(name string, n int) {
	c.t.Helper()
	if got := c.count(name); got != n {
		c.t.Errorf("%s has %d containers, want %d", name, got, n)
	}
}

func (c *cluster) count(name string) int {
	n := 0
	for _, k := range c.held {
		if k.ID.Attempt.Application == c.apps[name] && !k.AM {
			n++
		}
	}
	return n
}

// finish completes n containers of an application, the oldest first.
func (c *cluster) finish(name string, n int) {
	a := c.Scheduler.apps[c.apps[name]]
	for _, k := range sortedContainers(a.containers) {
		if n == 0 {
			break
		}
		if !k.AM {
			c.Complete(k.ID)
			n--
		}
	}
	c.place()
}

// check holds the books against each other.
func (c *cluster) check() {
	c.t.Helper()
	reserved := map[*queue]yarn.Resource{}
	var total yarn.Resource
	for _, n := range c.nodes {
		var used yarn.Resource
		for _, k := range n.held {
			used = used.Add(k.Resource)
		}
		if used != n.used {
			c.t.Fatalf("node %s uses %v, its containers %v", n.id, n.used, used)
		}
		if !c.cfg.fits(n.used, n.total) && c.strict() {
			c.t.Fatalf("node %s holds %v of %v", n.id, n.used, n.total)
		}
		if got := c.index.most[c.index.size+n.slot]; got != n.offered() {
			c.t.Fatalf("the index offers %v on %s, the node %v", got, n.id, n.offered())
		}
		total = total.Add(n.total)
		if r := n.reserved; r != nil {
			for q := r.app.queue; q != nil; q = q.parent {
				reserved[q] = reserved[q].Add(r.size)
			}
		}
	}
	if total != c.total {
		c.t.Fatalf("total is %v, nodes have %v", c.total, total)
	}
	used, pending := map[*queue]yarn.Resource{}, map[*queue]int64{}
	for _, a := range c.Scheduler.apps {
		var mine yarn.Resource
		for _, k := range a.containers {
			mine = mine.Add(k.Resource)
		}
		if mine != a.used {
			c.t.Fatalf("%s uses %v, its containers %v", a.id, a.used, mine)
		}
		var n int64
		for _, k := range a.asks {
			n += k.outstanding()
			for _, p := range k.parts {
				if p.Count < 0 {
					c.t.Fatalf("%s has a negative ask", a.id)
				}
			}
		}
		if n != a.outstanding.containers {
			c.t.Fatalf("%s wants %d, counted %d", a.id, n, a.outstanding.containers)
		}
		for q := a.queue; q != nil; q = q.parent {
			used[q], pending[q] = used[q].Add(mine), pending[q]+n
		}
	}
	for _, q := range c.queues {
		if used[q] != q.used || pending[q] != q.pending.containers {
			c.t.Fatalf("queue %s uses %v and wants %d, counted %v and %d", q.path, q.used, q.pending.containers, used[q], pending[q])
		}
		if reserved[q] != q.reserved.resource {
			c.t.Fatalf("queue %s has %v reserved, its nodes %v", q.path, q.reserved.resource, reserved[q])
		}
		if !c.cfg.fits(q.used, q.maximum) && len(q.children) == 0 && c.strict() {
			c.t.Fatalf("queue %s uses %v of at most %v", q.path, q.used, q.maximum)
		}
	}
}

// strict is false once nodes shrank or went: what runs may then exceed a node or a maximum.
func (c *cluster) strict() bool { return c.now < 1<<40 }
