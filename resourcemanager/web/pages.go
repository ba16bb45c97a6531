package web

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

//go:embed pages
var assets embed.FS

// listed bounds the applications, and the nodes, on the first page; REST lists them all.
const listed = 200

func (w *Web) pages(mux *hadoophttp.Mux) error {
	t, err := template.New("").Funcs(template.FuncMap{
		"when": func(ms int64) string {
			if ms == 0 {
				return ""
			}
			return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
		},
		"took":    took,
		"percent": func(ppm int64) string { return scheduler.Percent(ppm) + " %" },
		"bar":     func(used, base int64) int64 { return min(100, percent(used, base)) },
		"gb":      gigabytes,
		"further": w.further,
		"diag":    service.Diagnostics,
		"mem":     func(r yarn.Resource) int64 { return r[yarn.Memory] },
		"cores":   func(r yarn.Resource) int64 { return r[yarn.VCores] },
		"format":  w.service.Settings.Types.Format,
		"tens":    func(f float32) int { return int(f * 100) },
	}).ParseFS(assets, "pages/*.html")
	if err != nil {
		return fmt.Errorf("the embedded pages: %w", err)
	}
	page := func(path, name string, data func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, r *http.Request) {
			d, err := data(r)
			if err != nil {
				hadoophttp.Fail(rw, r, err)
				return
			}
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := t.ExecuteTemplate(rw, name, d); err != nil {
				w.service.Log.Warn("writing a page", "page", name, "error", err)
			}
		})
	}
	page("/cluster", "cluster.html", w.clusterPage)
	for _, alias := range []string{"/cluster/apps", "/cluster/nodes", "/cluster/scheduler"} {
		page(alias, "cluster.html", w.clusterPage)
	}
	page("/cluster/app/{id}", "app.html", w.appPage)
	return nil
}

// gigabytes is an amount of MB with at most one decimal.
func gigabytes(mb int64) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(mb)/1024, 'f', 1, 64), ".0")
}

// amount is how much of a resource type is in use.
type amount struct {
	Name        string
	Used, Total int64
}

// further are the types beyond memory and vcores that there is something of.
func (w *Web) further(used, total yarn.Resource) (out []amount) {
	types := w.service.Settings.Types
	for i := yarn.VCores + 1; i < types.Len(); i++ {
		if total[i] > 0 {
			out = append(out, amount{types.At(i).Name, used[i], total[i]})
		}
	}
	return out
}

type clusterData struct {
	Version     string
	Started     int64
	Now         int64
	Totals      pageTotals
	Queues      []scheduler.QueueInfo
	Nodes       []*core.NodeView
	Apps        []*core.AppView
	Hidden      int
	HiddenNodes int
}

type pageTotals struct {
	Running, Pending, Ended, Nodes, Unhealthy, Lost int
	Used, Total                                     yarn.Resource
	Containers, Wanted                              int64
}

func (w *Web) clusterPage(r *http.Request) (any, error) {
	see, err := w.seen(r)
	if err != nil {
		return nil, err
	}
	v := w.view()
	t := w.totals(v)
	d := clusterData{Version: w.service.Version, Started: w.service.ClusterTimestamp, Now: w.now(), Queues: v.Queues, Nodes: v.SortedNodes(), Apps: v.SortedApps(),
		Totals: pageTotals{Running: t.runningApps, Pending: t.pendingApps, Ended: t.apps[yarn.AppFinished] + t.apps[yarn.AppFailed] + t.apps[yarn.AppKilled],
			Nodes: t.nodes[yarn.NodeRunning], Unhealthy: t.nodes[yarn.NodeUnhealthy], Lost: t.nodes[yarn.NodeLost], Used: t.used, Total: t.total,
			Containers: t.containers, Wanted: t.pendingContainers}}
	if len(d.Apps) > listed {
		d.Hidden, d.Apps = len(d.Apps)-listed, d.Apps[:listed]
	}
	if len(d.Nodes) > listed {
		d.HiddenNodes, d.Nodes = len(d.Nodes)-listed, d.Nodes[:listed]
	}
	for i, v := range d.Apps {
		d.Apps[i] = see(v)
	}
	return d, nil
}

type appData struct {
	App *core.AppView
	URL string
	Now int64
}

func (w *Web) appPage(r *http.Request) (any, error) {
	v, err := w.find(r)
	if err != nil {
		return nil, err
	}
	return appData{v, w.service.TrackingURL(v), w.now()}, nil
}

func took(from, to, now int64) string {
	if from == 0 {
		return ""
	}
	if to == 0 {
		to = now
	}
	return time.Duration((to - from) * int64(time.Millisecond)).Round(time.Second).String()
}
