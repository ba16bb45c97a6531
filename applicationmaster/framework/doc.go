// Package framework is a running job as a pure state machine: it takes what happens
// (grants, reports of agents, ends of containers, time) and gives orders (ask, launch,
// stop, release). It knows no network, no clock and no randomness of its own, so that
// every story of a job can be told in a test.
//
//	job:   GATHERING -> RUNNING -> ENDING -> COMPLETED
//	           ^                      |
//	           +----- BACKING_OFF <---+   (another attempt)
//	task:  TASK_WAITING -> CONTAINER_REQUESTED -> CONTAINER_ALLOCATED -> CONTAINER_LAUNCHED
//	       -> CONTAINER_READY (at the barrier) -> CONTAINER_RUNNING -> TASK_COMPLETED
package framework
