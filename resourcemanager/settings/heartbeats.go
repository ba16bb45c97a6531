package settings

import (
	"fmt"
	"time"

	"heddle/hadoop/conf"
)

// Scaling makes nodes that are busier than the average send heartbeats less often, and others more often.
type Scaling struct {
	Enabled           bool
	Min, Max          int64   // ms
	Speedup, Slowdown float32 // of the interval, for each whole of difference
}

// readHeartbeats reads how often nodes are to report.
func (s *Settings) readHeartbeats(v *conf.Values) {
	const key = "yarn.resourcemanager.nodemanagers."
	s.HeartbeatMillis = v.Duration(key+"heartbeat-interval-ms", time.Second, time.Millisecond).Milliseconds()
	if s.HeartbeatMillis <= 0 {
		v.Fail(v.Config.Invalid(key+"heartbeat-interval-ms", "a time above 0"))
	}
	s.Scaling.Enabled = v.Bool(key+"heartbeat-interval-scaling-enable", false)
	if !s.Scaling.Enabled {
		return
	}
	s.Scaling.Min = v.Duration(key+"heartbeat-interval-min-ms", time.Second, time.Millisecond).Milliseconds()
	s.Scaling.Max = v.Duration(key+"heartbeat-interval-max-ms", time.Second, time.Millisecond).Milliseconds()
	s.Scaling.Speedup = float32(v.Float(key+"heartbeat-interval-speedup-factor", 1))
	s.Scaling.Slowdown = float32(v.Float(key+"heartbeat-interval-slowdown-factor", 1))
	if x := s.Scaling; x.Min <= 0 || x.Min > s.HeartbeatMillis || x.Max < s.HeartbeatMillis {
		v.Fail(fmt.Errorf("Invalid NM Heartbeat Configuration. Required: 0 < minimum <= interval <= maximum. Got: 0 < %d <= %d <= %d (%sheartbeat-interval-min-ms, -ms and -max-ms)", x.Min, s.HeartbeatMillis, x.Max, key)) //nolint:revive // Hadoop's text
	}
	if x := s.Scaling; x.Speedup < 0 || x.Slowdown < 0 {
		v.Fail(fmt.Errorf("Invalid NM Heartbeat Configuration. Required: speedup and slowdown factors of zero or more. Got: %v, %v (%sheartbeat-interval-speedup-factor and -slowdown-factor)", x.Speedup, x.Slowdown, key)) //nolint:revive // Hadoop's text
	}
}

// LongestBeat is the longest interval, in ms, after which a node may be asked to report.
func (s *Settings) LongestBeat() int64 {
	if s.Scaling.Enabled {
		return s.Scaling.Max
	}
	return s.HeartbeatMillis
}
