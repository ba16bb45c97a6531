//go:build interop

package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// plan is what an ApplicationMaster is to do.
type plan struct {
	Containers int32
	MemoryMB   int64
	Real       bool          // on the NodeManager with real processes
	Run        time.Duration // about how long a container runs
}

// marker is a resource that only the real NodeManager has.
const marker = yarn.GPUName

func resource(memoryMB int64, real bool) *yarnpb.ResourceProto {
	r := &yarnpb.ResourceProto{Memory: &memoryMB, VirtualCores: new(int32(1))}
	if real {
		r.ResourceValueMap = []*yarnpb.ResourceInformationProto{{Key: new(marker), Value: new(int64(1)), Units: new(""), Type: yarnpb.ResourceTypesProto_COUNTABLE.Enum()}}
	}
	return r
}

// exitOf is how a container ends: most well, each with a status that its id tells.
func exitOf(id yarn.ContainerID) int32 { return int32(max(0, id.Sequence()%8-3)) }

// starter starts a granted container, which must end with exitOf its id.
type starter interface {
	start(ctx context.Context, c *yarnpb.ContainerProto, p plan) error
}

// master is an ApplicationMaster: it asks for its containers, starts them, and wants to hear of each end exactly once.
type master struct {
	plan    plan
	rm      *client.ApplicationMaster
	starter starter

	responseID int32
	granted    map[yarn.ContainerID]bool
	ended      map[yarn.ContainerID]bool
}

// run plays one application from registration to farewell. What it finds wrong it tells the ResourceManager as the reason of a failure.
func (p plan) run(ctx context.Context, cfg *client.Config, token security.Token, s starter) error {
	rm, err := cfg.ApplicationMaster(token)
	if err != nil {
		return err
	}
	defer rm.Close()
	m := &master{plan: p, rm: rm, starter: s, granted: map[yarn.ContainerID]bool{}, ended: map[yarn.ContainerID]bool{}}
	if _, err := rm.RegisterApplicationMaster(ctx, &yarnpb.RegisterApplicationMasterRequestProto{Host: new("localhost"), RpcPort: new(int32(0)), TrackingUrl: new("")}); err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	work := m.work(ctx)
	status, words := yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED, ""
	if work != nil {
		status, words = yarnpb.FinalApplicationStatusProto_APP_FAILED, work.Error()
	}
	for {
		bye, err := rm.FinishApplicationMaster(ctx, &yarnpb.FinishApplicationMasterRequestProto{Diagnostics: &words, FinalApplicationStatus: &status, TrackingUrl: new("")})
		if err != nil || bye.GetIsUnregistered() {
			return errors.Join(work, err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (m *master) work(ctx context.Context) error {
	ask := []*yarnpb.ResourceRequestProto{{Priority: wire.Priority(1), ResourceName: new("*"), NumContainers: &m.plan.Containers, RelaxLocality: new(true), Capability: resource(m.plan.MemoryMB, m.plan.Real)}}
	for len(m.ended) < int(m.plan.Containers) {
		if err := m.allocate(ctx, ask); err != nil {
			return err
		}
		ask = nil
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return m.allocate(ctx, nil) // whether one comes twice
}

func (m *master) allocate(ctx context.Context, ask []*yarnpb.ResourceRequestProto) error {
	resp, err := m.rm.Allocate(ctx, &yarnpb.AllocateRequestProto{ResponseId: &m.responseID, Progress: new(float32(0.5)), Ask: ask})
	if err != nil {
		return fmt.Errorf("allocating: %w", err)
	}
	m.responseID = resp.GetResponseId()
	if real, ok := m.starter.(*realStarter); ok {
		for _, t := range resp.GetNmTokens() {
			real.nodes.SetToken(wire.NodeIDFrom(t.GetNodeId()), t.GetToken())
		}
	}
	for _, c := range resp.GetAllocatedContainers() {
		id := wire.ContainerIDFrom(c.GetId())
		if m.granted[id] || len(m.granted) == int(m.plan.Containers) {
			return fmt.Errorf("%s was granted, after %d of %d", id, len(m.granted), m.plan.Containers)
		}
		m.granted[id] = true
		if err := m.starter.start(ctx, c, m.plan); err != nil {
			return fmt.Errorf("starting %s on %s: %w", id, wire.NodeIDFrom(c.GetNodeId()), err)
		}
	}
	for _, s := range resp.GetCompletedContainerStatuses() {
		id := wire.ContainerIDFrom(s.GetContainerId())
		if m.ended[id] || !m.granted[id] || s.GetExitStatus() != exitOf(id) {
			return fmt.Errorf("%s ended with %d (%s): granted %v, ended before %v, expected %d", id, s.GetExitStatus(), s.GetDiagnostics(), m.granted[id], m.ended[id], exitOf(id))
		}
		m.ended[id] = true
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
