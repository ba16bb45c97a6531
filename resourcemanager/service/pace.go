package service

import (
	"math"
	"sync/atomic"

	"heddle/resourcemanager/core"
)

// paceMillis is for how long the look at how busy all nodes are counts.
const paceMillis = 1000

// pace is how busy the nodes are together.
type pace struct {
	until atomic.Int64  // ms
	busy  atomic.Uint32 // bits of a float32 from 0 to 1
}

// interval is when, in ms, a node is to send its next heartbeat. With scaling, nodes that are busier than the average are
// asked less often and others more often (Hadoop's RMNodeImpl.calculateHeartBeatInterval).
func (s *Service) interval(sess *core.NodeSession) int64 {
	base, scaling := s.Settings.HeartbeatMillis, &s.Settings.Scaling
	if !scaling.Enabled {
		return base
	}
	node, ok := sess.Busy()
	if !ok {
		return base
	}
	all := s.allBusy()
	factor := scaling.Speedup
	if node > all {
		factor = scaling.Slowdown
	}
	scaled := int64(float32(base) * (1 + (node-all)*factor))
	return min(max(scaled, scaling.Min), scaling.Max)
}

// allBusy is how busy the running nodes are together. Not each heartbeat looks at all nodes.
func (s *Service) allBusy() float32 {
	now, until := s.Clock().UnixMilli(), s.pace.until.Load()
	if (now >= until || now < until-paceMillis) && s.pace.until.CompareAndSwap(until, now+paceMillis) {
		s.pace.busy.Store(math.Float32bits(s.Core.View().Busy()))
	}
	return math.Float32frombits(s.pace.busy.Load())
}
