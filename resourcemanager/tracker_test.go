package resourcemanager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/yarn"
)

func containsAll(s string, want ...string) bool {
	for _, w := range want {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

// Response ids of heartbeats (rpc.md §5): the next one, the same one again, any other.
func TestHeartbeatIDs(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 4096, nil)
	if n.reg.GetNodeAction() != yarnpb.NodeActionProto_NORMAL || n.reg.GetRmIdentifier() == 0 || n.reg.GetContainerTokenMasterKey() == nil || n.reg.GetNmTokenMasterKey() == nil {
		t.Fatalf("registration: %v", n.reg)
	}
	beat := func(last int32) *yarnpb.NodeHeartbeatResponseProto {
		return call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", n.status(last))
	}
	first := beat(0)
	if first.GetResponseId() != 1 || first.GetNodeAction() != yarnpb.NodeActionProto_NORMAL || first.GetNextHeartBeatInterval() != 1000 || first.ContainerTokenMasterKey != nil || first.NmTokenMasterKey != nil {
		t.Errorf("first: %v", first)
	}
	if again := beat(0); !proto.Equal(again, first) {
		t.Errorf("repeated: %v, first %v", again, first)
	}
	if next := beat(1); next.GetResponseId() != 2 {
		t.Errorf("next: %v", next)
	}
	if far := beat(77); far.GetNodeAction() != yarnpb.NodeActionProto_RESYNC || far.GetDiagnosticsMessage() != "Too far behind rm response id:2 nm response id:77" {
		t.Errorf("far behind: %v", far)
	}
	n.id = &yarnpb.NodeIdProto{Host: new("stranger"), Port: new(int32(1))}
	if v := beat(0); v.GetNodeAction() != yarnpb.NodeActionProto_RESYNC || v.GetDiagnosticsMessage() != "Node not found resyncing stranger:1" {
		t.Errorf("unknown node: %v", v)
	}
}

// A node whose keys are not the present ones gets them.
func TestHeartbeatDeliversKeys(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 4096, nil)
	req := n.status(0)
	req.LastKnownContainerTokenMasterKey = &yarnpb.MasterKeyProto{KeyId: new(int32(5)), Bytes: []byte("x")}
	resp := call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", req)
	if !proto.Equal(resp.GetContainerTokenMasterKey(), n.reg.GetContainerTokenMasterKey()) || resp.NmTokenMasterKey != nil {
		t.Errorf("keys: %v", resp)
	}
}

func TestNodesThatAreRefused(t *testing.T) {
	lists := t.TempDir()
	exclude := filepath.Join(lists, "exclude")
	if err := os.WriteFile(exclude, []byte("127.0.0.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := start(t, map[string]string{"yarn.resourcemanager.nodes.exclude-path": exclude})
	for _, c := range []struct {
		host string
		mb   int64
		want string
	}{
		{"127.0.0.2", 8192, "Disallowed NodeManager from  127.0.0.2"},
		{"127.0.0.1", 512, "doesn't satisfy minimum allocations"},
	} {
		if n := r.node(c.host, c.mb, nil); n.reg.GetNodeAction() != yarnpb.NodeActionProto_SHUTDOWN || !strings.Contains(n.reg.GetDiagnosticsMessage(), c.want) {
			t.Errorf("%s with %d MB: %v", c.host, c.mb, n.reg)
		}
	}
	alien := r.node("127.0.0.1", 8192, func(req *yarnpb.RegisterNodeManagerRequestProto) {
		req.Resource.ResourceValueMap = []*yarnpb.ResourceInformationProto{{Key: new("fpga"), Value: new(int64(2)), Units: new("")}}
	})
	if alien.reg.GetNodeAction() != yarnpb.NodeActionProto_SHUTDOWN || !containsAll(alien.reg.GetDiagnosticsMessage(), "fpga", "yarn.resource-types") {
		t.Errorf("unknown resource: %v", alien.reg)
	}
	r.tracker().refused("registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{}, &yarnpb.RegisterNodeManagerResponseProto{}, rpc.ClassYarn, "node id")

	// A node that is excluded later is told to stop with its next heartbeat.
	n := r.node("127.0.0.1", 8192, nil)
	n.beat()
	if err := os.WriteFile(exclude, []byte("127.0.0.1 # out\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	admin := r.dial(rpc.ClientConfig{Address: r.Addresses.Admin, Protocol: adminProtocol, User: "admin"})
	call[adminpb.RefreshNodesResponseProto](admin, "refreshNodes", &adminpb.RefreshNodesRequestProto{})
	if v := n.beat(); v.GetNodeAction() != yarnpb.NodeActionProto_SHUTDOWN || !strings.Contains(v.GetDiagnosticsMessage(), "Disallowed NodeManager nodeId: 127.0.0.1:") {
		t.Errorf("after its exclusion: %v", v)
	}
}

func TestNodeHealthAndFarewell(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	req := n.status(0)
	req.NodeStatus.NodeHealthStatus = &yarnpb.NodeHealthStatusProto{IsNodeHealthy: new(false), HealthReport: new("1/1 local-dirs are bad"), LastHealthReportTime: new(int64(7))}
	req.NodeStatus.NodeUtilization = &yarnpb.ResourceUtilizationProto{Pmem: new(int32(100)), Vmem: new(int32(200)), Cpu: new(float32(1.5))}
	call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", req)
	node := func() *yarnpb.NodeReportProto {
		list := call[yarnpb.GetClusterNodesResponseProto](r.client("alice"), "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{}).GetNodeReports()
		if len(list) != 1 {
			t.Fatalf("%d nodes", len(list))
		}
		return list[0]
	}
	if v := node(); v.GetNodeState() != yarnpb.NodeStateProto_NS_UNHEALTHY || v.GetHealthReport() != "1/1 local-dirs are bad" || v.GetNodeUtilization().GetPmem() != 100 {
		t.Errorf("%v", v)
	}
	call[yarnpb.UnRegisterNodeManagerResponseProto](n.tracker, "unRegisterNodeManager", &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: n.id})
	if v := node(); v.GetNodeState() != yarnpb.NodeStateProto_NS_SHUTDOWN {
		t.Errorf("%v", v)
	}
}

// What a node must do comes with its heartbeats until it has done it.
func TestNodeOrders(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	c := am.allocate(0, anywhere(1, 1024)).GetAllocatedContainers()[0]
	running := &yarnpb.ContainerStatusProto{ContainerId: c.GetId(), State: yarnpb.ContainerStateProto_C_RUNNING.Enum()}
	n.beat(running)
	call[yarnpb.AllocateResponseProto](am, "allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(1)), Release: []*yarnpb.ContainerIdProto{c.GetId()}})
	if got := n.beat(running).GetContainersToCleanup(); len(got) != 1 || !proto.Equal(got[0], c.GetId()) {
		t.Errorf("to clean: %v", got)
	}
	n.beat(ended(c.GetId(), -100))
	am.allocate(2)
	await(t, "the order to forget", func() bool { return len(n.beat(ended(c.GetId(), -100)).GetContainersToBeRemovedFromNm()) == 1 })
}

func TestTheAdministratorsScriptNamesRacks(t *testing.T) {
	script := filepath.Join(t.TempDir(), "racks.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ $1 = 127.0.0.1 ] && echo /row9\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := start(t, map[string]string{"net.topology.script.file.name": script})
	r.node("127.0.0.1", 8192, nil)
	r.node("127.0.0.2", 8192, nil) // of which the script knows nothing
	nodes := string(r.get("/ws/v1/cluster/nodes", 200))
	if strings.Count(nodes, `"/row9"`) != 1 || strings.Count(nodes, `"/default-rack"`) != 1 {
		t.Errorf("%s", nodes)
	}
}

// Nodes below the version that the administrator wants are sent away.
func TestOldNodesAreSentAway(t *testing.T) {
	for least, want := range map[string]map[string]bool{
		"NONE": {"2.10.2": true, "own build": true}, "3.3.0": {"2.10.2": false, "3.3.6": true, "own build": false}, "EqualToRM": {"3.4.1": false, yarn.HadoopVersion: true},
	} {
		r := start(t, map[string]string{"yarn.resourcemanager.nodemanager.minimum.version": least})
		for version, taken := range want {
			resp := call[yarnpb.RegisterNodeManagerResponseProto](r.tracker(), "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{
				NodeId: &yarnpb.NodeIdProto{Host: new("127.0.0.1"), Port: new(int32(4711))}, HttpPort: new(int32(80)), Resource: resource(8192, 8), NmVersion: &version})
			if got := resp.GetNodeAction() == yarnpb.NodeActionProto_NORMAL; got != taken {
				t.Errorf("minimum %s: a node of version %s: %v", least, version, resp)
			}
			if !taken && !strings.Contains(resp.GetDiagnosticsMessage(), "Disallowed NodeManager Version "+version+", is less than the minimum version ") {
				t.Errorf("the node is told %q", resp.GetDiagnosticsMessage())
			}
			if resp.GetRmVersion() != "" && resp.GetRmVersion() != yarn.HadoopVersion {
				t.Errorf("the ResourceManager says that it is %s", resp.GetRmVersion())
			}
		}
	}
	if err := tryStart(t, map[string]string{"yarn.resourcemanager.nodemanager.minimum.version": "newest"}); err == nil || !strings.Contains(err.Error(), `"newest" is no Hadoop version`) {
		t.Errorf("%v", err)
	}
}

// A node keeps the spelling of its name in ids and tokens; asks, blacklists and racks find it
// in any (field report B37: a host with an upper-case name).
func TestHostNamesCompareWithoutCase(t *testing.T) {
	racks := filepath.Join(t.TempDir(), "racks")
	if err := os.WriteFile(racks, []byte("LOCALHOST /row7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := start(t, map[string]string{"net.topology.table.file.name": racks})
	upper := r.node("127.0.0.1", 8192, func(req *yarnpb.RegisterNodeManagerRequestProto) { req.NodeId.Host = new("LocalHost") })
	r.node("127.0.0.2", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	on := func(name string) *yarnpb.ResourceRequestProto {
		ask := anywhere(1, 1024)
		ask.ResourceName = &name
		return ask
	}
	nowhereElse := anywhere(1, 1024)
	nowhereElse.RelaxLocality = new(false)
	got := am.allocate(0, on("localhost"), on("/row7"), nowhereElse).GetAllocatedContainers()
	if len(got) != 1 || got[0].GetNodeId().GetHost() != "LocalHost" || got[0].GetContainerToken().GetService() != "127.0.0.1:"+itoa(upper.id.GetPort()) {
		t.Fatalf("asked for localhost: %v", got)
	}
	id, err := security.ParseContainerIdentifier(got[0].GetContainerToken().GetIdentifier())
	if err != nil || id.GetNmHostAddr() != "LocalHost:"+itoa(upper.id.GetPort()) {
		t.Errorf("the token names %v, %v; the node compares it with its own name as text", id, err)
	}
	resp := call[yarnpb.AllocateResponseProto](am, "allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(1)), Ask: []*yarnpb.ResourceRequestProto{on("LOCALHOST"), anywhere(3, 1024)},
		BlacklistRequest: &yarnpb.ResourceBlacklistRequestProto{BlacklistAdditions: []string{"localhost"}}})
	for _, c := range resp.GetAllocatedContainers() {
		if c.GetNodeId().GetHost() == "LocalHost" {
			t.Errorf("a container went to the blacklisted node")
		}
	}
	if nodes := string(r.get("/ws/v1/cluster/nodes/LocalHost:"+itoa(upper.id.GetPort()), 200)); !strings.Contains(nodes, "/row7") {
		t.Errorf("the rack is not in %s", nodes)
	}
	r.client("alice").submit(func(c *submission) {
		host := on("LOCALHOST")
		host.Priority = &yarnpb.PriorityProto{Priority: new(int32(0))}
		any := anywhere(1, 1024)
		any.Priority, any.RelaxLocality = host.Priority, new(false)
		c.AmContainerResourceRequest = []*yarnpb.ResourceRequestProto{any, host}
	})
	await(t, "the AM's start on LocalHost", func() bool { return len(upper.starts()) == 1 })
}

// A node whose name has no address is of no use to AMs, and may not join where the administrator says so.
func TestNodesWithoutAnAddress(t *testing.T) {
	for _, checked := range []string{"false", "true"} {
		r := start(t, map[string]string{"yarn.resourcemanager.resource-tracker.nm.ip-hostname-check": checked})
		for host, known := range map[string]bool{"no-such-host.invalid": false, "127.0.0.1": true, "localhost": true} {
			resp := call[yarnpb.RegisterNodeManagerResponseProto](r.tracker(), "registerNodeManager", &yarnpb.RegisterNodeManagerRequestProto{
				NodeId: &yarnpb.NodeIdProto{Host: &host, Port: new(int32(4711))}, HttpPort: new(int32(8042)), Resource: resource(8192, 8), NmVersion: new("3.4.2")})
			if taken := resp.GetNodeAction() == yarnpb.NodeActionProto_NORMAL; taken != (known || checked == "false") {
				t.Errorf("checked: %s, %s: %v", checked, host, resp)
			} else if !taken && resp.GetDiagnosticsMessage() != "hostname cannot be resolved (ip=127.0.0.1, hostname="+host+")" {
				t.Errorf("%s is told %q", host, resp.GetDiagnosticsMessage())
			}
		}
	}
}
