package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
)

// mknod makes a character device's file that everybody may open.
func mknod(t *testing.T, path string, major, minor uint32) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// fenceMounts are the hierarchies of this host that can deny devices, as cgroups.mount-path has them.
func fenceMounts(t *testing.T) map[string]string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making and denying devices needs root")
	}
	out := map[string]string{}
	for file, version := range map[string]string{"devices/devices.deny": "version 1", "unified/cgroup.controllers": "version 2", "cgroup.controllers": "version 2"} {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", file)); err == nil {
			out[version] = "/sys/fs/cgroup" + strings.TrimSuffix(strings.TrimPrefix("/"+filepath.Dir(file), "/devices"), "/.")
		}
	}
	if len(out) == 0 {
		t.Skip("no cgroups are mounted")
	}
	return out
}

// tries prints for each device of a folder whether it can be read: "f0 yes", or the error.
func tries(dir, names string) string {
	return `{ for f in ` + names + `; do e=\$(head -c 1 ` + dir + `/\$f 2>&1 >/dev/null) && echo \$f yes || echo \$f \${e##*: }; done; echo end; }`
}

const refused = " Operation not permitted\n"

// A process has the devices of its container and no others, whoever it runs as, also when the NodeManager is killed and
// comes back; nothing is left when it is over.
func TestProcessesHaveOnlyTheirDevices(t *testing.T) {
	for version, mount := range fenceMounts(t) {
		t.Run(version, func(t *testing.T) {
			dir := openDir(t)
			mknod(t, dir+"/f0", 1, 5) // as /dev/zero
			mknod(t, dir+"/f1", 1, 7) // as /dev/full
			program := filepath.Join(dir, "plugin")
			script := fmt.Sprintf(`#!/bin/bash
case $1 in
register) echo '{"resource": "%s"}';;
devices) echo '{"devices": [{"id": "f0", "devPath": "%s/f0"}, {"id": "f1", "majorNumber": 1, "minorNumber": 7}]}';;
allocate) echo "{\"env\": {\"FPGA\": \"$(sed 's/.*devices":\["\([^"]*\).*/\1/')\"}}";;
esac
`, fpga, dir)
			if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			m := startMortal(t, map[string]string{"yarn.resource-types": fpga, "yarn.nodemanager.pluggable-device-framework.enabled": "true",
				"yarn.nodemanager.pluggable-device-framework.device-classes": program, "yarn.nodemanager.linux-container-executor.cgroups.mount-path": mount})
			am := m.AM(t, "alice", 1)
			one := func(i *yarnpb.ContainerTokenIdentifierProto) {
				i.Resource.ResourceValueMap = append(i.Resource.ResourceValueMap, &yarnpb.ResourceInformationProto{Key: proto.String(fpga), Value: proto.Int64(1)})
			}
			see := []string{"{ echo has $FPGA; " + tries(dir, "f0 f1") + "; until [ -e " + dir + "/again ]; do sleep 0.05; done; " + tries(dir, "f0 f1") + " > " + dir + "/$CONTAINER_ID; sleep 1000; }", "1><LOG_DIR>/stdout"}
			first := am.Start(t, Launch{Edit: one, Commands: see})
			got := am.Logged(t, first, "stdout", "end\n")
			want := map[string]string{"has f0\n": "f0 yes\nf1" + refused + "end\n", "has f1\n": "f0" + refused + "f1 yes\nend\n"}
			has := got[:min(len("has f0\n"), len(got))]
			if want[has] == "" || got != has+want[has] {
				t.Errorf("a container with a device sees\n%s", got)
			}
			none := am.Start(t, Launch{Commands: []string{tries(dir, "f0 f1"), "1><LOG_DIR>/stdout"}})
			if got := am.Logged(t, none, "stdout", "end\n"); got != "f0"+refused+"f1"+refused+"end\n" {
				t.Errorf("a container without devices sees\n%s", got)
			}
			am.Done(t, none)
			m.kill(t)
			m.start(t)
			am.Running(t, first)
			second := am.Start(t, Launch{Edit: one, Commands: see})
			if got := am.Logged(t, second, "stdout", "end\n"); strings.HasPrefix(got, has) || got != got[:len(has)]+want[got[:len(has)]] {
				t.Errorf("the second container sees\n%s, the first\n%s", got, has)
			}
			if err := os.WriteFile(dir+"/again", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			Until(t, "the first container tries again", func() bool {
				b, err := os.ReadFile(dir + "/" + first.String())
				got = string(b)
				return err == nil && strings.HasSuffix(got, "end\n")
			})
			if got != want[has] {
				t.Errorf("after the NodeManager was killed the first container sees\n%s", got)
			}
			am.Stop(t, first)
			am.Done(t, first)
			am.Stop(t, second)
			am.Done(t, second)
			if left := m.cgroupsLeft(t); len(left) > 0 {
				t.Errorf("cgroups left behind: %v", left)
			}
		})
	}
}

// GPUs are fenced by NVIDIA's numbers, those among them that are not for containers, and so is what the administrator
// denies; that holds for users' processes too. The driver need not be there: the kernel refuses before it looks for one.
func TestProcessesHaveOnlyTheirGPUs(t *testing.T) {
	for version, mount := range fenceMounts(t) {
		t.Run(version, func(t *testing.T) {
			dir := openDir(t)
			for n := range uint32(3) {
				mknod(t, fmt.Sprintf("%s/nvidia%d", dir, n), 195, n)
			}
			mknod(t, dir+"/full", 1, 7)
			b := Start(t, Options{ExecutorCfg: "allowed.system.users=daemon\n[devices]\nmodule.enabled=true\ndevices.denied-numbers=1:7\n",
				Site: withGPUs(t, threeGPUs, map[string]string{"yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices": "0:0,2:2",
					"yarn.nodemanager.container-executor.class":                            "LinuxContainerExecutor",
					"yarn.nodemanager.linux-container-executor.nonsecure-mode.limit-users": "false",
					"yarn.nodemanager.linux-container-executor.cgroups.mount-path":         mount})})
			am := b.AM(t, "daemon", 1)
			try := []string{"{ echo has $CUDA_VISIBLE_DEVICES; " + tries(dir, "nvidia0 nvidia1 nvidia2 full") + "; sleep 1000; }", "1><LOG_DIR>/stdout"}
			own := map[string]string{"has GPU-aa": "nvidia0", "has GPU-cc": "nvidia2", "has": ""}
			for _, gpus := range []int64{1, 1, 0} {
				got := am.Logged(t, am.Start(t, Launch{GPUs: gpus, Commands: try}), "stdout", "end\n")
				has, rest, _ := strings.Cut(got, "\n")
				mine, known := own[strings.TrimSpace(has)]
				if delete(own, strings.TrimSpace(has)); !known {
					t.Errorf("%s is not expected", has)
				}
				for _, f := range []string{"nvidia0", "nvidia1", "nvidia2", "full"} {
					if denied := strings.Contains(rest, f+refused); denied != (f != mine) || !strings.Contains(rest, f) {
						t.Errorf("who %s sees\n%s", has, rest)
					}
				}
			}
		})
	}
}

// A device with a number that the administrator denies goes to nobody.
func TestDevicesThatAreDeniedByNumber(t *testing.T) {
	program := filepath.Join(openDir(t), "plugin")
	script := "#!/bin/bash\ncase $1 in\nregister) echo '{\"resource\": \"" + fpga + "\"}';;\n" +
		`devices) echo '{"devices": [{"id": "f0", "majorNumber": 240, "minorNumber": 0}, {"id": "f1", "majorNumber": 240, "minorNumber": 1}, {"id": "f2", "devPath": "/dev/no-such-device"}]}';;` + "\nesac\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	site := map[string]string{"yarn.resource-types": fpga, "yarn.nodemanager.pluggable-device-framework.enabled": "true", "yarn.nodemanager.pluggable-device-framework.device-classes": program}
	b := Start(t, Options{ExecutorCfg: "[devices]\ndevices.denied-numbers=240:1, 240:9\n", Site: site})
	for _, want := range []string{fpga + " 1 (f1): devices.denied-numbers in container-executor.cfg has it", fpga + " 2 (f2): devPath /dev/no-such-device: no such file"} {
		if r := b.health(t, true); !strings.Contains(r, want) {
			t.Errorf("report: %s", r)
		}
	}
	for cfg, want := range map[string]string{"[devices]\ndevices.denied-numbers=1:2,nvidia0\n": `has "nvidia0": want major:minor`, "[gpu]\ngpu.major-device-number=x\n": "gpu.major-device-number=x"} {
		if err := Begin(t, Options{ExecutorCfg: cfg, Site: site}).Ended(t); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", cfg, err)
		}
	}
}

// A node that cannot deny devices says so once, at its start, and runs containers.
func TestANodeWithoutAFenceSaysSo(t *testing.T) {
	b := Start(t, Options{Site: withGPUs(t, threeGPUs, map[string]string{"yarn.nodemanager.linux-container-executor.cgroups.mount-path": "/proc/none"})})
	if n := strings.Count(b.Log.String(), "can open the files of devices that they were not given"); n != 1 {
		t.Errorf("it says so %d times:\n%s", n, b.Log)
	}
	am := b.AM(t, "alice", 1)
	if s := am.Done(t, am.Start(t, Launch{GPUs: 1, Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}
