package docker

import (
	"os"
	"strings"
	"testing"

	"heddle/executor"
)

func policy() *Policy {
	return &Policy{Networks: []string{"host", "bridge"}, DefaultNetwork: "host", Runtimes: []string{"runc"}, Ulimits: []string{"nofile", "memlock"}, StopSeconds: 10}
}

func env(kv ...string) map[string]string {
	out := map[string]string{EnvType: "docker", prefix + "IMAGE": "local/x"}
	for i := 0; i < len(kv); i += 2 {
		out[prefix+kv[i]] = kv[i+1]
	}
	return out
}

func TestOnlyWhatTheAdministratorAllowsIsGranted(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		env   map[string]string
		allow func(*Policy)
		want  string // part of the refusal
	}{
		"image":      {map[string]string{EnvType: "docker"}, nil, "IMAGE not set"},
		"odd image":  {env("IMAGE", "--privileged"), nil, "doesn't match docker image name pattern"},
		"network":    {env("CONTAINER_NETWORK", "mine"), func(p *Policy) { p.Networks = append(p.Networks, "mine") }, "Disallowed network"},
		"runtime":    {env("RUNTIME", "nvidia"), func(p *Policy) { p.Runtimes = []string{"nvidia"} }, "Disallowed runtime"},
		"privileged": {env("RUN_PRIVILEGED_CONTAINER", "true"), func(p *Policy) { p.Privileged = func(u string) bool { return u == "alice" } }, "Cannot launch privileged container"},
		"pid":        {env("CONTAINER_PID_NAMESPACE", "host"), func(p *Policy) { p.HostPID = true }, "pid namespace is not allowed"},
		"mount":      {env("MOUNTS", dir+":/data:rw"), func(p *Policy) { p.RWMounts = []string{dir} }, "is not allowed"},
		"ro mount":   {env("MOUNTS", dir+":/data:ro"), func(p *Policy) { p.ROMounts = []string{dir} }, "is not allowed"},
		"removal":    {env("DELAYED_REMOVAL", "true"), func(p *Policy) { p.KeepContainers = true }, "delayed removal is not allowed"},
		"shm":        {env("SHM_SIZE", "2g"), nil, "at most the container's 1024 MB"},
		"ulimit":     {env("ULIMITS", "rtprio=99"), func(p *Policy) { p.Ulimits = []string{"rtprio"} }, "is not allowed"},
		"unknown":    {env("CLIENT_CONFIG", "hdfs:///x"), nil, "is not supported"},
	} {
		if _, err := policy().Request(c.env, "alice", 1024); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.allow == nil {
			continue
		}
		p := policy()
		c.allow(p)
		if _, err := p.Request(c.env, "alice", 1024); err != nil {
			t.Errorf("%s, allowed: %v", name, err)
		}
	}
}

func TestARequestBecomesTheEnginesTerms(t *testing.T) {
	d, err := policy().Request(env("SHM_SIZE", "64m", "ULIMITS", "nofile=10:20,memlock=-1", "CONTAINER_NETWORK", "bridge", "PORTS_MAPPING", "8080:80"), "alice", 1024)
	if err != nil {
		t.Fatal(err)
	}
	cfg, host, err := configure(&executor.Task{ID: "c", WorkDir: "/w", Script: "/w/s", Docker: d, GPUs: []string{"GPU-1"},
		RunAs: &executor.Account{UID: 7, GID: 8}, Limits: executor.Limits{MemoryMB: 1024, VCores: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.User != "7:8" || cfg.WorkingDir != "/w" || len(cfg.ExposedPorts) != 1 || host.ShmSize != 64<<20 || host.Memory != 1<<30 || host.CPUShares != 2048 ||
		len(host.Ulimits) != 2 || host.Ulimits[0].Hard != 20 || host.DeviceRequests[0].DeviceIDs[0] != "GPU-1" || host.Privileged {
		t.Errorf("%+v\n%+v", cfg, host)
	}
}

func TestALinkDoesNotLeadOutOfAnAllowedMount(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	p := policy()
	p.RWMounts = []string{dir}
	if _, err := p.Request(env("MOUNTS", dir+"/link:/etc2"), "alice", 1); err == nil {
		t.Error("a link led out of the allowed folder")
	}
}
