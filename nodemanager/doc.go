// Package nodemanager is the NodeManager: it wires the rooms below it together from a
// Hadoop configuration and runs them until its context ends.
//
//	AM, RM -> service -> container -> localizer, launch, executor, device
//	                         |-> aggregation (logs), shuffle (map outputs), plugin (other devices)
//	RM <- updater (heartbeats) <- container, dirs and health (health), monitor (memory)
//	browser, yarn logs -> web
package nodemanager
