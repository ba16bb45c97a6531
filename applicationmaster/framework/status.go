package framework

import (
	"fmt"

	"heddle/job/status"
)

// Status is the job as clients see it.
func (j *Job) Status() *status.Job {
	s := &status.Job{
		Name: j.spec.Name, User: j.spec.User, Queue: j.spec.Queue, Application: j.app,
		State: j.public(), Detail: j.detail(), Started: millis(j.started), Ended: millis(j.ended), Attempt: j.attempt, Retries: j.retries,
	}
	if v := j.verdict; v != nil {
		s.Diagnostics = v.Describe()
		if j.state == Completed {
			s.ExitCode = new(v.Code)
		}
	}
	next := 0
	for i := range j.spec.Roles {
		r := status.Role{Name: j.spec.Roles[i].Name}
		for range j.spec.Roles[i].Instances {
			r.Tasks = append(r.Tasks, j.tasks[next].status())
			next++
		}
		s.Roles = append(s.Roles, r)
	}
	return s
}

// Describe is the verdict in one line.
func (v *Verdict) Describe() string {
	switch {
	case v.Role == "":
		return v.Reason
	case v.Code == 0:
		return fmt.Sprintf("%s (the last was %s-%d)", v.Reason, v.Role, v.Index)
	}
	return fmt.Sprintf("task %s-%d failed with exit code %d: %s", v.Role, v.Index, v.Code, v.Reason)
}

func (j *Job) public() status.State {
	switch {
	case j.killed:
		return status.Stopped
	case j.state == Running, j.state == Ending && j.ran():
		return status.Running
	case j.state != Completed:
		return status.Waiting
	case j.verdict.Code == 0:
		return status.Succeeded
	}
	return status.Failed
}

func (j *Job) detail() string {
	count := func(at func(TaskState) bool) int {
		n := 0
		for _, t := range j.tasks {
			if at(t.state) {
				n++
			}
		}
		return n
	}
	switch j.state {
	case Gathering:
		return fmt.Sprintf("gathering: %d of %d tasks have a container, %d are ready",
			count(func(s TaskState) bool { return s > TaskRequested }), len(j.tasks), count(func(s TaskState) bool { return s == TaskReady }))
	case Running:
		return fmt.Sprintf("%d of %d tasks run", count(func(s TaskState) bool { return s == TaskRunning }), len(j.tasks))
	case Ending:
		return fmt.Sprintf("stopping %d tasks", count(func(s TaskState) bool { return s != TaskCompleted }))
	case BackingOff:
		return fmt.Sprintf("attempt %d has ended; the next begins soon", j.attempt)
	}
	return ""
}

// ran reports whether this attempt got as far as to run.
func (j *Job) ran() bool {
	for _, t := range j.tasks {
		if !t.started.IsZero() {
			return true
		}
	}
	return false
}

// Progress is the part of the tasks that have ended, from 0 to 1: what YARN shows of an application.
func (j *Job) Progress() float32 {
	n := 0
	for _, t := range j.tasks {
		if t.state == TaskCompleted {
			n++
		}
	}
	return float32(n) / float32(len(j.tasks))
}
