package web

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

const beanPrefix = "Hadoop:service=ResourceManager,name="

// queueBeans are QueueMetrics of every queue, PartitionQueueMetrics of the one partition, and, where
// yarn.scheduler.capacity.user-metrics.enable says so, QueueMetrics of every user of a leaf.
func (w *Web) queueBeans(add func(name, modelerType string, a hadoophttp.Attributes)) {
	v := w.view()
	counts := countApps(v, w.service.Clock())
	users, err := w.service.Settings.Conf.Bool("yarn.scheduler.capacity.user-metrics.enable", false)
	if err != nil {
		w.service.Log.Warn("user metrics are left out", "error", err)
	}
	for i := range v.Queues {
		q := &v.Queues[i]
		path := ""
		for j, part := range strings.Split(q.Path, ".") {
			path += ",q" + strconv.Itoa(j) + "=" + part
		}
		a := w.queueBean(q, counts[q.Path])
		if i == 0 { // the totals since the start are known of the whole cluster
			a["AggregateContainersAllocated"], a["AggregateContainersReleased"], a["AppsSubmitted"] = v.Counts.ContainersAllocated, v.Counts.ContainersReleased, v.Counts.AppsSubmitted
		}
		partition := "PartitionQueueMetrics,partition=" + path
		p := maps.Clone(a)
		p["tag.Partition"] = ""
		add(beanPrefix+partition, partition, p)
		maps.Copy(a, w.capacityBean(q, v.Total))
		add(beanPrefix+"QueueMetrics"+path, "QueueMetrics"+path, a)
		for _, u := range q.Users {
			if users {
				name := "QueueMetrics" + path + ",user=" + u.Name
				add(beanPrefix+name, name, hadoophttp.Attributes{"tag.Queue": q.Path, "tag.User": u.Name, "tag.Context": "yarn", "tag.Hostname": a["tag.Hostname"],
					"AllocatedMB": u.Used[yarn.Memory], "AllocatedVCores": u.Used[yarn.VCores], "PendingContainers": u.PendingContainers, "ActiveApplications": u.ActiveApps})
			}
		}
	}
}

// appCounts are the applications of a queue that are remembered, by state (a starting AM counts as running), those without a
// container for their AM apart, and the running ones by how long they run.
type appCounts struct {
	states, unmanaged map[yarn.AppState]int64
	running           [4]int64
}

// runningSteps are where the classes of running times begin, in the first's unit: minutes.
var runningSteps = [...]int64{0, 60, 300, 1440}

// countApps counts every queue's applications in one walk over them; a parent counts its children's.
func countApps(v *core.View, now time.Time) map[string]*appCounts {
	out := make(map[string]*appCounts, len(v.Queues))
	for i := range v.Queues {
		out[v.Queues[i].Path] = &appCounts{map[yarn.AppState]int64{}, map[yarn.AppState]int64{}, [4]int64{}}
	}
	for _, a := range v.Apps.All() {
		c := out[a.QueuePath]
		if c == nil {
			continue
		}
		state := a.State
		if a.AtWork() {
			state = yarn.AppRunning
		}
		c.states[state]++
		if a.Unmanaged {
			c.unmanaged[state]++
		}
		if state == yarn.AppRunning {
			c.running[runningClass((now.UnixMilli()-a.Start)/60_000)]++
		}
	}
	for i := len(v.Queues) - 1; i >= 0; i-- { // children stand after their parents
		for _, child := range v.Queues[i].Children {
			if c := out[child]; c != nil {
				out[v.Queues[i].Path].add(c)
			}
		}
	}
	return out
}

func runningClass(minutes int64) (class int) {
	for i, from := range runningSteps {
		if minutes >= from {
			class = i
		}
	}
	return class
}

func (c *appCounts) add(d *appCounts) {
	for state, n := range d.states {
		c.states[state] += n
	}
	for state, n := range d.unmanaged {
		c.unmanaged[state] += n
	}
	for i, n := range d.running {
		c.running[i] += n
	}
}

func (w *Web) queueBean(q *scheduler.QueueInfo, c *appCounts) hadoophttp.Attributes {
	a := hadoophttp.Attributes{"tag.Queue": q.Path, "tag.Context": "yarn", "tag.Hostname": hostname(w.service.Settings.WebPublic),
		"ActiveUsers": len(q.Users), "ActiveApplications": q.ActiveApps,
		"AllocatedMB": q.Used[yarn.Memory], "AllocatedVCores": q.Used[yarn.VCores], "AllocatedContainers": q.Containers,
		"AvailableMB": max(0, q.Guaranteed[yarn.Memory]-q.Used[yarn.Memory]), "AvailableVCores": max(0, q.Guaranteed[yarn.VCores]-q.Used[yarn.VCores]),
		"PendingMB": q.Pending[yarn.Memory], "PendingVCores": q.Pending[yarn.VCores], "PendingContainers": q.PendingContainers,
		"ReservedMB": q.Reserved[yarn.Memory], "ReservedVCores": q.Reserved[yarn.VCores], "ReservedContainers": q.ReservedContainers,
		"AggregateContainersPreempted": 0, "AggregateMemoryMBPreempted": 0, "AggregateVcoresPreempted": 0, "AggregateMemoryMBSecondsPreempted": 0, "AggregateVcoreSecondsPreempted": 0}
	for prefix, states := range map[string]map[yarn.AppState]int64{"Apps": c.states, "UnmanagedApps": c.unmanaged} {
		var all int64
		for _, n := range states {
			all += n
		}
		a[prefix+"Submitted"], a[prefix+"Running"], a[prefix+"Completed"] = all, states[yarn.AppRunning], states[yarn.AppFinished]
		a[prefix+"Pending"], a[prefix+"Killed"], a[prefix+"Failed"] = states[yarn.AppAccepted], states[yarn.AppKilled], states[yarn.AppFailed]
	}
	for i, from := range runningSteps {
		a["running_"+strconv.FormatInt(from, 10)] = c.running[i]
	}
	return a
}

// capacityBean is what the capacity scheduler adds to a queue's metrics.
func (w *Web) capacityBean(q *scheduler.QueueInfo, total yarn.Resource) hadoophttp.Attributes {
	used, absolute := w.usedOf(q, total)
	return hadoophttp.Attributes{
		"GuaranteedMB": q.Guaranteed[yarn.Memory], "GuaranteedVCores": q.Guaranteed[yarn.VCores], "MaxCapacityMB": q.Maximum[yarn.Memory],
		"MaxCapacityVCores": q.Maximum[yarn.VCores], "UsedCapacity": used / 100, "GuaranteedCapacity": pct(q.Config.Capacity) / 100,
		"AbsoluteUsedCapacity": absolute / 100, "GuaranteedAbsoluteCapacity": pct(q.AbsCapacity) / 100, "MaxCapacity": pct(q.Config.MaxCapacity) / 100,
		"MaxAbsoluteCapacity": pct(q.AbsMax) / 100, "AMResourceLimitMB": q.AMLimit[yarn.Memory], "AMResourceLimitVCores": q.AMLimit[yarn.VCores],
		"UsedAMResourceMB": q.AMUsed[yarn.Memory], "UsedAMResourceVCores": q.AMUsed[yarn.VCores],
	}
}

// liveNodes is a list in JSON, as text, of the nodes that take containers or report themselves unhealthy.
func (w *Web) liveNodes() string {
	type live struct {
		HostName           string
		Rack               string
		State              string
		NodeID             string `json:"NodeId"`
		NodeHTTPAddress    string
		LastHealthUpdate   int64
		HealthReport       string
		NodeManagerVersion string
		NumContainers      int
		UsedMemoryMB       int64
		AvailableMemoryMB  int64
	}
	list := []live{}
	for _, n := range w.view().SortedNodes() {
		switch n.State {
		case yarn.NodeRunning, yarn.NodeUnhealthy, yarn.NodeDecommissioning, yarn.NodeNew:
			list = append(list, live{n.ID.Host, n.Rack, n.State.String(), n.ID.String(), n.HTTP, n.LastSeen(), n.Report, n.Version, n.Containers, n.Used[yarn.Memory], n.Total[yarn.Memory] - n.Used[yarn.Memory]})
		}
	}
	text, err := json.Marshal(list)
	if err != nil { // there is nothing in it that could fail
		panic(err)
	}
	return string(text)
}

// rpcActivity is what the four protocols' servers counted.
func (w *Web) rpcActivity() (out []hadoophttp.RPCActivity) {
	names := map[string]string{"client": "ApplicationClientProtocolService", "scheduler": "ApplicationMasterProtocolService", "tracker": "ResourceTrackerService", "admin": "ResourceManagerAdministrationProtocolService"}
	for _, s := range w.servers {
		st := s.Stats()
		a := hadoophttp.RPCActivity{Port: st.Port, Server: names[st.Name], Connections: st.Connections, InProgress: st.CallsInProgress,
			Refused: st.ConnectionsRefused, AuthFailures: st.AuthFailures, BytesReceived: st.BytesReceived, BytesSent: st.BytesSent}
		for _, m := range st.Methods {
			a.Methods = append(a.Methods, hadoophttp.MethodActivity{Name: m.Method, Calls: m.Calls, Errors: m.Errors, Time: m.Time})
		}
		out = append(out, a)
	}
	return out
}
