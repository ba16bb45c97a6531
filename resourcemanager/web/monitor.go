package web

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	hadoophttp "heddle/hadoop/http"
	"heddle/yarn"
)

// beans are the JMX beans that monitors of a ResourceManager read.
func (w *Web) beans() *hadoophttp.Beans {
	b := hadoophttp.NewBeans()
	b.RegisterRuntime("ResourceManager", w.started)
	b.Register("Hadoop:service=ResourceManager,name=ClusterMetrics", "ClusterMetrics", func() hadoophttp.Attributes {
		t := w.totals(w.view())
		return hadoophttp.Attributes{"tag.ClusterMetrics": "ResourceManager", "tag.Context": "yarn", "tag.Hostname": hostname(w.service.Settings.WebPublic),
			"NumActiveNMs": t.nodes[yarn.NodeRunning], "NumDecommissioningNMs": t.nodes[yarn.NodeDecommissioning], "NumDecommissionedNMs": t.nodes[yarn.NodeDecommissioned],
			"NumLostNMs": t.nodes[yarn.NodeLost], "NumUnhealthyNMs": t.nodes[yarn.NodeUnhealthy], "NumRebootedNMs": t.nodes[yarn.NodeRebooted],
			"NumShutdownNMs": t.nodes[yarn.NodeShutdown], "UtilizedMB": t.utilizedMB, "UtilizedVirtualCores": t.utilizedCores,
			"CapabilityMB": t.total[yarn.Memory], "CapabilityVirtualCores": t.total[yarn.VCores]}
	})
	b.Register("Hadoop:service=ResourceManager,name=RMInfo", "RMInfo", func() hadoophttp.Attributes {
		return hadoophttp.Attributes{"State": "active", "HostAndPort": w.service.Settings.WebPublic, "SecurityEnabled": false}
	})
	b.Register("Hadoop:service=ResourceManager,name=RMNMInfo", "heddle.resourcemanager.RMNMInfo", func() hadoophttp.Attributes {
		return hadoophttp.Attributes{"LiveNodeManagers": w.liveNodes()}
	})
	b.RegisterMany(w.queueBeans)
	b.RegisterRPC("ResourceManager", w.rpcActivity)
	return b
}

func hostname(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

// registry gathers the figures for Prometheus.
func (w *Web) registry() (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), gauges{w}} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

var (
	nodesDesc      = prometheus.NewDesc("heddle_rm_nodes", "Nodes by state.", []string{"state"}, nil)
	appsDesc       = prometheus.NewDesc("heddle_rm_applications", "Applications by state.", []string{"state"}, nil)
	queueUsedDesc  = prometheus.NewDesc("heddle_rm_queue_used", "Resources in use, by queue and resource type, in the type's unit.", []string{"queue", "resource"}, nil)
	queueWantDesc  = prometheus.NewDesc("heddle_rm_queue_pending", "Resources asked for and not granted, by queue and resource type, in the type's unit.", []string{"queue", "resource"}, nil)
	totalDesc      = prometheus.NewDesc("heddle_rm_cluster_total", "Resources of all nodes, by resource type, in the type's unit.", []string{"resource"}, nil)
	containersDesc = prometheus.NewDesc("heddle_rm_containers_granted_total", "Containers granted since the start.", nil, nil)
	passDesc       = prometheus.NewDesc("heddle_rm_last_pass_age_seconds", "Time since the core last finished a batch.", nil, nil)
	callsDesc      = prometheus.NewDesc("heddle_rm_rpc_calls_total", "Calls answered, by protocol and method.", []string{"protocol", "method"}, nil)
)

type gauges struct{ web *Web }

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{nodesDesc, appsDesc, queueUsedDesc, queueWantDesc, totalDesc, containersDesc, passDesc, callsDesc} {
		ch <- d
	}
}

func (g gauges) Collect(ch chan<- prometheus.Metric) {
	v, types := g.web.view(), g.web.service.Settings.Types
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	t := g.web.totals(v)
	for _, s := range sortedStates(t.nodes) {
		gauge(nodesDesc, float64(t.nodes[s]), s.String())
	}
	for _, s := range sortedStates(t.apps) {
		gauge(appsDesc, float64(t.apps[s]), s.String())
	}
	for _, q := range v.Queues {
		for i := range types.Len() {
			gauge(queueUsedDesc, float64(q.Used[i]), q.Path, types.At(i).Name)
			gauge(queueWantDesc, float64(q.Pending[i]), q.Path, types.At(i).Name)
		}
	}
	for i := range types.Len() {
		gauge(totalDesc, float64(v.Total[i]), types.At(i).Name)
	}
	ch <- prometheus.MustNewConstMetric(containersDesc, prometheus.CounterValue, float64(v.Counts.ContainersAllocated))
	gauge(passDesc, g.web.service.Clock().Sub(g.web.service.Core.LastPass()).Seconds())
	for _, s := range g.web.servers {
		for _, m := range s.Stats().Methods {
			ch <- prometheus.MustNewConstMetric(callsDesc, prometheus.CounterValue, float64(m.Calls), m.Protocol, m.Method)
		}
	}
}
