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
