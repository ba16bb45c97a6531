package service

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Bounds on what a submission may carry.
const (
	maxName = 4096
	// maxContext is in bytes; memory and store hold as many contexts as applications are remembered. ZooKeeper's store takes 1 MB
	// (yarn.resourcemanager.zk-max-znode-size.bytes).
	maxContext = 4 << 20
)

// Submission turns a submission context into a submission. raw is its encoded form; most is the largest container that its queue grants.
func Submission(cfg *scheduler.Config, most yarn.Resource, ctx *yarnpb.ApplicationSubmissionContextProto, raw []byte, user string, submitted int64) (core.Submission, error) {
	s := core.Submission{
		ID: wire.AppIDFrom(ctx.GetApplicationId()), Name: ctx.GetApplicationName(), User: user, Queue: cmp.Or(ctx.GetQueue(), "default"),
		Type: ctx.GetApplicationType(), Tags: ctx.GetApplicationTags(), Priority: ctx.GetPriority().GetPriority(),
		MaxAttempts: int(ctx.GetMaxAppAttempts()), KeepContainers: ctx.GetKeepContainersAcrossApplicationAttempts(),
		Unmanaged: ctx.GetUnmanagedAm(), FailureValidity: ctx.GetAttemptFailuresValidityInterval(),
		NodeLabel: ctx.GetNodeLabelExpression(), LabelGiven: ctx.NodeLabelExpression != nil, Context: raw, SubmitTime: submitted,
	}
	for _, acl := range ctx.GetAmContainerSpec().GetApplication_ACLs() {
		if acl.GetAccessType() == yarnpb.ApplicationAccessTypeProto_APPACCESS_VIEW_APP {
			s.ViewACL = acl.GetAcl()
		} else {
			s.ModifyACL = acl.GetAcl()
		}
	}
	if l := ctx.GetLogAggregationContext(); l != nil {
		b, err := proto.Marshal(l)
		if err != nil {
			return s, fmt.Errorf("encode the log aggregation context: %w", err)
		}
		s.LogAggregation = b
	}
	var err error
	if s.Expires, err = expires(ctx, s.ID, submitted); err != nil {
		return s, err
	}
	if s.Unmanaged {
		return s, nil
	}
	requests, err := amRequests(cfg, most, ctx)
	s.AM = requests
	return s, err
}

// amRequests are the asks for the AM's container: the context's own list, or its one resource.
func amRequests(cfg *scheduler.Config, most yarn.Resource, ctx *yarnpb.ApplicationSubmissionContextProto) ([]scheduler.Request, error) {
	asks := ctx.GetAmContainerResourceRequest()
	if len(asks) == 0 {
		asks = []*yarnpb.ResourceRequestProto{{ResourceName: new(scheduler.Any), Capability: ctx.GetResource(), NumContainers: new(int32(1)), RelaxLocality: new(true)}}
	}
	var out []scheduler.Request
	anywhere := false
	for _, ask := range asks {
		r, err := request(cfg, most, ask)
		if err != nil {
			return nil, err
		}
		if r.Count != 1 {
			r.Count = 1
		}
		if r.Name == scheduler.Any {
			anywhere = true
			out = append([]scheduler.Request{r}, out...)
			continue
		}
		out = append(out, r)
	}
	if !anywhere {
		return nil, rpc.Exception(rpc.ClassInvalidResourceRequest, "Invalid resource request, no resource request specified with *")
	}
	return out, nil
}

// request turns one ask for containers of at most most into a normalized request.
func request(cfg *scheduler.Config, most yarn.Resource, p *yarnpb.ResourceRequestProto) (scheduler.Request, error) {
	r := scheduler.Request{Name: p.GetResourceName(), Count: int64(p.GetNumContainers()), Relax: p.GetRelaxLocality(),
		Key: scheduler.AskKey{Priority: p.GetPriority().GetPriority(), AllocationID: p.GetAllocationRequestId()}}
	if r.Name == "" || len(r.Name) > 255 {
		return r, rpc.Exception(rpc.ClassInvalidResourceRequest, "Invalid resource request, resource name %.60q is empty or too long", r.Name)
	}
	if r.Count < 0 {
		return r, rpc.Exception(rpc.ClassInvalidResourceRequest, "Invalid resource request, the number of containers %d is negative", r.Count)
	}
	if t := p.GetExecutionTypeRequest(); t != nil && t.GetExecutionType() == yarnpb.ExecutionTypeProto_OPPORTUNISTIC {
		return r, rpc.Exception(rpc.ClassInvalidResourceRequest, "opportunistic containers are not supported by this ResourceManager yet; ask for GUARANTEED ones")
	}
	if l := strings.TrimSpace(p.GetNodeLabelExpression()); l != "" {
		return r, rpc.Exception(rpc.ClassInvalidLabelResourceRequest, "Invalid label resource request, cluster do not contain , label= %s", l)
	}
	capability, err := wire.ResourceFrom(p.GetCapability(), cfg.Types)
	if err != nil {
		return r, rpc.Exception(rpc.ClassResourceNotFound, "%v", err)
	}
	r.Capability, err = cfg.Normalize(capability, most)
	if err != nil {
		return r, rpc.Exception(rpc.ClassInvalidResourceRequest, "%v", err)
	}
	return r, nil
}

// check holds a submission against the bounds and the rights of its user.
func (s *Service) check(sub *core.Submission, path string) error {
	if len(sub.Name) > maxName {
		return rpc.Exception(rpc.ClassYarn, "the application's name has %d bytes, at most %d are accepted", len(sub.Name), maxName)
	}
	if len(sub.Context) > maxContext {
		return rpc.Exception(rpc.ClassYarn, "the application's submission context has %d bytes, at most %d are accepted: put large data into a local resource", len(sub.Context), maxContext)
	}
	if most := s.Settings.MaxTags; len(sub.Tags) > most {
		return rpc.Exception(rpc.ClassYarn, "Too many applicationTags, a maximum of only %d are allowed!", most)
	}
	for _, t := range sub.Tags {
		if most := s.Settings.MaxTagLength; len(t) > most {
			return rpc.Exception(rpc.ClassYarn, "Tag %.40s... is too long, maximum allowed length of a tag is %d", t, most)
		}
	}
	if sub.NodeLabel != "" {
		return rpc.Exception(rpc.ClassInvalidLabelResourceRequest, "Invalid label resource request, cluster do not contain , label= %s", sub.NodeLabel)
	}
	if sub.ID.ClusterTimestamp <= 0 || sub.ID.ID <= 0 {
		return rpc.Exception(rpc.ClassApplicationIDNotProvided, "the submission names no application id; ask for one by getNewApplication")
	}
	sub.Priority = min(max(sub.Priority, 0), s.MaxPriority())
	if !s.Access.SubmitTo(path, sub.User) {
		return denied("User %s does not have permission to submit %s to queue %s; it needs a right of acl_submit_applications or acl_administer_queue of %s or of a queue above it in capacity-scheduler.xml", sub.User, sub.ID, sub.Queue, path)
	}
	return nil
}

// appID reads the id of a request; a missing one is an error.
func appID(p *yarnpb.ApplicationIdProto) (yarn.ApplicationID, error) {
	if p == nil {
		return yarn.ApplicationID{}, rpc.Exception(rpc.ClassApplicationIDNotProvided, "the request names no application")
	}
	return wire.AppIDFrom(p), nil
}
