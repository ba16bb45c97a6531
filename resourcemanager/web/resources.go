package web

import (
	"cmp"
	"slices"

	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// resourceInfo is a resource vector as REST shows it.
type resourceInfo struct {
	amount yarn.Resource
	web    *Web
}

func (w *Web) resource(r yarn.Resource) resourceInfo { return resourceInfo{r, w} }

// MarshalJSON writes memory, vcores and the list of all types.
func (r resourceInfo) MarshalJSON() ([]byte, error) {
	e := encoder{}
	r.append(&e)
	return e.b, nil
}

func (r resourceInfo) append(e *encoder) {
	types, cfg := r.web.service.Settings.Types, &r.web.service.Settings.Scheduler
	e.b = append(e.b, '{')
	e.int("memory", r.amount[yarn.Memory])
	e.int("vCores", r.amount[yarn.VCores])
	e.begin("resourceInformations")
	e.key("resourceInformation")
	e.b = append(e.b, '[')
	for i := range types.Len() {
		t := types.At(i)
		e.comma()
		e.b = append(e.b, '{')
		e.b = append(e.b, `"attributes":{}`...)
		e.int("maximumAllocation", cfg.Maximum[i])
		e.int("minimumAllocation", cfg.Minimum[i])
		e.str("name", t.Name)
		e.str("resourceType", "COUNTABLE")
		e.str("units", t.Unit)
		e.int("value", r.amount[i])
		e.end()
	}
	e.b = append(e.b, ']')
	e.end()
	e.end()
}

// usage is the rows of a resource usage as Java shows them of queues, users and applications, all in the one partition.
type usage struct{ used, reserved, pending, am, amLimit, userAMLimit yarn.Resource }

type usageInfo struct {
	usage
	web *Web
}

func (w *Web) usages(u usage) usageInfo { return usageInfo{u, w} }

// MarshalJSON writes the rows of the default partition.
func (u usageInfo) MarshalJSON() ([]byte, error) {
	e := encoder{}
	u.append(&e)
	return e.b, nil
}

func (u usageInfo) append(e *encoder) {
	e.b = append(e.b, `{"resourceUsagesByPartition":[{"partitionName":""`...)
	for _, row := range [...]struct {
		name   string
		amount yarn.Resource
	}{{"used", u.used}, {"reserved", u.reserved}, {"pending", u.pending}, {"amUsed", u.am}, {"amLimit", u.amLimit}, {"userAmLimit", u.userAMLimit}} {
		e.key(row.name)
		u.web.resource(row.amount).append(e)
	}
	e.b = append(e.b, "}]}"...)
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
		switch {
		case a.AtWork():
			t.runningApps++
		case !a.State.Final():
			t.pendingApps++
		}
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
