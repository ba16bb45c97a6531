package scheduler

import (
	"fmt"

	"heddle/yarn"
)

// Scheduler is the state of nodes, queues, applications and asks. It is not safe for
// concurrent use: one goroutine owns it.
type Scheduler struct {
	cfg    Config
	root   *queue
	queues map[string]*queue // by path
	names  *Names
	apps   map[yarn.ApplicationID]*app
	held   map[yarn.ContainerID]*Container

	nodes map[yarn.NodeID]*node
	hosts map[string][]*node // by host in lower case
	racks map[string]*rack
	index fitIndex
	total yarn.Resource

	order uint64 // of the last submission
	pass  uint64 // number of the present placement pass
	dirty bool   // something changed since the last complete pass
	freed uint64 // reservations given up so far
	grown []*Container

	starving  *reservation // the one made although the cluster is full
	looked    bool         // the present pass met an ask that no node fits
	reserving int          // reservations that the present pass may still make
	wake      int64        // ms; when a locality delay ends that kept something from being placed; 0: none
}

// New builds the queue tree. It fails with the key at fault where the configuration is wrong.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Root.Name != "root" {
		return nil, fmt.Errorf("the topmost queue is named %q, not root", cfg.Root.Name)
	}
	if err := cfg.Root.Validate("root"); err != nil {
		return nil, err
	}
	if cfg.Calculator == MemoryOnly && cfg.Types.Len() > 2 {
		return nil, fmt.Errorf("resource types beyond memory and vcores need yarn.scheduler.capacity.resource-calculator=org.apache.hadoop.yarn.util.resource.DominantResourceCalculator")
	}
	s := &Scheduler{
		cfg:    cfg,
		queues: map[string]*queue{},
		apps:   map[yarn.ApplicationID]*app{},
		held:   map[yarn.ContainerID]*Container{},
		nodes:  map[yarn.NodeID]*node{},
		hosts:  map[string][]*node{},
		racks:  map[string]*rack{},
	}
	s.root = s.build(cfg.Root, nil)
	s.names = namesOf(s.root)
	return s, nil
}

// Names are the present queues' names.
func (s *Scheduler) Names() *Names { return s.names }

// LeafPath resolves a queue name to a leaf's path; see Names.
func (s *Scheduler) LeafPath(name string) (string, error) { return s.names.LeafPath(name) }

// Minimum is the smallest allocation.
func (s *Scheduler) Minimum() yarn.Resource { return s.cfg.Minimum }

// Maximum is the largest allocation.
func (s *Scheduler) Maximum() yarn.Resource { return s.cfg.Maximum }

// Due reports whether a pass could place something at now (ms).
func (s *Scheduler) Due(now int64) bool { return s.dirty || (s.wake != 0 && now >= s.wake) }

// NextDue is when, in ms, a pass is due even if nothing changes; 0 for never.
func (s *Scheduler) NextDue() int64 { return s.wake }

// setTotal follows a change of the cluster's resources.
func (s *Scheduler) setTotal(total yarn.Resource) {
	s.total = total
	s.root.resize(total)
	s.dirty = true
}

// Complete gives a container's resources back; ok is false for an unknown one.
func (s *Scheduler) Complete(id yarn.ContainerID) (c *Container, ok bool) {
	c, ok = s.held[id]
	if !ok {
		return nil, false
	}
	s.uncharge(c)
	s.dropGrowth(c)
	return c, true
}

// Container is a granted container that has not completed.
func (s *Scheduler) Container(id yarn.ContainerID) (*Container, bool) {
	c, ok := s.held[id]
	return c, ok
}

func (s *Scheduler) charge(c *Container) {
	s.held[c.ID] = c
	c.node.held[c.ID] = c
	c.node.used = c.node.used.Add(c.Resource)
	c.app.containers[c.ID] = c
	c.app.used = c.app.used.Add(c.Resource)
	c.app.user.used = c.app.user.used.Add(c.Resource)
	c.app.queue.charge(c.Resource, 1)
	s.refresh(c.node)
}

func (s *Scheduler) uncharge(c *Container) {
	delete(s.held, c.ID)
	delete(c.node.held, c.ID)
	c.node.used = c.node.used.Sub(c.Resource)
	delete(c.app.containers, c.ID)
	c.app.used = c.app.used.Sub(c.Resource)
	c.app.user.used = c.app.user.used.Sub(c.Resource)
	c.app.queue.charge(yarn.Resource{}.Sub(c.Resource), -1)
	s.refresh(c.node)
}

// Recover puts back a container that a node reports after a restart of the
// ResourceManager. It is not refused for any limit: it runs already.
func (s *Scheduler) Recover(id yarn.ContainerID, nodeID yarn.NodeID, r yarn.Resource, key AskKey, am bool) (*Container, error) {
	a, ok := s.apps[id.Attempt.Application]
	if !ok {
		return nil, fmt.Errorf("recover %s: its application is not known", id)
	}
	n, ok := s.nodes[nodeID]
	if !ok {
		return nil, fmt.Errorf("recover %s: its node %s is not known", id, nodeID)
	}
	if c, ok := s.held[id]; ok {
		return c, nil
	}
	c := &Container{ID: id, Node: nodeID, Resource: r, Key: key, AM: am, node: n, app: a}
	if id.Epoch() == s.cfg.Epoch {
		a.sequence = max(a.sequence, id.Sequence())
	}
	s.charge(c)
	return c, nil
}
