package service

import (
	"context"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/settings"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Nodes that are busier than the average are asked less often, and others more often, within the bounds.
func TestBusyNodesReportLessOften(t *testing.T) {
	s := serviceOf(t)
	now := time.Now()
	s.Clock = func() time.Time { return now }
	join := func(host string, cores int32, told bool) *core.NodeSession {
		t.Helper()
		id := yarn.NodeID{Host: host, Port: 1}
		req := &yarnpb.RegisterNodeManagerRequestProto{NodeId: wire.NodeID(id), HttpPort: new(int32(80)), NmVersion: new("3.4.2"),
			Resource: &yarnpb.ResourceProto{Memory: new(int64(8192)), VirtualCores: new(int32(10))}}
		if told {
			req.PhysicalResource = &yarnpb.ResourceProto{Memory: new(int64(16384)), VirtualCores: &cores}
		}
		if _, err := s.registerNodeManager(context.Background(), req); err != nil {
			t.Fatal(err)
		}
		sess, ok := s.Core.NodeSession(id)
		if !ok {
			t.Fatal("the node is not known")
		}
		return sess
	}
	idle, busy, silent, quiet := join("idle", 20, true), join("busy", 20, true), join("silent", 20, false), join("quiet", 20, true)
	idle.Measure(core.Utilization{NodeCPU: 2})    // a tenth of its cores, 1 of 10 vcores
	busy.Measure(core.Utilization{NodeCPU: 50})   // more than it has, 10 of 10 vcores
	silent.Measure(core.Utilization{NodeCPU: 20}) // of nobody knows how many
	check := func(what string, want map[*core.NodeSession]int64) {
		t.Helper()
		for sess, ms := range want {
			if got := s.interval(sess); got < ms-1 || got > ms+1 { // Java's single precision
				t.Errorf("%s: %s is asked after %d ms, want %d", what, sess.ID.Host, got, ms)
			}
		}
	}
	check("without scaling", map[*core.NodeSession]int64{idle: 1000, busy: 1000, silent: 1000, quiet: 1000})
	s.Settings.Scaling = settings.Scaling{Enabled: true, Min: 900, Max: 3000, Speedup: 0.2, Slowdown: 2}
	check("with scaling", map[*core.NodeSession]int64{idle: 965, busy: 2450, silent: 1000, quiet: 1000}) // 11 of 40 vcores are used
	s.Settings.Scaling.Max, s.Settings.Scaling.Min = 1500, 990
	check("at the bounds", map[*core.NodeSession]int64{idle: 990, busy: 1500})

	idle.Measure(core.Utilization{NodeCPU: 20})
	quiet.Measure(core.Utilization{NodeCPU: 20})
	s.Settings.Scaling = settings.Scaling{Enabled: true, Min: 1, Max: 10000, Speedup: 1, Slowdown: 1}
	check("before the next look", map[*core.NodeSession]int64{idle: 1725})
	now = now.Add(2 * time.Second)
	check("after it", map[*core.NodeSession]int64{idle: 1250, busy: 1250})
	resp, err := s.nodeHeartbeat(t.Context(), &yarnpb.NodeHeartbeatRequestProto{NodeStatus: &yarnpb.NodeStatusProto{NodeId: wire.NodeID(busy.ID), ResponseId: new(int32(0))}})
	if err != nil || resp.GetNextHeartBeatInterval() != 1250 {
		t.Errorf("the answer says %d, %v", resp.GetNextHeartBeatInterval(), err)
	}
}
