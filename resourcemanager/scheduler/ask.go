package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"heddle/yarn"
)

// Any is the resource name that stands for every node.
const Any = "*"

// AskKey tells one application's asks apart. Lower priorities are served first.
type AskKey struct {
	Priority     int32
	AllocationID int64 // allocation_request_id; -1 when the AM does not use them
}

func (k AskKey) compare(o AskKey) int {
	return cmp.Or(cmp.Compare(k.Priority, o.Priority), cmp.Compare(k.AllocationID, o.AllocationID))
}

// Request is one line of YARN's asks: the absolute number of containers that may still
// be granted under a resource name (host, rack or Any).
type Request struct {
	Key        AskKey
	Name       string
	Capability yarn.Resource // already normalized
	Count      int64
	Relax      bool // relax_locality: places wider than Name are fine too
}

// Part is a number of equal containers with the places they may go to.
type Part struct {
	Capability yarn.Resource
	Count      int64 // outstanding
	RelaxAny   bool  // nodes that no place below names are fine too
	Hosts      map[string]*Place
	Racks      map[string]*Place
}

// Place is a host's or a rack's share of a part.
type Place struct {
	Count int64
	Relax bool // of a rack: hosts that are not named are fine too
}

// Gang is an ask of several parts that is granted whole or not at all.
type Gang struct {
	Key   AskKey
	Parts []Part
}

// ask is what an application still wants under one key: one part for YARN's own asks,
// several for a gang, which is granted whole or not at all.
type ask struct {
	key      AskKey
	parts    []*Part
	gang     bool
	am       bool  // the container runs the ApplicationMaster
	since    int64 // ms; when the ask last got a container or was made: locality delays count from here
	blocked  uint64
	reserved *reservation
	skipped  Reason
	skips    int64
}

func (a *ask) outstanding() (n int64) {
	for _, p := range a.parts {
		n += p.Count
	}
	return n
}

func (p *Part) named() bool { return len(p.Hosts) > 0 || len(p.Racks) > 0 }

// Reason is why an ask or application got nothing in the last pass.
type Reason int

// Reasons, from the widest to the narrowest.
const (
	NotSkipped Reason = iota
	QueueStopped
	QueueMaximum // a queue on the path is at its maximum
	AMShare      // the queue's share for ApplicationMasters is used up
	UserAMShare
	ParallelApps // as many applications run as may in the queue, one above it, or of the user
	UserLimit    // the user is above the user limit
	WaitsForLocality
	Blacklisted   // the application's blacklist holds every usable node that is large enough
	AMFailedThere // so do those on which its ApplicationMaster failed
	NoNodeFits    // no usable node has that much free now
	GangNotWhole  // only part of a gang would fit
	TooLarge      // no node is that large, even when empty
)

var reasonTexts = [...]string{
	NotSkipped:       "",
	QueueStopped:     "the queue is stopped",
	QueueMaximum:     "the queue, or one above it, would exceed its maximum capacity",
	AMShare:          "the queue's share for ApplicationMasters (maximum-am-resource-percent) is used up",
	UserAMShare:      "the user's share for ApplicationMasters is used up",
	ParallelApps:     "as many applications run already as may side by side in the queue, one above it, or of the user (max-parallel-apps)",
	UserLimit:        "the user has reached the user limit of the queue (user-limit-factor)",
	WaitsForLocality: "waits for one of the named hosts or racks",
	Blacklisted:      "every node that is large enough is on the application's blacklist",
	AMFailedThere:    "its ApplicationMaster failed on every node that is large enough, and is kept off them (am-scheduling.node-blacklisting)",
	NoNodeFits:       "no node has enough free resources now",
	GangNotWhole:     "not all containers of the gang fit at once now",
	TooLarge:         "no node is large enough, even when empty",
}

func (r Reason) String() string { return reasonTexts[r] }

// UpdateAsks sets what an application wants. Counts are absolute; a count of zero
// takes the line back. Unknown applications are ignored.
func (s *Scheduler) UpdateAsks(id yarn.ApplicationID, requests []Request, now int64) {
	a, ok := s.apps[id]
	if !ok {
		return
	}
	before := a.outstanding
	for i := range requests {
		a.update(&requests[i], now)
	}
	a.asks = slices.DeleteFunc(a.asks, func(k *ask) bool {
		if k.outstanding() > 0 || k.am {
			return false
		}
		s.dropReservation(k)
		return !k.gang && !k.parts[0].named()
	})
	s.recount(a, before)
}

// AskGang asks for a gang; a gang of the same key that is still waiting is replaced.
func (s *Scheduler) AskGang(id yarn.ApplicationID, g Gang, now int64) {
	a, ok := s.apps[id]
	if !ok {
		return
	}
	before := a.outstanding
	k := a.askFor(g.Key, now)
	k.gang, k.parts, k.since = true, nil, now
	for i := range g.Parts {
		p := g.Parts[i]
		k.parts = append(k.parts, &p)
	}
	s.recount(a, before)
}

// askFor returns the ask of a key, in order among the others, making it if needed.
func (a *app) askFor(key AskKey, now int64) *ask {
	i, found := slices.BinarySearchFunc(a.asks, key, func(k *ask, key AskKey) int { return k.key.compare(key) })
	if found {
		return a.asks[i]
	}
	k := &ask{key: key, since: now}
	a.asks = slices.Insert(a.asks, i, k)
	return k
}

func (a *app) update(r *Request, now int64) {
	k := a.askFor(r.Key, now)
	if k.gang || len(k.parts) == 0 {
		k.gang = false
		k.parts = []*Part{{RelaxAny: true}}
	}
	p := k.parts[0]
	if r.Name == Any {
		if p.Count <= 0 && r.Count > 0 {
			k.since = now
		}
		p.Count, p.Capability, p.RelaxAny = r.Count, r.Capability, r.Relax
		return
	}
	// A name with a slash is a rack's network location, as NetworkTopology has it.
	places, name := &p.Hosts, strings.ToLower(r.Name)
	if strings.HasPrefix(r.Name, "/") {
		places, name = &p.Racks, r.Name
	}
	if r.Count <= 0 {
		delete(*places, name)
		return
	}
	if *places == nil {
		*places = map[string]*Place{}
	}
	(*places)[name] = &Place{Count: r.Count, Relax: r.Relax}
}

// recount brings the application's and its queues' demand up to date after its asks changed.
func (s *Scheduler) recount(a *app, before demand) {
	now := demand{}
	for _, k := range a.asks {
		for _, p := range k.parts {
			now.containers += p.Count
			now.resource = now.resource.Add(p.Capability.Times(p.Count))
		}
	}
	a.outstanding = now
	for q := a.queue; q != nil; q = q.parent {
		q.pending.containers += now.containers - before.containers
		q.pending.resource = q.pending.resource.Add(now.resource.Sub(before.resource))
	}
	a.user.pending.containers += now.containers - before.containers
	a.user.pending.resource = a.user.pending.resource.Add(now.resource.Sub(before.resource))
	s.setReady(a)
	s.dirty = true
}

// demand is a number of containers and their resources.
type demand struct {
	containers int64
	resource   yarn.Resource
}

func (d demand) add(o demand) demand {
	return demand{d.containers + o.containers, d.resource.Add(o.resource)}
}

// sortedPlaces are the names with something outstanding, in order: the scheduler's
// decisions must not follow a map's order.
func sortedPlaces(m map[string]*Place) []string {
	if len(m) == 0 {
		return nil
	}
	names := make([]string, 0, len(m))
	for name, p := range m {
		if p.Count > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func lowered(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[strings.ToLower(n)] = true
	}
	return out
}
