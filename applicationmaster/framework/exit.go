package framework

import (
	"fmt"
	"strings"
	"syscall"

	"heddle/job/rendezvous"
	"heddle/yarn"
)

// Class says what an end means for another try (FrameworkLauncher's exit types).
type Class int

// Classes of exits.
const (
	Success      Class = iota
	Unknown            // the job's own failure: another try may help, and counts
	NonTransient       // another try would end the same way
	Transient          // the platform's fault: another try is free
	Conflict           // there was no room: another try is free, after a while
)

func (c Class) String() string {
	return [...]string{"SUCCEEDED", "UNKNOWN", "NON_TRANSIENT", "TRANSIENT_NORMAL", "TRANSIENT_CONFLICT"}[c]
}

// Exit is how a task, or a job, ended.
type Exit struct {
	Code   int
	Class  Class
	Reason string
}

// CodeStartFailed is the exit code of a container that its NodeManager did not start, and CodeGangTimeout
// that of an attempt whose gang was not whole in time (FrameworkLauncher's numbers).
const (
	CodeStartFailed = -7150
	CodeGangTimeout = -7252
	// CodeRMRefused is for a request that the ResourceManager refuses for good.
	CodeRMRefused = -7200
)

// agent's own exit codes, see package agent.
const (
	agentBarrier = 250
	agentPorts   = 253
)

// classOfYARN is what YARN's own exit statuses mean.
var classOfYARN = map[yarn.ExitStatus]Class{
	yarn.ExitAborted: Transient, yarn.ExitDisksFailed: Transient, yarn.ExitPreempted: Transient,
	yarn.ExitKilledExceededVMem: NonTransient, yarn.ExitKilledExceededPMem: NonTransient,
	yarn.ExitKilledByAppMaster: Transient, yarn.ExitKilledByResourceManager: Transient, yarn.ExitKilledAfterAppCompletion: Transient,
	yarn.ExitKilledForExcessLogs: NonTransient, yarn.ExitInvalid: NonTransient,
}

// signalClass is what ends by signal mean where the command itself was ended. A command that got KILL or
// TERM alone (its agent lived on) ran out of memory or was ended by a user: that is the job's own failure.
var signalClass = map[int]Class{
	128 + int(syscall.SIGILL): NonTransient, 128 + int(syscall.SIGBUS): NonTransient, 128 + int(syscall.SIGFPE): NonTransient,
	128 + int(syscall.SIGSEGV): NonTransient, 128 + int(syscall.SIGPIPE): NonTransient,
}

// exitOf judges the end of a container from its status and, where there is one, its agent's report.
func exitOf(s yarn.ExitStatus, diagnostics string, report *rendezvous.Exit) Exit {
	diagnostics = strings.TrimSpace(diagnostics)
	if s < 0 { // YARN ended it, whatever the agent had to say
		return Exit{int(s), yarnClass(s, diagnostics), orElse(diagnostics, fmt.Sprintf("the container ended with YARN's exit status %d", s))}
	}
	if report != nil {
		return Exit{report.Code, commandClass(report.Code), report.Reason}
	}
	switch s {
	case yarn.ExitSuccess:
		return Exit{Class: Success}
	case yarn.ExitForceKilled, yarn.ExitTerminated, yarn.ExitLost: // agent and all: not the job's doing
		return Exit{int(s), Transient, orElse(diagnostics, "the container was killed")}
	}
	// The agent did not run or could not speak: the image lacks bash, the volume is full, …
	return Exit{int(s), NonTransient, orElse(diagnostics, fmt.Sprintf("the container ended with code %d and its agent reported nothing", s))}
}

func yarnClass(s yarn.ExitStatus, diagnostics string) Class {
	if s == yarn.ExitAborted && strings.Contains(diagnostics, "expired since it was unused") {
		return Conflict
	}
	if c, ok := classOfYARN[s]; ok {
		return c
	}
	return NonTransient // such as a launch that failed: another one would, too
}

func commandClass(code int) Class {
	if c, ok := signalClass[code]; ok {
		return c
	}
	switch code {
	case 0:
		return Success
	case agentBarrier, agentPorts:
		return Transient
	}
	return Unknown
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
