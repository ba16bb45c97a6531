package web

import (
	"cmp"
	"slices"

	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// resourceInfo is a resource vector as REST shows it.
type resourceInfo struct {
	Memory int64        `json:"memory"`
	VCores int64        `json:"vCores"`
	Infos  informations `json:"resourceInformations"`
}

type informations struct {
	List []information `json:"resourceInformation"`
}

type information struct {
	Attributes struct{} `json:"attributes"`
	Maximum    int64    `json:"maximumAllocation"`
	Minimum    int64    `json:"minimumAllocation"`
	Name       string   `json:"name"`
	Type       string   `json:"resourceType"`
	Units      string   `json:"units"`
	Value      int64    `json:"value"`
}

func (w *Web) resource(r yarn.Resource) resourceInfo {
	types, cfg := w.service.Settings.Types, &w.service.Settings.Scheduler
	out := resourceInfo{Memory: r[yarn.Memory], VCores: r[yarn.VCores]}
	for i := range types.Len() {
		t := types.At(i)
		out.Infos.List = append(out.Infos.List, information{Maximum: cfg.Maximum[i], Minimum: cfg.Minimum[i], Name: t.Name, Type: "COUNTABLE", Units: t.Unit, Value: r[i]})
	}
	return out
}

// totals sums up the cluster for metrics, beans and pages.
type totals struct {
	apps                                    map[yarn.AppState]int
	nodes                                   map[yarn.NodeState]int
	total, used, pending, reserved          yarn.Resource
	containers, pendingContainers           int64
	reservedContainers                      int64
	submitted, pendingApps, runningApps     int
	utilizedMB, utilizedCores, nodesMeasure int64
}

func (w *Web) totals(v *core.View) totals {
	t := totals{apps: map[yarn.AppState]int{}, nodes: map[yarn.NodeState]int{}, total: v.Total, used: v.Used}
	for _, a := range v.Apps.All() {
		t.apps[a.State]++
	}
	for _, n := range v.Nodes.All() {
		t.nodes[n.State]++
		if u := n.Utilization(); u != nil && n.State == yarn.NodeRunning {
			t.utilizedMB += int64(u.NodePMemMB)
			t.utilizedCores += int64(u.NodeCPU)
			t.nodesMeasure++
		}
	}
	root := v.Queues[0]
	t.containers, t.pendingContainers, t.pending = root.Containers, root.PendingContainers, root.Pending
	t.reservedContainers, t.reserved = root.ReservedContainers, root.Reserved
	t.submitted = int(v.Counts.AppsSubmitted)
	t.runningApps = t.apps[yarn.AppRunning]
	t.pendingApps = t.apps[yarn.AppAccepted] + t.apps[yarn.AppSubmitted] + t.apps[yarn.AppNewSaving] + t.apps[yarn.AppNew]
	return t
}

// sortedStates lists the states of a count in their own order.
func sortedStates[S cmp.Ordered](m map[S]int) []S {
	out := make([]S, 0, len(m))
	for s := range m {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
