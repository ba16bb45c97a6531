package service

import (
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/resourcemanager/core"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// sizeUpdates turns an AM's update requests into domain values. What is wrong with one is told to the AM as its
// update error, not as a failed call; most is the largest container that its queue grants. Opportunistic containers are not built, so that execution types do not change.
func (s *Service) sizeUpdates(requests []*yarnpb.UpdateContainerRequestProto, most yarn.Resource) (out []core.SizeUpdate) {
	for _, p := range requests {
		u := core.SizeUpdate{ID: wire.ContainerIDFrom(p.GetContainerId()), Version: p.GetContainerVersion(), Request: p}
		switch p.GetUpdateType() {
		case yarnpb.ContainerUpdateTypeProto_INCREASE_RESOURCE:
			u.Increase = true
			fallthrough
		case yarnpb.ContainerUpdateTypeProto_DECREASE_RESOURCE:
			target, err := wire.ResourceFrom(p.GetCapability(), s.Settings.Types)
			if err == nil {
				target, err = s.Settings.Scheduler.Normalize(target, most)
			}
			if err != nil {
				u.Refused = core.SizeOutOfRange
			}
			u.Target = target
		default:
			u.Refused = p.GetUpdateType().String() + " is not supported by this ResourceManager yet: it has no opportunistic containers"
		}
		out = append(out, u)
	}
	return out
}

// sized puts what became of an AM's updates into its answer.
func (s *Service) sized(sess *core.AMSession, news core.AMNews, resp *yarnpb.AllocateResponseProto) error {
	for _, u := range news.Sized {
		c, t, err := s.handOut(sess, u.Grant)
		if err != nil {
			return err
		}
		kind := yarnpb.ContainerUpdateTypeProto_DECREASE_RESOURCE
		if u.Increase {
			kind = yarnpb.ContainerUpdateTypeProto_INCREASE_RESOURCE
		}
		resp.UpdatedContainers = append(resp.UpdatedContainers, &yarnpb.UpdatedContainerProto{UpdateType: &kind, Container: c})
		if t != nil {
			resp.NmTokens = append(resp.NmTokens, t)
		}
	}
	for _, d := range news.Denied {
		request, _ := d.Update.Request.(*yarnpb.UpdateContainerRequestProto) // what sizeUpdates put there
		resp.UpdateErrors = append(resp.UpdateErrors, &yarnpb.UpdateContainerErrorProto{Reason: &d.Reason, UpdateRequest: request, CurrentContainerVersion: &d.Version})
	}
	return nil
}

// logContext is the encoded log aggregation context of a container's application.
func (s *Service) logContext(g core.Grant) []byte {
	if v, ok := s.Core.View().Apps.Get(g.ID.Attempt.Application); ok {
		return v.LogAggregation
	}
	return nil
}
