package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
)

const (
	played    = 1000 // nodes
	heartbeat = time.Second
	reconnect = time.Second // yarn.resourcemanager.connect.retry-interval.ms, which is 30 s by default
)

// restart kills a ResourceManager with 1,000 played nodes and starts it again.
func restart(ctx context.Context, binary string) (err error) {
	dir, err := os.MkdirTemp("", "heddle-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	at, err := configure(dir)
	if err != nil {
		return err
	}
	rm, err := begin(ctx, dir, binary, "resourcemanager")
	if err != nil {
		return err
	}
	defer func() { rm.end() }()
	if _, err := rm.until(func() bool { return get(at.web+"/ws/v1/cluster/info", nil) }); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var nodes sync.WaitGroup
	defer nodes.Wait()
	defer stop()
	for i := range played {
		nodes.Go(func() { play(ctx, at.tracker, i) })
	}
	active := func(n int) func() bool {
		return func() bool {
			var v struct{ ClusterMetrics struct{ ActiveNodes int } }
			return get(at.web+"/ws/v1/cluster/metrics", &v) && v.ClusterMetrics.ActiveNodes == n
		}
	}
	if _, err := rm.until(active(played)); err != nil {
		return err
	}
	rm.kill()
	if rm, err = begin(ctx, dir, binary, "resourcemanager"); err != nil {
		return err
	}
	serves, err := rm.until(func() bool { return get(at.web+"/ws/v1/cluster/info", nil) })
	if err != nil {
		return err
	}
	all, err := rm.until(active(played))
	if err != nil {
		return err
	}
	fmt.Printf("restart          after kill -9 the resourcemanager serves again after %d ms, and has all of %d nodes after %d ms (they ask every %s)\n",
		serves.Milliseconds(), played, all.Milliseconds(), reconnect)
	return nil
}

// play registers a node and heartbeats, again and again, until ctx ends.
func play(ctx context.Context, tracker string, number int) {
	client := rpc.NewClient(rpc.ClientConfig{Address: tracker, Protocol: "org.apache.hadoop.yarn.server.api.ResourceTrackerPB", Version: 1, User: "yarn"})
	defer client.Close() //nolint:errcheck // only read
	id := &yarnpb.NodeIdProto{Host: new(fmt.Sprintf("127.1.%d.%d", number/200, 10+number%200)), Port: new(int32(45454))}
	idle := &yarnpb.ResourceUtilizationProto{Pmem: new(int32(0)), Vmem: new(int32(0)), Cpu: new(float32(0))}
	for ctx.Err() == nil {
		reg := &yarnpb.RegisterNodeManagerResponseProto{}
		err := client.Call(ctx, "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{NodeId: id, HttpPort: new(int32(80)),
			Resource: &yarnpb.ResourceProto{Memory: new(int64(65536)), VirtualCores: new(int32(64))}, NmVersion: new("3.4.2")}, reg)
		if err != nil {
			wait(ctx, reconnect)
			continue
		}
		for last := int32(0); ; {
			if wait(ctx, heartbeat); ctx.Err() != nil {
				return
			}
			resp := &yarnpb.NodeHeartbeatResponseProto{}
			err := client.Call(ctx, "nodeHeartbeat", &yarnpb.NodeHeartbeatRequestProto{LastKnownContainerTokenMasterKey: reg.GetContainerTokenMasterKey(), LastKnownNmTokenMasterKey: reg.GetNmTokenMasterKey(),
				NodeStatus: &yarnpb.NodeStatusProto{NodeId: id, ResponseId: &last, ContainersUtilization: idle, NodeUtilization: idle,
					NodeHealthStatus: &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new("")}}}, resp)
			if err != nil {
				continue // it is away: the next heartbeat tries again
			}
			if resp.GetNodeAction() == yarnpb.NodeActionProto_RESYNC {
				break
			}
			last = resp.GetResponseId()
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
