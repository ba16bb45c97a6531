package resourcemanager_test

import (
	"context"
	"heddle/hadoop/conf"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
)

// Nothing that a ResourceManager or a client started may outlive the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a cluster of two leaf queues; bob may submit to default alone.
var site = map[string]string{
	"yarn.resourcemanager.address": "127.0.0.1:0", "yarn.resourcemanager.scheduler.address": "127.0.0.1:0",
	"yarn.resourcemanager.resource-tracker.address": "127.0.0.1:0", "yarn.resourcemanager.admin.address": "127.0.0.1:0",
	"yarn.resourcemanager.webapp.address": "127.0.0.1:0", "yarn.resourcemanager.recovery.enabled": "true",
	"yarn.acl.enable": "true", "yarn.admin.acl": "admin", "yarn.cluster.max-application-priority": "10",
	"yarn.scheduler.minimum-allocation-mb": "1024", "yarn.scheduler.maximum-allocation-mb": "8192",
	"yarn.resource-types":                                          "yarn.io/gpu",
	"yarn.scheduler.capacity.root.queues":                          "default,batch",
	"yarn.scheduler.capacity.root.default.capacity":                "60",
	"yarn.scheduler.capacity.root.batch.capacity":                  "40",
	"yarn.scheduler.capacity.root.acl_submit_applications":         " ",
	"yarn.scheduler.capacity.root.acl_administer_queue":            "keeper",
	"yarn.scheduler.capacity.root.default.acl_submit_applications": "*",
	"yarn.scheduler.capacity.root.batch.acl_submit_applications":   "alice",
	"yarn.scheduler.capacity.root.default.user-limit-factor":       "10",
	"yarn.scheduler.capacity.maximum-am-resource-percent":          "0.5",
	"yarn.scheduler.capacity.resource-calculator":                  "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
}

// rm is a ResourceManager in this process and what the test has connected to it.
type rm struct {
	*resourcemanager.ResourceManager
	t   *testing.T
	dir string
}

func configure(t *testing.T, dir string, more map[string]string) {
	t.Helper()
	all := maps.Clone(site)
	maps.Copy(all, more)
	all["hadoop.tmp.dir"] = filepath.Join(dir, "data")
	text := conf.XML(all)
	for _, name := range []string{"core-site.xml", "yarn-site.xml", "capacity-scheduler.xml"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func start(t *testing.T, more map[string]string) *rm {
	t.Helper()
	dir := t.TempDir()
	configure(t, dir, more)
	r := &rm{t: t, dir: dir}
	r.run()
	t.Cleanup(func() { r.Shutdown() })
	return r
}

func (r *rm) run() {
	r.t.Helper()
	s, err := settings.Load(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	log := io.Discard
	if testing.Verbose() {
		log = os.Stderr
	}
	if r.ResourceManager, err = resourcemanager.Start(s, "test", slog.New(slog.NewTextHandler(log, nil))); err != nil {
		r.t.Fatal(err)
	}
}

// restart stops the ResourceManager and starts it again on the same state.
func (r *rm) restart() {
	r.t.Helper()
	r.Shutdown()
	r.run()
}

const (
	clientProtocol = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"
	masterProtocol = "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB"
	trackProtocol  = "org.apache.hadoop.yarn.server.api.ResourceTrackerPB"
	adminProtocol  = "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB"
)

// peer is a client of one protocol.
type peer struct {
	*rpc.Client
	t *testing.T
}

func (r *rm) dial(c rpc.ClientConfig) peer {
	client := rpc.NewClient(c)
	r.t.Cleanup(func() { _ = client.Close() })
	return peer{client, r.t}
}

func (r *rm) client(user string) peer {
	return r.dial(rpc.ClientConfig{Address: r.Addresses.Client, Protocol: clientProtocol, User: user})
}

func (r *rm) tracker() peer {
	return r.dial(rpc.ClientConfig{Address: r.Addresses.Tracker, Protocol: trackProtocol, User: "yarn"})
}

// call makes a call that must succeed.
func call[Resp any, PResp interface {
	*Resp
	proto.Message
}](p peer, method string, req proto.Message) PResp {
	p.t.Helper()
	resp := PResp(new(Resp))
	if err := p.Call(p.t.Context(), method, req, resp); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
	return resp
}

// refused makes a call that must fail with an exception of class whose text holds every want.
func (p peer) refused(method string, req, resp proto.Message, class string, want ...string) {
	p.t.Helper()
	err := p.Call(p.t.Context(), method, req, resp)
	if !rpc.IsClass(err, class) {
		p.t.Errorf("%s: got %v, want %s", method, err, class)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			p.t.Errorf("%s: %q is missing in %q", method, w, err)
		}
	}
}

type submission = yarnpb.ApplicationSubmissionContextProto

// fresh is a submission of one container of 1 GB, under a new id.
func (p peer) fresh(change func(*submission)) *yarnpb.SubmitApplicationRequestProto {
	p.t.Helper()
	id := call[yarnpb.GetNewApplicationResponseProto](p, "getNewApplication", &yarnpb.GetNewApplicationRequestProto{}).GetApplicationId()
	c := &submission{ApplicationId: id, ApplicationName: new("job"), Queue: new("default"), ApplicationType: new("TEST"), Resource: resource(1024, 1),
		Priority: &yarnpb.PriorityProto{Priority: new(int32(0))}, AmContainerSpec: &yarnpb.ContainerLaunchContextProto{Command: []string{"am"}}}
	if change != nil {
		change(c)
	}
	return &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: c}
}

func (p peer) submit(change func(*submission)) *yarnpb.ApplicationIdProto {
	p.t.Helper()
	req := p.fresh(change)
	call[yarnpb.SubmitApplicationResponseProto](p, "submitApplication", req)
	return req.GetApplicationSubmissionContext().GetApplicationId()
}

func unmanaged(c *submission) { c.UnmanagedAm = new(true) }

func (p peer) report(id *yarnpb.ApplicationIdProto) *yarnpb.ApplicationReportProto {
	p.t.Helper()
	return call[yarnpb.GetApplicationReportResponseProto](p, "getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: id}).GetApplicationReport()
}

// await polls until ok; the test's own time limit ends it.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

// master submits an unmanaged application as user and connects as its AM.
func (r *rm) master(user string, change func(*submission)) (peer, *yarnpb.ApplicationIdProto) {
	r.t.Helper()
	c := r.client(user)
	id := c.submit(func(s *submission) {
		unmanaged(s)
		if change != nil {
			change(s)
		}
	})
	return r.masterOf(c, id), id
}

func (r *rm) masterOf(c peer, id *yarnpb.ApplicationIdProto) peer {
	r.t.Helper()
	token := (*yarnpb.ApplicationReportProto)(nil)
	await(r.t, "the AMRM token", func() bool { token = c.report(id); return token.GetAmRmToken() != nil })
	return r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, User: "am",
		Token: &rpc.ClientToken{Identifier: token.GetAmRmToken().GetIdentifier(), Password: token.GetAmRmToken().GetPassword()}})
}

func (p peer) register() *yarnpb.RegisterApplicationMasterResponseProto {
	p.t.Helper()
	return call[yarnpb.RegisterApplicationMasterResponseProto](p, "registerApplicationMaster",
		&yarnpb.RegisterApplicationMasterRequestProto{Host: new("am-host"), RpcPort: new(int32(4711)), TrackingUrl: new("http://am-host:80/ui")})
}

func resource(memoryMB int64, vcores int32) *yarnpb.ResourceProto {
	return &yarnpb.ResourceProto{Memory: &memoryMB, VirtualCores: &vcores}
}

func anywhere(n int32, memoryMB int64) *yarnpb.ResourceRequestProto {
	return &yarnpb.ResourceRequestProto{Priority: &yarnpb.PriorityProto{Priority: new(int32(1))}, ResourceName: new("*"), NumContainers: &n, Capability: resource(memoryMB, 1), RelaxLocality: new(true)}
}

// node plays a NodeManager whose containers do nothing.
type node struct {
	t       *testing.T
	tracker peer
	id      *yarnpb.NodeIdProto
	reg     *yarnpb.RegisterNodeManagerResponseProto // set before known is closed
	known   chan struct{}
	last    int32

	mu      sync.Mutex
	started []*yarnpb.StartContainerRequestProto
	refuse  *rpc.Error // what startContainers answers with, if set
}

// node registers a node on host, which must be an address of this machine.
func (r *rm) node(host string, memoryMB int64, change func(*yarnpb.RegisterNodeManagerRequestProto)) *node {
	r.t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		r.t.Fatal(err)
	}
	n := &node{t: r.t, tracker: r.tracker(), known: make(chan struct{}), id: &yarnpb.NodeIdProto{Host: &host, Port: new(int32(l.Addr().(*net.TCPAddr).Port))}}
	server, err := rpc.NewServer(rpc.ServerConfig{Name: "node", Tokens: n, Log: slog.New(slog.DiscardHandler), Protocols: []rpc.Protocol{{
		Name: "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB", Version: 1, Methods: map[string]rpc.Method{"startContainers": rpc.Unary(n.startContainers)}}}})
	if err != nil {
		r.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	r.t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		<-done
	})
	req := &yarnpb.RegisterNodeManagerRequestProto{NodeId: n.id, HttpPort: new(int32(8042)), Resource: resource(memoryMB, int32(memoryMB/1024)), NmVersion: new("3.4.2")}
	if change != nil {
		change(req)
	}
	n.reg = call[yarnpb.RegisterNodeManagerResponseProto](n.tracker, "registerNodeManager", req)
	close(n.known)
	return n
}

// Password accepts NMTokens signed with the key of the registration. An AM that waited for a
// node may be started before the node has its answer.
func (n *node) Password(_ context.Context, raw []byte) ([]byte, string, error) {
	<-n.known
	key := security.MasterKeyFromProto(n.reg.GetNmTokenMasterKey())
	return key.Password(raw), "attempt", nil
}

func (n *node) startContainers(_ context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != nil {
		return nil, n.refuse
	}
	n.started = append(n.started, req.GetStartContainerRequest()...)
	return &yarnpb.StartContainersResponseProto{}, nil
}

func (n *node) starts() []*yarnpb.StartContainerRequestProto {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.started
}

func (n *node) status(last int32, containers ...*yarnpb.ContainerStatusProto) *yarnpb.NodeHeartbeatRequestProto {
	return &yarnpb.NodeHeartbeatRequestProto{
		NodeStatus: &yarnpb.NodeStatusProto{NodeId: n.id, ResponseId: &last, ContainersStatuses: containers,
			NodeHealthStatus: &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(true), HealthReport: new(""), LastHealthReportTime: new(int64(1))}},
		LastKnownContainerTokenMasterKey: n.reg.GetContainerTokenMasterKey(), LastKnownNmTokenMasterKey: n.reg.GetNmTokenMasterKey()}
}

func (n *node) beat(containers ...*yarnpb.ContainerStatusProto) *yarnpb.NodeHeartbeatResponseProto {
	n.t.Helper()
	resp := call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", n.status(n.last, containers...))
	n.last = resp.GetResponseId()
	return resp
}

func ended(id *yarnpb.ContainerIdProto, exit int32) *yarnpb.ContainerStatusProto {
	return &yarnpb.ContainerStatusProto{ContainerId: id, State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: &exit, Diagnostics: new("")}
}

// tryStart starts a ResourceManager that must fail; what it opened is closed again.
func tryStart(t *testing.T, more map[string]string) error {
	t.Helper()
	dir := t.TempDir()
	configure(t, dir, more)
	s, err := settings.Load(dir)
	if err != nil {
		return err
	}
	r, err := resourcemanager.Start(s, "test", slog.New(slog.DiscardHandler))
	if err == nil {
		r.Shutdown()
	}
	return err
}
