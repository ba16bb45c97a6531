package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

//go:embed pages
var assets embed.FS

// The paths of the main pages; people's links and other tools' lead to them, so they are Hadoop's.
const (
	pathOverview  = "/cluster"
	pathApps      = "/cluster/apps"
	pathNodes     = "/cluster/nodes"
	pathScheduler = "/cluster/scheduler"
	pathAbout     = "/cluster/cluster"
)

// fact is one line of what is known of a thing.
type fact struct {
	Name string
	pages.Cell
}

// pages registers what people look at. No page changes anything, so that nothing is lost where nobody proves who he is.
func (w *Web) pages(mux *hadoophttp.Mux, logs bool) error {
	content, err := fs.Sub(assets, "pages")
	if err != nil {
		return fmt.Errorf("the embedded pages: %w", err)
	}
	s := w.service
	tools := []pages.Link{{Title: "Configuration", Path: "/conf"}, {Title: "JMX", Path: "/jmx"}, {Title: "Metrics", Path: "/metrics"}, {Title: "Stacks", Path: "/stacks"}, {Title: "REST", Path: "/ws/v1/cluster"}}
	if logs {
		tools = append(tools, pages.Link{Title: "Logs", Path: "/logs/"})
	}
	if show, err := s.Settings.Conf.Bool("yarn.webapp.ui1.tools.enable", true); err != nil {
		return err
	} else if !show {
		tools = nil
	}
	site, err := pages.New(pages.Site{Daemon: "ResourceManager " + hostname(s.Settings.WebPublic), Foot: "Heddle " + s.Version + " · started " + pages.When(s.ClusterTimestamp), Home: pathOverview,
		Nav: []pages.Link{{Title: "Cluster", Path: pathOverview}, {Title: "Applications", Path: pathApps}, {Title: "Nodes", Path: pathNodes},
			{Title: "Scheduler", Path: pathScheduler}, {Title: "About", Path: pathAbout}}, Tools: tools, Log: s.Log}, content, template.FuncMap{
		"percent": func(ppm int64) string { return scheduler.Percent(ppm) + " %" }, "amount": w.amount})
	if err != nil {
		return err
	}
	w.site = site
	site.Register(mux)
	for pattern, p := range map[string]struct {
		name string
		data func(*http.Request) (pages.Page, error)
	}{
		pathOverview: {"overview", w.inPage(w.overviewPage)}, pathOverview + "/{$}": {"overview", w.inPage(w.overviewPage)}, pathAbout: {"facts", w.aboutPage},
		pathApps: {"list", w.inPage(w.appsPage)}, pathApps + "/{states}": {"list", w.inPage(w.appsPage)}, "/cluster/app/{id}": {"app", w.appPage},
		"/cluster/appattempt/{attempt}": {"facts", w.attemptPage}, "/cluster/container/{container}": {"facts", w.containerPage},
		pathNodes: {"list", w.nodesPage}, pathNodes + "/{state}": {"list", w.nodesPage}, "/cluster/node/{id}": {"facts", w.nodePage},
		pathScheduler: {"scheduler", w.schedulerPage},
		"/cluster/": {"facts", func(r *http.Request) (pages.Page, error) {
			return pages.Page{}, hadoophttp.NotFound("There is no page %s.", r.URL.Path)
		}},
	} {
		site.Handle(mux, "GET "+pattern, p.name, p.data)
	}
	return nil
}

// amount is a resource vector in words: "1.5 GB, 2 vcores".
func (w *Web) amount(r yarn.Resource) string {
	text := pages.Memory(r[yarn.Memory]) + ", " + pages.Amount(r[yarn.VCores], "vcores")
	types := w.service.Settings.Types
	for i := yarn.VCores + 1; i < types.Len(); i++ {
		if r[i] != 0 {
			text += ", " + pages.Amount(r[i], strings.TrimSpace(types.At(i).Unit+" "+types.At(i).Name))
		}
	}
	return text
}

// card is a figure.
type card struct {
	Figure, Text, Path string
	Bar                *pages.Bar
}

// shares are cards of what is used of a total, one for each resource type that there is something of.
func (w *Web) shares(used, total yarn.Resource) []card {
	out := []card{
		{Figure: pages.GB(used[yarn.Memory]) + " / " + pages.GB(total[yarn.Memory]), Text: "GB of memory", Bar: pages.BarOf(used[yarn.Memory], total[yarn.Memory])},
		{Figure: fmt.Sprintf("%d / %d", used[yarn.VCores], total[yarn.VCores]), Text: "vcores", Bar: pages.BarOf(used[yarn.VCores], total[yarn.VCores])},
	}
	types := w.service.Settings.Types
	for i := yarn.VCores + 1; i < types.Len(); i++ {
		if total[i] > 0 {
			out = append(out, card{Figure: fmt.Sprintf("%d / %d", used[i], total[i]), Text: types.At(i).Name, Bar: pages.BarOf(used[i], total[i])})
		}
	}
	return out
}

type overviewData struct {
	Cards  []card
	Queues []queueRow
	Apps   pages.Table
	Nodes  pages.Table
	None   bool // no node has ever registered
}

// shownFirst is how many applications and nodes the first page shows.
const shownFirst = 10

func (w *Web) overviewPage(r *http.Request) (pages.Page, error) {
	_, see, err := w.listed(r)
	if err != nil {
		return pages.Page{}, err
	}
	v := w.view()
	t := w.totals(v)
	ended := t.apps[yarn.AppFinished] + t.apps[yarn.AppFailed] + t.apps[yarn.AppKilled]
	nodes := card{Figure: pages.Count(t.nodes[yarn.NodeRunning]), Text: "nodes", Path: pathNodes}
	for _, st := range []yarn.NodeState{yarn.NodeUnhealthy, yarn.NodeDecommissioning, yarn.NodeLost} {
		if n := t.nodes[st]; n > 0 {
			nodes.Text += ", " + pages.Count(n) + " " + strings.ToLower(st.String())
		}
	}
	d := overviewData{None: v.Nodes.Len() == 0, Queues: w.queueRows(v), Cards: append([]card{
		{Figure: pages.Count(t.apps[yarn.AppRunning]), Text: "applications running", Path: pathApps + "/RUNNING"},
		{Figure: pages.Count(t.apps[yarn.AppAccepted] + t.apps[yarn.AppSubmitted] + t.apps[yarn.AppNewSaving] + t.apps[yarn.AppNew]), Text: "waiting", Path: pathApps + "/" + waitingStates},
		{Figure: pages.Count(ended), Text: "ended", Path: pathApps + "/FINISHED,FAILED,KILLED"},
		{Figure: pages.Count(int(t.containers)), Text: "containers, " + pages.Count(int(t.pendingContainers)) + " more wanted"},
		nodes}, w.shares(t.used, t.total)...)}
	list := pages.ReadList(r)
	apps := v.SortedApps()
	shown := make([]*core.AppView, 0, shownFirst)
	for _, a := range apps {
		if len(shown) == shownFirst {
			break
		}
		if a = see(a); a != nil {
			shown = append(shown, a)
		}
	}
	d.Apps = pages.Make("The newest applications", "No application has been submitted yet.", pages.List{Path: list.Path}, w.appColumns(v, false), shown)
	some := v.SortedNodes()
	some = some[:min(len(some), shownFirst)]
	d.Nodes = pages.Make("Nodes", "No NodeManager has registered yet. Start one with: heddle nodemanager", pages.List{Path: list.Path}, w.nodeColumns(), some)
	return pages.Page{Title: "Cluster", Active: pathOverview, Data: d}, nil
}

// factsData is a page about one thing.
type factsData struct {
	Head   string
	State  string
	Sub    string
	Cards  []card
	Note   string
	Bad    bool
	Facts  []fact
	Tables []titled
}

type titled struct {
	Title string
	pages.Table
}

func (w *Web) aboutPage(r *http.Request) (pages.Page, error) {
	who, err := w.identity.Of(r)
	if err != nil {
		return pages.Page{}, err
	}
	s, v := w.service, w.view()
	store := "none: applications are forgotten when it stops"
	if s.Settings.Recovery {
		store = "applications survive a restart"
	}
	var types []string
	for i := range s.Settings.Types.Len() {
		types = append(types, s.Settings.Types.At(i).Name)
	}
	you := who.User
	if who.Static {
		you += " (nobody was named; user.name= in the address names one)"
	}
	text := func(name, t string) fact { return fact{name, pages.Cell{Text: t}} }
	return pages.Page{Title: "About the cluster", Active: pathAbout, Data: factsData{Head: "About the cluster", Facts: []fact{
		text("ResourceManager", s.Settings.WebPublic), text("Version", s.Version+", as Hadoop "+yarn.HadoopVersion), text("State", "STARTED, ACTIVE; there is no standby"),
		text("Started", pages.When(s.ClusterTimestamp)+" ("+pages.Took(s.ClusterTimestamp, 0, w.now())+" ago)"), text("Cluster id", strconv.FormatInt(s.ClusterTimestamp, 10)),
		text("Scheduler", "capacity scheduler, "+strconv.Itoa(len(v.Queues))+" queues"), text("Resource types", strings.Join(types, ", ")),
		text("Smallest container", w.amount(s.Settings.Scheduler.Minimum)), text("Largest container", w.amount(s.Settings.Scheduler.Maximum)),
		text("Highest priority", strconv.Itoa(int(s.MaxPriority()))), text("Store", store), text("Access lists", map[bool]string{true: "enforced (yarn.acl.enable)", false: "off (yarn.acl.enable)"}[s.Access.Enabled]),
		text("Applications since the start", pages.Count(int(v.Counts.AppsSubmitted))), text("Containers since the start", pages.Count(int(v.Counts.ContainersAllocated))),
		text("You are", you), text("Time there", s.Clock().Format(time.RFC1123Z)),
	}}}, nil
}
