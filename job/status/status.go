// Package status is what is told of a job: the ApplicationMaster serves it while it lives and
// leaves it in the staging directory at the end; clients show it. JSON on the wire and in the file.
package status

import "slices"

// State is a job's or a task's state, in OpenPAI's words.
type State string

// States.
const (
	Waiting   State = "WAITING"
	Running   State = "RUNNING"
	Succeeded State = "SUCCEEDED"
	Failed    State = "FAILED"
	Stopped   State = "STOPPED" // by a user, or a task when its job ended
)

// Final reports whether nothing more will happen.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Stopped }

// MaxBytes bounds the JSON text that clients read.
const MaxBytes = 64 << 20

// Job is a job's status. Times are ms since 1970, 0 when it has not come to that.
type Job struct {
	Name        string `json:"name"`
	User        string `json:"user"`
	Queue       string `json:"queue"`
	Application string `json:"application"`

	State       State  `json:"state"`
	Detail      string `json:"detail,omitempty"` // what it is doing now, in words
	ExitCode    *int   `json:"exitCode,omitempty"`
	Diagnostics string `json:"diagnostics,omitempty"`
	Started     int64  `json:"started"`
	Ended       int64  `json:"ended,omitempty"`

	Attempt int     `json:"attempt"` // of the whole job, from 1
	Retries Retries `json:"retries"`
	Roles   []Role  `json:"roles"`
}

// Retries counts the attempts that ended and were followed by another, by cause.
type Retries struct {
	User     int `json:"user"`     // the job itself failed
	Platform int `json:"platform"` // a node or container was lost
	Resource int `json:"resource"` // the gang did not become whole
}

// Role is the tasks of one role.
type Role struct {
	Name  string `json:"name"`
	Tasks []Task `json:"tasks"`
}

// Task is one task.
type Task struct {
	Index     int              `json:"index"`
	State     State            `json:"state"`
	Phase     string           `json:"phase"` // the finer state of the ApplicationMaster
	Container string           `json:"container,omitempty"`
	Node      string           `json:"node,omitempty"`     // host:port of the NodeManager
	NodeHTTP  string           `json:"nodeHttp,omitempty"` // host:port of its web server
	Host      string           `json:"host,omitempty"`
	Ports     map[string][]int `json:"ports,omitempty"`
	ExitCode  *int             `json:"exitCode,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Started   int64            `json:"started,omitempty"`
	Ended     int64            `json:"ended,omitempty"`
}

// Count is the number of tasks in a state.
func (j *Job) Count(s State) int {
	n := 0
	for _, r := range j.Roles {
		for _, t := range r.Tasks {
			if t.State == s {
				n++
			}
		}
	}
	return n
}

// Tasks is the number of tasks.
func (j *Job) Tasks() int {
	n := 0
	for _, r := range j.Roles {
		n += len(r.Tasks)
	}
	return n
}

// Find finds a role by name.
func (j *Job) Find(role string) (*Role, bool) {
	i := slices.IndexFunc(j.Roles, func(r Role) bool { return r.Name == role })
	if i < 0 {
		return nil, false
	}
	return &j.Roles[i], true
}
