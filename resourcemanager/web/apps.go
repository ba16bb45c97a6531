package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

type appInfo struct {
	ID             string   `json:"id"`
	User           string   `json:"user"`
	Name           string   `json:"name"`
	Queue          string   `json:"queue"`
	State          string   `json:"state"`
	Final          string   `json:"finalStatus"`
	Progress       float32  `json:"progress"`
	TrackingUI     string   `json:"trackingUI"`
	TrackingURL    string   `json:"trackingUrl,omitempty"`
	Diagnostics    string   `json:"diagnostics"`
	ClusterID      int64    `json:"clusterId"`
	Type           string   `json:"applicationType"`
	Tags           string   `json:"applicationTags"`
	Priority       int32    `json:"priority"`
	Started        int64    `json:"startedTime"`
	Launched       int64    `json:"launchTime"`
	Finished       int64    `json:"finishedTime"`
	Elapsed        int64    `json:"elapsedTime"`
	AMLogs         string   `json:"amContainerLogs,omitempty"`
	AMHost         string   `json:"amHostHttpAddress,omitempty"`
	AMRPC          string   `json:"amRPCAddress,omitempty"`
	MasterNode     string   `json:"masterNodeId"`
	AllocatedMB    int64    `json:"allocatedMB"`
	AllocatedCores int64    `json:"allocatedVCores"`
	ReservedMB     int64    `json:"reservedMB"`
	ReservedCores  int64    `json:"reservedVCores"`
	Running        int      `json:"runningContainers"`
	MemorySeconds  int64    `json:"memorySeconds"`
	CoreSeconds    int64    `json:"vcoreSeconds"`
	QueueShare     float32  `json:"queueUsagePercentage"`
	ClusterShare   float32  `json:"clusterUsagePercentage"`
	Seconds        entries  `json:"resourceSecondsMap"`
	PreemptedMB    int64    `json:"preemptedResourceMB"`
	PreemptedCores int64    `json:"preemptedResourceVCores"`
	PreemptedTasks int      `json:"numNonAMContainerPreempted"`
	PreemptedAMs   int      `json:"numAMContainerPreempted"`
	PreemptedMBS   int64    `json:"preemptedMemorySeconds"`
	PreemptedCS    int64    `json:"preemptedVcoreSeconds"`
	PreemptedMap   struct{} `json:"preemptedResourceSecondsMap"`
	LogStatus      string   `json:"logAggregationStatus"`
	Unmanaged      bool     `json:"unmanagedApplication"`
	AMLabel        string   `json:"amNodeLabelExpression"`
	Resources      any      `json:"resourceInfo,omitempty"`
	Timeouts       any      `json:"timeouts"`
}

type entries struct {
	Entry []entry `json:"entry"`
}

type entry struct {
	Key   string `json:"key"`
	Value int64  `json:"value"`
}

var logStates = [...]string{"", "DISABLED", "NOT_START", "RUNNING", "SUCCEEDED", "FAILED", "TIME_OUT", "RUNNING_WITH_FAILURE"}

func (w *Web) application(v *core.AppView) appInfo {
	now := w.now()
	mem, cores := v.Seconds(now)
	queue, cluster := service.Shares(w.view(), v)
	expires, left := w.service.Lifetime(v)
	out := appInfo{
		ID: v.ID.String(), User: v.User, Name: v.Name, Queue: v.QueuePath, State: v.State.String(), Final: v.Final.String(),
		Progress: v.Progress() * 100, TrackingUI: "UNASSIGNED", Diagnostics: service.Diagnostics(v), ClusterID: v.ID.ClusterTimestamp,
		Type: v.Type, Tags: strings.Join(v.Tags, ","), Priority: v.Priority, Started: v.Start, Launched: v.Launch, Finished: v.Finish,
		Elapsed: now - v.Start, AllocatedMB: v.Used[yarn.Memory], AllocatedCores: v.Used[yarn.VCores], Running: v.Running,
		ReservedMB: v.Pending.Held[yarn.Memory], ReservedCores: v.Pending.Held[yarn.VCores],
		MemorySeconds: mem, CoreSeconds: cores, QueueShare: queue, ClusterShare: cluster, LogStatus: logStates[v.LogState],
		Unmanaged: v.Unmanaged, Seconds: entries{[]entry{{yarn.MemoryName, mem}, {yarn.VCoresName, cores}}},
		Timeouts: map[string]any{"timeout": []map[string]any{{"type": "LIFETIME", "expiryTime": expires, "remainingTimeInSeconds": left}}},
	}
	if v.Finish > 0 {
		out.Elapsed, out.Running, out.AllocatedMB, out.AllocatedCores = v.Finish-v.Start, -1, -1, -1
		out.ReservedMB, out.ReservedCores = -1, -1
	} else {
		u := usage{used: v.Used, reserved: v.Pending.Held, pending: v.Pending.Resource}
		if v.AM != nil {
			u.am = v.AM.Resource
		}
		out.Resources = w.usages(u)
	}
	if v.OriginalURL != "" {
		out.TrackingUI = "ApplicationMaster"
		if v.State.Final() {
			out.TrackingUI = "History"
		}
		out.TrackingURL = w.service.TrackingURL(v)
	}
	if v.AM != nil {
		out.AMHost, out.MasterNode = v.AM.NodeHTTP, v.AM.Node.String()
		out.AMLogs = "http://" + v.AM.NodeHTTP + "/node/containerlogs/" + v.AM.ID.String() + "/" + v.User
	}
	if v.RPCPort >= 0 && v.Host != "N/A" {
		out.AMRPC = v.Host + ":" + strconv.Itoa(int(v.RPCPort))
	}
	return out
}

func (w *Web) app(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	return "app", w.application(v), nil
}

func (w *Web) apps(r *http.Request) (string, any, error) {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		return "", nil, err
	}
	see, err := w.seen(r)
	if err != nil {
		return "", nil, err
	}
	var list []appInfo
	for _, v := range w.view().SortedApps() {
		if f.limit >= 0 && len(list) >= f.limit {
			break
		}
		if f.accepts(v) {
			list = append(list, w.application(see(v)))
		}
	}
	out := map[string]any{}
	if len(list) > 0 {
		out["app"] = list
	}
	return "apps", out, nil
}

// filter is the query of an application list.
type filter struct {
	states                   map[yarn.AppState]bool
	final, user, queue, name string
	types, tags              []string
	limit                    int
	startFrom, startTo       int64
	finishFrom, finishTo     int64
}

func parseFilter(q url.Values) (filter, error) {
	f := filter{final: q.Get("finalStatus"), user: q.Get("user"), queue: q.Get("queue"), name: q.Get("name"), limit: -1,
		startTo: 1<<63 - 1, finishTo: 1<<63 - 1, types: lowerList(q, "applicationTypes"), tags: lowerList(q, "applicationTags")}
	for _, name := range append(lowerList(q, "states"), lowerList(q, "state")...) {
		st, ok := yarn.ParseAppState(strings.ToUpper(name))
		if !ok {
			return f, hadoophttp.BadRequest("Invalid application-state %s specified. It should be one of NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING,FINISHED,FAILED,KILLED", name)
		}
		if f.states == nil {
			f.states = map[yarn.AppState]bool{}
		}
		f.states[st] = true
	}
	for key, to := range map[string]*int64{"startedTimeBegin": &f.startFrom, "startedTimeEnd": &f.startTo, "finishedTimeBegin": &f.finishFrom, "finishedTimeEnd": &f.finishTo} {
		if text := q.Get(key); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return f, hadoophttp.BadRequest("%s must be a number of ms of at least 0, not %q", key, text)
			}
			*to = n
		}
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return f, hadoophttp.BadRequest("limit value must be greater then 0")
		}
		f.limit = n
	}
	return f, nil
}

func lowerList(q url.Values, key string) (out []string) {
	for _, v := range q[key] {
		for _, part := range strings.Split(v, ",") {
			if p := strings.ToLower(strings.TrimSpace(part)); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

func (f *filter) accepts(v *core.AppView) bool {
	switch {
	case f.states != nil && !f.states[v.State],
		f.final != "" && !strings.EqualFold(f.final, v.Final.String()),
		f.user != "" && f.user != v.User,
		f.name != "" && f.name != v.Name,
		f.queue != "" && f.queue != v.QueuePath && !strings.HasSuffix(v.QueuePath, "."+f.queue),
		len(f.types) > 0 && !slices.Contains(f.types, strings.ToLower(v.Type)),
		v.Start < f.startFrom, v.Start > f.startTo, v.Finish < f.finishFrom, v.Finish > f.finishTo:
		return false
	}
	return len(f.tags) == 0 || slices.ContainsFunc(v.Tags, func(t string) bool { return slices.Contains(f.tags, strings.ToLower(t)) })
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
			m["logsLink"] = "http://" + t.AM.NodeHTTP + "/node/containerlogs/" + t.AM.ID.String() + "/" + v.User
		}
		list = append(list, m)
	}
	return "appAttempts", map[string]any{"appAttempt": list}, nil
}
