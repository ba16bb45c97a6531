package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// ClientProtocol is the name of ApplicationClientProtocol on the wire.
const ClientProtocol = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"

// Client is ApplicationClientProtocol.
func (s *Service) Client() rpc.Protocol {
	sd := yarnpb.File_hadoop_proto_yarn_applicationclient_protocol_proto.Services().ByName("ApplicationClientProtocolService")
	return protocol(ClientProtocol, sd, map[string]rpc.Method{
		"getNewApplication":           rpc.Unary(s.getNewApplication),
		"submitApplication":           rpc.Unary(s.submitApplication),
		"getApplicationReport":        rpc.Unary(s.getApplicationReport),
		"forceKillApplication":        rpc.Unary(s.forceKillApplication),
		"failApplicationAttempt":      rpc.Unary(s.failApplicationAttempt),
		"getClusterMetrics":           rpc.Unary(s.getClusterMetrics),
		"getApplications":             rpc.Unary(s.getApplications),
		"getClusterNodes":             rpc.Unary(s.getClusterNodes),
		"getQueueInfo":                rpc.Unary(s.getQueueInfo),
		"getQueueUserAcls":            rpc.Unary(s.getQueueUserAcls),
		"getApplicationAttemptReport": rpc.Unary(s.getApplicationAttemptReport),
		"getApplicationAttempts":      rpc.Unary(s.getApplicationAttempts),
		"getContainerReport":          rpc.Unary(s.getContainerReport),
		"getContainers":               rpc.Unary(s.getContainers),
		"getDelegationToken":          rpc.Unary(s.getDelegationToken),
		"renewDelegationToken":        rpc.Unary(s.renewDelegationToken),
		"cancelDelegationToken":       rpc.Unary(s.cancelDelegationToken),
		"signalToContainer":           rpc.Unary(s.signalToContainer),
		"updateApplicationPriority":   rpc.Unary(s.updateApplicationPriority),
		"moveApplicationAcrossQueues": rpc.Unary(s.moveApplicationAcrossQueues),
		"updateApplicationTimeouts":   rpc.Unary(s.updateApplicationTimeouts),
		"getResourceTypeInfo":         rpc.Unary(s.getResourceTypeInfo),
		"getClusterNodeLabels":        rpc.Unary(s.getClusterNodeLabels),
		"getNodeToLabels":             rpc.Unary(s.getNodeToLabels),
		"getLabelsToNodes":            rpc.Unary(s.getLabelsToNodes),
		"getClusterNodeAttributes":    rpc.Unary(s.getClusterNodeAttributes),
		"getAttributesToNodes":        rpc.Unary(s.getAttributesToNodes),
		"getNodesToAttributes":        rpc.Unary(s.getNodesToAttributes),
		"getResourceProfiles":         rpc.Unary(s.getResourceProfiles),
		"getResourceProfile":          rpc.Unary(s.getResourceProfile),
	})
}

func (s *Service) getNewApplication(context.Context, *yarnpb.GetNewApplicationRequestProto) (*yarnpb.GetNewApplicationResponseProto, error) {
	return &yarnpb.GetNewApplicationResponseProto{
		ApplicationId:     wire.AppID(s.Core.NewApplicationID()),
		MaximumCapability: wire.Resource(s.LargestNow(""), s.Settings.Types),
	}, nil
}

func (s *Service) submitApplication(ctx context.Context, req *yarnpb.SubmitApplicationRequestProto) (*yarnpb.SubmitApplicationResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	context := req.GetApplicationSubmissionContext()
	if context == nil {
		return nil, rpc.Exception(rpc.ClassYarn, "the request has no submission context")
	}
	if err := s.SubmitAs(ctx, user, context); err != nil {
		return nil, err
	}
	return &yarnpb.SubmitApplicationResponseProto{}, nil
}

// SubmitAs submits an application for user; it returns when the submission is durable.
func (s *Service) SubmitAs(ctx context.Context, user string, p *yarnpb.ApplicationSubmissionContextProto) error {
	raw, err := proto.Marshal(p)
	if err != nil {
		return rpc.Exception(rpc.ClassYarn, "encode the submission context: %v", err)
	}
	path, noQueue := s.Core.LeafPath(cmp.Or(p.GetQueue(), "default"))
	queue := s.queue(path)
	sub, err := Submission(&s.Settings.Scheduler, s.Settings.Scheduler.Largest(queue), p, raw, user, s.Clock().UnixMilli())
	if err != nil {
		return err
	}
	if noQueue != nil {
		return rpc.Exception(rpc.ClassYarn, "Failed to submit %s to YARN : Application %s submitted by user %s to %v", sub.ID, sub.ID, user, noQueue)
	}
	if p.Priority == nil && queue != nil {
		sub.Priority = queue.DefaultPriority
	}
	if err := s.check(&sub, path); err != nil {
		return err
	}
	s.lifetime(&sub, path)
	if err := s.Core.Submit(ctx, sub); err != nil {
		return failure(err)
	}
	s.Log.Info("application submitted", "application", sub.ID, "user", user, "queue", path, "name", sub.Name, "type", sub.Type)
	return nil
}

// app finds an application that the caller asks about.
func (s *Service) app(p *yarnpb.ApplicationIdProto) (*core.AppView, error) {
	id, err := appID(p)
	if err != nil {
		return nil, err
	}
	if v, ok := s.Core.View().Apps.Get(id); ok {
		return v, nil
	}
	return nil, rpc.Exception(rpc.ClassApplicationNotFound, "Application with id '%s' doesn't exist in RM. Please check that the job submission was successful.", id)
}

func (s *Service) getApplicationReport(ctx context.Context, req *yarnpb.GetApplicationReportRequestProto) (*yarnpb.GetApplicationReportResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.app(req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	report, err := s.report(v, user)
	return &yarnpb.GetApplicationReportResponseProto{ApplicationReport: report}, err
}

func (s *Service) forceKillApplication(ctx context.Context, req *yarnpb.KillApplicationRequestProto) (*yarnpb.KillApplicationResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	id, err := appID(req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	v, ok := s.Core.View().Apps.Get(id)
	if !ok {
		return nil, rpc.Exception(rpc.ClassApplicationNotFound, "Trying to kill an absent application %s", id)
	}
	done, err := s.KillAs(ctx, user, v, req.GetDiagnostics())
	return &yarnpb.KillApplicationResponseProto{IsKillCompleted: &done}, err
}

// KillAs ends an application for user; done is false while its end is not durable.
func (s *Service) KillAs(ctx context.Context, user string, v *core.AppView, diagnostics string) (done bool, err error) {
	if !s.Access.Modify(v, user) {
		return false, denied("User %s cannot perform operation MODIFY_APP on %s", user, v.ID)
	}
	text := fmt.Sprintf("Application %s was killed by user %s", v.ID, user)
	if c := rpc.CallFrom(ctx); c != nil && c.RemoteAddr != nil {
		text += " at " + host(c.RemoteAddr.String())
	}
	if diagnostics != "" {
		text += ", diagnostics: " + diagnostics
	}
	done, _, err = s.Core.Kill(ctx, v.ID, text)
	if err != nil {
		return false, failure(err)
	}
	return done, nil
}

func (s *Service) failApplicationAttempt(ctx context.Context, req *yarnpb.FailApplicationAttemptRequestProto) (*yarnpb.FailApplicationAttemptResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	id := wire.AttemptIDFrom(req.GetApplicationAttemptId())
	v, err := s.app(req.GetApplicationAttemptId().GetApplicationId())
	if err != nil {
		return nil, err
	}
	if !s.Access.Modify(v, user) {
		return nil, denied("User %s cannot perform operation MODIFY_APP on %s", user, v.ID)
	}
	known, err := s.Core.FailAttempt(ctx, id, fmt.Sprintf("Attempt failed by user %s", user))
	if err != nil {
		return nil, failure(err)
	}
	if !known {
		return nil, attemptNotFound(id)
	}
	return &yarnpb.FailApplicationAttemptResponseProto{}, nil
}

func attemptNotFound(id yarn.AttemptID) error {
	return rpc.Exception(rpc.ClassApplicationAttemptNotFound, "ApplicationAttempt with id '%s' doesn't exist in RM.", id)
}

func (s *Service) getClusterMetrics(context.Context, *yarnpb.GetClusterMetricsRequestProto) (*yarnpb.GetClusterMetricsResponseProto, error) {
	n := s.Core.View().NodeCounts()
	count := func(states ...yarn.NodeState) *int32 {
		sum := 0
		for _, st := range states {
			sum += n[st]
		}
		return new(int32(sum))
	}
	return &yarnpb.GetClusterMetricsResponseProto{ClusterMetrics: &yarnpb.YarnClusterMetricsProto{
		NumNodeManagers: count(yarn.NodeRunning), NumActiveNms: count(yarn.NodeRunning),
		NumDecommissionedNms: count(yarn.NodeDecommissioned), NumLostNms: count(yarn.NodeLost), NumUnhealthyNms: count(yarn.NodeUnhealthy),
		NumRebootedNms: count(yarn.NodeRebooted), NumDecommissioningNms: count(yarn.NodeDecommissioning), NumShutdownNms: count(yarn.NodeShutdown),
	}}, nil
}

func (s *Service) getClusterNodes(_ context.Context, req *yarnpb.GetClusterNodesRequestProto) (*yarnpb.GetClusterNodesResponseProto, error) {
	states := map[yarn.NodeState]bool{}
	for _, st := range req.GetNodeStates() {
		states[yarn.NodeState(st)] = true
	}
	resp := &yarnpb.GetClusterNodesResponseProto{}
	for _, n := range s.Core.View().SortedNodes() {
		if len(states) == 0 || states[n.State] {
			resp.NodeReports = append(resp.NodeReports, s.nodeReport(n))
		}
	}
	return resp, nil
}

func (s *Service) getQueueUserAcls(ctx context.Context, _ *yarnpb.GetQueueUserAclsInfoRequestProto) (*yarnpb.GetQueueUserAclsInfoResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	resp := &yarnpb.GetQueueUserAclsInfoResponseProto{}
	for i := range s.Core.View().Queues {
		q := &s.Core.View().Queues[i]
		info := &yarnpb.QueueUserACLInfoProto{QueueName: new(q.Path)}
		if s.Access.SubmitTo(q.Path, user) {
			info.UserAcls = append(info.UserAcls, yarnpb.QueueACLProto_QACL_SUBMIT_APPLICATIONS)
		}
		if s.Access.Administers(q.Path, user) {
			info.UserAcls = append(info.UserAcls, yarnpb.QueueACLProto_QACL_ADMINISTER_QUEUE)
		}
		resp.QueueUserAcls = append(resp.QueueUserAcls, info)
	}
	return resp, nil
}

func (s *Service) getApplicationAttemptReport(ctx context.Context, req *yarnpb.GetApplicationAttemptReportRequestProto) (*yarnpb.GetApplicationAttemptReportResponseProto, error) {
	v, err := s.visible(ctx, req.GetApplicationAttemptId().GetApplicationId())
	if err != nil {
		return nil, err
	}
	id := wire.AttemptIDFrom(req.GetApplicationAttemptId())
	for i := range v.Attempts {
		if v.Attempts[i].ID == id {
			return &yarnpb.GetApplicationAttemptReportResponseProto{ApplicationAttemptReport: s.attemptReport(v, &v.Attempts[i])}, nil
		}
	}
	return nil, attemptNotFound(id)
}

// visible finds an application whose details the caller may see.
func (s *Service) visible(ctx context.Context, p *yarnpb.ApplicationIdProto) (*core.AppView, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.app(p)
	if err != nil {
		return nil, err
	}
	if !s.Access.View(v, user) {
		return nil, rpc.Exception(rpc.ClassYarn, "User %s does not have privilege to see this application %s", user, v.ID)
	}
	return v, nil
}

func (s *Service) getApplicationAttempts(ctx context.Context, req *yarnpb.GetApplicationAttemptsRequestProto) (*yarnpb.GetApplicationAttemptsResponseProto, error) {
	v, err := s.visible(ctx, req.GetApplicationId())
	if err != nil {
		return nil, err
	}
	resp := &yarnpb.GetApplicationAttemptsResponseProto{}
	for i := range v.Attempts {
		resp.ApplicationAttempts = append(resp.ApplicationAttempts, s.attemptReport(v, &v.Attempts[i]))
	}
	return resp, nil
}

func (s *Service) getContainers(ctx context.Context, req *yarnpb.GetContainersRequestProto) (*yarnpb.GetContainersResponseProto, error) {
	v, err := s.visible(ctx, req.GetApplicationAttemptId().GetApplicationId())
	if err != nil {
		return nil, err
	}
	id := wire.AttemptIDFrom(req.GetApplicationAttemptId())
	if !slices.ContainsFunc(v.Attempts, func(t core.AttemptView) bool { return t.ID == id }) {
		return nil, attemptNotFound(id)
	}
	list, err := s.Core.Containers(ctx, id)
	if err != nil {
		return nil, failure(err)
	}
	resp := &yarnpb.GetContainersResponseProto{}
	for i := range list {
		resp.Containers = append(resp.Containers, s.containerReport(&list[i]))
	}
	return resp, nil
}

func (s *Service) getContainerReport(ctx context.Context, req *yarnpb.GetContainerReportRequestProto) (*yarnpb.GetContainerReportResponseProto, error) {
	id := wire.ContainerIDFrom(req.GetContainerId())
	if _, err := s.visible(ctx, req.GetContainerId().GetAppAttemptId().GetApplicationId()); err != nil {
		return nil, err
	}
	v, ok, err := s.Core.Container(ctx, id)
	if err != nil {
		return nil, failure(err)
	}
	if !ok {
		return nil, rpc.Exception(rpc.ClassContainerNotFound, "Container with id '%s' doesn't exist in RM.", id)
	}
	return &yarnpb.GetContainerReportResponseProto{ContainerReport: s.containerReport(&v)}, nil
}

func (s *Service) getDelegationToken(ctx context.Context, req *commonpb.GetDelegationTokenRequestProto) (*commonpb.GetDelegationTokenResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Delegation.Issue(user, req.GetRenewer(), rpc.CallFrom(ctx).RealUser, s.Clock())
	if err != nil {
		return nil, tokenFailure(err)
	}
	return &commonpb.GetDelegationTokenResponseProto{Token: t.Proto()}, nil
}

func (s *Service) renewDelegationToken(ctx context.Context, req *commonpb.RenewDelegationTokenRequestProto) (*commonpb.RenewDelegationTokenResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	until, err := s.Delegation.Renew(security.TokenFromProto(req.GetToken()), user, s.Clock())
	if err != nil {
		return nil, tokenFailure(err)
	}
	return &commonpb.RenewDelegationTokenResponseProto{NewExpiryTime: new(uint64(until.UnixMilli()))}, nil
}

func (s *Service) cancelDelegationToken(ctx context.Context, req *commonpb.CancelDelegationTokenRequestProto) (*commonpb.CancelDelegationTokenResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Delegation.Cancel(security.TokenFromProto(req.GetToken()), user); err != nil {
		return nil, tokenFailure(err)
	}
	return &commonpb.CancelDelegationTokenResponseProto{}, nil
}

func (s *Service) signalToContainer(ctx context.Context, req *yarnpb.SignalContainerRequestProto) (*yarnpb.SignalContainerResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.app(req.GetContainerId().GetAppAttemptId().GetApplicationId())
	if err != nil {
		return nil, absentContainer(wire.ContainerIDFrom(req.GetContainerId()))
	}
	if err := s.SignalAs(ctx, user, v, wire.ContainerIDFrom(req.GetContainerId()), int32(req.GetCommand())); err != nil {
		return nil, err
	}
	return &yarnpb.SignalContainerResponseProto{}, nil
}

func (s *Service) getResourceTypeInfo(context.Context, *yarnpb.GetAllResourceTypeInfoRequestProto) (*yarnpb.GetAllResourceTypeInfoResponseProto, error) {
	return &yarnpb.GetAllResourceTypeInfoResponseProto{ResourceTypeInfo: s.resourceTypes()}, nil
}

// Node labels are not built: no label exists, and these lists say so.

func (s *Service) getClusterNodeLabels(context.Context, *yarnpb.GetClusterNodeLabelsRequestProto) (*yarnpb.GetClusterNodeLabelsResponseProto, error) {
	return &yarnpb.GetClusterNodeLabelsResponseProto{}, nil
}

func (s *Service) getNodeToLabels(context.Context, *yarnpb.GetNodesToLabelsRequestProto) (*yarnpb.GetNodesToLabelsResponseProto, error) {
	return &yarnpb.GetNodesToLabelsResponseProto{}, nil
}

func (s *Service) getLabelsToNodes(context.Context, *yarnpb.GetLabelsToNodesRequestProto) (*yarnpb.GetLabelsToNodesResponseProto, error) {
	return &yarnpb.GetLabelsToNodesResponseProto{}, nil
}

// No node can be given an attribute yet, so that these lists too are empty.

func (s *Service) getClusterNodeAttributes(context.Context, *yarnpb.GetClusterNodeAttributesRequestProto) (*yarnpb.GetClusterNodeAttributesResponseProto, error) {
	return &yarnpb.GetClusterNodeAttributesResponseProto{}, nil
}

func (s *Service) getAttributesToNodes(context.Context, *yarnpb.GetAttributesToNodesRequestProto) (*yarnpb.GetAttributesToNodesResponseProto, error) {
	return &yarnpb.GetAttributesToNodesResponseProto{}, nil
}

func (s *Service) getNodesToAttributes(context.Context, *yarnpb.GetNodesToAttributesRequestProto) (*yarnpb.GetNodesToAttributesResponseProto, error) {
	return &yarnpb.GetNodesToAttributesResponseProto{}, nil
}

// Resource profiles are a feature that Hadoop leaves off by default; clients tell "off"
// by this class and go on without.

func (s *Service) getResourceProfiles(context.Context, *yarnpb.GetAllResourceProfilesRequestProto) (*yarnpb.GetAllResourceProfilesResponseProto, error) {
	return nil, noProfiles()
}

func (s *Service) getResourceProfile(context.Context, *yarnpb.GetResourceProfileRequestProto) (*yarnpb.GetResourceProfileResponseProto, error) {
	return nil, noProfiles()
}

func noProfiles() error {
	return rpc.Exception(rpc.ClassFeatureNotEnabled, "Resource profile is not enabled, please enable resource profile feature before using its functions. (by setting yarn.resourcemanager.resource-profiles.enabled to true)")
}
