package resourcemanager_test

import (
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
)

// steps makes allocate calls that follow one another.
func (p peer) steps() func(*yarnpb.AllocateRequestProto) *yarnpb.AllocateResponseProto {
	last := int32(0)
	return func(req *yarnpb.AllocateRequestProto) *yarnpb.AllocateResponseProto {
		p.t.Helper()
		req.ResponseId, req.Progress = new(last), new(float32(0.1))
		resp := call[yarnpb.AllocateResponseProto](p, "allocate", req)
		last = resp.GetResponseId()
		return resp
	}
}

// Containers are made larger when their node has room, and smaller at once; the AM gets a new token of a higher
// version, the node is told of decreases, and what cannot be is told with Hadoop's reasons.
func TestContainersChangeSize(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 4096, nil)
	am, _ := r.master("alice", nil)
	am.register()
	step := am.steps()
	got := step(&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(3, 1024)}}).GetAllocatedContainers()
	if len(got) != 3 {
		t.Fatalf("%d containers", len(got))
	}
	a, b := got[0].GetId(), got[1].GetId()
	update := func(id *yarnpb.ContainerIdProto, version int32, kind yarnpb.ContainerUpdateTypeProto, memory int64) *yarnpb.UpdateContainerRequestProto {
		return &yarnpb.UpdateContainerRequestProto{ContainerId: id, ContainerVersion: &version, UpdateType: &kind, Capability: resource(memory, 1)}
	}
	const more, less = yarnpb.ContainerUpdateTypeProto_INCREASE_RESOURCE, yarnpb.ContainerUpdateTypeProto_DECREASE_RESOURCE
	updates := func(u ...*yarnpb.UpdateContainerRequestProto) *yarnpb.AllocateResponseProto {
		return step(&yarnpb.AllocateRequestProto{UpdateRequests: u})
	}
	resp := updates(update(a, 0, more, 2048))
	if u := resp.GetUpdatedContainers(); len(u) != 1 || u[0].GetUpdateType() != more || u[0].GetContainer().GetResource().GetMemory() != 2048 || u[0].GetContainer().GetVersion() != 1 {
		t.Fatalf("%v", resp)
	} else {
		token := security.TokenFromProto(u[0].GetContainer().GetContainerToken())
		id, err := security.ParseContainerIdentifier(token.Identifier)
		if key := security.MasterKeyFromProto(n.reg.GetContainerTokenMasterKey()); err != nil || !key.Signed(token.Identifier, token.Password) || id.GetVersion() != 1 || id.GetResource().GetMemory() != 2048 {
			t.Errorf("%v, %v", id, err)
		}
	}
	resp = updates(update(b, 0, more, 3072)) // the node is full: it waits
	if len(resp.GetUpdatedContainers())+len(resp.GetUpdateErrors()) != 0 {
		t.Errorf("%v", resp)
	}
	strange := &yarnpb.ContainerIdProto{AppAttemptId: a.GetAppAttemptId(), Id: new(int64(99))}
	resp = updates(update(b, 0, more, 2048), update(a, 0, more, 3072), update(strange, 0, more, 3072), update(a, 1, more, 9000), update(a, 1, less, 2048),
		update(a, 1, yarnpb.ContainerUpdateTypeProto_PROMOTE_EXECUTION_TYPE, 0))
	want := []string{"UPDATE_OUTSTANDING_ERROR", "INCORRECT_CONTAINER_VERSION_ERROR", "INVALID_CONTAINER_ID", "RESOURCE_OUTSIDE_ALLOWED_RANGE", "RESOURCE_OUTSIDE_ALLOWED_RANGE",
		"PROMOTE_EXECUTION_TYPE is not supported by this ResourceManager yet: it has no opportunistic containers"}
	for i, e := range resp.GetUpdateErrors() {
		if e.GetReason() != want[i] || e.GetUpdateRequest().GetContainerId() == nil {
			t.Errorf("%v, want %s", e, want[i])
		}
	}
	if len(resp.GetUpdateErrors()) != len(want) || resp.GetUpdateErrors()[1].GetCurrentContainerVersion() != 1 {
		t.Errorf("%v", resp)
	}
	resp = updates(update(a, 1, less, 1024))
	if u := resp.GetUpdatedContainers(); len(u) != 1 || u[0].GetUpdateType() != less || u[0].GetContainer().GetVersion() != 2 || u[0].GetContainer().GetResource().GetMemory() != 1024 {
		t.Errorf("%v", resp)
	}
	if told := n.beat().GetContainersToUpdate(); len(told) != 1 || told[0].GetVersion() != 2 || told[0].GetContainerToken() == nil {
		t.Errorf("the node was told %v", told)
	}
	grown := step(&yarnpb.AllocateRequestProto{Release: []*yarnpb.ContainerIdProto{a, got[2].GetId()}}).GetUpdatedContainers() // now there is room
	if len(grown) != 1 {
		t.Fatalf("%v", grown)
	}
	if c := grown[0].GetContainer(); c.GetResource().GetMemory() != 3072 || c.GetVersion() != 1 || c.GetId().GetId() != b.GetId() {
		t.Errorf("%v", grown)
	}
	used := call[yarnpb.GetClusterNodesResponseProto](r.client("bob"), "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{}).GetNodeReports()[0].GetUsed()
	if used.GetMemory() != 3072 {
		t.Errorf("the node uses %v", used)
	}
	step(&yarnpb.AllocateRequestProto{Release: []*yarnpb.ContainerIdProto{b}})
	used = call[yarnpb.GetClusterNodesResponseProto](r.client("bob"), "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{}).GetNodeReports()[0].GetUsed()
	if used.GetMemory() != 0 {
		t.Errorf("the node still uses %v", used)
	}
}

// A node that says that a container has grown keeps it so; an increase that it never hears of is taken back.
func TestAnIncreaseIsConfirmedByItsNode(t *testing.T) {
	r := start(t, map[string]string{"yarn.resourcemanager.rm.container-allocation.expiry-interval-ms": "1000"})
	n := r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	step := am.steps()
	var up []*yarnpb.UpdateContainerRequestProto
	var run []*yarnpb.ContainerStatusProto
	for _, c := range step(&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(2, 1024)}}).GetAllocatedContainers() {
		up = append(up, &yarnpb.UpdateContainerRequestProto{ContainerId: c.GetId(), ContainerVersion: new(int32(0)), UpdateType: yarnpb.ContainerUpdateTypeProto_INCREASE_RESOURCE.Enum(), Capability: resource(2048, 1)})
		run = append(run, &yarnpb.ContainerStatusProto{ContainerId: c.GetId(), State: yarnpb.ContainerStateProto_C_RUNNING.Enum()})
	}
	n.beat(run...)
	grown := step(&yarnpb.AllocateRequestProto{UpdateRequests: up}).GetUpdatedContainers()
	if len(grown) != 2 {
		t.Fatalf("%d containers grew", len(grown))
	}
	req := n.status(n.last, run...)
	req.NodeStatus.IncreasedContainers = []*yarnpb.ContainerProto{grown[0].GetContainer()}
	n.last = call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", req).GetResponseId()
	var back []*yarnpb.UpdatedContainerProto
	await(t, "the unused increase's end", func() bool {
		back = append(back, step(&yarnpb.AllocateRequestProto{}).GetUpdatedContainers()...)
		return len(back) > 0
	})
	if len(back) != 1 || back[0].GetUpdateType() != yarnpb.ContainerUpdateTypeProto_DECREASE_RESOURCE || back[0].GetContainer().GetId().GetId() != grown[1].GetContainer().GetId().GetId() ||
		back[0].GetContainer().GetResource().GetMemory() != 1024 {
		t.Errorf("%v", back)
	}
	if told := n.beat(run...).GetContainersToUpdate(); len(told) != 1 || told[0].GetResource().GetMemory() != 1024 {
		t.Errorf("the node was told %v", told)
	}
}
