package web

import (
	"net/http"
	"strconv"
	"strings"

	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/settings"
	"heddle/yarn"
)

// queueRow is a queue as the pages show it. Its bars are in thousandths of the cluster.
type queueRow struct {
	scheduler.QueueInfo
	Depth                 int
	Own, Most, Used, Lent int64 // the guaranteed and the greatest share; what is used of the former, and beyond it
	UsedText              string
	Facts                 []fact
	People                pages.Table
}

// queueRows are all queues, parents before children.
func (w *Web) queueRows(v *core.View) []queueRow {
	out := make([]queueRow, len(v.Queues))
	for i, q := range v.Queues {
		own := q.AbsCapacity / 1000
		ofQueue, ofCluster := w.usedOf(&q, v.Total)
		used := min(1000, int64(ofCluster*10))
		out[i] = queueRow{QueueInfo: q, Depth: min(4, strings.Count(q.Path, ".")), Own: own, Most: q.AbsMax / 1000, Used: min(used, own), Lent: max(0, used-own),
			UsedText: strconv.FormatFloat(ofQueue, 'f', 0, 64) + " % of its share"}
	}
	return out
}

type schedulerData struct {
	Cards  []card
	Queues []queueRow
}

func (w *Web) schedulerPage(*http.Request) (pages.Page, error) {
	v := w.view()
	rows := w.queueRows(v)
	for i := range rows {
		rows[i].Facts, rows[i].People = w.queueFacts(&rows[i]), w.people(&rows[i])
	}
	root := &v.Queues[0]
	return pages.Page{Title: "Scheduler", Active: pathScheduler, Data: schedulerData{Queues: rows, Cards: append(w.shares(v.Used, v.Total),
		card{Figure: pages.Count(int(root.Containers)), Text: "containers"}, card{Figure: pages.Count(int(root.PendingContainers)), Text: "containers wanted"},
		card{Figure: pages.Count(root.ActiveApps), Text: "applications at work"}, card{Figure: pages.Count(root.WaitingApps), Text: "held back", Path: pathApps + "/" + waitingStates})}}, nil
}

func (w *Web) queueFacts(q *queueRow) []fact {
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	out := []fact{text("Share of its parent", scheduler.Percent(q.Config.Capacity)+" %, at most "+scheduler.Percent(q.Config.MaxCapacity)+" %"),
		text("Share of the cluster", scheduler.Percent(q.AbsCapacity)+" %, at most "+scheduler.Percent(q.AbsMax)+" %"),
		text("Uses", w.amount(q.QueueInfo.Used)), text("Guaranteed", w.amount(q.Guaranteed)), text("At most", w.amount(q.Maximum)),
		text("Containers", strconv.FormatInt(q.Containers, 10)+", "+strconv.FormatInt(q.PendingContainers, 10)+" more wanted ("+w.amount(q.Pending)+")")}
	if q.ReservedContainers > 0 {
		out = append(out, text("Held back on nodes", w.amount(q.Reserved)+" for "+strconv.FormatInt(q.ReservedContainers, 10)+" containers"))
	}
	if !q.Leaf {
		return out
	}
	return append(out, text("Applications", strconv.Itoa(q.ActiveApps)+" at work, "+strconv.Itoa(q.WaitingApps)+" held back, at most "+strconv.Itoa(q.Config.MaxApplications)),
		text("ApplicationMasters", w.amount(q.AMUsed)+" of at most "+w.amount(q.AMLimit)), text("One user", "at most "+w.amount(q.UserLimit)+" (limit "+scheduler.Percent(q.Config.UserLimit)+" %, factor "+strconv.FormatFloat(float64(q.Config.UserLimitFactor)/scheduler.Million, 'f', -1, 64)+")"),
		text("May submit", w.may(q.Path, func(l settings.QueueACLs) string { return l.Submit.String() })), text("May administer", w.may(q.Path, func(l settings.QueueACLs) string { return l.Admin.String() })), fact{"List", pages.Cell{Text: "its applications", Path: pathApps + "?queue=" + q.Path}})
}

// may says who has a right on a queue: those whom it or one above it names.
func (w *Web) may(path string, list func(settings.QueueACLs) string) string {
	var out []string
	for p := path; p != ""; p = p[:max(0, strings.LastIndexByte(p, '.'))] {
		switch acl := strings.TrimSpace(list(w.service.Access.Queue(p))); acl {
		case "*":
			return "everybody"
		case "":
		default:
			out = append(out, acl)
		}
	}
	if len(out) == 0 {
		return "administrators"
	}
	return strings.Join(out, "; ") + "; administrators"
}

func (w *Web) people(q *queueRow) pages.Table {
	type column = pages.Column[scheduler.UserInfo]
	return pages.Make("Users of "+q.Path, "", pages.List{}, []column{
		{Title: "User", Cell: func(u scheduler.UserInfo) pages.Cell {
			return pages.Cell{Text: u.Name, Path: pathApps + "?queue=" + q.Path + "&user=" + u.Name, Main: true}
		}},
		{Title: "Of the user's limit", Cell: func(u scheduler.UserInfo) pages.Cell {
			return pages.Cell{Bar: pages.BarOf(u.Used[yarn.Memory], q.UserLimit[yarn.Memory])}
		}},
		{Title: "Uses", Cell: func(u scheduler.UserInfo) pages.Cell { return pages.Cell{Text: w.amount(u.Used)} }},
		{Title: "By ApplicationMasters", Cell: func(u scheduler.UserInfo) pages.Cell { return pages.Cell{Text: w.amount(u.AMUsed)} }},
		{Title: "At work", Number: true, Cell: func(u scheduler.UserInfo) pages.Cell { return pages.Cell{Text: strconv.Itoa(u.ActiveApps)} }},
		{Title: "Held back", Number: true, Cell: func(u scheduler.UserInfo) pages.Cell { return pages.Cell{Text: strconv.Itoa(u.PendingApps)} }},
		{Title: "Wanted", Number: true, Cell: func(u scheduler.UserInfo) pages.Cell {
			return pages.Cell{Text: strconv.FormatInt(u.PendingContainers, 10)}
		}},
	}, q.Users)
}
