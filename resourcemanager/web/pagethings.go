package web

import (
	"net/http"
	"strconv"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// containerRow is a live or an ended container.
type containerRow struct {
	core.Grant
	State  string
	Finish int64
	Exit   string
	Said   string
}

func liveRow(k *core.ContainerView) containerRow {
	return containerRow{Grant: k.Grant, State: k.State.String()}
}

func endedRow(e *core.EndedContainer) containerRow {
	return containerRow{Grant: e.Grant, State: e.State, Finish: e.Finish, Exit: strconv.Itoa(int(e.Exit)), Said: e.Diagnostics}
}

func (w *Web) containerColumns(now int64) []pages.Column[containerRow] {
	type column = pages.Column[containerRow]
	return []column{
		{Title: "Container", Key: "id", Less: func(a, b containerRow) int { return a.ID.Compare(b.ID) }, Cell: func(k containerRow) pages.Cell {
			c := pages.Cell{Text: k.ID.String(), Path: containerPath(k.ID), Main: true}
			if k.AM {
				c.Note = "ApplicationMaster"
			}
			return c
		}},
		{Title: "State", Key: "state", Less: pages.By(func(k containerRow) string { return k.State }), Cell: func(k containerRow) pages.Cell {
			c := pages.Cell{Text: k.State, Class: k.State}
			if k.Exit != "" {
				c.Note = "exit code " + k.Exit
				c.Class = map[bool]string{true: "FINISHED", false: "FAILED"}[k.Exit == "0"]
			}
			return c
		}},
		{Title: "Node", Key: "node", Less: pages.By(func(k containerRow) string { return k.Node.String() }), Cell: func(k containerRow) pages.Cell {
			return pages.Cell{Text: k.Node.String(), Path: nodePath(k.Node)}
		}},
		{Title: "GB", Key: "memory", Number: true, Less: pages.By(func(k containerRow) int64 { return k.Resource[yarn.Memory] }), Cell: func(k containerRow) pages.Cell {
			return pages.Cell{Text: pages.GB(k.Resource[yarn.Memory])}
		}},
		{Title: "vcores", Key: "vcores", Number: true, Less: pages.By(func(k containerRow) int64 { return k.Resource[yarn.VCores] }), Cell: func(k containerRow) pages.Cell {
			return pages.Cell{Text: strconv.FormatInt(k.Resource[yarn.VCores], 10)}
		}},
		{Title: "Priority", Key: "priority", Number: true, Less: pages.By(func(k containerRow) int32 { return k.Key.Priority }), Cell: func(k containerRow) pages.Cell {
			return pages.Cell{Text: strconv.Itoa(int(k.Key.Priority))}
		}},
		{Title: "Started", Key: "started", Down: true, Less: pages.By(func(k containerRow) int64 { return k.Created }), Cell: func(k containerRow) pages.Cell { return pages.Cell{Text: pages.When(k.Created)} }},
		{Title: "Took", Number: true, Cell: func(k containerRow) pages.Cell { return pages.Cell{Text: pages.Took(k.Created, k.Finish, now)} }},
		{Title: "Logs", Cell: func(k containerRow) pages.Cell { return pages.Cell{Text: "logs", Path: w.logsLink(&k.Grant, k.User)} }},
	}
}

// ofApplication finds the application of an attempt or container for those who may see it, and makes find, known and visible work.
func (w *Web) ofApplication(r *http.Request, id yarn.ApplicationID) (*core.AppView, error) {
	r.SetPathValue("id", id.String())
	return w.visible(r)
}

func (w *Web) attemptPage(r *http.Request) (pages.Page, error) {
	id, err := yarn.ParseAttemptID(r.PathValue("attempt"))
	if err != nil {
		return pages.Page{}, hadoophttp.IllegalArgument("Invalid AppAttemptId: %s", r.PathValue("attempt"))
	}
	r.SetPathValue("id", id.Application.String())
	v, t, err := w.attemptOf(r)
	if err != nil {
		return pages.Page{}, err
	}
	now := w.now()
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	d := factsData{Head: id.String(), State: t.State.String(), Sub: v.Name, Note: t.Diagnostics, Bad: t.State == yarn.AttemptFailed || t.State == yarn.AttemptKilled, Facts: []fact{
		{"Application", pages.Cell{Text: v.ID.String(), Path: "/cluster/app/" + v.ID.String()}}, text("Started", pages.When(t.Start)), text("Took", pages.Took(t.Start, t.Finish, now))}}
	if t.Finish == 0 {
		if why := w.why(w.view(), v); len(why) > 0 && v.Attempt == id {
			d.Note = why[0]
		}
	}
	if t.AM != nil {
		d.Facts = append(d.Facts, fact{"Container of the AM", pages.Cell{Text: t.AM.ID.String(), Path: containerPath(t.AM.ID)}}, fact{"Node", pages.Cell{Text: t.AM.Node.String(), Path: nodePath(t.AM.Node)}},
			text("Size", w.amount(t.AM.Resource)), fact{"Logs", pages.Cell{Text: "of the AM", Path: w.logsLink(t.AM, v.User)}})
	}
	if t.Host != "N/A" && t.Host != "" && t.RPCPort >= 0 {
		d.Facts = append(d.Facts, text("AM listens at", t.Host+":"+strconv.Itoa(int(t.RPCPort))))
	}
	if service.HasPages(v) && v.Attempt == id {
		url := w.service.TrackingURL(v)
		d.Facts = append(d.Facts, fact{"Its own pages", pages.Cell{Text: url, Path: url}})
	}
	live, err := w.service.Core.Containers(r.Context(), id)
	if err != nil {
		return pages.Page{}, err
	}
	var rows, past []containerRow
	for i := range live {
		rows = append(rows, liveRow(&live[i]))
	}
	ended, err := w.service.Core.Ended(r.Context(), v.ID, endedShown)
	if err != nil {
		return pages.Page{}, err
	}
	for i := range ended {
		if ended[i].ID.Attempt == id {
			past = append(past, endedRow(&ended[i]))
		}
	}
	l := pages.ReadList(r)
	d.Tables = []titled{{"Containers", pages.Make("Containers", "It has no container now.", l, w.containerColumns(now), rows)}}
	if len(past) > 0 {
		d.Tables = append(d.Tables, titled{"Ended containers", pages.Make("Ended containers", "", l, w.containerColumns(now), past)})
	}
	return pages.Page{Title: id.String(), Active: pathApps, Parents: []pages.Link{{Title: "Applications", Path: pathApps}, {Title: v.ID.String(), Path: "/cluster/app/" + v.ID.String()}}, Data: d}, nil
}

// endedShown bounds the ended containers on the page of an attempt.
const endedShown = 500

func (w *Web) containerPage(r *http.Request) (pages.Page, error) {
	id, err := yarn.ParseContainerID(r.PathValue("container"))
	if err != nil {
		return pages.Page{}, hadoophttp.IllegalArgument("Invalid ContainerId: %s", r.PathValue("container"))
	}
	v, err := w.ofApplication(r, id.Attempt.Application)
	if err != nil {
		return pages.Page{}, err
	}
	k, ok, err := w.service.Core.Container(r.Context(), id)
	if err != nil {
		return pages.Page{}, err
	}
	row := liveRow(&k)
	if !ok {
		e, known, err := w.service.Core.EndedContainer(r.Context(), id)
		if err != nil {
			return pages.Page{}, err
		}
		if !known {
			return pages.Page{}, hadoophttp.NotFound("Container %s is not known: it never was, or it ended too long ago or before a restart of the ResourceManager. Its logs may still be had by: yarn logs -containerId %s", id, id)
		}
		row = endedRow(&e)
	}
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	d := factsData{Head: id.String(), State: row.State, Sub: v.Name, Note: row.Said, Bad: row.Exit != "" && row.Exit != "0", Facts: []fact{
		{"Application", pages.Cell{Text: v.ID.String(), Path: "/cluster/app/" + v.ID.String()}}, {"Attempt", pages.Cell{Text: id.Attempt.String(), Path: attemptPath(id.Attempt)}},
		text("Task", map[bool]string{true: "the ApplicationMaster", false: "given to the ApplicationMaster"}[row.AM]),
		{"Node", pages.Cell{Text: row.Node.String(), Path: nodePath(row.Node)}}, text("Size", w.amount(row.Resource)), text("Priority", strconv.Itoa(int(row.Key.Priority))),
		text("User", row.User), text("Started", pages.When(row.Created)), text("Took", pages.Took(row.Created, row.Finish, w.now()))}}
	if row.Exit != "" {
		d.Facts = append(d.Facts, text("Ended", pages.When(row.Finish)), text("Exit code", row.Exit))
	}
	d.Facts = append(d.Facts, fact{"Logs", pages.Cell{Text: "on its node", Path: w.logsLink(&row.Grant, v.User)}})
	return pages.Page{Title: id.String(), Active: pathApps, Parents: []pages.Link{{Title: "Applications", Path: pathApps}, {Title: v.ID.String(), Path: "/cluster/app/" + v.ID.String()},
		{Title: "attempt " + strconv.Itoa(int(id.Attempt.Attempt)), Path: attemptPath(id.Attempt)}}, Data: d}, nil
}

func (w *Web) nodePage(r *http.Request) (pages.Page, error) {
	id, err := yarn.ParseNodeID(r.PathValue("id"))
	if err != nil {
		return pages.Page{}, hadoophttp.Illegal("Invalid NodeId [%s]. Expected host:port", r.PathValue("id"))
	}
	n, ok := w.view().Nodes.Get(id)
	if !ok {
		return pages.Page{}, hadoophttp.NotFound("nodeId, %s, is not found", id)
	}
	who, err := w.identity.Of(r)
	if err != nil {
		return pages.Page{}, err
	}
	now := w.now()
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	d := factsData{Head: id.String(), State: n.State.String(), Note: n.Report, Bad: n.State == yarn.NodeUnhealthy || n.State == yarn.NodeLost,
		Cards: append(w.shares(n.Used, n.Total), card{Figure: strconv.Itoa(n.Containers), Text: "containers"}), Facts: []fact{text("Rack", n.Rack),
			{"Its own pages", pages.Cell{Text: n.HTTP, Path: "http://" + n.HTTP + "/node"}}, text("Version", n.Version), text("Last heard", pages.When(n.LastSeen())+" ("+pages.Took(n.LastSeen(), 0, now)+" ago)")}}
	if !n.DrainBy.IsZero() {
		d.Facts = append(d.Facts, text("Leaves by", pages.When(n.DrainBy.UnixMilli())))
	}
	if u := n.Utilization(); u != nil {
		d.Facts = append(d.Facts, text("Measured on the machine", pages.Memory(int64(u.NodePMemMB))+" of memory, "+strconv.FormatFloat(float64(u.NodeCPU), 'f', 1, 32)+" cores"),
			text("By containers", pages.Memory(int64(u.ContainersPMemMB))+" of memory, "+strconv.FormatFloat(float64(u.ContainersCPU), 'f', 1, 32)+" cores"))
	}
	live, err := w.service.Core.ContainersOn(r.Context(), id)
	if err != nil {
		return pages.Page{}, err
	}
	var rows []containerRow
	for i := range live {
		v, ok := w.view().Apps.Get(live[i].ID.Attempt.Application)
		if ok && w.service.Access.View(v, who.User) {
			rows = append(rows, liveRow(&live[i]))
		}
	}
	title := "Containers"
	if hidden := len(live) - len(rows); hidden > 0 {
		title += " (" + strconv.Itoa(hidden) + " of others are not shown)"
	}
	d.Tables = []titled{{title, pages.Make("Containers", "None is here now.", pages.ReadList(r), w.containerColumns(now), rows)}}
	return pages.Page{Title: id.String(), Active: pathNodes, Parents: []pages.Link{{Title: "Nodes", Path: pathNodes}}, Data: d}, nil
}
