package resourcemanager_test

import (
	"encoding/json"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
)

// A kill in whatever type a client sends: JSON and XML work, also with a charset; others are told in words which types
// are wanted, never by a bare 500; to ask again is harmless. (Gateways kill kernels with curl, whose default is a form.)
func TestAKillInEveryContentType(t *testing.T) {
	r := start(t, nil)
	alice := r.client("alice")
	const kill = `{"state":"KILLED"}`
	for _, c := range []struct {
		name, kind, body string
		status           int
		says             string
	}{
		{"a form, curl's default", "application/x-www-form-urlencoded", kill, 415, `"message":"the Content-Type "application/x-www-form-urlencoded" is neither application/json nor application/xml"`},
		{"no type", "", kill, 415, "is neither application/json nor application/xml"},
		{"text", "text/plain", kill, 415, "is neither application/json nor application/xml"},
		{"a broken type", "application/json;;charset", kill, 415, "is neither application/json nor application/xml"},
		{"no body", "application/json", "", 400, "the body cannot be read"},
		{"half a body", "application/json", `{"state"`, 400, "the body cannot be read"},
		{"a list", "application/json", `["KILLED"]`, 400, "Only 'KILLED' is allowed"},
		{"XML called JSON", "application/json", `<appstate><state>KILLED</state></appstate>`, 400, "the body cannot be read"},
		{"no state", "application/json", `{}`, 400, "Only 'KILLED' is allowed as a target state."},
		{"5 MB", "application/json", `{"state":"KILLED","diagnostics":"` + strings.Repeat("x", 5<<20) + `"}`, 413, "the body is larger than 4194304 bytes"},
		{"2 MB of diagnostics", "application/json", `{"state":"KILLED","diagnostics":"` + strings.Repeat("x", 2<<20) + `"}`, 202, ""},
		{"JSON", "application/json", kill, 202, `"state"`},
		{"JSON with a charset", "application/json; charset=UTF-8", kill, 202, `"state"`},
		{"XML", "application/xml", `<appstate><state>KILLED</state></appstate>`, 202, "<appstate>"},
		{"XML with a charset", "text/xml;charset=utf-8", `<?xml version="1.0"?><appstate><state>KILLED</state></appstate>`, 202, "<appstate>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := appText(alice.submit(unmanaged))
			path := "/ws/v1/cluster/apps/" + id + "/state?user.name=alice"
			accept := "application/json"
			if strings.Contains(c.kind, "xml") {
				accept = "application/xml"
			}
			a := r.send("PUT", path, c.body, "Content-Type", c.kind, "Accept", accept)
			if said := strings.ReplaceAll(a.body, `\"`, `"`); a.status != c.status && !(c.status == 202 && a.status == 200) || !strings.Contains(said, c.says) {
				t.Fatalf("%d %.300s, want %d with %q", a.status, a.body, c.status, c.says)
			}
			state := func() string { return r.send("GET", path, "").body }
			if c.status != 202 {
				if s := state(); strings.Contains(s, "KILL") {
					t.Errorf("it was refused, and then: %s", s)
				}
				return
			}
			await(t, "the kill", func() bool { return state() == `{"state":"KILLED"}` })
			if again := r.send("PUT", path, kill); again.status != 200 || again.body != `{"state":"KILLED"}` {
				t.Errorf("once more: %d %s", again.status, again.body)
			}
		})
	}
}

// A fresh cluster's lists are empty in the shapes of Hadoop 3.4, and an application's queue is the same text in REST and
// RPC, the whole path, however its client wrote it.
func TestEmptyListsAndTheNamesOfQueues(t *testing.T) {
	r := start(t, nil)
	for path, want := range map[string]string{
		"/apps": `{"apps":{}}`, "/apps?states=RUNNING": `{"apps":{}}`, "/nodes": `{"nodes":{}}`, "/nodes?states=LOST": `{"nodes":{}}`, "/get-node-labels": `{}`,
		"/get-node-to-labels": `{"nodeToLabels":null}`, "/label-mappings": `{"labelsToNodes":null}`,
	} {
		if got := string(r.get("/ws/v1/cluster"+path, 200)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for asked, want := range map[string]string{"": "root.default", "default": "root.default", "root.default": "root.default", "batch": "root.batch", "root.batch": "root.batch"} {
		alice := r.client("alice")
		id := alice.submit(func(c *submission) { unmanaged(c); c.Queue = &asked })
		report := call[yarnpb.GetApplicationReportResponseProto](alice, "getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: id}).GetApplicationReport()
		var app struct{ App struct{ Queue string } }
		if err := json.Unmarshal(r.get("/ws/v1/cluster/apps/"+appText(id), 200), &app); err != nil {
			t.Fatal(err)
		}
		if app.App.Queue != want || report.GetQueue() != want {
			t.Errorf("submitted to %q: REST says %q, RPC %q", asked, app.App.Queue, report.GetQueue())
		}
		r.expect("GET", "/apps/"+appText(id)+"/queue", "", 200, `{"queue":"`+want+`"}`)
	}
}
