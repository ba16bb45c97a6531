package web

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	hadoophttp "heddle/hadoop/http"
	look "heddle/hadoop/http/pages"
	"heddle/nodemanager/container"
	"heddle/yarn"
)

//go:embed pages
var assets embed.FS

// The paths of the main pages; the ResourceManager's pages and other tools lead to them, so they are Hadoop's.
const (
	pathNode       = "/node"
	pathApps       = "/node/allApplications"
	pathContainers = "/node/allContainers"
)

// fact is one line of what is known of a thing.
type fact struct {
	Name string
	look.Cell
}

type card struct {
	Figure, Text, Path string
	Bar                *look.Bar
}

type titled struct {
	Title string
	look.Table
}

// factsData is a page about one thing.
type factsData struct {
	Head, State string
	Cards       []card
	Note        string
	Bad         bool
	Facts       []fact
	Tables      []titled
}

func text(name, t string) fact { return fact{name, look.Cell{Text: t}} }

func (p *pages) registerPages(m *hadoophttp.Mux) error {
	content, err := fs.Sub(assets, "pages")
	if err != nil {
		return fmt.Errorf("the embedded pages: %w", err)
	}
	tools := []look.Link{{Title: "Configuration", Path: "/conf"}, {Title: "JMX", Path: "/jmx"}, {Title: "Metrics", Path: "/metrics"}, {Title: "Stacks", Path: "/stacks"}, {Title: "REST", Path: "/ws/v1/node"}}
	if p.Operator.LogDir != "" {
		tools = append(tools, look.Link{Title: "Logs", Path: "/logs/"})
	}
	if show, err := p.Conf.Bool("yarn.webapp.ui1.tools.enable", true); err != nil {
		return err
	} else if !show {
		tools = nil
	}
	p.site, err = look.New(look.Site{Daemon: "NodeManager " + p.Node.Host, Foot: "Heddle " + p.Build + " · started " + look.When(p.Started.UnixMilli()), Home: pathNode,
		Nav: []look.Link{{Title: "Node", Path: pathNode}, {Title: "Applications", Path: pathApps}, {Title: "Containers", Path: pathContainers}}, Tools: tools, Log: p.Log}, content, template.FuncMap{})
	if err != nil {
		return err
	}
	p.site.Register(m)
	for path, data := range map[string]func(*http.Request) (look.Page, error){
		pathNode: p.nodePage, "/node/{$}": p.nodePage, "/node/node": p.nodePage, pathApps: p.appsPage, "/node/application/{id}": p.appPage,
		pathContainers: p.containersPage, "/node/container/{id}": p.containerPage,
		"/node/": func(r *http.Request) (look.Page, error) {
			return look.Page{}, hadoophttp.NotFound("There is no page %s.", r.URL.Path)
		},
	} {
		p.site.Handle(m, "GET "+path, "facts", data)
	}
	m.HandleFunc("GET /node/containerlogs/{id}/{user}", p.orPages(func(w http.ResponseWriter, r *http.Request) {
		page, err := p.logsPage(r)
		if err != nil {
			p.site.Fail(w, r, err)
			return
		}
		p.site.Write(w, r, http.StatusOK, "facts", page)
	}))
	m.HandleFunc("GET /node/containerlogs/{id}/{user}/{file}", p.orPages(p.logFile))
	return nil
}

// amount is a resource vector in words.
func (p *pages) amount(r yarn.Resource) string {
	out := look.Memory(r[yarn.Memory]) + ", " + look.Amount(r[yarn.VCores], "vcores")
	for i := yarn.VCores + 1; i < p.Types.Len(); i++ {
		if r[i] != 0 {
			out += ", " + look.Amount(r[i], strings.TrimSpace(p.Types.At(i).Unit+" "+p.Types.At(i).Name))
		}
	}
	return out
}

func (p *pages) nodePage(r *http.Request) (look.Page, error) {
	h, g, u, total := p.Health(), p.read(), p.Utilization(), p.Total()
	d := factsData{Head: p.Node.String(), State: "RUNNING", Note: h.Report, Bad: !h.Healthy, Cards: []card{
		{Figure: strconv.FormatInt(g.running, 10), Text: "containers running, " + strconv.FormatInt(g.initing, 10) + " starting", Path: pathContainers},
		{Figure: strconv.FormatInt(g.apps, 10), Text: "applications", Path: pathApps},
		{Figure: look.GB(g.memory) + " / " + look.GB(total[yarn.Memory]), Text: "GB granted", Bar: look.BarOf(g.memory, total[yarn.Memory])},
		{Figure: fmt.Sprintf("%d / %d", g.vcores, total[yarn.VCores]), Text: "vcores granted", Bar: look.BarOf(g.vcores, total[yarn.VCores])},
		{Figure: look.Memory(u.ContainersPhysicalMB), Text: "used by containers"},
		{Figure: look.Memory(u.NodePhysicalMB), Text: "used on the machine"}}}
	if !h.Healthy {
		d.State = "UNHEALTHY"
	}
	contact := "not yet"
	if at := p.LastContact(); !at.IsZero() {
		contact = look.Took(at.UnixMilli(), 0, time.Now().UnixMilli()) + " ago"
	}
	d.Facts = []fact{text("Version", p.Build+", as Hadoop "+p.Version), text("Started", look.When(p.Started.UnixMilli())), text("Offers", p.amount(total)),
		text("Heard of the ResourceManager", contact), text("Local directories", strings.Join(p.Dirs.Local(), ", ")), text("Log directories", strings.Join(p.Dirs.Log(), ", ")),
		text("Memory is watched", map[bool]string{true: "yes", false: "no"}[p.PmemCheck]+"; virtual memory: "+map[bool]string{true: "yes", false: "no"}[p.VmemCheck])}
	var failed []string
	for _, all := range [][2][]string{{p.Dirs.AllLocal(), p.Dirs.Local()}, {p.Dirs.AllLog(), p.Dirs.Log()}} {
		for _, dir := range all[0] {
			if !slices.Contains(all[1], dir) {
				failed = append(failed, dir)
			}
		}
	}
	if len(failed) > 0 {
		d.Facts = append(d.Facts, text("Directories out of use", strings.Join(failed, ", ")))
	}
	if p.Devices.Counted() {
		d.Tables = append(d.Tables, titled{"GPUs", p.gpus()})
	}
	return look.Page{Title: p.Node.String(), Active: pathNode, Data: d}, nil
}

func (p *pages) gpus() look.Table {
	type column = look.Column[gpuInfo]
	var list []gpuInfo
	for _, a := range p.Devices.Assignments() {
		g := gpuInfo{Index: a.Index, Minor: a.Minor, UUID: a.UUID, Name: a.Name, Lost: a.Lost}
		if a.Container != (yarn.ContainerID{}) {
			g.Container = a.Container.String()
		}
		list = append(list, g)
	}
	return look.Make("GPUs", "None was found.", look.List{}, []column{
		{Title: "GPU", Cell: func(g gpuInfo) look.Cell { return look.Cell{Text: strconv.Itoa(g.Index), Note: g.UUID, Main: true} }},
		{Title: "Product", Cell: func(g gpuInfo) look.Cell { return look.Cell{Text: g.Name} }},
		{Title: "State", Cell: func(g gpuInfo) look.Cell {
			if g.Lost {
				return look.Cell{Text: "LOST", Class: "LOST"}
			}
			return look.Cell{Text: map[bool]string{true: "free", false: "in use"}[g.Container == ""]}
		}},
		{Title: "Container", Cell: func(g gpuInfo) look.Cell {
			if g.Container == "" {
				return look.Cell{}
			}
			return look.Cell{Text: g.Container, Path: "/node/container/" + g.Container}
		}},
	}, list)
}

func (p *pages) appsPage(r *http.Request) (look.Page, error) {
	type column = look.Column[container.App]
	l, list := look.ReadList(r), p.Manager.Apps()
	slices.SortFunc(list, func(a, b container.App) int { return b.ID.Compare(a.ID) })
	return look.Page{Title: "Applications", Active: pathApps, Data: factsData{Head: "Applications here", Tables: []titled{{"", look.Make("Applications", "No application is on this node.", l, []column{
		{Title: "Application", Key: "id", Less: func(a, b container.App) int { return a.ID.Compare(b.ID) }, Cell: func(a container.App) look.Cell {
			return look.Cell{Text: a.ID.String(), Path: "/node/application/" + a.ID.String(), Main: true}
		}},
		{Title: "User", Key: "user", Less: look.By(func(a container.App) string { return a.User }), Cell: func(a container.App) look.Cell { return look.Cell{Text: a.User} }},
		{Title: "State", Key: "state", Less: look.By(func(a container.App) string { return a.State }), Cell: func(a container.App) look.Cell { return look.Cell{Text: a.State, Class: a.State} }},
		{Title: "Containers", Key: "containers", Number: true, Less: look.By(func(a container.App) int { return len(a.Containers) }), Cell: func(a container.App) look.Cell {
			return look.Cell{Text: strconv.Itoa(len(a.Containers))}
		}},
	}, list)}}}}, nil
}

func (p *pages) appPage(r *http.Request) (look.Page, error) {
	id, err := yarn.ParseApplicationID(trim(r.PathValue("id")))
	if err != nil {
		return look.Page{}, hadoophttp.IllegalArgument("%v", err)
	}
	a, ok := p.findApp(id)
	if !ok {
		return look.Page{}, hadoophttp.NotFound("Application %s is not on this node.", id)
	}
	var list []container.Status
	for _, c := range p.Manager.Containers() {
		if s := c.Status(); s.Spec.ID.Attempt.Application == id {
			list = append(list, s)
		}
	}
	return look.Page{Title: id.String(), Active: pathApps, Parents: []look.Link{{Title: "Applications", Path: pathApps}}, Data: factsData{Head: id.String(), State: a.State,
		Facts: []fact{text("User", a.User)}, Tables: []titled{{"Containers", p.containerTable(r, list)}}}}, nil
}

func (p *pages) containersPage(r *http.Request) (look.Page, error) {
	var list []container.Status
	for _, c := range p.Manager.Containers() {
		list = append(list, c.Status())
	}
	return look.Page{Title: "Containers", Active: pathContainers, Data: factsData{Head: "Containers here", Tables: []titled{{"", p.containerTable(r, list)}}}}, nil
}

func (p *pages) containerTable(r *http.Request, list []container.Status) look.Table {
	type column = look.Column[container.Status]
	slices.SortFunc(list, func(a, b container.Status) int { return b.Spec.ID.Compare(a.Spec.ID) })
	now := time.Now().UnixMilli()
	return look.Make("Containers", "No container is here.", look.ReadList(r), []column{
		{Title: "Container", Key: "id", Less: func(a, b container.Status) int { return a.Spec.ID.Compare(b.Spec.ID) }, Cell: func(s container.Status) look.Cell {
			return look.Cell{Text: s.Spec.ID.String(), Path: "/node/container/" + s.Spec.ID.String(), Main: true}
		}},
		{Title: "State", Key: "state", Less: look.By(func(s container.Status) int { return int(s.State) }), Cell: stateOf},
		{Title: "User", Key: "user", Less: look.By(func(s container.Status) string { return s.Spec.User }), Cell: func(s container.Status) look.Cell { return look.Cell{Text: s.Spec.User} }},
		{Title: "GB", Key: "memory", Number: true, Less: look.By(func(s container.Status) int64 { return s.Spec.Resource[yarn.Memory] }), Cell: func(s container.Status) look.Cell {
			return look.Cell{Text: look.GB(s.Spec.Resource[yarn.Memory])}
		}},
		{Title: "vcores", Key: "vcores", Number: true, Less: look.By(func(s container.Status) int64 { return s.Spec.Resource[yarn.VCores] }), Cell: func(s container.Status) look.Cell {
			return look.Cell{Text: strconv.FormatInt(s.Spec.Resource[yarn.VCores], 10)}
		}},
		{Title: "Started", Key: "started", Down: true, Less: look.By(func(s container.Status) int64 { return millis(s.Started) }), Cell: func(s container.Status) look.Cell { return look.Cell{Text: look.When(millis(s.Started))} }},
		{Title: "Took", Number: true, Cell: func(s container.Status) look.Cell {
			return look.Cell{Text: look.Took(millis(s.Started), millis(s.Finished), now)}
		}},
		{Title: "Logs", Cell: func(s container.Status) look.Cell { return look.Cell{Text: "logs", Path: logsPath(s)} }},
	}, list)
}

func stateOf(s container.Status) look.Cell {
	c := look.Cell{Text: stateNames[s.State], Class: stateNames[s.State]}
	if s.State == container.Done {
		c.Note = "exit code " + strconv.Itoa(int(s.Exit))
		if s.Exit != yarn.ExitSuccess {
			c.Class = "FAILED"
		}
	}
	return c
}

func logsPath(s container.Status) string {
	return "/node/containerlogs/" + s.Spec.ID.String() + "/" + url.PathEscape(s.Spec.User)
}

// millis is a moment in ms, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (p *pages) containerPage(r *http.Request) (look.Page, error) {
	id, err := yarn.ParseContainerID(trim(r.PathValue("id")))
	if err != nil {
		return look.Page{}, hadoophttp.BadRequest("invalid container id, %s", r.PathValue("id"))
	}
	c, err := p.Manager.Find(id)
	if err != nil {
		return look.Page{}, hadoophttp.NotFound("Container %s is not on this node.", id)
	}
	s := c.Status()
	state := stateOf(s)
	app := id.Attempt.Application.String()
	d := factsData{Head: id.String(), State: state.Text, Bad: state.Class == "FAILED", Facts: []fact{
		{"Application", look.Cell{Text: app, Path: "/node/application/" + app}}, text("User", s.Spec.User), text("Size", p.amount(s.Spec.Resource)),
		text("Started", look.When(millis(s.Started))), text("Took", look.Took(millis(s.Started), millis(s.Finished), time.Now().UnixMilli()))}}
	if s.State == container.Done {
		d.Facts = append(d.Facts, text("Exit code", strconv.Itoa(int(s.Exit))))
	}
	if len(s.GPUs) > 0 {
		d.Facts = append(d.Facts, text("GPUs", strings.Join(s.GPUs, ", ")))
	}
	d.Facts = append(d.Facts, fact{"Logs", look.Cell{Text: "its log files", Path: logsPath(s)}})
	if a, ok := p.findApp(id.Attempt.Application); ok && p.viewable(r, a.User, a.ACLs) == nil {
		d.Note = s.Diagnostics
	}
	return look.Page{Title: id.String(), Active: pathContainers, Parents: []look.Link{{Title: "Containers", Path: pathContainers}}, Data: d}, nil
}

// shownLogs is logsOf for people: where the logs are not here, it says how to get at them.
func (p *pages) shownLogs(r *http.Request) (yarn.ContainerID, []logFile, error) {
	if id, moved := p.moved(r); moved {
		return id, nil, hadoophttp.NotFound("Container %s is not on this node, or no longer. If its logs were collected, this shows them: yarn logs -containerId %s", id, id)
	}
	return p.logsOf(r)
}

// logsPage lists a container's log files.
func (p *pages) logsPage(r *http.Request) (look.Page, error) {
	id, files, err := p.shownLogs(r)
	if err != nil {
		return look.Page{}, err
	}
	type column = look.Column[logFile]
	base := "/node/containerlogs/" + id.String() + "/" + url.PathEscape(r.PathValue("user")) + "/"
	return look.Page{Title: "Logs of " + id.String(), Active: pathContainers, Parents: []look.Link{{Title: "Containers", Path: pathContainers}, {Title: id.String(), Path: "/node/container/" + id.String()}},
		Data: factsData{Head: "Logs", Tables: []titled{{"", look.Make("Log files", "No logs available for container "+id.String(), look.List{}, []column{
			{Title: "File", Cell: func(f logFile) look.Cell {
				return look.Cell{Text: f.name, Path: base + url.PathEscape(f.name) + "?start=-4096", Main: true}
			}},
			{Title: "Bytes", Number: true, Cell: func(f logFile) look.Cell { return look.Cell{Text: strconv.FormatInt(f.size, 10)} }},
			{Title: "Changed", Cell: func(f logFile) look.Cell { return look.Cell{Text: look.When(f.modified.UnixMilli())} }},
			{Title: "All of it", Cell: func(f logFile) look.Cell {
				return look.Cell{Text: "as plain text", Path: base + url.PathEscape(f.name) + "?start=0&format=text"}
			}},
		}, files)}}}}, nil
}

// viewMost bounds what a page shows of a log, in bytes; the plain text has no bound.
const viewMost = 256 << 10

// wantsPage reports whether a browser asks, which gets a page where programs get the plain text.
func wantsPage(r *http.Request) bool {
	return r.URL.Query().Get("format") != "text" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

type logData struct {
	Name, Range, Text, Raw string
	Parts                  []look.Link
}

// logView is the page of one log: from start= on, which may count from the end.
func (p *pages) logView(w http.ResponseWriter, r *http.Request) {
	page, err := p.readLog(r)
	if err != nil {
		p.site.Fail(w, r, err)
		return
	}
	p.site.Write(w, r, http.StatusOK, "log", page)
}

func (p *pages) readLog(r *http.Request) (look.Page, error) {
	id, files, err := p.shownLogs(r)
	if err != nil {
		return look.Page{}, err
	}
	f, err := find(files, r.PathValue("file"))
	if err != nil {
		return look.Page{}, err
	}
	start := int64(-4096)
	if s := r.URL.Query().Get("start"); s != "" {
		if start, err = strconv.ParseInt(s, 10, 64); err != nil {
			return look.Page{}, hadoophttp.IllegalArgument("start is no number")
		}
	}
	if start < 0 {
		start = max(0, f.size+start)
	}
	start = min(start, f.size)
	n := min(f.size-start, viewMost)
	in, err := openLog(f)
	if err != nil {
		return look.Page{}, err
	}
	defer in.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.NewSectionReader(in, start, n))
	if err != nil {
		return look.Page{}, fmt.Errorf("reading %s: %w", f.name, err)
	}
	base := r.URL.EscapedPath()
	d := logData{Name: f.name, Text: strings.ToValidUTF8(string(body), "\ufffd"), Raw: base + "?start=0&format=text", Range: fmt.Sprintf("bytes %d to %d of %d, changed %s", start, start+n, f.size, look.When(f.modified.UnixMilli()))}
	d.Parts = []look.Link{{Title: "the beginning", Path: base + "?start=0"}, {Title: "the end", Path: base + "?start=-4096"}, {Title: "more of the end", Path: base + "?start=-" + strconv.Itoa(viewMost)}}
	if start+n < f.size {
		d.Parts = append(d.Parts, look.Link{Title: "on", Path: base + "?start=" + strconv.FormatInt(start+n, 10)})
	}
	return look.Page{Title: f.name + " of " + id.String(), Active: pathContainers, Parents: []look.Link{{Title: "Containers", Path: pathContainers}, {Title: id.String(), Path: "/node/container/" + id.String()},
		{Title: "Logs", Path: "/node/containerlogs/" + id.String() + "/" + url.PathEscape(r.PathValue("user"))}}, Data: d}, nil
}
