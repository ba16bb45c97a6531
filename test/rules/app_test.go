//go:build interop

package rules

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
)

// settleTime without a new container means that the scheduler has decided.
const settleTime = 1200 * time.Millisecond

// app is an application; its AM, when unmanaged, is the test itself.
type app struct {
	w          *world
	user       string
	id         *yarnpb.ApplicationIdProto
	client     *rpc.Client
	master     *rpc.Client
	responseID int32
	granted    []*yarnpb.ContainerProto
	completed  map[int32]int // exit status -> count
}

// appSpec is what is submitted.
type appSpec struct {
	queue, user string
	amMB        int64
	priority    int32
	managed     bool
}

func (w *world) submit(ctx context.Context, s appSpec) (*app, error) {
	if s.user == "" {
		s.user = "alice"
	}
	if s.amMB == 0 {
		s.amMB = 1024
	}
	a := &app{w: w, user: s.user, completed: map[int32]int{}}
	a.client = rpc.NewClient(rpc.ClientConfig{Address: w.c.Address("rm"), Protocol: "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB", Version: 1, User: s.user})
	w.apps = append(w.apps, a)
	fresh := &yarnpb.GetNewApplicationResponseProto{}
	if err := a.client.Call(ctx, "getNewApplication", &yarnpb.GetNewApplicationRequestProto{}, fresh); err != nil {
		return nil, err
	}
	a.id = fresh.GetApplicationId()
	return a, a.client.Call(ctx, "submitApplication", &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: &yarnpb.ApplicationSubmissionContextProto{
		ApplicationId: a.id, ApplicationName: proto.String("rule"), Queue: proto.String(s.queue), UnmanagedAm: proto.Bool(!s.managed),
		Priority: &yarnpb.PriorityProto{Priority: proto.Int32(s.priority)}, Resource: resource(s.amMB, 1, 0), MaxAppAttempts: proto.Int32(1),
		AmContainerSpec: &yarnpb.ContainerLaunchContextProto{Command: []string{"am"}},
	}}, &yarnpb.SubmitApplicationResponseProto{})
}

// start submits an unmanaged application and registers as its AM.
func (w *world) start(ctx context.Context, s appSpec) (*app, error) {
	a, err := w.submit(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("submitting to %s: %w", s.queue, err)
	}
	for {
		report, err := a.report(ctx)
		if err != nil {
			return nil, err
		}
		if t := report.GetAmRmToken(); t != nil {
			a.master = rpc.NewClient(rpc.ClientConfig{
				Address: w.c.Address("scheduler"), Protocol: "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB", Version: 1,
				User: "am", Token: &rpc.ClientToken{Identifier: t.GetIdentifier(), Password: t.GetPassword()},
			})
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return a, a.master.Call(ctx, "registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{
		Host: proto.String("localhost"), RpcPort: proto.Int32(0), TrackingUrl: proto.String(""),
	}, &yarnpb.RegisterApplicationMasterResponseProto{})
}

func (a *app) report(ctx context.Context) (*yarnpb.ApplicationReportProto, error) {
	reply := &yarnpb.GetApplicationReportResponseProto{}
	err := a.client.Call(ctx, "getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: a.id}, reply)
	return reply.GetApplicationReport(), err
}

// ask is one line of a request: how many containers of 1 GB and one core (or as given) where.
type ask struct {
	where    string // host, rack, or * when empty
	count    int32
	priority int32
	memoryMB int64
	gpus     int64
	strict   bool // relax_locality=false
}

func (k ask) proto() *yarnpb.ResourceRequestProto {
	where, memory := k.where, k.memoryMB
	if where == "" {
		where = "*"
	}
	if memory == 0 {
		memory = 1024
	}
	return &yarnpb.ResourceRequestProto{
		Priority: &yarnpb.PriorityProto{Priority: proto.Int32(k.priority)}, ResourceName: proto.String(where), NumContainers: proto.Int32(k.count),
		Capability: resource(memory, 1, k.gpus), RelaxLocality: proto.Bool(!k.strict),
	}
}

func (a *app) ask(ctx context.Context, asks ...ask) error {
	req := &yarnpb.AllocateRequestProto{}
	for _, k := range asks {
		req.Ask = append(req.Ask, k.proto())
	}
	return a.allocate(ctx, req)
}

func (a *app) allocate(ctx context.Context, req *yarnpb.AllocateRequestProto) error {
	req.ResponseId, req.Progress = proto.Int32(a.responseID), proto.Float32(0)
	reply := &yarnpb.AllocateResponseProto{}
	if err := a.master.Call(ctx, "allocate", req, reply); err != nil {
		return err
	}
	a.responseID = reply.GetResponseId()
	a.granted = append(a.granted, reply.GetAllocatedContainers()...)
	for _, s := range reply.GetCompletedContainerStatuses() {
		a.completed[s.GetExitStatus()]++
	}
	return nil
}

// on counts the granted containers on hosts for which is holds.
func (a *app) on(is func(host string) bool) int {
	n := 0
	for _, c := range a.granted {
		if is(c.GetNodeId().GetHost()) {
			n++
		}
	}
	return n
}

// of counts the granted containers of a priority.
func (a *app) of(priority int32) int {
	n := 0
	for _, c := range a.granted {
		if c.GetPriority().GetPriority() == priority {
			n++
		}
	}
	return n
}

// end kills the application and waits until that is done.
func (a *app) end(ctx context.Context) error {
	if a.id == nil {
		return nil
	}
	for {
		reply := &yarnpb.KillApplicationResponseProto{}
		if err := a.client.Call(ctx, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: a.id}, reply); err != nil {
			return fmt.Errorf("killing an application: %w", err)
		}
		if reply.GetIsKillCompleted() {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}
