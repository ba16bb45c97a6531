//go:build interop

package rules

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/test/cluster"
)

const heartbeatInterval = 20 * time.Millisecond

// node plays a NodeManager: it registers, heartbeats, and pretends to run what it is told to start. Its
// goroutines end with leave; mu guards what follows it.
type node struct {
	host       string
	id         *yarnpb.NodeIdProto
	tracker    *rpc.Client
	server     *rpc.Server
	keys       cluster.NMTokens
	registered *yarnpb.RegisterNodeManagerResponseProto
	stop       context.CancelFunc
	done       chan struct{}
	silent     atomic.Bool // does not heartbeat

	mu      sync.Mutex
	running map[string]*yarnpb.ContainerIdProto
	ended   []*yarnpb.ContainerIdProto
	started int
	err     error
}

// spec is a node's size.
type spec struct {
	host     string
	memoryMB int64
	vcores   int32
	gpus     int64
}

func resource(memoryMB int64, vcores int32, gpus int64) *yarnpb.ResourceProto {
	r := &yarnpb.ResourceProto{Memory: proto.Int64(memoryMB), VirtualCores: proto.Int32(vcores)}
	if gpus > 0 {
		r.ResourceValueMap = []*yarnpb.ResourceInformationProto{
			{Key: proto.String("yarn.io/gpu"), Value: proto.Int64(gpus), Units: proto.String(""), Type: yarnpb.ResourceTypesProto_COUNTABLE.Enum()},
		}
	}
	return r
}

func startNode(ctx context.Context, tracker string, s spec) (*node, error) {
	l, err := net.Listen("tcp", s.host+":0")
	if err != nil {
		return nil, fmt.Errorf("playing a node: %w", err)
	}
	n := &node{
		host: s.host, running: map[string]*yarnpb.ContainerIdProto{}, done: make(chan struct{}),
		id:         &yarnpb.NodeIdProto{Host: proto.String(s.host), Port: proto.Int32(int32(l.Addr().(*net.TCPAddr).Port))},
		tracker:    rpc.NewClient(rpc.ClientConfig{Address: tracker, Protocol: "org.apache.hadoop.yarn.server.api.ResourceTrackerPB", Version: 1, User: "yarn"}),
		registered: &yarnpb.RegisterNodeManagerResponseProto{},
	}
	n.server, err = rpc.NewServer(rpc.ServerConfig{
		Name: "node " + s.host, Tokens: &n.keys, AllowSimple: true, Log: slog.New(slog.DiscardHandler),
		Protocols: []rpc.Protocol{{Name: "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB", Version: 1, Methods: map[string]rpc.Method{
			"startContainers": rpc.Unary(n.startContainers),
			"stopContainers":  rpc.Unary(n.stopContainers),
		}}},
	})
	if err != nil {
		return nil, err
	}
	go func() { _ = n.server.Serve(l) }() // ends with leave's Shutdown
	err = n.tracker.Call(ctx, "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{
		NodeId: n.id, HttpPort: proto.Int32(80), Resource: resource(s.memoryMB, s.vcores, s.gpus), NmVersion: proto.String("3.4.2"),
		NodeStatus: n.status(0),
	}, n.registered)
	if err != nil {
		return nil, fmt.Errorf("registering %s: %w", s.host, err)
	}
	if a := n.registered.GetNodeAction(); a != yarnpb.NodeActionProto_NORMAL {
		return nil, fmt.Errorf("registering %s: %s, %s", s.host, a, n.registered.GetDiagnosticsMessage())
	}
	n.keys.Set(security.MasterKeyFromProto(n.registered.GetNmTokenMasterKey()))
	beats, stop := context.WithCancel(context.Background())
	n.stop = stop
	go n.heartbeats(beats)
	return n, nil
}

func (n *node) status(responseID int32) *yarnpb.NodeStatusProto {
	s := &yarnpb.NodeStatusProto{NodeId: n.id, ResponseId: proto.Int32(responseID), NodeHealthStatus: &yarnpb.NodeHealthStatusProto{
		IsNodeHealthy: proto.Bool(true), HealthReport: proto.String(""), LastHealthReportTime: proto.Int64(time.Now().UnixMilli()),
	}}
	s.ContainersUtilization = &yarnpb.ResourceUtilizationProto{Pmem: proto.Int32(0), Vmem: proto.Int32(0), Cpu: proto.Float32(0)} // Java's web service needs both
	s.NodeUtilization = s.ContainersUtilization
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range n.running {
		s.ContainersStatuses = append(s.ContainersStatuses, &yarnpb.ContainerStatusProto{ContainerId: id, State: yarnpb.ContainerStateProto_C_RUNNING.Enum()})
	}
	for _, id := range n.ended {
		s.ContainersStatuses = append(s.ContainersStatuses, &yarnpb.ContainerStatusProto{
			ContainerId: id, State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: proto.Int32(143), Diagnostics: proto.String("stopped"),
		})
	}
	return s
}

func (n *node) heartbeats(ctx context.Context) {
	defer close(n.done)
	var responseID int32
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(heartbeatInterval):
		}
		if n.silent.Load() {
			continue
		}
		reply := &yarnpb.NodeHeartbeatResponseProto{}
		err := n.tracker.Call(ctx, "nodeHeartbeat", &yarnpb.NodeHeartbeatRequestProto{
			NodeStatus:                       n.status(responseID),
			LastKnownContainerTokenMasterKey: n.registered.GetContainerTokenMasterKey(),
			LastKnownNmTokenMasterKey:        n.registered.GetNmTokenMasterKey(),
		}, reply)
		if ctx.Err() != nil {
			return
		}
		if err == nil && reply.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
			err = fmt.Errorf("told to %s: %s", reply.GetNodeAction(), reply.GetDiagnosticsMessage())
		}
		if err != nil {
			n.mu.Lock()
			n.err = fmt.Errorf("heartbeat of %s: %w", n.host, err)
			n.mu.Unlock()
			return
		}
		responseID = reply.GetResponseId()
		n.end(reply.GetContainersToCleanup())
	}
}

func (n *node) end(ids []*yarnpb.ContainerIdProto) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		if _, ok := n.running[id.String()]; ok {
			delete(n.running, id.String())
			n.ended = append(n.ended, id)
		}
	}
}

func (n *node) startContainers(_ context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	reply := &yarnpb.StartContainersResponseProto{}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range req.GetStartContainerRequest() {
		id, err := security.ParseContainerIdentifier(r.GetContainerToken().GetIdentifier())
		if err != nil {
			return nil, err
		}
		n.running[id.GetContainerId().String()] = id.GetContainerId()
		n.started++
		reply.SucceededRequests = append(reply.SucceededRequests, id.GetContainerId())
	}
	return reply, nil
}

func (n *node) stopContainers(_ context.Context, req *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
	n.end(req.GetContainerId())
	return &yarnpb.StopContainersResponseProto{SucceededRequests: req.GetContainerId()}, nil
}

// starts is how many containers the node was told to start.
func (n *node) starts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.started
}

// leave unregisters the node and reports what went wrong while it was there.
func (n *node) leave(ctx context.Context) error {
	n.stop()
	<-n.done
	err := n.tracker.Call(ctx, "unRegisterNodeManager", &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: n.id}, &yarnpb.UnRegisterNodeManagerResponseProto{})
	_ = n.tracker.Close()      // the answer no longer matters
	_ = n.server.Shutdown(ctx) // nor do calls that still run
	if n.err != nil {
		return n.err
	}
	return err
}
