package resourcemanager_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/test/shapes"
)

// get asks the web server for path and checks the status.
func (r *rm) get(path string, status int) []byte {
	r.t.Helper()
	return r.ask(path, "application/json", status)
}

func (r *rm) ask(path, accept string, status int) []byte {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.Addresses.Web+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		r.t.Errorf("%s: status %d, want %d: %.300s (%v)", path, resp.StatusCode, status, body, err)
	}
	if l := resp.Header.Get("Location"); l != "" {
		return []byte(l)
	}
	return body
}

// leftOut is Java's own account of its scheduler's last runs: ours has no such runs. otherForm is a map field, which
// 3.4 writes in a way that is no use for two entries; ours has the form of 3.5 (rest.md §1).
var exempt = shapes.Exempt{LeftOut: []string{"health"}, OtherForm: []string{"resourceSecondsMap"}}

// The answers have the fields and types of Hadoop 3.4.2, and no others.
func TestRESTShapes(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	req := n.status(0)
	req.NodeStatus.NodeUtilization = &yarnpb.ResourceUtilizationProto{Pmem: new(int32(100)), Vmem: new(int32(200)), Cpu: new(float32(1.5))}
	call[yarnpb.NodeHeartbeatResponseProto](n.tracker, "nodeHeartbeat", req)
	id := r.client("alice").submit(nil)
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	r.masterIn(n.starts()[0]).register()
	apps := struct {
		Apps struct{ App []struct{ ID string } }
	}{}
	if err := json.Unmarshal(r.get("/ws/v1/cluster/apps", 200), &apps); err != nil || len(apps.Apps.App) != 1 {
		t.Fatalf("%v, %+v; submitted %v", err, apps, id)
	}
	want, err := shapes.Read("testdata/rest-shapes-3.4.2.json")
	if err != nil {
		t.Fatal(err)
	}
	suffix := strings.TrimPrefix(apps.Apps.App[0].ID, "application_")
	names := strings.NewReplacer("{app}", apps.Apps.App[0].ID, "{attempt}", "appattempt_"+suffix+"_000001", "{container}", "container_"+suffix+"_01_000001", "{node}", n.id.GetHost()+":"+itoa(n.id.GetPort()))
	for _, path := range slices.Sorted(maps.Keys(want)) {
		t.Run(path, func(t *testing.T) {
			who := "admin"
			if strings.HasPrefix(path, "/queues/") { // the queue's administrator asks for others' rights to it
				who = "keeper"
			}
			asked := "/ws/v1/cluster" + as(names.Replace(path), who)
			body := r.get(asked, want[path].Status)
			want[path].Compare(t, body, exempt)
			shapes.SameInXML(t, body, r.ask(asked, "application/xml", want[path].Status))
		})
	}
}

func itoa(n int32) string {
	b, _ := json.Marshal(n) // a number does not fail
	return string(b)
}

// as adds the caller's name to a path.
func as(path, user string) string {
	if strings.Contains(path, "?") {
		return path + "&user.name=" + user
	}
	return path + "?user.name=" + user
}

// Callers whom an application's view ACL keeps out see that it is there, not more.
func TestRESTKeepsToTheViewACL(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	r.client("alice").submit(nil)
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	r.masterIn(n.starts()[0]).register()
	for user, may := range map[string]bool{"alice": true, "admin": true, "bob": false, "": false} {
		var apps struct {
			Apps struct{ App []map[string]any }
		}
		path := "/ws/v1/cluster/apps"
		if user != "" {
			path = as(path, user)
		}
		if err := json.Unmarshal(r.get(path, 200), &apps); err != nil || len(apps.Apps.App) != 1 {
			t.Fatal(err)
		}
		a := apps.Apps.App[0]
		if a["user"] != "alice" || a["state"] != "RUNNING" {
			t.Errorf("%q sees %v", user, a)
		}
		for _, key := range []string{"trackingUrl", "amContainerLogs", "amHostHttpAddress", "amRPCAddress"} {
			if _, ok := a[key]; ok != may {
				t.Errorf("%q sees %s: %v, want %v", user, key, ok, may)
			}
		}
		for _, page := range []string{"/cluster/app/" + a["id"].(string), "/ws/v1/cluster/apps/" + a["id"].(string) + "/appattempts"} {
			if body := string(r.ask(as(page, user), "text/html", 200)); strings.Contains(body, "containerlogs") != may {
				t.Errorf("%q sees the logs on %s: %v, want %v", user, page, !may, may)
			}
		}
	}
	r.get("/ws/v1/cluster/apps?user.name=bob&doAs=alice", 403)
}

func TestRESTLists(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	alice.submit(func(c *submission) { c.Queue, c.ApplicationTags = new("batch"), []string{"Nightly"} })
	alice.submit(unmanaged)
	await(t, "both are accepted", func() bool {
		return strings.Count(string(r.get("/ws/v1/cluster/apps?states=ACCEPTED,RUNNING", 200)), `"finalStatus"`) == 2
	})
	for query, want := range map[string]int{
		"": 2, "?states=ACCEPTED,RUNNING": 2, "?states=finished": 0, "?user=alice": 2, "?user=bob": 0, "?queue=batch": 1, "?queue=root.batch": 1,
		"?applicationTags=nightly": 1, "?applicationTypes=test,mapreduce": 2, "?limit=1": 1, "?finalStatus=UNDEFINED": 2, "?startedTimeEnd=5": 0, "?name=job": 2,
		"?deSelects=resourceRequests,timeouts": 2, "?finalStatus=SUCCEEDED": 0, "?states=": 2,
	} {
		var apps struct{ Apps struct{ App []any } }
		if err := json.Unmarshal(r.get("/ws/v1/cluster/apps"+query, 200), &apps); err != nil || len(apps.Apps.App) != want {
			t.Errorf("%s: %d applications, want %d; %v", query, len(apps.Apps.App), want, err)
		}
	}
	if a := r.get("/ws/v1/cluster/apps?deSelects=timeouts,resourceInfo,amNodeLabelExpression", 200); strings.Contains(string(a), `"timeouts"`) || strings.Contains(string(a), `"resourceInfo"`) || strings.Contains(string(a), "amNodeLabel") {
		t.Errorf("deselected parts are shown: %s", a)
	}
	for path, want := range map[string]string{
		"/apps?states=NAPPING":                      "Invalid application-state NAPPING specified",
		"/apps?limit=0":                             "limit value must be greater then 0",
		"/apps?limit=x":                             "limit value must be a number!",
		"/apps?startedTimeBegin=-1":                 "startedTimeBegin must be greater than 0",
		"/apps?startedTimeBegin=9&startedTimeEnd=5": "startedTimeEnd must be greater than startTimeBegin",
		"/apps?finishedTimeEnd=x":                   "finishedTimeEnd value must be a number!",
		"/apps?queue=nope":                          "Unknown queue: nope",
		"/apps?finalStatus=good":                    "No enum constant org.apache.hadoop.yarn.api.records.FinalApplicationStatus.good",
		"/apps?deSelects=all":                       "Invalid deSelects string all specified. It should be one of [resourceRequests, timeouts,",
		"/appstatistics?states=nope":                "Invalid application-state nope specified",
		"/appstatistics?applicationTypes=a,b":       "# of applicationTypes = 2",
		"/queues/default/access?user.name=keeper":   "Null user",
		"/queues/default/access?user=bob&queue-acl-type=NO&user.name=keeper": "Specified queueAclType=NO is not a valid type",
		"/nodes?states=NAPPING": "No enum constant org.apache.hadoop.yarn.api.records.NodeState.NAPPING",
		"/nodes/nonsense":       "nonsense",
	} {
		if body := r.get("/ws/v1/cluster"+path, 400); !strings.Contains(string(body), want) {
			t.Errorf("%s: %q is missing in %s", path, want, body)
		}
	}
	if body := string(r.get("/ws/v1/cluster/nowhere", 404)); !containsAll(body, "NotFoundException", "/ws/v1/cluster/nowhere") {
		t.Errorf("an unknown path: %s", body)
	}
	node := r.node("127.0.0.1", 8192, nil)
	call[yarnpb.UnRegisterNodeManagerResponseProto](node.tracker, "unRegisterNodeManager", &yarnpb.UnRegisterNodeManagerRequestProto{NodeId: node.id})
	for query, want := range map[string]int{"": 0, "?states=SHUTDOWN": 1, "?states=all": 1, "?states=RUNNING,lost": 0} {
		var nodes struct{ Nodes struct{ Node []any } }
		if err := json.Unmarshal(r.get("/ws/v1/cluster/nodes"+query, 200), &nodes); err != nil || len(nodes.Nodes.Node) != want {
			t.Errorf("%s: %d nodes, want %d; %v", query, len(nodes.Nodes.Node), want, err)
		}
	}
}

// What people and monitors read beside REST.
func TestPagesAndMonitors(t *testing.T) {
	r := start(t, nil)
	r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", func(c *submission) { c.ApplicationName = new("<b>sneaky</b>") })
	am.register()
	am.allocate(0, anywhere(3, 1024))
	var apps struct {
		Apps struct{ App []struct{ ID string } }
	}
	if err := json.Unmarshal(r.get("/ws/v1/cluster/apps", 200), &apps); err != nil || len(apps.Apps.App) != 1 {
		t.Fatal(err)
	}
	id := apps.Apps.App[0].ID
	for path, want := range map[string][]string{
		"/cluster":                       {id, "root.batch", "127.0.0.1", "&lt;b&gt;sneaky&lt;/b&gt;"},
		"/cluster/nodes":                 {"127.0.0.1"},
		"/cluster/app/" + id:             {id, "RUNNING", "http://am-host:80/ui", "&lt;b&gt;sneaky"},
		"/conf":                          {"yarn.resourcemanager.address"},
		"/isActive":                      {"I am Active!"},
		"/metrics":                       {`heddle_rm_nodes{state="RUNNING"} 1`, `heddle_rm_applications{state="RUNNING"} 1`, `heddle_rm_queue_used{queue="root.default",resource="memory-mb"} 3072`},
		"/stacks":                        {"goroutine"},
		"/jmx?qry=java.lang:type=Memory": {"HeapMemoryUsage"},
	} {
		if body := string(r.ask(as(path, "alice"), "text/html", 200)); !containsAll(body, want...) || strings.Contains(body, "<b>sneaky") {
			t.Errorf("%s: want %q in:\n%.2000s", path, want, body)
		}
	}
	if body := string(r.ask("/ws/v1/cluster/info", "application/xml", 200)); !containsAll(body, "<clusterInfo>", "<state>STARTED</state>") {
		t.Errorf("XML: %s", body)
	}
	if to := string(r.ask("/", "text/html", 302)); to != "/cluster" {
		t.Errorf("/ leads to %s", to)
	}
	var beans struct{ Beans []map[string]any }
	if err := json.Unmarshal(r.get("/jmx?qry=Hadoop:service=ResourceManager,name=QueueMetrics,q0=root,*", 200), &beans); err != nil {
		t.Fatal(err)
	}
	seen := map[string]map[string]any{}
	for _, b := range beans.Beans {
		seen[b["tag.Queue"].(string)] = b
	}
	if d := seen["root.default"]; len(seen) != 3 || d["AppsRunning"] != 1.0 || d["AllocatedMB"] != 3072.0 || d["AllocatedContainers"] != 3.0 || seen["root"]["AppsRunning"] != 1.0 || seen["root.batch"]["AppsRunning"] != 0.0 {
		t.Errorf("queue beans: %v", seen)
	}
	if err := json.Unmarshal(r.get("/jmx?qry=Hadoop:service=ResourceManager,name=ClusterMetrics", 200), &beans); err != nil || len(beans.Beans) != 1 || beans.Beans[0]["NumActiveNMs"] != 1.0 || beans.Beans[0]["CapabilityMB"] != 8192.0 {
		t.Errorf("cluster bean: %v, %v", beans, err)
	}
}

// A node that is held back for an ask which no node can hold now shows as reserved until the
// ask is taken back.
func TestReservedFigures(t *testing.T) {
	r := start(t, nil)
	r.node("127.0.0.1", 4096, nil)
	r.node("127.0.0.2", 4096, nil)
	am, _ := r.master("alice", nil)
	am.register()
	small, large := anywhere(2, 3072), anywhere(1, 2048)
	large.Priority = &yarnpb.PriorityProto{Priority: new(int32(2))}
	if n := len(am.allocate(0, small).GetAllocatedContainers()); n != 2 {
		t.Fatalf("%d containers of 3 GB on two nodes of 4 GB", n)
	}
	am.allocate(1, large)
	figures := func() (cluster, queue, app float64) {
		var m struct{ ClusterMetrics map[string]any }
		var a struct {
			Apps struct{ App []map[string]any }
		}
		var b struct{ Beans []map[string]any }
		for path, into := range map[string]any{"/ws/v1/cluster/metrics": &m, as("/ws/v1/cluster/apps", "alice"): &a, "/jmx?qry=Hadoop:service=ResourceManager,name=QueueMetrics,q0=root,q1=default": &b} {
			if err := json.Unmarshal(r.get(path, 200), into); err != nil {
				t.Fatal(err)
			}
		}
		return m.ClusterMetrics["reservedMB"].(float64), b.Beans[0]["ReservedMB"].(float64), a.Apps.App[0]["reservedMB"].(float64)
	}
	if c, q, a := figures(); c != 2048 || q != 2048 || a != 2048 {
		t.Errorf("reserved MB: cluster %v, queue %v, application %v; want 2048", c, q, a)
	}
	large.NumContainers = new(int32(0))
	am.allocate(2, large)
	if c, q, a := figures(); c != 0 || q != 0 || a != 0 {
		t.Errorf("after the ask was taken back: %v, %v, %v", c, q, a)
	}
}
