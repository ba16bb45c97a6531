package framework

import (
	"fmt"
	"time"

	"heddle/jobspec"
)

// Verdict is why an attempt of the job ends.
type Verdict struct {
	Exit
	Role  string // of the task that caused it; "" when none did
	Index int
}

// count is a role's tasks that have ended.
type count struct{ succeeded, failed int }

// judge applies the completion policy after the task of role that ended last, with its exit; nil: go on.
// FrameworkLauncher's rules: the minFailed-th failure fails the job, the minSucceeded-th success ends it as
// succeeded, and when every task of every role has ended and neither rule was met it has succeeded.
func judge(role *jobspec.Role, now count, last *Task, allEnded bool) *Verdict {
	switch {
	case last.exit.Code != 0 && role.MinFailed > 0 && now.failed >= role.MinFailed:
		return &Verdict{Exit: *last.exit, Role: last.Role, Index: last.Index}
	case last.exit.Code == 0 && role.MinSucceeded > 0 && now.succeeded >= role.MinSucceeded:
		return &Verdict{Exit: Exit{Class: Success, Reason: fmt.Sprintf("%d tasks of %s succeeded", now.succeeded, role.Name)}, Role: last.Role, Index: last.Index}
	case allEnded:
		return &Verdict{Exit: Exit{Class: Success, Reason: "all tasks have ended"}}
	}
	return nil
}

// RetryAlways is the retry count that starts a job again whatever happened.
const RetryAlways = -2

// RetryFailed starts it again after every failure.
const RetryFailed = -1

// cause says for which counter another attempt counts.
type cause int

const (
	noRetry cause = iota
	byUser
	byPlatform
	byResource
)

// retry decides whether another attempt follows. used is the number of attempts that the job's own
// failures have cost so far.
func retry(maxRetries int, e Exit, used int) cause {
	if maxRetries != RetryAlways { // FrameworkLauncher's fancy policy, as OpenPAI sets it
		switch e.Class {
		case Transient:
			return byPlatform
		case Conflict:
			return byResource
		case NonTransient, Success:
			return noRetry
		}
	}
	switch {
	case maxRetries == RetryAlways, maxRetries == RetryFailed && e.Code != 0, e.Code != 0 && used < maxRetries:
		return byUser
	}
	return noRetry
}

// Bounds on the pauses between attempts.
const (
	firstPause    = time.Second
	lastPause     = time.Minute
	firstConflict = 10 * time.Second
	lastConflict  = 10 * time.Minute
)

// pause is how long the n-th retry in a row (from 0) waits: it doubles, so that a job that fails at once
// does not keep the cluster busy.
func pause(n int, first, last time.Duration) time.Duration {
	d := first
	for range n {
		if d *= 2; d >= last {
			return last
		}
	}
	return d
}
