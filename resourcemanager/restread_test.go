package resourcemanager_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Attempts and containers one by one, in the notation of 3.4, with the errors of an id that does not fit.
func TestRESTAttemptsAndContainers(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	id := appText(r.client("alice").submit(nil))
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	am := r.masterIn(n.starts()[0])
	am.register()
	am.allocate(0, anywhere(2, 1024))
	suffix := strings.TrimPrefix(id, "application_")
	attempt, container := "appattempt_"+suffix+"_000001", "container_"+suffix+"_01_000001"
	base := "/apps/" + id + "/appattempts/"
	r.expect("GET", base+attempt+"?user.name=alice", "", 200, `"appAttemptId":"`+attempt+`"`, `"host":"am-host"`, `"rpcPort":"4711"`, `"originalTrackingUrl":"http://am-host:80/ui"`, `"appAttemptState":"RUNNING"`, `"amContainerId":"`+container+`"`)
	r.expect("GET", base+attempt+"/containers/"+container+"?user.name=alice", "", 200, `{"containerId":"`+container+`","allocatedMB":"1024","allocatedVCores":"1"`, `"containerState":"NEW"`, `"logUrl":"http://127.0.0.1:8042/node/containerlogs/`+container+`/alice"`, `{"key":"memory-mb","value":"1024"}`)
	await(t, "three containers", func() bool {
		var list struct{ Container []any }
		return json.Unmarshal([]byte(r.send("GET", "/ws/v1/cluster"+base+attempt+"/containers?user.name=alice", "").body), &list) == nil && len(list.Container) == 3
	})
	xmlAnswer := string(r.ask("/ws/v1/cluster"+base+attempt+"/containers?user.name=alice", "application/xml", 200))
	if strings.Count(xmlAnswer, "<container>") != 3 || !containsAll(xmlAnswer, "<containers>", "<allocatedMB>1024</allocatedMB>") {
		t.Errorf("in XML: %s", xmlAnswer)
	}
	for path, want := range map[string]string{
		base + "appattempt_1_0001_000001":                                 "appId and appAttemptId don't match",
		base + "appattempt_" + suffix + "_000009":                         "ApplicationAttemptNotFoundException: ApplicationAttempt with id 'appattempt_" + suffix + "_000009' doesn't exist in RM.",
		base + attempt + "/containers/container_" + suffix + "_01_000099": "ContainerNotFoundException: Container with id",
		base + attempt + "/containers/container_" + suffix + "_02_000001": "appAttemptId and containerId don't match",
		"/apps/application_1_0001/appattempts/appattempt_1_0001_000001":   "app with id: application_1_0001 not found",
	} {
		r.expect("GET", path+"?user.name=alice", "", 404, want)
	}
	r.expect("GET", base+"xx?user.name=alice", "", 400, "Invalid AppAttemptId prefix: xx")
	r.expect("GET", base+attempt+"/containers/xx?user.name=alice", "", 400, "Invalid ContainerId")
	for _, path := range []string{base + attempt, base + attempt + "/containers", base + attempt + "/containers/" + container} {
		r.expect("GET", path+"?user.name=bob", "", 403, "User bob does not have privilege to see this application")
	}
	r.expect("GET", "/queues/root.batch/access?user=bob&user.name=keeper", "", 200, `{"allowed":"false","user":"bob","diagnostics":"User=bob doesn't have access to queue=root.batch with acl-type=SUBMIT_APPLICATIONS"}`)
	r.expect("GET", "/queues/batch/access?user=alice&queue-acl-type=ADMINISTER_QUEUE&user.name=keeper", "", 200, `"allowed":"false"`)
	r.expect("GET", "/queues/batch/access?user=alice&user.name=bob", "", 403, "User=bob doesn't haven access to queue=batch so it cannot check ACLs for other users.")
	r.expect("GET", "/queues/nope/access?user=alice&user.name=admin", "", 403, "queue=nope")
	r.expect("GET", "/appstatistics?states=RUNNING&applicationTypes=test", "", 200, `{"appStatInfo":{"statItem":[{"state":"RUNNING","type":"test","count":1}]}}`)
	r.expect("GET", "/scheduler/app-activities/"+id+"?user.name=alice", "", 200, `"diagnostic":"the application waits for nothing"`)
	r.expect("GET", "/scheduler/app-activities/xx", "", 200, `"applicationId":"xx"`, "Cannot find application with given appId")
	r.expect("GET", "/scheduler/bulk-activities", "", 200, `{"bulkActivities":{"activities":[{"diagnostic":"this scheduler keeps no activities`)
	r.expect("GET", "/userinfo?user.name=alice", "", 200, `"requestedUser":"alice"`)
}

// A long list comes whole in both forms, also compressed; where the cluster says so it holds the caller's own only.
func TestALongApplicationList(t *testing.T) {
	r := start(t, map[string]string{"yarn.webapp.filter-entity-list-by-user": "true"})
	const count = 300
	submitMany(r, count)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Addresses.Web+"/ws/v1/cluster/apps?user.name=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "br, gzip;q=0.5")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var plain, unpacked struct {
		Apps struct{ App []struct{ ID string } }
	}
	if err := json.Unmarshal(r.get("/ws/v1/cluster/apps?user.name=alice", 200), &plain); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(packed, &unpacked); err != nil {
		t.Fatal(err)
	}
	if len(plain.Apps.App) != count || len(unpacked.Apps.App) != count || plain.Apps.App[0].ID <= plain.Apps.App[count-1].ID {
		t.Errorf("%d plain, %d packed, from %s to %s", len(plain.Apps.App), len(unpacked.Apps.App), plain.Apps.App[0], plain.Apps.App[count-1])
	}
	var inXML struct {
		App []struct {
			ID   string `xml:"id"`
			Name string `xml:"name"`
		} `xml:"app"`
	}
	if err := xml.Unmarshal(r.ask("/ws/v1/cluster/apps?user.name=alice", "application/xml", 200), &inXML); err != nil || len(inXML.App) != count || inXML.App[0].Name != "<Größe> \"1\"\n" {
		t.Errorf("%d in XML, %v", len(inXML.App), err)
	}
	if got := string(r.get("/ws/v1/cluster/apps?user.name=bob", 200)); got != `{"apps":{}}` {
		t.Errorf("bob sees %.200s", got)
	}
}

// submitMany submits unmanaged applications of alice's over several connections.
func submitMany(r *rm, count int) {
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			c := r.client("alice")
			for range count / 10 {
				c.submit(func(s *submission) { s.UnmanagedAm, s.ApplicationName = new(true), new("<Größe> \"1\"\n") })
			}
		})
	}
	wg.Wait()
}
