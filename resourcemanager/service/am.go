package service

import (
	"context"
	"math"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// AMProtocol is the name of ApplicationMasterProtocol on the wire.
const AMProtocol = "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB"

// ApplicationMaster is ApplicationMasterProtocol.
func (s *Service) ApplicationMaster() rpc.Protocol {
	sd := yarnpb.File_hadoop_proto_yarn_applicationmaster_protocol_proto.Services().ByName("ApplicationMasterProtocolService")
	return protocol(AMProtocol, sd, map[string]rpc.Method{
		"registerApplicationMaster": rpc.Unary(s.registerApplicationMaster),
		"allocate":                  rpc.Unary(s.allocate),
		"finishApplicationMaster":   rpc.Unary(s.finishApplicationMaster),
	})
}

// maxAsks bounds one allocate call.
const maxAsks = 100_000

// session finds the session of the attempt that the connection's token names, and that
// token's key.
func (s *Service) session(ctx context.Context) (*core.AMSession, int32, error) {
	call := rpc.CallFrom(ctx)
	if call == nil || call.AuthMethod != rpc.Token {
		return nil, 0, rpc.Exception(rpc.ClassAccessControl, "an ApplicationMaster logs in with its AMRM token")
	}
	id, err := security.ParseAMRMIdentifier(call.TokenIdentifier)
	if err != nil {
		return nil, 0, rpc.Exception(rpc.ClassInvalidToken, "%v", err)
	}
	attempt := wire.AttemptIDFrom(id.GetAppAttemptId())
	sess, ok := s.Core.AMSession(attempt)
	if !ok {
		return nil, 0, rpc.Exception(rpc.ClassApplicationAttemptNotFound, "Application attempt %s doesn't exist in ApplicationMasterService cache.", attempt)
	}
	sess.Seen(s.Clock())
	return sess, id.GetKeyId(), nil
}

func (s *Service) registerApplicationMaster(ctx context.Context, req *yarnpb.RegisterApplicationMasterRequestProto) (*yarnpb.RegisterApplicationMasterResponseProto, error) {
	sess, keyID, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	sess.Call.Lock()
	defer sess.Call.Unlock()
	if sess.Registered {
		return nil, rpc.Exception(rpc.ClassInvalidApplicationMasterRequest, "Application Master is already registered : %s", sess.Attempt.Application)
	}
	if len(req.GetPlacementConstraints()) > 0 {
		return nil, rpc.Exception(rpc.ClassYarn, "placement constraints are not supported by this ResourceManager yet")
	}
	kept, err := s.Core.Register(ctx, sess.Attempt, core.Registration{Host: req.GetHost(), RPCPort: req.GetRpcPort(), Tracking: req.GetTrackingUrl()})
	if err != nil {
		return nil, failure(err)
	}
	sess.Registered, sess.ResponseID, sess.LastReply, sess.KeyID = true, 0, nil, keyID
	clear(sess.SentNodes)
	types := s.Settings.Types
	resp := &yarnpb.RegisterApplicationMasterResponseProto{
		MaximumCapability: wire.Resource(s.LargestNow(sess.Queue()), types), Queue: new(sess.Queue()), ResourceTypes: s.resourceTypes(),
		SchedulerResourceTypes: s.schedulerTypes(),
	}
	if sess.App.ViewACL != "" {
		resp.Application_ACLs = append(resp.Application_ACLs, &yarnpb.ApplicationACLMapProto{AccessType: yarnpb.ApplicationAccessTypeProto_APPACCESS_VIEW_APP.Enum(), Acl: new(sess.App.ViewACL)})
	}
	if sess.App.ModifyACL != "" {
		resp.Application_ACLs = append(resp.Application_ACLs, &yarnpb.ApplicationACLMapProto{AccessType: yarnpb.ApplicationAccessTypeProto_APPACCESS_MODIFY_APP.Enum(), Acl: new(sess.App.ModifyACL)})
	}
	for _, g := range kept {
		c, t, err := s.handOut(sess, g)
		if err != nil {
			return nil, err
		}
		resp.ContainersFromPreviousAttempts = append(resp.ContainersFromPreviousAttempts, c)
		if t != nil {
			resp.NmTokensFromPreviousAttempts = append(resp.NmTokensFromPreviousAttempts, t)
		}
	}
	s.Log.Info("ApplicationMaster registered", "attempt", sess.Attempt, "host", req.GetHost(), "tracking", req.GetTrackingUrl())
	return resp, nil
}

func (s *Service) schedulerTypes() []yarnpb.SchedulerResourceTypes {
	if s.Settings.Scheduler.Calculator == scheduler.MemoryOnly {
		return []yarnpb.SchedulerResourceTypes{yarnpb.SchedulerResourceTypes_MEMORY}
	}
	return []yarnpb.SchedulerResourceTypes{yarnpb.SchedulerResourceTypes_MEMORY, yarnpb.SchedulerResourceTypes_CPU}
}

// container makes a granted container's message with its token; logs is the application's encoded log aggregation context.
func (s *Service) container(g core.Grant, logs []byte) (*yarnpb.ContainerProto, error) {
	var context *yarnpb.LogAggregationContextProto
	if logs != nil {
		context = &yarnpb.LogAggregationContextProto{}
		if err := proto.Unmarshal(logs, context); err != nil {
			return nil, rpc.Exception(rpc.ClassYarn, "the log aggregation context of %s: %v", g.ID.Attempt, err)
		}
	}
	token, err := s.Tokens.Container(g, context, s.Clock())
	if err != nil {
		return nil, rpc.Exception(rpc.ClassYarn, "make the token of %s: %v", g.ID, err)
	}
	return &yarnpb.ContainerProto{
		Id: wire.ContainerID(g.ID), NodeId: wire.NodeID(g.Node), NodeHttpAddress: new(g.NodeHTTP), Resource: wire.Resource(g.Resource, s.Settings.Types),
		Priority: wire.Priority(g.Key.Priority), ContainerToken: token.Proto(), ExecutionType: yarnpb.ExecutionTypeProto_GUARANTEED.Enum(),
		AllocationRequestId: new(g.Key.AllocationID), Version: new(g.Version),
	}, nil
}

// handOut makes a granted container's message with its token, and the NMToken of its node
// unless the AM has one of the present key.
func (s *Service) handOut(sess *core.AMSession, g core.Grant) (*yarnpb.ContainerProto, *yarnpb.NMTokenProto, error) {
	c, err := s.container(g, sess.App.LogAggregation)
	if err != nil {
		return nil, nil, err
	}
	key := s.Tokens.NMKeyID()
	if sent, ok := sess.SentNodes[g.Node]; ok && sent == key {
		return c, nil, nil
	}
	nm, err := s.Tokens.NM(sess.Attempt, g.Node, sess.User)
	if err != nil {
		return nil, nil, rpc.Exception(rpc.ClassYarn, "make the NMToken for %s: %v", g.Node, err)
	}
	sess.SentNodes[g.Node] = key
	return c, &yarnpb.NMTokenProto{NodeId: wire.NodeID(g.Node), Token: nm.Proto()}, nil
}

func (s *Service) allocate(ctx context.Context, req *yarnpb.AllocateRequestProto) (*yarnpb.AllocateResponseProto, error) {
	sess, keyID, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	sess.Call.Lock()
	defer sess.Call.Unlock()
	if !sess.Registered {
		return nil, rpc.Exception(rpc.ClassApplicationMasterNotRegistered, "AM is not registered for known application attempt: %s or RM had restarted after AM registered. AM should re-register.", sess.Attempt)
	}
	if sess.Done {
		return nil, rpc.Exception(rpc.ClassApplicationAttemptNotFound, "Application attempt %s doesn't exist in ApplicationMasterService cache.", sess.Attempt)
	}
	if last, ok := sess.LastReply.(*yarnpb.AllocateResponseProto); ok && next(req.GetResponseId()) == sess.ResponseID {
		return last, nil
	}
	if req.GetResponseId() != sess.ResponseID {
		return nil, rpc.Exception(rpc.ClassInvalidApplicationMasterRequest, "Invalid responseId in AllocateRequest from application attempt: %s, expect responseId to be %d, but get %d",
			sess.Attempt, sess.ResponseID, req.GetResponseId())
	}
	news, err := s.amRequest(sess, req)
	if err != nil {
		return nil, err
	}
	s.Core.Acknowledge(sess.Acknowledged())
	if !news.Empty() {
		if err := s.Core.Allocate(ctx, sess.Attempt, news); err != nil {
			return nil, failure(err)
		}
	} else {
		s.Core.Progress(sess.Attempt, news.Progress)
	}
	return s.answer(sess, keyID)
}

// answer takes what the session has for the AM into the reply.
func (s *Service) answer(sess *core.AMSession, keyID int32) (*yarnpb.AllocateResponseProto, error) {
	news, live := sess.Take()
	if !live {
		return nil, rpc.Exception(rpc.ClassApplicationAttemptNotFound, "Application attempt %s doesn't exist in ApplicationMasterService cache.", sess.Attempt)
	}
	view := s.Core.View()
	resp := &yarnpb.AllocateResponseProto{
		ResponseId: new(next(sess.ResponseID)), NumClusterNodes: new(int32(view.Counts.NodesRunning)), Limit: wire.Resource(view.Headroom(sess.Queue(), sess.User), s.Settings.Types),
		ApplicationPriority: wire.Priority(sess.Priority()),
	}
	for _, g := range news.Grants {
		c, t, err := s.handOut(sess, g)
		if err != nil {
			return nil, err
		}
		resp.AllocatedContainers = append(resp.AllocatedContainers, c)
		if t != nil {
			resp.NmTokens = append(resp.NmTokens, t)
		}
	}
	for _, g := range news.Kept {
		c, t, err := s.handOut(sess, g)
		if err != nil {
			return nil, err
		}
		resp.ContainersFromPreviousAttempts = append(resp.ContainersFromPreviousAttempts, c)
		if t != nil {
			resp.NmTokens = append(resp.NmTokens, t)
		}
	}
	if err := s.sized(sess, news, resp); err != nil {
		return nil, err
	}
	for _, e := range news.Exits {
		resp.CompletedContainerStatuses = append(resp.CompletedContainerStatuses, &yarnpb.ContainerStatusProto{
			ContainerId: wire.ContainerID(e.ID), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), Diagnostics: new(e.Diagnostics),
			ExitStatus: new(int32(e.Status)), Capability: wire.Resource(e.Resource, s.Settings.Types), ExecutionType: yarnpb.ExecutionTypeProto_GUARANTEED.Enum(),
		})
	}
	for _, n := range news.Nodes {
		report := s.nodeReport(n)
		switch n.State {
		case yarn.NodeRunning:
			report.NodeUpdateType = yarnpb.NodeUpdateTypeProto_NODE_USABLE.Enum()
		case yarn.NodeDecommissioning:
			report.NodeUpdateType = yarnpb.NodeUpdateTypeProto_NODE_DECOMMISSIONING.Enum()
		default:
			report.NodeUpdateType = yarnpb.NodeUpdateTypeProto_NODE_UNUSABLE.Enum()
		}
		resp.UpdatedNodes = append(resp.UpdatedNodes, report)
	}
	if newest := s.Tokens.AMRMKeyID(); keyID != newest && sess.KeyID != newest {
		t, err := s.Tokens.AMRM(sess.Attempt)
		if err != nil {
			return nil, rpc.Exception(rpc.ClassYarn, "make the AMRM token of %s: %v", sess.Attempt, err)
		}
		resp.AmRmToken = t.Proto()
		sess.KeyID = newest
	}
	sess.ResponseID, sess.LastReply = resp.GetResponseId(), resp
	return resp, nil
}

// next is the response id after n; after the largest comes 0.
func next(n int32) int32 { return (n + 1) & math.MaxInt32 }

// amRequest checks an allocate call and turns it into domain values.
func (s *Service) amRequest(sess *core.AMSession, req *yarnpb.AllocateRequestProto) (core.AMRequest, error) {
	r := core.AMRequest{Progress: progress(req.GetProgress()), Tracking: req.GetTrackingUrl()}
	if n := len(req.GetAsk()) + len(req.GetRelease()) + len(req.GetUpdateRequests()); n > maxAsks {
		return r, rpc.Exception(rpc.ClassInvalidResourceRequest, "%d asks, releases and updates in one call, at most %d are accepted", n, maxAsks)
	}
	most := s.Settings.Scheduler.Maximum
	if len(req.GetAsk())+len(req.GetUpdateRequests()) > 0 {
		most = s.Largest(sess.Queue())
	}
	r.Updates = s.sizeUpdates(req.GetUpdateRequests(), most)
	if len(req.GetSchedulingRequests()) > 0 {
		return r, rpc.Exception(rpc.ClassYarn, "scheduling requests with placement constraints are not supported by this ResourceManager yet")
	}
	for _, ask := range req.GetAsk() {
		q, err := request(&s.Settings.Scheduler, most, ask)
		if err != nil {
			return r, err
		}
		r.Asks = append(r.Asks, q)
	}
	for _, p := range req.GetRelease() {
		id := wire.ContainerIDFrom(p)
		if id.Attempt.Application != sess.Attempt.Application || (!sess.App.KeepContainers && id.Attempt != sess.Attempt) {
			return r, rpc.Exception(rpc.ClassInvalidContainerRelease, "Cannot release container : %s not belonging to this application attempt : %s", id, sess.Attempt)
		}
		r.Release = append(r.Release, id)
	}
	r.Blacklist, r.Unblacklist = req.GetBlacklistRequest().GetBlacklistAdditions(), req.GetBlacklistRequest().GetBlacklistRemovals()
	for _, name := range r.Blacklist {
		if name == scheduler.Any {
			return r, rpc.Exception(rpc.ClassInvalidBlacklistRequest, "Cannot add * to the blacklist!")
		}
	}
	return r, nil
}

// progress brings what an AM says into 0 to 1, as Java does with NaN and infinities.
func progress(p float32) float32 {
	if p != p || p < 0 {
		return 0
	}
	return min(p, 1)
}

func (s *Service) finishApplicationMaster(ctx context.Context, req *yarnpb.FinishApplicationMasterRequestProto) (*yarnpb.FinishApplicationMasterResponseProto, error) {
	sess, _, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	sess.Call.Lock()
	defer sess.Call.Unlock()
	if sess.Done {
		return &yarnpb.FinishApplicationMasterResponseProto{IsUnregistered: new(true)}, nil
	}
	if !sess.Registered {
		return nil, rpc.Exception(rpc.ClassApplicationMasterNotRegistered, "Application Master is trying to unregister before registering for: %s", sess.Attempt.Application)
	}
	ok, err := s.Core.Unregister(ctx, sess.Attempt, core.Finish{Status: yarn.FinalStatus(req.GetFinalApplicationStatus()),
		Diagnostics: req.GetDiagnostics(), Tracking: req.GetTrackingUrl()})
	if err != nil {
		return nil, failure(err)
	}
	sess.Done = ok
	s.Log.Info("ApplicationMaster unregistered", "attempt", sess.Attempt, "status", yarn.FinalStatus(req.GetFinalApplicationStatus()))
	return &yarnpb.FinishApplicationMasterResponseProto{IsUnregistered: &ok}, nil
}
