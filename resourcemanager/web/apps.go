package web

import (
	"net/http"
	"strconv"
	"strings"

	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// appInfo is an application as REST shows it, without what the caller does not want to see of it.
type appInfo struct {
	*core.AppView
	web   *Web
	hide  hidden
	view  *core.View
	nowMS int64
}

// hidden are the parts that deSelects leaves out.
type hidden struct{ timeouts, appLabel, amLabel, resources bool }

var logStates = [...]string{"", "DISABLED", "NOT_START", "RUNNING", "SUCCEEDED", "FAILED", "TIME_OUT", "RUNNING_WITH_FAILURE"}

// MarshalJSON writes the application.
func (a appInfo) MarshalJSON() ([]byte, error) {
	e := encoder{}
	a.append(&e)
	return e.b, nil
}

func (a appInfo) append(e *encoder) {
	e.b = append(e.b, '{')
	e.str("id", a.ID.String())
	e.str("user", a.User)
	e.str("name", a.Name)
	e.str("queue", a.QueuePath)
	e.str("state", a.State.String())
	e.str("finalStatus", a.Final.String())
	e.float("progress", a.Progress()*100)
	a.tracking(e)
	e.str("diagnostics", service.Diagnostics(a.AppView))
	e.int("clusterId", a.ID.ClusterTimestamp)
	e.str("applicationType", a.Type)
	e.str("applicationTags", strings.Join(a.Tags, ","))
	e.int("priority", int64(a.Priority))
	e.int("startedTime", a.unveiled(a.Start))
	e.int("launchTime", a.unveiled(a.Launch))
	e.int("finishedTime", a.unveiled(a.Finish))
	e.int("elapsedTime", a.unveiled(a.elapsed()))
	a.master(e)
	a.used(e)
	if !a.Veiled {
		e.str("logAggregationStatus", logStates[a.LogState(a.nowMS, a.web.service.Settings.LogTimeout)])
	}
	e.bool("unmanagedApplication", a.Unmanaged)
	if a.LabelGiven && !a.hide.appLabel {
		e.str("appNodeLabelExpression", "")
	}
	if !a.Unmanaged && !a.hide.amLabel {
		e.str("amNodeLabelExpression", "")
	}
	if a.Finish == 0 && !a.hide.resources {
		u := usage{used: a.Used, reserved: a.Pending.Held, pending: a.Pending.Resource}
		if a.AM != nil {
			u.am = a.AM.Resource
		}
		e.key("resourceInfo")
		a.web.usages(u).append(e)
	}
	if !a.hide.timeouts {
		e.begin("timeouts")
		e.b = append(e.b, `"timeout":[{`...)
		t := a.web.timeout(a.AppView)
		e.str("type", t.Type)
		e.str("expiryTime", t.Expires)
		e.int("remainingTimeInSeconds", t.Left)
		e.b = append(e.b, "}]}"...)
	}
	e.end()
}

// unveiled is n, or 0 to those who may not see the application's details.
func (a appInfo) unveiled(n int64) int64 {
	if a.Veiled {
		return 0
	}
	return n
}

func (a appInfo) elapsed() int64 {
	if a.Finish > 0 {
		return a.Finish - a.Start
	}
	return a.nowMS - a.Start
}

func (a appInfo) tracking(e *encoder) {
	if a.State != yarn.AppRunning && !a.State.Final() {
		e.str("trackingUI", "UNASSIGNED")
		return
	}
	ui := "ApplicationMaster"
	if a.State.Final() {
		ui = "History"
	}
	e.str("trackingUI", ui)
	if !a.Veiled {
		e.str("trackingUrl", a.web.service.TrackingURL(a.AppView))
	}
}

// master is where the AM runs.
func (a appInfo) master(e *encoder) {
	node := ""
	if a.AM != nil {
		node = a.AM.Node.String()
		e.str("amContainerLogs", a.web.logsLink(a.AM, a.User))
		e.str("amHostHttpAddress", a.AM.NodeHTTP)
	}
	if a.RPCPort >= 0 && a.Host != "N/A" {
		e.str("amRPCAddress", a.Host+":"+strconv.Itoa(int(a.RPCPort)))
	}
	e.str("masterNodeId", node)
}

// used is what the application holds and has used.
func (a appInfo) used(e *encoder) {
	used, held, running := a.Used, a.Pending.Held, int64(a.Running)
	if a.Finish > 0 {
		used, held, running = yarn.NewResource(-1, -1), yarn.NewResource(-1, -1), -1
	}
	memory, cores := a.Seconds(a.nowMS)
	queue, cluster := a.web.service.Shares(a.view, a.AppView)
	if a.Veiled {
		used, held, running, memory, cores, queue, cluster = yarn.Resource{}, yarn.Resource{}, 0, 0, 0, 0, 0
	}
	e.int("allocatedMB", used[yarn.Memory])
	e.int("allocatedVCores", used[yarn.VCores])
	e.int("reservedMB", held[yarn.Memory])
	e.int("reservedVCores", held[yarn.VCores])
	e.int("runningContainers", running)
	e.int("memorySeconds", memory)
	e.int("vcoreSeconds", cores)
	e.float("queueUsagePercentage", queue)
	e.float("clusterUsagePercentage", cluster)
	e.begin("resourceSecondsMap")
	e.key("entry")
	e.b = append(e.b, '[')
	for _, x := range [...]struct {
		name  string
		value int64
	}{{yarn.MemoryName, memory}, {yarn.VCoresName, cores}} {
		e.comma()
		e.b = append(e.b, '{')
		e.str("key", x.name)
		e.int("value", x.value)
		e.end()
	}
	e.b = append(e.b, "]}"...)
	for _, name := range [...]string{"preemptedResourceMB", "preemptedResourceVCores", "numNonAMContainerPreempted", "numAMContainerPreempted", "preemptedMemorySeconds", "preemptedVcoreSeconds"} {
		e.int(name, 0)
	}
	e.begin("preemptedResourceSecondsMap")
	e.end()
}

func (w *Web) application(view *core.View, v *core.AppView, hide hidden) appInfo {
	return appInfo{v, w, hide, view, w.now()}
}

// logsLink is where a container's logs are read.
func (w *Web) logsLink(k *core.Grant, user string) string {
	return "http://" + k.NodeHTTP + "/node/containerlogs/" + k.ID.String() + "/" + user
}

func (w *Web) app(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	hide, err := deselected(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	return "app", w.application(w.view(), v, hide), nil
}

func (w *Web) attempts(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	list := []map[string]any{}
	for _, t := range v.Attempts {
		m := map[string]any{"id": t.ID.Attempt, "startTime": t.Start, "finishedTime": t.Finish, "appAttemptId": t.ID.String(),
			"appAttemptState": t.State.String(), "blacklistedNodes": "", "nodesBlacklistedBySystem": "", "exportPorts": "", "containerId": "", "nodeId": "", "nodeHttpAddress": "", "logsLink": ""}
		if t.AM != nil {
			m["containerId"], m["nodeId"], m["nodeHttpAddress"] = t.AM.ID.String(), t.AM.Node.String(), t.AM.NodeHTTP
			m["logsLink"] = w.logsLink(t.AM, v.User)
		}
		list = append(list, m)
	}
	return "appAttempts", map[string]any{"appAttempt": list}, nil
}
