// Package scheduler decides which container goes to which node.
//
// It is a pure state machine: nodes, applications and asks come in by method calls,
// a placement pass returns decisions, and the same calls give the same decisions on
// every machine. Capacities and shares are integers (parts per million), resources
// are integer vectors, time is a number that the caller passes. There is no
// goroutine, lock, clock or I/O inside; one goroutine owns a Scheduler.
//
//	asks, nodes ──> Scheduler ──Place(now)──> grants
//	                 │ queue: who is furthest below its share (guaranteed, maximum)
//	                 │ user:  user-limit-factor
//	                 │ app:   priority, then order of submission
//	                 │ ask:   host, rack, anywhere (free-capacity index)
//	                 └ tx:    tentative grants, undone together when a gang is not whole
package scheduler
