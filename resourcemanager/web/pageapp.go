package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// appData is what the page of an application shows.
type appData struct {
	App      *core.AppView
	State    pages.Cell
	Cards    []card
	Why      []string // why it waits, in words
	Said     string   // its diagnostics
	Bad      bool
	Steps    []step
	Timeline pages.Timeline
	Facts    []fact
	Attempts pages.Table
	Hidden   bool // the caller may not see the details
}

// step is one thing that happens once in an application's life.
type step struct {
	Name, When, After string
	Done              bool
}

func (w *Web) appPage(r *http.Request) (pages.Page, error) {
	v, err := w.find(r)
	if err != nil {
		return pages.Page{}, err
	}
	who, err := w.identity.Of(r)
	if err != nil {
		return pages.Page{}, err
	}
	now, view := w.now(), w.view()
	d := appData{App: v, State: stateCell(v), Why: w.why(view, v), Said: v.Diagnostics, Bad: v.Finish > 0 && v.Final != yarn.FinalSucceeded,
		Hidden: !w.service.Access.View(v, who.User), Steps: steps(v), Facts: w.appFacts(v, now)}
	d.Cards = []card{{Figure: v.State.String(), Text: outcome(v)},
		{Figure: strconv.Itoa(int(v.Progress()*100)) + " %", Text: "progress", Bar: pages.BarOf(int64(v.Progress()*1000), 1000)}}
	if v.Finish == 0 {
		d.Cards = append(d.Cards, card{Figure: strconv.Itoa(v.Running), Text: "containers, " + strconv.FormatInt(v.Pending.Containers, 10) + " more wanted"},
			card{Figure: pages.Memory(v.Used[yarn.Memory]), Text: strconv.FormatInt(v.Used[yarn.VCores], 10) + " vcores held"})
	}
	d.Cards = append(d.Cards, card{Figure: pages.Took(v.Start, v.Finish, now), Text: "since " + pages.When(v.Start)})
	if d.Timeline, err = w.timeline(r.Context(), v, now); err != nil {
		return pages.Page{}, err
	}
	newestFirst := slices.Clone(v.Attempts)
	slices.Reverse(newestFirst)
	d.Attempts = pages.Make("Attempts", "No attempt yet.", pages.ReadList(r), w.attemptColumns(v, now), newestFirst)
	return pages.Page{Title: v.ID.String(), Active: pathApps, Parents: []pages.Link{{Title: "Applications", Path: pathApps}}, Data: d}, nil
}

func outcome(v *core.AppView) string {
	if v.Final == yarn.FinalUndefined {
		return "no outcome yet"
	}
	return "outcome: " + strings.ToLower(v.Final.String())
}

// steps are the moments of an application's life up to now.
func steps(v *core.AppView) []step {
	var out []step
	last := int64(0)
	add := func(name string, at int64) {
		s := step{Name: name, Done: at > 0}
		if at > 0 {
			s.When = pages.When(at)
			if last > 0 {
				s.After = "after " + pages.Took(last, at, at)
			}
			last = at
		}
		out = append(out, s)
	}
	add("Submitted", v.Start)
	if n := len(v.Attempts); n > 0 {
		t := &v.Attempts[n-1]
		again := ""
		if n > 1 {
			again = ", attempt " + strconv.Itoa(n)
		}
		add("Accepted"+again, t.Start)
		if t.AM != nil {
			add("AM allocated", t.AM.Created)
		} else if !v.Unmanaged {
			add("AM allocated", 0)
		}
		add("AM launched", t.Launched)
		if t.Registered == 0 && v.State == yarn.AppRunning { // the moment is forgotten in a restart
			out = append(out, step{Name: "Running", When: "since before a restart", Done: true})
		} else {
			add("Running", t.Registered)
		}
	} else if v.Finish == 0 {
		add("Accepted", 0)
	}
	if v.Finish > 0 {
		add(map[yarn.AppState]string{yarn.AppFinished: "Finished", yarn.AppFailed: "Failed", yarn.AppKilled: "Killed"}[v.State], v.Finish)
	} else {
		add("Finished", 0)
	}
	var known []step // what is left out of a past, since it never happened or is not known any more, is no step
	for i, s := range out {
		if s.Done || !slices.ContainsFunc(out[i:], func(later step) bool { return later.Done }) {
			known = append(known, s)
		}
	}
	return known
}

// timelineRows bounds the containers of each kind, live and ended, on a timeline, and timelineAttempts the attempts, of
// which the last are shown.
const (
	timelineRows     = 60
	timelineAttempts = 20
)

// timeline shows the application, its attempts and below each its containers.
func (w *Web) timeline(ctx context.Context, v *core.AppView, now int64) (pages.Timeline, error) {
	t := pages.Timeline{From: v.Start, To: v.Finish}
	if t.To == 0 {
		t.To, t.Running = now, true
	}
	class := func(ended bool, well bool) string {
		switch {
		case !ended:
			return "running"
		case well:
			return "ended"
		}
		return "failed"
	}
	first := v.Finish
	if len(v.Attempts) > 0 {
		first = v.Attempts[0].Start
	}
	whole := pages.Stretch{Name: "Application"}
	if v.Launch > 0 {
		whole.Parts = []pages.Part{{From: v.Start, To: v.Launch, Class: "waiting", Title: "until it ran"}, {From: v.Launch, To: v.Finish, Class: class(v.Finish > 0, v.Final == yarn.FinalSucceeded), Title: "ran"}}
	} else {
		whole.Parts = []pages.Part{{From: v.Start, To: v.Finish, Class: map[bool]string{false: "waiting", true: "failed"}[v.Finish > 0], Title: "never ran"}}
	}
	if first > v.Start && len(v.Attempts) > 0 {
		whole.Note = "stored after " + pages.Took(v.Start, first, now)
	}
	t.Rows = append(t.Rows, whole)
	if len(v.Attempts) == 0 {
		return t, nil
	}
	ended, err := w.service.Core.Ended(ctx, v.ID, timelineRows+1)
	if err != nil {
		return t, err
	}
	if len(ended) > timelineRows {
		ended, t.More = ended[:timelineRows], max(0, v.Allocated-v.Running-timelineRows)
	}
	earlier := max(0, len(v.Attempts)-timelineAttempts)
	t.More += earlier
	for i := range v.Attempts[earlier:] {
		a := &v.Attempts[earlier+i]
		t.Rows = append(t.Rows, pages.Stretch{Name: "Attempt " + strconv.Itoa(int(a.ID.Attempt)), Path: attemptPath(a.ID), Note: a.State.String(), Parts: attemptParts(a, class)})
		for j := len(ended) - 1; j >= 0; j-- {
			if e := &ended[j]; e.ID.Attempt == a.ID {
				t.Rows = append(t.Rows, pages.Stretch{Name: containerName(e.ID, e.AM), Path: containerPath(e.ID), Note: e.Node.String() + ", " + exitText(e), Depth: 1,
					Parts: []pages.Part{{From: e.Created, To: e.Finish, Class: class(true, e.Exit == yarn.ExitSuccess), Title: exitText(e)}}})
			}
		}
		live, err := w.service.Core.Containers(ctx, a.ID)
		if err != nil {
			return t, err
		}
		if len(live) > timelineRows {
			t.More += len(live) - timelineRows
			live = live[:timelineRows]
		}
		for j := range live {
			k := &live[j]
			c := "running"
			if k.State == yarn.ContainerNew {
				c = "starting"
			}
			t.Rows = append(t.Rows, pages.Stretch{Name: containerName(k.ID, k.AM), Path: containerPath(k.ID), Note: k.Node.String(), Depth: 1,
				Parts: []pages.Part{{From: k.Created, Class: c, Title: k.State.String()}}})
		}
	}
	return t, nil
}

// attemptParts are what an attempt did: wait for a container, start its AM there, run.
func attemptParts(a *core.AttemptView, class func(ended, well bool) string) []pages.Part {
	var out []pages.Part
	from, what := a.Start, pages.Part{Class: "waiting", Title: "waits for a container for the AM"}
	next := func(at int64, class, title string) {
		if at == 0 {
			return
		}
		what.From, what.To = from, at
		out = append(out, what)
		from, what = at, pages.Part{Class: class, Title: title}
	}
	if a.AM != nil {
		next(a.AM.Created, "starting", "the AM starts")
	}
	next(a.Registered, "running", "the AM runs")
	if a.Registered == 0 && a.Launched == 0 && a.Host != "N/A" { // of before a restart
		what.Class, what.Title = "running", "the AM runs"
	}
	if a.Finish > 0 && (a.Registered > 0 || a.State != yarn.AttemptFinished || len(out) > 0) {
		what.Class = class(true, a.State == yarn.AttemptFinished)
	}
	what.From, what.To = from, a.Finish
	return append(out, what)
}

func containerName(id yarn.ContainerID, am bool) string {
	name := "Container " + strconv.FormatInt(id.ID&(1<<40-1), 10)
	if am {
		name += " (AM)"
	}
	return name
}

func exitText(e *core.EndedContainer) string {
	return fmt.Sprintf("%s, exit code %d", strings.ToLower(e.State), e.Exit)
}

func attemptPath(id yarn.AttemptID) string     { return "/cluster/appattempt/" + id.String() }
func containerPath(id yarn.ContainerID) string { return "/cluster/container/" + id.String() }
func nodePath(id yarn.NodeID) string           { return "/cluster/node/" + id.String() }

func (w *Web) appFacts(v *core.AppView, now int64) []fact {
	memory, cores := v.Seconds(now)
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	out := []fact{text("Name", v.Name), text("User", v.User), {"Queue", pages.Cell{Text: v.QueuePath, Path: pathApps + "?queue=" + v.QueuePath}}, text("Type", v.Type)}
	if len(v.Tags) > 0 {
		out = append(out, text("Tags", strings.Join(v.Tags, ", ")))
	}
	out = append(out, text("Priority", strconv.Itoa(int(v.Priority))))
	if url := w.service.TrackingURL(v); service.HasPages(v) {
		out = append(out, fact{"Its own pages", pages.Cell{Text: url, Path: url}})
	}
	if v.Host != "N/A" && v.Host != "" && v.RPCPort >= 0 {
		out = append(out, text("AM listens at", v.Host+":"+strconv.Itoa(int(v.RPCPort))))
	}
	if v.Unmanaged {
		out = append(out, text("AM", "unmanaged: it runs outside the cluster"))
	}
	if v.Expires > 0 {
		out = append(out, text("Ends by", pages.When(v.Expires)))
	}
	return append(out, text("Used so far", fmt.Sprintf("%s GB-hours, %s vcore-hours; %d containers", hours(memory, 1024*3600), hours(cores, 3600), v.Allocated)),
		text("Logs", map[core.LogState]string{core.LogDisabled: "stay on the nodes", core.LogNotStart: "collected when it ends", core.LogRunning: "being collected",
			core.LogSucceeded: "collected", core.LogFailed: "could not all be collected", core.LogTimeOut: "could not all be collected", core.LogRunningWithFailure: "being collected; some could not be"}[v.LogState(now, w.service.Settings.LogTimeout)]))
}

func hours(n, unit int64) string { return strconv.FormatFloat(float64(n)/float64(unit), 'f', 2, 64) }

func (w *Web) attemptColumns(v *core.AppView, now int64) []pages.Column[core.AttemptView] {
	type column = pages.Column[core.AttemptView]
	return []column{
		{Title: "Attempt", Cell: func(t core.AttemptView) pages.Cell {
			return pages.Cell{Text: strconv.Itoa(int(t.ID.Attempt)), Path: attemptPath(t.ID), Main: true}
		}},
		{Title: "State", Cell: func(t core.AttemptView) pages.Cell {
			return pages.Cell{Text: t.State.String(), Class: t.State.String()}
		}},
		{Title: "Started", Cell: func(t core.AttemptView) pages.Cell { return pages.Cell{Text: pages.When(t.Start)} }},
		{Title: "Took", Number: true, Cell: func(t core.AttemptView) pages.Cell { return pages.Cell{Text: pages.Took(t.Start, t.Finish, now)} }},
		{Title: "Node", Cell: func(t core.AttemptView) pages.Cell {
			if t.AM == nil {
				return pages.Cell{}
			}
			return pages.Cell{Text: t.AM.Node.String(), Path: nodePath(t.AM.Node)}
		}},
		{Title: "Logs", Cell: func(t core.AttemptView) pages.Cell {
			if t.AM == nil {
				return pages.Cell{}
			}
			return pages.Cell{Text: "of the AM", Path: w.logsLink(t.AM, v.User)}
		}},
		{Title: "Diagnostics", Cell: func(t core.AttemptView) pages.Cell {
			return pages.Cell{Text: pages.Cut(t.Diagnostics, 300), Long: true}
		}},
	}
}
