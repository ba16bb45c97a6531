// Package updater is the node's link to the ResourceManager: it registers, sends
// heartbeats with the containers' news, and carries out what the answers ask for.
//
//	register -> keys, identifier -> heartbeat every nextHeartBeatInterval, sooner with news
//	RESYNC   -> register again with everything that runs
//	SHUTDOWN -> ErrShutdown
package updater

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/service"
	"heddle/nodemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// ProtocolName is the protocol's name on the wire.
const ProtocolName = "org.apache.hadoop.yarn.server.api.ResourceTrackerPB"

// ErrShutdown says that the ResourceManager does not want this node.
var ErrShutdown = errors.New("the ResourceManager told this node to shut down")

// Health is a node's health report.
type Health struct {
	Healthy bool
	Report  string
	At      time.Time
}

// Utilization is what node and containers use now.
type Utilization struct {
	NodePhysicalMB, NodeVirtualMB             int64
	NodeCPU                                   float32 // cores
	ContainersPhysicalMB, ContainersVirtualMB int64
	ContainersCPU                             float32
}

// Config sets an Updater up.
type Config struct {
	Addresses []string // of the ResourceManagers; tried in turn
	User      string
	Node      yarn.NodeID
	HTTPPort  int
	Version   string
	// MinimumRMVersion is the least version of a ResourceManager that the node works for; "" for any.
	MinimumRMVersion string
	Types            *yarn.ResourceTypes
	Total            func() yarn.Resource // what this node offers
	SetTotal         func(yarn.Resource)  // the ResourceManager's word on it
	Physical         yarn.Resource
	Manager          *container.Manager
	NMTokens         *tokens.NM
	Containers       *tokens.Containers
	Health           func() Health
	Utilization      func() Utilization
	AppFinished      func(yarn.ApplicationID)
	Registered       func() // after each registration

	RetryInterval time.Duration // yarn.resourcemanager.connect.retry-interval.ms
	MaxWait       time.Duration // yarn.resourcemanager.connect.max-wait.ms; negative: for ever
	Now           func() time.Time
	Log           *slog.Logger
}

// Updater is owned by the goroutine of Run; rm and contact may be read from anywhere.
type Updater struct {
	cfg     Config
	clients []*rpc.Client
	current int
	again   chan struct{} // asks for another registration
	rm      atomic.Pointer[int64]
	contact atomic.Int64   // ms of the last answer
	orders  sync.WaitGroup // those of which an engine may be asked, for which no heartbeat waits

	responseID int32
	interval   time.Duration
}

const (
	callTimeout = 60 * time.Second
	// outOfBand keeps heartbeats with news this far apart.
	outOfBand = 50 * time.Millisecond
)

// New returns an Updater that has not connected yet.
func New(cfg Config) *Updater {
	u := &Updater{cfg: cfg, interval: time.Second, again: make(chan struct{}, 1)}
	for _, a := range cfg.Addresses {
		u.clients = append(u.clients, rpc.NewClient(rpc.ClientConfig{Address: a, Protocol: ProtocolName, User: cfg.User, CallTimeout: callTimeout, IdleTimeout: time.Minute}))
	}
	return u
}

// RM is the ResourceManager's identifier; ok is false before the first registration.
func (u *Updater) RM() (identifier int64, ok bool) {
	if p := u.rm.Load(); p != nil {
		return *p, true
	}
	return 0, false
}

// Reregister tells the ResourceManager anew what this node offers; only a registration can.
func (u *Updater) Reregister() {
	select {
	case u.again <- struct{}{}:
	default:
	}
}

// LastContact is when the ResourceManager last answered.
func (u *Updater) LastContact() time.Time { return time.UnixMilli(u.contact.Load()) }

// Run registers and sends heartbeats until ctx ends, the ResourceManager sends the node away, or
// it cannot be reached for the maximal time.
func (u *Updater) Run(ctx context.Context) error {
	defer func() {
		for _, c := range u.clients {
			_ = c.Close() // nothing to lose: calls are over
		}
	}()
	defer u.orders.Wait()
	if err := u.register(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(u.interval)
	defer timer.Stop()
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-u.cfg.Manager.News():
			if wait := outOfBand - time.Since(last); wait > 0 && !sleep(ctx, wait) {
				return ctx.Err()
			}
		case <-u.again:
			if err := u.register(ctx); err != nil {
				return err
			}
		case <-timer.C:
		}
		last = time.Now()
		if err := u.beat(ctx); err != nil {
			return err
		}
		timer.Reset(u.interval)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// call tries the ResourceManagers in turn until one answers; an answer that is an exception ends it.
func (u *Updater) call(ctx context.Context, method string, req, resp proto.Message) error {
	start := u.cfg.Now()
	warned := false
	for {
		err := u.clients[u.current].Call(ctx, method, req, resp)
		var remote *rpc.Error
		if err == nil {
			u.contact.Store(u.cfg.Now().UnixMilli())
			return nil
		}
		if errors.As(err, &remote) && !rpc.IsClass(err, rpc.ClassStandby) && !rpc.IsClass(err, rpc.ClassRetriable) {
			return fmt.Errorf("%s: %w", method, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !warned {
			warned = true
			u.cfg.Log.Warn("the ResourceManager does not answer; trying until it does", "address", u.clients[u.current].Address(), "error", err)
		}
		if u.cfg.MaxWait >= 0 && u.cfg.Now().Sub(start) > u.cfg.MaxWait {
			return fmt.Errorf("no ResourceManager answered for %v (yarn.resourcemanager.connect.max-wait.ms): %w", u.cfg.MaxWait, err)
		}
		u.current = (u.current + 1) % len(u.clients)
		if !sleep(ctx, u.cfg.RetryInterval) {
			return ctx.Err()
		}
	}
}

func (u *Updater) register(ctx context.Context) error {
	req := &yarnpb.RegisterNodeManagerRequestProto{
		NodeId: wire.NodeID(u.cfg.Node), HttpPort: proto.Int32(int32(u.cfg.HTTPPort)), NmVersion: &u.cfg.Version,
		Resource: wire.Resource(u.cfg.Total(), u.cfg.Types), PhysicalResource: wire.Resource(u.cfg.Physical, u.cfg.Types),
		NodeStatus: u.status(nil),
	}
	req.NodeStatus.ResponseId = proto.Int32(0)
	for _, c := range u.cfg.Manager.Containers() {
		req.ContainerStatuses = append(req.ContainerStatuses, service.RegistrationProto(c.Status(), u.cfg.Types))
	}
	for _, a := range u.cfg.Manager.Apps() {
		req.RunningApplications = append(req.RunningApplications, wire.AppID(a.ID))
	}
	reports := u.cfg.Manager.LogReports()
	req.LogAggregationReportsForApps = reportsProto(append(u.cfg.Manager.ToldLogReports(), reports...))
	resp := &yarnpb.RegisterNodeManagerResponseProto{}
	if err := u.call(ctx, "registerNodeManager", req, resp); err != nil {
		return err
	}
	if resp.GetNodeAction() == yarnpb.NodeActionProto_SHUTDOWN {
		return fmt.Errorf("%w at registration: %s", ErrShutdown, resp.GetDiagnosticsMessage())
	}
	if least := u.cfg.MinimumRMVersion; least != "" {
		if below, err := yarn.VersionBelow(resp.GetRmVersion(), least); err != nil || below {
			return fmt.Errorf("%w at registration: the ResourceManager's version (%s) is less than the minimum allowed version %s (yarn.nodemanager.resourcemanager.minimum.version)", ErrShutdown, resp.GetRmVersion(), least)
		}
	}
	u.cfg.Manager.Acknowledge(len(reports))
	if k := resp.GetContainerTokenMasterKey(); k != nil {
		u.cfg.Containers.Set(security.MasterKeyFromProto(k))
	}
	if k := resp.GetNmTokenMasterKey(); k != nil {
		u.cfg.NMTokens.Set(security.MasterKeyFromProto(k))
	}
	id := resp.GetRmIdentifier()
	u.rm.Store(&id)
	u.responseID = 0
	u.setTotal(resp.GetResource())
	u.cfg.Log.Info("registered", "node", u.cfg.Node, "resourcemanager", u.clients[u.current].Address(), "identifier", id, "version", resp.GetRmVersion())
	u.cfg.Registered()
	return nil
}

// Unregister tells the ResourceManager that the node goes away on purpose; one attempt is enough,
// since without it the ResourceManager waits for heartbeats a while longer.
func (u *Updater) Unregister(ctx context.Context) {
	if _, ok := u.RM(); !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	a := u.cfg.Addresses[u.current]
	c := rpc.NewClient(rpc.ClientConfig{Address: a, Protocol: ProtocolName, User: u.cfg.User})
	defer c.Close() //nolint:errcheck // the call is over
	req := &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: wire.NodeID(u.cfg.Node)}
	if err := c.Call(ctx, "unRegisterNodeManager", req, &yarnpb.UnRegisterNodeManagerResponseProto{}); err != nil {
		u.cfg.Log.Warn("the ResourceManager was not told that this node stops", "address", a, "error", err)
	}
}

func reportsProto(reports []container.LogReport) []*yarnpb.LogAggregationReportProto {
	var out []*yarnpb.LogAggregationReportProto
	for _, r := range reports {
		state := yarnpb.LogAggregationStatusProto(r.State)
		out = append(out, &yarnpb.LogAggregationReportProto{ApplicationId: wire.AppID(r.App), LogAggregationStatus: &state, Diagnostics: &r.Diagnostics})
	}
	return out
}

func (u *Updater) status(containers []*yarnpb.ContainerStatusProto) *yarnpb.NodeStatusProto {
	h, use := u.cfg.Health(), u.cfg.Utilization()
	util := func(p, v int64, cpu float32) *yarnpb.ResourceUtilizationProto {
		return &yarnpb.ResourceUtilizationProto{Pmem: proto.Int32(int32(p)), Vmem: proto.Int32(int32(v)), Cpu: &cpu}
	}
	return &yarnpb.NodeStatusProto{
		NodeId: wire.NodeID(u.cfg.Node), ResponseId: &u.responseID, ContainersStatuses: containers,
		NodeHealthStatus:      &yarnpb.NodeHealthStatusProto{IsNodeHealthy: &h.Healthy, HealthReport: &h.Report, LastHealthReportTime: proto.Int64(h.At.UnixMilli())},
		ContainersUtilization: util(use.ContainersPhysicalMB, use.ContainersVirtualMB, use.ContainersCPU),
		NodeUtilization:       util(use.NodePhysicalMB, use.NodeVirtualMB, use.NodeCPU),
	}
}

// beat sends one heartbeat and carries out the answer.
func (u *Updater) beat(ctx context.Context) error {
	var statuses []*yarnpb.ContainerStatusProto
	for _, c := range u.cfg.Manager.Containers() {
		statuses = append(statuses, service.StatusProto(c.Status(), u.cfg.Types))
	}
	reports := u.cfg.Manager.LogReports()
	ck, _ := u.cfg.Containers.Keys.Current()
	nk, _ := u.cfg.NMTokens.Keys.Current()
	req := &yarnpb.NodeHeartbeatRequestProto{
		NodeStatus: u.status(statuses), LastKnownContainerTokenMasterKey: ck.Proto(), LastKnownNmTokenMasterKey: nk.Proto(),
		LogAggregationReportsForApps: reportsProto(reports),
	}
	grown := u.cfg.Manager.Grown()
	for _, s := range grown {
		req.NodeStatus.IncreasedContainers = append(req.NodeStatus.IncreasedContainers, service.ContainerProto(s, u.cfg.Node, u.cfg.Types))
	}
	resp := &yarnpb.NodeHeartbeatResponseProto{}
	if err := u.call(ctx, "nodeHeartbeat", req, resp); err != nil {
		return err
	}
	switch resp.GetNodeAction() {
	case yarnpb.NodeActionProto_SHUTDOWN:
		return fmt.Errorf("%w: %s", ErrShutdown, resp.GetDiagnosticsMessage())
	case yarnpb.NodeActionProto_RESYNC:
		u.cfg.Log.Warn("the ResourceManager asks for a new registration", "reason", resp.GetDiagnosticsMessage())
		return u.register(ctx)
	}
	u.cfg.Manager.Acknowledge(len(reports))
	u.cfg.Manager.ToldGrown(grown)
	u.responseID = resp.GetResponseId()
	if ms := resp.GetNextHeartBeatInterval(); ms > 0 {
		u.interval = time.Duration(ms) * time.Millisecond
	}
	u.apply(ctx, resp)
	return nil
}

func (u *Updater) apply(ctx context.Context, resp *yarnpb.NodeHeartbeatResponseProto) {
	if k := resp.GetContainerTokenMasterKey(); k != nil {
		u.cfg.Containers.Set(security.MasterKeyFromProto(k))
	}
	if k := resp.GetNmTokenMasterKey(); k != nil {
		u.cfg.NMTokens.Set(security.MasterKeyFromProto(k))
	}
	for _, p := range resp.GetContainersToBeRemovedFromNm() {
		u.cfg.Manager.Remove(wire.ContainerIDFrom(p))
	}
	for _, p := range resp.GetContainersToCleanup() {
		if c, err := u.cfg.Manager.Find(wire.ContainerIDFrom(p)); err == nil { // else it has ended already
			c.Kill(yarn.ExitKilledByResourceManager, "Container Killed by ResourceManager")
		}
	}
	for _, p := range slices.Concat(resp.GetContainersToUpdate(), resp.GetContainersToDecrease()) {
		u.orders.Go(func() { u.update(p) })
	}
	u.setTotal(resp.GetResource())
	for _, s := range resp.GetContainersToSignal() {
		u.orders.Go(func() { u.signal(ctx, s) })
	}
	for _, p := range resp.GetApplicationsToCleanup() {
		u.cfg.AppFinished(wire.AppIDFrom(p))
	}
}

// update carries out another size of a container, of which the ResourceManager's list may tell after the AM.
func (u *Updater) update(p *yarnpb.ContainerProto) {
	id := wire.ContainerIDFrom(p.GetId())
	c, err := u.cfg.Manager.Find(id)
	if err != nil {
		return // it has ended already
	}
	want, err := service.UpdateFrom(p, u.cfg.Types)
	if err == nil && want.Version <= c.Status().Spec.Grant.Version {
		return // the AM was here before
	}
	if err == nil {
		err = c.Update(want)
	}
	if err != nil {
		u.cfg.Log.Warn("a container does not get the size that the ResourceManager says", "container", id, "error", err)
	}
}

func (u *Updater) setTotal(p *yarnpb.ResourceProto) {
	if p == nil {
		return
	}
	r, err := wire.ResourceFrom(p, u.cfg.Types)
	if err != nil {
		u.cfg.Log.Warn("the ResourceManager says what this node offers in types that are not known here", "error", err)
		return
	}
	u.cfg.SetTotal(r)
}

func (u *Updater) signal(ctx context.Context, s *yarnpb.SignalContainerRequestProto) {
	c, err := u.cfg.Manager.Find(wire.ContainerIDFrom(s.GetContainerId()))
	if err != nil {
		return // it has ended already
	}
	sig, ok := service.SignalOf(s.GetCommand())
	if !ok {
		u.cfg.Log.Warn("a signal command is not known", "command", s.GetCommand())
		return
	}
	if err := c.Signal(ctx, sig); err != nil {
		u.cfg.Log.Warn("a container was not signalled", "container", c.ID, "error", err)
	}
}
