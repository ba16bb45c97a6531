package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// waitingStates are those of applications of which nothing runs yet.
const waitingStates = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED"

// remarkLength bounds what a list shows of diagnostics, in bytes.
const remarkLength = 110

// listData is a list with its filter.
type listData struct {
	Head, Sub string
	Form      pages.Form
	Table     pages.Table
}

// appsPage is the application list: only the rows of one page are made, whatever the number of applications.
func (w *Web) appsPage(r *http.Request) (pages.Page, error) {
	if states := r.PathValue("states"); states != "" {
		q := r.URL.Query()
		q.Set("states", states)
		r.URL.RawQuery = q.Encode()
	}
	f, see, err := w.listed(r)
	if err != nil {
		return pages.Page{}, err
	}
	v, l := w.view(), pages.ReadList(r)
	l.Path = pathApps
	all := v.SortedApps()
	apps := make([]*core.AppView, 0, len(all))
	for _, a := range f.among(v) {
		if len(apps) == f.limit {
			break
		}
		if f.accepts(a) && (l.Text == "" || l.Has(a.ID.String(), a.Name, a.User, a.QueuePath, a.Type, strings.Join(a.Tags, ","))) {
			if a = see(a); a != nil {
				apps = append(apps, a)
			}
		}
	}
	columns := w.appColumns(v, true)
	q := r.URL.Query()
	var leaves []string
	for i := range v.Queues {
		leaves = append(leaves, v.Queues[i].Path)
	}
	form := pages.Form{Path: pathApps, Text: l.Text, Hint: "id, name, user, queue, tag", Active: len(apps) < len(all) || len(q) > 0, Choices: []pages.Choice{
		stateChoice(q.Get("states")), pages.Choose("Queue", "queue", "all", q.Get("queue"), leaves...), pages.Orders(l, columns, "the newest first")}}
	return pages.Page{Title: "Applications", Active: pathApps, Data: listData{Head: "Applications", Sub: pages.Count(len(apps)) + " of " + pages.Count(len(all)), Form: form,
		Table: pages.Make("Applications", "No application is like that.", l, columns, apps)}}, nil
}

func stateChoice(chosen string) pages.Choice {
	c := pages.Choose("State", "states", "all", chosen, waitingStates, "ACCEPTED", "RUNNING", "FINISHED", "FAILED", "KILLED", "FINISHED,FAILED,KILLED")
	for i := range c.Options {
		switch c.Options[i].Value {
		case waitingStates:
			c.Options[i].Title = "waiting"
		case "FINISHED,FAILED,KILLED":
			c.Options[i].Title = "ended"
		}
	}
	return c
}

func (w *Web) appColumns(v *core.View, sorted bool) []pages.Column[*core.AppView] {
	type column = pages.Column[*core.AppView]
	now := w.now()
	took := func(a *core.AppView) int64 {
		if a.Finish > 0 {
			return a.Finish - a.Start
		}
		return now - a.Start
	}
	out := []column{
		{Title: "Application", Key: "id", Less: func(a, b *core.AppView) int { return a.ID.Compare(b.ID) }, Cell: func(a *core.AppView) pages.Cell {
			note := pages.Cut(a.Name, remarkLength)
			if a.Type != "" {
				note += " · " + pages.Cut(a.Type, 20)
			}
			return pages.Cell{Text: a.ID.String(), Path: "/cluster/app/" + a.ID.String(), Note: note, Main: true}
		}},
		{Title: "Name", Key: "name", Less: pages.By(func(a *core.AppView) string { return a.Name })}, // shown with the id
		{Title: "Type", Key: "type", Less: pages.By(func(a *core.AppView) string { return a.Type })},
		{Title: "User", Key: "user", Less: pages.By(func(a *core.AppView) string { return a.User }), Cell: func(a *core.AppView) pages.Cell { return pages.Cell{Text: a.User, Note: a.QueuePath} }},
		{Title: "Queue", Key: "queue", Less: pages.By(func(a *core.AppView) string { return a.QueuePath })},
		{Title: "State", Key: "state", Less: pages.By(func(a *core.AppView) int { return int(a.State)*8 + int(a.Final) }), Cell: stateCell},
		{Title: "Progress", Key: "progress", Down: true, Less: pages.By((*core.AppView).Progress), Cell: func(a *core.AppView) pages.Cell {
			return pages.Cell{Bar: pages.BarOf(int64(a.Progress()*1000), 1000)}
		}},
		{Title: "Containers", Key: "containers", Number: true, Less: pages.By(func(a *core.AppView) int { return a.Running }), Cell: containersCell},
		{Title: "GB", Key: "memory", Number: true, Less: pages.By(func(a *core.AppView) int64 { return a.Used[yarn.Memory] }), Cell: func(a *core.AppView) pages.Cell {
			if a.Finish > 0 {
				return pages.Cell{}
			}
			return pages.Cell{Text: pages.GB(a.Used[yarn.Memory])}
		}},
		{Title: "Priority", Key: "priority", Number: true, Less: pages.By(func(a *core.AppView) int32 { return a.Priority })},
		{Title: "Started", Key: "started", Down: true, Less: pages.By(func(a *core.AppView) int64 { return a.Start }), Cell: func(a *core.AppView) pages.Cell {
			return pages.Cell{Text: pages.When(a.Start), Note: map[bool]string{true: "took ", false: "for "}[a.Finish > 0] + pages.Took(a.Start, a.Finish, now)}
		}},
		{Title: "Time taken", Key: "took", Down: true, Less: pages.By(took)},
		{Title: "Finished", Key: "finished", Down: true, Less: pages.By(func(a *core.AppView) int64 { return a.Finish })},
		{Title: "Remark", Cell: func(a *core.AppView) pages.Cell {
			return pages.Cell{Text: pages.Cut(remark(a), remarkLength), Long: true}
		}},
	}
	if !sorted {
		for i := range out {
			out[i].Key = ""
		}
	}
	return out
}

// remark is an application's diagnostics without what their beginning repeats of the row.
func remark(a *core.AppView) string {
	text := service.Diagnostics(a)
	for _, said := range []string{"The application waits: ", "Application " + a.ID.String() + " "} {
		text = strings.TrimPrefix(text, said)
	}
	return text
}

func stateCell(a *core.AppView) pages.Cell {
	c := pages.Cell{Text: a.State.String(), Class: a.State.String()}
	if a.State == yarn.AppFinished && a.Final != yarn.FinalSucceeded {
		c.Class = a.Final.String()
	}
	if a.Final != yarn.FinalUndefined && a.Final.String() != c.Text {
		c.Note = strings.ToLower(a.Final.String())
	}
	return c
}

func containersCell(a *core.AppView) pages.Cell {
	if a.Finish > 0 {
		return pages.Cell{}
	}
	c := pages.Cell{Text: strconv.Itoa(a.Running)}
	if n := a.Pending.Containers; n > 0 {
		c.Note = strconv.FormatInt(n, 10) + " wanted"
	}
	return c
}

// nodesPage lists the nodes, by default all of them.
func (w *Web) nodesPage(r *http.Request) (pages.Page, error) {
	v, l := w.view(), pages.ReadList(r)
	l.Path = pathNodes
	state := strings.ToUpper(r.URL.Query().Get("state"))
	if s := r.PathValue("state"); s != "" {
		state = strings.ToUpper(s)
		l.Query.Set("state", state)
	}
	all := v.SortedNodes()
	nodes := slices.DeleteFunc(slices.Clone(all), func(n *core.NodeView) bool {
		return state != "" && n.State.String() != state || !l.Has(n.ID.String(), n.Rack, n.HTTP, n.Report, n.Version)
	})
	columns := w.nodeColumns()
	form := pages.Form{Path: pathNodes, Text: l.Text, Hint: "host, rack, report", Active: len(nodes) < len(all) || len(l.Query) > 0, Choices: []pages.Choice{
		pages.Choose("State", "state", "all", state, "RUNNING", "UNHEALTHY", "DECOMMISSIONING", "DECOMMISSIONED", "LOST", "REBOOTED", "SHUTDOWN"), pages.Orders(l, columns, "by name")}}
	return pages.Page{Title: "Nodes", Active: pathNodes, Data: listData{Head: "Nodes", Sub: pages.Count(len(nodes)) + " of " + pages.Count(len(all)), Form: form,
		Table: pages.Make("Nodes", "No node is like that.", l, columns, nodes)}}, nil
}

func (w *Web) nodeColumns() []pages.Column[*core.NodeView] {
	type column = pages.Column[*core.NodeView]
	now := w.now()
	columns := []column{
		{Title: "Node", Key: "node", Less: pages.By(func(n *core.NodeView) string { return n.ID.String() }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: n.ID.String(), Path: nodePath(n.ID), Main: true}
		}},
		{Title: "State", Key: "state", Less: pages.By(func(n *core.NodeView) string { return n.State.String() }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: n.State.String(), Class: n.State.String()}
		}},
		{Title: "Rack", Key: "rack", Less: pages.By(func(n *core.NodeView) string { return n.Rack }), Cell: func(n *core.NodeView) pages.Cell { return pages.Cell{Text: n.Rack} }},
		{Title: "Memory used", Key: "use", Down: true, Less: pages.By(func(n *core.NodeView) int64 { return pages.Percent(n.Used[yarn.Memory], n.Total[yarn.Memory]) }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Bar: pages.BarOf(n.Used[yarn.Memory], n.Total[yarn.Memory])}
		}},
		{Title: "GB", Key: "memory", Number: true, Less: pages.By(func(n *core.NodeView) int64 { return n.Total[yarn.Memory] }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: pages.GB(n.Used[yarn.Memory]) + " / " + pages.GB(n.Total[yarn.Memory])}
		}},
		{Title: "vcores", Key: "vcores", Number: true, Less: pages.By(func(n *core.NodeView) int64 { return n.Total[yarn.VCores] }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: strconv.FormatInt(n.Used[yarn.VCores], 10) + " / " + strconv.FormatInt(n.Total[yarn.VCores], 10)}
		}},
	}
	types := w.service.Settings.Types
	for i := yarn.VCores + 1; i < types.Len(); i++ {
		columns = append(columns, column{Title: types.At(i).Name, Key: types.At(i).Name, Number: true, Less: pages.By(func(n *core.NodeView) int64 { return n.Total[i] }), Cell: func(n *core.NodeView) pages.Cell {
			if n.Total[i] == 0 {
				return pages.Cell{}
			}
			return pages.Cell{Text: strconv.FormatInt(n.Used[i], 10) + " / " + strconv.FormatInt(n.Total[i], 10)}
		}})
	}
	return append(columns,
		column{Title: "Containers", Key: "containers", Number: true, Less: pages.By(func(n *core.NodeView) int { return n.Containers }), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: strconv.Itoa(n.Containers)}
		}},
		column{Title: "Last heard", Key: "heard", Down: true, Less: pages.By((*core.NodeView).LastSeen), Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: pages.Took(n.LastSeen(), 0, now) + " ago"}
		}},
		column{Title: "Report", Cell: func(n *core.NodeView) pages.Cell {
			return pages.Cell{Text: pages.Cut(n.Report, remarkLength), Long: true}
		}})
}
