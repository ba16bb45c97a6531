package scheduler

import (
	"errors"
	"fmt"

	"heddle/yarn"
)

// app is an application with its present attempt.
type app struct {
	id       yarn.ApplicationID
	attempt  yarn.AttemptID
	queue    *queue
	user     *user
	priority int32
	order    uint64 // of submission
	am       yarn.Resource

	active      bool // past the AM share
	ready       bool // active and wants something
	asks        []*ask
	growths     []growth
	outstanding demand
	used        yarn.Resource
	containers  map[yarn.ContainerID]*Container
	sequence    int64 // of the attempt's next container
	skipped     Reason
	avoid       map[string]bool // blacklisted hosts (lower case) and racks
	amAvoid     map[string]bool // hosts to avoid for the AM container only
}

// Container is a granted container.
type Container struct {
	ID       yarn.ContainerID
	Node     yarn.NodeID
	Resource yarn.Resource
	Key      AskKey
	AM       bool
	Locality Locality
	node     *node
	app      *app
}

// Locality says how well a container's node matches what was asked.
type Locality int

// Localities.
const (
	OffSwitch Locality = iota
	RackLocal
	NodeLocal
)

// AppSpec is an application to schedule.
type AppSpec struct {
	ID       yarn.ApplicationID
	Queue    string // a leaf's path, from LeafPath
	User     string
	Priority int32
	AM       yarn.Resource // what its AM takes of the AM share; for an unmanaged AM the minimum allocation
}

// AddApp takes an application in. It fails where the queue does not take it.
func (s *Scheduler) AddApp(spec AppSpec) error {
	q, ok := s.queues[spec.Queue]
	if !ok || !q.leaf() {
		return fmt.Errorf("unknown queue: %s", spec.Queue)
	}
	if _, ok := s.apps[spec.ID]; ok {
		return fmt.Errorf("%s is already known to the scheduler", spec.ID)
	}
	s.order++
	a := &app{id: spec.ID, priority: spec.Priority, order: s.order, am: spec.AM,
		containers: map[yarn.ContainerID]*Container{}}
	s.apps[spec.ID] = a
	s.join(a, q, spec.User)
	return nil
}

// ErrNoMore is what the errors are of leaves that take no more applications.
var ErrNoMore = errors.New("the queue takes no more applications")

// closed is ErrNoMore in Hadoop's words.
type closed struct{ text string }

func (e *closed) Error() string        { return e.text }
func (e *closed) Is(target error) bool { return target == ErrNoMore }

// Accepts says whether a leaf takes one more application of user; the error says why not.
func (s *Scheduler) Accepts(path, user string) error {
	q, ok := s.queues[path]
	if !ok || !q.leaf() {
		return fmt.Errorf("unknown queue: %s", path)
	}
	if q.stopped() {
		return &closed{"Queue " + path + " is STOPPED. Cannot accept submission of application"}
	}
	if limit := s.mostApps(q); limit > 0 && q.apps >= limit {
		return &closed{fmt.Sprintf("Queue %s already has %d applications, cannot accept submission of application", path, q.apps)}
	}
	return nil
}

// mostApps is how many applications a leaf takes: its own limit, else its share of the cluster's. 0: no limit.
func (s *Scheduler) mostApps(q *queue) int {
	if q.cfg.MaxApplications > 0 {
		return q.cfg.MaxApplications
	}
	return int(scale(int64(s.cfg.MaxApplications), q.absCapacity, Million))
}

func (s *Scheduler) join(a *app, q *queue, userName string) {
	u := q.users[userName]
	if u == nil {
		u = &user{name: userName}
		q.users[userName] = u
	}
	a.queue, a.user = q, u
	u.apps++
	q.apps++
	q.waiting, _ = insertApp(q.waiting, a)
	s.dirty = true
}

// StartAttempt begins an attempt of a known application. A managed attempt asks for its
// AM's container; avoid names hosts that the AM should not go to.
func (s *Scheduler) StartAttempt(id yarn.AttemptID, managed bool, amPriority int32, requests []Request, avoid []string, now int64) error {
	a, ok := s.apps[id.Application]
	if !ok {
		return fmt.Errorf("start %s: the application is not known to the scheduler", id)
	}
	a.attempt, a.sequence = id, 0
	a.avoid = nil
	a.amAvoid = lowered(avoid)
	if !managed {
		return nil
	}
	for i := range requests {
		requests[i].Key = AskKey{amPriority, -1}
	}
	s.UpdateAsks(id.Application, requests, now)
	for _, k := range a.asks {
		k.am = true
	}
	return nil
}

// EndAttempt takes back the attempt's asks and returns the containers it still holds, in
// order. They stay charged until Complete is called for each.
func (s *Scheduler) EndAttempt(id yarn.AttemptID) []*Container {
	a, ok := s.apps[id.Application]
	if !ok || a.attempt != id {
		return nil
	}
	s.dropAsks(a)
	return sortedContainers(a.containers)
}

func (s *Scheduler) dropAsks(a *app) {
	before := a.outstanding
	for _, k := range a.asks {
		s.dropReservation(k)
	}
	a.asks, a.growths = nil, nil
	s.recount(a, before)
}

// RemoveApp forgets an application; containers it still holds are given back and returned.
func (s *Scheduler) RemoveApp(id yarn.ApplicationID) []*Container {
	a, ok := s.apps[id]
	if !ok {
		return nil
	}
	s.dropAsks(a)
	left := sortedContainers(a.containers)
	for _, c := range left {
		s.Complete(c.ID)
	}
	s.leave(a)
	delete(s.apps, id)
	return left
}

func (s *Scheduler) leave(a *app) {
	q, u := a.queue, a.user
	if a.active {
		q.active, _ = removeApp(q.active, a)
		q.amUsed = q.amUsed.Sub(a.am)
		u.amUsed = u.amUsed.Sub(a.am)
		u.active--
		a.active = false
		s.setReady(a)
	} else {
		q.waiting, _ = removeApp(q.waiting, a)
	}
	u.apps--
	q.apps--
	if u.apps == 0 {
		delete(q.users, u.name)
	}
	s.dirty = true
}

// SetPriority changes an application's priority; a higher number is served first.
func (s *Scheduler) SetPriority(id yarn.ApplicationID, priority int32) {
	a, ok := s.apps[id]
	if !ok || a.priority == priority {
		return
	}
	q := a.queue
	if !a.active {
		q.waiting, _ = removeApp(q.waiting, a)
		a.priority = priority
		q.waiting, _ = insertApp(q.waiting, a)
		s.dirty = true
		return
	}
	ready := a.ready
	if ready {
		q.wanting, _ = removeApp(q.wanting, a)
	}
	q.active, _ = removeApp(q.active, a)
	a.priority = priority
	q.active, _ = insertApp(q.active, a)
	if ready {
		q.wanting, _ = insertApp(q.wanting, a)
		q.cursor = 0
	}
	s.dirty = true
}

// Move takes an application with its containers and asks to another leaf. An application
// whose AM runs stays past the AM share there. It fails where the leaf takes no application.
func (s *Scheduler) Move(id yarn.ApplicationID, path string) error {
	a, ok := s.apps[id]
	if !ok {
		return fmt.Errorf("move %s: the application is not known to the scheduler", id)
	}
	if a.queue.path == path {
		return nil
	}
	if err := s.Accepts(path, a.user.name); err != nil {
		return err
	}
	for _, k := range a.asks {
		s.dropReservation(k)
	}
	running := a.active && len(a.containers) > 0
	name := a.user.name
	s.bill(a, -1)
	s.leave(a)
	s.join(a, s.queues[path], name)
	s.bill(a, 1)
	if running {
		a.queue.waiting, _ = removeApp(a.queue.waiting, a)
		s.setActive(a)
	}
	return nil
}

// bill adds (sign 1) or takes back (-1) all that the application holds and wants from its
// queues and its user.
func (s *Scheduler) bill(a *app, sign int64) {
	used, wanted := a.used.Times(sign), demand{a.outstanding.containers * sign, a.outstanding.resource.Times(sign)}
	a.queue.charge(used, int64(len(a.containers))*sign)
	a.user.used = a.user.used.Add(used)
	a.user.pending = a.user.pending.add(wanted)
	for q := a.queue; q != nil; q = q.parent {
		q.pending = q.pending.add(wanted)
	}
}

// Blacklist adds and removes hosts or racks that an application's containers must avoid.
func (s *Scheduler) Blacklist(id yarn.ApplicationID, add, remove []string) {
	a, ok := s.apps[id]
	if !ok {
		return
	}
	for name := range lowered(add) {
		if a.avoid == nil {
			a.avoid = map[string]bool{}
		}
		a.avoid[name] = true
	}
	for name := range lowered(remove) {
		delete(a.avoid, name)
	}
	s.dirty = true
}

// setActive lets an application start.
func (s *Scheduler) setActive(a *app) {
	q := a.queue
	a.active, a.skipped = true, NotSkipped
	q.amUsed = q.amUsed.Add(a.am)
	a.user.amUsed = a.user.amUsed.Add(a.am)
	a.user.active++
	q.active, _ = insertApp(q.active, a)
	s.setReady(a)
}
