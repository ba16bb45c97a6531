package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	hadoophttp "heddle/hadoop/http"
	"heddle/nodemanager/container"
	"heddle/yarn"
)

type nodeInfo struct {
	HealthReport    string `json:"healthReport"`
	VmemAllocatedMB int64  `json:"totalVmemAllocatedContainersMB"`
	PmemAllocatedMB int64  `json:"totalPmemAllocatedContainersMB"`
	VCoresAllocated int64  `json:"totalVCoresAllocatedContainers"`
	VmemCheck       bool   `json:"vmemCheckEnabled"`
	PmemCheck       bool   `json:"pmemCheckEnabled"`
	LastUpdate      int64  `json:"lastNodeUpdateTime"`
	ResourceTypes   string `json:"resourceTypes"`
	Healthy         bool   `json:"nodeHealthy"`
	Version         string `json:"nodeManagerVersion"`
	BuildVersion    string `json:"nodeManagerBuildVersion"`
	VersionBuiltOn  string `json:"nodeManagerVersionBuiltOn"`
	HadoopVersion   string `json:"hadoopVersion"`
	HadoopBuild     string `json:"hadoopBuildVersion"`
	HadoopBuiltOn   string `json:"hadoopVersionBuiltOn"`
	ID              string `json:"id"`
	HostName        string `json:"nodeHostName"`
	StartupTime     int64  `json:"nmStartupTime"`
}

func (p *pages) info(w http.ResponseWriter, r *http.Request) {
	h := p.Health()
	types := make([]string, p.Types.Len())
	for i := range types {
		types[i] = p.Types.At(i).Name
		if u := p.Types.At(i).Unit; u != "" {
			types[i] += " (unit=" + u + ")"
		}
	}
	build := "heddle " + p.Build
	hadoophttp.Answer(w, r, http.StatusOK, "nodeInfo", nodeInfo{
		HealthReport: h.Report, VmemAllocatedMB: int64(float64(p.Total()[yarn.Memory]) * p.vmemRatio), PmemAllocatedMB: p.Total()[yarn.Memory], VCoresAllocated: p.Total()[yarn.VCores],
		VmemCheck: p.VmemCheck, PmemCheck: p.PmemCheck, LastUpdate: h.At.UnixMilli(), ResourceTypes: strings.Join(types, ", "), Healthy: h.Healthy,
		Version: p.Version, BuildVersion: build, HadoopVersion: p.Version, HadoopBuild: build,
		ID: p.Node.String(), HostName: p.Node.Host, StartupTime: p.Started.UnixMilli(),
	})
}

type appInfo struct {
	ID         string   `json:"id"`
	State      string   `json:"state"`
	User       string   `json:"user"`
	Containers []string `json:"containerids"`
}

func appOf(a container.App) appInfo {
	slices.SortFunc(a.Containers, yarn.ContainerID.Compare)
	out := appInfo{ID: a.ID.String(), State: a.State, User: a.User, Containers: []string{}}
	for _, c := range a.Containers {
		out.Containers = append(out.Containers, c.String())
	}
	return out
}

// appStates are the states of an application on a node.
var appStates = [...]string{"NEW", "INITING", "RUNNING", "FINISHING_CONTAINERS_WAIT", "APPLICATION_RESOURCES_CLEANINGUP", "FINISHED"}

func (p *pages) apps(w http.ResponseWriter, r *http.Request) {
	state, user := r.URL.Query().Get("state"), r.URL.Query().Get("user")
	if state != "" && !slices.Contains(appStates[:], state) {
		hadoophttp.Fail(w, r, hadoophttp.NoEnumConstant("org.apache.hadoop.yarn.server.nodemanager.containermanager.application.ApplicationState", state))
		return
	}
	if r.URL.Query().Has("user") && user == "" {
		hadoophttp.Fail(w, r, hadoophttp.BadRequest("Error: You must specify a non-empty string for the user"))
		return
	}
	list := p.Manager.Apps()
	slices.SortFunc(list, func(a, b container.App) int { return a.ID.Compare(b.ID) })
	var out []appInfo
	for _, a := range list {
		if (state == "" || state == a.State) && (user == "" || user == a.User) {
			out = append(out, appOf(a))
		}
	}
	hadoophttp.Answer(w, r, http.StatusOK, "apps", struct {
		App []appInfo `json:"app,omitempty"`
	}{out})
}

func (p *pages) app(w http.ResponseWriter, r *http.Request) {
	id, err := yarn.ParseApplicationID(trim(r.PathValue("id")))
	if err != nil {
		hadoophttp.Fail(w, r, hadoophttp.IllegalArgument("I%s", err.Error()[1:])) // Hadoop's text begins with a capital
		return
	}
	a, ok := p.findApp(id)
	if !ok {
		hadoophttp.Fail(w, r, hadoophttp.NotFound("app with id %s not found", id))
		return
	}
	hadoophttp.Answer(w, r, http.StatusOK, "app", appOf(a))
}

func (p *pages) findApp(id yarn.ApplicationID) (container.App, bool) {
	for _, a := range p.Manager.Apps() {
		if a.ID == id {
			return a, true
		}
	}
	return container.App{}, false
}

type containerInfo struct {
	ID            string   `json:"id"`
	State         string   `json:"state"`
	ExitCode      int32    `json:"exitCode"`
	Diagnostics   string   `json:"diagnostics"`
	User          string   `json:"user"`
	MemoryMB      int64    `json:"totalMemoryNeededMB"`
	VCores        int64    `json:"totalVCoresNeeded"`
	ExecutionType string   `json:"executionType"`
	LogsLink      string   `json:"containerLogsLink"`
	NodeID        string   `json:"nodeId"`
	LogFiles      []string `json:"containerLogFiles"`
}

// stateNames are Hadoop's names of the states.
var stateNames = map[container.State]string{container.New: "NEW", container.Localizing: "LOCALIZING", container.Launching: "SCHEDULED",
	container.Running: "RUNNING", container.Reinitializing: "REINITIALIZING", container.Relaunching: "RELAUNCHING", container.Killing: "KILLING", container.Ending: "COMPLETING", container.Done: "DONE"}

func (p *pages) containerOf(s container.Status) containerInfo {
	out := containerInfo{ID: s.Spec.ID.String(), State: stateNames[s.State], ExitCode: int32(s.Exit), Diagnostics: s.Diagnostics, User: s.Spec.User,
		MemoryMB: s.Spec.Resource[yarn.Memory], VCores: s.Spec.Resource[yarn.VCores], ExecutionType: "GUARANTEED", NodeID: p.Node.String(),
		LogsLink: "http://" + p.Node.Host + ":" + strconv.Itoa(p.HTTPPort) + "/node/containerlogs/" + s.Spec.ID.String() + "/" + s.Spec.User, LogFiles: []string{}}
	if s.Spec.Grant.Opportunistic {
		out.ExecutionType = "OPPORTUNISTIC"
	}
	for _, f := range p.logFiles(s.Spec.ID, s.Owner) {
		out.LogFiles = append(out.LogFiles, f.name)
	}
	return out
}

func (p *pages) containers(w http.ResponseWriter, r *http.Request) {
	var out []containerInfo
	for _, c := range p.Manager.Containers() {
		out = append(out, p.containerOf(c.Status()))
	}
	slices.SortFunc(out, func(a, b containerInfo) int { return cmp.Compare(a.ID, b.ID) })
	hadoophttp.Answer(w, r, http.StatusOK, "containers", struct {
		Container []containerInfo `json:"container,omitempty"`
	}{out})
}

func (p *pages) container(w http.ResponseWriter, r *http.Request) {
	id, err := yarn.ParseContainerID(trim(r.PathValue("id")))
	if err != nil {
		hadoophttp.Fail(w, r, hadoophttp.BadRequest("invalid container id, %s", r.PathValue("id")))
		return
	}
	c, err := p.Manager.Find(id)
	if err != nil {
		hadoophttp.Fail(w, r, hadoophttp.NotFound("container with id, %s, not found", id))
		return
	}
	hadoophttp.Answer(w, r, http.StatusOK, "container", p.containerOf(c.Status()))
}

type gpuInfo struct {
	Index     int    `json:"index"`
	Minor     int    `json:"minorNumber"`
	UUID      string `json:"uuid"`
	Name      string `json:"productName"`
	Lost      bool   `json:"lost,omitempty"`
	Container string `json:"containerId,omitempty"`
}

func (p *pages) resources(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name != yarn.GPUName || !p.Devices.Counted() {
		hadoophttp.AnswerBare(w, r, http.StatusOK, "nmResourceInfo", struct{}{})
		return
	}
	var total, assigned []gpuInfo
	for _, a := range p.Devices.Assignments() {
		g := gpuInfo{Index: a.Index, Minor: a.Minor, UUID: a.UUID, Name: a.Name, Lost: a.Lost}
		total = append(total, g)
		if a.Container != (yarn.ContainerID{}) {
			g.Container = a.Container.String()
			assigned = append(assigned, g)
		}
	}
	hadoophttp.AnswerBare(w, r, http.StatusOK, "nmGpuResourceInfo", struct {
		Total    []gpuInfo `json:"totalGpuDevices"`
		Assigned []gpuInfo `json:"assignedGpuDevices"`
	}{total, assigned})
}

func (p *pages) auxiliary(w http.ResponseWriter, r *http.Request) {
	hadoophttp.Fail(w, r, hadoophttp.BadRequest("Auxiliary services manifest is not enabled"))
}
