package resourcemanager_test

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
)

// What Java's ResourceManager was seen to answer for an application in each state (test/interop TestBothResourceManagersAnswerAlike).

func (r *rm) appOverREST(id *yarnpb.ApplicationIdProto, user string) map[string]any {
	r.t.Helper()
	var a struct{ App map[string]any }
	if err := json.Unmarshal(r.get("/ws/v1/cluster/apps/"+appText(id)+"?user.name="+user, 200), &a); err != nil {
		r.t.Fatal(err)
	}
	return a.App
}

// An AM that has not registered is on its way; one that was killed leaves the application's page behind.
func TestReportsOfAnAMThatComesAndGoes(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	alice := r.client("alice")
	id := alice.submit(func(c *submission) { c.NodeLabelExpression = new("") })
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	app := appText(id)
	page, proxied := "http://"+r.Addresses.Web+"/cluster/app/"+app, "http://"+r.Addresses.Web+"/proxy/"+app+"/"
	await(t, "an AM that is launched", func() bool { return alice.report(id).GetDiagnostics() != "" })
	v := alice.report(id)
	if v.GetDiagnostics() != "AM container is launched, waiting for AM container to Register with RM" || v.GetTrackingUrl() != proxied || v.GetLaunchTime() == 0 ||
		v.GetAppNodeLabelExpression() != "<DEFAULT_PARTITION>" || v.GetAmNodeLabelExpression() != "<DEFAULT_PARTITION>" {
		t.Errorf("before it registers: %v", v)
	}
	if a := r.appOverREST(id, "alice"); a["trackingUI"] != "UNASSIGNED" || a["trackingUrl"] != nil || a["appNodeLabelExpression"] != "" {
		t.Errorf("before it registers: %v", a)
	}
	metrics := string(r.get("/ws/v1/cluster/metrics", 200))
	if !strings.Contains(metrics, `"appsPending":0,"appsRunning":1,`) {
		t.Errorf("an application with a starting AM counts as running: %s", metrics)
	}
	am := r.masterIn(n.starts()[0])
	am.register()
	call[yarnpb.AllocateResponseProto](am, "allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(0)), Progress: new(float32(0.25))})
	if a := r.appOverREST(id, "alice"); a["trackingUI"] != "ApplicationMaster" || a["trackingUrl"] != proxied || a["progress"] != 25.0 {
		t.Errorf("while it runs: %v", a)
	}
	if a := r.appOverREST(id, "bob"); a["trackingUI"] != "ApplicationMaster" || a["startedTime"] != 0.0 || a["allocatedMB"] != 0.0 || a["memorySeconds"] != 0.0 || a["logAggregationStatus"] != nil {
		t.Errorf("bob sees %v", a)
	}
	await(t, "the kill", func() bool {
		return call[yarnpb.KillApplicationResponseProto](alice, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: id}).GetIsKillCompleted()
	})
	v = alice.report(id)
	if v.GetTrackingUrl() != page || v.GetOriginalTrackingUrl() != page || v.GetProgress() != 1 || v.GetHost() != "N/A" || v.GetRpcPort() != -1 {
		t.Errorf("after its kill: %v", v)
	}
	attempts := call[yarnpb.GetApplicationAttemptsResponseProto](alice, "getApplicationAttempts", &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: id}).GetApplicationAttempts()
	if len(attempts) != 1 || attempts[0].GetTrackingUrl() != page || attempts[0].GetHost() != "N/A" {
		t.Errorf("after its kill: %v", attempts)
	}
	if a := r.appOverREST(id, "alice"); a["trackingUI"] != "History" || a["progress"] != 100.0 || a["trackingUrl"] != page {
		t.Errorf("after its kill: %v", a)
	}
	if head := r.raw("GET /proxy/" + app + "/"); !strings.Contains(head, "Location: /cluster/app/"+app+"\r\n") {
		t.Errorf("the proxy leads to %s", head)
	}
}

// Updates of an application that has ended change nothing and are no fault.
func TestUpdatesOfAnEndedApplication(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	id := alice.submit(func(c *submission) { unmanaged(c); c.Priority = &yarnpb.PriorityProto{Priority: new(int32(3))} })
	await(t, "the kill", func() bool {
		return call[yarnpb.KillApplicationResponseProto](alice, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: id}).GetIsKillCompleted()
	})
	if p := call[yarnpb.UpdateApplicationPriorityResponseProto](alice, "updateApplicationPriority", &yarnpb.UpdateApplicationPriorityRequestProto{ApplicationId: id,
		ApplicationPriority: &yarnpb.PriorityProto{Priority: new(int32(7))}}); p.GetApplicationPriority().GetPriority() != 3 {
		t.Errorf("%v, want the priority that it had", p)
	}
	asked := []*yarnpb.ApplicationUpdateTimeoutMapProto{{ApplicationTimeoutType: yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum(), ExpireTime: new("2036-12-05T17:21:00.104+0000")}}
	if p := call[yarnpb.UpdateApplicationTimeoutsResponseProto](alice, "updateApplicationTimeouts", &yarnpb.UpdateApplicationTimeoutsRequestProto{ApplicationId: id,
		ApplicationTimeouts: asked}); p.GetApplicationTimeouts()[0].GetExpireTime() != asked[0].GetExpireTime() {
		t.Errorf("%v, want what was asked for", p)
	}
}

// A queue's default priority is for those who name none; its use is of the type that is used most; nothing of it belongs to
// the cluster's administrators as such.
func TestQueuesAsJavaHasThem(t *testing.T) {
	r := start(t, map[string]string{"yarn.scheduler.capacity.root.batch.default-application-priority": "4", "yarn.scheduler.capacity.root.batch.maximum-application-lifetime": "500"})
	n := r.node("127.0.0.1", 8192, nil) // of 8 vcores
	alice := r.client("alice")
	id := alice.submit(func(c *submission) {
		c.Queue, c.Priority, c.Resource = new("batch"), nil, &yarnpb.ResourceProto{Memory: new(int64(1024)), VirtualCores: new(int32(2))}
	})
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	v := alice.report(id)
	if v.GetPriority().GetPriority() != 4 {
		t.Errorf("priority %v, want the queue's", v.GetPriority())
	}
	near := func(what string, got float32, want float64) {
		if math.Abs(float64(got)-want) > 0.01 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	// 2 of 8 vcores are more of the cluster than 1 of 8 GB; of batch's share the memory's is the greater part of the cluster: 3276 MB.
	near("the cluster's use", v.GetAppResource_Usage().GetClusterUsagePercentage(), 25)
	near("the queue's use", v.GetAppResource_Usage().GetQueueUsagePercentage(), 25/(3276.0/8192))
	q := call[yarnpb.GetQueueInfoResponseProto](alice, "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("batch")}).GetQueueInfo()
	near("the queue's current capacity", q.GetCurrentCapacity(), 0.25/(3276.0/8192))
	bob := r.client("bob")
	gone := bob.submit(unmanaged)
	await(t, "a kill", func() bool {
		return call[yarnpb.KillApplicationResponseProto](bob, "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: gone}).GetIsKillCompleted()
	})
	whole := call[yarnpb.GetQueueInfoResponseProto](alice, "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("root")}).GetQueueInfo().GetQueueStatistics()
	if whole.GetNumAppsKilled() != 1 || whole.GetNumAppsCompleted() != 0 || whole.GetNumAppsFailed() != 0 || whole.GetNumAppsSubmitted() != 2 || whole.GetNumActiveUsers() != 0 {
		t.Errorf("the root's counts, by which `yarn top` goes: %v", whole)
	}
	if free := q.GetQueueStatistics(); free.GetAvailableMemoryMB() != 3276-1024 || free.GetAvailableVCores() != 3-2 {
		t.Errorf("free of its guarantee: %v", free)
	}
	if q.GetMaxParallelApps() != math.MaxInt32 {
		t.Errorf("max parallel apps %d", q.GetMaxParallelApps())
	}
	if body := string(r.get("/ws/v1/cluster/scheduler", 200)); !strings.Contains(body, `"defaultPriority":4`) || !strings.Contains(body, `"maxApplicationLifetime":500`) || !strings.Contains(body, `"defaultApplicationLifetime":500`) {
		t.Errorf("%s", body)
	}
	if body := string(r.get("/ws/v1/cluster/scheduler", 200)); !strings.Contains(body, `"configuredCapacityVector":"[memory-mb=40.0%,`) || strings.Count(body, `"maxAMLimitPercentage":0,`) != 1 || strings.Count(body, "APPLICATION_MAX_PRIORITY") != 3 {
		t.Errorf("%s", body)
	}
	admin := r.client("admin")
	admin.refused("submitApplication", admin.fresh(func(c *submission) { c.Queue = new("batch") }),
		&yarnpb.SubmitApplicationResponseProto{}, classYarn, "User admin does not have permission to submit application_")
	admin.refused("moveApplicationAcrossQueues", &yarnpb.MoveApplicationAcrossQueuesRequestProto{ApplicationId: r.client("bob").submit(unmanaged), TargetQueue: new("batch")},
		&yarnpb.MoveApplicationAcrossQueuesResponseProto{}, classYarn, "AccessControlException")
	if rights := call[yarnpb.GetQueueUserAclsInfoResponseProto](r.client("keeper"), "getQueueUserAcls", &yarnpb.GetQueueUserAclsInfoRequestProto{}).GetQueueUserAcls(); len(rights[0].GetUserAcls()) != 2 {
		t.Errorf("the keeper's rights: %v", rights)
	}
}

// Smaller answers of the web services.
func TestRESTAsJavaHasIt(t *testing.T) {
	r := start(t, nil)
	id := r.fresh()
	r.expect("POST", "/apps?user.name=alice", `{"application-id":"`+id+`","application-name":"x","unmanaged-AM":true,"application-tags":{"tag":["B","a"]}}`, 202)
	r.expect("GET", "/apps?applicationTags=b", "", 200, id)
	tagged := call[yarnpb.GetApplicationsResponseProto](r.client("alice"), "getApplications", &yarnpb.GetApplicationsRequestProto{ApplicationTags: []string{"b"}}).GetApplications()
	if len(tagged) != 1 || !slices.Contains(tagged[0].GetApplicationTags(), "b") {
		t.Errorf("tags are lower case: %v", tagged)
	}
	r.expect("GET", "/scheduler-conf?user.name=bob", "", 403, "Only admins can carry out this operation.")
	r.expect("GET", "/apps/application_x_1", "", 400, "Invalid ApplicationId: application_x_1")
	r.expect("GET", "/apps?finishedTimeBegin=5&finishedTimeEnd=4", "", 400, "finishTimeEnd must be greater than finishTimeBegin")
	for path, want := range map[string]string{"/info": "GET, HEAD, OPTIONS", "/apps": "GET, HEAD, OPTIONS, POST", "/apps/" + id + "/state": "GET, HEAD, OPTIONS, PUT"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+r.Addresses.Web+"/ws/v1/cluster"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Allow"); got != want || resp.StatusCode != http.StatusOK {
			t.Errorf("OPTIONS %s: %d, Allow %q, want %q", path, resp.StatusCode, got, want)
		}
	}
	container := &yarnpb.ContainerIdProto{Id: new(int64(1)), AppAttemptId: &yarnpb.ApplicationAttemptIdProto{AttemptId: new(int32(1)), ApplicationId: &yarnpb.ApplicationIdProto{Id: new(int32(1)), ClusterTimestamp: new(int64(1))}}}
	r.client("alice").refused("signalToContainer", &yarnpb.SignalContainerRequestProto{ContainerId: container, Command: yarnpb.SignalContainerCommandProto_GRACEFUL_SHUTDOWN.Enum()},
		&yarnpb.SignalContainerResponseProto{}, classYarn, "Trying to signal an absent container container_1_0001_01_000001")
}
