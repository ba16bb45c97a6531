package resourcemanager_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
)

// answer is what the web server said.
type answer struct {
	status   int
	location string
	body     string
}

// send makes a request with a body; its Content-Type is XML where it begins as XML.
func (r *rm) send(method, path, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.Addresses.Web+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	kind := "application/json"
	if strings.HasPrefix(body, "<") {
		kind = "application/xml"
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", kind)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), string(text)}
}

func (r *rm) expect(method, path, body string, status int, want ...string) answer {
	r.t.Helper()
	a := r.send(method, "/ws/v1/cluster"+path, body)
	if a.status != status || !containsAll(a.body, want...) {
		r.t.Errorf("%s %s: %d %.400s, want %d with %q", method, path, a.status, a.body, status, want)
	}
	return a
}

// fresh is a new application's id, as REST gives it.
func (r *rm) fresh() string {
	r.t.Helper()
	var id struct {
		ID string `json:"application-id"`
	}
	a := r.expect("POST", "/apps/new-application", "", 200, `"maximum-resource-capability":{"memory":8192,`)
	if err := json.Unmarshal([]byte(a.body), &id); err != nil || !strings.HasPrefix(id.ID, "application_") {
		r.t.Fatalf("%v: %s", err, a.body)
	}
	return id.ID
}

const contextJSON = `{"application-id":"ID","application-name":"by rest","queue":"default","priority":3,"application-type":"REST","max-app-attempts":2,
"am-container-spec":{"local-resources":{"entry":[{"key":"job.jar","value":{"resource":"hdfs://nn:9000/user/alice/a b.jar","type":"FILE","visibility":"APPLICATION","size":43,"timestamp":7}}]},
"commands":{"command":"{{JAVA_HOME}}/bin/java X"},"environment":{"entry":[{"key":"A","value":"1"},{"key":"B","value":"x y"}]},"service-data":{"entry":[{"key":"aux","value":"aGVsbG8="}]},
"credentials":{"secrets":{"entry":[{"key":"s","value":"c2VjcmV0"}]}},"application-acls":{"entry":[{"key":"VIEW_APP","value":"carol"}]}},
"resource":{"memory":1024,"vCores":1,"resourceInformations":{"resourceInformation":[{"name":"yarn.io/gpu","value":"0","units":""}]}},
"application-tags":{"tag":["one","two"]},"log-aggregation-context":{"log-include-pattern":"std.*"},"application-timeouts":{"entry":[{"key":"LIFETIME","value":"3600"}]}}`

const contextXML = `<?xml version="1.0"?><application-submission-context><application-id>ID</application-id><application-name>by rest</application-name>
<queue>default</queue><priority>3</priority><application-type>REST</application-type><max-app-attempts>2</max-app-attempts>
<am-container-spec><local-resources><entry><key>job.jar</key><value><resource>hdfs://nn:9000/user/alice/a b.jar</resource><type>FILE</type><visibility>APPLICATION</visibility><size>43</size><timestamp>7</timestamp></value></entry></local-resources>
<commands><command>{{JAVA_HOME}}/bin/java X</command></commands><environment><entry><key>A</key><value>1</value></entry><entry><key>B</key><value>x y</value></entry></environment>
<service-data><entry><key>aux</key><value>aGVsbG8=</value></entry></service-data><credentials><secrets><entry><key>s</key><value>c2VjcmV0</value></entry></secrets></credentials>
<application-acls><entry><key>VIEW_APP</key><value>carol</value></entry></application-acls></am-container-spec>
<resource><memory>1024</memory><vCores>1</vCores></resource><application-tags><tag>one</tag><tag>two</tag></application-tags>
<log-aggregation-context><log-include-pattern>std.*</log-include-pattern></log-aggregation-context>
<application-timeouts><entry><key>LIFETIME</key><value>3600</value></entry></application-timeouts></application-submission-context>`

// A submission over REST, in JSON and XML, starts the same AM that one over RPC would.
func TestSubmissionsOverREST(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	for i, body := range []string{contextJSON, contextXML} {
		id := r.fresh()
		a := r.expect("POST", "/apps?user.name=alice", strings.ReplaceAll(body, "ID", id), 202)
		if want := "http://" + r.Addresses.Web + "/ws/v1/cluster/apps/" + id; a.location != want || a.body != "" {
			t.Errorf("Location %q, body %q; want %q and nothing", a.location, a.body, want)
		}
		r.expect("GET", "/apps/"+id+"?user.name=alice", "", 200, `"user":"alice"`, `"name":"by rest"`, `"applicationType":"REST"`, `"applicationTags":"one,two"`, `"priority":3`, `"queue":"root.default"`)
		await(t, "the AM's start", func() bool { return len(n.starts()) == i+1 })
		c := n.starts()[i].GetContainerLaunchContext()
		res := c.GetLocalResources()
		if len(res) != 1 || res[0].GetKey() != "job.jar" || res[0].GetValue().GetResource().GetFile() != "/user/alice/a b.jar" || res[0].GetValue().GetResource().GetPort() != 9000 ||
			res[0].GetValue().GetResource().GetHost() != "nn" || res[0].GetValue().GetSize() != 43 || res[0].GetValue().GetType() != yarnpb.LocalResourceTypeProto_FILE {
			t.Errorf("local resources: %v", res)
		}
		env := map[string]string{}
		for _, e := range c.GetEnvironment() {
			env[e.GetKey()] = e.GetValue()
		}
		if env["A"] != "1" || env["B"] != "x y" || len(c.GetCommand()) != 1 || c.GetCommand()[0] != "{{JAVA_HOME}}/bin/java X" || string(c.GetServiceData()[0].GetValue()) != "hello" {
			t.Errorf("the launch context is %v", c)
		}
		if !strings.Contains(string(c.GetTokens()), "secret") {
			t.Error("the secret did not reach the AM")
		}
	}
	// the view ACL of the body holds
	r.expect("GET", "/apps?user.name=carol", "", 200, `"amContainerLogs"`)
	if a := r.send("GET", "/ws/v1/cluster/apps?user.name=bob", ""); strings.Contains(a.body, "amContainerLogs") {
		t.Errorf("bob sees where the AM runs: %s", a.body)
	}
}

func TestSubmissionsOverRESTThatAreRefused(t *testing.T) {
	r := start(t, nil)
	id := r.fresh()
	good := strings.ReplaceAll(contextJSON, "ID", id)
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       string
	}{
		"by nobody":             {"/apps", good, 403, "The default static user cannot carry out this operation."},
		"by the static user":    {"/apps?user.name=dr.who", good, 403, "The default static user cannot carry out this operation."},
		"for another":           {"/apps?user.name=bob&doas=alice", good, 403, "bob is not allowed to impersonate alice"},
		"without an id":         {"/apps?user.name=alice", "{}", 400, "Could not parse application id "},
		"an id that is none":    {"/apps?user.name=alice", `{"application-id":"foo"}`, 400, "Could not parse application id foo"},
		"an unknown queue":      {"/apps?user.name=alice", strings.Replace(good, `"default"`, `"nope"`, 1), 400, "nope"},
		"a queue of others":     {"/apps?user.name=bob", strings.Replace(good, `"default"`, `"batch"`, 1), 400, "does not have permission to submit"},
		"too much memory":       {"/apps?user.name=alice", strings.Replace(good, `"memory":1024`, `"memory":102400`, 1), 400, "102400"},
		"a number that is none": {"/apps?user.name=alice", strings.Replace(good, `"priority":3`, `"priority":"high"`, 1), 400, "priority"},
		"bad base64":            {"/apps?user.name=alice", strings.Replace(good, `aGVsbG8=`, `***`, 1), 400, "base64"},
		"an unknown access":     {"/apps?user.name=alice", strings.Replace(good, `VIEW_APP`, `OWN_APP`, 1), 400, "OWN_APP"},
		"a resource of no type": {"/apps?user.name=alice", strings.Replace(good, `"FILE"`, `"THING"`, 1), 400, "THING"},
		"a reservation":         {"/apps?user.name=alice", strings.Replace(good, `"priority":3`, `"reservation-id":"reservation_1_1"`, 1), 400, "no reservation system"},
		"half a body":           {"/apps?user.name=alice", `{"application-id":`, 400, "cannot be read"},
		"a huge body":           {"/apps?user.name=alice", `{"application-name":"` + strings.Repeat("x", 5<<20) + `"}`, 413, "larger than"},
	} {
		if a := r.send("POST", "/ws/v1/cluster"+c.path, c.body); a.status != c.status || !containsAll(a.body, "RemoteException", c.want) {
			t.Errorf("%s: %d %.300s, want %d with %q", name, a.status, a.body, c.status, c.want)
		}
	}
	if a := r.send("POST", "/ws/v1/cluster/apps?user.name=alice", "a=b", "Content-Type", "application/x-www-form-urlencoded"); a.status != 415 {
		t.Errorf("a form: %+v", a)
	}
	r.expect("GET", "/apps?user.name=alice", "", 200, `{"apps":{}}`)
	off := start(t, map[string]string{"yarn.webapp.enable-rest-app-submissions": "false"})
	off.expect("POST", "/apps/new-application?user.name=alice", "", 403, "App submission via REST is disabled.")
	off.expect("POST", "/apps?user.name=alice", good, 403, "App submission via REST is disabled.")
}

// State, queue, priority and time-out change as over RPC, with the rights that RPC asks for.
func TestUpdatesOverREST(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	pb := alice.submit(unmanaged)
	id := appText(pb)
	app, as := "/apps/"+id, "?user.name=alice"
	await(t, "the application to be accepted", func() bool {
		return strings.Contains(r.send("GET", "/ws/v1/cluster"+app+"/state", "").body, "ACCEPTED")
	})
	r.expect("GET", app+"/state", "", 200, `{"state":"ACCEPTED"}`)
	r.expect("GET", app+"/queue", "", 200, `{"queue":"root.default"}`)
	r.expect("GET", app+"/priority", "", 200, `{"priority":0}`)
	const unlimited = `{"type":"LIFETIME","expiryTime":"UNLIMITED","remainingTimeInSeconds":-1}`
	r.expect("GET", app+"/timeouts", "", 200, `{"timeouts":{"timeout":[`+unlimited+`]}}`)
	r.expect("GET", app+"/timeouts/lifetime", "", 200, `{"timeout":`+unlimited+`}`)
	r.expect("GET", app+"/timeouts/NAPTIME", "", 400, "Invalid application-state NAPTIME specified. It should be one of [LIFETIME]")

	for path, c := range map[string]struct{ body, denied string }{
		"/state":    {`{"state":"KILLED"}`, "Unauthorized attempt to kill appid " + id + " by remote user bob"},
		"/queue":    {`{"queue":"batch"}`, "Unauthorized attempt to move appid " + id + " by remote user bob"},
		"/priority": {`{"priority":2}`, "Unauthorized attempt to change priority of appid " + id + " by remote user bob"},
		"/timeout":  {`{"timeout":{"type":"LIFETIME","expiryTime":"2099-01-01T00:00:00.000+0000"}}`, "Unauthorized attempt to change timeout of app " + id + " by remote user bob"},
	} {
		r.expect("PUT", app+path+"?user.name=bob", c.body, 403, c.denied)
		r.expect("PUT", app+path, c.body, 403, "The default static user cannot carry out this operation.")
		r.expect("PUT", "/apps/application_1_0001"+path+as, c.body, 404, "app with id: application_1_0001 not found")
		r.expect("PUT", app+path+as, `{"x"`, 400, "cannot be read")
	}
	r.expect("PUT", app+"/state"+as, `{"state":"FINISHED"}`, 400, "Only 'KILLED' is allowed as a target state.")
	r.expect("PUT", app+"/state"+as, `{"state":"ACCEPTED"}`, 200, `{"state":"ACCEPTED"}`)

	r.expect("PUT", app+"/priority"+as, `{"priority":4}`, 200, `{"priority":4}`)
	r.expect("PUT", app+"/priority"+as, `<applicationpriority><priority>77</priority></applicationpriority>`, 200, `<applicationpriority><priority>10</priority></applicationpriority>`)
	r.expect("PUT", app+"/priority"+as, `{}`, 400, "no priority")
	r.expect("PUT", app+"/queue"+as, `{"queue":"batch"}`, 200, `{"queue":"root.batch"}`)
	r.expect("PUT", app+"/queue"+as, `<appqueue><queue>default</queue></appqueue>`, 200, `<appqueue><queue>root.default</queue></appqueue>`)
	r.expect("PUT", app+"/queue"+as, `{"queue":"nope"}`, 503, "UndeclaredThrowableException", "nope")

	soon := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000-0700")
	r.expect("PUT", app+"/timeout"+as, `{"timeout":{"type":"LIFETIME","expiryTime":"`+soon+`"}}`, 200, `{"timeout":{"type":"LIFETIME","expiryTime":"`+soon[:13])
	r.expect("PUT", app+"/timeout"+as, `<timeout><type>LIFETIME</type><expiryTime>`+soon+`</expiryTime></timeout>`, 200, `<timeout><type>LIFETIME</type>`)
	r.expect("PUT", app+"/timeout"+as, `{"timeout":{"type":"LIFETIME","expiryTime":"tomorrow"}}`, 400, "Expire time is not in ISO8601 format")
	r.expect("PUT", app+"/timeout"+as, `{"timeout":{"type":"LIFETIME"}}`, 400, "Timeout type or ExpiryTime is null.")

	a := r.expect("PUT", app+"/state"+as, `{"state":"KILLED","diagnostics":"no longer wanted"}`, 202)
	if want := "http://" + r.Addresses.Web + "/ws/v1/cluster" + app + "/state"; a.location != want {
		t.Errorf("Location %q, want %q", a.location, want)
	}
	await(t, "the kill", func() bool {
		return r.send("PUT", "/ws/v1/cluster"+app+"/state"+as, `{"state":"KILLED"}`).status == 200
	})
	r.expect("GET", app+"/state", "", 200, `{"state":"KILLED"}`)
	r.expect("GET", app+as, "", 200, "no longer wanted")
	r.expect("PUT", app+"/queue"+as, `{"queue":"batch"}`, 400, "App in KILLED state cannot be moved.")
	r.expect("PUT", app+"/priority"+as, `{"priority":1}`, 200, `{"priority":10}`) // what it had
}

func appText(id *yarnpb.ApplicationIdProto) string {
	b, _ := json.Marshal([]int64{id.GetClusterTimestamp(), int64(id.GetId())}) // numbers do not fail
	parts := strings.Split(strings.Trim(string(b), "[]"), ",")
	return "application_" + parts[0] + "_" + strings.Repeat("0", max(0, 4-len(parts[1]))) + parts[1]
}

// Signals reach the node; only an administrator may send them over REST.
func TestSignalsOverREST(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	r.client("alice").submit(nil)
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	var apps struct {
		Apps struct {
			App []struct{ AMContainerLogs string }
		}
	}
	if err := json.Unmarshal(r.get("/ws/v1/cluster/apps?user.name=alice", 200), &apps); err != nil || len(apps.Apps.App) != 1 {
		t.Fatal(err)
	}
	container := strings.Split(apps.Apps.App[0].AMContainerLogs, "/")[5]
	path := "/containers/" + container + "/signal/"
	r.expect("POST", path+"graceful_shutdown?user.name=alice", "", 403, "Only admins can carry out this operation.")
	r.expect("POST", path+"graceful_shutdown?user.name=admin", "", 200)
	r.expect("POST", path+"nap?user.name=admin", "", 400, "Invalid command: NAP, valid commands are: [OUTPUT_THREAD_DUMP, GRACEFUL_SHUTDOWN, FORCEFUL_SHUTDOWN]")
	r.expect("POST", "/containers/container_1_0001_01_000001/signal/GRACEFUL_SHUTDOWN?user.name=admin", "", 500, "Trying to signal an absent container container_1_0001_01_000001")
	r.expect("POST", "/containers/xx/signal/GRACEFUL_SHUTDOWN?user.name=admin", "", 500)
	if s := n.beat().GetContainersToSignal(); len(s) != 1 || s[0].GetCommand() != yarnpb.SignalContainerCommandProto_GRACEFUL_SHUTDOWN {
		t.Errorf("the node was told %v", s)
	}
}

// A node offers what an administrator says; the answer is what it offers now.
func TestNodesAreResizedOverREST(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	path := "/nodes/127.0.0.1:" + itoa(n.id.GetPort()) + "/resource"
	r.expect("POST", path+"?user.name=admin", `{"resource":{"memory":4096,"vCores":3},"overCommitTimeout":-1}`, 200, `{"resourceInfo":{"memory":4096,"vCores":3,`, `"name":"yarn.io/gpu","resourceType":"COUNTABLE","units":"","value":0}`)
	r.expect("POST", path+"?user.name=admin", `<resourceOption><resource><memory>2048</memory><resourceInformations><resourceInformation><name>vcores</name><value>2</value></resourceInformation></resourceInformations></resource></resourceOption>`,
		200, "<resourceInfo><memory>2048</memory><vCores>2</vCores>")
	r.expect("GET", "/nodes/127.0.0.1:"+itoa(n.id.GetPort()), "", 200, `"availMemoryMB":2048`, `"availableVirtualCores":2`)
	for body, want := range map[string]string{
		`{}`:                         "the body has no resource",
		`{"resource":{"memory":-1}}`: "memory is \"-1\", not a whole number",
		`{"resource":{"resourceInformations":{"resourceInformation":[{"name":"unicorns","value":1}]}}}`: "this cluster has no resource type \"unicorns\"",
	} {
		r.expect("POST", path+"?user.name=admin", body, 400, strings.ReplaceAll(want, `"`, `\"`))
	}
	r.expect("POST", "/nodes/nope:1/resource?user.name=admin", `{"resource":{"memory":1}}`, 404, "nodeId, nope:1, is not found")
	r.expect("POST", path+"?user.name=alice", `{"resource":{"memory":1}}`, 403, "Failed to update the node resource")
}

// What a simple cluster with its queues in a file does not offer is refused in Hadoop's words.
func TestRESTRefusals(t *testing.T) {
	r := start(t, nil)
	for call, want := range map[string]struct {
		status int
		text   string
	}{
		"POST /delegation-token":            {403, "Expected auth type is kerberos, got type SIMPLE"},
		"DELETE /delegation-token":          {403, "Expected auth type is kerberos"},
		"POST /delegation-token/expiration": {403, "Expected auth type is kerberos"},
		"PUT /scheduler-conf":               {400, "Configuration change only supported by mutable configuration store."},
		"POST /scheduler-conf/validate":     {400, "Configuration change validation only supported by MutableConfScheduler."},
		"GET /scheduler-conf":               {400, "underneath scheduler CapacityScheduler is not an instance of MutableConfScheduler"},
		"GET /scheduler-conf/version":       {400, "Configuration Version only supported by MutableConfScheduler."},
		"GET /scheduler-conf/format":        {400, "Scheduler Configuration format only supported by MutableConfScheduler"},
		"POST /reservation/submit":          {400, "Reservation is not enabled."},
		"GET /reservation/list":             {400, "Reservation is not enabled."},
		"POST /add-node-labels":             {400, "Node-label-based scheduling is disabled."},
		"POST /nodes/a:1/replace-labels":    {400, "Node-label-based scheduling is disabled."},
		"POST /scheduler/logs":              {501, "POST /ws/v1/cluster/scheduler/logs is not supported"},
		"DELETE /apps":                      {405, "GET, POST"},
		"PUT /metrics":                      {405, "GET"},
		"POST /nowhere":                     {404, "NotFoundException"},
	} {
		method, path, _ := strings.Cut(call, " ")
		r.expect(method, path+"?user.name=admin", "{}", want.status, want.text)
	}
	r.expect("PUT", "/scheduler-conf?user.name=alice", "{}", 403, "Only admins can carry out this operation.")
}

// With the CSRF filter on, a browser's changes need its header; reads and other clients do not.
func TestRESTCanAskForTheCSRFHeader(t *testing.T) {
	r := start(t, map[string]string{"yarn.resourcemanager.webapp.rest-csrf.enabled": "true"})
	const path, browser = "/ws/v1/cluster/apps/new-application?user.name=alice", "Mozilla/5.0 (X11)"
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"POST", path, []string{"User-Agent", browser}, 400},
		{"POST", path, []string{"User-Agent", browser, "X-XSRF-Header", "any"}, 200},
		{"POST", path, []string{"User-Agent", "curl/8"}, 200},
		{"GET", "/ws/v1/cluster/info", []string{"User-Agent", browser}, 200},
	} {
		if a := r.send(c.method, c.path, "", c.header...); a.status != c.status {
			t.Errorf("%s %s %v: %d %s", c.method, c.path, c.header, a.status, a.body)
		}
	}
}
