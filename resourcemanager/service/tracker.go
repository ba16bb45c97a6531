package service

import (
	"context"
	"fmt"
	"net"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// TrackerProtocol is the name of ResourceTracker on the wire.
const TrackerProtocol = "org.apache.hadoop.yarn.server.api.ResourceTrackerPB"

// Tracker is ResourceTracker.
func (s *Service) Tracker() rpc.Protocol {
	sd := yarnpb.File_hadoop_proto_yarn_resource_tracker_proto.Services().ByName("ResourceTrackerService")
	return protocol(TrackerProtocol, sd, map[string]rpc.Method{
		"registerNodeManager":   rpc.Unary(s.registerNodeManager),
		"nodeHeartbeat":         rpc.Unary(s.nodeHeartbeat).Before(s.quietHeartbeat),
		"unRegisterNodeManager": rpc.Unary(s.unRegisterNodeManager),
	})
}

// Bounds on what a NodeManager may send.
const (
	maxContainersPerNode = 100_000
	maxHost              = 255
)

func (s *Service) registerNodeManager(ctx context.Context, req *yarnpb.RegisterNodeManagerRequestProto) (*yarnpb.RegisterNodeManagerResponseProto, error) {
	id := wire.NodeIDFrom(req.GetNodeId())
	if id.Host == "" || len(id.Host) > maxHost || len(req.GetContainerStatuses()) > maxContainersPerNode {
		return nil, rpc.Exception(rpc.ClassYarn, "the registration names no valid node id, or too many containers")
	}
	shutdown := func(format string, args ...any) (*yarnpb.RegisterNodeManagerResponseProto, error) {
		text := fmt.Sprintf(format, args...)
		s.Log.Warn("node refused", "node", id, "reason", text)
		return &yarnpb.RegisterNodeManagerResponseProto{NodeAction: yarnpb.NodeActionProto_SHUTDOWN.Enum(), DiagnosticsMessage: &text}, nil
	}
	if ip := peer(ctx); s.Settings.HostCheck && ip.IsValid() && !resolves(ctx, id.Host) { // an AM could not reach its containers there
		return shutdown("hostname cannot be resolved (ip=%s, hostname=%s)", ip, id.Host)
	}
	if n, known := s.Core.View().Nodes.Get(id); !s.Hosts.Admits(id.Host) && (!known || n.State != yarn.NodeDecommissioning) {
		return shutdown("Disallowed NodeManager from  %s, Sending SHUTDOWN signal to the NodeManager.", id.Host)
	}
	if least := s.Settings.MinimumNMVersion; least != "" {
		if below, err := yarn.VersionBelow(req.GetNmVersion(), least); err != nil || below {
			return shutdown("Disallowed NodeManager Version %s, is less than the minimum version %s sending SHUTDOWN signal to NodeManager.", req.GetNmVersion(), least)
		}
	}
	if err := s.taken(ctx, id); err != nil {
		return nil, err
	}
	total, err := wire.ResourceFrom(req.GetResource(), s.Settings.Types)
	if err != nil {
		return shutdown("NodeManager from  %s: %v; Sending SHUTDOWN signal to the NodeManager.", id.Host, err)
	}
	if least := s.Settings.Scheduler.Minimum; total[yarn.Memory] < least[yarn.Memory] || total[yarn.VCores] < least[yarn.VCores] {
		return shutdown("NodeManager from  %s doesn't satisfy minimum allocations, Sending SHUTDOWN signal to the NodeManager. Node capabilities are %s; minimums are %dmb and %d vcores",
			id.Host, s.Settings.Types.Format(total), least[yarn.Memory], least[yarn.VCores])
	}
	var told *yarnpb.ResourceProto // only where it is not what the node said
	if fixed, ok := s.fixedSizes()[id]; ok {
		total = fixed.Over(total)
		told = wire.Resource(total, s.Settings.Types)
	}
	r := core.NodeRegistration{ID: id, HTTPPort: req.GetHttpPort(), Version: req.GetNmVersion(), Rack: s.rack(ctx, id.Host), Total: total, From: peer(ctx)}
	if p := req.GetPhysicalResource(); p != nil {
		r.Cores = int64(p.GetVirtualCores())
	}
	for _, p := range req.GetContainerStatuses() {
		c, err := s.nodeContainer(p)
		if err != nil {
			return nil, rpc.Exception(rpc.ClassYarn, "container %s of node %s: %v", wire.ContainerIDFrom(p.GetContainerId()), id, err)
		}
		r.Containers = append(r.Containers, c)
	}
	for _, p := range req.GetRunningApplications() {
		r.Apps = append(r.Apps, wire.AppIDFrom(p))
	}
	if _, err := s.Core.RegisterNode(ctx, r); err != nil {
		return nil, failure(err)
	}
	if logs := logStates(req.GetLogAggregationReportsForApps()); logs != nil { // after a restart of either side these are sent anew
		if err := s.Core.NodeReports(ctx, core.NodeNews{Node: id, LogStates: logs}); err != nil {
			return nil, failure(err)
		}
	}
	return &yarnpb.RegisterNodeManagerResponseProto{
		ContainerTokenMasterKey: s.Tokens.ContainerKeys().Current.Proto(), NmTokenMasterKey: s.Tokens.NMKeys().Current.Proto(),
		NodeAction: yarnpb.NodeActionProto_NORMAL.Enum(), Resource: told, RmIdentifier: new(s.ClusterTimestamp), RmVersion: new(yarn.HadoopVersion),
	}, nil
}

func resolves(ctx context.Context, host string) bool {
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	return err == nil && len(addresses) > 0
}

func (s *Service) rack(ctx context.Context, host string) string {
	r, err := s.Settings.Racks.Rack(ctx, host)
	if err != nil {
		s.Log.Warn("a node's rack is not known", "error", err, "taken", r)
	}
	return r
}

func (s *Service) nodeContainer(p *yarnpb.NMContainerStatusProto) (core.NodeContainer, error) {
	r, err := wire.ResourceFrom(p.GetResource(), s.Settings.Types)
	return core.NodeContainer{
		ID: wire.ContainerIDFrom(p.GetContainerId()), State: yarn.ContainerState(p.GetContainerState()), Resource: r,
		Key:         scheduler.AskKey{Priority: p.GetPriority().GetPriority(), AllocationID: p.GetAllocationRequestId()},
		Diagnostics: p.GetDiagnostics(), Exit: yarn.ExitStatus(p.GetContainerExitStatus()), Created: p.GetCreationTime(), Version: p.GetVersion(),
	}, err
}

func (s *Service) nodeHeartbeat(ctx context.Context, req *yarnpb.NodeHeartbeatRequestProto) (*yarnpb.NodeHeartbeatResponseProto, error) {
	status := req.GetNodeStatus()
	id := wire.NodeIDFrom(status.GetNodeId())
	sess, ok := s.Core.NodeSession(id)
	if !s.Hosts.Admits(id.Host) && (!ok || !sess.Draining()) {
		text := "Disallowed NodeManager nodeId: " + id.String() + " hostname:" + id.Host
		return &yarnpb.NodeHeartbeatResponseProto{NodeAction: yarnpb.NodeActionProto_SHUTDOWN.Enum(), DiagnosticsMessage: &text}, nil
	}
	if !ok {
		return resync("Node not found resyncing " + id.String()), nil
	}
	if fromElsewhere(ctx, sess) {
		return resync(fmt.Sprintf("Node %s registered from %s, and this heartbeat comes from %s", id, sess.From, peer(ctx))), nil
	}
	sess.Call.Lock()
	defer sess.Call.Unlock()
	sess.Seen(s.Clock())
	if next(status.GetResponseId()) == sess.ResponseID {
		if last, ok := sess.LastReply.(*yarnpb.NodeHeartbeatResponseProto); ok {
			return last, nil
		}
		if sess.Plain {
			return plainReply(sess.ResponseID, s.interval(sess), sess.LastSequence), nil
		}
	}
	if status.GetResponseId() != sess.ResponseID || sess.Replaced() {
		return resync(fmt.Sprintf("Too far behind rm response id:%d nm response id:%d", sess.ResponseID, status.GetResponseId())), nil
	}
	if len(status.GetContainersStatuses()) > maxContainersPerNode {
		return nil, rpc.Exception(rpc.ClassYarn, "%d containers in one heartbeat, at most %d are accepted", len(status.GetContainersStatuses()), maxContainersPerNode)
	}
	news, any := heartbeatNews(sess, req)
	for _, p := range status.GetIncreasedContainers() {
		size, err := wire.ResourceFrom(p.GetResource(), s.Settings.Types)
		if err != nil {
			return nil, rpc.Exception(rpc.ClassYarn, "the size of an increased container: %v", err)
		}
		news.Measured, any = append(news.Measured, core.Measured{ID: wire.ContainerIDFrom(p.GetId()), Resource: size}), true
	}
	if any {
		if err := s.Core.NodeReports(ctx, news); err != nil {
			return nil, failure(err)
		}
	}
	measure(sess, status)
	resp := s.heartbeatReply(sess, req)
	sess.ResponseID, sess.LastReply, sess.Plain = resp.GetResponseId(), resp, false
	return resp, nil
}

func resync(why string) *yarnpb.NodeHeartbeatResponseProto {
	return &yarnpb.NodeHeartbeatResponseProto{NodeAction: yarnpb.NodeActionProto_RESYNC.Enum(), DiagnosticsMessage: &why}
}

// heartbeatNews picks what the core has not heard yet: a NodeManager repeats each
// container's state in every heartbeat.
func heartbeatNews(sess *core.NodeSession, req *yarnpb.NodeHeartbeatRequestProto) (news core.NodeNews, any bool) {
	status := req.GetNodeStatus()
	news.Node = sess.ID
	for _, c := range status.GetContainersStatuses() {
		id := wire.ContainerIDFrom(c.GetContainerId())
		if c.GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
			if _, known := sess.Ended[id]; known {
				continue
			}
			sess.Ended[id] = struct{}{}
			delete(sess.Started, id)
			news.Ended = append(news.Ended, core.ContainerReport{ID: id, Exit: yarn.ExitStatus(c.GetExitStatus()), Diagnostics: c.GetDiagnostics()})
			continue
		}
		if _, known := sess.Started[id]; !known {
			sess.Started[id] = struct{}{}
			news.Started = append(news.Started, id)
		}
	}
	if h := status.GetNodeHealthStatus(); h != nil && (h.GetIsNodeHealthy() != sess.Healthy || h.GetHealthReport() != sess.Report) {
		sess.Healthy, sess.Report = h.GetIsNodeHealthy(), h.GetHealthReport()
		news.Health = &core.Health{Healthy: h.GetIsNodeHealthy(), Report: h.GetHealthReport(), At: h.GetLastHealthReportTime()}
	}
	news.LogStates = logStates(req.GetLogAggregationReportsForApps())
	return news, len(news.Started) > 0 || len(news.Ended) > 0 || news.Health != nil || len(news.LogStates) > 0
}

func logStates(reports []*yarnpb.LogAggregationReportProto) (out []core.LogReport) {
	for _, l := range reports {
		out = append(out, core.LogReport{App: wire.AppIDFrom(l.GetApplicationId()), State: core.LogState(l.GetLogAggregationStatus()), Diagnostics: l.GetDiagnostics()})
	}
	return out
}

func measure(sess *core.NodeSession, status *yarnpb.NodeStatusProto) {
	n, c := status.GetNodeUtilization(), status.GetContainersUtilization()
	if n == nil && c == nil {
		return
	}
	sess.Measure(core.Utilization{NodePMemMB: n.GetPmem(), NodeVMemMB: n.GetVmem(), NodeCPU: n.GetCpu(),
		ContainersPMemMB: c.GetPmem(), ContainersVMem: c.GetVmem(), ContainersCPU: c.GetCpu()})
}

func (s *Service) heartbeatReply(sess *core.NodeSession, req *yarnpb.NodeHeartbeatRequestProto) *yarnpb.NodeHeartbeatResponseProto {
	resp := plainReply(next(sess.ResponseID), s.interval(sess), req.GetTokenSequenceNo())
	orders := sess.Take()
	for _, id := range orders.Clean {
		resp.ContainersToCleanup = append(resp.ContainersToCleanup, wire.ContainerID(id))
	}
	for _, id := range orders.Forget {
		delete(sess.Ended, id)
		resp.ContainersToBeRemovedFromNm = append(resp.ContainersToBeRemovedFromNm, wire.ContainerID(id))
	}
	for _, id := range orders.CleanApps {
		resp.ApplicationsToCleanup = append(resp.ApplicationsToCleanup, wire.AppID(id))
	}
	for _, g := range orders.Sized {
		c, err := s.container(g, s.logContext(g))
		if err != nil { // the AM's own call can still bring it to the node
			s.Log.Error("a node was not told a container's new size", "node", sess.ID, "container", g.ID, "error", err)
			continue
		}
		resp.ContainersToUpdate = append(resp.ContainersToUpdate, c)
	}
	for _, sig := range orders.Signals {
		resp.ContainersToSignal = append(resp.ContainersToSignal, &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(sig.Container), Command: yarnpb.SignalContainerCommandProto(sig.Command).Enum()})
	}
	if orders.Resource != nil {
		resp.Resource = wire.Resource(*orders.Resource, s.Settings.Types)
	}
	if orders.Shutdown != "" {
		resp.NodeAction, resp.DiagnosticsMessage = yarnpb.NodeActionProto_SHUTDOWN.Enum(), new(orders.Shutdown)
	}
	if k := s.Tokens.ContainerKeys().Newest(); k.ID != req.GetLastKnownContainerTokenMasterKey().GetKeyId() {
		resp.ContainerTokenMasterKey = k.Proto()
	}
	if k := s.Tokens.NMKeys().Newest(); k.ID != req.GetLastKnownNmTokenMasterKey().GetKeyId() {
		resp.NmTokenMasterKey = k.Proto()
	}
	return resp
}

func (s *Service) unRegisterNodeManager(ctx context.Context, req *yarnpb.UnRegisterNodeManagerRequestProto) (*yarnpb.UnRegisterNodeManagerResponseProto, error) {
	id := wire.NodeIDFrom(req.GetNodeId())
	if err := s.taken(ctx, id); err != nil {
		return nil, err
	}
	s.Log.Info("node unregistered", "node", id)
	if err := s.Core.UnregisterNode(ctx, id); err != nil {
		return nil, failure(err)
	}
	return &yarnpb.UnRegisterNodeManagerResponseProto{}, nil
}
