//go:build interop

// Package hostile attacks real daemons the way that a broken or malicious peer would, and checks after each attack that
// they live, answer others, and hold no more memory, goroutines and descriptors than before.
//
// What needs no daemon is tried where it lives: archives with paths, links and sizes (nodemanager/localizer TestNoArchiveWritesOutside,
// TestAnArchiveMayNotGrowWithoutLimit), links in users' folders (test/node TestAUserCannotLeadTheNodeToOthersFiles), container and NM
// tokens that are expired, used, changed or another's (test/node TestRequestsThatAreRefused, nodemanager/tokens), shell syntax in
// environments (nodemanager/launch), refusals of each broken frame (hadoop/rpc), bodies of REST requests (hadoop/http), and fuzzing of
// every parser.
//
// HOSTILE=full makes the long attacks long: a million calls, ten thousand connections. `make hostile` does, and measures
// what another client notices.
package hostile

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
)

const (
	clientProtocol  = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"
	masterProtocol  = "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB"
	trackerProtocol = "org.apache.hadoop.yarn.server.api.ResourceTrackerPB"
	nodeProtocol    = "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB"
)

func full() bool { return os.Getenv("HOSTILE") == "full" }

// much is n in a full run and few otherwise.
func much(n, few int) int {
	if full() {
		return n
	}
	return few
}

// start starts a cluster; before is what its daemons are started by, such as prlimit.
func start(t *testing.T, nm cluster.Kind, site map[string]string, before ...string) *cluster.Cluster {
	t.Helper()
	binary, err := filepath.Abs(os.Getenv("HEDDLE_BINARY"))
	if err != nil || os.Getenv("HEDDLE_BINARY") == "" {
		t.Fatal("set HEDDLE_BINARY to the heddle under test")
	}
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{
		"yarn.resourcemanager.store.class":    "org.apache.hadoop.yarn.server.resourcemanager.recovery.LeveldbRMStateStore",
		"yarn.nodemanager.remote-app-log-dir": filepath.Join(dir, "remote-logs"),
	}
	for k, v := range site {
		all[k] = v
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, RM: cluster.Heddle, NM: nm, Site: all, Command: append(before, binary)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if t.Failed() {
			t.Log(c.Logs())
		}
	})
	return c
}

// target is a daemon under attack.
type target struct {
	name string
	pid  int
	web  string
	ask  func(ctx context.Context) error // what an honest peer asks
}

func resourceManager(c *cluster.Cluster) target {
	pid, _ := c.PIDs()
	return target{"ResourceManager", pid, c.Address("web"), func(ctx context.Context) error {
		honest := client(c, "honest")
		defer honest.Close()
		return honest.Call(ctx, "getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{})
	}}
}

func nodeManager(c *cluster.Cluster) target {
	_, pid := c.PIDs()
	return target{"NodeManager", pid, c.Address("nmweb"), func(context.Context) error {
		_, err := cluster.UsageOf(pid, c.Address("nmweb"))
		return err
	}}
}

func client(c *cluster.Cluster, user string) *rpc.Client {
	return rpc.NewClient(rpc.ClientConfig{Address: c.Address("rm"), Protocol: clientProtocol, User: user, CallTimeout: 20 * time.Second})
}

// Growth that is none: a runtime keeps some of what it once had.
const (
	moreRSS         = 160 << 20
	moreHeap        = 32 << 20
	moreGoroutines  = 40
	moreDescriptors = 40
	peakRSS         = 1200 << 20 // while it goes on: hadoop/rpc lets large requests take 1 GiB
)

// survives runs an attack; while it goes on and after it an honest peer is answered, and afterwards the daemon gives back what
// the attack made it hold.
func (d target) survives(t *testing.T, attack func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	before, err := cluster.UsageOf(d.pid, d.web)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		attack(ctx)
	}()
	for going := true; going; {
		select {
		case <-over:
			going = false
		case <-time.After(50 * time.Millisecond):
		}
		if now, err := cluster.UsageOf(d.pid, d.web); err == nil && now.RSS > before.RSS+peakRSS {
			t.Errorf("the %s held %+v before and holds %+v during the attack", d.name, before, now)
			<-over
			break
		}
		if err := d.ask(ctx); err != nil {
			t.Errorf("an honest peer of the %s is not answered: %v", d.name, err)
			<-over
			break
		}
	}
	patience, garbage := 30*time.Second, int64(256<<20) // a runtime that has nothing to do collects garbage after two minutes
	if full() {
		patience, garbage = 150*time.Second, 0
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		now, err := cluster.UsageOf(d.pid, d.web)
		if err != nil {
			t.Fatalf("after the attack: %v", err)
		}
		if now.RSS <= before.RSS+moreRSS+garbage && now.Heap <= before.Heap+moreHeap+garbage && now.Goroutines <= before.Goroutines+moreGoroutines && now.Descriptors <= before.Descriptors+moreDescriptors {
			return
		}
		if time.Now().After(end) {
			t.Errorf("the %s held %+v before and holds %+v after the attack", d.name, before, now)
			return
		}
	}
}

// Bytes of Hadoop RPC.

const preamble, preambleSASL = "hrpc\x09\x00\x00", "hrpc\x09\x00\xdf"

func frame(messages ...proto.Message) []byte {
	var body []byte
	for _, m := range messages {
		b, err := proto.Marshal(m)
		if err != nil {
			panic(err)
		}
		body = protowire.AppendBytes(body, b)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func header(call int32) *commonpb.RpcRequestHeaderProto {
	return &commonpb.RpcRequestHeaderProto{RpcKind: commonpb.RpcKindProto_RPC_PROTOCOL_BUFFER.Enum(), RpcOp: commonpb.RpcRequestHeaderProto_RPC_FINAL_PACKET.Enum(),
		CallId: &call, ClientId: []byte("0123456789abcdef"), RetryCount: new(int32(-1))}
}

// opening is what a SIMPLE client of a protocol sends before its first call.
func opening(protocol string) []byte {
	return append([]byte(preamble), frame(header(-3), &commonpb.IpcConnectionContextProto{UserInfo: &commonpb.UserInformationProto{EffectiveUser: new("mallory")}, Protocol: &protocol})...)
}

func call(id int32, protocol, method string, body []byte) []byte {
	b, err := proto.Marshal(header(id))
	if err != nil {
		panic(err)
	}
	m, err := proto.Marshal(&commonpb.RequestHeaderProto{MethodName: &method, DeclaringClassProtocolName: &protocol, ClientProtocolVersion: new(uint64(1))})
	if err != nil {
		panic(err)
	}
	all := protowire.AppendBytes(protowire.AppendBytes(protowire.AppendBytes(nil, b), m), body)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(all))), all...)
}

// dial connects, or reports it; nil then.
func dial(t *testing.T, addr string) net.Conn {
	nc, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Errorf("connecting to %s: %v", addr, err)
		return nil
	}
	return nc
}

func ports(c *cluster.Cluster) []string {
	var out []string
	for _, p := range []string{"rm", "scheduler", "tracker", "admin", "web"} {
		out = append(out, c.Address(p))
	}
	return out
}
