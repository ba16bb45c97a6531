// Package node runs a real NodeManager in this process under a ResourceManager and AMs that the
// test plays over the wire, so that a test sees exactly what the node says to both, and decides
// what it hears.
package node

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// RMIdentifier is the cluster timestamp of the played ResourceManagers, so that ids are this process's own.
var RMIdentifier = time.Now().UnixMilli()

// heartbeatMillis keeps tests short.
const heartbeatMillis = 40

// RM plays a ResourceManager towards NodeManagers. mu guards everything below it.
type RM struct {
	Address string
	server  *rpc.Server

	mu            sync.Mutex
	containerKey  security.MasterKey
	nmKey         security.MasterKey
	registrations []*yarnpb.RegisterNodeManagerRequestProto
	unregistered  int
	beats         int
	statuses      map[yarn.ContainerID]*yarnpb.ContainerStatusProto
	health        *yarnpb.NodeHealthStatusProto
	grown         []*yarnpb.ContainerProto
	reports       []*yarnpb.LogAggregationReportProto
	next          []func(*yarnpb.NodeHeartbeatResponseProto)
	refuse        string // diagnostics of a SHUTDOWN at registration
}

// StartRM starts one; it ends with the test.
func StartRM(t testing.TB) *RM {
	t.Helper()
	r := &RM{statuses: map[yarn.ContainerID]*yarnpb.ContainerStatusProto{}}
	var err error
	if r.containerKey, err = security.NewMasterKey(7, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if r.nmKey, err = security.NewMasterKey(-9, rand.Reader); err != nil {
		t.Fatal(err)
	}
	r.server, err = rpc.NewServer(rpc.ServerConfig{Name: "played ResourceManager", AllowSimple: true, Log: slog.New(slog.DiscardHandler),
		Protocols: []rpc.Protocol{{Name: "org.apache.hadoop.yarn.server.api.ResourceTrackerPB", Version: 1, Methods: map[string]rpc.Method{
			"registerNodeManager":   rpc.Unary(r.register),
			"nodeHeartbeat":         rpc.Unary(r.heartbeat),
			"unRegisterNodeManager": rpc.Unary(r.unregister),
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.Address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }()
	t.Cleanup(func() {
		if err := r.server.Shutdown(context.Background()); err != nil {
			t.Errorf("ending the played ResourceManager: %v", err)
		}
		<-served
	})
	return r
}

func (r *RM) register(_ context.Context, req *yarnpb.RegisterNodeManagerRequestProto) (*yarnpb.RegisterNodeManagerResponseProto, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.registrations = append(r.registrations, req)
	resp := &yarnpb.RegisterNodeManagerResponseProto{ContainerTokenMasterKey: r.containerKey.Proto(), NmTokenMasterKey: r.nmKey.Proto(),
		NodeAction: yarnpb.NodeActionProto_NORMAL.Enum(), RmIdentifier: &RMIdentifier, RmVersion: proto.String("3.4.2")}
	if r.refuse != "" {
		resp.NodeAction, resp.DiagnosticsMessage = yarnpb.NodeActionProto_SHUTDOWN.Enum(), &r.refuse
	}
	return resp, nil
}

func (r *RM) heartbeat(_ context.Context, req *yarnpb.NodeHeartbeatRequestProto) (*yarnpb.NodeHeartbeatResponseProto, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats++
	for _, s := range req.GetNodeStatus().GetContainersStatuses() {
		r.statuses[wire.ContainerIDFrom(s.GetContainerId())] = s
	}
	r.health = req.GetNodeStatus().GetNodeHealthStatus()
	r.grown = append(r.grown, req.GetNodeStatus().GetIncreasedContainers()...)
	r.reports = append(r.reports, req.GetLogAggregationReportsForApps()...)
	resp := &yarnpb.NodeHeartbeatResponseProto{ResponseId: proto.Int32(req.GetNodeStatus().GetResponseId() + 1),
		NodeAction: yarnpb.NodeActionProto_NORMAL.Enum(), NextHeartBeatInterval: proto.Int64(heartbeatMillis)}
	if len(r.next) > 0 {
		r.next[0](resp)
		r.next = r.next[1:]
	}
	return resp, nil
}

func (r *RM) unregister(context.Context, *yarnpb.UnRegisterNodeManagerRequestProto) (*yarnpb.UnRegisterNodeManagerResponseProto, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unregistered++
	return &yarnpb.UnRegisterNodeManagerResponseProto{}, nil
}

// Tell changes the answer to a coming heartbeat; several are told in turn, one in each answer.
func (r *RM) Tell(change func(*yarnpb.NodeHeartbeatResponseProto)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = append(r.next, change)
}

// FinishApp tells the node that an application has ended.
func (r *RM) FinishApp(id yarn.ApplicationID) {
	r.Tell(func(resp *yarnpb.NodeHeartbeatResponseProto) {
		resp.ApplicationsToCleanup = append(resp.ApplicationsToCleanup, wire.AppID(id))
	})
}

// RollKeys gives the node new keys with the next heartbeat.
func (r *RM) RollKeys(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.containerKey, err = security.NewMasterKey(r.containerKey.ID+1, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if r.nmKey, err = security.NewMasterKey(r.nmKey.ID+1, rand.Reader); err != nil {
		t.Fatal(err)
	}
	c, n := r.containerKey.Proto(), r.nmKey.Proto()
	r.next = append(r.next, func(resp *yarnpb.NodeHeartbeatResponseProto) {
		resp.ContainerTokenMasterKey, resp.NmTokenMasterKey = c, n
	})
}

// Refuse makes every registration end in SHUTDOWN with these diagnostics.
func (r *RM) Refuse(diagnostics string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = diagnostics
}

// Registrations are all that came.
func (r *RM) Registrations() []*yarnpb.RegisterNodeManagerRequestProto {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*yarnpb.RegisterNodeManagerRequestProto(nil), r.registrations...)
}

// Unregistered is how often nodes said good-bye.
func (r *RM) Unregistered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unregistered
}

// Beats is how many heartbeats came.
func (r *RM) Beats() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.beats
}

// Status is what the node last said of a container; nil before it said anything.
func (r *RM) Status(id yarn.ContainerID) *yarnpb.ContainerStatusProto {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statuses[id]
}

// Health is what the node last said of its own.
func (r *RM) Health() *yarnpb.NodeHealthStatusProto {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health
}

// Grown is every greater size that the node told of a container, in order.
func (r *RM) Grown(id yarn.ContainerID) []*yarnpb.ContainerProto {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*yarnpb.ContainerProto
	for _, c := range r.grown {
		if wire.ContainerIDFrom(c.GetId()) == id {
			out = append(out, c)
		}
	}
	return out
}

// LogReports are the log-upload reports of an application, in order.
func (r *RM) LogReports(id yarn.ApplicationID) []*yarnpb.LogAggregationReportProto {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*yarnpb.LogAggregationReportProto
	for _, x := range r.reports {
		if wire.AppIDFrom(x.GetApplicationId()) == id {
			out = append(out, x)
		}
	}
	return out
}

func (r *RM) keys() (container, nm security.MasterKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.containerKey, r.nmKey
}
