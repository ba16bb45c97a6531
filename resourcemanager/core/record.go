package core

import (
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// Submission is an application as it was submitted.
type Submission struct {
	ID              yarn.ApplicationID
	Name            string
	User            string
	Queue           string // as the client gave it
	Type            string
	Tags            []string
	Priority        int32
	MaxAttempts     int // 0: the cluster's maximum
	KeepContainers  bool
	Unmanaged       bool
	AM              []scheduler.Request // the AM container's asks, normalized; none if unmanaged
	FailureValidity int64               // ms in which failures count; -1: always
	ViewACL         string              // who else may see it
	ModifyACL       string              // who else may change it
	NodeLabel       string
	LabelGiven      bool   // a node label expression was given, be it empty
	LogAggregation  []byte // encoded LogAggregationContextProto, for container tokens
	Context         []byte // the whole encoded ApplicationSubmissionContextProto
	SubmitTime      int64  // ms
	Expires         int64  // ms; killed then if it still runs; 0: never
}

// AppRecord is an application as it is stored.
type AppRecord struct {
	Submission  Submission
	Start       int64 // ms
	Launch      int64 // ms
	Finish      int64 // ms
	Final       bool
	State       yarn.AppState // Finished, Failed or Killed where Final
	Diagnostics string
}

// AttemptRecord is an attempt as it is stored.
type AttemptRecord struct {
	ID            yarn.AttemptID
	AM            *Grant // the AM's container; nil for an unmanaged AM
	Start, Finish int64  // ms
	Final         bool
	State         yarn.AttemptState // Finished, Failed or Killed where Final
	FinalStatus   yarn.FinalStatus
	ExitStatus    yarn.ExitStatus
	TrackingURL   string
	Diagnostics   string
	MemorySeconds int64
	VCoreSeconds  int64
}

// Recovered is what a store held when the ResourceManager started.
type Recovered struct {
	Apps     []AppRecord // in order of submission
	Attempts map[yarn.ApplicationID][]AttemptRecord
}
