package applicationmaster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/job/rendezvous"
	"heddle/job/staging"
	"heddle/jobspec"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// fakeCluster plays a ResourceManager and one NodeManager over real RPC, and the agents of what it starts.
type fakeCluster struct {
	t    *testing.T
	node *yarnpb.NodeIdProto

	// command is what a task's command does: it returns the exit code. ctx ends when the container is stopped.
	command func(ctx context.Context, a *rendezvous.Assignment, roster []rendezvous.Place) int
	// trouble answers an allocate call with an error; n counts calls from 1.
	trouble func(n int) error
	lose    func(n int) bool // the n-th allocate call is read, and its answer is lost
	refuse  string           // the NodeManager's answer to every start, when not empty

	mu        sync.Mutex // guards what follows
	registers int
	allocates int
	asks      map[int32]int32
	next      int64
	running   map[yarn.ContainerID]context.CancelFunc
	completed []*yarnpb.ContainerStatusProto
	finished  *yarnpb.FinishApplicationMasterRequestProto
	response  int32
	last      *yarnpb.AllocateResponseProto
	wg        sync.WaitGroup
}

type anyToken struct{}

func (anyToken) Password(context.Context, []byte) ([]byte, string, error) {
	return []byte("password"), "appattempt_1_0001_000001", nil
}

func (f *fakeCluster) serve(protocol string, methods map[string]rpc.Method) string {
	f.t.Helper()
	s, err := rpc.NewServer(rpc.ServerConfig{Tokens: anyToken{}, Protocols: []rpc.Protocol{{Name: protocol, Version: 1, Methods: methods}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	go s.Serve(l)
	f.t.Cleanup(func() {
		s.Shutdown(context.Background())
		f.stopAll()
		f.wg.Wait()
	})
	return l.Addr().String()
}

// stopAll is what a NodeManager does at an application's end.
func (f *fakeCluster) stopAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, stop := range f.running {
		stop()
	}
}

// start runs the ApplicationMaster of a job on the fake cluster.
func (f *fakeCluster) start(t *testing.T, ctx context.Context, spec jobspec.Framework) (*staging.Dir, error) {
	t.Helper()
	f.t, f.asks, f.running = t, map[int32]int32{}, map[yarn.ContainerID]context.CancelFunc{}
	rm := f.serve("org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB", map[string]rpc.Method{
		"registerApplicationMaster": rpc.Unary(f.register), "allocate": rpc.Unary(f.allocate), "finishApplicationMaster": rpc.Unary(f.finish),
	})
	nm := f.serve("org.apache.hadoop.yarn.api.ContainerManagementProtocolPB", map[string]rpc.Method{
		"startContainers": rpc.Unary(f.startContainers), "stopContainers": rpc.Unary(f.stopContainers),
	})
	id, err := yarn.ParseNodeID(nm)
	if err != nil {
		t.Fatal(err)
	}
	f.node = wire.NodeID(id)

	dir := t.TempDir()
	c := conf.WithDefaults()
	c.Set("yarn.resourcemanager.scheduler.address", rm)
	c.Set("yarn.resource-types", yarn.GPUName)
	c.Set("fs.defaultFS", "file:///")
	c.Set(staging.KeyDir, filepath.Join(dir, "staging"))
	d, err := staging.Open(c, "alice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	spec.User, spec.Name = "alice", "job"
	l := &staging.Launch{Framework: spec, Docker: true, Agent: staging.Resource{URI: "file:///agent"}}
	if _, err := d.NewJob("application_1_0001", l, c); err != nil {
		t.Fatal(err)
	}
	credentials := security.NewCredentials()
	credentials.Tokens[""] = security.Token{Identifier: []byte("am"), Password: []byte("password"), Kind: security.KindAMRM}
	tokens := filepath.Join(dir, "tokens")
	writeFile(t, tokens, credentials.Marshal())
	env := map[string]string{"CONTAINER_ID": "container_1_0001_01_000001", "NM_HOST": "127.0.0.1", "HADOOP_TOKEN_FILE_LOCATION": tokens}
	return d, Run(ctx, Options{Getenv: func(k string) string { return env[k] }, Conf: c, Launch: l, Log: slog.New(slog.DiscardHandler)})
}

func (f *fakeCluster) register(context.Context, *yarnpb.RegisterApplicationMasterRequestProto) (*yarnpb.RegisterApplicationMasterResponseProto, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.registers++
	f.response, f.last = 0, nil
	clear(f.asks)
	return &yarnpb.RegisterApplicationMasterResponseProto{MaximumCapability: &yarnpb.ResourceProto{Memory: new(int64(8192)), VirtualCores: new(int32(8))}}, nil
}

func (f *fakeCluster) allocate(_ context.Context, req *yarnpb.AllocateRequestProto) (*yarnpb.AllocateResponseProto, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allocates++
	if f.trouble != nil {
		if err := f.trouble(f.allocates); err != nil {
			return nil, err
		}
	}
	if f.last != nil && req.GetResponseId() == f.response-1 { // as Hadoop does, unread
		return f.last, nil
	}
	resp := f.answer(req)
	f.last = resp
	if f.lose != nil && f.lose(f.allocates) {
		return nil, rpc.Exception(rpc.ClassIO, "the answer was lost")
	}
	return resp, nil
}

// answer is one allocate call that was read.
func (f *fakeCluster) answer(req *yarnpb.AllocateRequestProto) *yarnpb.AllocateResponseProto {
	if req.GetResponseId() != f.response {
		f.t.Errorf("allocate with response id %d, want %d", req.GetResponseId(), f.response)
	}
	f.response++
	resp := &yarnpb.AllocateResponseProto{ResponseId: new(f.response)}
	for _, a := range req.GetAsk() {
		f.asks[a.GetPriority().GetPriority()] = a.GetNumContainers()
	}
	for priority, n := range f.asks {
		for range n {
			f.next++
			id := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 1, ID: 1}, Attempt: 1}, ID: f.next + 1}
			token := security.Token{Identifier: []byte(id.String()), Password: []byte("x"), Kind: security.KindContainer}.Proto()
			resp.AllocatedContainers = append(resp.AllocatedContainers, &yarnpb.ContainerProto{
				Id: wire.ContainerID(id), NodeId: f.node, NodeHttpAddress: new("127.0.0.1:1"), Priority: wire.Priority(priority), ContainerToken: token,
			})
			resp.NmTokens = []*yarnpb.NMTokenProto{{NodeId: f.node, Token: security.Token{Identifier: []byte("nm"), Password: []byte("password"), Kind: security.KindNM}.Proto()}}
		}
		f.asks[priority] = 0
	}
	resp.CompletedContainerStatuses, f.completed = f.completed, nil
	return resp
}

func (f *fakeCluster) finish(_ context.Context, req *yarnpb.FinishApplicationMasterRequestProto) (*yarnpb.FinishApplicationMasterResponseProto, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.finished == nil
	f.finished = req
	return &yarnpb.FinishApplicationMasterResponseProto{IsUnregistered: new(!first)}, nil // stored at the second question
}

func (f *fakeCluster) startContainers(_ context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	resp := &yarnpb.StartContainersResponseProto{}
	for _, r := range req.GetStartContainerRequest() {
		name := string(r.GetContainerToken().GetIdentifier())
		id, err := yarn.ParseContainerID(name)
		if err != nil {
			return nil, err
		}
		if f.refuse != "" {
			resp.FailedRequests = append(resp.FailedRequests, &yarnpb.ContainerExceptionMapProto{ContainerId: wire.ContainerID(id), Exception: &yarnpb.SerializedExceptionProto{Message: new(f.refuse)}})
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		f.mu.Lock()
		f.running[id] = cancel
		f.mu.Unlock()
		f.wg.Go(func() { f.container(ctx, id, r.GetContainerLaunchContext()) })
		resp.SucceededRequests = append(resp.SucceededRequests, wire.ContainerID(id))
	}
	return resp, nil
}

// container is a container's life: an agent whose command is the test's.
func (f *fakeCluster) container(ctx context.Context, id yarn.ContainerID, lc *yarnpb.ContainerLaunchContextProto) {
	code, err := f.agent(ctx, id, lc)
	if err != nil && ctx.Err() == nil {
		f.t.Errorf("agent of %s: %v", id, err)
	}
	if ctx.Err() != nil {
		code = int(yarn.ExitKilledByAppMaster)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, id)
	f.completed = append(f.completed, &yarnpb.ContainerStatusProto{ContainerId: wire.ContainerID(id), ExitStatus: new(int32(code)), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum()})
}

func (f *fakeCluster) agent(ctx context.Context, id yarn.ContainerID, lc *yarnpb.ContainerLaunchContextProto) (int, error) {
	credentials, err := security.ParseCredentials(lc.GetTokens())
	if err != nil {
		return 1, err
	}
	env := map[string]string{}
	for _, e := range lc.GetEnvironment() {
		env[e.GetKey()] = e.GetValue()
	}
	c := rendezvous.NewClient(env[rendezvous.EnvAddress], id.String(), credentials.Secrets[rendezvous.SecretAlias])
	defer c.Close()
	a, err := c.Hello(ctx)
	if err != nil {
		return 1, err
	}
	if err := c.Ready(ctx, rendezvous.Ready{Host: fmt.Sprintf("%s-%d", a.Role, a.Index)}); err != nil {
		return 1, err
	}
	for {
		r, err := c.Roster(ctx)
		if err != nil {
			return 1, err
		}
		if r.Whole {
			code := f.command(ctx, a, r.Places)
			if ctx.Err() == nil {
				err = c.Exit(ctx, rendezvous.Exit{Code: code, Reason: fmt.Sprintf("code %d", code)})
			}
			return code, ignoreRefusal(err)
		}
	}
}

func (f *fakeCluster) stopContainers(_ context.Context, req *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range req.GetContainerId() {
		if cancel := f.running[wire.ContainerIDFrom(c)]; cancel != nil {
			cancel()
		}
	}
	return &yarnpb.StopContainersResponseProto{SucceededRequests: req.GetContainerId()}, nil
}
