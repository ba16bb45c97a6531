package keys_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
)

func TestEveryKeyOfHadoopIsInTheTable(t *testing.T) {
	names := keys.Names()
	if len(names) < 1400 {
		t.Fatalf("only %d names", len(names))
	}
	for _, name := range names {
		if _, ok := keys.Lookup(name); !ok {
			t.Errorf("%s is not in the table", name)
		}
	}
}

func TestTheTableIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range keys.All() {
		if seen[k.Name] || k.Section == "" || !slices.Contains([]keys.Verdict{keys.Honoured, keys.Ignored, keys.NotYet, keys.Refused}, k.Verdict) {
			t.Errorf("line of %s: %+v", k.Name, k)
		}
		seen[k.Name] = true
		if k.Verdict != keys.Honoured && k.Why == "" {
			t.Errorf("%s is %s without a reason", k.Name, k.Verdict)
		}
	}
}

// elsewhere are keys that code reads with names put together where the text does not show it.
var elsewhere = []string{
	"yarn.resourcemanager.hostname", "yarn.resourcemanager.bind-host", "yarn.nodemanager.hostname", // in the defaults of addresses, and conf.bindHostKey
	"yarn.resourcemanager.webapp.rest-csrf.*", "yarn.nodemanager.webapp.rest-csrf.*", // hadoophttp.CSRF adds the last part
	"yarn.nodemanager.runtime.linux.docker.default-ro-mounts", "yarn.nodemanager.runtime.linux.docker.default-rw-mounts",
	"security.*.protocol.acl", "security.*.protocol.acl.blocked", "security.*.protocol.hosts", "security.*.protocol.hosts.blocked", // security.NewServiceACLs
	"security.service.authorization.default.acl.blocked", "security.service.authorization.default.hosts", "security.service.authorization.default.hosts.blocked",
	"yarn.resource.dynamic.*", "yarn.resource-types.*", "yarn.nodemanager.resource-type.*", "hadoop.proxyuser.*",
}

func TestTheTableHonoursWhatTheCodeReads(t *testing.T) {
	found := read(t)
	if len(found) < 200 {
		t.Fatalf("only %d keys were found in the code", len(found))
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if strings.HasSuffix(name, ".") || name == "yarn.nodemanager.runtime.linux.docker.default-*-mounts" || name == "yarn.nodemanager.webapp.rest-csrf" || name == "yarn.resourcemanager.webapp.rest-csrf" || strings.Count(name, ".") == 1 && !strings.HasPrefix(name, "fs.") {
			continue // the beginning of keys, or another name in that shape
		}
		k, ok := keys.Lookup(name)
		if !ok || k.Verdict != keys.Honoured && k.Verdict != keys.Refused {
			t.Errorf("%s reads %s, and the table says %q", found[name], name, k.Verdict)
		}
	}
	for _, k := range keys.All() {
		if k.Verdict != keys.Honoured || slices.Contains(elsewhere, k.Name) {
			continue
		}
		if _, ok := found[k.Name]; !ok && !slices.ContainsFunc(slices.Collect(maps.Keys(found)), func(f string) bool { l, _ := keys.Lookup(f); return l.Name == k.Name }) {
			t.Errorf("%s is honoured, and no code reads it", k.Name)
		}
	}
}

// told are keys whose refusal depends on more than their value, where they are read.
var told = []string{"yarn.resourcemanager.store.class", "yarn.nodemanager.aux-services"}

func TestRefusalsAreInTheTable(t *testing.T) {
	refused := append([]string{}, told...)
	for _, r := range keys.Refusals {
		refused = append(refused, r.Key)
	}
	for _, k := range keys.All() {
		if (k.Verdict == keys.Refused) != slices.Contains(refused, k.Name) {
			t.Errorf("%s: the table says %s, the refusals otherwise", k.Name, k.Verdict)
		}
	}
}

func load(t *testing.T, site map[string]string) *conf.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "yarn-site.xml"), conf.XML(site), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := conf.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefuse(t *testing.T) {
	for _, r := range keys.Refusals {
		for _, d := range []keys.Daemon{keys.ResourceManager, keys.NodeManager} {
			concerned := slices.Contains(r.Daemons, d)
			err := keys.Refuse(load(t, map[string]string{r.Key: "true"}), d)
			if (err != nil) != concerned {
				t.Errorf("%s by the %s: %v", r.Key, d, err)
			}
			if concerned && (!strings.Contains(err.Error(), r.Key+"=true (set in ") || !strings.Contains(err.Error(), r.Remedy)) {
				t.Errorf("the refusal names too little: %v", err)
			}
			for _, v := range r.Accepts {
				if err := keys.Refuse(load(t, map[string]string{r.Key: v}), d); err != nil {
					t.Errorf("%s=%s is accepted: %v", r.Key, v, err)
				}
			}
		}
	}
	for list, refused := range map[string]bool{"IFile,TFile": false, "TFile, IFile": false, "IFile": true} {
		if err := keys.Refuse(load(t, map[string]string{"yarn.log-aggregation.file-formats": list}), keys.NodeManager); (err != nil) != refused {
			t.Errorf("%s: %v", list, err)
		}
	}
	if err := keys.Refuse(load(t, map[string]string{"hadoop.security.authentication": "kerberos,simple"}), keys.NodeManager); err == nil {
		t.Error("a list of ways to authenticate was taken")
	}
	if err := keys.Refuse(conf.WithDefaults(), keys.ResourceManager); err != nil {
		t.Errorf("Hadoop's defaults: %v", err)
	}
	if err := keys.Refuse(conf.WithDefaults(), keys.NodeManager); err != nil {
		t.Errorf("Hadoop's defaults: %v", err)
	}
}

func TestWhatIsNotBuiltIsWarnedOf(t *testing.T) {
	c := load(t, map[string]string{
		"yarn.resourcemanager.scheduler.monitor.enable":   "true",
		"yarn.nodemanager.node-labels.provider":           "config",
		"yarn.nodemanager.elastic-memory-control.enabled": "false", // Hadoop's default
		"yarn.scheduler.capacity.queue-mappings":          "",      // asks for nothing
		"yarn.resourcemanager.client.thread-count":        "7",     // harmless
		"yarn.acl.enable": "true", // honoured
	})
	for d, want := range map[keys.Daemon]string{keys.ResourceManager: "yarn.resourcemanager.scheduler.monitor.enable=true", keys.NodeManager: "yarn.nodemanager.node-labels.provider=config"} {
		got := keys.Without(c, d)
		if len(got) != 1 || !strings.Contains(got[0], want) || !strings.Contains(got[0], "yarn-site.xml") {
			t.Errorf("%s: %q", d, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"yarn.acl.enabled":                    "yarn.acl.enable",
		"yarn.nodemanager.resource.memory.mb": "yarn.nodemanager.resource.memory-mb",
		"yarn.resourcemanger.hostname":        "yarn.resourcemanager.hostname",
		"company.own.key":                     "",
	} {
		if got := keys.Nearest(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if k, ok := keys.Lookup(name); ok {
			t.Errorf("%s is a key of Hadoop, by %s", name, k.Name)
		}
	}
}
