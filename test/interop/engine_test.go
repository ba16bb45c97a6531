//go:build interop

package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/job/status"
	"heddle/test/cluster"
	"heddle/test/node"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// ownEngine starts a Docker engine for one test, which makes it hang.
func ownEngine(t *testing.T) *cluster.Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a Docker engine")
	}
	dir, err := os.MkdirTemp("", "engine") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	e, err := cluster.StartEngine(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Stop(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("DOCKER_HOST", e.Host)
	return e
}

// oneDevice configures a plug-in with a single device.
func oneDevice(t *testing.T, name string) map[string]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "plugin")
	script := `#!/bin/bash
case $1 in
register) echo '{"resource": "` + name + `"}';;
devices) echo '{"devices": [{"id": "d0"}]}';;
allocate) echo '{}';;
esac
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"yarn.resource-types": name, "yarn.nodemanager.pluggable-device-framework.enabled": "true",
		"yarn.nodemanager.pluggable-device-framework.device-classes": program, "yarn.nodemanager.resource-plugins.release-wait-ms": "100"}
}

// An engine that hangs while a container is killed: the container is not complete and its device not free before its processes
// are gone, and nothing else of the node waits for the engine: heartbeats, processes, their memory limits. What was asked for
// meanwhile (a start, a signal, another size) is done when the engine goes on. ENGINE_HANGS (seconds) makes it longer.
func TestAnEngineThatHangs(t *testing.T) {
	e := ownEngine(t)
	const device = "example.com/card"
	site := oneDevice(t, device)
	site["yarn.nodemanager.runtime.linux.allowed-runtimes"] = "default,docker"
	site["yarn.nodemanager.runtime.linux.docker.stop.grace-period"] = "1"
	b := node.Start(t, node.Options{Site: site})
	am := b.AM(t, "alice", 1)
	withDevice := func(i *yarnpb.ContainerTokenIdentifierProto) {
		i.Resource.ResourceValueMap = append(i.Resource.ResourceValueMap, &yarnpb.ResourceInformationProto{Key: proto.String(device), Value: proto.Int64(1)})
	}
	env := inDocker()
	env["YARN_CONTAINER_RUNTIME_DOCKER_IMAGE"] = cluster.EngineImage
	killed := am.Start(t, node.Launch{Env: env, Edit: withDevice, Commands: []string{"echo begun > <LOG_DIR>/said; sleep 1000"}})
	lives := am.Start(t, node.Launch{Env: env, Commands: []string{"trap 'echo heard >> <LOG_DIR>/said' QUIT; echo begun > <LOG_DIR>/said; while :; do sleep 0.1; done"}})
	am.Logged(t, killed, "said", "begun")
	am.Logged(t, lives, "said", "begun")
	inspect := func(format string, id yarn.ContainerID) string {
		t.Helper()
		out, err := e.Docker(t.Context(), nil, "inspect", "-f", format, id.String())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pid, err := strconv.Atoi(inspect("{{.State.Pid}}", killed))
	if err != nil {
		t.Fatal(err)
	}

	if err := e.Pause(); err != nil {
		t.Fatal(err)
	}
	am.Stop(t, killed)
	starting := am.Start(t, node.Launch{Env: env, Commands: []string{"echo begun > <LOG_DIR>/said; sleep 1000"}})
	b.Tell(func(resp *yarnpb.NodeHeartbeatResponseProto) {
		resp.ContainersToSignal = append(resp.ContainersToSignal, &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(lives), Command: yarnpb.SignalContainerCommandProto_OUTPUT_THREAD_DUMP.Enum()})
		resp.ContainersToUpdate = append(resp.ContainersToUpdate, &yarnpb.ContainerProto{Id: wire.ContainerID(lives), Version: proto.Int32(1),
			Resource: &yarnpb.ResourceProto{Memory: proto.Int64(300), VirtualCores: proto.Int32(1)}, ExecutionType: yarnpb.ExecutionTypeProto_GUARANTEED.Enum()})
	})
	beats := b.Beats()
	node.Until(t, "heartbeats go on", func() bool { return b.Beats() >= beats+20 })
	if s := am.Done(t, am.Start(t, node.Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("a process ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	hungry := am.Start(t, node.Launch{MemoryMB: 64, Commands: []string{`python3 -c 'import time; x = b\"x\" * (300 << 20); time.sleep(1000)'`}})
	if s := am.Done(t, hungry); s.GetExitStatus() != int32(yarn.ExitKilledExceededPMem) {
		t.Errorf("a process above its memory ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if s := am.Done(t, am.Start(t, node.Launch{Edit: withDevice, Commands: []string{"true"}})); s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "1 "+device+"s were granted") {
		t.Errorf("the device of a container that is being killed was given away: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	seconds, _ := strconv.Atoi(os.Getenv("ENGINE_HANGS")) // else 0
	time.Sleep(time.Duration(seconds) * time.Second)
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the container's process %d: %v", pid, err)
	}
	if s := b.Status(killed); s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
		t.Errorf("the node says that a container whose process runs is complete: %v", s)
	}

	if err := e.Continue(); err != nil {
		t.Fatal(err)
	}
	if s := am.Done(t, killed); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
		t.Errorf("the killed container ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d of a complete container: %v", pid, err)
	}
	am.Logged(t, starting, "said", "begun")
	am.Running(t, starting)
	am.Logged(t, lives, "said", "heard")
	node.Until(t, "the engine holds the running container to its new size", func() bool { return inspect("{{.HostConfig.Memory}}", lives) == "314572800" })
	if s := am.Done(t, am.Start(t, node.Launch{Edit: withDevice, Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("the device is not free: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	for _, id := range []yarn.ContainerID{starting, lives} {
		am.Stop(t, id)
		am.Done(t, id)
	}
	if left, err := e.Docker(t.Context(), nil, "ps", "-aq"); err != nil || left != "" {
		t.Errorf("the engine still has %s, %v", left, err)
	}
}

// A NodeManager that starts while the engine hangs serves processes at once, and ends what an earlier one left in the engine
// when that goes on.
func TestANodeManagerStartsBesideAnEngineThatHangs(t *testing.T) {
	e := ownEngine(t)
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left is in the temporary folder
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	left := fmt.Sprintf("container_%d_0001_01_000009", node.RMIdentifier)
	if _, err := e.Docker(t.Context(), nil, "run", "-d", "--network", "host", "--name", left, "--label", "heddle.task="+left, "--label", "heddle.workdir="+dir+"/local1/work", cluster.EngineImage, "sleep", "1000"); err != nil {
		t.Fatal(err)
	}
	if err := e.Pause(); err != nil {
		t.Fatal(err)
	}
	b := node.Start(t, node.Options{Dir: dir, Site: map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}})
	am := b.AM(t, "alice", 1)
	if s := am.Done(t, am.Start(t, node.Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("a process ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if err := e.Continue(); err != nil {
		t.Fatal(err)
	}
	node.Until(t, "the leftover is gone", func() bool {
		out, err := e.Docker(context.WithoutCancel(t.Context()), nil, "ps", "-aq")
		return err == nil && out == ""
	})
}

// A NodeManager that stands still for a while, as on an overloaded machine, costs a healthy job nothing. NM_STOPS says how many
// seconds, 3 without.
func TestANodeManagerStandsStill(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	seconds := 3
	if s := os.Getenv("NM_STOPS"); s != "" {
		var err error
		if seconds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	goes := filepath.Join(t.TempDir(), "go")
	submitText(t, ctx, shared.main, fmt.Sprintf(`{"jobName": "unmoved", "image": "none", "taskRoles": [{"name": "main", "taskNumber": 2, "memoryMB": 256, "command": "while [ ! -e %s ]; do sleep 0.1; done"}]}`, goes))
	before := becomes(t, ctx, shared.main, "unmoved", status.Running)
	_, nm := shared.main.PIDs()
	if err := syscall.Kill(nm, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	if err := syscall.Kill(nm, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goes, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	after := becomes(t, ctx, shared.main, "unmoved", status.Succeeded)
	if after.Attempt != 1 || after.Retries != (status.Retries{}) {
		t.Errorf("attempt %d, retries %+v", after.Attempt, after.Retries)
	}
	for i, task := range after.Roles[0].Tasks {
		if task.Container != before.Roles[0].Tasks[i].Container {
			t.Errorf("task %d ran in %s, and then in %s", i, before.Roles[0].Tasks[i].Container, task.Container)
		}
	}
}
