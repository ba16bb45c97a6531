package yarn

// ExitStatus is a container's exit code, or one of the negative values below where
// the container did not end by itself (Hadoop's ContainerExitStatus).
type ExitStatus int32

// Exit statuses that are not process exit codes.
const (
	ExitSuccess                  ExitStatus = 0
	ExitInvalid                  ExitStatus = -1000 // still running, or never started
	ExitAborted                  ExitStatus = -100  // released, node lost or decommissioned
	ExitDisksFailed              ExitStatus = -101
	ExitPreempted                ExitStatus = -102
	ExitKilledExceededVMem       ExitStatus = -103
	ExitKilledExceededPMem       ExitStatus = -104
	ExitKilledByAppMaster        ExitStatus = -105
	ExitKilledByResourceManager  ExitStatus = -106
	ExitKilledAfterAppCompletion ExitStatus = -107
	ExitKilledBySchedulerNM      ExitStatus = -108
	ExitKilledForExcessLogs      ExitStatus = -109
	ExitForceKilled              ExitStatus = 137 // SIGKILL
	ExitTerminated               ExitStatus = 143 // SIGTERM
	ExitLost                     ExitStatus = 154 // the NodeManager could not learn it
)

// AppState is what clients see of an application (YarnApplicationState; numbers are Hadoop's).
type AppState int32

// Application states as reported to clients.
const (
	AppNew       AppState = 1
	AppNewSaving AppState = 2
	AppSubmitted AppState = 3
	AppAccepted  AppState = 4
	AppRunning   AppState = 5
	AppFinished  AppState = 6
	AppFailed    AppState = 7
	AppKilled    AppState = 8
)

var appStateNames = [...]string{"", "NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING", "FINISHED", "FAILED", "KILLED"}

func (s AppState) String() string { return nameOf(appStateNames[:], int(s)) }

// Final reports whether the application has ended.
func (s AppState) Final() bool { return s >= AppFinished && s <= AppKilled }

// ParseAppState reads a state's name; ok is false for an unknown one.
func ParseAppState(s string) (state AppState, ok bool) {
	for i, n := range appStateNames {
		if n == s && i > 0 {
			return AppState(i), true
		}
	}
	return 0, false
}

// FinalStatus is an application's outcome as its AM told it (FinalApplicationStatus).
type FinalStatus int32

// Final statuses.
const (
	FinalUndefined FinalStatus = 0
	FinalSucceeded FinalStatus = 1
	FinalFailed    FinalStatus = 2
	FinalKilled    FinalStatus = 3
	FinalEnded     FinalStatus = 4
)

func (s FinalStatus) String() string {
	return nameOf([]string{"UNDEFINED", "SUCCEEDED", "FAILED", "KILLED", "ENDED"}, int(s))
}

// AttemptState is what clients see of an attempt (YarnApplicationAttemptState).
type AttemptState int32

// Attempt states as reported to clients.
const (
	AttemptNew             AttemptState = 1
	AttemptSubmitted       AttemptState = 2
	AttemptScheduled       AttemptState = 3
	AttemptAllocatedSaving AttemptState = 4
	AttemptAllocated       AttemptState = 5
	AttemptLaunched        AttemptState = 6
	AttemptFailed          AttemptState = 7
	AttemptRunning         AttemptState = 8
	AttemptFinishing       AttemptState = 9
	AttemptFinished        AttemptState = 10
	AttemptKilled          AttemptState = 11
)

func (s AttemptState) String() string {
	return nameOf([]string{"", "NEW", "SUBMITTED", "SCHEDULED", "ALLOCATED_SAVING", "ALLOCATED", "LAUNCHED",
		"FAILED", "RUNNING", "FINISHING", "FINISHED", "KILLED"}, int(s))
}

// ContainerState is a container's coarse state (ContainerState).
type ContainerState int32

// Container states.
const (
	ContainerNew      ContainerState = 1
	ContainerRunning  ContainerState = 2
	ContainerComplete ContainerState = 3
)

func (s ContainerState) String() string {
	return nameOf([]string{"", "NEW", "RUNNING", "COMPLETE"}, int(s))
}

// NodeState is a node's state as the ResourceManager sees it (NodeState).
type NodeState int32

// Node states.
const (
	NodeNew             NodeState = 1
	NodeRunning         NodeState = 2
	NodeUnhealthy       NodeState = 3
	NodeDecommissioned  NodeState = 4
	NodeLost            NodeState = 5
	NodeRebooted        NodeState = 6
	NodeDecommissioning NodeState = 7
	NodeShutdown        NodeState = 8
)

var nodeStateNames = [...]string{"", "NEW", "RUNNING", "UNHEALTHY", "DECOMMISSIONED", "LOST", "REBOOTED", "DECOMMISSIONING", "SHUTDOWN"}

func (s NodeState) String() string { return nameOf(nodeStateNames[:], int(s)) }

// ParseNodeState reads a state's name; ok is false for an unknown one.
func ParseNodeState(s string) (state NodeState, ok bool) {
	for i, n := range nodeStateNames {
		if n == s && i > 0 {
			return NodeState(i), true
		}
	}
	return 0, false
}

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) || names[i] == "" {
		return "UNKNOWN"
	}
	return names[i]
}
