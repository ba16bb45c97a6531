package core

import (
	"slices"
	"sync/atomic"

	"heddle/persist"
	"heddle/yarn"
)

// appLists are the applications in the order of lists. They are made where somebody asks for them, never by the core's goroutine,
// and out of those that were made last, by what has changed since.
type appLists struct {
	of        persist.Map[yarn.ApplicationID, *AppView]
	all, live []*AppView // the newest first
}

// SortedApps lists the applications by id, the newest first. The list is everybody's: it must not be changed.
func (v *View) SortedApps() []*AppView { return v.lists().all }

// LiveApps lists, as SortedApps, those that are not over.
func (v *View) LiveApps() []*AppView { return v.lists().live }

func (v *View) lists() *appLists {
	if l := v.listed.Load(); l != nil {
		return l
	}
	last := &appLists{}
	if v.lastLists != nil && v.lastLists.Load() != nil {
		last = v.lastLists.Load()
	}
	l := last.as(v.Apps)
	v.listed.Store(l)
	if v.lastLists != nil {
		v.lastLists.Store(l)
	}
	return l
}

type appChange struct {
	id  yarn.ApplicationID
	now *AppView // nil: it is forgotten
}

// as makes the lists of apps out of these.
func (l *appLists) as(apps persist.Map[yarn.ApplicationID, *AppView]) *appLists {
	var changes []appChange
	for id, c := range apps.Changes(l.of) {
		changes = append(changes, appChange{id, c.Value})
	}
	slices.SortFunc(changes, func(a, b appChange) int { return b.id.Compare(a.id) })
	return &appLists{apps, patched(l.all, changes, func(*AppView) bool { return true }),
		patched(l.live, changes, func(v *AppView) bool { return !v.State.Final() })}
}

// patched is list with the changes, which are in its order, and only what is to be kept of them.
func patched(list []*AppView, changes []appChange, keep func(*AppView) bool) []*AppView {
	out := make([]*AppView, 0, len(list)+len(changes))
	for _, c := range changes {
		i, found := slices.BinarySearchFunc(list, c.id, func(v *AppView, id yarn.ApplicationID) int { return id.Compare(v.ID) })
		out = append(out, list[:i]...)
		if c.now != nil && keep(c.now) {
			out = append(out, c.now)
		}
		if found {
			i++
		}
		list = list[i:]
	}
	return append(out, list...)
}

// lastLists is where the views of a core find the lists that were made last.
type lastLists = atomic.Pointer[appLists]
