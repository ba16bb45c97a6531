package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
)

const titleQueue = "queue"

var queueOptions = options{
	helpOption,
	{name: "list", arg: "Parent Queue Name", help: "Lists the queues below one; all lists every queue."},
	{name: "status", arg: "Queue Name", help: "Shows a queue."},
	{name: "subClusterId", arg: "arg", help: "Accepted as Hadoop does; there is no federation."},
}

// queue is `yarn queue`.
func (c *Command) queue(ctx context.Context, args []string) error {
	p, err := c.parse(queueOptions, titleQueue, args)
	if err != nil {
		return err
	}
	switch {
	case p.has("status"):
		return c.with(func(s *Shell) error { return s.Queue(ctx, p.get("status")) })
	case p.has("list"):
		return c.with(func(s *Shell) error { return s.Queues(ctx, p.get("list")) })
	case p.has("help"):
		return refusal{out: queueOptions.usage(titleQueue)}
	}
	return invalid(queueOptions, titleQueue, exitRefused)
}

func (s *Shell) queue(ctx context.Context, name string, children, recursive bool) (*yarnpb.QueueInfoProto, error) {
	resp, err := s.RM.GetQueueInfo(ctx, &yarnpb.GetQueueInfoRequestProto{QueueName: proto.String(name), IncludeApplications: proto.Bool(false),
		IncludeChildQueues: proto.Bool(children), Recursive: proto.Bool(recursive)})
	var e *rpc.Error
	if err != nil && !errors.As(err, &e) {
		return nil, fmt.Errorf("asking for queue %s: %w", name, err)
	}
	if resp.GetQueueInfo() == nil {
		return nil, says("Cannot get queue from RM by queueName = %s, please check.", name)
	}
	return resp.GetQueueInfo(), nil
}

// parallelApps is a queue's limit, and what Java takes an absent number for.
func parallelApps(q *yarnpb.QueueInfoProto) int32 {
	if q.MaxParallelApps == nil {
		return -1
	}
	return q.GetMaxParallelApps()
}

// Queues prints a table of the queues below parent; of all queues where parent is "all".
func (s *Shell) Queues(ctx context.Context, parent string) error {
	all := strings.EqualFold(parent, "all")
	if all {
		parent = "root"
	}
	q, err := s.queue(ctx, parent, true, all)
	if err != nil {
		return err
	}
	rows := queueRows(q)
	title := fmt.Sprintf("%d queues were found", len(rows))
	_, err = s.Out.Write([]byte(boxed(title, []string{"Queue Name", "Queue Path", "State", "Capacity", "Current Capacity", "Maximum Capacity", "Weight", "Maximum Parallel Apps"}, rows)))
	return err
}

// queueRows are the rows of the queues below q, each before its own children.
func queueRows(q *yarnpb.QueueInfoProto) (rows [][]string) {
	for _, child := range q.GetChildQueues() {
		rows = append(rows, []string{child.GetQueueName(), child.GetQueuePath(), strings.TrimPrefix(child.GetState().String(), "Q_"),
			twoDigits(child.GetCapacity()*100) + "%", twoDigits(child.GetCurrentCapacity()*100) + "%", twoDigits(child.GetMaximumCapacity()*100) + "%",
			twoDigits(child.GetWeight()), fmt.Sprint(parallelApps(child))})
		rows = append(rows, queueRows(child)...)
	}
	return rows
}

// boxed is Hadoop's drawing of a table: a title, a head and rows, everything centred.
func boxed(title string, head []string, rows [][]string) string {
	widths, total := make([]int, len(head)), len(head)-1
	for i := range head {
		widths[i] = utf8.RuneCountInString(head[i]) + 2
		for _, r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i])+2)
		}
		total += widths[i]
	}
	rule := "+"
	for _, w := range widths {
		rule += strings.Repeat("-", w) + "+"
	}
	var t text
	t.line("+%s+", strings.Repeat("-", total))
	t.line("|%s|", centred(title, total))
	t.line("%s", rule)
	for i, r := range append([][]string{head}, rows...) {
		for j, cell := range r {
			t.WriteString("|" + centred(cell, widths[j]))
		}
		t.line("|")
		if i == 0 || i == len(rows) {
			t.line("%s", rule)
		}
	}
	return t.String()
}

func centred(s string, width int) string {
	free := max(width-utf8.RuneCountInString(s), 0)
	return strings.Repeat(" ", free/2) + s + strings.Repeat(" ", free-free/2)
}

// Queue prints a queue's state.
func (s *Shell) Queue(ctx context.Context, name string) error {
	q, err := s.queue(ctx, name, false, false)
	if err != nil {
		return err
	}
	onOff := map[bool]string{true: "disabled", false: "enabled"}
	var t text
	t.line("Queue Information : ")
	t.line("Scheduler Name : %s", q.GetSchedulerType())
	t.line("Queue Name : %s", q.GetQueueName())
	t.line("Queue Path : %s", q.GetQueuePath())
	t.line("\tState : %s", strings.TrimPrefix(q.GetState().String(), "Q_"))
	t.line("\tCapacity : %s%%", twoDigits(q.GetCapacity()*100))
	t.line("\tCurrent Capacity : %s%%", twoDigits(q.GetCurrentCapacity()*100))
	t.line("\tMaximum Capacity : %s%%", twoDigits(q.GetMaximumCapacity()*100))
	t.line("\tWeight : %s", twoDigits(q.GetWeight()))
	t.line("\tMaximum Parallel Apps : %d", parallelApps(q))
	label := q.GetDefaultNodeLabelExpression()
	if label == "" {
		label = "<DEFAULT_PARTITION>"
	}
	t.line("\tDefault Node Label expression : %s", label)
	t.line("\tAccessible Node Labels : %s", strings.Join(q.GetAccessibleNodeLabels(), ","))
	t.line("\tPreemption : %s", onOff[q.GetPreemptionDisabled()])
	t.line("\tIntra-queue Preemption : %s", onOff[q.GetIntraQueuePreemptionDisabled()])
	return s.print(&t)
}
