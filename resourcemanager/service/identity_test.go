package service

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/yarn/wire"
)

// A node that lives is heard from where it registered, and nobody takes its name; once it is silent, it may come from elsewhere.
func TestALiveNodesNameIsItsOwn(t *testing.T) {
	s := serviceOf(t)
	now := time.Now()
	s.Clock = func() time.Time { return now }
	from := func(ip string) context.Context {
		return rpc.WithCall(t.Context(), &rpc.Call{RemoteAddr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
	}
	registration := &yarnpb.RegisterNodeManagerRequestProto{NodeId: wire.NodeID(testNode), HttpPort: new(int32(80)), NmVersion: new("3.4.2"),
		Resource: &yarnpb.ResourceProto{Memory: new(int64(8192)), VirtualCores: new(int32(8))}}
	register := func(ip string) error {
		resp, err := s.registerNodeManager(from(ip), registration)
		if err == nil && resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
			t.Fatalf("%v", resp)
		}
		return err
	}
	beat := func(ip string, last int32) *yarnpb.NodeHeartbeatResponseProto {
		t.Helper()
		if _, ok := s.quietHeartbeat(from(ip), encoded(t, s.beatOf(last, 0)), nil); ok {
			return &yarnpb.NodeHeartbeatResponseProto{ResponseId: new(last + 1), NodeAction: yarnpb.NodeActionProto_NORMAL.Enum()}
		}
		resp, err := s.nodeHeartbeat(from(ip), s.beatOf(last, 0))
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if err := register("10.0.0.1"); err != nil {
		t.Fatal(err)
	}
	for last := range int32(3) {
		if resp := beat("10.0.0.1", last); resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
			t.Fatalf("heartbeat %d: %v", last, resp)
		}
	}
	err := register("10.0.0.2")
	if !rpc.IsClass(err, rpc.ClassRetriable) || !strings.Contains(err.Error(), "registered from 10.0.0.1") || !strings.Contains(err.Error(), "from 10.0.0.2") {
		t.Errorf("a registration from elsewhere: %v", err)
	}
	if resp := beat("10.0.0.2", 3); resp.GetNodeAction() != yarnpb.NodeActionProto_RESYNC || !strings.Contains(resp.GetDiagnosticsMessage(), "10.0.0.2") {
		t.Errorf("a heartbeat from elsewhere: %v", resp)
	}
	if _, err := s.unRegisterNodeManager(from("10.0.0.2"), &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: wire.NodeID(testNode)}); !rpc.IsClass(err, rpc.ClassRetriable) {
		t.Errorf("a farewell from elsewhere: %v", err)
	}
	if resp := beat("10.0.0.1", 3); resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
		t.Errorf("the node itself is disturbed: %v", resp)
	}
	if err := register("10.0.0.1"); err != nil { // it starts anew
		t.Errorf("a registration from the same address: %v", err)
	}
	now = now.Add(silentBeats*time.Duration(s.Settings.HeartbeatMillis)*time.Millisecond + time.Second)
	if err := register("10.0.0.2"); err != nil {
		t.Errorf("after silence: %v", err)
	}
	if resp := beat("10.0.0.2", 0); resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
		t.Errorf("at its new address: %v", resp)
	}
}
