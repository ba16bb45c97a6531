package docker

import (
	"slices"
	"strings"
	"testing"
)

// What container-executor.cfg does not allow stays forbidden, whatever yarn-site.xml allows.
func TestBothFilesMustAllow(t *testing.T) {
	open := func() *Policy {
		p := policy()
		p.Privileged = func(string) bool { return true }
		p.HostPID, p.Capabilities, p.Networks, p.Runtimes = true, []string{"CHOWN", "SYS_ADMIN"}, []string{"host", "bridge"}, []string{"runc", "nvidia"}
		return p
	}
	ask := func(p *Policy, kv ...string) string {
		if _, err := p.Request(env(kv...), "alice", 1024); err != nil {
			return err.Error()
		}
		return ""
	}
	p := open()
	if err := p.Restrict(map[string][]string{"banned.users": {"x"}}); err != nil || p.Privileged == nil || !p.HostPID || len(p.Capabilities) != 2 {
		t.Errorf("a file without a word on Docker: %v, %+v", err, p)
	}
	p = open()
	if err := p.Restrict(map[string][]string{"docker.allowed.ro-mounts": {"/data"}}); err != nil {
		t.Fatal(err)
	}
	if p.Privileged != nil || p.HostPID || len(p.Capabilities) != 0 || len(p.Networks) != 2 || p.NoNewPrivileges {
		t.Errorf("a file that enables nothing: %+v", p)
	}
	p = open()
	if err := p.Restrict(map[string][]string{"docker.module.enabled": {"true"}, "docker.privileged-containers.enabled": {"true"}, "docker.host-pid-namespace.enabled": {"1"},
		"docker.no-new-privileges.enabled": {"true"}, "docker.allowed.capabilities": {"chown", "KILL"}, "docker.allowed.networks": {"bridge"}, "docker.allowed.runtimes": {"runc"},
		"docker.trusted.registries": {"library", "reg:5000", "own"}, "docker.privileged-containers.registries": {"own"}}); err != nil {
		t.Fatal(err)
	}
	if p.Privileged == nil || !p.HostPID || !p.NoNewPrivileges || !slices.Equal(p.Capabilities, []string{"CHOWN"}) || !slices.Equal(p.Networks, []string{"bridge"}) || !slices.Equal(p.Runtimes, []string{"runc"}) {
		t.Errorf("%+v", p)
	}
	const net = "CONTAINER_NETWORK"
	for _, tt := range []struct {
		kv   []string
		want string
	}{
		{[]string{"IMAGE", "debian:12", net, "bridge"}, ""},
		{[]string{"IMAGE", "reg:5000/a/b", net, "bridge"}, ""},
		{[]string{"IMAGE", "evil/a", net, "bridge"}, "docker.trusted.registries"},
		{[]string{"IMAGE", "own/a", net, "bridge", "RUN_PRIVILEGED_CONTAINER", "true"}, ""},
		{[]string{"IMAGE", "debian:12", net, "bridge", "RUN_PRIVILEGED_CONTAINER", "true"}, "docker.privileged-containers.registries"},
		{[]string{"IMAGE", "debian:12", net, "host"}, "Disallowed network"},
	} {
		if got := ask(p, tt.kv...); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%v: %s", tt.kv, got)
		}
	}
	if err := open().Restrict(map[string][]string{"docker.module.enabled": {"false"}}); err == nil || !strings.Contains(err.Error(), "module.enabled=false in [docker]") {
		t.Errorf("Docker is off there: %v", err)
	}
}
