// Package web is the node's HTTP interface: /ws/v1/node for programs, container logs
// for people and `yarn logs`, and the endpoints that all daemons have.
package web

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"heddle/hadoop/conf"
	hadoophttp "heddle/hadoop/http"
	look "heddle/hadoop/http/pages"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/device"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/shuffle"
	"heddle/nodemanager/updater"
	"heddle/yarn"
)

// Config is what the pages show.
type Config struct {
	Conf                 *conf.Config
	Manager              *container.Manager
	Devices              *device.Set
	Dirs                 *dirs.Set
	Shuffle              *shuffle.Server // nil without the service
	RPC                  *rpc.Server
	Types                *yarn.ResourceTypes
	Total                func() yarn.Resource
	Node                 yarn.NodeID
	HTTPPort             int
	Version, Build       string
	Started              time.Time
	Health               func() updater.Health
	Utilization          func() updater.Utilization
	LastContact          func() time.Time
	PmemCheck, VmemCheck bool
	ACLEnabled           bool
	Groups               func(user string) []string
	Operator             hadoophttp.Operator
	Log                  *slog.Logger
}

type pages struct {
	Config
	identity *hadoophttp.Identity
	admins   security.ACL
	elsewhere
	site      *look.Site
	vmemRatio float64 // virtual memory that a container may have for each byte of its grant
}

// New returns the node's handler.
func New(cfg Config) (http.Handler, error) {
	p := &pages{Config: cfg, admins: security.ACLFrom(cfg.Conf, "yarn.admin.acl", "*")}
	var err error
	p.identity = &hadoophttp.Identity{Secret: []byte(rand.Text()), StaticUser: hadoophttp.StaticUser(cfg.Conf), Groups: p.Groups, Now: time.Now}
	if p.elsewhere, err = p.readElsewhere(); err != nil {
		return nil, err
	}
	if p.vmemRatio, err = cfg.Conf.Float("yarn.nodemanager.vmem-pmem-ratio", 2.1); err != nil {
		return nil, err
	}
	m := hadoophttp.NewMux(p.identity)
	confPage, err := hadoophttp.ConfHandler(cfg.Conf)
	if err != nil {
		return nil, err
	}
	beans := hadoophttp.NewBeans()
	beans.RegisterRuntime("NodeManager", cfg.Started)
	p.registerBeans(beans)
	registry := prometheus.NewRegistry()
	p.registerMetrics(registry)
	m.Metrics(registry)
	m.Handle("/jmx", beans)
	m.Handle("/conf", confPage)
	m.HandleFunc("/stacks", hadoophttp.Stacks)
	if err := cfg.Operator.Register(m, p.administers); err != nil {
		return nil, err
	}
	m.HandleFunc("GET /ws/v1/node", p.info)
	m.HandleFunc("GET /ws/v1/node/", p.missing)
	m.HandleFunc("GET /ws/v1/node/{$}", p.info)
	m.HandleFunc("GET /ws/v1/node/info", p.info)
	m.HandleFunc("GET /ws/v1/node/apps", p.apps)
	m.HandleFunc("GET /ws/v1/node/apps/{id}", p.app)
	m.HandleFunc("GET /ws/v1/node/containers", p.containers)
	m.HandleFunc("GET /ws/v1/node/containers/{id}", p.container)
	m.HandleFunc("GET /ws/v1/node/containers/{id}/logs", p.orServices(p.logList))
	m.HandleFunc("GET /ws/v1/node/containers/{id}/logs/{file}", p.orServices(p.logText))
	m.HandleFunc("GET /ws/v1/node/containerlogs/{id}/{file}", p.orServices(p.logText))
	m.HandleFunc("GET /ws/v1/node/resources/{name}", p.resources)
	m.HandleFunc("GET /ws/v1/node/auxiliaryservices", p.auxiliary)
	m.HandleFunc("PUT /ws/v1/node/auxiliaryservices", p.auxiliary)
	m.HandleFunc("PUT /ws/v1/node/", p.notBuilt)
	if err := p.registerPages(m); err != nil {
		return nil, err
	}
	m.Handle("GET /{$}", http.RedirectHandler("/node", http.StatusFound))
	checked, err := hadoophttp.CSRF(cfg.Conf, "yarn.nodemanager.webapp.rest-csrf", m)
	if err != nil {
		return nil, err
	}
	return hadoophttp.CORS(cfg.Conf, "yarn.nodemanager.webapp.cross-origin.enabled", checked)
}

func (p *pages) missing(w http.ResponseWriter, r *http.Request) {
	hadoophttp.Fail(w, r, hadoophttp.NotFound("%s is no path of this service", r.URL.Path))
}

func (p *pages) notBuilt(w http.ResponseWriter, r *http.Request) {
	hadoophttp.Fail(w, r, hadoophttp.NotBuilt("PUT "+r.URL.Path))
}

// administers reports whether a request's caller administers the cluster.
func (p *pages) administers(r *http.Request) bool {
	c, err := p.identity.Of(r)
	return err == nil && p.admins.Allows(c.User, p.Groups)
}

// viewable checks that the caller may see an application's containers and logs.
func (p *pages) viewable(r *http.Request, user string, acls map[string]string) error {
	if !p.ACLEnabled {
		return nil
	}
	c, err := p.identity.Of(r)
	if err != nil {
		return err
	}
	if c.User == user || p.admins.Allows(c.User, p.Groups) || security.ParseACL(acls["VIEW_APP"]).Allows(c.User, p.Groups) {
		return nil
	}
	return hadoophttp.Forbidden("User [%s] is not authorized to view the logs of %s's application", c.User, user)
}

// Gauges that /jmx and /metrics share.
type reading struct {
	launched, completed, failed, killed, initing, running, apps int64
	memory, vcores                                              int64
}

func (p *pages) read() reading {
	k := &p.Manager.Counts
	g := reading{launched: k.Launched.Load(), completed: k.Completed.Load(), failed: k.Failed.Load(), killed: k.Killed.Load(), apps: int64(len(p.Manager.Apps()))}
	for _, c := range p.Manager.Containers() {
		s := c.Status()
		switch {
		case s.State == container.Done:
			continue
		case s.State < container.Running:
			g.initing++
		default:
			g.running++
		}
		r := c.Resource()
		g.memory += r[yarn.Memory]
		g.vcores += r[yarn.VCores]
	}
	return g
}

func (p *pages) registerBeans(b *hadoophttp.Beans) {
	host, err := os.Hostname()
	if err != nil {
		host = p.Node.Host
	}
	b.Register("Hadoop:service=NodeManager,name=NodeManagerMetrics", "NodeManagerMetrics", func() hadoophttp.Attributes {
		g, u := p.read(), p.Utilization()
		return hadoophttp.Attributes{
			"tag.Context": "yarn", "tag.Hostname": host,
			"ContainersLaunched": g.launched, "ContainersCompleted": g.completed, "ContainersFailed": g.failed, "ContainersKilled": g.killed,
			"ContainersIniting": g.initing, "ContainersRunning": g.running, "AllocatedContainers": g.initing + g.running, "ApplicationsRunning": g.apps,
			"AllocatedGB": g.memory >> 10, "AllocatedVCores": g.vcores, "AvailableGB": (p.Total()[yarn.Memory] - g.memory) >> 10, "AvailableVCores": p.Total()[yarn.VCores] - g.vcores,
			"BadLocalDirs": len(p.Dirs.AllLocal()) - len(p.Dirs.Local()), "BadLogDirs": len(p.Dirs.AllLog()) - len(p.Dirs.Log()),
			"ContainerUsedMemGB": u.ContainersPhysicalMB >> 10, "ContainerUsedVMemGB": u.ContainersVirtualMB >> 10, "ContainerCpuUtilization": u.ContainersCPU,
			"NodeUsedMemGB": u.NodePhysicalMB >> 10, "NodeUsedVMemGB": u.NodeVirtualMB >> 10, "NodeCpuUtilization": u.NodeCPU,
		}
	})
	if p.RPC != nil {
		b.RegisterRPC("NodeManager", func() []hadoophttp.RPCActivity {
			st := p.RPC.Stats()
			a := hadoophttp.RPCActivity{Port: int(p.Node.Port), Server: "ContainerManagementProtocolService", Connections: st.Connections, InProgress: st.CallsInProgress,
				Refused: st.ConnectionsRefused, AuthFailures: st.AuthFailures, BytesReceived: st.BytesReceived, BytesSent: st.BytesSent}
			for _, m := range st.Methods {
				a.Methods = append(a.Methods, hadoophttp.MethodActivity{Name: m.Method, Calls: m.Calls, Errors: m.Errors, Time: m.Time})
			}
			return []hadoophttp.RPCActivity{a}
		})
	}
	if p.Shuffle == nil {
		return
	}
	b.Register("Hadoop:service=NodeManager,name=ShuffleMetrics", "ShuffleMetrics", func() hadoophttp.Attributes {
		s := &p.Shuffle.Stats
		return hadoophttp.Attributes{"tag.Context": "mapred", "tag.Hostname": host, "ShuffleConnections": s.Connections.Load(),
			"ShuffleOutputBytes": s.Bytes.Load(), "ShuffleOutputsFailed": s.Failed.Load(), "ShuffleOutputsOK": s.OK.Load()}
	})
}

func (p *pages) registerMetrics(r *prometheus.Registry) {
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, f func(reading) int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "heddle_nodemanager_" + name, Help: help}, func() float64 { return float64(f(p.read())) }))
	}
	gauge("containers_launched", "Containers accepted since the start.", func(g reading) int64 { return g.launched })
	gauge("containers_completed", "Containers that ended with exit code 0.", func(g reading) int64 { return g.completed })
	gauge("containers_failed", "Containers that ended otherwise by themselves.", func(g reading) int64 { return g.failed })
	gauge("containers_killed", "Containers that were ended.", func(g reading) int64 { return g.killed })
	gauge("containers_running", "Containers whose process runs.", func(g reading) int64 { return g.running })
	gauge("containers_starting", "Containers that localize or launch.", func(g reading) int64 { return g.initing })
	gauge("applications", "Applications on the node.", func(g reading) int64 { return g.apps })
	gauge("allocated_memory_megabytes", "Memory granted to containers.", func(g reading) int64 { return g.memory })
	gauge("allocated_vcores", "Cores granted to containers.", func(g reading) int64 { return g.vcores })
}

func trim(id string) string { return strings.TrimSpace(id) }
