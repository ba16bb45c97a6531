package resourcemanager_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
)

// queues is what the REST scheduler page says of each leaf.
func (r *rm) queues() map[string]map[string]any {
	r.t.Helper()
	var page struct {
		Scheduler struct {
			Info struct {
				Queues struct{ Queue []map[string]any }
			} `json:"schedulerInfo"`
		}
	}
	if err := json.Unmarshal(r.get("/ws/v1/cluster/scheduler", 200), &page); err != nil {
		r.t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for _, q := range page.Scheduler.Info.Queues.Queue {
		out[q["queueName"].(string)] = q
	}
	return out
}

// A queue's largest container bounds submissions, asks and increases, AMs are told of it, and it only grows.
func TestLargestContainerOfAQueue(t *testing.T) {
	const key = "yarn.scheduler.capacity.root.default.maximum-allocation"
	r := start(t, map[string]string{key + "-mb": "3000", key + "-vcores": "2"})
	alice, submitted := r.client("alice"), &yarnpb.SubmitApplicationResponseProto{}
	alice.refused("submitApplication", alice.fresh(func(c *submission) { c.Resource = resource(3001, 1) }), submitted, classResource,
		"greater than maximum allowed allocation. Requested resource type=[memory-mb]", "maximum allowed allocation=<memory:3000, vCores:2", "maximum-allocation of the queue")
	alice.refused("submitApplication", alice.fresh(func(c *submission) { c.Resource = resource(1024, 3) }), submitted, classResource, "Requested resource type=[vcores]")
	alice.submit(func(c *submission) { c.Queue, c.Resource = new("batch"), resource(8192, 1) })

	am, id := r.master("alice", func(c *submission) { c.Resource = resource(3000, 2) })
	if most := am.register().GetMaximumCapability(); most.GetMemory() != 3000 || most.GetVirtualCores() != 2 {
		t.Errorf("the AM is told of %v", most)
	}
	am.refused("allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(0)), Ask: []*yarnpb.ResourceRequestProto{anywhere(1, 3001)}},
		&yarnpb.AllocateResponseProto{}, classResource, "memory:3001", "memory:3000")
	r.node("127.0.0.1", 16384, nil)
	step := am.steps()
	got := step(&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(1, 2900)}}).GetAllocatedContainers()
	if len(got) != 1 || got[0].GetResource().GetMemory() != 3000 { // rounded up to no more than the queue's
		t.Fatalf("2900 MB became %v", got)
	}
	grow := &yarnpb.UpdateContainerRequestProto{ContainerId: got[0].GetId(), ContainerVersion: got[0].Version, Capability: resource(4096, 1),
		UpdateType: yarnpb.ContainerUpdateTypeProto_INCREASE_RESOURCE.Enum()}
	resp := step(&yarnpb.AllocateRequestProto{UpdateRequests: []*yarnpb.UpdateContainerRequestProto{grow}})
	if len(resp.GetUpdateErrors()) != 1 || resp.GetUpdateErrors()[0].GetReason() != "RESOURCE_OUTSIDE_ALLOWED_RANGE" {
		t.Errorf("an increase beyond the queue's: %v", resp)
	}
	q := r.queues()
	if got := q["default"]["maximumAllocation"].(map[string]any)["memory"]; got != 3000.0 {
		t.Errorf("REST has %v", got)
	}
	if got := q["batch"]["maximumAllocation"].(map[string]any)["memory"]; got != 8192.0 {
		t.Errorf("REST has %v for the other queue", got)
	}

	admin, refreshed := r.admin("admin"), &adminpb.RefreshQueuesResponseProto{}
	r.edit(map[string]string{key + "-mb": "2999", key + "-vcores": "2"})
	admin.refused("refreshQueues", &adminpb.RefreshQueuesRequestProto{}, refreshed, classYarn, "Trying to reinitialize root.default the maximum allocation size can not be decreased! "+
		"Current setting: <memory:3000, vCores:2", "trying to set it to: <memory:2999, vCores:2")
	r.edit(nil)
	call[adminpb.RefreshQueuesResponseProto](admin, "refreshQueues", &adminpb.RefreshQueuesRequestProto{})
	step(&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(1, 8000)}})
	r.restart()
	if got := r.client("alice").report(id).GetYarnApplicationState(); got != yarnpb.YarnApplicationStateProto_ACCEPTED {
		t.Errorf("after a restart %v", got)
	}
}

// An application without a priority has its queue's, within the cluster's bounds.
func TestDefaultPriorityOfAQueue(t *testing.T) {
	const key = ".default-application-priority"
	r := start(t, map[string]string{"yarn.scheduler.capacity.root" + key: "7", "yarn.scheduler.capacity.root.default" + key: "4", "yarn.scheduler.capacity.root.batch" + key: "40"})
	alice := r.client("alice")
	ids := map[*yarnpb.ApplicationIdProto]int32{
		alice.submit(func(c *submission) { c.Priority = nil }): 4,
		alice.submit(nil): 0, // which it asked for
		alice.submit(func(c *submission) { c.Priority, c.Queue = nil, new("root.batch") }): 10,
	}
	check := func(when string) {
		t.Helper()
		for id, want := range ids {
			if got := alice.report(id).GetPriority().GetPriority(); got != want {
				t.Errorf("%s: priority %d, want %d", when, got, want)
			}
		}
	}
	check("at first")
	if got := r.queues()["default"]["defaultPriority"]; got != 4.0 {
		t.Errorf("REST has %v", got)
	}
	r.edit(map[string]string{"yarn.scheduler.capacity.root.default" + key: "9"})
	call[adminpb.RefreshQueuesResponseProto](r.admin("admin"), "refreshQueues", &adminpb.RefreshQueuesRequestProto{})
	ids[alice.submit(func(c *submission) { c.Priority = nil })] = 9
	check("after a change")
	r.restart()
	alice = r.client("alice")
	check("after a restart")
}

// Applications beyond a limit on those that run at a time are taken in, and wait.
func TestApplicationsBeyondTheLimitWait(t *testing.T) {
	r := start(t, map[string]string{"yarn.scheduler.capacity.max-parallel-apps": "100", "yarn.scheduler.capacity.root.default.max-parallel-apps": "1", "yarn.scheduler.capacity.user.bob.max-parallel-apps": "0"})
	r.node("127.0.0.1", 16384, nil)
	alice := r.client("alice")
	first := alice.submit(unmanaged)
	await(t, "the first application", func() bool { return alice.report(first).GetAmRmToken() != nil })
	second := alice.submit(nil)
	bobs := r.client("bob").submit(nil)
	await(t, "the reason why the others wait", func() bool {
		return strings.Contains(alice.report(second).GetDiagnostics(), "max-parallel-apps") && strings.Contains(r.client("bob").report(bobs).GetDiagnostics(), "max-parallel-apps")
	})
	q := r.queues()
	if q["default"]["maxParallelApps"] != 1.0 || q["batch"]["maxParallelApps"] != 100.0 {
		t.Errorf("REST has %v and %v", q["default"]["maxParallelApps"], q["batch"]["maxParallelApps"])
	}
	info := call[yarnpb.GetQueueInfoResponseProto](alice, "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("default")}).GetQueueInfo()
	if info.GetMaxParallelApps() != 1 {
		t.Errorf("clients hear of %d", info.GetMaxParallelApps())
	}
	call[yarnpb.KillApplicationResponseProto](alice, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: first})
	await(t, "the second's AM", func() bool {
		return alice.report(second).GetCurrentApplicationAttemptId().GetAttemptId() == 1 && !strings.Contains(alice.report(second).GetDiagnostics(), "max-parallel-apps")
	})
	if d := r.client("bob").report(bobs).GetDiagnostics(); !strings.Contains(d, "max-parallel-apps") {
		t.Errorf("bob's waits no more: %s", d)
	}
}

// Clients and AMs are told of no more than one node has: of the queue's largest container, of the largest node, and, as long
// after the start as nodes may still come back, of the queue's alone.
func TestLargestContainerThatIsTold(t *testing.T) {
	for _, wait := range []string{"0", "3600000"} {
		r := start(t, map[string]string{"yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": wait,
			"yarn.scheduler.capacity.root.default.maximum-allocation-mb": "3000"})
		told := func(want int64, when string) {
			t.Helper()
			if wait != "0" {
				want = 8192
			}
			fresh := call[yarnpb.GetNewApplicationResponseProto](r.client("alice"), "getNewApplication", &yarnpb.GetNewApplicationRequestProto{})
			if got := fresh.GetMaximumCapability().GetMemory(); got != want {
				t.Errorf("%s clients are told of %d MB, want %d", when, got, want)
			}
		}
		time.Sleep(2 * time.Millisecond) // it started in this very one
		told(8192, "without nodes")
		r.node("127.0.0.1", 2048, nil)
		told(2048, "with one node")
		am, _ := r.master("alice", nil)
		if got := am.register().GetMaximumCapability().GetMemory(); got != map[string]int64{"0": 2048, "3600000": 3000}[wait] {
			t.Errorf("the AM is told of %d MB", got)
		}
		r.node("127.0.0.2", 4096, nil)
		told(4096, "with a larger node")
	}
}
