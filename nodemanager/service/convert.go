package service

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/localizer"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// spec turns a verified token and a launch context into a container.
func (s *Service) spec(l *yarnpb.ContainerLaunchContextProto, t *yarnpb.ContainerTokenIdentifierProto) (container.Spec, error) {
	res, err := wire.ResourceFrom(t.GetResource(), s.cfg.Types)
	if err != nil {
		return container.Spec{}, err
	}
	launch, err := launchFrom(l)
	if err != nil {
		return container.Spec{}, err
	}
	return container.Spec{
		ID: wire.ContainerIDFrom(t.GetContainerId()), User: t.GetAppSubmitter(), Resource: res, Launch: launch,
		Logs: logContext(t.GetLogAggregationContext()),
		Grant: container.Grant{
			Created: time.UnixMilli(t.GetCreationTime()), Priority: t.GetPriority().GetPriority(), NodeLabels: t.GetNodeLabelExpression(),
			Version: t.GetVersion(), Opportunistic: t.GetExecutionType() == yarnpb.ExecutionTypeProto_OPPORTUNISTIC,
			AllocationRequestID: t.GetAllocationRequestId(), AllocationTags: t.GetAllocationTags(),
			Master: t.ContainerType != nil && t.GetContainerType() == yarnpb.ContainerTypeProto_APPLICATION_MASTER,
		},
	}, nil
}

func logContext(p *yarnpb.LogAggregationContextProto) container.LogContext {
	l := container.LogContext{Include: p.GetIncludePattern(), Exclude: p.GetExcludePattern(), Policy: p.GetLogAggregationPolicyClassName(),
		Parameters: p.GetLogAggregationPolicyParameters(), RolledInclude: p.GetRolledLogsIncludePattern()}
	if p != nil && p.RolledLogsExcludePattern != nil { // as Hadoop's records: the default of the protocol's file does not count
		l.RolledExclude = *p.RolledLogsExcludePattern
	}
	return l
}

// maxLaunch bounds a launch context, in bytes, since one is held for each container.
const maxLaunch = 8 << 20

func launchFrom(l *yarnpb.ContainerLaunchContextProto) (container.Launch, error) {
	if n := proto.Size(l); n > maxLaunch {
		return container.Launch{}, fmt.Errorf("the launch context has %d bytes, at most %d are accepted: put large data into a local resource", n, maxLaunch)
	}
	out := container.Launch{Env: map[string]string{}, Service: map[string][]byte{}, ACLs: map[string]string{}, Commands: l.GetCommand()}
	credentials, err := security.ParseCredentials(l.GetTokens())
	if err != nil {
		return out, fmt.Errorf("credentials of the launch context: %w", err)
	}
	out.Credentials = credentials.Marshal()
	out.Retry = retryFrom(l.GetContainerRetryContext())
	for _, e := range l.GetEnvironment() {
		out.Env[e.GetKey()] = e.GetValue()
	}
	for _, e := range l.GetServiceData() {
		out.Service[e.GetKey()] = e.GetValue()
	}
	for _, a := range l.GetApplication_ACLs() {
		out.ACLs[strings.TrimPrefix(a.GetAccessType().String(), "APPACCESS_")] = a.GetAcl()
	}
	out.Resources, err = resourcesFrom(l.GetLocalResources())
	return out, err
}

func retryFrom(p *yarnpb.ContainerRetryContextProto) container.Retry {
	return container.Retry{Policy: container.RetryPolicy(p.GetRetryPolicy()), Codes: p.GetErrorCodes(), Max: int(p.GetMaxRetries()),
		Interval: time.Duration(p.GetRetryInterval()) * time.Millisecond, Validity: milliseconds(p.GetFailuresValidityInterval())}
}

// milliseconds is a client's number as a duration; one that is too long is the longest.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func resourcesFrom(list []*yarnpb.StringLocalResourceMapProto) ([]localizer.Resource, error) {
	var out []localizer.Resource
	for _, r := range list {
		x, err := resourceFrom(r)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// UpdateFrom is the size that a heartbeat's answer says for a container: in its token, else in itself.
func UpdateFrom(p *yarnpb.ContainerProto, types *yarn.ResourceTypes) (container.Update, error) {
	resource, version, kind := p.GetResource(), p.GetVersion(), p.GetExecutionType()
	if p.GetContainerToken() != nil {
		t, err := security.ParseContainerIdentifier(p.GetContainerToken().GetIdentifier())
		if err != nil {
			return container.Update{}, err
		}
		resource, version, kind = t.GetResource(), t.GetVersion(), t.GetExecutionType()
	}
	r, err := wire.ResourceFrom(resource, types)
	return container.Update{Resource: r, Version: version, Opportunistic: kind == yarnpb.ExecutionTypeProto_OPPORTUNISTIC}, err
}

func resourceFrom(r *yarnpb.StringLocalResourceMapProto) (localizer.Resource, error) {
	v := r.GetValue()
	x := localizer.Resource{Name: r.GetKey(), URL: urlFrom(v.GetResource()), Timestamp: v.GetTimestamp(),
		Type: localizer.Type(v.GetType()), Visibility: localizer.Visibility(v.GetVisibility()), Pattern: v.GetPattern()}
	if x.Name == "" || v.GetResource().GetFile() == "" {
		return x, fmt.Errorf("Null resource URL for local resource %s : %v", x.Name, v) //nolint:revive // Hadoop's text
	}
	if v.Type == nil || x.Type.String() == "" {
		return x, fmt.Errorf("Null resource type for local resource %s : %v", x.Name, v) //nolint:revive // Hadoop's text
	}
	if v.Visibility == nil || x.Visibility < localizer.Public || x.Visibility > localizer.Application {
		return x, fmt.Errorf("Null resource visibility for local resource %s : %v", x.Name, v) //nolint:revive // Hadoop's text
	}
	return x, nil
}

// urlFrom joins the parts as Java's Path does: no encoding, and no port below 1.
func urlFrom(u *yarnpb.URLProto) string {
	if u.GetScheme() == "" {
		return u.GetFile()
	}
	host := u.GetHost()
	if u.GetPort() > 0 {
		host += ":" + strconv.Itoa(int(u.GetPort()))
	}
	return u.GetScheme() + "://" + host + u.GetFile()
}

// StateProto is a container's coarse state and sub-state.
func StateProto(s container.State) (yarnpb.ContainerStateProto, yarnpb.ContainerSubStateProto) {
	switch s {
	case container.New:
		return yarnpb.ContainerStateProto_C_NEW, yarnpb.ContainerSubStateProto_CSS_SCHEDULED
	case container.Localizing, container.Launching:
		return yarnpb.ContainerStateProto_C_RUNNING, yarnpb.ContainerSubStateProto_CSS_SCHEDULED
	case container.Running, container.Reinitializing, container.Relaunching:
		return yarnpb.ContainerStateProto_C_RUNNING, yarnpb.ContainerSubStateProto_CSS_RUNNING
	case container.Done:
		return yarnpb.ContainerStateProto_C_COMPLETE, yarnpb.ContainerSubStateProto_CSS_DONE
	default:
		return yarnpb.ContainerStateProto_C_RUNNING, yarnpb.ContainerSubStateProto_CSS_COMPLETING
	}
}

// StatusProto is a container's status for AMs and for heartbeats.
func StatusProto(s container.Status, types *yarn.ResourceTypes) *yarnpb.ContainerStatusProto {
	state, sub := StateProto(s.State)
	return &yarnpb.ContainerStatusProto{
		ContainerId: wire.ContainerID(s.Spec.ID), State: &state, ContainerSubState: &sub,
		Diagnostics: &s.Diagnostics, ExitStatus: proto.Int32(int32(s.Exit)),
		Capability: wire.Resource(s.Spec.Resource, types), ExecutionType: executionType(s.Spec.Grant).Enum(),
	}
}

func executionType(g container.Grant) yarnpb.ExecutionTypeProto {
	if g.Opportunistic {
		return yarnpb.ExecutionTypeProto_OPPORTUNISTIC
	}
	return yarnpb.ExecutionTypeProto_GUARANTEED
}

// ContainerProto is a container as a heartbeat tells of a greater size.
func ContainerProto(s container.Spec, node yarn.NodeID, types *yarn.ResourceTypes) *yarnpb.ContainerProto {
	return &yarnpb.ContainerProto{Id: wire.ContainerID(s.ID), NodeId: wire.NodeID(node), Resource: wire.Resource(s.Resource, types),
		Priority: wire.Priority(s.Grant.Priority), ExecutionType: executionType(s.Grant).Enum(), Version: &s.Grant.Version}
}

// RegistrationProto is a container's status as a registration carries it.
func RegistrationProto(s container.Status, types *yarn.ResourceTypes) *yarnpb.NMContainerStatusProto {
	state, _ := StateProto(s.State)
	g := s.Spec.Grant
	return &yarnpb.NMContainerStatusProto{
		ContainerId: wire.ContainerID(s.Spec.ID), ContainerState: &state, Resource: wire.Resource(s.Spec.Resource, types),
		Priority: wire.Priority(g.Priority), Diagnostics: &s.Diagnostics, ContainerExitStatus: proto.Int32(int32(s.Exit)),
		CreationTime: proto.Int64(g.Created.UnixMilli()), NodeLabelExpression: &g.NodeLabels, Version: &g.Version,
		ExecutionType: executionType(g).Enum(), AllocationRequestId: &g.AllocationRequestID, AllocationTags: g.AllocationTags,
	}
}
