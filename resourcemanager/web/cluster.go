package web

import (
	"net/http"
	"strings"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

type clusterMetrics struct {
	AppsSubmitted       int          `json:"appsSubmitted"`
	AppsCompleted       int          `json:"appsCompleted"`
	AppsPending         int          `json:"appsPending"`
	AppsRunning         int          `json:"appsRunning"`
	AppsFailed          int          `json:"appsFailed"`
	AppsKilled          int          `json:"appsKilled"`
	ReservedMB          int64        `json:"reservedMB"`
	AvailableMB         int64        `json:"availableMB"`
	AllocatedMB         int64        `json:"allocatedMB"`
	PendingMB           int64        `json:"pendingMB"`
	ReservedCores       int64        `json:"reservedVirtualCores"`
	AvailableCores      int64        `json:"availableVirtualCores"`
	AllocatedCores      int64        `json:"allocatedVirtualCores"`
	PendingCores        int64        `json:"pendingVirtualCores"`
	ContainersAllocated int64        `json:"containersAllocated"`
	ContainersReserved  int64        `json:"containersReserved"`
	ContainersPending   int64        `json:"containersPending"`
	TotalMB             int64        `json:"totalMB"`
	UtilizedMB          int64        `json:"utilizedMB"`
	TotalCores          int64        `json:"totalVirtualCores"`
	UtilizedCores       int64        `json:"utilizedVirtualCores"`
	UtilizedMBPercent   int64        `json:"utilizedMBPercent"`
	UtilizedCorePercent int64        `json:"utilizedVirtualCoresPercent"`
	Busy                int          `json:"rmSchedulerBusyPercent"`
	TotalNodes          int          `json:"totalNodes"`
	LostNodes           int          `json:"lostNodes"`
	UnhealthyNodes      int          `json:"unhealthyNodes"`
	Decommissioning     int          `json:"decommissioningNodes"`
	Decommissioned      int          `json:"decommissionedNodes"`
	RebootedNodes       int          `json:"rebootedNodes"`
	ActiveNodes         int          `json:"activeNodes"`
	ShutdownNodes       int          `json:"shutdownNodes"`
	PerSecond           int          `json:"containerAssignedPerSecond"`
	UsedAll             resourceInfo `json:"totalUsedResourcesAcrossPartition"`
	TotalAll            resourceInfo `json:"totalClusterResourcesAcrossPartition"`
	ReservedAll         resourceInfo `json:"totalReservedResourcesAcrossPartition"`
	ContainersAll       int64        `json:"totalAllocatedContainersAcrossPartition"`
	CrossPartition      bool         `json:"crossPartitionMetricsAvailable"`
	RMQueue             int          `json:"rmEventQueueSize"`
	SchedulerQueue      int          `json:"schedulerEventQueueSize"`
}

func (w *Web) metrics(*http.Request) (string, any, error) {
	t := w.totals(w.view())
	free := t.total.Sub(t.used)
	nodes := 0
	for _, n := range t.nodes {
		nodes += n
	}
	return "clusterMetrics", clusterMetrics{
		AppsSubmitted: t.submitted, AppsCompleted: t.apps[yarn.AppFinished], AppsPending: t.pendingApps, AppsRunning: t.runningApps,
		AppsFailed: t.apps[yarn.AppFailed], AppsKilled: t.apps[yarn.AppKilled],
		AvailableMB: free[yarn.Memory], AllocatedMB: t.used[yarn.Memory], PendingMB: t.pending[yarn.Memory],
		AvailableCores: free[yarn.VCores], AllocatedCores: t.used[yarn.VCores], PendingCores: t.pending[yarn.VCores],
		ReservedMB: t.reserved[yarn.Memory], ReservedCores: t.reserved[yarn.VCores], ContainersReserved: t.reservedContainers,
		ContainersAllocated: t.containers, ContainersPending: t.pendingContainers, TotalMB: t.total[yarn.Memory], TotalCores: t.total[yarn.VCores],
		UtilizedMB: t.utilizedMB, UtilizedCores: t.utilizedCores, UtilizedMBPercent: percent(t.utilizedMB, t.total[yarn.Memory]),
		UtilizedCorePercent: percent(t.utilizedCores, t.total[yarn.VCores]), TotalNodes: nodes,
		LostNodes: t.nodes[yarn.NodeLost], UnhealthyNodes: t.nodes[yarn.NodeUnhealthy], Decommissioning: t.nodes[yarn.NodeDecommissioning],
		Decommissioned: t.nodes[yarn.NodeDecommissioned], RebootedNodes: t.nodes[yarn.NodeRebooted], ActiveNodes: t.nodes[yarn.NodeRunning],
		ShutdownNodes: t.nodes[yarn.NodeShutdown], UsedAll: w.resource(t.used), TotalAll: w.resource(t.total),
		ReservedAll: w.resource(t.reserved), ContainersAll: t.containers, CrossPartition: true,
	}, nil
}

func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return part * 100 / whole
}

type nodeInfo struct {
	Rack           string       `json:"rack"`
	State          string       `json:"state"`
	ID             string       `json:"id"`
	Host           string       `json:"nodeHostName"`
	HTTP           string       `json:"nodeHTTPAddress"`
	LastHealth     int64        `json:"lastHealthUpdate"`
	Version        string       `json:"version"`
	Health         string       `json:"healthReport"`
	Containers     int          `json:"numContainers"`
	UsedMB         int64        `json:"usedMemoryMB"`
	AvailMB        int64        `json:"availMemoryMB"`
	UsedCores      int64        `json:"usedVirtualCores"`
	AvailCores     int64        `json:"availableVirtualCores"`
	MemUtilization float64      `json:"memUtilization"`
	CPUUtilization float64      `json:"cpuUtilization"`
	Opport         int          `json:"numRunningOpportContainers"`
	OpportGB       int          `json:"usedMemoryOpportGB"`
	OpportCores    int          `json:"usedVirtualCoresOpport"`
	Queued         int          `json:"numQueuedContainers"`
	Tags           struct{}     `json:"allocationTags"`
	Utilization    utilization  `json:"resourceUtilization"`
	Used           resourceInfo `json:"usedResource"`
	Available      resourceInfo `json:"availableResource"`
	Attributes     struct{}     `json:"nodeAttributesInfo"`
	Total          resourceInfo `json:"totalResource"`
}

type utilization struct {
	NodePMem int32   `json:"nodePhysicalMemoryMB"`
	NodeVMem int32   `json:"nodeVirtualMemoryMB"`
	NodeCPU  float32 `json:"nodeCPUUsage"`
	PMem     int32   `json:"aggregatedContainersPhysicalMemoryMB"`
	VMem     int32   `json:"aggregatedContainersVirtualMemoryMB"`
	CPU      float32 `json:"containersCPUUsage"`
}

func (w *Web) describe(n *core.NodeView) nodeInfo {
	free := n.Total.Sub(n.Used)
	out := nodeInfo{
		Rack: n.Rack, State: n.State.String(), ID: n.ID.String(), Host: n.ID.Host, HTTP: n.HTTP, LastHealth: n.LastSeen(), Version: n.Version,
		Health: n.Report, Containers: n.Containers, UsedMB: n.Used[yarn.Memory], AvailMB: free[yarn.Memory], UsedCores: n.Used[yarn.VCores],
		AvailCores: free[yarn.VCores], Used: w.resource(n.Used), Available: w.resource(free), Total: w.resource(n.Total),
	}
	if u := n.Utilization(); u != nil {
		out.Utilization = utilization{u.NodePMemMB, u.NodeVMemMB, u.NodeCPU, u.ContainersPMemMB, u.ContainersVMem, u.ContainersCPU}
		if mb := n.Total[yarn.Memory]; mb > 0 {
			out.MemUtilization = float64(u.NodePMemMB) * 100 / float64(mb)
		}
		if cores := n.Total[yarn.VCores]; cores > 0 {
			out.CPUUtilization = float64(u.NodeCPU) * 100 / float64(cores)
		}
	}
	return out
}

// nodes lists the nodes in the wanted states: by default those that take part.
func (w *Web) nodes(r *http.Request) (string, any, error) {
	wanted := map[yarn.NodeState]bool{yarn.NodeRunning: true, yarn.NodeUnhealthy: true, yarn.NodeDecommissioning: true}
	all := false
	if list := r.URL.Query().Get("states"); list != "" {
		clear(wanted)
		for _, name := range strings.Split(list, ",") {
			if strings.EqualFold(name, "all") {
				all = true
				continue
			}
			st, ok := yarn.ParseNodeState(strings.ToUpper(strings.TrimSpace(name)))
			if !ok {
				return "", nil, hadoophttp.NoEnumConstant("org.apache.hadoop.yarn.api.records.NodeState", strings.ToUpper(strings.TrimSpace(name)))
			}
			wanted[st] = true
		}
	}
	out := map[string]any{}
	var list []nodeInfo
	for _, n := range w.view().SortedNodes() {
		if all || wanted[n.State] {
			list = append(list, w.describe(n))
		}
	}
	if len(list) > 0 {
		out["node"] = list
	}
	return "nodes", out, nil
}

func (w *Web) node(r *http.Request) (string, any, error) {
	id, err := yarn.ParseNodeID(r.PathValue("id"))
	if err != nil {
		return "", nil, hadoophttp.Illegal("Invalid NodeId [%s]. Expected host:port", r.PathValue("id"))
	}
	n, ok := w.view().Nodes.Get(id)
	if !ok {
		return "", nil, hadoophttp.NotFound("nodeId, %s, is not found", id)
	}
	return "node", w.describe(n), nil
}
