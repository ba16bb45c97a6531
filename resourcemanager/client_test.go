package resourcemanager_test

import (
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	adminpb "heddle/hadoop-proto/admin"
	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
)

const (
	classYarn     = rpc.ClassYarn
	classResource = rpc.ClassInvalidResourceRequest
)

// What a user can get wrong in a submission: one error that names the thing and the remedy.
func TestSubmissionsThatAreRefused(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	for _, c := range []struct {
		name   string
		user   string
		change func(*submission)
		class  string
		want   []string
	}{
		{"unknown queue", "alice", func(c *submission) { c.Queue = new("nowhere") }, classYarn, []string{"unknown queue: nowhere", "application_", "root.default"}},
		{"a parent queue", "alice", func(c *submission) { c.Queue = new("root") }, classYarn, []string{"root is not a leaf queue", "children"}},
		{"no right to submit", "bob", func(c *submission) { c.Queue = new("batch") }, classYarn, []string{"AccessControlException", "User bob does not have permission to submit application_", "to queue batch", "acl_submit_applications"}},
		{"memory above the maximum", "alice", func(c *submission) { c.Resource = resource(9000, 1) }, classResource, []string{"memory", "9000", "8192", "maximum"}},
		{"cores above the maximum", "alice", func(c *submission) { c.Resource = resource(1024, 100) }, classResource, []string{"vcores", "100", "maximum"}},
		{"negative memory", "alice", func(c *submission) { c.Resource = resource(-1, 1) }, classResource, []string{"memory"}},
		{"unknown resource type", "alice", func(c *submission) {
			c.Resource.ResourceValueMap = []*yarnpb.ResourceInformationProto{{Key: new("fpga"), Value: new(int64(1)), Units: new("")}}
		}, rpc.ClassResourceNotFound, []string{"fpga", "yarn.resource-types"}},
		{"a node label", "alice", func(c *submission) { c.NodeLabelExpression = new("fast") }, rpc.ClassInvalidLabelResourceRequest, []string{"fast"}},
		{"too many tags", "alice", func(c *submission) { c.ApplicationTags = strings.Split(strings.Repeat("a,", 10)+"b", ",") }, classYarn, []string{"maximum of only 10"}},
		{"a long tag", "alice", func(c *submission) { c.ApplicationTags = []string{strings.Repeat("x", 101)} }, classYarn, []string{"maximum allowed length of a tag is 100"}},
		{"a context of 5 MB", "alice", func(c *submission) { c.AmContainerSpec.Command = []string{strings.Repeat("x", 5<<20)} }, classYarn, []string{"submission context has 52", "at most 4194304", "local resource"}},
		{"a long name", "alice", func(c *submission) { c.ApplicationName = new(strings.Repeat("x", 5000)) }, classYarn, []string{"5000 bytes", "at most 4096"}},
		{"no id", "alice", func(c *submission) { c.ApplicationId = nil }, rpc.ClassApplicationIDNotProvided, []string{"getNewApplication"}},
		{"opportunistic AM", "alice", func(c *submission) {
			ask := anywhere(1, 1024)
			ask.ExecutionTypeRequest = &yarnpb.ExecutionTypeRequestProto{ExecutionType: yarnpb.ExecutionTypeProto_OPPORTUNISTIC.Enum()}
			c.AmContainerResourceRequest = []*yarnpb.ResourceRequestProto{ask}
		}, classResource, []string{"GUARANTEED"}},
		{"an AM ask without *", "alice", func(c *submission) {
			ask := anywhere(1, 1024)
			ask.ResourceName = new("host")
			c.AmContainerResourceRequest = []*yarnpb.ResourceRequestProto{ask}
		}, classResource, []string{"*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := r.client(c.user)
			p.t = t
			p.refused("submitApplication", p.fresh(c.change), &yarnpb.SubmitApplicationResponseProto{}, c.class, c.want...)
		})
	}
	alice.refused("submitApplication", &yarnpb.SubmitApplicationRequestProto{}, &yarnpb.SubmitApplicationResponseProto{}, classYarn, "submission context")
	if n := len(call[yarnpb.GetApplicationsResponseProto](alice, "getApplications", &yarnpb.GetApplicationsRequestProto{}).GetApplications()); n != 0 {
		t.Errorf("%d refused applications are left", n)
	}
}

// The texts that clients and scripts match on (rpc.md §5).
func TestUnknownThings(t *testing.T) {
	r := start(t, nil)
	c := r.client("alice")
	id := &yarnpb.ApplicationIdProto{ClusterTimestamp: new(int64(1)), Id: new(int32(99))}
	attempt := &yarnpb.ApplicationAttemptIdProto{ApplicationId: id, AttemptId: new(int32(1))}
	container := &yarnpb.ContainerIdProto{AppAttemptId: attempt, Id: new(int64(1))}
	const absent = "Application with id 'application_1_0099' doesn't exist in RM. Please check that the job submission was successful."
	notFound := rpc.ClassApplicationNotFound
	c.refused("getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: id}, &yarnpb.GetApplicationReportResponseProto{}, notFound, absent)
	c.refused("forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: id}, &yarnpb.KillApplicationResponseProto{}, notFound, "Trying to kill an absent application application_1_0099")
	c.refused("getApplicationAttempts", &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: id}, &yarnpb.GetApplicationAttemptsResponseProto{}, notFound, absent)
	c.refused("getContainers", &yarnpb.GetContainersRequestProto{ApplicationAttemptId: attempt}, &yarnpb.GetContainersResponseProto{}, notFound, absent)
	c.refused("getContainerReport", &yarnpb.GetContainerReportRequestProto{ContainerId: container}, &yarnpb.GetContainerReportResponseProto{}, notFound, absent)
	c.refused("getApplicationReport", &yarnpb.GetApplicationReportRequestProto{}, &yarnpb.GetApplicationReportResponseProto{}, rpc.ClassApplicationIDNotProvided)
	mine := c.submit(nil)
	attempt = &yarnpb.ApplicationAttemptIdProto{ApplicationId: mine, AttemptId: new(int32(9))}
	container = &yarnpb.ContainerIdProto{AppAttemptId: attempt, Id: new(int64(1))}
	c.refused("getApplicationAttemptReport", &yarnpb.GetApplicationAttemptReportRequestProto{ApplicationAttemptId: attempt}, &yarnpb.GetApplicationAttemptReportResponseProto{}, rpc.ClassApplicationAttemptNotFound)
	c.refused("getContainers", &yarnpb.GetContainersRequestProto{ApplicationAttemptId: attempt}, &yarnpb.GetContainersResponseProto{}, rpc.ClassApplicationAttemptNotFound)
	c.refused("getContainerReport", &yarnpb.GetContainerReportRequestProto{ContainerId: container}, &yarnpb.GetContainerReportResponseProto{}, rpc.ClassContainerNotFound)
	c.refused("signalToContainer", &yarnpb.SignalContainerRequestProto{ContainerId: container, Command: yarnpb.SignalContainerCommandProto_FORCEFUL_SHUTDOWN.Enum()}, &yarnpb.SignalContainerResponseProto{}, classYarn, "absent container")
	c.refused("failApplicationAttempt", &yarnpb.FailApplicationAttemptRequestProto{ApplicationAttemptId: attempt}, &yarnpb.FailApplicationAttemptResponseProto{}, rpc.ClassApplicationAttemptNotFound)
}

// Others see that an application is there, not more, and may not touch it.
func TestOthersApplications(t *testing.T) {
	r := start(t, nil)
	alice, bob := r.client("alice"), r.client("bob")
	id := alice.submit(func(c *submission) {
		unmanaged(c)
		c.AmContainerSpec.Application_ACLs = []*yarnpb.ApplicationACLMapProto{{AccessType: yarnpb.ApplicationAccessTypeProto_APPACCESS_VIEW_APP.Enum(), Acl: new("carol")}}
	})
	await(t, "the AMRM token", func() bool { return alice.report(id).GetAmRmToken() != nil })
	if v := bob.report(id); v.GetAmRmToken() != nil || v.GetTrackingUrl() != "N/A" || v.GetDiagnostics() != "N/A" || v.GetUser() != "alice" || v.LogAggregationStatus != nil || v.GetAppResource_Usage().GetNumUsedContainers() != -1 {
		t.Errorf("bob sees %v", v)
	}
	for user, may := range map[string]bool{"carol": true, "admin": true, "bob": false} {
		v := r.client(user).report(id)
		if v.GetAmRmToken() != nil {
			t.Errorf("%s gets the token", user)
		}
		if sees := v.GetDiagnostics() != "N/A"; sees != may {
			t.Errorf("%s sees the details: %v", user, sees)
		}
	}
	bob.refused("forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: id}, &yarnpb.KillApplicationResponseProto{}, classYarn,
		"AccessControlException", "User bob cannot perform operation MODIFY_APP on application_")
	bob.refused("updateApplicationPriority", &yarnpb.UpdateApplicationPriorityRequestProto{ApplicationId: id, ApplicationPriority: &yarnpb.PriorityProto{Priority: new(int32(3))}},
		&yarnpb.UpdateApplicationPriorityResponseProto{}, classYarn, "MODIFY_APP")
	bob.refused("getApplicationAttempts", &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: id}, &yarnpb.GetApplicationAttemptsResponseProto{}, classYarn, "bob")
	await(t, "the admin's kill", func() bool {
		return call[yarnpb.KillApplicationResponseProto](r.client("admin"), "forceKillApplication", &yarnpb.KillApplicationRequestProto{ApplicationId: id}).GetIsKillCompleted()
	})
	if v := alice.report(id); v.GetYarnApplicationState() != yarnpb.YarnApplicationStateProto_KILLED || !strings.Contains(v.GetDiagnostics(), "killed by user admin at 127.0.0.1") {
		t.Errorf("after the kill: %s, %q", v.GetYarnApplicationState(), v.GetDiagnostics())
	}
}

func TestApplicationLists(t *testing.T) {
	r := start(t, nil)
	alice, bob := r.client("alice"), r.client("bob")
	alice.submit(func(c *submission) { c.Queue, c.ApplicationTags = new("root.batch"), []string{"nightly"} })
	bob.submit(func(c *submission) { c.ApplicationType = new("SPARK") })
	for name, c := range map[string]struct {
		req  *yarnpb.GetApplicationsRequestProto
		want int
	}{
		"all":       {&yarnpb.GetApplicationsRequestProto{}, 2},
		"own":       {&yarnpb.GetApplicationsRequestProto{Scope: yarnpb.ApplicationsRequestScopeProto_OWN.Enum()}, 1},
		"viewable":  {&yarnpb.GetApplicationsRequestProto{Scope: yarnpb.ApplicationsRequestScopeProto_VIEWABLE.Enum()}, 1},
		"by type":   {&yarnpb.GetApplicationsRequestProto{ApplicationTypes: []string{"spark"}}, 1},
		"by queue":  {&yarnpb.GetApplicationsRequestProto{Queues: []string{"batch"}}, 1},
		"by tag":    {&yarnpb.GetApplicationsRequestProto{ApplicationTags: []string{"nightly"}}, 1},
		"by user":   {&yarnpb.GetApplicationsRequestProto{Users: []string{"bob"}}, 1},
		"by state":  {&yarnpb.GetApplicationsRequestProto{ApplicationStates: []yarnpb.YarnApplicationStateProto{yarnpb.YarnApplicationStateProto_KILLED}}, 0},
		"limited":   {&yarnpb.GetApplicationsRequestProto{Limit: new(int64(1))}, 1},
		"long past": {&yarnpb.GetApplicationsRequestProto{StartEnd: new(int64(1))}, 0},
	} {
		if got := len(call[yarnpb.GetApplicationsResponseProto](alice, "getApplications", c.req).GetApplications()); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestQueuesAndNodes(t *testing.T) {
	r := start(t, nil)
	r.node("127.0.0.1", 8192, nil)
	bob := r.client("bob")
	q := call[yarnpb.GetQueueInfoResponseProto](bob, "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("root"), IncludeChildQueues: new(true), Recursive: new(true)}).GetQueueInfo()
	if len(q.GetChildQueues()) != 2 || q.GetChildQueues()[0].GetQueuePath() != "root.default" || math.Abs(float64(q.GetChildQueues()[0].GetCapacity()-0.6)) > 1e-6 || q.GetChildQueues()[0].GetMaxParallelApps() != math.MaxInt32 {
		t.Errorf("%v", q)
	}
	if q := call[yarnpb.GetQueueInfoResponseProto](bob, "getQueueInfo", &yarnpb.GetQueueInfoRequestProto{QueueName: new("nowhere")}); q.QueueInfo != nil {
		t.Errorf("an unknown queue is described: %v", q)
	}
	rights := map[string]int{}
	for _, a := range call[yarnpb.GetQueueUserAclsInfoResponseProto](bob, "getQueueUserAcls", &yarnpb.GetQueueUserAclsInfoRequestProto{}).GetQueueUserAcls() {
		rights[a.GetQueueName()] = len(a.GetUserAcls())
	}
	if rights["root"] != 0 || rights["root.default"] != 1 || rights["root.batch"] != 0 {
		t.Errorf("bob's rights: %v", rights)
	}
	nodes := call[yarnpb.GetClusterNodesResponseProto](bob, "getClusterNodes", &yarnpb.GetClusterNodesRequestProto{NodeStates: []yarnpb.NodeStateProto{yarnpb.NodeStateProto_NS_RUNNING}}).GetNodeReports()
	if len(nodes) != 1 || nodes[0].GetCapability().GetMemory() != 8192 || nodes[0].GetRackName() != "/default-rack" {
		t.Errorf("%v", nodes)
	}
	if m := call[yarnpb.GetClusterMetricsResponseProto](bob, "getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}).GetClusterMetrics(); m.GetNumActiveNms() != 1 || m.GetNumLostNms() != 0 {
		t.Errorf("%v", m)
	}
	if types := call[yarnpb.GetAllResourceTypeInfoResponseProto](bob, "getResourceTypeInfo", &yarnpb.GetAllResourceTypeInfoRequestProto{}).GetResourceTypeInfo(); len(types) != 3 || types[2].GetName() != "yarn.io/gpu" {
		t.Errorf("%v", types)
	}
	bob.refused("getResourceProfiles", &yarnpb.GetAllResourceProfilesRequestProto{}, &yarnpb.GetAllResourceProfilesResponseProto{}, rpc.ClassFeatureNotEnabled, "yarn.resourcemanager.resource-profiles.enabled")
	for method, c := range map[string][2]proto.Message{
		"getClusterNodeLabels":     {&yarnpb.GetClusterNodeLabelsRequestProto{}, &yarnpb.GetClusterNodeLabelsResponseProto{}},
		"getNodeToLabels":          {&yarnpb.GetNodesToLabelsRequestProto{}, &yarnpb.GetNodesToLabelsResponseProto{}},
		"getLabelsToNodes":         {&yarnpb.GetLabelsToNodesRequestProto{}, &yarnpb.GetLabelsToNodesResponseProto{}},
		"getClusterNodeAttributes": {&yarnpb.GetClusterNodeAttributesRequestProto{}, &yarnpb.GetClusterNodeAttributesResponseProto{}},
		"getAttributesToNodes":     {&yarnpb.GetAttributesToNodesRequestProto{}, &yarnpb.GetAttributesToNodesResponseProto{}},
		"getNodesToAttributes":     {&yarnpb.GetNodesToAttributesRequestProto{}, &yarnpb.GetNodesToAttributesResponseProto{}},
	} {
		if err := bob.Call(t.Context(), method, c[0], c[1]); err != nil || proto.Size(c[1]) != 0 {
			t.Errorf("%s: %v, %v; a cluster without labels has none", method, c[1], err)
		}
	}
}

func TestDelegationTokens(t *testing.T) {
	r := start(t, map[string]string{"yarn.resourcemanager.delegation.token.max-lifetime": "3600000"})
	alice := r.client("alice")
	token := call[commonpb.GetDelegationTokenResponseProto](alice, "getDelegationToken", &commonpb.GetDelegationTokenRequestProto{Renewer: new("yarn")}).GetToken()
	login := func(password []byte) peer {
		return r.dial(rpc.ClientConfig{Address: r.Addresses.Client, Protocol: clientProtocol, Token: &rpc.ClientToken{Identifier: token.GetIdentifier(), Password: password}})
	}
	id := login(token.GetPassword()).submit(nil)
	if u := alice.report(id).GetUser(); u != "alice" {
		t.Errorf("the application that was submitted with the token is %s's", u)
	}
	login([]byte("wrong")).fails("getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{})
	until := call[commonpb.RenewDelegationTokenResponseProto](r.client("yarn"), "renewDelegationToken", &commonpb.RenewDelegationTokenRequestProto{Token: token}).GetNewExpiryTime()
	alice.refused("renewDelegationToken", &commonpb.RenewDelegationTokenRequestProto{Token: token}, &commonpb.RenewDelegationTokenResponseProto{}, rpc.ClassAccessControl, "renewer")
	r.client("bob").refused("cancelDelegationToken", &commonpb.CancelDelegationTokenRequestProto{Token: token}, &commonpb.CancelDelegationTokenResponseProto{}, rpc.ClassAccessControl, "not authorized")
	if id := r.service(t, token.GetIdentifier()); int64(until) > id.GetMaxDate() || id.GetMaxDate()-id.GetIssueDate() != 3600000 {
		t.Errorf("issued %d, max %d, renewed until %d; the lifetime is an hour", id.GetIssueDate(), id.GetMaxDate(), until)
	}
	r.restart() // tokens are durable
	login(token.GetPassword()).report(id)
	call[commonpb.CancelDelegationTokenResponseProto](r.client("alice"), "cancelDelegationToken", &commonpb.CancelDelegationTokenRequestProto{Token: token})
	login(token.GetPassword()).fails("getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{})
}

func (r *rm) service(t *testing.T, identifier []byte) *yarnpb.YARNDelegationTokenIdentifierProto {
	t.Helper()
	id := &yarnpb.YARNDelegationTokenIdentifierProto{}
	if err := proto.Unmarshal(identifier, id); err != nil {
		t.Fatal(err)
	}
	return id
}

// fails makes a call that must not get through.
func (p peer) fails(method string, req, resp proto.Message) {
	p.t.Helper()
	if err := p.Call(p.t.Context(), method, req, resp); err == nil {
		p.t.Errorf("%s was answered", method)
	}
}

// Every method of the four protocols is known: it is answered, or refused by an exception
// of its own. What is not built names itself.
func TestEveryMethodIsKnown(t *testing.T) {
	r := start(t, nil)
	am, _ := r.master("alice", nil)
	admin := r.dial(rpc.ClientConfig{Address: r.Addresses.Admin, Protocol: adminProtocol, User: "admin"})
	for name, c := range map[protoreflect.ServiceDescriptor]peer{
		yarnpb.File_hadoop_proto_yarn_applicationclient_protocol_proto.Services().Get(0):                r.client("alice"),
		yarnpb.File_hadoop_proto_yarn_applicationmaster_protocol_proto.Services().Get(0):                am,
		yarnpb.File_hadoop_proto_yarn_resource_tracker_proto.Services().Get(0):                          r.tracker(),
		adminpb.File_hadoop_proto_admin_resourcemanager_administration_protocol_proto.Services().Get(0): admin,
	} {
		for i := range name.Methods().Len() {
			m := name.Methods().Get(i)
			err := c.Call(t.Context(), string(m.Name()), dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output()))
			if rpc.IsClass(err, "org.apache.hadoop.ipc.RpcNoSuchMethodException") {
				t.Errorf("%s: %v", m.FullName(), err)
			}
			if err != nil && strings.Contains(err.Error(), "not supported") && !strings.Contains(err.Error(), string(m.Name())) {
				t.Errorf("%s is not built and does not say so: %v", m.FullName(), err)
			}
		}
	}
}

// A port that another process holds is an error that names the key.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := tryStart(t, map[string]string{"yarn.resourcemanager.admin.address": l.Addr().String()}); err == nil || !strings.Contains(err.Error(), "yarn.resourcemanager.admin.address") {
		t.Errorf("%v", err)
	}
}

// A move, a new priority and a new time-out hold, for those who may, and after a restart too.
func TestUpdatesOfARunningApplication(t *testing.T) {
	r := start(t, nil)
	alice, bob := r.client("alice"), r.client("bob")
	am, id := r.master("alice", nil)
	am.register()
	move := func(queue string) *yarnpb.MoveApplicationAcrossQueuesRequestProto {
		return &yarnpb.MoveApplicationAcrossQueuesRequestProto{ApplicationId: id, TargetQueue: &queue}
	}
	none := &yarnpb.MoveApplicationAcrossQueuesResponseProto{}
	bob.refused("moveApplicationAcrossQueues", move("batch"), none, classYarn, "AccessControlException", "bob", "MODIFY_APP")
	alice.refused("moveApplicationAcrossQueues", move("nowhere"), none, classYarn, "unknown queue: nowhere")
	alice.refused("moveApplicationAcrossQueues", move("root"), none, classYarn, "not a leaf")
	call[yarnpb.MoveApplicationAcrossQueuesResponseProto](alice, "moveApplicationAcrossQueues", move("batch"))
	if am.allocate(0); alice.report(id).GetQueue() != "root.batch" {
		t.Errorf("the queue is %s", alice.report(id).GetQueue())
	}
	call[yarnpb.UpdateApplicationPriorityResponseProto](alice, "updateApplicationPriority",
		&yarnpb.UpdateApplicationPriorityRequestProto{ApplicationId: id, ApplicationPriority: &yarnpb.PriorityProto{Priority: new(int32(3))}})

	timeout := func(at string) *yarnpb.UpdateApplicationTimeoutsRequestProto {
		return &yarnpb.UpdateApplicationTimeoutsRequestProto{ApplicationId: id, ApplicationTimeouts: []*yarnpb.ApplicationUpdateTimeoutMapProto{
			{ApplicationTimeoutType: yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum(), ExpireTime: &at}}}
	}
	unchanged := &yarnpb.UpdateApplicationTimeoutsResponseProto{}
	alice.refused("updateApplicationTimeouts", timeout("tomorrow"), unchanged, classYarn, "ISO8601", "tomorrow")
	alice.refused("updateApplicationTimeouts", timeout("2001-01-01T00:00:00.000+0000"), unchanged, classYarn, "less than current time")
	alice.refused("updateApplicationTimeouts", &yarnpb.UpdateApplicationTimeoutsRequestProto{ApplicationId: id}, unchanged, classYarn, "At least one")
	when := time.Now().Add(time.Hour).Truncate(time.Second)
	text := when.Format("2006-01-02T15:04:05.000-0700")
	if got := call[yarnpb.UpdateApplicationTimeoutsResponseProto](alice, "updateApplicationTimeouts", timeout(text)); got.GetApplicationTimeouts()[0].GetExpireTime() != text {
		t.Errorf("%v", got)
	}
	r.restart()
	v := r.client("alice").report(id)
	left := v.GetAppTimeouts()[0].GetApplicationTimeout()
	if v.GetQueue() != "root.batch" || v.GetPriority().GetPriority() != 3 || left.GetExpireTime() != text || left.GetRemainingTime() < 3500 || left.GetRemainingTime() > 3600 {
		t.Errorf("after a restart: %v", v)
	}
}
