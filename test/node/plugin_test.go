package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
)

const fpga = "example.com/fpga"

// An administrator's program brings devices of its own kind: offered, given out one by one, watched, and given back, also
// over the death of the NodeManager.
func TestDevicesOfAPlugin(t *testing.T) {
	dir := openDir(t)
	script := fmt.Sprintf(`#!/bin/bash
case $1 in
register) echo '{"resource": "%s"}';;
devices) cat %[2]s/devices;;
allocate) echo "{\"env\": {\"FPGA\": \"$(sed 's/.*devices":\["\([^"]*\).*/\1/')\"}}";;
release) cat >> %[2]s/released;;
esac
`, fpga, dir)
	program := filepath.Join(dir, "plugin")
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	state := func(text string) {
		t.Helper()
		if err := os.WriteFile(dir+"/devices.new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+"/devices.new", dir+"/devices"); err != nil {
			t.Fatal(err)
		}
	}
	state(`{"devices": [{"id": "f0"}, {"id": "f1"}]}`)
	m := startMortal(t, map[string]string{"yarn.resource-types": fpga, "yarn.nodemanager.pluggable-device-framework.enabled": "true",
		"yarn.nodemanager.pluggable-device-framework.device-classes": program, "yarn.nodemanager.resource-plugins.gpu.health-interval-ms": "50", "yarn.nodemanager.resource-plugins.release-wait-ms": "50"})
	offered := func() int64 {
		all := m.Registrations()
		for _, r := range all[len(all)-1].GetResource().GetResourceValueMap() {
			if r.GetKey() == fpga {
				return r.GetValue()
			}
		}
		return -1
	}
	if offered() != 2 {
		t.Errorf("%d are offered", offered())
	}
	am := m.AM(t, "alice", 1)
	one := func(i *yarnpb.ContainerTokenIdentifierProto) {
		i.Resource.ResourceValueMap = append(i.Resource.ResourceValueMap, &yarnpb.ResourceInformationProto{Key: proto.String(fpga), Value: proto.Int64(1)})
	}
	see := Launch{Edit: one, Commands: []string{"{ echo has-$FPGA; sleep 1000; }", "1><LOG_DIR>/stdout"}}
	first := am.Start(t, see)
	has := strings.TrimSpace(am.Logged(t, first, "stdout", "\n"))
	m.kill(t)
	m.start(t)
	am.Running(t, first)
	second := am.Start(t, see)
	if got := strings.TrimSpace(am.Logged(t, second, "stdout", "\n")); got == has || !strings.HasPrefix(got, "has-f") {
		t.Errorf("the first %s, the second %s", has, got)
	}
	if s := am.Done(t, am.Start(t, see)); s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "1 "+fpga+"s were granted") {
		t.Errorf("a third one: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	am.Stop(t, first)
	am.Done(t, first)
	released, err := os.ReadFile(dir + "/released")
	if err != nil || string(released) != fmt.Sprintf(`{"container":%q,"devices":[%q]}`, first, strings.TrimPrefix(has, "has-")) {
		t.Errorf("released: %s, %v", released, err)
	}
	// the other is gone from the machine, and what ran on it with it
	state(fmt.Sprintf(`{"devices": [{"id": %q, "healthy": false, "reason": "too hot"}]}`, strings.TrimPrefix(has, "has-")))
	if s := am.Done(t, second); s.GetExitStatus() != int32(yarn.ExitAborted) || !strings.Contains(s.GetDiagnostics(), "of this container is lost") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	Until(t, "the node offers none", func() bool { return offered() == 0 })
	Until(t, "the report says why", func() bool { return strings.Contains(m.Health().GetHealthReport(), "too hot") })
}
