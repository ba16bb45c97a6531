// Package nodemanager is the NodeManager: it wires the rooms below it together from a
// Hadoop configuration and runs them until its context ends.
//
//	AM, RM -> service -> container -> localizer, launch, executor, device
//	                         |-> aggregation (logs), shuffle (map outputs)
//	RM <- updater (heartbeats) <- container, dirs (health), monitor (memory)
//	browser, yarn logs -> web
package nodemanager
