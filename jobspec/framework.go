// Package jobspec reads jobs as OpenPAI's users write them, protocol version 2 in
// YAML or version 1 in JSON, and renders them into a Framework: what the
// ApplicationMaster runs.
//
//	bytes -> tree (with lines) -> v1 or v2 -> Framework
//	                           \-> Problems: every mistake at once, each with its line
//
// Fields of the protocols that are not built yet are mistakes, too: a job that asks
// for something gets it or is told.
package jobspec

import (
	"slices"
	"strings"
)

// Limits of one job.
const (
	MaxBytes     = 1 << 20 // of a job file
	MaxInstances = 10_000  // of a role
	MaxPorts     = 100     // of a label
)

// DefaultQueue is the virtual cluster of jobs that name none.
const DefaultQueue = "default"

// Labels of the ports that every task has.
const (
	PortHTTP = "http"
	PortSSH  = "ssh"
)

// Framework is a rendered job. It travels as JSON to the ApplicationMaster and the agents.
type Framework struct {
	Name  string `json:"name"`
	User  string `json:"user"`
	Queue string `json:"queue"`

	// RetryCount is how often the whole job starts again after a failure of its own:
	// -1 after every failure, -2 always. Failures of the platform do not count.
	RetryCount int `json:"retryCount"`

	Roles []Role            `json:"roles"` // in the order of the file
	Env   map[string]string `json:"env,omitempty"`

	// Directories as URIs; empty when the job has none. CodeDir is copied into each
	// task's working directory, the others are only told.
	CodeDir   string `json:"codeDir,omitempty"`
	DataDir   string `json:"dataDir,omitempty"`
	OutputDir string `json:"outputDir,omitempty"`

	// DefaultFS is the cluster's default file system, for $PAI_DEFAULT_FS_URI.
	DefaultFS string `json:"defaultFS,omitempty"`
}

// Role is a set of tasks that do the same.
type Role struct {
	Name      string `json:"name"`
	Instances int    `json:"instances"`
	Command   string `json:"command"`
	Image     string `json:"image,omitempty"` // empty: processes of the node

	CPU      int `json:"cpu"`
	MemoryMB int `json:"memoryMB"`
	GPUs     int `json:"gpus"`
	ShmMB    int `json:"shmMB"` // of a container's /dev/shm

	Ports []Port `json:"ports"`

	// The job ends as failed with the MinFailed-th failed task, and as succeeded with the
	// MinSucceeded-th succeeded one; 0 means that the role never ends it that way.
	MinFailed    int `json:"minFailed"`
	MinSucceeded int `json:"minSucceeded"`

	Data   string `json:"data,omitempty"`   // first URI of the role's data
	Output string `json:"output,omitempty"` // URI of the role's output
}

// Port is a label for some ports of each task.
type Port struct {
	Label string `json:"label"`
	Count int    `json:"count"`
	Start int    `json:"start,omitempty"` // 0: any free port
}

// Role finds a role by name.
func (f *Framework) Role(name string) (*Role, bool) {
	i := slices.IndexFunc(f.Roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return nil, false
	}
	return &f.Roles[i], true
}

// Tasks is the number of tasks of all roles.
func (f *Framework) Tasks() int {
	n := 0
	for _, r := range f.Roles {
		n += r.Instances
	}
	return n
}

// Images lists the different images of the job.
func (f *Framework) Images() []string {
	var out []string
	for _, r := range f.Roles {
		if r.Image != "" && !slices.Contains(out, r.Image) {
			out = append(out, r.Image)
		}
	}
	return out
}

// Expand replaces what directories may name: $PAI_DEFAULT_FS_URI, $PAI_JOB_NAME and $PAI_USER_NAME.
func (f *Framework) Expand() {
	r := strings.NewReplacer("$PAI_DEFAULT_FS_URI", f.DefaultFS, "$PAI_JOB_NAME", f.Name, "$PAI_USER_NAME", f.User, "$PAI_USERNAME", f.User)
	for _, dir := range []*string{&f.CodeDir, &f.DataDir, &f.OutputDir} {
		*dir = r.Replace(*dir)
	}
	for i := range f.Roles {
		role := &f.Roles[i]
		role.Data, role.Output = r.Replace(role.Data), r.Replace(role.Output)
	}
}

// withDefaultPorts adds the labels that OpenPAI gives to every task.
func withDefaultPorts(ports []Port) []Port {
	for _, label := range []string{PortHTTP, PortSSH} {
		if !slices.ContainsFunc(ports, func(p Port) bool { return p.Label == label }) {
			ports = append(ports, Port{Label: label, Count: 1})
		}
	}
	return ports
}
