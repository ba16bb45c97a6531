//go:build interop

package interop

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The web services answer in Hadoop's shapes.
func TestREST(t *testing.T) {
	c := shared.main
	var info struct {
		ClusterInfo struct {
			State, HAState string
			StartedOn, ID  int64
		}
	}
	if err := c.GetJSON("/ws/v1/cluster/info", &info); err != nil || info.ClusterInfo.State != "STARTED" || info.ClusterInfo.HAState != "ACTIVE" || info.ClusterInfo.StartedOn == 0 {
		t.Errorf("info: %+v, %v", info, err)
	}
	var metrics struct {
		ClusterMetrics struct{ TotalMB, TotalVirtualCores, ActiveNodes int64 }
	}
	if err := c.GetJSON("/ws/v1/cluster/metrics", &metrics); err != nil || metrics.ClusterMetrics.TotalMB != 8192 || metrics.ClusterMetrics.TotalVirtualCores != 8 || metrics.ClusterMetrics.ActiveNodes != 1 {
		t.Errorf("metrics: %+v, %v", metrics, err)
	}
	var nodes struct {
		Nodes struct {
			Node []struct {
				ID, State     string
				AvailMemoryMB int64
			}
		}
	}
	if err := c.GetJSON("/ws/v1/cluster/nodes", &nodes); err != nil || len(nodes.Nodes.Node) != 1 || nodes.Nodes.Node[0].State != "RUNNING" {
		t.Fatalf("nodes: %+v, %v", nodes, err)
	}
	var node struct{ Node struct{ ID string } }
	if err := c.GetJSON("/ws/v1/cluster/nodes/"+nodes.Nodes.Node[0].ID, &node); err != nil || node.Node.ID != nodes.Nodes.Node[0].ID {
		t.Errorf("node: %+v, %v", node, err)
	}
	var scheduler struct {
		Scheduler struct {
			SchedulerInfo struct {
				Type   string
				Queues struct{ Queue []struct{ QueueName string } }
			}
		}
	}
	if err := c.GetJSON("/ws/v1/cluster/scheduler", &scheduler); err != nil || scheduler.Scheduler.SchedulerInfo.Type != "capacityScheduler" || len(scheduler.Scheduler.SchedulerInfo.Queues.Queue) != 2 {
		t.Errorf("scheduler: %+v, %v", scheduler, err)
	}
	var apps map[string]any
	if err := c.GetJSON("/ws/v1/cluster/apps", &apps); err != nil || apps["apps"] == nil {
		t.Errorf("apps: %v, %v", apps, err)
	}
}

// An unknown application is a 404 with Hadoop's RemoteException; a malformed id a 400.
func TestRESTErrors(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		name   string
	}{
		"/ws/v1/cluster/apps/application_1_0001": {http.StatusNotFound, "NotFoundException"},
		"/ws/v1/cluster/apps/xx":                 {http.StatusBadRequest, "BadRequestException"},
		"/ws/v1/cluster/nodes/nowhere:1":         {http.StatusNotFound, "NotFoundException"},
	} {
		status, body, _, err := shared.main.Get(path, "application/json")
		var e struct {
			RemoteException struct{ Exception, Message, JavaClassName string }
		}
		if err != nil || status != want.status || json.Unmarshal(body, &e) != nil || e.RemoteException.Exception != want.name {
			t.Errorf("%s: %d %s, %v; want %d %s", path, status, body, err, want.status, want.name)
		}
	}
}

// XML is given to those who ask for it; pages and JMX answer.
func TestWebPages(t *testing.T) {
	for _, c := range []struct{ path, accept, want string }{
		{"/ws/v1/cluster/info", "application/xml", "<clusterInfo>"},
		{"/cluster", "text/html", "<html"},
		{"/jmx", "*/*", "QueueMetrics"},
		{"/jmx?qry=Hadoop:service=ResourceManager,name=ClusterMetrics", "*/*", "NumActiveNMs"},
		{"/conf", "*/*", "yarn.resourcemanager.address"},
	} {
		status, body, _, err := shared.main.Get(c.path, c.accept)
		if err != nil || status != http.StatusOK || !strings.Contains(strings.ToLower(string(body)), strings.ToLower(c.want)) {
			t.Errorf("%s: %d, %v, %q is missing in %.300s", c.path, status, err, c.want, body)
		}
	}
}
