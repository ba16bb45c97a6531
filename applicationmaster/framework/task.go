package framework

import (
	"time"

	"heddle/job/rendezvous"
	"heddle/job/status"
	"heddle/statemachine"
	"heddle/yarn"
)

// TaskState is a task's state; the words are OpenPAI's, with READY for the barrier.
type TaskState int

// States of a task.
const (
	TaskWaiting TaskState = iota
	TaskRequested
	TaskAllocated // granted; its start is under way
	TaskLaunched  // started; the agent prepares
	TaskReady     // the agent waits at the barrier
	TaskRunning
	TaskStopping // told to end
	TaskCompleted
)

func (s TaskState) String() string {
	return [...]string{"TASK_WAITING", "CONTAINER_REQUESTED", "CONTAINER_ALLOCATED", "CONTAINER_LAUNCHED", "CONTAINER_READY",
		"CONTAINER_RUNNING", "CONTAINER_STOPPING", "TASK_COMPLETED"}[s]
}

// TaskEvent is what can happen to a task.
type TaskEvent int

// Events of a task.
const (
	TaskRequest      TaskEvent = iota // its container is asked for
	TaskGrant                         // and granted
	TaskStarted                       // the NodeManager has taken it
	TaskAtGate                        // its agent is ready
	TaskGo                            // the gang is whole
	TaskStop                          // the job ends
	TaskContainerEnd                  // its container has ended, or could not be started
	TaskReset                         // another attempt of the job begins
)

func (e TaskEvent) String() string {
	return [...]string{"REQUEST", "GRANT", "STARTED", "AT_GATE", "GO", "STOP", "CONTAINER_END", "RESET"}[e]
}

// Task is one instance of a role.
type Task struct {
	Role  string
	Index int

	state     TaskState
	container yarn.ContainerID
	grant     Grant
	place     rendezvous.Place
	report    *rendezvous.Exit // the agent's word on the end
	exit      *Exit
	started   time.Time // of the command
	ended     time.Time
	stopped   bool // it ended because the job did
}

func to(s TaskState) []TaskState { return []TaskState{s} }

// tasks lists every legal step of a task. Events that may come late, from a container that is
// being stopped, have steps that stay.
var tasks = statemachine.Compile(statemachine.Table[TaskState, TaskEvent, *Task]{
	{From: TaskWaiting, On: TaskRequest, To: to(TaskRequested)},
	{From: TaskWaiting, On: TaskStop, To: to(TaskCompleted)},

	{From: TaskRequested, On: TaskGrant, To: to(TaskAllocated)},
	{From: TaskRequested, On: TaskStop, To: to(TaskCompleted)},

	{From: TaskAllocated, On: TaskStarted, To: to(TaskLaunched)},
	{From: TaskAllocated, On: TaskAtGate, To: to(TaskReady)}, // the agent was faster than the NodeManager's answer
	{From: TaskAllocated, On: TaskStop, To: to(TaskStopping)},
	{From: TaskAllocated, On: TaskContainerEnd, To: to(TaskCompleted)},

	{From: TaskLaunched, On: TaskAtGate, To: to(TaskReady)},
	{From: TaskLaunched, On: TaskStop, To: to(TaskStopping)},
	{From: TaskLaunched, On: TaskContainerEnd, To: to(TaskCompleted)},

	{From: TaskReady, On: TaskStarted, To: to(TaskReady)},
	{From: TaskReady, On: TaskAtGate, To: to(TaskReady)}, // it asked again after a lost answer
	{From: TaskReady, On: TaskGo, To: to(TaskRunning)},
	{From: TaskReady, On: TaskStop, To: to(TaskStopping)},
	{From: TaskReady, On: TaskContainerEnd, To: to(TaskCompleted)},

	{From: TaskRunning, On: TaskStarted, To: to(TaskRunning)},
	{From: TaskRunning, On: TaskStop, To: to(TaskStopping)},
	{From: TaskRunning, On: TaskContainerEnd, To: to(TaskCompleted)},

	{From: TaskStopping, On: TaskStarted, To: to(TaskStopping)},
	{From: TaskStopping, On: TaskContainerEnd, To: to(TaskCompleted)},

	{From: TaskCompleted, On: TaskReset, To: to(TaskWaiting)},
})

// live reports whether the task holds a container.
func (t *Task) live() bool { return t.state > TaskRequested && t.state < TaskCompleted }

// phase is the state for clients.
func (t *Task) phase() status.State {
	switch {
	case t.state == TaskRunning:
		return status.Running
	case t.state != TaskCompleted:
		return status.Waiting
	case t.stopped:
		return status.Stopped
	case t.exit != nil && t.exit.Code != 0:
		return status.Failed
	}
	return status.Succeeded
}

func (t *Task) status() status.Task {
	s := status.Task{Index: t.Index, State: t.phase(), Phase: t.state.String(), Host: t.place.Host, Ports: t.place.Ports, Started: millis(t.started), Ended: millis(t.ended)}
	if t.container != (yarn.ContainerID{}) {
		s.Container, s.Node, s.NodeHTTP = t.container.String(), t.grant.Node.String(), t.grant.NodeHTTP
	}
	if t.state == TaskStopping && !t.started.IsZero() {
		s.State = status.Running
	}
	if t.exit != nil {
		s.ExitCode, s.Reason = new(t.exit.Code), t.exit.Reason
	}
	return s
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
