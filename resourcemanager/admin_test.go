package resourcemanager_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
)

func (r *rm) admin(user string) peer {
	return r.dial(rpc.ClientConfig{Address: r.Addresses.Admin, Protocol: adminProtocol, User: user})
}

// edit writes the configuration again with other keys; running daemons see it when they are told to.
func (r *rm) edit(more map[string]string) {
	r.t.Helper()
	configure(r.t, r.dir, more)
}

// Whoever is no administrator may call none of the administration's methods; label calls answer as where labels are off.
func TestAdministration(t *testing.T) {
	r := start(t, nil)
	for method, m := range map[string]struct{ req, resp proto.Message }{
		"refreshQueues":                       {&adminpb.RefreshQueuesRequestProto{}, &adminpb.RefreshQueuesResponseProto{}},
		"refreshNodes":                        {&adminpb.RefreshNodesRequestProto{}, &adminpb.RefreshNodesResponseProto{}},
		"refreshSuperUserGroupsConfiguration": {&adminpb.RefreshSuperUserGroupsConfigurationRequestProto{}, &adminpb.RefreshSuperUserGroupsConfigurationResponseProto{}},
		"refreshAdminAcls":                    {&adminpb.RefreshAdminAclsRequestProto{}, &adminpb.RefreshAdminAclsResponseProto{}},
		"refreshClusterMaxPriority":           {&adminpb.RefreshClusterMaxPriorityRequestProto{}, &adminpb.RefreshClusterMaxPriorityResponseProto{}},
		"updateNodeResource":                  {&adminpb.UpdateNodeResourceRequestProto{}, &adminpb.UpdateNodeResourceResponseProto{}},
		"refreshNodesResources":               {&adminpb.RefreshNodesResourcesRequestProto{}, &adminpb.RefreshNodesResourcesResponseProto{}},
		"checkForDecommissioningNodes":        {&adminpb.CheckForDecommissioningNodesRequestProto{}, &adminpb.CheckForDecommissioningNodesResponseProto{}},
		"addToClusterNodeLabels":              {&adminpb.AddToClusterNodeLabelsRequestProto{}, &adminpb.AddToClusterNodeLabelsResponseProto{}},
		"refreshUserToGroupsMappings":         {&adminpb.RefreshUserToGroupsMappingsRequestProto{}, &adminpb.RefreshUserToGroupsMappingsResponseProto{}},
	} {
		r.admin("bob").refused(method, m.req, m.resp, classYarn, "User bob doesn't have permission to call '"+method+"'")
	}
	r.admin("bob").refused("getGroupsForUser", &adminpb.GetGroupsForUserRequestProto{User: new("bob")}, &adminpb.GetGroupsForUserResponseProto{}, "java.io.IOException",
		"User bob doesn't have permission to call 'getGroupsForUser'")
	admin := r.admin("admin")
	call[adminpb.RefreshNodesResponseProto](admin, "refreshNodes", &adminpb.RefreshNodesRequestProto{})
	call[adminpb.RefreshUserToGroupsMappingsResponseProto](admin, "refreshUserToGroupsMappings", &adminpb.RefreshUserToGroupsMappingsRequestProto{})
	call[adminpb.GetGroupsForUserResponseProto](admin, "getGroupsForUser", &adminpb.GetGroupsForUserRequestProto{User: new("nobody-of-this-name")})
	const off = "java.io.IOException: Node-label-based scheduling is disabled. Please check yarn.node-labels.enabled"
	admin.refused("addToClusterNodeLabels", &adminpb.AddToClusterNodeLabelsRequestProto{}, &adminpb.AddToClusterNodeLabelsResponseProto{}, classYarn, off)
	admin.refused("removeFromClusterNodeLabels", &adminpb.RemoveFromClusterNodeLabelsRequestProto{}, &adminpb.RemoveFromClusterNodeLabelsResponseProto{}, classYarn, off)
	admin.refused("replaceLabelsOnNodes", &adminpb.ReplaceLabelsOnNodeRequestProto{}, &adminpb.ReplaceLabelsOnNodeResponseProto{}, classYarn, off)
	admin.refused("refreshServiceAcls", &adminpb.RefreshServiceAclsRequestProto{}, &adminpb.RefreshServiceAclsResponseProto{}, classYarn, "hadoop.security.authorization", "not enabled")
}

// refreshQueues takes over queues and their lists; a tree that cannot be is refused whole.
func TestRefreshedQueues(t *testing.T) {
	r := start(t, nil)
	am, id := r.master("bob", nil)
	am.register()
	admin := r.admin("admin")
	refresh := func(more map[string]string) { // three queues
		t.Helper()
		all := map[string]string{"yarn.scheduler.capacity.root.queues": "default,batch,new", "yarn.scheduler.capacity.root.default.capacity": "30",
			"yarn.scheduler.capacity.root.new.capacity": "30", "yarn.scheduler.capacity.root.new.acl_submit_applications": "bob"}
		for k, v := range more {
			all[k] = v
		}
		r.edit(all)
		call[adminpb.RefreshQueuesResponseProto](admin, "refreshQueues", &adminpb.RefreshQueuesRequestProto{})
	}
	refused := func(more map[string]string, want ...string) {
		t.Helper()
		r.edit(more)
		admin.refused("refreshQueues", &adminpb.RefreshQueuesRequestProto{}, &adminpb.RefreshQueuesResponseProto{}, classYarn, want...)
	}
	refused(map[string]string{"yarn.scheduler.capacity.root.queues": "batch", "yarn.scheduler.capacity.root.batch.capacity": "100"},
		"java.io.IOException: Failed to re-init queues : root.default cannot be deleted", "Current State : RUNNING")
	refused(map[string]string{"yarn.scheduler.capacity.root.batch.capacity": "50"}, "add up to 110")
	refused(map[string]string{"yarn.scheduler.capacity.root.batch.capacity": "much"}, "yarn.scheduler.capacity.root.batch.capacity", "much")
	refresh(nil)
	if am.allocate(0); r.client("bob").report(id).GetQueue() != "root.default" {
		t.Error("the running application is lost")
	}
	info := call[yarnpb.GetQueueInfoResponseProto](r.client("bob"), "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("new")}).GetQueueInfo()
	if info.GetCapacity() != 0.3 || info.GetState() != yarnpb.QueueStateProto_Q_RUNNING {
		t.Errorf("%v", info)
	}
	r.client("bob").submit(func(c *submission) { c.Queue = new("new") })
	r.client("carol").refused("submitApplication", r.client("carol").fresh(func(c *submission) { c.Queue = new("new") }), &yarnpb.SubmitApplicationResponseProto{}, classYarn, "carol")
	refresh(map[string]string{"yarn.scheduler.capacity.root.default.state": "STOPPED"})
	info = call[yarnpb.GetQueueInfoResponseProto](r.client("bob"), "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("default")}).GetQueueInfo()
	if info.GetState() != yarnpb.QueueStateProto_Q_DRAINING {
		t.Errorf("a stopped queue with an application is %v", info.GetState())
	}
	r.restart()
	if r.client("bob").report(id).GetYarnApplicationState() != yarnpb.YarnApplicationStateProto_RUNNING && r.client("bob").report(id).GetYarnApplicationState() != yarnpb.YarnApplicationStateProto_ACCEPTED {
		t.Errorf("after a restart: %v", r.client("bob").report(id))
	}
}

func TestRefreshedRights(t *testing.T) {
	r := start(t, map[string]string{"hadoop.security.authorization": "true"})
	r.edit(map[string]string{"hadoop.security.authorization": "true", "yarn.admin.acl": "admin,bob", "yarn.cluster.max-application-priority": "20",
		"hadoop.proxyuser.oozie.hosts": "*", "hadoop.proxyuser.oozie.groups": "*"})
	admin := r.admin("admin")
	r.admin("bob").refused("refreshNodes", &adminpb.RefreshNodesRequestProto{}, &adminpb.RefreshNodesResponseProto{}, classYarn, "bob")
	call[adminpb.RefreshAdminAclsResponseProto](admin, "refreshAdminAcls", &adminpb.RefreshAdminAclsRequestProto{})
	call[adminpb.RefreshNodesResponseProto](r.admin("bob"), "refreshNodes", &adminpb.RefreshNodesRequestProto{})

	id := r.client("alice").submit(nil)
	priority := func() int32 {
		return call[yarnpb.UpdateApplicationPriorityResponseProto](r.client("alice"), "updateApplicationPriority",
			&yarnpb.UpdateApplicationPriorityRequestProto{ApplicationId: id, ApplicationPriority: &yarnpb.PriorityProto{Priority: new(int32(15))}}).GetApplicationPriority().GetPriority()
	}
	if got := priority(); got != 10 {
		t.Errorf("priority %d", got)
	}
	call[adminpb.RefreshClusterMaxPriorityResponseProto](admin, "refreshClusterMaxPriority", &adminpb.RefreshClusterMaxPriorityRequestProto{})
	if got := priority(); got != 15 {
		t.Errorf("priority %d with the new maximum", got)
	}

	behalf := r.dial(rpc.ClientConfig{Address: r.Addresses.Client, Protocol: clientProtocol, User: "alice", RealUser: "oozie"})
	behalf.refused("getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{}, rpc.ClassAuthorization, "oozie")
	call[adminpb.RefreshSuperUserGroupsConfigurationResponseProto](admin, "refreshSuperUserGroupsConfiguration", &adminpb.RefreshSuperUserGroupsConfigurationRequestProto{})
	behalf = r.dial(rpc.ClientConfig{Address: r.Addresses.Client, Protocol: clientProtocol, User: "alice", RealUser: "oozie"})
	call[yarnpb.GetClusterMetricsResponseProto](behalf, "getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{})

	if err := os.WriteFile(filepath.Join(r.dir, "hadoop-policy.xml"), conf.XML(map[string]string{"security.applicationclient.protocol.acl": "alice,admin"}), 0o644); err != nil {
		t.Fatal(err)
	}
	call[yarnpb.GetClusterMetricsResponseProto](r.client("bob"), "getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{})
	call[adminpb.RefreshServiceAclsResponseProto](admin, "refreshServiceAcls", &adminpb.RefreshServiceAclsRequestProto{})
	r.client("bob").refused("getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{}, rpc.ClassAuthorization, "bob")
}

// A node is decommissioned gracefully: it goes on, is shown with its time, and goes when it is empty; taken off the
// list it stays.
func TestGracefulDecommission(t *testing.T) {
	exclude := filepath.Join(t.TempDir(), "exclude")
	r := start(t, map[string]string{"yarn.resourcemanager.nodes.exclude-path": exclude})
	n := r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	await(t, "a container", func() bool { n.beat(); return len(am.allocate(0, anywhere(1, 1024)).GetAllocatedContainers()) == 1 })
	admin := r.admin("admin")
	list := func(text string, seconds int32) {
		t.Helper()
		if err := os.WriteFile(exclude, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		call[adminpb.RefreshNodesResponseProto](admin, "refreshNodes", &adminpb.RefreshNodesRequestProto{DecommissionType: adminpb.DecommissionTypeProto_GRACEFUL.Enum(), DecommissionTimeout: &seconds})
	}
	leaving := func() int {
		return len(call[adminpb.CheckForDecommissioningNodesResponseProto](admin, "checkForDecommissioningNodes", &adminpb.CheckForDecommissioningNodesRequestProto{}).GetDecommissioningNodes())
	}
	list("127.0.0.1", 100)
	for range 2 { // the second is a quiet one
		if got := n.beat(); got.GetNodeAction() != yarnpb.NodeActionProto_NORMAL || leaving() != 1 {
			t.Fatalf("%v, %d nodes leave", got, leaving())
		}
	}
	report := call[yarnpb.GetClusterNodesResponseProto](r.client("bob"), "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{}).GetNodeReports()[0]
	if left := report.GetDecommissioningTimeout(); report.GetNodeState() != yarnpb.NodeStateProto_NS_DECOMMISSIONING || left < 90 || left > 100 {
		t.Errorf("%v", report)
	}
	list("", 100)
	if got := n.beat(); got.GetNodeAction() != yarnpb.NodeActionProto_NORMAL || leaving() != 0 {
		t.Errorf("%v, %d nodes leave", got, leaving())
	}
	list("127.0.0.1", 0)
	await(t, "the end of the time", func() bool { return leaving() == 0 })
	if got := n.beat(); got.GetNodeAction() != yarnpb.NodeActionProto_SHUTDOWN {
		t.Errorf("%v", got)
	}
}

// Nodes are resized by command and by dynamic-resources.xml; types that are not named stay.
func TestNodesAreResized(t *testing.T) {
	r := start(t, nil)
	gpus := func(n int64) []*yarnpb.ResourceInformationProto {
		return []*yarnpb.ResourceInformationProto{{Key: new("yarn.io/gpu"), Value: &n, Units: new("")}}
	}
	n := r.node("127.0.0.1", 8192, func(req *yarnpb.RegisterNodeManagerRequestProto) { req.Resource.ResourceValueMap = gpus(4) })
	admin := r.admin("admin")
	size := func() (memory int64, cores int32, gpu int64) {
		c := call[yarnpb.GetClusterNodesResponseProto](r.client("bob"), "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{}).GetNodeReports()[0].GetCapability()
		for _, v := range c.GetResourceValueMap() {
			if v.GetKey() == "yarn.io/gpu" {
				gpu = v.GetValue()
			}
		}
		return c.GetMemory(), c.GetVirtualCores(), gpu
	}
	update := func(id *yarnpb.NodeIdProto, r *yarnpb.ResourceProto) *adminpb.UpdateNodeResourceRequestProto {
		return &adminpb.UpdateNodeResourceRequestProto{NodeResourceMap: []*yarnpb.NodeResourceMapProto{{NodeId: id, ResourceOption: &yarnpb.ResourceOptionProto{Resource: r, OverCommitTimeout: new(int32(-1))}}}}
	}
	call[adminpb.UpdateNodeResourceResponseProto](admin, "updateNodeResource", update(n.id, resource(4096, 2)))
	if m, c, g := size(); m != 4096 || c != 2 || g != 4 {
		t.Errorf("%d MB, %d vcores, %d GPUs", m, c, g)
	}
	if got := n.beat(); got.GetResource().GetMemory() != 4096 || got.GetResource().GetVirtualCores() != 2 {
		t.Errorf("the node was told %v", got.GetResource())
	}
	if got := n.beat(); got.Resource != nil {
		t.Errorf("the node was told twice: %v", got.GetResource())
	}
	none := &adminpb.UpdateNodeResourceResponseProto{}
	admin.refused("updateNodeResource", update(&yarnpb.NodeIdProto{Host: new("nowhere"), Port: new(int32(1))}, resource(1, 1)), none, classYarn, "unrecognized node: nowhere:1")
	admin.refused("updateNodeResource", update(n.id, resource(-1, 1)), none, classYarn, "negative")
	name := n.id.GetHost() + ":" + fmt.Sprint(n.id.GetPort())
	if err := os.WriteFile(filepath.Join(r.dir, "dynamic-resources.xml"), conf.XML(map[string]string{"yarn.resource.dynamic.nodes": name, "yarn.resource.dynamic." + name + ".memory": "2048"}), 0o644); err != nil {
		t.Fatal(err)
	}
	call[adminpb.RefreshNodesResourcesResponseProto](admin, "refreshNodesResources", &adminpb.RefreshNodesResourcesRequestProto{})
	if m, c, g := size(); m != 2048 || c != 2 || g != 4 {
		t.Errorf("%d MB, %d vcores, %d GPUs after dynamic-resources.xml", m, c, g)
	}
	n.reg = call[yarnpb.RegisterNodeManagerResponseProto](n.tracker, "registerNodeManager",
		&yarnpb.RegisterNodeManagerRequestProto{NodeId: n.id, HttpPort: new(int32(8042)), Resource: &yarnpb.ResourceProto{Memory: new(int64(8192)), VirtualCores: new(int32(8)), ResourceValueMap: gpus(4)}, NmVersion: new("3.4.2")})
	if m, c, g := size(); m != 2048 || c != 8 || g != 4 || n.reg.GetResource().GetMemory() != 2048 {
		t.Errorf("%d MB, %d vcores, %d GPUs after the node registered again; it was told %v", m, c, g, n.reg.GetResource())
	}
}
