package shell

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn/wire"
)

const titleTop = "yarn top"

var topOptions = options{
	helpOption,
	{name: "cols", arg: "arg", help: "Characters of a line; the terminal's where not given."},
	{name: "rows", arg: "arg", help: "Lines of the screen; the terminal's where not given."},
	{name: "delay", arg: "arg", help: "Seconds between two looks; 3 where not given."},
	{name: "queues", arg: "arg", count: many, comma: true, help: "Only these queues."},
	{name: "users", arg: "arg", count: many, comma: true, help: "Only these users' applications."},
	{name: "types", arg: "arg", count: many, comma: true, help: "Only applications of these types."},
}

const (
	defaultTopDelay = 3 * time.Second
	topRow          = "%31s %-10s %10s %10s %5s %7s %7s %7s %7s %7s %7s %10s %10s %6s %10s %s"
	clearScreen     = "\x1b[H\x1b[2J"
)

// topView is what one run of `yarn top` shows.
type topView struct {
	rows, cols   int
	delay        time.Duration
	queues       []string
	users, types []string
	started      time.Time // the ResourceManager's start
}

// top is `yarn top`: it looks again and again until ctx ends; once where the output is no terminal and no -delay is given.
func (c *Command) top(ctx context.Context, args []string) error {
	p, err := c.parse(topOptions, titleTop, args)
	if err != nil {
		return err
	}
	if p.has("help") {
		return refusal{out: topOptions.usage(titleTop)}
	}
	v := &topView{rows: c.Rows, cols: c.Cols, delay: defaultTopDelay, queues: p.values["queues"], users: p.values["users"], types: set(p.values["types"], strings.ToUpper)}
	for name, to := range map[string]*int{"rows": &v.rows, "cols": &v.cols} {
		if p.has(name) {
			n, err := number(name, p.get(name), 32)
			if err != nil {
				return err
			}
			*to = int(n)
		}
	}
	if p.has("delay") {
		n, err := number("delay", p.get("delay"), 32)
		if err != nil || n < 1 {
			return errors.Join(errors.New("-delay: want seconds, 1 or more"), err)
		}
		v.delay = time.Duration(n) * time.Second
	}
	if len(v.queues) == 0 {
		v.queues = []string{"root"}
	}
	once := c.Rows == 0 && !p.has("delay")
	return c.with(func(s *Shell) error {
		if v.started, err = c.clusterStart(ctx); err != nil {
			return err
		}
		for {
			screen, err := s.screen(ctx, v)
			if err != nil {
				return err
			}
			if !once {
				screen = clearScreen + screen
			}
			if _, err := io.WriteString(c.Out, screen); err != nil || once {
				return err
			}
			if pause(ctx, v.delay) != nil {
				return nil // the user ended it
			}
		}
	})
}

// clusterStart asks the ResourceManager's web services when it started.
func (c *Command) clusterStart(ctx context.Context) (time.Time, error) {
	addr, err := c.Conf.ConnectAddr("yarn.resourcemanager.webapp.address", "0.0.0.0:8088")
	if err != nil {
		return time.Time{}, err
	}
	in, err := c.page(ctx, "http://"+addr+"/ws/v1/cluster/info")
	if err != nil {
		return time.Time{}, fmt.Errorf("asking the ResourceManager's web server since when it runs: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	var info struct{ ClusterInfo struct{ StartedOn int64 } }
	err = json.NewDecoder(io.LimitReader(in, maxPage)).Decode(&info)
	return time.UnixMilli(info.ClusterInfo.StartedOn), err
}

// screen is one look: six lines about nodes and queues, then applications, those with the most containers first.
func (s *Shell) screen(ctx context.Context, v *topView) (string, error) {
	m, err := s.RM.GetClusterMetrics(ctx, &yarnpb.GetClusterMetricsRequestProto{})
	if err != nil {
		return "", err
	}
	sum := &yarnpb.QueueStatisticsProto{}
	for _, name := range v.queues {
		q, err := s.queue(ctx, name, false, false)
		if err != nil {
			return "", err
		}
		addStatistics(sum, q.GetQueueStatistics())
	}
	req := &yarnpb.GetApplicationsRequestProto{ApplicationTypes: v.types, Users: v.users, ApplicationStates: []yarnpb.YarnApplicationStateProto{yarnpb.YarnApplicationStateProto_RUNNING}}
	if v.queues[0] != "root" {
		req.Queues = v.queues
	}
	resp, err := s.RM.GetApplications(ctx, req)
	if err != nil {
		return "", err
	}
	var t text
	now := s.now()
	n := m.GetClusterMetrics()
	up := now.Sub(v.started).Truncate(time.Minute)
	t.line("YARN top - %s, up %dd, %d:%d, %d active users, queue(s): %s", now.Format("15:04:05"), up/(24*time.Hour), up/time.Hour%24, up/time.Minute%60, sum.GetNumActiveUsers(), strings.Join(v.queues, ","))
	t.line("NodeManager(s): %d total, %d active, %d unhealthy, %d decommissioning, %d decommissioned, %d lost, %d rebooted, %d shutdown", n.GetNumNodeManagers(), n.GetNumActiveNms(),
		n.GetNumUnhealthyNms(), n.GetNumDecommissioningNms(), n.GetNumDecommissionedNms(), n.GetNumLostNms(), n.GetNumRebootedNms(), n.GetNumShutdownNms())
	t.line("Queue(s) Applications: %d running, %d submitted, %d pending, %d completed, %d killed, %d failed", sum.GetNumAppsRunning(), sum.GetNumAppsSubmitted(), sum.GetNumAppsPending(),
		sum.GetNumAppsCompleted(), sum.GetNumAppsKilled(), sum.GetNumAppsFailed())
	t.line("Queue(s) Mem(GB): %d available, %d allocated, %d pending, %d reserved", sum.GetAvailableMemoryMB()/1024, sum.GetAllocatedMemoryMB()/1024, sum.GetPendingMemoryMB()/1024, sum.GetReservedMemoryMB()/1024)
	t.line("Queue(s) VCores: %d available, %d allocated, %d pending, %d reserved", sum.GetAvailableVCores(), sum.GetAllocatedVCores(), sum.GetPendingVCores(), sum.GetReservedVCores())
	t.line("Queue(s) Containers: %d allocated, %d pending, %d reserved", sum.GetAllocatedContainers(), sum.GetPendingContainers(), sum.GetReservedContainers())
	t.line("")
	t.line(topRow, "APPLICATIONID", "USER", "TYPE", "QUEUE", "PRIOR", "#CONT", "#RCONT", "VCORES", "RVCORES", "MEM", "RMEM", "VCORESECS", "MEMSECS", "%PROGR", "TIME", "NAME")
	apps := resp.GetApplications()
	slices.SortStableFunc(apps, func(a, b *yarnpb.ApplicationReportProto) int {
		return cmp.Compare(b.GetAppResource_Usage().GetNumUsedContainers(), a.GetAppResource_Usage().GetNumUsedContainers())
	})
	for _, a := range apps {
		t.line("%s", topLine(a, now))
	}
	return fit(t.String(), v.rows, v.cols), nil
}

func topLine(a *yarnpb.ApplicationReportProto, now time.Time) string {
	u := a.GetAppResource_Usage()
	number := func(n int32) string { return fmt.Sprint(max(n, 0)) }
	gigabytes := func(p *yarnpb.ResourceProto) string { return fmt.Sprintf("%dG", max(p.GetMemory(), 0)/1024) }
	ran := now.Sub(time.UnixMilli(a.GetStartTime())).Truncate(time.Minute)
	return fmt.Sprintf(topRow, wire.AppIDFrom(a.GetApplicationId()), a.GetUser(), strings.ToLower(a.GetApplicationType()), a.GetQueue(), fmt.Sprint(a.GetPriority().GetPriority()),
		number(u.GetNumUsedContainers()), number(u.GetNumReservedContainers()), number(u.GetUsedResources().GetVirtualCores()), number(u.GetReservedResources().GetVirtualCores()),
		gigabytes(u.GetUsedResources()), gigabytes(u.GetReservedResources()), fmt.Sprint(u.GetVcoreSeconds()), fmt.Sprint(u.GetMemorySeconds()/1024),
		fmt.Sprintf("%.2f", a.GetProgress()*100), fmt.Sprintf("%d:%02d:%02d", ran/(24*time.Hour), ran/time.Hour%24, ran/time.Minute%60), a.GetName())
}

// addStatistics adds every number of a queue.
func addStatistics(sum, q *yarnpb.QueueStatisticsProto) {
	if q == nil {
		return
	}
	from, to := q.ProtoReflect(), sum.ProtoReflect()
	fields := from.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		to.Set(f, protoreflect.ValueOfInt64(to.Get(f).Int()+from.Get(f).Int()))
	}
}

// fit cuts a screen to the terminal; zero is no bound.
func fit(s string, rows, cols int) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if rows > 1 && len(lines) > rows-1 {
		lines = lines[:rows-1]
	}
	for i, l := range lines {
		if cols > 0 && len(l) > cols {
			lines[i] = strings.ToValidUTF8(l[:cols], "")
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
