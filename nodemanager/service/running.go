package service

import (
	"context"

	"heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// running is the container that a call on one running container names.
func (s *Service) running(ctx context.Context, p *yarnpb.ContainerIdProto, operation string) (*container.Container, error) {
	_, attempt, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	id := wire.ContainerIDFrom(p)
	if attempt.Application != id.Attempt.Application {
		return nil, rpc.Exception(rpc.ClassYarn, "ApplicationMaster not autorized to perform [%s] on Container [%s]!!", operation, id) // Hadoop's text
	}
	c, err := s.cfg.Manager.Find(id)
	if err != nil {
		return nil, rpc.Exception(rpc.ClassYarn, "Specified %s does not exist!!", id)
	}
	return c, nil
}

// answer is a call's empty answer, or its refusal.
func answer[T any](err error) (*T, error) {
	if err != nil {
		return nil, rpc.Exception(rpc.ClassYarn, "%v", err)
	}
	return new(T), nil
}

func (s *Service) localize(ctx context.Context, req *yarnpb.ResourceLocalizationRequestProto) (*yarnpb.ResourceLocalizationResponseProto, error) {
	c, err := s.running(ctx, req.GetContainerId(), "LOCALIZE")
	if err != nil {
		return nil, err
	}
	resources, err := resourcesFrom(req.GetLocalResources())
	if err == nil {
		err = c.Localize(resources)
	}
	return answer[yarnpb.ResourceLocalizationResponseProto](err)
}

func (s *Service) reInitializeContainer(ctx context.Context, req *yarnpb.ReInitializeContainerRequestProto) (*yarnpb.ReInitializeContainerResponseProto, error) {
	c, err := s.running(ctx, req.GetContainerId(), "RE_INIT")
	if err != nil {
		return nil, err
	}
	if req.GetContainerLaunchContext() == nil { // as in Hadoop: what runs, again
		return answer[yarnpb.ReInitializeContainerResponseProto](c.Restart())
	}
	l, err := launchFrom(req.GetContainerLaunchContext())
	if err == nil {
		err = c.Reinitialize(l, req.GetAutoCommit())
	}
	return answer[yarnpb.ReInitializeContainerResponseProto](err)
}

func (s *Service) restartContainer(ctx context.Context, p *yarnpb.ContainerIdProto) (*yarnpb.RestartContainerResponseProto, error) {
	c, err := s.running(ctx, p, "RE_INIT")
	if err != nil {
		return nil, err
	}
	return answer[yarnpb.RestartContainerResponseProto](c.Restart())
}

func (s *Service) rollbackLastReInitialization(ctx context.Context, p *yarnpb.ContainerIdProto) (*yarnpb.RollbackResponseProto, error) {
	c, err := s.running(ctx, p, "ROLLBACK")
	if err != nil {
		return nil, err
	}
	return answer[yarnpb.RollbackResponseProto](c.Rollback())
}

func (s *Service) commitLastReInitialization(ctx context.Context, p *yarnpb.ContainerIdProto) (*yarnpb.CommitResponseProto, error) {
	c, err := s.running(ctx, p, "COMMIT")
	if err != nil {
		return nil, err
	}
	return answer[yarnpb.CommitResponseProto](c.Commit())
}

func (s *Service) updateContainer(ctx context.Context, req *yarnpb.ContainerUpdateRequestProto) (*yarnpb.ContainerUpdateResponseProto, error) {
	done, failed, err := s.updateAll(ctx, req.GetUpdateContainerToken())
	return &yarnpb.ContainerUpdateResponseProto{SucceededRequests: done, FailedRequests: failed}, err
}

// increaseContainersResource is updateContainer under its name before Hadoop 3.
func (s *Service) increaseContainersResource(ctx context.Context, req *yarnpb.IncreaseContainersResourceRequestProto) (*yarnpb.IncreaseContainersResourceResponseProto, error) {
	done, failed, err := s.updateAll(ctx, req.GetIncreaseContainers())
	return &yarnpb.IncreaseContainersResourceResponseProto{SucceededRequests: done, FailedRequests: failed}, err
}

func (s *Service) updateAll(ctx context.Context, list []*commonpb.TokenProto) (done []*yarnpb.ContainerIdProto, failed []*yarnpb.ContainerExceptionMapProto, err error) {
	token, attempt, err := caller(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := tooMany(len(list)); err != nil {
		return nil, nil, err
	}
	for _, p := range list {
		id, err := s.update(p, token, attempt)
		if err != nil {
			failed = append(failed, failure(id, err))
			continue
		}
		done = append(done, wire.ContainerID(id))
	}
	return done, failed, nil
}

// update gives a container the size that a token of the ResourceManager's says.
func (s *Service) update(p *commonpb.TokenProto, nm *yarnpb.NMTokenIdentifierProto, attempt yarn.AttemptID) (yarn.ContainerID, error) {
	t, err := s.cfg.Containers.Verify(security.TokenFromProto(p))
	if err != nil {
		return claimedID(p), err
	}
	id := wire.ContainerIDFrom(t.GetContainerId())
	if err := tokens.SameApplication(attempt, id); err != nil {
		return id, err
	}
	if err := tokens.Fresh(t, s.cfg.Now()); err != nil {
		return id, err
	}
	c, err := s.find(attempt, id)
	if err != nil {
		return id, err
	}
	r, err := wire.ResourceFrom(t.GetResource(), s.cfg.Types)
	if err != nil {
		return id, err
	}
	if err := s.cfg.NMTokens.Started(nm); err != nil {
		return id, err
	}
	return id, c.Update(container.Update{Resource: r, Version: t.GetVersion(), Opportunistic: t.GetExecutionType() == yarnpb.ExecutionTypeProto_OPPORTUNISTIC})
}

func (s *Service) getLocalizationStatuses(ctx context.Context, req *yarnpb.GetLocalizationStatusesRequestProto) (*yarnpb.GetLocalizationStatusesResponseProto, error) {
	resp := &yarnpb.GetLocalizationStatusesResponseProto{}
	failed, err := s.each(ctx, req.GetContainerId(), func(p *yarnpb.ContainerIdProto, c *container.Container) {
		list := &yarnpb.ContainerLocalizationStatusesProto{ContainerId: p}
		for _, l := range c.Localizations() {
			list.LocalizationStatuses = append(list.LocalizationStatuses, localizationProto(l))
		}
		resp.CntnLocalizationStatuses = append(resp.CntnLocalizationStatuses, list)
	})
	resp.FailedRequests = failed
	return resp, err
}

func localizationProto(l container.Localization) *yarnpb.LocalizationStatusProto {
	state := yarnpb.LocalizationStateProto_L_COMPLETED
	switch {
	case l.Failed:
		state = yarnpb.LocalizationStateProto_L_FAILED
	case l.Pending:
		state = yarnpb.LocalizationStateProto_L_PENDING
	}
	out := &yarnpb.LocalizationStatusProto{ResourceKey: &l.Name, LocalizationState: &state}
	if l.Diagnostics != "" {
		out.Diagnostics = &l.Diagnostics
	}
	return out
}
