// Package web is the ResourceManager's HTTP side: /ws/v1/cluster in Hadoop's shapes,
// /jmx, /metrics, the operator's pages, and the pages that people look at. It reads the
// core's published view and never makes the core wait.
package web

import (
	"crypto/rand"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/http/pages"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// Web answers HTTP requests.
type Web struct {
	service  *service.Service
	servers  []*rpc.Server
	started  time.Time
	identity *hadoophttp.Identity
	site     *pages.Site
}

// New makes the handler of all paths. servers are those whose counters /jmx and /metrics show.
func New(s *service.Service, servers []*rpc.Server, operator hadoophttp.Operator) (http.Handler, error) {
	w := &Web{service: s, servers: servers, started: time.UnixMilli(s.ClusterTimestamp)}
	w.identity = &hadoophttp.Identity{Secret: []byte(rand.Text()), StaticUser: hadoophttp.StaticUser(s.Settings.Conf), Groups: s.Access.Groups, Now: s.Clock}
	proxies, err := security.NewProxyUsers(s.Settings.Conf, net.LookupIP)
	if err != nil {
		return nil, err
	}
	w.identity.Proxies = proxies
	mux := hadoophttp.NewMux(w.identity)
	w.rest(mux)
	mux.Handle("GET /jmx", w.beans())
	registry, err := w.registry()
	if err != nil {
		return nil, err
	}
	mux.Metrics(registry)
	conf, err := hadoophttp.ConfHandler(s.Settings.Conf)
	if err != nil {
		return nil, err
	}
	mux.Handle("GET /conf", conf)
	mux.HandleFunc("GET /stacks", hadoophttp.Stacks)
	if err := operator.Register(mux, w.administers); err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /isActive", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("I am Active!")) })
	mux.Handle("GET /{$}", http.RedirectHandler("/cluster", http.StatusFound))
	if err := w.pages(mux, operator.LogDir != ""); err != nil {
		return nil, err
	}
	checked, err := hadoophttp.CSRF(s.Settings.Conf, "yarn.resourcemanager.webapp.rest-csrf", mux)
	if err == nil {
		checked, err = hadoophttp.CORS(s.Settings.Conf, "yarn.resourcemanager.webapp.cross-origin.enabled", checked)
	}
	if err != nil {
		return nil, err
	}
	proxied := newProxy(w)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/proxy/") { // a ServeMux would tidy up its path
			proxied.ServeHTTP(rw, r)
			return
		}
		checked.ServeHTTP(rw, r)
	}), nil
}

func (w *Web) view() *core.View { return w.service.Core.View() }

func (w *Web) now() int64 { return w.service.Clock().UnixMilli() }

// seen is what the caller may see of the applications: of those whose view ACL keeps the
// caller out, not where they run, what they said or how they are reached.
func (w *Web) seen(r *http.Request) (func(*core.AppView) *core.AppView, error) {
	who, err := w.identity.Of(r)
	if err != nil {
		return nil, err
	}
	return func(v *core.AppView) *core.AppView {
		if w.service.Access.View(v, who.User) {
			return v
		}
		veiled := *v
		veiled.Veiled = true
		veiled.Diagnostics, veiled.OriginalURL, veiled.Host, veiled.RPCPort, veiled.AM, veiled.Attempts = "", "", "N/A", -1, nil, nil
		veiled.Pending = scheduler.Pending{}
		return &veiled
	}, nil
}

// find is the application of a request's path, as the caller may see it.
func (w *Web) find(r *http.Request) (*core.AppView, error) {
	v, err := w.known(r)
	if err != nil {
		return nil, err
	}
	see, err := w.seen(r)
	if err != nil {
		return nil, err
	}
	return see(v), nil
}

// known is the application of a request's path.
func (w *Web) known(r *http.Request) (*core.AppView, error) {
	id, err := yarn.ParseApplicationID(r.PathValue("id"))
	if err != nil {
		return nil, badID(r.PathValue("id"))
	}
	if v, ok := w.view().Apps.Get(id); ok {
		return v, nil
	}
	return nil, hadoophttp.NotFound("app with id: %s not found", id)
}

// administers reports whether a request's caller administers the cluster.
func (w *Web) administers(r *http.Request) bool {
	who, err := w.identity.Of(r)
	return err == nil && w.service.Access.Admin(who.User)
}

func badID(id string) error {
	if strings.HasPrefix(id, "application_") {
		return hadoophttp.IllegalArgument("Invalid ApplicationId: %s", id)
	}
	return hadoophttp.IllegalArgument("Invalid ApplicationId prefix: %s. The valid ApplicationId should start with prefix application", id)
}

func badContainer(id string) string {
	if strings.HasPrefix(id, "container_") {
		return "Invalid ContainerId: " + id
	}
	return "Invalid ContainerId prefix: " + id
}

func (w *Web) info(*http.Request) (string, any, error) {
	s := w.service
	const hadoops = "org.apache.hadoop.yarn.server.resourcemanager.recovery."
	store := hadoops + "NullRMStateStore"
	switch {
	case s.Settings.Recovery && s.Settings.StoreURI != "":
		store = hadoops + "FileSystemRMStateStore"
	case s.Settings.Recovery:
		store = "bbolt"
	}
	build := s.Version + " by heddle (" + runtime.Version() + ")"
	return "clusterInfo", clusterInfo{
		ID: s.ClusterTimestamp, StartedOn: s.ClusterTimestamp, State: "STARTED", HAState: "ACTIVE", Store: store,
		RMVersion: s.Version, RMBuild: build, RMBuilt: "", HadoopVersion: yarn.HadoopVersion, HadoopBuild: build, HadoopBuilt: "",
		ZooKeeper: "ResourceManager HA is not enabled.",
	}, nil
}

type clusterInfo struct {
	ID            int64  `json:"id"`
	StartedOn     int64  `json:"startedOn"`
	State         string `json:"state"`
	HAState       string `json:"haState"`
	Store         string `json:"rmStateStoreName"`
	RMVersion     string `json:"resourceManagerVersion"`
	RMBuild       string `json:"resourceManagerBuildVersion"`
	RMBuilt       string `json:"resourceManagerVersionBuiltOn"`
	HadoopVersion string `json:"hadoopVersion"`
	HadoopBuild   string `json:"hadoopBuildVersion"`
	HadoopBuilt   string `json:"hadoopVersionBuiltOn"`
	ZooKeeper     string `json:"haZooKeeperConnectionState"`
}
