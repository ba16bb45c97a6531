// Package device assigns the node's GPUs to containers: each to one at a time, free
// again only when the container's processes are gone.
package device

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"heddle/executor"
	"heddle/yarn"
)

// ErrTaken is inside the error of an Assign that would succeed once other containers give their devices back.
var ErrTaken = errors.New("the others are still in use")

// GPU is one assignable device.
type GPU struct {
	Index int
	Minor int
	UUID  string
	Name  string
	Bus   string
	Lost  bool   // was there and is not now
	Fault string // why it is given to nobody; empty when nothing is known against it
	File  executor.DeviceFile
}

// Set owns the assignments. It is safe for concurrent use.
type Set struct {
	kind     string
	position int // of yarn.io/gpu in resource vectors; negative: this node counts no GPUs

	mu    sync.Mutex // guards everything below
	gpus  []GPU
	owner map[string]yarn.ContainerID // by UUID
	held  map[string]string           // by UUID: why it does not come back from a container that is over
	never []executor.DeviceFile       // see Deny
}

// New returns a Set of these devices. position is where resource vectors have their number,
// negative when the node does not count GPUs.
func New(position int, gpus []GPU) *Set { return NewOf("GPU", position, gpus) }

// NewOf is New for devices of another kind.
func NewOf(kind string, position int, devices []GPU) *Set {
	return &Set{kind: kind, position: position, gpus: devices, owner: map[string]yarn.ContainerID{}, held: map[string]string{}}
}

// Counted reports whether the node counts GPUs, so that containers see only what they were given.
func (s *Set) Counted() bool { return s.position >= 0 }

// Same reports whether two sizes have the same number of devices.
func (s *Set) Same(a, b yarn.Resource) bool {
	return s.position < 0 || a[s.position] == b[s.position]
}

// Assign gives a container as many free devices as its resource says; a second call for the
// same container returns the same ones. The error is ErrTaken where those that others have would be enough.
func (s *Set) Assign(c yarn.ContainerID, r yarn.Resource) ([]string, error) {
	if s.position < 0 || r[s.position] == 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var own, free []string
	others := 0
	for _, g := range s.gpus {
		switch holder, taken := s.owner[g.UUID]; {
		case taken && holder == c:
			own = append(own, g.UUID)
		case taken && g.usable():
			others++
		case g.usable():
			free = append(free, g.UUID)
		}
	}
	want := int(r[s.position]) - len(own)
	if want > len(free) {
		err := fmt.Errorf("%d %ss were granted to %s, and only %d of the node's %d are free", r[s.position], s.kind, c, len(free), len(s.gpus))
		if want <= len(free)+others {
			err = fmt.Errorf("%w: %w", err, ErrTaken)
		}
		return nil, err
	}
	for _, id := range free[:max(want, 0)] {
		s.owner[id] = c
		own = append(own, id)
	}
	return own, nil
}

// Restore gives a container of an earlier NodeManager the devices that it has.
func (s *Set) Restore(c yarn.ContainerID, uuids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range uuids {
		s.owner[id] = c
	}
}

// Of lists a container's devices.
func (s *Set) Of(c yarn.ContainerID) (uuids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, holder := range s.owner {
		if holder == c {
			uuids = append(uuids, id)
		}
	}
	slices.Sort(uuids)
	return uuids
}

// Release frees a container's devices.
func (s *Set) Release(c yarn.ContainerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, holder := range s.owner {
		if holder == c {
			delete(s.owner, id)
			delete(s.held, id)
		}
	}
}

// Hold keeps the devices of a container that is over from others until Release, and says why.
func (s *Set) Hold(c yarn.ContainerID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, holder := range s.owner {
		if holder == c {
			s.held[id] = why
		}
	}
}

// Held lists the containers whose devices Hold keeps.
func (s *Set) Held() (containers []yarn.ContainerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.held {
		if c := s.owner[id]; !slices.Contains(containers, c) {
			containers = append(containers, c)
		}
	}
	return containers
}

func (g GPU) usable() bool { return !g.Lost && g.Fault == "" }

// Usable is how many devices can be given away, taken ones among them.
func (s *Set) Usable() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, g := range s.gpus {
		if g.usable() && s.held[g.UUID] == "" {
			n++
		}
	}
	return n
}

// Update takes the outcome of another discovery: devices that are missing are lost, those that are back are
// usable again, new ones are added.
func (s *Set) Update(found []GPU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.gpus {
		s.gpus[i].Lost = true
	}
	for _, g := range found {
		i := slices.IndexFunc(s.gpus, func(x GPU) bool { return x.UUID == g.UUID })
		if i < 0 {
			s.gpus = append(s.gpus, g)
			continue
		}
		s.gpus[i] = g
	}
}

// Lose marks the device at a place of the bus as lost, where the driver tells of no other; it reports
// whether there is one.
func (s *Set) Lose(bus string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for i, g := range s.gpus {
		if g.Bus != "" && samePlace(g.Bus, bus) {
			s.gpus[i].Lost, found = true, true
		}
	}
	return found
}

// samePlace compares places whose domains have four digits or eight.
func samePlace(a, b string) bool {
	a, b = strings.ToLower(strings.TrimLeft(a, "0")), strings.ToLower(strings.TrimLeft(b, "0"))
	return a == b
}

// Trouble lists in words the devices that are given to nobody, and the containers that have a lost one.
func (s *Set) Trouble() (words []string, stranded map[yarn.ContainerID]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stranded = map[yarn.ContainerID]string{}
	for _, g := range s.gpus {
		why := g.Fault
		if held := s.held[g.UUID]; held != "" && why == "" {
			why = held
		}
		if g.Lost {
			why = "it is lost"
			if c, taken := s.owner[g.UUID]; taken {
				stranded[c] = s.kind + " " + g.UUID
			}
		}
		if why != "" {
			words = append(words, fmt.Sprintf("%s %d (%s): %s", s.kind, g.Index, g.UUID, why))
		}
	}
	return words, stranded
}

// Assignment is one device and who has it.
type Assignment struct {
	GPU
	Container yarn.ContainerID // zero when free
}

// Assignments lists every device.
func (s *Set) Assignments() []Assignment {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Assignment, len(s.gpus))
	for i, g := range s.gpus {
		out[i] = Assignment{g, s.owner[g.UUID]}
	}
	return out
}
