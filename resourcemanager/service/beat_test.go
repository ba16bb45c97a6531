package service

import (
	"bytes"
	"context"
	"heddle/hadoop/conf"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/records"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/settings"
	"heddle/resourcemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// nobody launches.
type noLaunches struct{}

func (noLaunches) Launch(core.Launch, func(error)) {}

// serviceOf is a Service with a running core and nothing around it.
func serviceOf(t testing.TB) *Service {
	t.Helper()
	dir := t.TempDir()
	text := conf.XML(map[string]string{"yarn.scheduler.capacity.root.queues": "default", "yarn.scheduler.capacity.root.default.capacity": "100",
		"yarn.scheduler.capacity.root.default.user-limit-factor": "100", "yarn.scheduler.minimum-allocation-mb": "1024", "hadoop.tmp.dir": dir})
	for _, name := range []string{"core-site.xml", "yarn-site.xml", "capacity-scheduler.xml"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := settings.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	sched, err := scheduler.New(s.Scheduler)
	if err != nil {
		t.Fatal(err)
	}
	minter, err := tokens.New(tokens.Config{AMRM: s.AMRM, NM: s.NM, Container: s.Keys, ContainerExpiry: time.Minute, UseIP: true, Types: s.Types}, nil, func(security.Keys) error { return nil }, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := NewHostLists("", "")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := core.New(core.Config{ClusterTimestamp: 1, MaxAttempts: 1, NodeExpiry: time.Hour, AMExpiry: time.Hour, AllocationExpiry: time.Hour, MaxCompleted: 10}, sched, records.None{}, noLaunches{}, time.Now, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &Service{Core: c, Tokens: minter, Settings: s, Clock: time.Now, Log: log, Hosts: hosts, ClusterTimestamp: 1,
		Access: &Access{Groups: func(string) []string { return nil }}}
}

var testNode = yarn.NodeID{Host: "127.0.0.1", Port: 4545}

func (s *Service) join(t testing.TB, id yarn.NodeID) {
	t.Helper()
	if _, err := s.Core.RegisterNode(context.Background(), core.NodeRegistration{ID: id, Rack: "/default-rack", Total: yarn.NewResource(1<<20, 1<<10)}); err != nil {
		t.Fatal(err)
	}
}

// beatOf is a heartbeat of testNode with n running containers.
func (s *Service) beatOf(responseID int32, n int) *yarnpb.NodeHeartbeatRequestProto {
	req := &yarnpb.NodeHeartbeatRequestProto{
		NodeStatus: &yarnpb.NodeStatusProto{NodeId: wire.NodeID(testNode), ResponseId: &responseID,
			NodeHealthStatus:      &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new(""), LastHealthReportTime: new(int64(12345))},
			NodeUtilization:       &yarnpb.ResourceUtilizationProto{Pmem: new(int32(100)), Vmem: new(int32(200)), Cpu: new(float32(0.5))},
			ContainersUtilization: &yarnpb.ResourceUtilizationProto{Pmem: new(int32(10)), Vmem: new(int32(20)), Cpu: new(float32(0.25))}},
		LastKnownContainerTokenMasterKey: s.Tokens.ContainerKeys().Newest().Proto(), LastKnownNmTokenMasterKey: s.Tokens.NMKeys().Newest().Proto(), TokenSequenceNo: new(int64(7))}
	for i := range n {
		id := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 1_795_000_000_000, ID: 5}, Attempt: 1}, ID: int64(i + 1)}
		req.NodeStatus.ContainersStatuses = append(req.NodeStatus.ContainersStatuses, &yarnpb.ContainerStatusProto{ContainerId: wire.ContainerID(id),
			State: yarnpb.ContainerStateProto_C_RUNNING.Enum(), Diagnostics: new(""), ExitStatus: new(int32(-1000)), Capability: wire.Resource(yarn.NewResource(1024, 1), s.Settings.Types)})
	}
	return req
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The short way answers exactly what the long way would, and leaves news and the unusual to it.
func TestQuietHeartbeat(t *testing.T) {
	s := serviceOf(t)
	s.join(t, testNode)
	ctx := context.Background()
	quiet := func(req *yarnpb.NodeHeartbeatRequestProto) bool {
		_, ok := s.quietHeartbeat(ctx, encoded(t, req), nil)
		return ok
	}
	if quiet(s.beatOf(0, 1)) {
		t.Error("a container that was not heard of before is news")
	}
	if _, err := s.nodeHeartbeat(ctx, s.beatOf(0, 1)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*yarnpb.NodeHeartbeatRequestProto){
		"another response id": func(r *yarnpb.NodeHeartbeatRequestProto) { r.NodeStatus.ResponseId = new(int32(77)) },
		"an unknown node":     func(r *yarnpb.NodeHeartbeatRequestProto) { r.NodeStatus.NodeId.Host = new("elsewhere") },
		"no node":             func(r *yarnpb.NodeHeartbeatRequestProto) { r.NodeStatus = nil },
		"a sick node":         func(r *yarnpb.NodeHeartbeatRequestProto) { r.NodeStatus.NodeHealthStatus.IsNodeHealthy = new(false) },
		"another report":      func(r *yarnpb.NodeHeartbeatRequestProto) { r.NodeStatus.NodeHealthStatus.HealthReport = new("hot") },
		"an old key":          func(r *yarnpb.NodeHeartbeatRequestProto) { r.LastKnownNmTokenMasterKey.KeyId = new(int32(1)) },
		"no key":              func(r *yarnpb.NodeHeartbeatRequestProto) { r.LastKnownContainerTokenMasterKey = nil },
		"a container's end": func(r *yarnpb.NodeHeartbeatRequestProto) {
			r.NodeStatus.ContainersStatuses[0].State = yarnpb.ContainerStateProto_C_COMPLETE.Enum()
		},
		"logs": func(r *yarnpb.NodeHeartbeatRequestProto) {
			r.LogAggregationReportsForApps = []*yarnpb.LogAggregationReportProto{{}}
		},
	} {
		req := s.beatOf(1, 1)
		change(req)
		if quiet(req) {
			t.Errorf("%s went the short way", name)
		}
	}
	out, ok := s.quietHeartbeat(ctx, encoded(t, s.beatOf(1, 1)), nil)
	got := &yarnpb.NodeHeartbeatResponseProto{}
	if !ok || proto.Unmarshal(out, got) != nil || !proto.Equal(got, plainReply(2, 1000, 7)) {
		t.Fatalf("the short way: %v, %v", ok, got)
	}
	if again, err := s.nodeHeartbeat(ctx, s.beatOf(1, 1)); err != nil || !proto.Equal(again, got) {
		t.Errorf("repeated: %v, %v; want %v", again, err, got)
	}
	sess, _ := s.Core.NodeSession(testNode)
	sess.Call.Lock()
	if quiet(s.beatOf(2, 1)) {
		t.Error("a heartbeat passed another of the same node")
	}
	sess.Call.Unlock()
	s.Core.Acknowledge([]core.Exit{{Node: testNode}})
	if quiet(s.beatOf(2, 1)) {
		t.Error("orders for the node were passed over")
	}
	v, _ := s.Core.View().Nodes.Get(testNode)
	if u := v.Utilization(); u == nil || u.NodePMemMB != 100 || u.NodeCPU != 0.5 || u.ContainersVMem != 20 {
		t.Errorf("measured: %+v", u)
	}
	s.join(t, testNode) // it registered again: ids begin anew
	if quiet(s.beatOf(2, 1)) {
		t.Error("a heartbeat of before the registration was answered")
	}
}

// A heartbeat without news takes no memory (design: no command, no allocation).
func TestQuietHeartbeatTakesNoMemory(t *testing.T) {
	s := serviceOf(t)
	s.join(t, testNode)
	ctx := context.Background()
	if _, err := s.nodeHeartbeat(ctx, s.beatOf(0, 20)); err != nil {
		t.Fatal(err)
	}
	req, out := encoded(t, s.beatOf(1, 20)), make([]byte, 0, 256)
	sess, _ := s.Core.NodeSession(testNode)
	if n := testing.AllocsPerRun(100, func() {
		sess.ResponseID = 1
		if _, ok := s.quietHeartbeat(ctx, req, out); !ok {
			t.Fatal("it went the long way")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What the short way reads of a message is what the generated code reads.
func FuzzBeat(f *testing.F) {
	types, err := yarn.NewResourceTypes()
	if err != nil {
		f.Fatal(err)
	}
	key := &yarnpb.MasterKeyProto{KeyId: new(int32(-5)), Bytes: []byte("k")}
	seed := &yarnpb.NodeHeartbeatRequestProto{NodeStatus: &yarnpb.NodeStatusProto{NodeId: wire.NodeID(testNode), ResponseId: new(int32(3)),
		NodeHealthStatus: &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new("fine")},
		ContainersStatuses: []*yarnpb.ContainerStatusProto{{ContainerId: &yarnpb.ContainerIdProto{}, State: yarnpb.ContainerStateProto_C_RUNNING.Enum(),
			Capability: wire.Resource(yarn.NewResource(1, 1), types)}}}, LastKnownContainerTokenMasterKey: key, LastKnownNmTokenMasterKey: key}
	f.Add(encoded(f, seed))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b beat
		req := &yarnpb.NodeHeartbeatRequestProto{}
		if !b.read(raw) || proto.Unmarshal(raw, req) != nil {
			return
		}
		st := req.GetNodeStatus()
		if bytes.Count(raw, []byte{0x0a}) > 1 && proto.Size(req) != len(raw) {
			return // a message given in several pieces is merged by one and replaced by the other
		}
		if string(b.host) != st.GetNodeId().GetHost() || b.port != st.GetNodeId().GetPort() || b.responseID != st.GetResponseId() || string(b.report) != st.GetNodeHealthStatus().GetHealthReport() {
			t.Errorf("%+v, want %v", b, req)
		}
	})
}

func BenchmarkHeartbeatWithoutNews(b *testing.B) {
	s := serviceOf(b)
	s.join(b, testNode)
	ctx := context.Background()
	if _, err := s.nodeHeartbeat(ctx, s.beatOf(0, 20)); err != nil {
		b.Fatal(err)
	}
	req, out := encoded(b, s.beatOf(1, 20)), make([]byte, 0, 256)
	sess, _ := s.Core.NodeSession(testNode)
	b.ReportAllocs()
	for b.Loop() {
		sess.ResponseID = 1
		if _, ok := s.quietHeartbeat(ctx, req, out); !ok {
			b.Fatal("it went the long way")
		}
	}
}

// The same through the generated messages, for comparison.
func BenchmarkHeartbeatTheLongWay(b *testing.B) {
	s := serviceOf(b)
	s.join(b, testNode)
	ctx := context.Background()
	if _, err := s.nodeHeartbeat(ctx, s.beatOf(0, 20)); err != nil {
		b.Fatal(err)
	}
	raw := encoded(b, s.beatOf(1, 20))
	sess, _ := s.Core.NodeSession(testNode)
	b.ReportAllocs()
	for b.Loop() {
		sess.ResponseID = 1
		req := &yarnpb.NodeHeartbeatRequestProto{}
		if err := proto.Unmarshal(raw, req); err != nil {
			b.Fatal(err)
		}
		resp, err := s.nodeHeartbeat(ctx, req)
		if err != nil {
			b.Fatal(err)
		}
		encoded(b, resp)
	}
}

// amOf registers an unmanaged AM and returns the context of its calls.
func (s *Service) amOf(b *testing.B) context.Context {
	b.Helper()
	id := yarn.ApplicationID{ClusterTimestamp: 1, ID: 1}
	if err := s.Core.Submit(context.Background(), core.Submission{ID: id, User: "alice", Queue: "default", Unmanaged: true, FailureValidity: -1}); err != nil {
		b.Fatal(err)
	}
	attempt := yarn.AttemptID{Application: id, Attempt: 1}
	for {
		if _, ok := s.Core.AMSession(attempt); ok {
			break
		}
		time.Sleep(time.Millisecond)
	}
	token, err := s.Tokens.AMRM(attempt)
	if err != nil {
		b.Fatal(err)
	}
	ctx := rpc.WithCall(context.Background(), &rpc.Call{AuthMethod: rpc.Token, TokenIdentifier: token.Identifier})
	if _, err := s.registerApplicationMaster(ctx, &yarnpb.RegisterApplicationMasterRequestProto{}); err != nil {
		b.Fatal(err)
	}
	return ctx
}

func BenchmarkAllocateWithoutNews(b *testing.B) {
	s := serviceOf(b)
	s.join(b, testNode)
	ctx := s.amOf(b)
	req := &yarnpb.AllocateRequestProto{ResponseId: new(int32(0))}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := s.allocate(ctx, req)
		if err != nil {
			b.Fatal(err)
		}
		encoded(b, resp)
		req.ResponseId = resp.ResponseId
	}
}

// One container asked for, granted, and released with the next call.
func BenchmarkAllocateOneContainer(b *testing.B) {
	s := serviceOf(b)
	s.join(b, testNode)
	ctx := s.amOf(b)
	ask := &yarnpb.ResourceRequestProto{Priority: wire.Priority(1), ResourceName: new("*"), NumContainers: new(int32(1)), Capability: wire.Resource(yarn.NewResource(1024, 1), s.Settings.Types), RelaxLocality: new(true)}
	req := &yarnpb.AllocateRequestProto{ResponseId: new(int32(0)), Ask: []*yarnpb.ResourceRequestProto{ask}}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := s.allocate(ctx, req)
		if err != nil {
			b.Fatal(err)
		}
		req.ResponseId, req.Release = resp.ResponseId, nil
		if len(resp.GetAllocatedContainers()) != 1 {
			b.Fatalf("%d containers", len(resp.GetAllocatedContainers()))
		}
		req.Release = append(req.Release, resp.GetAllocatedContainers()[0].GetId())
		encoded(b, resp)
	}
}
