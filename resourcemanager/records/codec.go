package records

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Codec turns records into Hadoop's messages and back.
type Codec struct {
	Types *yarn.ResourceTypes
	// Submission turns a stored submission context back into a submission.
	Submission func(ctx *yarnpb.ApplicationSubmissionContextProto, raw []byte, user string, submitted int64) (core.Submission, error)
}

var appStates = map[yarn.AppState]yarnpb.RMAppStateProto{
	yarn.AppFinished: yarnpb.RMAppStateProto_RMAPP_FINISHED,
	yarn.AppFailed:   yarnpb.RMAppStateProto_RMAPP_FAILED,
	yarn.AppKilled:   yarnpb.RMAppStateProto_RMAPP_KILLED,
}

var attemptStates = map[yarn.AttemptState]yarnpb.RMAppAttemptStateProto{
	yarn.AttemptFinished: yarnpb.RMAppAttemptStateProto_RMATTEMPT_FINISHED,
	yarn.AttemptFailed:   yarnpb.RMAppAttemptStateProto_RMATTEMPT_FAILED,
	yarn.AttemptKilled:   yarnpb.RMAppAttemptStateProto_RMATTEMPT_KILLED,
}

func (c Codec) app(r core.AppRecord) ([]byte, error) {
	var ctx yarnpb.ApplicationSubmissionContextProto
	if err := proto.Unmarshal(r.Submission.Context, &ctx); err != nil {
		return nil, fmt.Errorf("the submission context of %s: %w", r.Submission.ID, err)
	}
	ctx.Priority = wire.Priority(r.Submission.Priority)
	ctx.Queue = new(r.Submission.Queue)
	p := &yarnpb.ApplicationStateDataProto{
		SubmitTime: new(r.Submission.SubmitTime), StartTime: new(r.Start), LaunchTime: new(r.Launch),
		ApplicationSubmissionContext: &ctx, User: new(r.Submission.User), Diagnostics: new(r.Diagnostics),
	}
	if at := r.Submission.Expires; at > 0 {
		p.ApplicationTimeouts = []*yarnpb.ApplicationTimeoutMapProto{{ApplicationTimeoutType: yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum(), Timeout: &at}}
	}
	if r.Final {
		p.ApplicationState, p.FinishTime = appStates[r.State].Enum(), new(r.Finish)
	}
	return proto.Marshal(p)
}

func (c Codec) appFrom(b []byte) (core.AppRecord, error) {
	var p yarnpb.ApplicationStateDataProto
	if err := proto.Unmarshal(b, &p); err != nil {
		return core.AppRecord{}, err
	}
	raw, err := proto.Marshal(p.GetApplicationSubmissionContext())
	if err != nil {
		return core.AppRecord{}, err
	}
	sub, err := c.Submission(p.GetApplicationSubmissionContext(), raw, p.GetUser(), p.GetSubmitTime())
	if err != nil {
		return core.AppRecord{}, err
	}
	for _, t := range p.GetApplicationTimeouts() { // a moment here, seconds in the context
		sub.Expires = t.GetTimeout()
	}
	r := core.AppRecord{Submission: sub, Start: p.GetStartTime(), Launch: p.GetLaunchTime(), Finish: p.GetFinishTime()}
	if p.Diagnostics != nil {
		r.Diagnostics = p.GetDiagnostics()
	}
	for state, stored := range appStates {
		if p.ApplicationState != nil && stored == p.GetApplicationState() {
			r.Final, r.State = true, state
		}
	}
	return r, nil
}

func (c Codec) attempt(r core.AttemptRecord) ([]byte, error) {
	p := &yarnpb.ApplicationAttemptStateDataProto{
		AttemptId: wire.AttemptID(r.ID), StartTime: new(r.Start), AppAttemptTokens: []byte("HDTS\x00\x00\x00"),
		MemorySeconds: new(r.MemorySeconds), VcoreSeconds: new(r.VCoreSeconds),
	}
	if r.AM != nil {
		p.MasterContainer = &yarnpb.ContainerProto{Id: wire.ContainerID(r.AM.ID), NodeId: wire.NodeID(r.AM.Node), NodeHttpAddress: new(r.AM.NodeHTTP),
			Resource: wire.Resource(r.AM.Resource, c.Types), Priority: wire.Priority(r.AM.Key.Priority)}
	}
	if r.Final {
		p.AppAttemptState, p.FinishTime = attemptStates[r.State].Enum(), new(r.Finish)
		p.FinalTrackingUrl, p.Diagnostics = new(r.TrackingURL), new(r.Diagnostics)
		p.FinalApplicationStatus = yarnpb.FinalApplicationStatusProto(r.FinalStatus).Enum()
		p.AmContainerExitStatus = new(int32(r.ExitStatus))
	}
	return proto.Marshal(p)
}

func (c Codec) attemptFrom(b []byte) (core.AttemptRecord, error) {
	var p yarnpb.ApplicationAttemptStateDataProto
	if err := proto.Unmarshal(b, &p); err != nil {
		return core.AttemptRecord{}, err
	}
	r := core.AttemptRecord{ID: wire.AttemptIDFrom(p.GetAttemptId()), Start: p.GetStartTime(), Finish: p.GetFinishTime(),
		FinalStatus: yarn.FinalStatus(p.GetFinalApplicationStatus()), ExitStatus: yarn.ExitStatus(p.GetAmContainerExitStatus()),
		TrackingURL: p.GetFinalTrackingUrl(), MemorySeconds: p.GetMemorySeconds(), VCoreSeconds: p.GetVcoreSeconds()}
	if p.Diagnostics != nil {
		r.Diagnostics = p.GetDiagnostics()
	}
	if r.ID.Application.IsZero() {
		return r, fmt.Errorf("the record names no attempt")
	}
	if m := p.GetMasterContainer(); m != nil {
		resource, err := wire.ResourceFrom(m.GetResource(), c.Types)
		if err != nil {
			return r, err
		}
		r.AM = &core.Grant{ID: wire.ContainerIDFrom(m.GetId()), Node: wire.NodeIDFrom(m.GetNodeId()), NodeHTTP: m.GetNodeHttpAddress(),
			Resource: resource, Key: scheduler.AskKey{Priority: m.GetPriority().GetPriority(), AllocationID: -1}, AM: true}
	}
	for state, stored := range attemptStates {
		if p.AppAttemptState != nil && stored == p.GetAppAttemptState() {
			r.Final, r.State = true, state
		}
	}
	return r, nil
}
