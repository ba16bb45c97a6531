//go:build interop

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// app is an unmanaged application, whose AM is the test.
type app struct {
	client, master *rpc.Client
	id             *yarnpb.ApplicationIdProto
	token          rpc.ClientToken
	responseID     int32
}

func submit(ctx context.Context, c *rpc.Client, change func(*yarnpb.ApplicationSubmissionContextProto)) (*yarnpb.ApplicationIdProto, error) {
	fresh := &yarnpb.GetNewApplicationResponseProto{}
	if err := c.Call(ctx, "getNewApplication", &yarnpb.GetNewApplicationRequestProto{}, fresh); err != nil {
		return nil, err
	}
	s := &yarnpb.ApplicationSubmissionContextProto{ApplicationId: fresh.GetApplicationId(), ApplicationName: new("hostile"), Queue: new("default"), Priority: wire.Priority(0),
		Resource: memory(256), AmContainerSpec: &yarnpb.ContainerLaunchContextProto{Command: []string{"true"}}, MaxAppAttempts: new(int32(1))}
	change(s)
	return fresh.GetApplicationId(), c.Call(ctx, "submitApplication", &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: s}, &yarnpb.SubmitApplicationResponseProto{})
}

func memory(mb int64) *yarnpb.ResourceProto {
	return &yarnpb.ResourceProto{Memory: &mb, VirtualCores: new(int32(1))}
}

func report(ctx context.Context, t *testing.T, c *rpc.Client, id *yarnpb.ApplicationIdProto) *yarnpb.ApplicationReportProto {
	t.Helper()
	r := &yarnpb.GetApplicationReportResponseProto{}
	if err := c.Call(ctx, "getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: id}, r); err != nil {
		t.Fatal(err)
	}
	return r.GetApplicationReport()
}

// await polls until ok; the wait is long for busy machines.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

func begin(t *testing.T, c *cluster.Cluster, user string) *app {
	t.Helper()
	ctx := t.Context()
	a := &app{client: client(c, user)}
	t.Cleanup(func() { a.client.Close() })
	var err error
	if a.id, err = submit(ctx, a.client, func(s *yarnpb.ApplicationSubmissionContextProto) { s.UnmanagedAm = new(true) }); err != nil {
		t.Fatal(err)
	}
	await(t, "the AMRM token", func() bool {
		tok := report(ctx, t, a.client, a.id).GetAmRmToken()
		a.token = rpc.ClientToken{Identifier: tok.GetIdentifier(), Password: tok.GetPassword()}
		return tok != nil
	})
	a.master = masterWith(t, c, a.token)
	if err := a.register(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

func masterWith(t *testing.T, c *cluster.Cluster, token rpc.ClientToken) *rpc.Client {
	m := rpc.NewClient(rpc.ClientConfig{Address: c.Address("scheduler"), Protocol: masterProtocol, User: "am", Token: &token, CallTimeout: 30 * time.Second})
	t.Cleanup(func() { m.Close() })
	return m
}

func (a *app) register(ctx context.Context) error {
	return a.master.Call(ctx, "registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{Host: new("localhost"), RpcPort: new(int32(0)), TrackingUrl: new("")}, &yarnpb.RegisterApplicationMasterResponseProto{})
}

func (a *app) allocate(ctx context.Context, asks ...*yarnpb.ResourceRequestProto) (*yarnpb.AllocateResponseProto, error) {
	resp := &yarnpb.AllocateResponseProto{}
	err := a.master.Call(ctx, "allocate", &yarnpb.AllocateRequestProto{ResponseId: &a.responseID, Progress: new(float32(0)), Ask: asks}, resp)
	if err == nil {
		a.responseID = resp.GetResponseId()
	}
	return resp, err
}

func ask(where string, priority, n int32, mb int64) *yarnpb.ResourceRequestProto {
	return &yarnpb.ResourceRequestProto{Priority: wire.Priority(priority), ResourceName: &where, NumContainers: &n, RelaxLocality: new(true), Capability: memory(mb)}
}

func (a *app) kill(ctx context.Context, t *testing.T) {
	t.Helper()
	await(t, "the end of an application", func() bool {
		r := &yarnpb.KillApplicationResponseProto{}
		if err := a.client.Call(ctx, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: a.id}, r); err != nil {
			t.Fatal(err)
		}
		return r.GetIsKillCompleted()
	})
}

func TestPeers(t *testing.T) {
	c := start(t, cluster.Heddle, map[string]string{"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200"})
	t.Run("an AM that asks for ten million containers", func(t *testing.T) { tenMillion(t, c) })
	t.Run("wrong, changed and replayed AMRM tokens", func(t *testing.T) { tokens(t, c) })
	t.Run("a node that claims another's containers and identity", func(t *testing.T) { impostor(t, c) })
	t.Run("random bytes at the NodeManager's ports", func(t *testing.T) {
		nodeManager(c).survives(t, func(context.Context) {
			parallel(much(10000, 600), func(i int) {
				send(t, c.Address([]string{"nm", "nmweb", "shuffle"}[i%3]), rubbish(i, nodeProtocol, "startContainers"))
			})
		})
	})
	t.Run("connections that the NodeManager hears nothing from", func(t *testing.T) {
		nodeManager(c).survives(t, func(context.Context) {
			var held []net.Conn
			for i, start := range []string{"", preambleSASL, preamble, "GET /mapOutput?", "GET / HTTP/1.1\r\n"} {
				held = append(held, hold(t, c.Address([]string{"nm", "nm", "nm", "shuffle", "nmweb"}[i]), much(300, 60), []byte(start))...)
			}
			time.Sleep(time.Second)
			closeAll(held)
		})
	})
	t.Run("shell characters in names", func(t *testing.T) { names(t, c) })
}

func tenMillion(t *testing.T, c *cluster.Cluster) {
	honest := begin(t, c, "honest")
	resourceManager(c).survives(t, func(ctx context.Context) {
		greedy := begin(t, c, "greedy")
		var asks []*yarnpb.ResourceRequestProto
		for i := range int32(1000) {
			asks = append(asks, ask("*", i, 10_000_000, 4096), ask(fmt.Sprintf("host%d", i), i, 10_000_000, 4096))
		}
		granted := 0
		for i := 0; i < 20 || granted == 0 && i < 1000; i++ {
			resp, err := greedy.allocate(ctx, asks...)
			if err != nil {
				t.Errorf("%v", err)
				return
			}
			granted += len(resp.GetAllocatedContainers())
			asks = nil
			time.Sleep(50 * time.Millisecond)
		}
		if granted == 0 || granted > 2 { // of 8192 MB
			t.Errorf("%d containers were granted", granted)
		}
		greedy.kill(ctx, t)
	})
	got := 0
	asks := []*yarnpb.ResourceRequestProto{ask("*", 1, 1, 256)}
	await(t, "a container for the honest", func() bool {
		resp, err := honest.allocate(t.Context(), asks...)
		if err != nil {
			t.Fatal(err)
		}
		asks, got = nil, got+len(resp.GetAllocatedContainers())
		return got > 0
	})
	honest.kill(t.Context(), t)
}

func tokens(t *testing.T, c *cluster.Cluster) {
	ctx := t.Context()
	alice, bob := begin(t, c, "alice"), begin(t, c, "bob")
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i%len(b)] ^= 1
		return b
	}
	resourceManager(c).survives(t, func(context.Context) {
		bad := []rpc.ClientToken{
			{Identifier: alice.token.Identifier, Password: bob.token.Password}, {Identifier: alice.token.Identifier}, {Password: alice.token.Password},
			{Identifier: bytes.Repeat([]byte{0xff}, 60000), Password: alice.token.Password},
		}
		for i := range len(alice.token.Identifier) {
			bad = append(bad, rpc.ClientToken{Identifier: flip(alice.token.Identifier, i), Password: alice.token.Password},
				rpc.ClientToken{Identifier: alice.token.Identifier[:i], Password: alice.token.Password})
		}
		for i := range len(alice.token.Password) {
			bad = append(bad, rpc.ClientToken{Identifier: alice.token.Identifier, Password: flip(alice.token.Password, i)})
		}
		for _, b := range bad {
			m := masterWith(t, c, b)
			if err := m.Call(ctx, "allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(0))}, &yarnpb.AllocateResponseProto{}); err == nil {
				t.Errorf("the token %x %x was taken", b.Identifier, b.Password)
			}
			_ = m.Close()
		}
	})
	if _, err := alice.allocate(ctx); err != nil {
		t.Errorf("the true token: %v", err)
	}
	alice.kill(ctx, t)
	m := masterWith(t, c, alice.token)
	if err := m.Call(ctx, "registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{Host: new("x"), RpcPort: new(int32(0))}, &yarnpb.RegisterApplicationMasterResponseProto{}); err == nil {
		t.Error("the token of an application that is over was taken")
	}
	bob.kill(ctx, t)
}

// played is a node that the test speaks for.
type played struct {
	tracker *rpc.Client
	id      *yarnpb.NodeIdProto
	last    int32
	reg     *yarnpb.RegisterNodeManagerResponseProto
}

func play(t *testing.T, c *cluster.Cluster, host string) *played {
	n := &played{id: &yarnpb.NodeIdProto{Host: &host, Port: new(int32(4711))}, tracker: rpc.NewClient(rpc.ClientConfig{Address: c.Address("tracker"), Protocol: trackerProtocol, User: "yarn"})}
	t.Cleanup(func() { n.tracker.Close() })
	return n
}

func (n *played) register(t *testing.T, mb int64) {
	t.Helper()
	n.reg, n.last = &yarnpb.RegisterNodeManagerResponseProto{}, 0
	req := &yarnpb.RegisterNodeManagerRequestProto{NodeId: n.id, HttpPort: new(int32(80)), Resource: &yarnpb.ResourceProto{Memory: &mb, VirtualCores: new(int32(8))}, NmVersion: new("3.4.2")}
	if err := n.tracker.Call(t.Context(), "registerNodeManager", req, n.reg); err != nil || n.reg.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
		t.Fatalf("registering: %v, %v", n.reg, err)
	}
}

func (n *played) beat(t *testing.T, last int32, statuses ...*yarnpb.ContainerStatusProto) *yarnpb.NodeHeartbeatResponseProto {
	t.Helper()
	resp := &yarnpb.NodeHeartbeatResponseProto{}
	err := n.tracker.Call(t.Context(), "nodeHeartbeat", &yarnpb.NodeHeartbeatRequestProto{
		NodeStatus: &yarnpb.NodeStatusProto{NodeId: n.id, ResponseId: &last, ContainersStatuses: statuses,
			NodeHealthStatus: &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new(""), LastHealthReportTime: new(int64(1))}},
		LastKnownContainerTokenMasterKey: n.reg.GetContainerTokenMasterKey(), LastKnownNmTokenMasterKey: n.reg.GetNmTokenMasterKey()}, resp)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func (n *played) next(t *testing.T, statuses ...*yarnpb.ContainerStatusProto) {
	t.Helper()
	resp := n.beat(t, n.last, statuses...)
	if resp.GetNodeAction() != yarnpb.NodeActionProto_NORMAL {
		t.Fatalf("the heartbeat of %s was answered with %v", n.id.GetHost(), resp)
	}
	n.last = resp.GetResponseId()
}

// impostor: what a node says of containers on other nodes does not count, and a heartbeat in another's name that does not know
// where its conversation stands does not disturb it.
func impostor(t *testing.T, c *cluster.Cluster) {
	victim, mallory := play(t, c, "127.0.0.91"), play(t, c, "127.0.0.92")
	victim.register(t, 32768)
	a := begin(t, c, "alice")
	var container *yarnpb.ContainerProto
	anywhere, rack, host := ask("*", 1, 1, 8192), ask("/default-rack", 1, 1, 8192), ask("127.0.0.91", 1, 1, 8192)
	anywhere.RelaxLocality, rack.RelaxLocality = new(false), new(false)
	asks := []*yarnpb.ResourceRequestProto{anywhere, rack, host}
	await(t, "the victim's container", func() bool {
		victim.next(t)
		resp, err := a.allocate(t.Context(), asks...)
		if err != nil {
			t.Fatal(err)
		}
		asks = nil
		if len(resp.GetAllocatedContainers()) > 0 {
			container = resp.GetAllocatedContainers()[0]
		}
		return container != nil
	})
	if got := container.GetNodeId().GetHost(); got != "127.0.0.91" {
		t.Fatalf("the container is on %s", got)
	}
	mallory.register(t, 1024)
	running := &yarnpb.ContainerStatusProto{ContainerId: container.GetId(), State: yarnpb.ContainerStateProto_C_RUNNING.Enum(), ExitStatus: new(int32(yarn.ExitInvalid))}
	false42 := &yarnpb.ContainerStatusProto{ContainerId: container.GetId(), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: new(int32(42)), Diagnostics: new("lies")}
	silent := func(what string) {
		t.Helper()
		for range 3 {
			resp, err := a.allocate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.GetCompletedContainerStatuses()) > 0 {
				t.Fatalf("after %s the AM heard of %v", what, resp.GetCompletedContainerStatuses())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	victim.next(t, running)
	mallory.next(t, false42)
	mallory.next(t, false42)
	silent("another node's word")

	inAnothersName := &played{tracker: mallory.tracker, id: victim.id, reg: mallory.reg}
	if resp := inAnothersName.beat(t, victim.last+100, false42); resp.GetNodeAction() != yarnpb.NodeActionProto_RESYNC {
		t.Errorf("a heartbeat in another's name was answered with %v", resp)
	}
	silent("a heartbeat in the victim's name")
	if resp := victim.beat(t, victim.last, running); resp.GetNodeAction() == yarnpb.NodeActionProto_NORMAL {
		victim.last = resp.GetResponseId()
	} else {
		t.Errorf("the victim is told to %v: %s", resp.GetNodeAction(), resp.GetDiagnosticsMessage())
	}
	done := &yarnpb.ContainerStatusProto{ContainerId: container.GetId(), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: new(int32(7)), Diagnostics: new("")}
	victim.next(t, done)
	await(t, "the true exit status", func() bool {
		resp, err := a.allocate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.GetCompletedContainerStatuses() {
			if s.GetExitStatus() != 7 {
				t.Errorf("the AM heard of %v", s)
			}
			return true
		}
		return false
	})
	a.kill(t.Context(), t)
	for _, n := range []*played{victim, mallory} {
		_ = n.tracker.Call(t.Context(), "unRegisterNodeManager", &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: n.id}, &yarnpb.UnRegisterNodeManagerResponseProto{}) // it is gone either way
	}
}

// A node that lives is heard from the address that it registered from, and nobody takes its name from another one.
func TestAnImpostorAtAnotherAddress(t *testing.T) {
	c := start(t, cluster.Heddle, map[string]string{"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "20000"}) // silent is who is not heard for three of them
	victim := play(t, c, "127.0.0.93")
	victim.register(t, 1024)
	victim.next(t)
	elsewhere := rpc.NewClient(rpc.ClientConfig{Address: c.Address("tracker"), Protocol: trackerProtocol, User: "yarn", Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}})
	defer elsewhere.Close()
	size := &yarnpb.ResourceProto{Memory: new(int64(1 << 30)), VirtualCores: new(int32(8))}
	err := elsewhere.Call(t.Context(), "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{NodeId: victim.id, HttpPort: new(int32(80)), Resource: size, NmVersion: new("3.4.2")}, &yarnpb.RegisterNodeManagerResponseProto{})
	if !rpc.IsClass(err, rpc.ClassRetriable) || !strings.Contains(err.Error(), "registered from 127.0.0.1") || !strings.Contains(err.Error(), "from 127.0.0.2") {
		t.Errorf("a registration in another's name: %v", err)
	}
	impostor := &played{tracker: elsewhere, id: victim.id, reg: victim.reg}
	if resp := impostor.beat(t, victim.last); resp.GetNodeAction() != yarnpb.NodeActionProto_RESYNC {
		t.Errorf("a heartbeat in another's name: %v", resp)
	}
	if err := elsewhere.Call(t.Context(), "unRegisterNodeManager", &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: victim.id}, &yarnpb.UnRegisterNodeManagerResponseProto{}); !rpc.IsClass(err, rpc.ClassRetriable) {
		t.Errorf("a farewell in another's name: %v", err)
	}
	victim.next(t)
}

// names that a shell or a browser would obey are names only: of applications, queues, users, types, tags and variables.
func names(t *testing.T, c *cluster.Cluster) {
	ctx := t.Context()
	mark := filepath.Join(c.Dir(), "obeyed")
	evil := []string{"$(touch " + mark + ")", "`touch " + mark + "`", "x;touch " + mark, "x\ntouch " + mark, "\"; touch " + mark + "; \"", "' ; touch " + mark + " ; '", "../../../../obeyed", "x/../../obeyed", "<script>alert(1)</script>", "\x1b[2J", "\u202e", strings.Repeat("A", 5000)}
	mallory := client(c, "mallory")
	defer mallory.Close()
	accepted := map[string]bool{}
	for _, e := range evil {
		id, err := submit(ctx, mallory, func(s *yarnpb.ApplicationSubmissionContextProto) {
			s.ApplicationName, s.UnmanagedAm = &e, new(true)
		})
		if err != nil {
			continue // refused
		}
		accepted[e] = true
		var r struct{ App struct{ Name string } }
		if err := c.GetJSON("/ws/v1/cluster/apps/"+wire.AppIDFrom(id).String(), &r); err != nil || r.App.Name != e && len(e) < 2000 {
			t.Errorf("the name %q reads %q, %v", e, r.App.Name, err)
		}
		(&app{client: mallory, id: id}).kill(ctx, t)
		if _, err := submit(ctx, mallory, func(s *yarnpb.ApplicationSubmissionContextProto) { s.Queue = &e }); err == nil {
			await(t, "the refusal of a queue", func() bool {
				return lastState(ctx, t, mallory).Final()
			})
		}
	}
	if len(accepted) < 5 {
		t.Errorf("only %d of the names were accepted", len(accepted))
	}
	_, page, _, err := c.Get("/cluster", "text/html")
	if err != nil || bytes.Contains(page, []byte("<script>alert(1)")) {
		t.Errorf("the page obeys a name: %v", err)
	}
	_, list, _, err := c.Get("/ws/v1/cluster/apps", "application/json")
	if err != nil || !json.Valid(list) {
		t.Errorf("the list is no JSON: %v", err)
	}
	// As a user's name, and in an environment, on the real node.
	for _, e := range evil {
		user := client(c, e)
		_, err := submit(ctx, user, func(s *yarnpb.ApplicationSubmissionContextProto) {
			s.AmContainerSpec.Environment = []*yarnpb.StringStringMapProto{{Key: new("OK"), Value: new("plain")}, {Key: &e, Value: new("x")}}
		})
		if err == nil {
			await(t, "the end of the application of "+fmt.Sprintf("%.20q", e), func() bool { return lastState(ctx, t, user).Final() })
		}
		_ = user.Close()
	}
	err = filepath.WalkDir(c.Dir(), func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == "obeyed" && !strings.Contains(path, "usercache") {
			t.Errorf("a name was obeyed: there is %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(c.Dir()), "obeyed")); err == nil {
		t.Error("a name led out of the cluster's folder")
	}
}

// lastState is the state of a user's newest application.
func lastState(ctx context.Context, t *testing.T, c *rpc.Client) yarn.AppState {
	t.Helper()
	r := &yarnpb.GetApplicationsResponseProto{}
	if err := c.Call(ctx, "getApplications", &yarnpb.GetApplicationsRequestProto{}, r); err != nil {
		t.Fatal(err)
	}
	newest := &yarnpb.ApplicationReportProto{}
	for _, a := range r.GetApplications() {
		if a.GetApplicationId().GetId() > newest.GetApplicationId().GetId() {
			newest = a
		}
	}
	return yarn.AppState(newest.GetYarnApplicationState())
}
