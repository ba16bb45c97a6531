package core

import (
	"math/rand/v2"
	"slices"
	"testing"

	"heddle/persist"
	"heddle/yarn"
)

// listedApps are views of a map of applications, as the core would publish them.
type listedApps struct {
	apps persist.Builder[yarn.ApplicationID, *AppView]
	last lastLists
}

func (l *listedApps) set(id int32, state yarn.AppState) {
	a := &AppView{State: state}
	a.ID = yarn.ApplicationID{ClusterTimestamp: 1, ID: id}
	l.apps.Set(a.ID, a)
}

func (l *listedApps) view() *View { return &View{Apps: l.apps.Map(), lastLists: &l.last} }

// sorted is the list made from nothing.
func sorted(v *View, keep func(*AppView) bool) []*AppView {
	out := []*AppView{}
	for _, a := range v.Apps.All() {
		if keep(a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *AppView) int { return b.ID.Compare(a.ID) })
	return out
}

// Lists that follow from earlier ones are those that would be made anew, also where an older view is asked later.
func TestListsFollowTheApplications(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	var l listedApps
	var views []*View
	for range 200 {
		for range r.IntN(30) {
			id := r.Int32N(2000)
			if r.IntN(5) == 0 {
				l.apps.Delete(yarn.ApplicationID{ClusterTimestamp: 1, ID: id})
				continue
			}
			l.set(id, []yarn.AppState{yarn.AppAccepted, yarn.AppRunning, yarn.AppFinished}[r.IntN(3)])
		}
		views = append(views, l.view())
		v := views[r.IntN(len(views))]
		if !slices.Equal(v.SortedApps(), sorted(v, func(*AppView) bool { return true })) {
			t.Fatal("the list is another")
		}
		if !slices.Equal(v.LiveApps(), sorted(v, func(a *AppView) bool { return !a.State.Final() })) {
			t.Fatal("the list of those that are not over is another")
		}
	}
}

// The lists of 10,000 ended and 1,000 running applications, one of which changed since the last call.
func BenchmarkListAfterAChange(b *testing.B) {
	var l listedApps
	for id := range int32(11_000) {
		l.set(id, map[bool]yarn.AppState{true: yarn.AppFinished, false: yarn.AppRunning}[id < 10_000])
	}
	for name, list := range map[string]func(*View) []*AppView{
		"anew":     func(v *View) []*AppView { return sorted(v, func(*AppView) bool { return true }) },
		"followed": (*View).SortedApps,
		"live":     (*View).LiveApps,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.set(10_500, yarn.AppRunning)
				if len(list(l.view())) < 1000 {
					b.Fatal("short")
				}
			}
		})
	}
}
