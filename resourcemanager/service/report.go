package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// TrackingURL is where people follow an application: its newest attempt's.
func (s *Service) TrackingURL(v *core.AppView) string {
	if len(v.Attempts) == 0 {
		return s.proxied(v.ID)
	}
	return s.AttemptURL(v, &v.Attempts[len(v.Attempts)-1])
}

// AttemptURL is where people follow an attempt: through the proxy, which leads to the application's page while and where its AM has
// none; an unmanaged AM's own; and that page itself once the attempt has failed or was killed.
func (s *Service) AttemptURL(v *core.AppView, t *core.AttemptView) string {
	switch {
	case t.State == yarn.AttemptFailed || t.State == yarn.AttemptKilled:
		return "http://" + s.Settings.WebPublic + "/cluster/app/" + v.ID.String()
	case v.Unmanaged:
		return OriginalURL(t)
	}
	return s.proxied(v.ID)
}

// HasPages reports whether the application has pages of its own: its newest AM named them, and did not end without a word.
func HasPages(v *core.AppView) bool {
	return v.OriginalURL != "" && v.OriginalURL != unavailable && !strings.HasSuffix(v.OriginalURL, "/cluster/app/"+v.ID.String())
}

// OriginalURL is what an attempt's AM said of itself, "N/A" where it said nothing.
func OriginalURL(t *core.AttemptView) string { return cmp.Or(t.TrackingURL, unavailable) }

func (s *Service) proxied(id yarn.ApplicationID) string {
	return "http://" + cmp.Or(s.Settings.ProxyPublic, s.Settings.WebPublic) + "/proxy/" + id.String() + "/"
}

// unavailable is how reports say that there is nothing to say.
const unavailable = "N/A"

func (s *Service) report(v *core.AppView, user string) (*yarnpb.ApplicationReportProto, error) {
	p := &yarnpb.ApplicationReportProto{
		ApplicationId: wire.AppID(v.ID), User: new(v.User), Queue: new(v.QueuePath), Name: new(v.Name),
		YarnApplicationState: yarnpb.YarnApplicationStateProto(v.State).Enum(), StartTime: new(v.Start), FinishTime: new(v.Finish),
		LaunchTime: new(v.Launch), SubmitTime: new(v.SubmitTime), FinalApplicationStatus: yarnpb.FinalApplicationStatusProto(v.Final).Enum(),
		ApplicationType: new(v.Type), ApplicationTags: v.Tags, UnmanagedApplication: new(v.Unmanaged), Priority: wire.Priority(v.Priority),
		AppNodeLabelExpression: new(appLabel(v)), AppTimeouts: s.timeouts(v),
		// What only those see who may:
		Progress: new(float32(0)), Host: new(unavailable), RpcPort: new(int32(-1)), TrackingUrl: new(unavailable), OriginalTrackingUrl: new(unavailable),
		Diagnostics: new(unavailable), AppResource_Usage: s.noUsage(), CurrentApplicationAttemptId: wire.AttemptID(yarn.AttemptID{Application: v.ID, Attempt: -1}),
	}
	if !v.Unmanaged {
		p.AmNodeLabelExpression = new(defaultPartition)
	}
	if s.Settings.ClusterID != "" {
		p.RmClusterId = new(s.Settings.ClusterID)
	}
	if !s.Access.View(v, user) {
		return p, nil
	}
	p.LogAggregationStatus = yarnpb.LogAggregationStatusProto(v.LogState(s.Clock().UnixMilli(), s.Settings.LogTimeout)).Enum()
	if v.Attempt.Attempt > 0 {
		p.CurrentApplicationAttemptId = wire.AttemptID(v.Attempt)
	}
	p.Progress, p.AppResource_Usage = new(v.Progress()), s.usage(v)
	p.Host, p.RpcPort, p.TrackingUrl = new(v.Host), new(v.RPCPort), new(s.TrackingURL(v))
	if v.OriginalURL != "" {
		p.OriginalTrackingUrl = new(v.OriginalURL)
	}
	p.Diagnostics = new(Diagnostics(v))
	if v.Unmanaged && user == v.User && v.State == yarn.AppAccepted && len(v.Attempts) > 0 && v.Attempts[len(v.Attempts)-1].State == yarn.AttemptLaunched {
		t, err := s.Tokens.AMRM(v.Attempt)
		if err != nil {
			return nil, rpc.Exception(rpc.ClassYarn, "make the AMRM token of %s: %v", v.Attempt, err)
		}
		p.AmRmToken = t.Proto()
	}
	return p, nil
}

// Names for what a node label expression is without labels.
const defaultPartition, noExpression = "<DEFAULT_PARTITION>", "<Not set>"

// appLabel is an application's node label expression as reports name it: there are no labels, so it is empty or was not given.
func appLabel(v *core.AppView) string {
	if v.LabelGiven {
		return defaultPartition
	}
	return noExpression
}

// noUsage is what those hear of an application's use who may not see it.
func (s *Service) noUsage() *yarnpb.ApplicationResourceUsageReportProto {
	none := wire.Resource(yarn.NewResource(-1, -1), s.Settings.Types)
	return &yarnpb.ApplicationResourceUsageReportProto{NumUsedContainers: new(int32(-1)), NumReservedContainers: new(int32(-1)),
		UsedResources: none, ReservedResources: none, NeededResources: none, MemorySeconds: new(int64(0)), VcoreSeconds: new(int64(0)),
		PreemptedMemorySeconds: new(int64(0)), PreemptedVcoreSeconds: new(int64(0))}
}

// Diagnostics is what an application's report says about its state: while it waits, the
// reason, in the scheduler's words.
func Diagnostics(v *core.AppView) string {
	if v.Diagnostics != "" || v.State.Final() {
		return v.Diagnostics
	}
	if v.State == yarn.AppAccepted && len(v.Attempts) > 0 {
		return AttemptDiagnostics(v, &v.Attempts[len(v.Attempts)-1])
	}
	if n := v.Pending.Containers; v.State == yarn.AppRunning && n > 0 && v.Pending.Reason != scheduler.NotSkipped {
		return fmt.Sprintf("The application waits for containers (%d): %s.", n, v.Pending.Reason)
	}
	return ""
}

// AttemptDiagnostics is what an attempt's report says about its state.
func AttemptDiagnostics(v *core.AppView, t *core.AttemptView) string {
	switch {
	case t.Diagnostics != "":
		return t.Diagnostics
	case t.State == yarn.AttemptLaunched:
		return "AM container is launched, waiting for AM container to Register with RM"
	case t.State == yarn.AttemptScheduled && v.Pending.Reason != scheduler.NotSkipped:
		return "The application waits: " + v.Pending.Reason.String() + "."
	}
	return ""
}

func (s *Service) usage(v *core.AppView) *yarnpb.ApplicationResourceUsageReportProto {
	types := s.Settings.Types
	mem, cores := v.Seconds(s.Clock().UnixMilli())
	running, reserved := int32(v.Running), int32(0)
	if !v.Pending.Held.IsZero() {
		reserved = 1
	}
	if v.State.Final() {
		running, reserved = -1, -1
	}
	queue, cluster := s.Shares(s.Core.View(), v)
	return &yarnpb.ApplicationResourceUsageReportProto{
		NumUsedContainers: new(running), NumReservedContainers: &reserved, UsedResources: wire.Resource(v.Used, types),
		ReservedResources: wire.Resource(v.Pending.Held, types), NeededResources: wire.Resource(v.Used.Add(v.Pending.Held), types),
		MemorySeconds: new(mem), VcoreSeconds: new(cores), QueueUsagePercentage: new(queue), ClusterUsagePercentage: new(cluster),
		PreemptedMemorySeconds: new(int64(0)), PreemptedVcoreSeconds: new(int64(0)),
	}
}

// Shares is what an application uses of its queue's guarantee and of the cluster, in percent.
func (s *Service) Shares(view *core.View, v *core.AppView) (queue, cluster float32) {
	percent := func(base yarn.Resource) float32 {
		return float32(100 * s.Settings.Scheduler.Share(v.Used, base, view.Total))
	}
	if q := view.Queue(v.QueuePath); q != nil {
		queue = percent(q.Guaranteed)
	}
	return queue, percent(view.Total)
}

func (s *Service) attemptReport(v *core.AppView, t *core.AttemptView) *yarnpb.ApplicationAttemptReportProto {
	p := &yarnpb.ApplicationAttemptReportProto{
		ApplicationAttemptId: wire.AttemptID(t.ID), Host: new(t.Host), RpcPort: new(t.RPCPort), Diagnostics: new(AttemptDiagnostics(v, t)),
		YarnApplicationAttemptState: yarnpb.YarnApplicationAttemptStateProto(t.State).Enum(), TrackingUrl: new(s.AttemptURL(v, t)),
		OriginalTrackingUrl: new(OriginalURL(t)), StartTime: new(t.Start), FinishTime: new(t.Finish),
	}
	if t.AM != nil {
		p.AmContainerId = wire.ContainerID(t.AM.ID)
	}
	return p
}

func (s *Service) containerReport(k *core.ContainerView) *yarnpb.ContainerReportProto {
	exit := int32(yarn.ExitInvalid)
	return &yarnpb.ContainerReportProto{
		ContainerId: wire.ContainerID(k.ID), Resource: wire.Resource(k.Resource, s.Settings.Types), NodeId: wire.NodeID(k.Node),
		Priority: wire.Priority(k.Key.Priority), CreationTime: new(k.Created), FinishTime: new(int64(0)),
		LogUrl:              new("http://" + k.NodeHTTP + "/node/containerlogs/" + k.ID.String() + "/" + k.User),
		ContainerExitStatus: &exit, ContainerState: yarnpb.ContainerStateProto(k.State).Enum(), NodeHttpAddress: new("http://" + k.NodeHTTP),
	}
}

func (s *Service) nodeReport(n *core.NodeView) *yarnpb.NodeReportProto {
	p := &yarnpb.NodeReportProto{
		NodeId: wire.NodeID(n.ID), HttpAddress: new(n.HTTP), RackName: new(n.Rack), Used: wire.Resource(n.Used, s.Settings.Types),
		Capability: wire.Resource(n.Total, s.Settings.Types), NumContainers: new(int32(n.Containers)), NodeState: yarnpb.NodeStateProto(n.State).Enum(),
		HealthReport: new(n.Report), LastHealthReportTime: new(n.LastSeen()),
	}
	if n.State == yarn.NodeDecommissioning && !n.DrainBy.IsZero() {
		p.DecommissioningTimeout = new(uint32(max(0, n.DrainBy.Sub(s.Clock())) / time.Second))
	}
	if u := n.Utilization(); u != nil {
		p.NodeUtilization = &yarnpb.ResourceUtilizationProto{Pmem: new(u.NodePMemMB), Vmem: new(u.NodeVMemMB), Cpu: new(u.NodeCPU)}
		p.ContainersUtilization = &yarnpb.ResourceUtilizationProto{Pmem: new(u.ContainersPMemMB), Vmem: new(u.ContainersVMem), Cpu: new(u.ContainersCPU)}
	}
	return p
}

func (s *Service) resourceTypes() (out []*yarnpb.ResourceTypeInfoProto) {
	for i := range s.Settings.Types.Len() {
		t := s.Settings.Types.At(i)
		out = append(out, &yarnpb.ResourceTypeInfoProto{Name: new(t.Name), Units: new(t.Unit), Type: yarnpb.ResourceTypesProto_COUNTABLE.Enum()})
	}
	return out
}

// maxListed bounds an application list whose client gave no limit.
const maxListed = 1 << 20

func (s *Service) getApplications(ctx context.Context, req *yarnpb.GetApplicationsRequestProto) (*yarnpb.GetApplicationsResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	limit := int64(maxListed)
	if req.Limit != nil {
		limit = req.GetLimit()
	}
	if err := s.Lists.Take(ctx); err != nil {
		return nil, err
	}
	defer s.Lists.Give()
	// Each report is encoded at once: ten thousand of them as messages would need many times the memory of their bytes.
	var encoded []byte
	for _, v := range among(s.Core.View(), req.GetApplicationStates()) {
		if limit <= 0 {
			break
		}
		if !s.wanted(req, v, user) {
			continue
		}
		limit--
		r, err := s.report(v, user)
		if err != nil {
			return nil, err
		}
		encoded = protowire.AppendTag(encoded, applicationsField, protowire.BytesType)
		encoded = protowire.AppendVarint(encoded, uint64(proto.Size(r)))
		if encoded, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(encoded, r); err != nil {
			return nil, fmt.Errorf("encoding the report of %s: %w", v.ID, err)
		}
	}
	resp := &yarnpb.GetApplicationsResponseProto{}
	resp.ProtoReflect().SetUnknown(encoded) // goes out as it is
	return resp, nil
}

// applicationsField is the number of GetApplicationsResponseProto's one field.
const applicationsField = 1

// among is the shortest list that has the applications of these states, of any if there are none.
func among(view *core.View, states []yarnpb.YarnApplicationStateProto) []*core.AppView {
	if len(states) == 0 || slices.ContainsFunc(states, func(st yarnpb.YarnApplicationStateProto) bool { return yarn.AppState(st).Final() }) {
		return view.SortedApps()
	}
	return view.LiveApps()
}

// wanted reports whether an application is in the scope of a list and passes its filters.
func (s *Service) wanted(req *yarnpb.GetApplicationsRequestProto, v *core.AppView, user string) bool {
	states := req.GetApplicationStates()
	return s.inScope(req.GetScope(), v, user) && (len(states) == 0 || slices.Contains(states, yarnpb.YarnApplicationStateProto(v.State))) &&
		anyOf(req.GetApplicationTypes(), func(t string) bool { return strings.EqualFold(t, v.Type) }) &&
		anyOf(req.GetApplicationTags(), func(t string) bool { return slices.Contains(v.Tags, strings.ToLower(t)) || slices.Contains(v.Tags, t) }) &&
		anyOf(req.GetQueues(), func(q string) bool { return q == v.QueuePath || q == leaf(v.QueuePath) }) &&
		anyOf(req.GetUsers(), func(u string) bool { return u == v.User }) &&
		(req.Name == nil || req.GetName() == v.Name) &&
		within(req.StartBegin, req.StartEnd, v.Start) && within(req.FinishBegin, req.FinishEnd, v.Finish)
}

func (s *Service) inScope(scope yarnpb.ApplicationsRequestScopeProto, v *core.AppView, user string) bool {
	switch scope {
	case yarnpb.ApplicationsRequestScopeProto_OWN:
		return v.User == user
	case yarnpb.ApplicationsRequestScopeProto_VIEWABLE:
		return s.Access.View(v, user)
	}
	return true
}

// anyOf reports whether a filter's list is empty or holds a match.
func anyOf(list []string, match func(string) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, match)
}

func within(begin, end *int64, at int64) bool {
	return (begin == nil || at >= *begin) && (end == nil || at <= *end)
}

func leaf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func (s *Service) getQueueInfo(ctx context.Context, req *yarnpb.GetQueueInfoRequestProto) (*yarnpb.GetQueueInfoResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	view := s.Core.View()
	for i := range view.Queues {
		q := &view.Queues[i]
		if q.Path != req.GetQueueName() && q.Config.Name != req.GetQueueName() {
			continue
		}
		info, err := s.queueInfo(view, endedIn(view), q, user, req.GetIncludeApplications(), req.GetIncludeChildQueues(), req.GetRecursive())
		return &yarnpb.GetQueueInfoResponseProto{QueueInfo: info}, err
	}
	// YarnClient shows an empty answer as "cannot get queue from RM by queueName".
	return &yarnpb.GetQueueInfoResponseProto{}, nil
}

// endedIn counts the applications that are remembered of those which have ended, of each queue and those below it.
func endedIn(view *core.View) map[string]map[yarn.AppState]int64 {
	out := map[string]map[yarn.AppState]int64{}
	for _, v := range view.Apps.All() {
		if !v.State.Final() {
			continue
		}
		for path := v.QueuePath; path != ""; path = parent(path) {
			if out[path] == nil {
				out[path] = map[yarn.AppState]int64{}
			}
			out[path][v.State]++
		}
	}
	return out
}

// activeUsers are those of a leaf who wait for containers.
func activeUsers(q *scheduler.QueueInfo) (n int64) {
	for _, u := range q.Users {
		if u.PendingContainers > 0 {
			n++
		}
	}
	return n
}

func (s *Service) queueInfo(view *core.View, ended map[string]map[yarn.AppState]int64, q *scheduler.QueueInfo, user string, apps, children, recursive bool) (*yarnpb.QueueInfoProto, error) {
	fraction := func(ppm int64) *float32 { return new(float32(ppm) / scheduler.Million) }
	state := yarnpb.QueueStateProto(yarnpb.QueueStateProto_value["Q_"+string(q.State)])
	used := float32(s.Settings.Scheduler.ShareOf(q.Used, q.Guaranteed, view.Total))
	types := s.Settings.Types
	p := &yarnpb.QueueInfoProto{
		QueueName: new(q.Config.Name), QueuePath: new(q.Path), Capacity: fraction(q.Config.Capacity), MaximumCapacity: fraction(q.Config.MaxCapacity),
		CurrentCapacity: new(used), MaxParallelApps: new(q.Config.ParallelApps()), State: &state, PreemptionDisabled: new(true), IntraQueuePreemptionDisabled: new(true),
		AccessibleNodeLabels: []string{"*"}, SchedulerType: new("CapacityScheduler"), Weight: new(float32(-1)),
		QueueStatistics: &yarnpb.QueueStatisticsProto{
			NumAppsRunning: new(int64(q.ActiveApps)), NumAppsPending: new(int64(q.WaitingApps)), NumActiveUsers: new(activeUsers(q)),
			NumAppsSubmitted: new(int64(q.Apps) + ended[q.Path][yarn.AppFinished] + ended[q.Path][yarn.AppKilled] + ended[q.Path][yarn.AppFailed]),
			NumAppsCompleted: new(ended[q.Path][yarn.AppFinished]), NumAppsKilled: new(ended[q.Path][yarn.AppKilled]), NumAppsFailed: new(ended[q.Path][yarn.AppFailed]),
			AvailableMemoryMB: new(max(0, q.Guaranteed[yarn.Memory]-q.Used[yarn.Memory])), AllocatedMemoryMB: new(q.Used[yarn.Memory]),
			PendingMemoryMB: new(q.Pending[yarn.Memory]), AvailableVCores: new(max(0, q.Guaranteed[yarn.VCores]-q.Used[yarn.VCores])),
			AllocatedVCores: new(q.Used[yarn.VCores]), PendingVCores: new(q.Pending[yarn.VCores]),
			AllocatedContainers: new(q.Containers), PendingContainers: new(q.PendingContainers),
			ReservedMemoryMB: new(q.Reserved[yarn.Memory]), ReservedVCores: new(q.Reserved[yarn.VCores]), ReservedContainers: new(q.ReservedContainers),
		},
		QueueConfigurationsMap: []*yarnpb.QueueConfigurationsMapProto{{PartitionName: new(""), QueueConfigurations: &yarnpb.QueueConfigurationsProto{
			Capacity: fraction(q.Config.Capacity), AbsoluteCapacity: fraction(q.AbsCapacity), MaxCapacity: fraction(q.Config.MaxCapacity),
			AbsoluteMaxCapacity: fraction(q.AbsMax), MaxAMPercentage: fraction(q.Config.MaxAMShare),
			EffectiveMinCapacity: wire.Resource(q.Guaranteed, types), EffectiveMaxCapacity: wire.Resource(q.Maximum, types),
			ConfiguredMinCapacity: wire.Resource(yarn.Resource{}, types), ConfiguredMaxCapacity: wire.Resource(yarn.Resource{}, types),
		}}},
	}
	if apps {
		for _, v := range view.LiveApps() {
			if v.QueuePath != q.Path {
				continue
			}
			r, err := s.report(v, user)
			if err != nil {
				return nil, err
			}
			p.Applications = append(p.Applications, r)
		}
	}
	if !children && !recursive {
		return p, nil
	}
	for i := range view.Queues {
		c := &view.Queues[i]
		if parent(c.Path) != q.Path {
			continue
		}
		info, err := s.queueInfo(view, ended, c, user, apps, recursive, recursive)
		if err != nil {
			return nil, err
		}
		p.ChildQueues = append(p.ChildQueues, info)
	}
	return p, nil
}

// tokenFailure keeps the class that a delegation-token error names.
func tokenFailure(err error) error {
	var t *security.TokenError
	if errors.As(err, &t) {
		return rpc.Exception(t.Class, "%s", t.Message)
	}
	return failure(err)
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}
