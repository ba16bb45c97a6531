package node

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"heddle/test/shapes"
)

// The node's answers have the fields and types of Hadoop 3.4.2, and no others; so do its beans.
func TestTheNodesAnswersHaveHadoopsShapes(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"{ echo visible; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	am.Logged(t, id, "stdout", "visible\n")
	want, err := shapes.Read("testdata/rest-shapes-3.4.2.json")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("{app}", id.Attempt.Application.String(), "{container}", id.String())
	for _, path := range slices.Sorted(maps.Keys(want)) {
		t.Run(path, func(t *testing.T) {
			status, body := b.Get(t, names.Replace(path))
			if status != want[path].Status {
				t.Errorf("status %d, want %d", status, want[path].Status)
			}
			want[path].Compare(t, []byte(body), shapes.Exempt{})
			shapes.SameInXML(t, []byte(body), askXML(t, "http://"+b.Web+names.Replace(path)))
		})
	}
	beans, err := shapes.ReadBeans("testdata/jmx-beans-3.4.2.json")
	if err != nil {
		t.Fatal(err)
	}
	port := b.Node.String()[strings.LastIndexByte(b.Node.String(), ':')+1:]
	for name, must := range map[string]string{
		"NodeManagerMetrics":       "ContainersLaunched ContainersCompleted ContainersFailed ContainersKilled ContainersIniting ContainersRunning AllocatedGB AllocatedContainers AvailableGB AllocatedVCores AvailableVCores BadLocalDirs BadLogDirs",
		"JvmMetrics":               "MemHeapUsedM GcCount",
		"RpcActivityForPort{port}": "RpcProcessingTimeNumOps NumOpenConnections ReceivedBytes",
	} {
		_, body := b.Get(t, "/jmx?qry=Hadoop:service=NodeManager,name="+strings.Replace(name, "{port}", port, 1))
		beans.Compare(t, name, []byte(body), strings.Fields(must)...)
	}
}

func askXML(t *testing.T, url string) []byte {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/xml")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Logs of an application that has left the node are at the log server, where the configuration names one.
func TestLogsThatHaveLeftTheNodeAreShownWhereTheyAre(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.log-aggregation-enable": "true", "yarn.log.server.url": "http://history:19888/jobhistory/logs/",
		"yarn.log.server.web-service.url": "http://history:8188/ws/v1/applicationhistory"}})
	const gone = "container_1_0009_01_000001"
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]struct {
		status   int
		location string
	}{
		"/node/containerlogs/" + gone + "/alice":                           {302, "http://history:19888/jobhistory/logs/" + b.Node.String() + "/" + gone + "/" + gone + "/alice"},
		"/node/containerlogs/" + gone + "/alice/syslog?start=-4096":        {302, "http://history:19888/jobhistory/logs/" + b.Node.String() + "/" + gone + "/" + gone + "/alice/syslog?start=-4096"},
		"/ws/v1/node/containers/" + gone + "/logs":                         {307, "http://history:8188/ws/v1/applicationhistory/containers/" + gone + "/logs?redirected_from_node=true"},
		"/ws/v1/node/containers/" + gone + "/logs/stdout?size=-5&nm.id=me": {307, "http://history:8188/ws/v1/applicationhistory/containers/" + gone + "/logs/stdout?redirected_from_node=true&size=-5"},
		"/ws/v1/node/containerlogs/" + gone + "/stdout":                    {307, "http://history:8188/ws/v1/applicationhistory/containers/" + gone + "/logs/stdout?redirected_from_node=true"},
		"/node/containerlogs/x/alice":                                      {400, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.Web+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want.status || resp.Header.Get("Location") != want.location {
			t.Errorf("%s: %d %q (%v), want %d %q", path, resp.StatusCode, resp.Header.Get("Location"), err, want.status, want.location)
		}
	}
}

// To browsers a log is a page of a bounded part of it, as text and never as markup, for those who may see it; programs get it plain.
func TestLogsArePagesToBrowsers(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.acl.enable": "true", "yarn.admin.acl": "boss"}})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"{ echo '<script>x</script>'; head -c 300000 /dev/zero | tr '\\0' z; printf '\\377 the end'; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	base := "/node/containerlogs/" + id.String() + "/alice"
	open := func(path, accept string, status int) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.Web+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status {
			t.Errorf("%s: %d, want %d: %.300s (%v)", path, resp.StatusCode, status, body, err)
		}
		return string(body)
	}
	const html = "text/html,application/xhtml+xml"
	am.Logged(t, id, "stdout", "<script>x</script>\n"+strings.Repeat("z", 300_000)+"\xff the end")
	if body := open(base+"/stdout?start=-7&user.name=alice", "*/*", 200); body != "the end" {
		t.Errorf("a program gets %.300s", body)
	}
	if body := open(base+"/stdout?start=0&user.name=alice", html, 200); !strings.Contains(body, "&lt;script&gt;x&lt;/script&gt;") || strings.Contains(body, "<script") || strings.Contains(body, "\ufffd the end") ||
		!strings.Contains(body, "start=262144") || len(body) > 280_000 {
		t.Errorf("%d bytes: %.800s", len(body), body)
	}
	if body := open(base+"/stdout?start=262144&user.name=alice", html, 200); !strings.Contains(body, "\ufffd the end") {
		t.Errorf("the rest: %d bytes", len(body))
	}
	if body := open(base+"/stdout?user.name=alice", html, 200); !strings.Contains(body, "\ufffd the end") || len(body) > 10_000 {
		t.Errorf("without a start: %d bytes", len(body))
	}
	if body := open(base+"/stdout?start=0&format=text&user.name=alice", html, 200); !strings.HasPrefix(body, "<script>x</script>\nzzz") {
		t.Errorf("as plain text: %.100s", body)
	}
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		base + "?user.name=mallory":                                              {403, "is not authorized to view the logs"},
		base + "/stdout?user.name=mallory":                                       {403, "is not authorized to view the logs"},
		base + "/nothing?user.name=alice":                                        {404, "Cannot find this log"},
		base + "/..%2Fstdout?user.name=alice":                                    {404, "Cannot find this log"},
		base + "/stdout?start=x&user.name=alice":                                 {400, "start is no number"},
		"/node/containerlogs/container_1_0009_01_000001/alice":                   {404, "yarn logs -containerId container_1_0009_01_000001"},
		"/node/containerlogs/container_1_0009_01_000001/alice/stdout?start=-100": {404, "yarn logs -containerId container_1_0009_01_000001"},
		"/node/application/application_1_0009":                                   {404, "is not on this node"},
		"/node/container/container_1_0009_01_000001":                             {404, "is not on this node"},
		"/node/application/x":                                                    {400, "application"},
		"/node/nowhere":                                                          {404, "There is no page /node/nowhere."},
	} {
		if body := open(path, html, want.status); !strings.Contains(body, want.says) || !strings.Contains(body, "– Heddle</title>") {
			t.Errorf("%s: %q is missing in %.1500s", path, want.says, body)
		}
	}
}
