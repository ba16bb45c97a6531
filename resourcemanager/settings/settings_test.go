package settings

import (
	"heddle/hadoop/conf"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// load reads a configuration directory with the given yarn-site.xml and capacity-scheduler.xml
// keys over two queues.
func load(t *testing.T, keys map[string]string) (*Settings, error) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{prefix + "root.queues": "a,b", prefix + "root.a.capacity": "60", prefix + "root.b.capacity": "40", "hadoop.tmp.dir": dir,
		prefix + "resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"}
	for k, v := range keys {
		all[k] = v
	}
	files := map[string]map[string]string{"core-site.xml": {}, "yarn-site.xml": {}, "capacity-scheduler.xml": {}}
	for k, v := range all {
		file := "yarn-site.xml"
		switch {
		case strings.HasPrefix(k, prefix):
			file = "capacity-scheduler.xml"
		case !strings.HasPrefix(k, "yarn."):
			file = "core-site.xml"
		}
		files[file][k] = v
	}
	for name, properties := range files {
		if err := os.WriteFile(filepath.Join(dir, name), conf.XML(properties), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Load(dir)
}

const beats = "yarn.resourcemanager.nodemanagers.heartbeat-interval-"

// What would make a cluster silently unsafe or wrong is refused: the error names key, file
// and what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		keys map[string]string
		want []string
	}{
		{map[string]string{"yarn.resourcemanager.ha.enabled": "true"}, []string{"yarn.resourcemanager.ha.enabled", "yarn-site.xml", "ZooKeeper", "remove the key"}},
		{map[string]string{"hadoop.security.authentication": "kerberos"}, []string{"hadoop.security.authentication=kerberos", "core-site.xml", "Kerberos", "set it to simple"}},
		{map[string]string{"yarn.http.policy": "HTTPS_ONLY"}, []string{"yarn.http.policy=HTTPS_ONLY", "yarn-site.xml", "TLS", "set it to HTTP_ONLY"}},
		{map[string]string{"yarn.resourcemanager.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.FairScheduler"}, []string{"yarn.resourcemanager.scheduler.class", "FairScheduler", "yarn-site.xml", "only the capacity scheduler", "remove the key"}},
		{map[string]string{"yarn.node-labels.enabled": "true"}, []string{"yarn.node-labels.enabled", "yarn-site.xml", "node labels"}},
		{map[string]string{"yarn.federation.enabled": "true"}, []string{"yarn.federation.enabled", "yarn-site.xml", "not planned"}},
		{map[string]string{"yarn.resourcemanager.ha.enabled": "true", "yarn.http.policy": "HTTPS_ONLY"}, []string{"yarn.resourcemanager.ha.enabled", "yarn.http.policy"}}, // all at once
		{map[string]string{"yarn.acl.enable": "yes"}, []string{"yarn.acl.enable", `"yes"`, "yarn-site.xml", "true or false"}},
		{map[string]string{"hadoop.rpc.protection": "secret"}, []string{"hadoop.rpc.protection", "core-site.xml", "authentication, integrity or privacy"}},
		{map[string]string{"yarn.scheduler.minimum-allocation-mb": "4096", "yarn.scheduler.maximum-allocation-mb": "1024"}, []string{"memory-mb", "4096", "1024", "yarn.scheduler."}},
		{map[string]string{"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "0"}, []string{"heartbeat-interval-ms", "a time above 0"}},
		{map[string]string{beats + "scaling-enable": "true", beats + "min-ms": "1001"}, []string{"Required: 0 < minimum <= interval <= maximum. Got: 0 < 1001 <= 1000 <= 1000", beats}},
		{map[string]string{beats + "scaling-enable": "true", beats + "max-ms": "500"}, []string{"0 < 1000 <= 1000 <= 500"}},
		{map[string]string{beats + "scaling-enable": "true", beats + "slowdown-factor": "-1"}, []string{"factors of zero or more", "slowdown-factor"}},
		{map[string]string{"yarn.resourcemanager.address": "rm:many"}, []string{"yarn.resourcemanager.address", "rm:many"}},
		{map[string]string{prefix + "root.queues": ""}, []string{prefix + "root.queues", "capacity-scheduler.xml", "at least one queue"}},
		{map[string]string{prefix + "root.a.capacity": "[memory=1024]"}, []string{prefix + "root.a.capacity", "capacity-scheduler.xml", "give a percentage"}},
		{map[string]string{prefix + "root.a.capacity": "many"}, []string{prefix + "root.a.capacity", "capacity-scheduler.xml", "a number such as 12.5"}},
		{map[string]string{prefix + "root.a.state": "SLEEPING"}, []string{prefix + "root.a.state", "RUNNING or STOPPED"}},
		{map[string]string{prefix + "root.a.ordering-policy": "fair"}, []string{prefix + "root.a.ordering-policy", "fifo"}},
		{map[string]string{prefix + "root.queues": "a.b"}, []string{prefix + "root.queues", "no dots or blanks"}},
		{map[string]string{prefix + "resource-calculator": "MyCalculator"}, []string{prefix + "resource-calculator", "DominantResourceCalculator"}},
		{map[string]string{"net.topology.table.file.name": "/nowhere/racks"}, []string{"net.topology.table.file.name", "/nowhere/racks"}},
		{map[string]string{"net.topology.node.switch.mapping.impl": "org.example.Mine"}, []string{"net.topology.node.switch.mapping.impl", "is a Java class"}},
	} {
		_, err := load(t, c.keys)
		if err == nil {
			t.Errorf("%v was accepted", c.keys)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v: %q is missing in %q", c.keys, w, err)
			}
		}
	}
}

// A capacity tree that does not add up is refused when the scheduler is made.
func TestQueueTreesThatDoNotAddUp(t *testing.T) {
	for want, keys := range map[string]map[string]string{
		"90":                  {prefix + "root.a.capacity": "50"},
		"maximum-capacity 30": {prefix + "root.a.maximum-capacity": "30"},
		"twice":               {prefix + "root.queues": "a,a,b"},
	} {
		s, err := load(t, keys)
		if err != nil {
			t.Errorf("%v: %v", keys, err)
			continue
		}
		if _, err := scheduler.New(s.Scheduler); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q in it", keys, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	s, err := load(t, map[string]string{"yarn.resourcemanager.recovery.enabled": "true",
		"yarn.resourcemanager.store.class": recovery + "LeveldbRMStateStore"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "LeveldbRMStateStore") || !strings.Contains(s.Warnings[0], "yarn-site.xml") {
		t.Errorf("%q", s.Warnings)
	}
}

const recovery = "org.apache.hadoop.yarn.server.resourcemanager.recovery."

func TestStores(t *testing.T) {
	for class, want := range map[string]struct {
		recovery bool
		uri      string
		warnings int
		refused  bool
	}{
		"":                                  {recovery: true},
		recovery + "FileSystemRMStateStore": {recovery: true, uri: "hdfs://nn/rm"},
		recovery + "LeveldbRMStateStore":    {recovery: true, warnings: 1},
		recovery + "MemoryRMStateStore":     {warnings: 1},
		recovery + "ZKRMStateStore":         {refused: true},
	} {
		keys := map[string]string{"yarn.resourcemanager.recovery.enabled": "true", "yarn.resourcemanager.fs.state-store.uri": "hdfs://nn/rm",
			"yarn.resourcemanager.fs.state-store.num-retries": "7", "yarn.resourcemanager.fs.state-store.retry-interval-ms": "20"}
		if class != "" {
			keys["yarn.resourcemanager.store.class"] = class
		}
		s, err := load(t, keys)
		if want.refused {
			if err == nil || !strings.Contains(err.Error(), "yarn.resourcemanager.store.class="+class) {
				t.Errorf("%s: %v", class, err)
			}
			continue
		}
		if err != nil || s.Recovery != want.recovery || s.StoreURI != want.uri || len(s.Warnings) != want.warnings {
			t.Errorf("%s: %+v, %v", class, s, err)
		}
		if want.uri != "" && (s.StoreTry.Retries != 7 || s.StoreTry.Interval != 20*time.Millisecond) {
			t.Errorf("%+v", s.StoreTry)
		}
	}
}

func TestValues(t *testing.T) {
	racks := filepath.Join(t.TempDir(), "racks")
	if err := os.WriteFile(racks, []byte("# a comment\nNode1 /r1\nbroken\n10.0.0.7 /r2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := load(t, map[string]string{
		"yarn.resourcemanager.address": "127.0.0.1:1234", "yarn.nm.liveness-monitor.expiry-interval-ms": "20000", "yarn.am.liveness-monitor.expiry-interval-ms": "30s",
		"yarn.resourcemanager.nm-tokens.master-key-rolling-interval-secs": "90", "yarn.resourcemanager.am.max-attempts": "5", "yarn.resourcemanager.am.global.max-attempts": "3",
		"yarn.resourcemanager.delegation.key.update-interval": "1000", "yarn.resourcemanager.delegation.token.renew-interval": "2000", "yarn.resourcemanager.delegation.token.max-lifetime": "3000",
		"hadoop.rpc.protection": "privacy,integrity", "net.topology.table.file.name": racks, "yarn.resource-types": "yarn.io/gpu",
		"yarn.resourcemanager.leveldb-state-store.path": "file:///var/rm", "yarn.resourcemanager.am-scheduling.node-blacklisting-disable-threshold": "0.25",
		prefix + "root.a.queues": "x,y", prefix + "root.a.x.capacity": "33.333", prefix + "root.a.y.capacity": "66.667", prefix + "root.a.x.acl_submit_applications": "alice devs",
		prefix + "root.a.x.user-limit-factor": "1.5", prefix + "root.b.state": "stopped", prefix + "root.b.maximum-am-resource-percent": "0.25", prefix + "maximum-applications": "99",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.ClientAddress != "127.0.0.1:1234" || s.NodeExpiry != 20*time.Second || s.AMExpiry != 30*time.Second || s.MaxAttempts != 3 ||
		s.NM.Interval != 90*time.Second || s.NM.Delay != 30*time.Second || s.StorePath != "/var/rm/heddle-rm.db" || s.BlacklistAtMost != 250_000 {
		t.Errorf("%+v", s)
	}
	if d := s.Delegation; d.KeyUpdateInterval != time.Second || d.RenewInterval != 2*time.Second || d.MaxLifetime != 3*time.Second {
		t.Errorf("delegation tokens: %+v", d)
	}
	if len(s.QOP) != 2 || s.QOP[0] != "auth-conf" || s.QOP[1] != "auth-int" {
		t.Errorf("%v", s.QOP)
	}
	if rack, err := s.Racks.Rack(t.Context(), "10.0.0.7"); rack != "/r2" || err != nil {
		t.Errorf("%s, %v", rack, err)
	}
	a, b := s.Scheduler.Root.Children[0], s.Scheduler.Root.Children[1]
	if a.Capacity != 600_000 || a.Children[0].Capacity != 333_330 || a.Children[0].UserLimitFactor != 1_500_000 || !b.Stopped || b.MaxAMShare != 250_000 || s.Scheduler.MaxApplications != 99 {
		t.Errorf("queues: %+v", s.Scheduler.Root)
	}
	groups := func(user string) []string { return map[string][]string{"bob": {"devs"}}[user] }
	for user, want := range map[string]bool{"alice": true, "bob": true, "carol": false} {
		if got := s.Queues["root.a.x"].Submit.Allows(user, groups); got != want {
			t.Errorf("%s may submit: %v", user, got)
		}
	}
	if s.Queues["root.a.y"].Submit.Allows("alice", groups) || !s.Queues["root"].Submit.Allows("carol", groups) {
		t.Error("by default only root's own list is open")
	}
	if s.Types.Index(yarn.GPUName) != 2 {
		t.Error("yarn.io/gpu is missing")
	}
}

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "12.5": 12_500_000, ".25": 250_000, "0.0000019": 1, "99.999999": 99_999_999} {
		if got, err := parseDecimal(text, 6); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1,5", "1e3", "NaN", "9999999999999999999"} {
		if n, err := parseDecimal(text, 6); err == nil && text != "" {
			t.Errorf("%q was read as %d", text, n)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1", "1.5", ".", "100.0001", "-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseDecimal(text, 6); err == nil && n < 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}

func TestAQueueWithoutAStateHasThatOfTheQueueAbove(t *testing.T) {
	s, err := load(t, map[string]string{prefix + "root.b.state": "STOPPED", prefix + "root.b.queues": "x,y", prefix + "root.b.x.capacity": "50", prefix + "root.b.y.capacity": "50",
		prefix + "root.b.y.state": "running"})
	if err != nil {
		t.Fatal(err)
	}
	b := s.Scheduler.Root.Children[1]
	if s.Scheduler.Root.Children[0].Stopped || !b.Stopped || !b.Children[0].Stopped || b.Children[1].Stopped {
		t.Errorf("%+v", s.Scheduler.Root)
	}
}

func TestNodeSizes(t *testing.T) {
	s, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.NodeSizes(); got != nil || err != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	write := func(keys map[string]string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.Dir, "dynamic-resources.xml"), conf.XML(keys), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const p = "yarn.resource.dynamic."
	write(map[string]string{p + "nodes": "h1:1234,h2:9", p + "h1:1234.memory": "4096", p + "h1:1234.vcores": "3", p + "h1:1234.overcommittimeout": "500", p + "h2:9.vcores": "2"})
	got, err := s.NodeSizes()
	if err != nil {
		t.Fatal(err)
	}
	if n := got[yarn.NodeID{Host: "h1", Port: 1234}]; n.Total[yarn.Memory] != 4096 || n.Total[yarn.VCores] != 3 || n.Total[2] != -1 || n.Millis != 500 {
		t.Errorf("%+v", n)
	}
	if n := got[yarn.NodeID{Host: "h2", Port: 9}]; n.Total[yarn.Memory] != -1 || n.Total[yarn.VCores] != 2 || n.Millis != -1 {
		t.Errorf("%+v", n)
	}
	for _, bad := range []map[string]string{{p + "nodes": "h1"}, {p + "nodes": "h1:x"}, {p + "nodes": "h1:1", p + "h1:1.memory": "much"}} {
		write(bad)
		if _, err := s.NodeSizes(); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
