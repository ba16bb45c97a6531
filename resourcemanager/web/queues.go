package web

import (
	"net/http"

	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// scheduler is the queue tree in the shape of the capacity scheduler. The names come
// from rest.md; numbers are percents.
func (w *Web) scheduler(*http.Request) (string, any, error) {
	v := w.view()
	root := w.queue(v, &v.Queues[0])
	root["type"] = "capacityScheduler"
	return "scheduler", map[string]any{"schedulerInfo": root}, nil
}

func pct(ppm int64) float64 { return float64(ppm) / 10000 }

// usedOf is what a queue uses of base, in percent of the type that is used most.
func (w *Web) usedOf(used, base yarn.Resource) float64 {
	var most float64
	for i := range w.service.Settings.Types.Len() {
		if w.service.Settings.Scheduler.Calculator == scheduler.MemoryOnly && i > 0 {
			break
		}
		if base[i] > 0 {
			most = max(most, float64(used[i])*100/float64(base[i]))
		}
	}
	return most
}

func (w *Web) queue(v *core.View, q *scheduler.QueueInfo) map[string]any {
	used, abs := w.usedOf(q.Used, q.Guaranteed), w.usedOf(q.Used, v.Total)
	m := map[string]any{
		"capacity": pct(q.Config.Capacity), "usedCapacity": used, "maxCapacity": pct(q.Config.MaxCapacity), "weight": -1.0, "normalizedWeight": 0.0,
		"queueName": q.Config.Name, "queuePath": q.Path, "maxParallelApps": 2147483647, "isAbsoluteResource": false,
		"absoluteCapacity": pct(q.AbsCapacity), "absoluteMaxCapacity": pct(q.AbsMax), "absoluteUsedCapacity": abs,
		"numApplications": q.Apps, "state": state(q), "resourcesUsed": w.resource(q.Used), "hideReservationQueues": false, "nodeLabels": []string{"*"},
		"allocatedContainers": q.Containers, "reservedContainers": q.ReservedContainers, "pendingContainers": q.PendingContainers,
		"capacities": map[string]any{"queueCapacitiesByPartition": []any{map[string]any{
			"partitionName": "", "capacity": pct(q.Config.Capacity), "usedCapacity": used, "maxCapacity": pct(q.Config.MaxCapacity),
			"absoluteCapacity": pct(q.AbsCapacity), "absoluteUsedCapacity": abs, "absoluteMaxCapacity": pct(q.AbsMax),
			"maxAMLimitPercentage": pct(q.Config.MaxAMShare), "weight": -1.0, "normalizedWeight": 0.0,
			"configuredMinResource": w.resource(yarn.Resource{}), "configuredMaxResource": w.resource(yarn.Resource{}),
			"effectiveMinResource": w.resource(q.Guaranteed), "effectiveMaxResource": w.resource(q.Maximum),
		}}},
		"resources": map[string]any{"resourceUsagesByPartition": []any{w.usages(q.Used, q.Reserved, q.Pending, q.AMUsed, q.AMLimit, q.UserAMLimit)}},
		"mode":      "percentage", "queueType": "parent", "creationMethod": "static", "autoCreationEligibility": "off",
		"preemptionDisabled": true, "intraQueuePreemptionDisabled": true, "defaultPriority": 0, "isAutoCreatedLeafQueue": false,
	}
	if q.Leaf {
		w.leaf(m, q)
		return m
	}
	children := []any{}
	for i := range v.Queues {
		for _, path := range q.Children {
			if v.Queues[i].Path == path {
				children = append(children, w.queue(v, &v.Queues[i]))
			}
		}
	}
	m["queues"] = map[string]any{"queue": children}
	return m
}

func state(q *scheduler.QueueInfo) string {
	if q.Config.Stopped {
		return "STOPPED"
	}
	return "RUNNING"
}

func (w *Web) usages(used, reserved, pending, am, amLimit, userAM yarn.Resource) map[string]any {
	return map[string]any{"partitionName": "", "used": w.resource(used), "reserved": w.resource(reserved), "pending": w.resource(pending),
		"amUsed": w.resource(am), "amLimit": w.resource(amLimit), "userAmLimit": w.resource(userAM)}
}

func (w *Web) leaf(m map[string]any, q *scheduler.QueueInfo) {
	m["type"], m["queueType"] = "capacitySchedulerLeafQueueInfo", "leaf"
	m["numActiveApplications"], m["numPendingApplications"], m["numContainers"] = q.ActiveApps, q.WaitingApps, q.Containers
	m["maxApplications"], m["maxApplicationsPerUser"] = q.Config.MaxApplications, q.Config.MaxApplications
	m["userLimit"], m["userLimitFactor"] = pct(q.Config.UserLimit), float64(q.Config.UserLimitFactor)/scheduler.Million
	m["configuredMaxAMResourceLimit"] = float64(q.Config.MaxAMShare) / scheduler.Million
	m["AMResourceLimit"], m["usedAMResource"], m["userAMResourceLimit"] = w.resource(q.AMLimit), w.resource(q.AMUsed), w.resource(q.UserAMLimit)
	m["defaultNodeLabelExpression"], m["orderingPolicyInfo"], m["orderingPolicyDisplayName"] = "", "fifo", "fifo"
	users := []any{}
	for _, u := range q.Users {
		users = append(users, map[string]any{"username": u.Name, "resourcesUsed": w.resource(u.Used), "AMResourceUsed": w.resource(u.AMUsed),
			"numActiveApplications": u.ActiveApps, "numPendingApplications": u.PendingApps, "userResourceLimit": w.resource(q.UserLimit),
			"userWeight": 1.0, "isActive": u.PendingContainers > 0})
	}
	m["users"] = map[string]any{}
	if len(users) > 0 {
		m["users"] = map[string]any{"user": users}
	}
}
