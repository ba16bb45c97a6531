package shell

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/yarn"
	"heddle/yarn/wire"
)

const (
	applicationRow = "%30s\t%20s\t%20s\t%10s\t%10s\t%18s\t%18s\t%15s\t%35s"
	attemptRow     = "%30s\t%20s\t%35s\t%35s"
	containerRow   = "%30s\t%20s\t%20s\t%20s\t%20s\t%20s\t%35s"
)

// AppFilter chooses applications; empty lists choose all, but States, whose default is those that have not ended.
type AppFilter struct{ States, Types, Tags []string }

func appStates(names []string) ([]yarnpb.YarnApplicationStateProto, error) {
	if len(names) == 0 {
		return []yarnpb.YarnApplicationStateProto{yarnpb.YarnApplicationStateProto_SUBMITTED, yarnpb.YarnApplicationStateProto_ACCEPTED, yarnpb.YarnApplicationStateProto_RUNNING}, nil
	}
	var out []yarnpb.YarnApplicationStateProto
	for _, asked := range names {
		n := strings.ToUpper(strings.TrimSpace(asked))
		if n == "" {
			continue
		}
		if n == "ALL" {
			out = nil
			for i := yarnpb.YarnApplicationStateProto_NEW; i <= yarnpb.YarnApplicationStateProto_KILLED; i++ {
				out = append(out, i)
			}
			return out, nil
		}
		v, ok := yarnpb.YarnApplicationStateProto_value[n]
		if !ok {
			return nil, says("The application state %s is invalid.\nThe valid application state can be one of the following: ALL,NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING,FINISHED,FAILED,KILLED", asked)
		}
		out = append(out, yarnpb.YarnApplicationStateProto(v))
	}
	slices.Sort(out) // Hadoop prints its set in the order of the enum
	return slices.Compact(out), nil
}

// set is what Hadoop makes of a list of words: trimmed, each once, in the order of Java's HashSet.
func set(words []string, form func(string) string) []string {
	var out []string
	for _, w := range words {
		if w = form(strings.TrimSpace(w)); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return hashSetOrder(out)
}

// hashSetOrder is the order in which Java's HashSet gives back texts that were added in the order of words.
func hashSetOrder(words []string) []string {
	buckets := uint32(16)
	for len(words)*4 > int(buckets)*3 {
		buckets *= 2
	}
	bucket := func(s string) uint32 {
		var h uint32
		for _, u := range utf16.Encode([]rune(s)) {
			h = 31*h + uint32(u)
		}
		return (h ^ h>>16) & (buckets - 1)
	}
	out := slices.Clone(words)
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(bucket(a), bucket(b)) })
	return out
}

func brackets[T any](list []T) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = fmt.Sprint(x)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Applications prints a table of applications.
func (s *Shell) Applications(ctx context.Context, f AppFilter) error {
	states, err := appStates(f.States)
	if err != nil {
		return err
	}
	f.Types, f.Tags = set(f.Types, strings.ToUpper), set(f.Tags, func(s string) string { return s })
	resp, err := s.RM.GetApplications(ctx, &yarnpb.GetApplicationsRequestProto{ApplicationTypes: f.Types, ApplicationStates: states, ApplicationTags: f.Tags})
	if err != nil {
		return fmt.Errorf("listing applications: %w", err)
	}
	apps := resp.GetApplications()
	var t text
	t.line("Total number of applications (application-types: %s, states: %s and tags: %s):%d", brackets(f.Types), brackets(states), brackets(f.Tags), len(apps))
	t.line(applicationRow, "Application-Id", "Application-Name", "Application-Type", "User", "Queue", "State", "Final-State", "Progress", "Tracking-URL")
	for _, a := range apps {
		t.line(applicationRow, wire.AppIDFrom(a.GetApplicationId()), a.GetName(), a.GetApplicationType(), a.GetUser(), a.GetQueue(),
			a.GetYarnApplicationState(), finalStatus(a), percent(a.GetProgress()), a.GetOriginalTrackingUrl())
	}
	return s.print(&t)
}

func finalStatus(a *yarnpb.ApplicationReportProto) string {
	return strings.TrimPrefix(a.GetFinalApplicationStatus().String(), "APP_")
}

// Application prints one application's report.
func (s *Shell) Application(ctx context.Context, arg string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	a, err := s.report(ctx, id)
	if rpc.IsClass(err, rpc.ClassApplicationNotFound) {
		return says("Application with id '%s' doesn't exist in RM or Timeline Server.", arg)
	}
	if err != nil {
		return err
	}
	var t text
	t.line("Application Report : ")
	t.line("\tApplication-Id : %s", id)
	t.line("\tApplication-Name : %s", a.GetName())
	t.line("\tApplication-Type : %s", a.GetApplicationType())
	t.line("\tUser : %s", a.GetUser())
	t.line("\tQueue : %s", a.GetQueue())
	t.line("\tApplication Priority : %d", a.GetPriority().GetPriority())
	t.line("\tStart-Time : %d", a.GetStartTime())
	t.line("\tFinish-Time : %d", a.GetFinishTime())
	t.line("\tProgress : %s", percent(a.GetProgress()))
	t.line("\tState : %s", a.GetYarnApplicationState())
	t.line("\tFinal-State : %s", finalStatus(a))
	t.line("\tTracking-URL : %s", a.GetOriginalTrackingUrl())
	t.line("\tRPC Port : %d", a.GetRpcPort())
	t.line("\tAM Host : %s", a.GetHost())
	u := a.GetAppResource_Usage()
	t.line("\tAggregate Resource Allocation : %s", s.seconds(u.GetApplicationResourceUsageMap()))
	t.line("\tAggregate Resource Preempted : %s", s.seconds(u.GetApplicationPreemptedResourceUsageMap()))
	t.line("\tLog Aggregation Status : %s", strings.TrimPrefix(a.GetLogAggregationStatus().String(), "LOG_"))
	t.line("\tDiagnostics : %s", a.GetDiagnostics())
	t.line("\tUnmanaged Application : %t", a.GetUnmanagedApplication())
	t.line("\tApplication Node Label Expression : %s", orNull(a.GetAppNodeLabelExpression()))
	t.line("\tAM container Node Label Expression : %s", orNull(a.GetAmNodeLabelExpression()))
	for _, x := range a.GetAppTimeouts() {
		o := x.GetApplicationTimeout()
		t.line("\tTimeoutType : %s\tExpiryTime : %s\tRemainingTime : %dseconds", strings.TrimPrefix(x.GetApplicationTimeoutType().String(), "APP_TIMEOUT_"), o.GetExpireTime(), o.GetRemainingTime())
	}
	t.line("")
	return s.print(&t)
}

// seconds is Hadoop's form of what was used over time.
func (s *Shell) seconds(m []*yarnpb.StringLongMapProto) string {
	used := map[string]int64{}
	for _, e := range m {
		used[e.GetKey()] = e.GetValue()
	}
	parts := []string{fmt.Sprintf("%d MB-seconds", used[s.Types.At(yarn.Memory).Name]), fmt.Sprintf("%d vcore-seconds", used[s.Types.At(yarn.VCores).Name])}
	for i := 2; i < s.Types.Len(); i++ {
		parts = append(parts, fmt.Sprintf("%d %s-seconds", used[s.Types.At(i).Name], s.Types.At(i).Name))
	}
	return strings.Join(parts, ", ")
}

// Attempts prints a table of an application's attempts.
func (s *Shell) Attempts(ctx context.Context, arg string) error {
	id, err := yarn.ParseApplicationID(arg)
	if err != nil {
		return err
	}
	resp, err := s.RM.GetApplicationAttempts(ctx, &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: wire.AppID(id)})
	if err != nil {
		return fmt.Errorf("listing the attempts of %s: %w", id, err)
	}
	var t text
	t.line("Total number of application attempts :%d", len(resp.GetApplicationAttempts()))
	t.line(attemptRow, "ApplicationAttempt-Id", "State", "AM-Container-Id", "Tracking-URL")
	for _, a := range resp.GetApplicationAttempts() {
		t.line(attemptRow, wire.AttemptIDFrom(a.GetApplicationAttemptId()), attemptState(a), amContainer(a), a.GetTrackingUrl())
	}
	return s.print(&t)
}

func attemptState(a *yarnpb.ApplicationAttemptReportProto) string {
	return strings.TrimPrefix(a.GetYarnApplicationAttemptState().String(), "APP_ATTEMPT_")
}

func amContainer(a *yarnpb.ApplicationAttemptReportProto) string {
	if a.GetAmContainerId() == nil {
		return "null"
	}
	return wire.ContainerIDFrom(a.GetAmContainerId()).String()
}

// Attempt prints one attempt's report.
func (s *Shell) Attempt(ctx context.Context, arg string) error {
	id, err := yarn.ParseAttemptID(arg)
	if err != nil {
		return err
	}
	resp, err := s.RM.GetApplicationAttemptReport(ctx, &yarnpb.GetApplicationAttemptReportRequestProto{ApplicationAttemptId: wire.AttemptID(id)})
	switch {
	case rpc.IsClass(err, rpc.ClassApplicationNotFound):
		return says("Application for AppAttempt with id '%s' doesn't exist in RM or Timeline Server.", arg)
	case rpc.IsClass(err, rpc.ClassApplicationAttemptNotFound):
		return says("Application Attempt with id '%s' doesn't exist in RM or Timeline Server.", arg)
	case err != nil:
		return fmt.Errorf("asking for %s: %w", id, err)
	}
	a := resp.GetApplicationAttemptReport()
	var t text
	t.line("Application Attempt Report : ")
	t.line("\tApplicationAttempt-Id : %s", id)
	t.line("\tState : %s", attemptState(a))
	t.line("\tAMContainer : %s", amContainer(a))
	t.line("\tTracking-URL : %s", a.GetTrackingUrl())
	t.line("\tRPC Port : %d", a.GetRpcPort())
	t.line("\tAM Host : %s", a.GetHost())
	t.line("\tDiagnostics : %s", a.GetDiagnostics())
	return s.print(&t)
}

// Containers prints a table of an attempt's containers.
func (s *Shell) Containers(ctx context.Context, arg string) error {
	id, err := yarn.ParseAttemptID(arg)
	if err != nil {
		return err
	}
	resp, err := s.RM.GetContainers(ctx, &yarnpb.GetContainersRequestProto{ApplicationAttemptId: wire.AttemptID(id)})
	if err != nil {
		return fmt.Errorf("listing the containers of %s: %w", id, err)
	}
	var t text
	t.line("Total number of containers :%d", len(resp.GetContainers()))
	t.line(containerRow, "Container-Id", "Start Time", "Finish Time", "State", "Host", "Node Http Address", "LOG-URL")
	for _, c := range resp.GetContainers() {
		t.line(containerRow, wire.ContainerIDFrom(c.GetContainerId()), javaTime(c.GetCreationTime()), javaTime(c.GetFinishTime()), containerState(c),
			wire.NodeIDFrom(c.GetNodeId()), orNull(c.GetNodeHttpAddress()), orNull(c.GetLogUrl()))
	}
	return s.print(&t)
}

func containerState(c *yarnpb.ContainerReportProto) string {
	return strings.TrimPrefix(c.GetContainerState().String(), "C_")
}

// Container prints one container's report.
func (s *Shell) Container(ctx context.Context, arg string) error {
	id, err := yarn.ParseContainerID(arg)
	if err != nil {
		return err
	}
	resp, err := s.RM.GetContainerReport(ctx, &yarnpb.GetContainerReportRequestProto{ContainerId: wire.ContainerID(id)})
	const absent = " with id '%s' doesn't exist in RM or Timeline Server."
	switch {
	case rpc.IsClass(err, rpc.ClassApplicationNotFound):
		return says("Application for Container"+absent, arg)
	case rpc.IsClass(err, rpc.ClassApplicationAttemptNotFound):
		return says("Application Attempt for Container"+absent, arg)
	case rpc.IsClass(err, rpc.ClassContainerNotFound):
		return says("Container"+absent, arg)
	case err != nil:
		return fmt.Errorf("asking for %s: %w", id, err)
	}
	c := resp.GetContainerReport()
	var t text
	t.line("Container Report : ")
	t.line("\tContainer-Id : %s", id)
	t.line("\tStart-Time : %d", c.GetCreationTime())
	t.line("\tFinish-Time : %d", c.GetFinishTime())
	t.line("\tState : %s", containerState(c))
	t.line("\tExecution-Type : %s", c.GetExecutionType())
	t.line("\tLOG-URL : %s", orNull(c.GetLogUrl()))
	t.line("\tHost : %s", wire.NodeIDFrom(c.GetNodeId()))
	t.line("\tNodeHttpAddress : %s", orNull(c.GetNodeHttpAddress()))
	t.line("\tExposedPorts : %s", c.GetExposedPorts())
	diagnostics := "null" // as Java; the field's own default is another
	if c.DiagnosticsInfo != nil {
		diagnostics = c.GetDiagnosticsInfo()
	}
	t.line("\tDiagnostics : %s", diagnostics)
	return s.print(&t)
}
