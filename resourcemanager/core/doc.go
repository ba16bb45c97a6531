// Package core owns the ResourceManager's applications, attempts, containers and nodes.
//
// One goroutine changes them. It takes commands from its inbox in batches, runs a
// placement pass of the scheduler, publishes an immutable View, and only then lets the
// callers of the batch go on. It does no I/O: records go to a Recorder that reports
// back, AMs are started by a Launcher that reports back.
//
//	heartbeat, allocate ──no news──> NodeSession / AMSession ──> reply   (core not asked)
//	        │ news                          ▲ grants, exits, clean-ups
//	        ▼                               │
//	inbox ──batch──> state machines ──> scheduler.Place ──> View ──> readers
//	                     │  ▲
//	                     ▼  │ saved, launched
//	              Recorder, Launcher
package core
