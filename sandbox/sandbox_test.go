package sandbox

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/hadoop/conf"
)

func plan(t *testing.T, o Options) *Box {
	t.Helper()
	b, err := Plan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConfigurationIsReadBack(t *testing.T) {
	dir := t.TempDir()
	b := plan(t, Options{Dir: dir, MemoryMB: 4096, VCores: 9, Docker: true, Mounts: []string{"/data & more"}, User: "ann"})
	c, err := conf.Load(b.ConfDir)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"fs.defaultFS":                                            "file:///",
		"yarn.admin.acl":                                          "ann",
		"yarn.nodemanager.resource.memory-mb":                     "4096",
		"yarn.nodemanager.resource.cpu-vcores":                    "9",
		"yarn.resourcemanager.address":                            b.Address("client"),
		"yarn.nodemanager.runtime.linux.docker.default-rw-mounts": b.Shared + ":" + b.Shared + ",/data & more:/data & more",
	} {
		if got, _ := c.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestEverythingListensOnLoopback(t *testing.T) {
	b := plan(t, Options{Dir: t.TempDir(), MemoryMB: 4096})
	seen := map[string]bool{}
	for _, p := range ports {
		addr := b.Address(p.name)
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("%s listens on %s", p.name, addr)
		}
		if seen[addr] {
			t.Errorf("%s shares %s with another service", p.name, addr)
		}
		seen[addr] = true
	}
}

func TestABusyPortIsReplaced(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:8088")
	if err == nil {
		defer l.Close() //nolint:errcheck // a test's
	} // else somebody holds it already, which serves as well
	b := plan(t, Options{Dir: t.TempDir(), MemoryMB: 4096})
	if got := b.Address("web"); got == "127.0.0.1:8088" {
		t.Errorf("web is on %s, which is in use", got)
	}
}

func TestFilesOfOthersAreSafe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Fatalf("a foreign directory: %v", err)
	}
}

func TestFreshForgets(t *testing.T) {
	dir := t.TempDir()
	b := plan(t, Options{Dir: dir, MemoryMB: 4096})
	old := filepath.Join(b.Shared, "old")
	if err := os.WriteFile(old, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	plan(t, Options{Dir: dir, MemoryMB: 4096})
	if _, err := os.Stat(old); err != nil {
		t.Errorf("without Fresh the state stays: %v", err)
	}
	plan(t, Options{Dir: dir, Fresh: true, MemoryMB: 4096})
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("state is still there: %v", err)
	}
}

func TestOneSandboxADirectory(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second sandbox: %v", err)
	}
	unlock()
	if unlock, err = Lock(dir); err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	unlock()
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"relative directory":    {Options{Dir: "x"}, "absolute"},
		"too little memory":     {Options{Dir: t.TempDir(), MemoryMB: 10}, "--memory-mb"},
		"unknown file system":   {Options{Dir: t.TempDir(), DefaultFS: "s3://x"}, "hdfs://host:port"},
		"hdfs without its host": {Options{Dir: t.TempDir(), DefaultFS: "hdfs:///"}, "hdfs://host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Plan(t.Context(), tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
}
