package web

import (
	"net/http"
	"strings"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

type userInfo struct {
	Login     string `json:"rmLoginUser"`
	Requested string `json:"requestedUser"`
}

func (w *Web) userinfo(r *http.Request) (string, any, error) {
	who, err := w.identity.Of(r)
	return "clusterUserInfo", userInfo{w.service.Access.Owner, who.User}, err
}

type overview struct {
	Type          string       `json:"schedulerType"`
	Resources     string       `json:"schedulingResourceType"`
	Minimum       resourceInfo `json:"minimumAllocation"`
	Maximum       resourceInfo `json:"maximumAllocation"`
	Priority      int32        `json:"applicationPriority"`
	Busy          int          `json:"schedulerBusy"`
	RMQueue       int          `json:"rmDispatcherEventQueueSize"`
	SchedulerSize int          `json:"schedulerDispatcherEventQueueSize"`
}

func (w *Web) overview(*http.Request) (string, any, error) {
	types := w.service.Settings.Types
	var names []string
	for i := range types.Len() {
		name := types.At(i).Name
		if u := types.At(i).Unit; u != "" {
			name += " (unit=" + u + ")"
		}
		names = append(names, name)
	}
	return "scheduler", overview{Type: "Capacity Scheduler", Resources: strings.Join(names, ","), Minimum: w.resource(w.service.Settings.Scheduler.Minimum),
		Maximum: w.resource(w.service.LargestNow("")), Priority: w.service.MaxPriority()}, nil
}

type statItem struct {
	State string `json:"state"`
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// statistics counts the applications of one type, or of any, by state.
func (w *Web) statistics(r *http.Request) (string, any, error) {
	states, err := appStates(r.URL.Query(), "states")
	if err != nil {
		return "", nil, err
	}
	types := lowerList(r.URL.Query(), "applicationTypes")
	if len(types) > 1 {
		return "", nil, hadoophttp.BadRequest("# of applicationTypes = %d, we temporarily support at most one applicationType", len(types))
	}
	kind := "*"
	if len(types) == 1 {
		kind = types[0]
	}
	counts := map[yarn.AppState]int{}
	for _, v := range w.view().Apps.All() {
		if kind == "*" || strings.EqualFold(kind, v.Type) {
			counts[v.State]++
		}
	}
	items := []statItem{}
	for _, st := range []yarn.AppState{yarn.AppNew, yarn.AppNewSaving, yarn.AppSubmitted, yarn.AppAccepted, yarn.AppRunning, yarn.AppFinished, yarn.AppFailed, yarn.AppKilled} {
		if states == nil || states[st] {
			items = append(items, statItem{st.String(), kind, counts[st]})
		}
	}
	return "appStatInfo", map[string][]statItem{"statItem": items}, nil
}

// visible is the application of a request's path where the caller may see its details.
func (w *Web) visible(r *http.Request) (*core.AppView, error) {
	v, err := w.known(r)
	if err != nil {
		return nil, err
	}
	who, err := w.identity.Of(r)
	if err != nil {
		return nil, err
	}
	if !w.service.Access.View(v, who.User) {
		return nil, hadoophttp.Forbidden("User %s does not have privilege to see this application %s", who.User, v.ID)
	}
	return v, nil
}

// attemptOf is the attempt that a request's path names.
func (w *Web) attemptOf(r *http.Request) (*core.AppView, *core.AttemptView, error) {
	v, err := w.visible(r)
	if err != nil {
		return nil, nil, err
	}
	id, err := yarn.ParseAttemptID(r.PathValue("attempt"))
	if err != nil {
		return nil, nil, hadoophttp.IllegalArgument("Invalid AppAttemptId prefix: %s", r.PathValue("attempt"))
	}
	if id.Application != v.ID {
		return nil, nil, hadoophttp.NotFound("appId and appAttemptId don't match")
	}
	for i := range v.Attempts {
		if v.Attempts[i].ID == id {
			return v, &v.Attempts[i], nil
		}
	}
	return nil, nil, hadoophttp.NotFoundBecause(rpc.ClassApplicationAttemptNotFound, "ApplicationAttempt with id '%s' doesn't exist in RM.", id)
}

type attemptInfo struct {
	ID          string `json:"appAttemptId"`
	Host        string `json:"host"`
	Port        int32  `json:"rpcPort"`
	Tracking    string `json:"trackingUrl"`
	Original    string `json:"originalTrackingUrl"`
	Diagnostics string `json:"diagnosticsInfo"`
	State       string `json:"appAttemptState"`
	Container   string `json:"amContainerId,omitempty"`
	Started     int64  `json:"startedTime"`
	Finished    int64  `json:"finishedTime"`
}

func (w *Web) attempt(r *http.Request) (string, any, error) {
	v, t, err := w.attemptOf(r)
	if err != nil {
		return "", nil, err
	}
	out := attemptInfo{ID: t.ID.String(), Host: t.Host, Port: t.RPCPort, Tracking: w.service.AttemptURL(v, t), Original: service.OriginalURL(t),
		Diagnostics: service.AttemptDiagnostics(v, t), State: t.State.String(), Started: t.Start, Finished: t.Finish}
	if t.AM != nil {
		out.Container = t.AM.ID.String()
	}
	return "appAttempt", out, nil
}

type containerInfo struct {
	ID         string `json:"containerId"`
	MB         int64  `json:"allocatedMB"`
	Cores      int64  `json:"allocatedVCores"`
	Assigned   string `json:"assignedNodeId"`
	Priority   int32  `json:"priority"`
	Started    int64  `json:"startedTime"`
	Finished   int64  `json:"finishedTime"`
	Elapsed    int64  `json:"elapsedTime"`
	Logs       string `json:"logUrl"`
	Exit       int    `json:"containerExitStatus"`
	State      string `json:"containerState"`
	NodeHTTP   string `json:"nodeHttpAddress"`
	Node       string `json:"nodeId"`
	Amounts    pairs  `json:"allocatedResources"`
	OpenedPort string `json:"exposedPorts"`
}

type pairs struct {
	Entry []pair `json:"entry"`
}

type pair struct {
	Key   string `json:"key"`
	Value int64  `json:"value"`
}

func (w *Web) container(k *core.ContainerView) containerInfo {
	types := w.service.Settings.Types
	out := containerInfo{ID: k.ID.String(), MB: k.Resource[yarn.Memory], Cores: k.Resource[yarn.VCores], Assigned: k.Node.String(), Priority: k.Key.Priority,
		Started: k.Created, Elapsed: w.now() - k.Created, Logs: w.logsLink(&k.Grant, k.User), State: k.State.String(), NodeHTTP: "http://" + k.NodeHTTP, Node: k.Node.String()}
	for i := range types.Len() {
		out.Amounts.Entry = append(out.Amounts.Entry, pair{types.At(i).Name, k.Resource[i]})
	}
	return out
}

// containers lists the live containers of an attempt; ended ones are not remembered.
func (w *Web) containers(r *http.Request) (string, any, error) {
	_, t, err := w.attemptOf(r)
	if err != nil {
		return "", nil, err
	}
	list, err := w.service.Core.Containers(r.Context(), t.ID)
	if err != nil {
		return "", nil, err
	}
	out := struct {
		Container []containerInfo `json:"container,omitempty"`
	}{}
	for i := range list {
		out.Container = append(out.Container, w.container(&list[i]))
	}
	return "containers", out, nil
}

func (w *Web) containerOf(r *http.Request) (string, any, error) {
	_, t, err := w.attemptOf(r)
	if err != nil {
		return "", nil, err
	}
	id, err := yarn.ParseContainerID(r.PathValue("container"))
	if err != nil {
		return "", nil, hadoophttp.IllegalArgument("%s", badContainer(r.PathValue("container")))
	}
	if id.Attempt != t.ID {
		return "", nil, hadoophttp.NotFound("appAttemptId and containerId don't match")
	}
	k, ok, err := w.service.Core.Container(r.Context(), id)
	if err != nil {
		return "", nil, err
	}
	if !ok {
		return "", nil, hadoophttp.NotFoundBecause(rpc.ClassContainerNotFound, "Container with id '%s' doesn't exist in RM.", id)
	}
	return "container", w.container(&k), nil
}

type accessInfo struct {
	Allowed     bool   `json:"allowed"`
	User        string `json:"user"`
	Diagnostics string `json:"diagnostics"`
}

// queueAccess tells an administrator of a queue what another may do there.
func (w *Web) queueAccess(r *http.Request) (string, any, error) {
	who, err := w.identity.Of(r)
	if err != nil {
		return "", nil, err
	}
	name, user, kind := r.PathValue("queue"), r.URL.Query().Get("user"), r.URL.Query().Get("queue-acl-type")
	path := ""
	for _, q := range w.view().Queues {
		if q.Path == name || q.Config.Name == name {
			path = q.Path
		}
	}
	if path == "" || !w.service.Access.Administers(path, who.User) {
		return "", nil, hadoophttp.Forbidden("User=%s doesn't haven access to queue=%s so it cannot check ACLs for other users.", who.User, name)
	}
	if user == "" {
		return "", nil, hadoophttp.Illegal("Null user")
	}
	allowed := false
	switch kind {
	case "", "SUBMIT_APPLICATIONS":
		kind, allowed = "SUBMIT_APPLICATIONS", w.service.Access.SubmitTo(path, user)
	case "ADMINISTER_QUEUE":
		allowed = w.service.Access.Administers(path, user)
	default:
		return "", nil, hadoophttp.BadRequest("Specified queueAclType=%s is not a valid type, valid queue acl types={SUBMIT_APPLICATIONS/ADMINISTER_QUEUE}", kind)
	}
	out := accessInfo{Allowed: allowed, User: user}
	if !allowed {
		out.Diagnostics = "User=" + user + " doesn't have access to queue=" + name + " with acl-type=" + kind
	}
	return "rmQueueAclInfo", out, nil
}

// Node labels are not built: there are none but the default partition, and these lists say so.

func (w *Web) noLabels(*http.Request) (string, any, error) { return "nodeLabelsInfo", struct{}{}, nil }

func (w *Web) nodesToLabels(*http.Request) (string, any, error) {
	return "nodeToLabelsInfo", map[string]any{"nodeToLabels": struct{}{}}, nil
}

func (w *Web) labelsToNodes(*http.Request) (string, any, error) {
	return "labelsToNodesInfo", map[string]any{"labelsToNodes": struct{}{}}, nil
}

type labelInfo struct {
	Name      string `json:"name"`
	Exclusive bool   `json:"exclusivity"`
	Partition struct {
		Available resourceInfo `json:"resourceAvailable"`
	} `json:"partitionInfo"`
	Nodes int `json:"activeNMs"`
}

func (w *Web) partitions(*http.Request) (string, any, error) {
	v := w.view()
	l := labelInfo{Name: "<DEFAULT_PARTITION>", Exclusive: true, Nodes: v.NodeCounts()[yarn.NodeRunning]}
	l.Partition.Available = w.resource(v.Total)
	return "nodeLabelsInfo", map[string][]labelInfo{"nodeLabelInfo": {l}}, nil
}
