package resourcemanager_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
	"heddle/test/shapes"
)

// What monitors must find in each bean; beyond it every attribute is one of Hadoop's, of Hadoop's type.
var mustHave = map[string]string{
	"ClusterMetrics":                                      "NumActiveNMs NumLostNMs NumUnhealthyNMs NumDecommissionedNMs NumDecommissioningNMs NumRebootedNMs NumShutdownNMs CapabilityMB CapabilityVirtualCores UtilizedMB UtilizedVirtualCores",
	"QueueMetrics,q0=root":                                "AppsSubmitted AppsRunning AppsPending AppsCompleted AppsKilled AppsFailed AggregateContainersAllocated AggregateContainersReleased",
	"QueueMetrics,q0=root,q1=default":                     "AllocatedMB AllocatedVCores AllocatedContainers AvailableMB AvailableVCores PendingMB PendingVCores PendingContainers ReservedMB ReservedContainers ActiveUsers ActiveApplications running_0 running_60 running_300 running_1440 UsedCapacity AbsoluteUsedCapacity AMResourceLimitMB UsedAMResourceMB UnmanagedAppsRunning",
	"PartitionQueueMetrics,partition=,q0=root,q1=default": "tag.Partition AllocatedMB",
	"RMNMInfo":                 "LiveNodeManagers",
	"RMInfo":                   "State HostAndPort SecurityEnabled",
	"JvmMetrics":               "MemHeapUsedM GcCount ThreadsRunnable tag.ProcessName",
	"RpcActivityForPort{port}": "RpcProcessingTimeNumOps RpcProcessingTimeAvgTime NumOpenConnections CallQueueLength ReceivedBytes SentBytes tag.serverName",
}

func TestBeansHaveHadoopsNamesAndTypes(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	port := r.Addresses.Client[strings.LastIndexByte(r.Addresses.Client, ':')+1:]
	known, err := shapes.ReadBeans("testdata/jmx-beans-3.4.2.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, must := range mustHave {
		known.Compare(t, name, r.get("/jmx?qry=Hadoop:service=ResourceManager,name="+strings.Replace(name, "{port}", port, 1), 200), strings.Fields(must)...)
	}
	var nodes []map[string]any
	if err := json.Unmarshal([]byte(r.bean("RMNMInfo")["LiveNodeManagers"].(string)), &nodes); err != nil || len(nodes) != 1 || nodes[0]["NodeId"] != n.id.GetHost()+":"+itoa(n.id.GetPort()) || nodes[0]["AvailableMemoryMB"] != 8192.0 {
		t.Errorf("live nodes: %v, %v", nodes, err)
	}
	if q := r.bean("QueueMetrics,q0=root,q1=default"); q["running_0"] != 1.0 || q["UnmanagedAppsRunning"] != 1.0 || q["running_60"] != 0.0 {
		t.Errorf("the queue: %v", q)
	}
	if d := r.bean("RpcDetailedActivityForPort" + port); d["GetNewApplicationNumOps"] != 1.0 {
		t.Errorf("calls: %v", d)
	}
}

func (r *rm) bean(name string) map[string]any {
	r.t.Helper()
	var answer struct{ Beans []map[string]any }
	if err := json.Unmarshal(r.get("/jmx?qry=Hadoop:service=ResourceManager,name="+name, 200), &answer); err != nil || len(answer.Beans) != 1 {
		r.t.Fatalf("%s: %d beans, %v", name, len(answer.Beans), err)
	}
	return answer.Beans[0]
}

// The daemon's own log: its level changes at an administrator's word, its files are an administrator's to read.
func TestTheDaemonsLogIsItsOperators(t *testing.T) {
	dir := t.TempDir()
	configure(t, dir, nil)
	s, err := settings.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	if err := os.WriteFile(filepath.Join(logs, "rm.log"), []byte("<b>hello</b>"), 0o600); err != nil {
		t.Fatal(err)
	}
	level := new(slog.LevelVar)
	m, err := resourcemanager.Start(s, "test", slog.New(slog.DiscardHandler), resourcemanager.WithOperator(hadoophttp.Operator{Level: level, LogDir: logs}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Shutdown)
	r := &rm{t: t, dir: dir, ResourceManager: m}
	r.get("/logLevel?log=any&level=DEBUG&user.name=bob", 403)
	r.get("/logs/rm.log?user.name=bob", 403)
	r.get("/logs/rm.log", 403)
	if body := string(r.get("/logLevel?log=any&level=DEBUG&user.name=admin", 200)); level.Level() != slog.LevelDebug || !strings.Contains(body, "<!-- OUTPUT -->Effective Level: <b>DEBUG</b>") {
		t.Errorf("level %v, %s", level.Level(), body)
	}
	if body := string(r.get("/logs/rm.log?user.name=admin", 200)); body != "<b>hello</b>" {
		t.Errorf("the log is %s", body)
	}
	if body := string(r.get("/logs/?user.name=admin", 200)); !strings.Contains(body, "rm.log") {
		t.Errorf("the list is %s", body)
	}
}
