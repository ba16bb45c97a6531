package resourcemanager_test

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
)

func (p peer) allocate(last int32, asks ...*yarnpb.ResourceRequestProto) *yarnpb.AllocateResponseProto {
	p.t.Helper()
	return call[yarnpb.AllocateResponseProto](p, "allocate", &yarnpb.AllocateRequestProto{ResponseId: &last, Ask: asks, Progress: new(float32(0.5))})
}

// An unmanaged AM from registration to farewell, with every step out of turn refused.
func TestMasterFromRegistrationToFarewell(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	am, id := r.master("alice", nil)
	ask := &yarnpb.AllocateRequestProto{ResponseId: new(int32(0))}
	am.refused("allocate", ask, &yarnpb.AllocateResponseProto{}, rpc.ClassApplicationMasterNotRegistered, "AM should re-register")
	am.refused("finishApplicationMaster", &yarnpb.FinishApplicationMasterRequestProto{}, &yarnpb.FinishApplicationMasterResponseProto{}, rpc.ClassApplicationMasterNotRegistered, "before registering")
	reg := am.register()
	if reg.GetMaximumCapability().GetMemory() != 8192 || reg.GetQueue() != "root.default" || len(reg.GetSchedulerResourceTypes()) != 2 {
		t.Errorf("registration: %v", reg)
	}
	am.refused("registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{Host: new("x"), RpcPort: new(int32(1)), TrackingUrl: new("")}, &yarnpb.RegisterApplicationMasterResponseProto{},
		rpc.ClassInvalidApplicationMasterRequest, "Application Master is already registered : application_")

	first := am.allocate(0, anywhere(2, 1024))
	if len(first.GetAllocatedContainers()) != 2 || len(first.GetNmTokens()) != 1 || first.GetResponseId() != 1 || first.GetNumClusterNodes() != 1 {
		t.Fatalf("first answer: %v", first)
	}
	if again := am.allocate(0); !proto.Equal(again, first) {
		t.Errorf("the repeated call was answered with %v", again)
	}
	am.refused("allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(53))}, &yarnpb.AllocateResponseProto{}, rpc.ClassInvalidApplicationMasterRequest, "expect responseId to be 1, but get 53")
	second := am.allocate(1, anywhere(1, 1024))
	if len(second.GetAllocatedContainers()) != 1 || len(second.GetNmTokens()) != 0 {
		t.Errorf("a second NMToken of the same node was sent: %v", second)
	}
	for _, c := range first.GetAllocatedContainers() {
		checkContainerToken(t, n, c)
	}
	// An exit status reaches the AM; the node may forget it once the AM's next call has come.
	c := first.GetAllocatedContainers()[0].GetId()
	n.beat(ended(c, 3))
	third := am.allocate(2)
	if s := third.GetCompletedContainerStatuses(); len(s) != 1 || s[0].GetExitStatus() != 3 {
		t.Fatalf("exits: %v", s)
	}
	if got := n.beat(ended(c, 3)).GetContainersToBeRemovedFromNm(); len(got) != 0 {
		t.Errorf("the node was told to forget %v too early", got)
	}
	am.allocate(3)
	if got := n.beat(ended(c, 3)).GetContainersToBeRemovedFromNm(); len(got) != 1 || !proto.Equal(got[0], c) {
		t.Errorf("the node is told to forget %v", got)
	}
	if v := r.client("alice").report(id); v.GetYarnApplicationState() != yarnpb.YarnApplicationStateProto_RUNNING || v.GetProgress() != 0.5 || v.GetHost() != "am-host" || v.GetRpcPort() != 4711 || v.GetTrackingUrl() != "http://am-host:80/ui" {
		t.Errorf("report: %v", v)
	}
	bye := &yarnpb.FinishApplicationMasterRequestProto{FinalApplicationStatus: yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED.Enum(), Diagnostics: new("done"), TrackingUrl: new("")}
	if !call[yarnpb.FinishApplicationMasterResponseProto](am, "finishApplicationMaster", bye).GetIsUnregistered() {
		t.Error("an unmanaged AM's farewell is true at once")
	}
	await(t, "the final state, which is saved first", func() bool {
		return r.client("alice").report(id).GetYarnApplicationState() == yarnpb.YarnApplicationStateProto_FINISHED
	})
	if v := r.client("alice").report(id); v.GetFinalApplicationStatus() != yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED || v.GetDiagnostics() != "done" {
		t.Errorf("report: %v", v)
	}
	am.refused("allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(4))}, &yarnpb.AllocateResponseProto{}, rpc.ClassApplicationAttemptNotFound, "doesn't exist in ApplicationMasterService cache.")
	await(t, "the clean-up order", func() bool {
		b := n.beat()
		return len(b.GetApplicationsToCleanup()) == 1 && proto.Equal(b.GetApplicationsToCleanup()[0], id)
	})
}

// checkContainerToken reads a container's token as its node would.
func checkContainerToken(t *testing.T, n *node, c *yarnpb.ContainerProto) {
	t.Helper()
	token := security.TokenFromProto(c.GetContainerToken())
	id, err := security.ParseContainerIdentifier(token.Identifier)
	if err != nil {
		t.Fatal(err)
	}
	if key := security.MasterKeyFromProto(n.reg.GetContainerTokenMasterKey()); !key.Signed(token.Identifier, token.Password) || id.GetMasterKeyId() != key.ID {
		t.Error("the container's token is not signed with the node's key")
	}
	if !proto.Equal(id.GetContainerId(), c.GetId()) || id.GetAppSubmitter() != "alice" || id.GetRmIdentifier() != n.reg.GetRmIdentifier() ||
		id.GetContainerType() != yarnpb.ContainerTypeProto_TASK || id.GetResource().GetMemory() != 1024 {
		t.Errorf("identifier %v of container %v", id, c)
	}
}

func TestAsksThatAreRefused(t *testing.T) {
	r := start(t, nil)
	am, id := r.master("alice", nil)
	am.register()
	attempt := &yarnpb.ApplicationAttemptIdProto{ApplicationId: &yarnpb.ApplicationIdProto{ClusterTimestamp: new(int64(1)), Id: id.Id}, AttemptId: new(int32(1))}
	for name, c := range map[string]struct {
		req   *yarnpb.AllocateRequestProto
		class string
		want  []string
	}{
		"above the maximum":   {&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(1, 9000)}}, classResource, []string{"memory", "9000", "8192", "yarn.scheduler.maximum-allocation-mb"}},
		"a negative number":   {&yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{anywhere(-1, 1024)}}, classResource, []string{"-1", "negative"}},
		"another's container": {&yarnpb.AllocateRequestProto{Release: []*yarnpb.ContainerIdProto{{AppAttemptId: attempt, Id: new(int64(1))}}}, rpc.ClassInvalidContainerRelease, []string{"not belonging to this application attempt"}},
		"* on the blacklist":  {&yarnpb.AllocateRequestProto{BlacklistRequest: &yarnpb.ResourceBlacklistRequestProto{BlacklistAdditions: []string{"*"}}}, rpc.ClassInvalidBlacklistRequest, []string{"Cannot add * to the blacklist!"}},
		"scheduling requests": {&yarnpb.AllocateRequestProto{SchedulingRequests: []*yarnpb.SchedulingRequestProto{{}}}, classYarn, []string{"placement constraints", "not supported"}},
	} {
		t.Run(name, func(t *testing.T) {
			am.t = t
			c.req.ResponseId = new(int32(0))
			am.refused("allocate", c.req, &yarnpb.AllocateResponseProto{}, c.class, c.want...)
		})
	}
	am.t = t
	am.allocate(0) // none of them cost the AM its place
}

// The AMRM port wants a token that it knows.
func TestMasterWithoutAToken(t *testing.T) {
	r := start(t, nil)
	for name, token := range map[string]*rpc.ClientToken{"none": nil, "garbage": {Identifier: []byte("x"), Password: []byte("y")}} {
		p := r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, User: "alice", Token: token})
		if err := p.Call(t.Context(), "allocate", &yarnpb.AllocateRequestProto{}, &yarnpb.AllocateResponseProto{}); err == nil {
			t.Errorf("%s: the call was answered", name)
		}
	}
}

// A managed AM: the node is told to start it with the client's command, the AMRM token among
// its credentials and the variables that AMs read; its end without a farewell is tried again.
func TestManagedMaster(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	alice := r.client("alice")
	secrets := security.NewCredentials()
	secrets.Secrets["mine"] = []byte("s3cret")
	id := alice.submit(func(c *submission) { c.AmContainerSpec.Tokens = secrets.Marshal() })
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	req := n.starts()[0]
	env := map[string]string{}
	for _, e := range req.GetContainerLaunchContext().GetEnvironment() {
		env[e.GetKey()] = e.GetValue()
	}
	creds, err := security.ParseCredentials(req.GetContainerLaunchContext().GetTokens())
	if err != nil {
		t.Fatal(err)
	}
	name := "application_"
	if env["APPLICATION_WEB_PROXY_BASE"][:len("/proxy/"+name)] != "/proxy/"+name || env["APP_SUBMIT_TIME_ENV"] == "" || string(creds.Secrets["mine"]) != "s3cret" ||
		creds.Tokens[""].Kind != security.KindAMRM || req.GetContainerLaunchContext().GetCommand()[0] != "am" {
		t.Errorf("start request %v, credentials %v", req, creds)
	}
	am := r.masterIn(req)
	am.register()
	cid, err := security.ParseContainerIdentifier(req.GetContainerToken().GetIdentifier())
	if err != nil {
		t.Fatal(err)
	}
	if cid.GetContainerType() != yarnpb.ContainerTypeProto_APPLICATION_MASTER {
		t.Errorf("the AM's container is a %s", cid.GetContainerType())
	}
	attempts := func() []*yarnpb.ApplicationAttemptReportProto {
		return call[yarnpb.GetApplicationAttemptsResponseProto](alice, "getApplicationAttempts", &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: id}).GetApplicationAttempts()
	}
	containers := call[yarnpb.GetContainersResponseProto](alice, "getContainers", &yarnpb.GetContainersRequestProto{ApplicationAttemptId: attempts()[0].GetApplicationAttemptId()}).GetContainers()
	if len(containers) != 1 || !proto.Equal(containers[0].GetContainerId(), cid.GetContainerId()) {
		t.Errorf("containers: %v", containers)
	}
	call[yarnpb.GetContainerReportResponseProto](alice, "getContainerReport", &yarnpb.GetContainerReportRequestProto{ContainerId: cid.GetContainerId()})
	call[yarnpb.SignalContainerResponseProto](alice, "signalToContainer", &yarnpb.SignalContainerRequestProto{ContainerId: cid.GetContainerId(), Command: yarnpb.SignalContainerCommandProto_OUTPUT_THREAD_DUMP.Enum()})
	if s := n.beat().GetContainersToSignal(); len(s) != 1 || s[0].GetCommand() != yarnpb.SignalContainerCommandProto_OUTPUT_THREAD_DUMP {
		t.Errorf("signals: %v", s)
	}
	n.beat(ended(cid.GetContainerId(), 1))
	await(t, "the second attempt", func() bool { return len(n.starts()) == 2 })
	list := attempts()
	if len(list) != 2 || list[0].GetYarnApplicationAttemptState() != yarnpb.YarnApplicationAttemptStateProto_APP_ATTEMPT_FAILED {
		t.Errorf("attempts: %v", list)
	}
	am.fails("allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(0))}, &yarnpb.AllocateResponseProto{}) // the first attempt is over
	call[yarnpb.FailApplicationAttemptResponseProto](alice, "failApplicationAttempt", &yarnpb.FailApplicationAttemptRequestProto{ApplicationAttemptId: list[1].GetApplicationAttemptId()})
	await(t, "the failure", func() bool {
		return alice.report(id).GetYarnApplicationState() == yarnpb.YarnApplicationStateProto_FAILED
	})
	if got := call[yarnpb.GetApplicationAttemptReportResponseProto](alice, "getApplicationAttemptReport",
		&yarnpb.GetApplicationAttemptReportRequestProto{ApplicationAttemptId: list[1].GetApplicationAttemptId()}).GetApplicationAttemptReport(); got.GetDiagnostics() != "Attempt failed by user alice" {
		t.Errorf("second attempt: %v", got)
	}
}

// What is told of an AM that dies: that it was launched, nothing that leads to where it no longer is, and by which rules it failed.
func TestAMasterThatDiesIsFollowedNowhere(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	alice := r.client("alice")
	id := alice.submit(func(s *submission) { s.MaxAppAttempts = new(int32(1)) })
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	path := "/ws/v1/cluster/apps/" + appText(id) + "?user.name=alice"
	await(t, "the launch", func() bool { return alice.report(id).GetLaunchTime() > 0 })
	if got := string(r.get(path, http.StatusOK)); !containsAll(got, `"trackingUI":"UNASSIGNED"`, `"diagnostics":"AM container is launched, waiting for AM container to Register with RM"`) {
		t.Errorf("before the AM registered: %s", got)
	}
	req := n.starts()[0]
	am := r.masterIn(req)
	am.register()
	if got := string(r.get(path, http.StatusOK)); !containsAll(got, `"trackingUI":"ApplicationMaster"`, `/proxy/`+appText(id)+`/"`, `"amRPCAddress":"am-host:4711"`) {
		t.Errorf("while it runs: %s", got)
	}
	call[yarnpb.AllocateResponseProto](am, "allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(0)), Progress: new(float32(0.25))})
	cid, err := security.ParseContainerIdentifier(req.GetContainerToken().GetIdentifier())
	if err != nil {
		t.Fatal(err)
	}
	n.beat(ended(cid.GetContainerId(), 1))
	await(t, "the failure", func() bool {
		return alice.report(id).GetYarnApplicationState() == yarnpb.YarnApplicationStateProto_FAILED
	})
	first := "http://" + r.Addresses.Web + "/cluster/app/" + appText(id)
	for _, when := range []string{"after the failure", "after a restart"} {
		got, page := alice.report(id), "http://"+r.Addresses.Web+"/cluster/app/"+appText(id)
		if got.GetTrackingUrl() != page || got.GetOriginalTrackingUrl() != first || got.GetHost() != "N/A" || got.GetRpcPort() != -1 ||
			!containsAll(got.GetDiagnostics(), " failed 1 times (global limit =2; local limit is =1) due to AM Container for ") {
			t.Errorf("%s: %v", when, got)
		}
		if rest := string(r.get(path, http.StatusOK)); !containsAll(rest, `"trackingUI":"History"`, `"trackingUrl":"`+page+`"`) {
			t.Errorf("%s: %s", when, rest)
		}
		if when == "after the failure" {
			if got.GetProgress() != 0.25 {
				t.Errorf("progress %v", got.GetProgress())
			}
			r.restart()
			alice = r.client("alice")
		}
	}
}

// A NodeManager that refuses the AM's start: its words are in the diagnostics.
func TestRefusedMasterStart(t *testing.T) {
	r := start(t, map[string]string{"yarn.resourcemanager.am.max-attempts": "1"})
	n := r.node("127.0.0.1", 8192, nil)
	n.mu.Lock()
	n.refuse = rpc.Exception(classYarn, "the disks are full")
	n.mu.Unlock()
	alice := r.client("alice")
	id := alice.submit(nil)
	await(t, "the failure", func() bool {
		return alice.report(id).GetYarnApplicationState() == yarnpb.YarnApplicationStateProto_FAILED
	})
	if d := alice.report(id).GetDiagnostics(); !containsAll(d, "Error launching appattempt_", "the disks are full") {
		t.Errorf("diagnostics %q", d)
	}
}

func TestPriorityIsBoundedAndReachesTheMaster(t *testing.T) {
	r := start(t, nil)
	am, id := r.master("alice", nil)
	am.register()
	resp := call[yarnpb.UpdateApplicationPriorityResponseProto](r.client("alice"), "updateApplicationPriority",
		&yarnpb.UpdateApplicationPriorityRequestProto{ApplicationId: id, ApplicationPriority: &yarnpb.PriorityProto{Priority: new(int32(99))}})
	if got := am.allocate(0).GetApplicationPriority().GetPriority(); got != 10 || resp.GetApplicationPriority().GetPriority() != 10 {
		t.Errorf("the AM hears %d, the caller %v; the maximum is 10", got, resp)
	}
}

// After a restart: the AM is told to register again, and its token is still good.
func TestMasterAfterARestart(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	am, id := r.master("alice", nil)
	token := alice.report(id).GetAmRmToken()
	am.register()
	am.allocate(0)
	r.restart()
	am = r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, Token: &rpc.ClientToken{Identifier: token.GetIdentifier(), Password: token.GetPassword()}})
	am.refused("allocate", &yarnpb.AllocateRequestProto{ResponseId: new(int32(1))}, &yarnpb.AllocateResponseProto{}, rpc.ClassApplicationMasterNotRegistered)
	am.register()
	if got := am.allocate(0).GetResponseId(); got != 1 {
		t.Errorf("response id %d after the second registration", got)
	}
	if v := r.client("alice").report(id); v.GetYarnApplicationState() != yarnpb.YarnApplicationStateProto_RUNNING {
		t.Errorf("%v", v)
	}
	if page := string(r.ask(as("/cluster/app/"+appText(id), "alice"), "text/html", 200)); !containsAll(page, "since before a restart", "Attempt 1") {
		t.Errorf("its page: %.3000s", page)
	}
}

// masterIn connects as the AM that a node was told to start.
func (r *rm) masterIn(req *yarnpb.StartContainerRequestProto) peer {
	r.t.Helper()
	creds, err := security.ParseCredentials(req.GetContainerLaunchContext().GetTokens())
	if err != nil {
		r.t.Fatal(err)
	}
	token := creds.Tokens[""]
	return r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, Token: &rpc.ClientToken{Identifier: token.Identifier, Password: token.Password}})
}
