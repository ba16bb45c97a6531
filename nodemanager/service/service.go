// Package service answers ContainerManagementProtocol: the calls by which AMs and the
// ResourceManager start, stop, signal and ask about containers on this node.
package service

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// ProtocolName is the protocol's name on the wire.
const ProtocolName = "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB"

// maxBatch bounds the containers of one call.
const maxBatch = 10000

// Config sets the service up.
type Config struct {
	Manager    *container.Manager
	NMTokens   *tokens.NM
	Containers *tokens.Containers
	Types      *yarn.ResourceTypes
	// RM is the ResourceManager's identifier that this node registered with; ok is false before.
	RM    func() (identifier int64, ok bool)
	Meta  func() map[string][]byte // of the auxiliary services
	Attrs func(container.Status) map[string]string
	Now   func() time.Time
	Log   *slog.Logger
}

// Service implements the protocol's methods.
type Service struct{ cfg Config }

// New returns the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Protocol is what an rpc.Server serves.
func (s *Service) Protocol() rpc.Protocol {
	return rpc.Protocol{
		Name: ProtocolName, Version: 1,
		Methods: map[string]rpc.Method{
			"startContainers":         rpc.Unary(s.startContainers),
			"stopContainers":          rpc.Unary(s.stopContainers),
			"getContainerStatuses":    rpc.Unary(s.getContainerStatuses),
			"signalToContainer":       rpc.Unary(s.signalToContainer),
			"getLocalizationStatuses": rpc.Unary(s.getLocalizationStatuses),

			"updateContainer":              rpc.Unary(s.updateContainer),
			"increaseContainersResource":   rpc.Unary(s.increaseContainersResource),
			"localize":                     rpc.Unary(s.localize),
			"reInitializeContainer":        rpc.Unary(s.reInitializeContainer),
			"restartContainer":             rpc.Unary(s.restartContainer),
			"rollbackLastReInitialization": rpc.Unary(s.rollbackLastReInitialization),
			"commitLastReInitialization":   rpc.Unary(s.commitLastReInitialization),
		},
	}
}

// caller is the NM token that opened the connection.
func caller(ctx context.Context) (*yarnpb.NMTokenIdentifierProto, yarn.AttemptID, error) {
	c := rpc.CallFrom(ctx)
	if c == nil || c.AuthMethod != rpc.Token {
		return nil, yarn.AttemptID{}, rpc.Exception(rpc.ClassYarn, "Cannot verify this as no NMToken was presented")
	}
	id, err := security.ParseNMIdentifier(c.TokenIdentifier)
	if err != nil {
		return nil, yarn.AttemptID{}, rpc.Exception(rpc.ClassInvalidToken, "%v", err)
	}
	return id, wire.AttemptIDFrom(id.GetAppAttemptId()), nil
}

func (s *Service) startContainers(ctx context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	rmID, ready := s.cfg.RM()
	if !ready {
		return nil, rpc.Exception(rpc.ClassNMNotYetReady, "Rejecting new containers as NodeManager has not yet connected with ResourceManager")
	}
	token, attempt, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := tooMany(len(req.GetStartContainerRequest())); err != nil {
		return nil, err
	}
	resp := &yarnpb.StartContainersResponseProto{}
	for _, r := range req.GetStartContainerRequest() {
		id, err := s.start(r, token, attempt, rmID)
		if err != nil {
			resp.FailedRequests = append(resp.FailedRequests, failure(id, err))
			continue
		}
		resp.SucceededRequests = append(resp.SucceededRequests, wire.ContainerID(id))
	}
	for name, meta := range s.cfg.Meta() {
		resp.ServicesMetaData = append(resp.ServicesMetaData, &yarnpb.StringBytesMapProto{Key: &name, Value: meta})
	}
	return resp, nil
}

func tooMany(n int) error {
	if n > maxBatch {
		return rpc.Exception(rpc.ClassYarn, "%d containers in one call, at most %d are accepted", n, maxBatch)
	}
	return nil
}

func (s *Service) start(r *yarnpb.StartContainerRequestProto, nm *yarnpb.NMTokenIdentifierProto, attempt yarn.AttemptID, rmID int64) (yarn.ContainerID, error) {
	t, err := s.cfg.Containers.Verify(security.TokenFromProto(r.GetContainerToken()))
	if err != nil {
		return claimedID(r.GetContainerToken()), err
	}
	id := wire.ContainerIDFrom(t.GetContainerId())
	if err := tokens.SameApplication(attempt, id); err != nil {
		return id, err
	}
	if t.GetRmIdentifier() != rmID {
		return id, rpc.Exception(rpc.ClassInvalidContainer, "\nContainer %s rejected as it is allocated by a previous RM", id)
	}
	spec, err := s.spec(r.GetContainerLaunchContext(), t)
	if err != nil {
		return id, err
	}
	if err := s.cfg.NMTokens.Started(nm); err != nil {
		return id, err
	}
	if err := s.cfg.Containers.Claim(t, s.cfg.Now()); err != nil {
		return id, err
	}
	if err := s.cfg.Manager.Start(spec, s.cfg.Containers.Record(t)); err != nil {
		s.cfg.Containers.Unclaim(t)
		return id, startError(err)
	}
	s.cfg.Log.Info("container accepted", "container", id, "user", spec.User)
	return id, nil
}

// claimedID is the id inside a token that did not verify, for the answer only.
func claimedID(p *commonpb.TokenProto) yarn.ContainerID {
	t, err := security.ParseContainerIdentifier(p.GetIdentifier())
	if err != nil {
		return yarn.ContainerID{}
	}
	return wire.ContainerIDFrom(t.GetContainerId())
}

func startError(err error) error {
	var aux *container.UnknownAux
	if errors.As(err, &aux) {
		return rpc.Exception(rpc.ClassInvalidAuxService, "%v", err)
	}
	return rpc.Exception(rpc.ClassYarn, "%v", err)
}

func failure(id yarn.ContainerID, err error) *yarnpb.ContainerExceptionMapProto {
	e := &rpc.Error{Class: rpc.ClassYarn, Message: err.Error()}
	errors.As(err, &e)
	return &yarnpb.ContainerExceptionMapProto{ContainerId: wire.ContainerID(id),
		Exception: &yarnpb.SerializedExceptionProto{Message: &e.Message, ClassName: &e.Class, Trace: proto.String(e.Class + ": " + e.Message)}}
}

// find is a container of the caller's application.
func (s *Service) find(attempt yarn.AttemptID, id yarn.ContainerID) (*container.Container, error) {
	if attempt.Application != id.Attempt.Application {
		return nil, rpc.Exception(rpc.ClassYarn, "Unauthorized request on container %s: the NMToken is of %s", id, attempt)
	}
	c, err := s.cfg.Manager.Find(id)
	if err != nil {
		return nil, rpc.Exception(rpc.ClassYarn, "%v", err)
	}
	return c, nil
}

// each calls do for every container that the caller's application has, and returns why not for the others.
func (s *Service) each(ctx context.Context, ids []*yarnpb.ContainerIdProto, do func(*yarnpb.ContainerIdProto, *container.Container)) (failed []*yarnpb.ContainerExceptionMapProto, err error) {
	_, attempt, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := tooMany(len(ids)); err != nil {
		return nil, err
	}
	for _, p := range ids {
		id := wire.ContainerIDFrom(p)
		c, err := s.find(attempt, id)
		if err != nil {
			failed = append(failed, failure(id, err))
			continue
		}
		do(p, c)
	}
	return failed, nil
}

func (s *Service) stopContainers(ctx context.Context, req *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
	resp := &yarnpb.StopContainersResponseProto{}
	failed, err := s.each(ctx, req.GetContainerId(), func(p *yarnpb.ContainerIdProto, c *container.Container) {
		c.Kill(yarn.ExitKilledByAppMaster, "Container killed by the ApplicationMaster.")
		resp.SucceededRequests = append(resp.SucceededRequests, p)
	})
	resp.FailedRequests = failed
	return resp, err
}

func (s *Service) getContainerStatuses(ctx context.Context, req *yarnpb.GetContainerStatusesRequestProto) (*yarnpb.GetContainerStatusesResponseProto, error) {
	resp := &yarnpb.GetContainerStatusesResponseProto{}
	failed, err := s.each(ctx, req.GetContainerId(), func(_ *yarnpb.ContainerIdProto, c *container.Container) {
		st := c.Status()
		out := StatusProto(st, s.cfg.Types)
		for k, v := range s.cfg.Attrs(st) {
			out.ContainerAttributes = append(out.ContainerAttributes, &yarnpb.StringStringMapProto{Key: &k, Value: &v})
		}
		resp.Status = append(resp.Status, out)
	})
	resp.FailedRequests = failed
	return resp, err
}

var signals = map[yarnpb.SignalContainerCommandProto]syscall.Signal{
	yarnpb.SignalContainerCommandProto_OUTPUT_THREAD_DUMP: syscall.SIGQUIT,
	yarnpb.SignalContainerCommandProto_GRACEFUL_SHUTDOWN:  syscall.SIGTERM,
	yarnpb.SignalContainerCommandProto_FORCEFUL_SHUTDOWN:  syscall.SIGKILL,
}

// SignalOf is the signal behind a command; ok is false for a command of a newer peer.
func SignalOf(c yarnpb.SignalContainerCommandProto) (sig syscall.Signal, ok bool) {
	sig, ok = signals[c]
	return sig, ok
}

func (s *Service) signalToContainer(ctx context.Context, req *yarnpb.SignalContainerRequestProto) (*yarnpb.SignalContainerResponseProto, error) {
	_, attempt, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.find(attempt, wire.ContainerIDFrom(req.GetContainerId()))
	if err != nil {
		return nil, err
	}
	sig, ok := SignalOf(req.GetCommand())
	if !ok {
		return nil, rpc.Exception(rpc.ClassYarn, "signal command %v is not supported", req.GetCommand())
	}
	if err := c.Signal(ctx, sig); err != nil {
		return nil, rpc.Exception(rpc.ClassYarn, "%v", err)
	}
	return &yarnpb.SignalContainerResponseProto{}, nil
}
