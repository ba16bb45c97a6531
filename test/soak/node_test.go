//go:build interop

package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/test/cluster"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// node plays a NodeManager: it heartbeats over a connection of its own, and pretends to run containers; an
// ApplicationMaster that it is told to start is played too. Its goroutines end with stop; mu guards what follows it.
type node struct {
	fleet   *fleet
	id      yarn.NodeID
	tracker *rpc.Client
	server  *rpc.Server
	keys    cluster.NMTokens

	mu      sync.Mutex
	running map[yarn.ContainerID]context.CancelFunc
	ended   map[yarn.ContainerID]int32 // not yet told
}

// fleet is all played nodes.
type fleet struct {
	nodes  map[yarn.NodeID]*node // never changes after startFleet
	play   func(ctx context.Context, id yarn.ContainerID, token security.Token) int32
	failed func(error)
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

const nodeMB = 128 << 10

// startFleet registers n nodes. play is called to play an ApplicationMaster and returns its exit status; failed hears what goes wrong.
func startFleet(tracker string, n int, play func(context.Context, yarn.ContainerID, security.Token) int32, failed func(error)) (*fleet, error) {
	f := &fleet{nodes: map[yarn.NodeID]*node{}, play: play, failed: failed}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	for i := range n {
		nd, err := f.add(tracker, fmt.Sprintf("127.1.%d.%d", i/200, 10+i%200))
		if err != nil {
			f.stop()
			return nil, err
		}
		f.nodes[nd.id] = nd
	}
	return f, nil
}

func (f *fleet) add(tracker, host string) (*node, error) {
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return nil, fmt.Errorf("playing a node: %w", err)
	}
	n := &node{
		fleet: f, id: yarn.NodeID{Host: host, Port: int32(l.Addr().(*net.TCPAddr).Port)}, running: map[yarn.ContainerID]context.CancelFunc{}, ended: map[yarn.ContainerID]int32{},
		tracker: rpc.NewClient(rpc.ClientConfig{Address: tracker, Protocol: "org.apache.hadoop.yarn.server.api.ResourceTrackerPB", Version: 1, User: "yarn"}),
	}
	n.server, err = rpc.NewServer(rpc.ServerConfig{
		Name: "node " + host, Tokens: &n.keys, Log: slog.New(slog.DiscardHandler),
		Protocols: []rpc.Protocol{{Name: "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB", Version: 1, Methods: map[string]rpc.Method{
			"startContainers": rpc.Unary(n.startContainers), "stopContainers": rpc.Unary(n.stopContainers),
		}}},
	})
	if err != nil {
		return nil, err
	}
	reg := &yarnpb.RegisterNodeManagerResponseProto{}
	err = n.tracker.Call(f.ctx, "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{
		NodeId: wire.NodeID(n.id), HttpPort: new(int32(80)), Resource: &yarnpb.ResourceProto{Memory: new(int64(nodeMB)), VirtualCores: new(int32(64))}, NmVersion: new("3.4.2"),
	}, reg)
	if err == nil && reg.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
		err = fmt.Errorf("%s, %s", reg.GetNodeAction(), reg.GetDiagnosticsMessage())
	}
	if err != nil {
		return nil, fmt.Errorf("registering %s: %w", host, err)
	}
	n.keys.Set(security.MasterKeyFromProto(reg.GetNmTokenMasterKey()))
	f.wg.Go(func() { _ = n.server.Serve(l) }) // ends with stop's Shutdown
	f.wg.Go(func() {
		if err := n.heartbeats(reg); err != nil {
			f.failed(fmt.Errorf("node %s: %w", n.id, err))
		}
	})
	return n, nil
}

func (n *node) heartbeats(reg *yarnpb.RegisterNodeManagerResponseProto) error {
	container, nm, last := reg.GetContainerTokenMasterKey(), reg.GetNmTokenMasterKey(), int32(0)
	for {
		if pause(n.fleet.ctx, time.Second) != nil {
			return nil
		}
		told := n.status(last)
		resp := &yarnpb.NodeHeartbeatResponseProto{}
		err := n.tracker.Call(n.fleet.ctx, "nodeHeartbeat", &yarnpb.NodeHeartbeatRequestProto{NodeStatus: told, LastKnownContainerTokenMasterKey: container, LastKnownNmTokenMasterKey: nm}, resp)
		if n.fleet.ctx.Err() != nil {
			return nil
		}
		if err == nil && resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
			err = fmt.Errorf("told to %s: %s", resp.GetNodeAction(), resp.GetDiagnosticsMessage())
		}
		if err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
		last = resp.GetResponseId()
		if k := resp.GetContainerTokenMasterKey(); k != nil {
			container = k
		}
		if k := resp.GetNmTokenMasterKey(); k != nil {
			nm = k
			n.keys.Set(security.MasterKeyFromProto(k))
		}
		n.forget(told)
		for _, id := range resp.GetContainersToCleanup() {
			n.end(wire.ContainerIDFrom(id), int32(yarn.ExitKilledByResourceManager))
		}
	}
}

func (n *node) status(responseID int32) *yarnpb.NodeStatusProto {
	idle := &yarnpb.ResourceUtilizationProto{Pmem: new(int32(0)), Vmem: new(int32(0)), Cpu: new(float32(0))}
	s := &yarnpb.NodeStatusProto{NodeId: wire.NodeID(n.id), ResponseId: &responseID, ContainersUtilization: idle, NodeUtilization: idle,
		NodeHealthStatus: &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new(""), LastHealthReportTime: new(time.Now().UnixMilli())}}
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range n.running {
		s.ContainersStatuses = append(s.ContainersStatuses, &yarnpb.ContainerStatusProto{ContainerId: wire.ContainerID(id), State: yarnpb.ContainerStateProto_C_RUNNING.Enum()})
	}
	for id, exit := range n.ended {
		s.ContainersStatuses = append(s.ContainersStatuses, &yarnpb.ContainerStatusProto{ContainerId: wire.ContainerID(id), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: &exit, Diagnostics: new("")})
	}
	return s
}

// forget drops the ends that a heartbeat has told.
func (n *node) forget(told *yarnpb.NodeStatusProto) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range told.GetContainersStatuses() {
		if s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
			delete(n.ended, wire.ContainerIDFrom(s.GetContainerId()))
		}
	}
}

// begin makes a container run until its function returns its exit status; an end from elsewhere cancels the function's context.
func (n *node) begin(id yarn.ContainerID, run func(ctx context.Context) int32) error {
	ctx, cancel := context.WithCancel(n.fleet.ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, twice := n.running[id]; twice {
		cancel()
		return fmt.Errorf("%s was started twice", id)
	}
	n.running[id] = cancel
	n.fleet.wg.Go(func() {
		n.end(id, run(ctx))
	})
	return nil
}

func (n *node) end(id yarn.ContainerID, exit int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cancel := n.running[id]; cancel != nil {
		cancel()
		delete(n.running, id)
		n.ended[id] = exit
	}
}

// start makes the fleet the starter of played applications.
func (f *fleet) start(_ context.Context, c *yarnpb.ContainerProto, p plan) error {
	n := f.nodes[wire.NodeIDFrom(c.GetNodeId())]
	if n == nil {
		return errors.New("that is no played node")
	}
	id := wire.ContainerIDFrom(c.GetId())
	return n.begin(id, func(ctx context.Context) int32 {
		if pause(ctx, p.Run/2+p.Run*time.Duration(id.Sequence()%8)/8) != nil {
			return int32(yarn.ExitTerminated)
		}
		return exitOf(id)
	})
}

func (n *node) startContainers(_ context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	resp := &yarnpb.StartContainersResponseProto{}
	for _, r := range req.GetStartContainerRequest() {
		token, err := security.ParseContainerIdentifier(r.GetContainerToken().GetIdentifier())
		if err != nil {
			return nil, err
		}
		credentials, err := security.ParseCredentials(r.GetContainerLaunchContext().GetTokens())
		if err != nil {
			return nil, err
		}
		amrm, ok := credentials.Find(security.KindAMRM)
		if !ok {
			return nil, errors.New("an ApplicationMaster without its token")
		}
		id := wire.ContainerIDFrom(token.GetContainerId())
		if err := n.begin(id, func(ctx context.Context) int32 { return n.fleet.play(ctx, id, amrm) }); err != nil {
			return nil, err
		}
		resp.SucceededRequests = append(resp.SucceededRequests, token.GetContainerId())
	}
	return resp, nil
}

func (n *node) stopContainers(_ context.Context, req *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
	for _, id := range req.GetContainerId() {
		n.end(wire.ContainerIDFrom(id), int32(yarn.ExitTerminated))
	}
	return &yarnpb.StopContainersResponseProto{SucceededRequests: req.GetContainerId()}, nil
}

// stop ends all nodes, without a farewell.
func (f *fleet) stop() {
	f.cancel()
	for _, n := range f.nodes {
		_ = n.server.Shutdown(f.ctx) // calls that still run do not matter
		_ = n.tracker.Close()
	}
	f.wg.Wait()
}
