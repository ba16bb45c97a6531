package web

import (
	"net/http"
	"strconv"
	"strings"

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

// usedOf is what a queue uses of its guarantee and of the cluster, in percent.
func (w *Web) usedOf(q *scheduler.QueueInfo, total yarn.Resource) (ofQueue, ofCluster float64) {
	s := &w.service.Settings.Scheduler
	return 100 * s.ShareOf(q.Used, q.Guaranteed, total), 100 * s.Share(q.Used, total, total)
}

// queue is one queue with all below it. Java shows less of root than of other queues.
func (w *Web) queue(v *core.View, q *scheduler.QueueInfo) map[string]any {
	capacity, none := w.capacity(v, q), map[string]any{}
	m := map[string]any{
		"capacity": capacity["capacity"], "usedCapacity": capacity["usedCapacity"], "maxCapacity": capacity["maxCapacity"], "weight": -1.0, "normalizedWeight": 0.0,
		"queueName": q.Config.Name, "queuePath": q.Path, "maxParallelApps": q.Config.ParallelApps(), "isAbsoluteResource": false,
		"capacities":        map[string]any{"queueCapacitiesByPartition": []any{capacity}},
		"maximumAllocation": w.resource(w.service.Settings.Scheduler.Largest(&q.Config)), "queueAcls": w.acls(q.Path), "queuePriority": 0, "orderingPolicyInfo": "utilization",
		"mode": "percentage", "queueType": "parent", "creationMethod": "static", "autoCreationEligibility": "off",
		"autoQueueTemplateProperties": none, "autoQueueParentTemplateProperties": none, "autoQueueLeafTemplateProperties": none,
	}
	if q.Path == v.Queues[0].Path {
		m["queueCapacityVectorInfo"] = capacity["queueCapacityVectorInfo"]
	} else {
		w.below(m, capacity, q)
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

// capacity is a queue's shares of the default partition, the only one.
func (w *Web) capacity(v *core.View, q *scheduler.QueueInfo) map[string]any {
	used, absolute := w.usedOf(q, v.Total)
	amShare := int64(0)
	if q.Leaf {
		amShare = q.Config.MaxAMShare
	}
	return map[string]any{
		"partitionName": "", "queueCapacityVectorInfo": w.vector(q.Config.Capacity),
		"capacity": pct(q.Config.Capacity), "usedCapacity": used, "maxCapacity": pct(q.Config.MaxCapacity),
		"absoluteCapacity": pct(q.AbsCapacity), "absoluteUsedCapacity": absolute, "absoluteMaxCapacity": pct(q.AbsMax),
		"maxAMLimitPercentage": pct(amShare), "weight": -1.0, "normalizedWeight": 0.0,
		"configuredMinResource": w.resource(yarn.Resource{}), "configuredMaxResource": w.resource(yarn.Resource{}),
		"effectiveMinResource": w.resource(q.Guaranteed), "effectiveMaxResource": w.resource(q.Maximum),
	}
}

// vector is a capacity written out for each resource type.
func (w *Web) vector(ppm int64) map[string]any {
	value := strconv.FormatFloat(pct(ppm), 'f', -1, 64)
	if !strings.Contains(value, ".") {
		value += ".0" // a Java float
	}
	value += "%"
	var texts []string
	entries := []any{}
	for i := range w.service.Settings.Types.Len() {
		name := w.service.Settings.Types.At(i).Name
		texts = append(texts, name+"="+value)
		entries = append(entries, map[string]any{"resourceName": name, "resourceValue": value})
	}
	return map[string]any{"configuredCapacityVector": "[" + strings.Join(texts, ",") + "]", "capacityVectorEntries": entries}
}

func (w *Web) acls(path string) map[string]any {
	q := w.service.Access.Queue(path)
	return map[string]any{"queueAcl": []any{
		map[string]any{"accessType": "ADMINISTER_QUEUE", "accessControlList": q.Admin.String()},
		map[string]any{"accessType": "SUBMIT_APP", "accessControlList": q.Submit.String()},
		map[string]any{"accessType": "APPLICATION_MAX_PRIORITY", "accessControlList": "*"}, // nobody is kept from the highest
	}}
}

// below adds what every queue but root shows.
func (w *Web) below(m, capacity map[string]any, q *scheduler.QueueInfo) {
	for _, key := range []string{"absoluteCapacity", "absoluteMaxCapacity", "absoluteUsedCapacity"} {
		m[key] = capacity[key]
	}
	m["numApplications"], m["state"], m["resourcesUsed"] = q.Apps, q.State, w.resource(q.Used)
	m["hideReservationQueues"], m["nodeLabels"] = false, []string{"*"}
	m["allocatedContainers"], m["reservedContainers"], m["pendingContainers"] = q.Containers, q.ReservedContainers, q.PendingContainers
	m["resources"] = w.usages(usage{q.Used, q.Reserved, q.Pending, q.AMUsed, q.AMLimit, q.UserAMLimit})
	m["minEffectiveCapacity"], m["maxEffectiveCapacity"] = w.resource(q.Guaranteed), w.resource(q.Maximum)
	m["autoCreateChildQueueEnabled"], m["leafQueueTemplate"] = false, map[string]any{}
}

func (w *Web) leaf(m map[string]any, q *scheduler.QueueInfo) {
	m["type"], m["queueType"], m["orderingPolicyInfo"] = "capacitySchedulerLeafQueueInfo", "leaf", "fifo"
	m["numActiveApplications"], m["numPendingApplications"], m["numContainers"] = q.ActiveApps, q.WaitingApps, q.Containers
	m["maxApplications"], m["maxApplicationsPerUser"] = q.Config.MaxApplications, q.Config.MaxApplications
	m["userLimit"], m["userLimitFactor"] = pct(q.Config.UserLimit), float64(q.Config.UserLimitFactor)/scheduler.Million
	m["configuredMaxAMResourceLimit"] = float64(q.Config.MaxAMShare) / scheduler.Million
	m["AMResourceLimit"], m["usedAMResource"], m["userAMResourceLimit"] = w.resource(q.AMLimit), w.resource(q.AMUsed), w.resource(q.UserAMLimit)
	m["preemptionDisabled"], m["intraQueuePreemptionDisabled"], m["defaultPriority"], m["isAutoCreatedLeafQueue"] = true, true, q.Config.DefaultPriority, false
	m["maxApplicationLifetime"], m["defaultApplicationLifetime"] = -1, -1
	if def, most := w.service.Lifetimes(q.Path); def > 0 {
		m["defaultApplicationLifetime"] = def / 1000
		if most > 0 {
			m["maxApplicationLifetime"] = most / 1000
		}
	}
	users := []any{}
	for _, u := range q.Users {
		users = append(users, map[string]any{"username": u.Name, "resourcesUsed": w.resource(u.Used), "AMResourceUsed": w.resource(u.AMUsed),
			"numActiveApplications": u.ActiveApps, "numPendingApplications": u.PendingApps, "userResourceLimit": w.resource(q.UserLimit),
			"resources": w.usages(usage{used: u.Used, am: u.AMUsed, amLimit: q.UserAMLimit}), "userWeight": 1.0, "isActive": u.PendingContainers > 0})
	}
	m["users"] = map[string]any{}
	if len(users) > 0 {
		m["users"] = map[string]any{"user": users}
	}
}
