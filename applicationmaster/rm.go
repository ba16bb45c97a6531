package applicationmaster

import (
	"context"
	"fmt"
	"time"

	"heddle/applicationmaster/framework"
	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/jobspec"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// Intervals of the heartbeat: short while something is expected, yarn's usual second otherwise.
const (
	busyInterval  = 250 * time.Millisecond
	quietInterval = time.Second
	// patience is how long the ResourceManager may be away; it takes an AM for dead after as long (am expiry).
	patience = 10 * time.Minute
)

// rmNews is what the next heartbeat tells the ResourceManager.
type rmNews struct {
	asks     map[int]int
	releases []yarn.ContainerID
	progress float32 // of the job, from 0 to 1
}

func (n *rmNews) add(o framework.Orders) {
	for role, count := range o.Asks {
		if n.asks == nil {
			n.asks = map[int]int{}
		}
		n.asks[role] = count
	}
	n.releases = append(n.releases, o.Release...)
}

// resourceManager is the connection that one goroutine at a time uses.
type resourceManager struct {
	m        *master
	rm       *client.ApplicationMaster
	response int32
	largest  yarn.Resource
}

func (m *master) register(ctx context.Context) (*resourceManager, error) {
	rm, err := m.client.ApplicationMaster(m.token)
	if err != nil {
		return nil, err
	}
	r := &resourceManager{m: m, rm: rm}
	if err := r.register(ctx); err != nil {
		r.close()
		return nil, fmt.Errorf("registering with the ResourceManager: %w", err)
	}
	return r, nil
}

func (r *resourceManager) close() { _ = r.rm.Close() } // nothing is under way

func (r *resourceManager) register(ctx context.Context) error {
	resp, err := r.rm.RegisterApplicationMaster(ctx, &yarnpb.RegisterApplicationMasterRequestProto{
		Host: new(r.m.host), RpcPort: new(int32(-1)), TrackingUrl: new(r.m.url()),
	})
	if err != nil {
		return err
	}
	r.response = 0
	r.largest, err = wire.ResourceFrom(resp.GetMaximumCapability(), r.m.types)
	if err != nil { // a type that no task asks for
		r.largest = yarn.NewResource(resp.GetMaximumCapability().GetMemory(), int64(resp.GetMaximumCapability().GetVirtualCores()))
	}
	return nil
}

// resource is what a task of a role needs.
func (m *master) resource(r *jobspec.Role) (*yarnpb.ResourceProto, error) {
	v := yarn.NewResource(int64(r.MemoryMB), int64(r.CPU))
	if r.GPUs > 0 {
		i := m.types.Index(yarn.GPUName)
		if i < 0 {
			return nil, fmt.Errorf("role %s asks for %d GPUs and the cluster does not count them; set yarn.resource-types to %s", r.Name, r.GPUs, yarn.GPUName)
		}
		v[i] = int64(r.GPUs)
	}
	return wire.Resource(v, m.types), nil
}

// heartbeats talks to the ResourceManager until the job or ctx ends.
func (m *master) heartbeats(ctx context.Context, r *resourceManager) { //nolint:gocyclo // one loop, in the protocol's order
	lost := time.Time{} // since when it does not answer
	for {
		var news rmNews
		busy := false
		if !m.tell(func() {
			news, m.core.news = m.core.news, rmNews{}
			news.progress = m.core.job.Progress()
			s := m.core.job.State()
			busy = s == framework.Gathering || s == framework.Ending
		}) {
			return
		}
		err := r.beat(ctx, news)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if !lost.IsZero() {
				// The answer may be the one to an earlier call that was lost on its way here, and then
				// what this call told was not read (a repeated response id): all is told once more.
				lost = time.Time{}
				m.tell(func() { m.core.news = m.again(news) })
			}
		case rpc.IsClass(err, rpc.ClassApplicationMasterNotRegistered):
			m.Log.Info("the ResourceManager has restarted; registering again")
			if err := r.register(ctx); err != nil {
				m.Log.Warn("registering again", "error", err)
			}
			m.tell(func() { m.core.news = m.again(news) })
		case rpc.IsClass(err, rpc.ClassApplicationAttemptNotFound), rpc.IsClass(err, rpc.ClassInvalidToken), rpc.IsClass(err, rpc.ClassInvalidApplicationMasterRequest):
			m.tell(func() { m.core.failure = fmt.Errorf("the ResourceManager has ended this attempt: %w", err) })
			return
		case refused(err):
			m.tell(func() { m.core.job.Fail(time.Now(), framework.CodeRMRefused, err.Error()) })
		default:
			if lost.IsZero() {
				lost = time.Now()
				m.Log.Warn("the ResourceManager does not answer; it is asked again", "error", err)
			}
			if time.Since(lost) > patience {
				m.tell(func() { m.core.failure = fmt.Errorf("the ResourceManager did not answer for %v: %w", patience, err) })
				return
			}
			m.tell(func() { m.core.news = m.again(news) })
		}
		pause := quietInterval
		if busy && err == nil {
			pause = busyInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// again is the news of a heartbeat that did not arrive, with all asks as they stand now and what has come since.
func (m *master) again(lost rmNews) rmNews {
	out := rmNews{asks: m.core.job.Wanted(), releases: append(lost.releases, m.core.news.releases...)}
	for role := range m.Launch.Framework.Roles {
		if _, ok := out.asks[role]; !ok {
			out.asks[role] = 0
		}
	}
	return out
}

// refused reports whether a request will never be granted.
func refused(err error) bool {
	for _, class := range []string{rpc.ClassInvalidResourceRequest, rpc.ClassInvalidLabelResourceRequest, rpc.ClassResourceNotFound} {
		if rpc.IsClass(err, class) {
			return true
		}
	}
	return false
}

// beat is one allocate call.
func (r *resourceManager) beat(ctx context.Context, news rmNews) error {
	req := &yarnpb.AllocateRequestProto{ResponseId: new(r.response), Progress: new(news.progress)}
	for role, count := range news.asks {
		spec := &r.m.Launch.Framework.Roles[role]
		capability, err := r.m.resource(spec)
		if err != nil {
			return rpc.Exception(rpc.ClassResourceNotFound, "%v", err)
		}
		req.Ask = append(req.Ask, &yarnpb.ResourceRequestProto{
			Priority: wire.Priority(framework.Priority(role)), ResourceName: new("*"), Capability: capability,
			NumContainers: new(int32(count)), RelaxLocality: new(true),
		})
	}
	for _, id := range news.releases {
		req.Release = append(req.Release, wire.ContainerID(id))
	}
	resp, err := r.rm.Allocate(ctx, req)
	if err != nil {
		return err
	}
	r.response = resp.GetResponseId()
	if t := resp.GetAmRmToken(); t != nil {
		if err := r.renew(t); err != nil {
			return err
		}
	}
	if command := resp.AMCommand; command != nil { // its default is a command, too
		if *command == yarnpb.AMCommandProto_AM_SHUTDOWN {
			return rpc.Exception(rpc.ClassApplicationAttemptNotFound, "the ResourceManager orders a shutdown")
		}
		return rpc.Exception(rpc.ClassApplicationMasterNotRegistered, "the ResourceManager orders a resync")
	}
	r.m.received(resp)
	return nil
}

// renew connects with the token of a newer key.
func (r *resourceManager) renew(t *commonpb.TokenProto) error {
	r.m.token = security.TokenFromProto(t)
	next, err := r.m.client.ApplicationMaster(r.m.token)
	if err != nil {
		return err
	}
	r.close()
	r.rm = next
	r.m.Log.Info("the AMRM token was renewed")
	return nil
}

// received gives the core what came with a heartbeat.
func (m *master) received(resp *yarnpb.AllocateResponseProto) {
	for _, t := range resp.GetNmTokens() {
		m.nodes.SetToken(wire.NodeIDFrom(t.GetNodeId()), t.GetToken())
	}
	if len(resp.GetAllocatedContainers())+len(resp.GetCompletedContainerStatuses()) == 0 {
		return
	}
	m.tell(func() {
		now := time.Now()
		for _, c := range resp.GetCompletedContainerStatuses() {
			id := wire.ContainerIDFrom(c.GetContainerId())
			m.core.job.ContainerEnded(now, id, yarn.ExitStatus(c.GetExitStatus()), c.GetDiagnostics())
			delete(m.core.secrets, id)
			m.agents.Forget(id.String())
		}
		for _, c := range resp.GetAllocatedContainers() {
			m.core.job.Granted(now, framework.Grant{
				ID: wire.ContainerIDFrom(c.GetId()), Priority: c.GetPriority().GetPriority(), Node: wire.NodeIDFrom(c.GetNodeId()),
				NodeHTTP: c.GetNodeHttpAddress(), Token: c.GetContainerToken(),
			})
		}
	})
}

// unregister ends the application; it asks until the ResourceManager has stored the outcome.
func (r *resourceManager) unregister(ctx context.Context, s yarn.FinalStatus, diagnostics string) error {
	req := &yarnpb.FinishApplicationMasterRequestProto{
		Diagnostics: new(diagnostics), FinalApplicationStatus: yarnpb.FinalApplicationStatusProto(s).Enum(), TrackingUrl: new(""),
	}
	deadline := time.Now().Add(patience)
	for {
		resp, err := r.rm.FinishApplicationMaster(ctx, req)
		switch {
		case err == nil && resp.GetIsUnregistered():
			return nil
		case rpc.IsClass(err, rpc.ClassApplicationMasterNotRegistered):
			if err := r.register(ctx); err != nil {
				r.m.Log.Warn("registering again", "error", err)
			}
		case rpc.IsClass(err, rpc.ClassApplicationAttemptNotFound): // a lost answer: it is over already
			return nil
		case err != nil && time.Now().After(deadline):
			return fmt.Errorf("telling the ResourceManager of the end: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
