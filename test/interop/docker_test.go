//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/test/cluster"
	"heddle/test/node"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// dockerImage is made by test/setup/docker.sh image: a small Debian with bash and Python.
const dockerImage = "heddle/test"

// dockerEngine sets DOCKER_HOST to the engine that test/setup/docker.sh found or started.
func dockerEngine(t *testing.T) {
	t.Helper()
	out, err := exec.Command("../setup/docker.sh", "host").Output()
	if err != nil {
		t.Fatalf("no Docker engine answers; run test/setup/docker.sh start, and image: %v", err)
	}
	if host := strings.TrimSpace(string(out)); host != "" {
		t.Setenv("DOCKER_HOST", host)
	}
}

// docker runs the engine's own client.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// ours lists the engine's containers, running or not, that carry an id of this process's played ResourceManagers.
func ours(t *testing.T) []string {
	t.Helper()
	return strings.Fields(docker(t, "ps", "-a", "--filter", "label=heddle.task", "--filter", fmt.Sprintf("name=_%d_", node.RMIdentifier), "--format", "{{.Names}}"))
}

func dockerNode(t *testing.T, site map[string]string, executorCfg string) *node.Box {
	t.Helper()
	dockerEngine(t)
	all := map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}
	for k, v := range site {
		all[k] = v
	}
	return node.Start(t, node.Options{Site: all, ExecutorCfg: executorCfg})
}

// inDocker is the environment that asks for a container of the test image, and for more.
func inDocker(more ...string) map[string]string {
	env := map[string]string{"YARN_CONTAINER_RUNTIME_TYPE": "docker", "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": dockerImage}
	for i := 0; i < len(more); i += 2 {
		env["YARN_CONTAINER_RUNTIME_DOCKER_"+more[i]] = more[i+1]
	}
	return env
}

// stdout runs a command line in Docker and returns what it printed.
func stdout(t *testing.T, am *node.AM, env map[string]string, command string) string {
	t.Helper()
	id := am.Start(t, node.Launch{Env: env, Commands: []string{"{ " + command + "; }", "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr"}})
	if s := am.Done(t, id); s.GetExitStatus() != 0 {
		t.Fatalf("%s ended with %d: %s", command, s.GetExitStatus(), s.GetDiagnostics())
	}
	return strings.TrimSpace(am.Log(t, id, "stdout"))
}

// Hadoop's DistributedShell gets Docker containers by nothing but Hadoop's own environment names.
func TestDistributedShellInDocker(t *testing.T) {
	dockerEngine(t)
	o := shared.options("docker", shared.rm, cluster.Heddle)
	o.Site = map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	run, err := c.Shell(limited(t, 3*time.Minute), "", "-shell_command", "echo inside-$(test -e /.dockerenv && echo docker)-$CONTAINER_ID",
		"-shell_env", "YARN_CONTAINER_RUNTIME_TYPE=docker", "-shell_env", "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE="+dockerImage,
		"-num_containers", "2", "-container_memory", "256", "-master_memory", "300")
	ranWell(t, run, err, "Application completed successfully")
	logs := aggregated(t, c, applicationID.FindString(run.Out))
	if n := len(regexp.MustCompile(`(?m)^inside-docker-container_`).FindAllString(logs.Out, -1)); n != 2 {
		t.Errorf("%d containers ran inside Docker, want 2:\n%s", n, end(logs.Out))
	}
}

func TestADockerContainerIsNamedAndLabelledAndLeavesNothing(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	id := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"{ test -e /.dockerenv && echo inside; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	am.Logged(t, id, "stdout", "inside\n")
	if got := docker(t, "inspect", "-f", `{{.Name}} {{index .Config.Labels "heddle.task"}} {{.State.Running}}`, id.String()); got != "/"+id.String()+" "+id.String()+" true" {
		t.Errorf("the engine has it as %s", got)
	}
	am.Stop(t, id)
	if s := am.Done(t, id); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("the engine still has %v", left)
	}
	if left, err := filepath.Glob(b.Dir + "/local*/usercache/alice/appcache/*/container_*"); err != nil || len(left) > 0 {
		t.Errorf("work directories are left: %v, %v", left, err)
	}
}

func TestADockerContainersExitCodeAndOutputComeBack(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	id := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"{ echo the reason 1>&2; exit 3; }", "2><LOG_DIR>/stderr"}})
	s := am.Done(t, id)
	if s.GetExitStatus() != 3 || !strings.Contains(s.GetDiagnostics(), "Last 4096 bytes of stderr :\nthe reason\n") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestADockerContainerSeesItsFilesAndIdentity(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	data := filepath.Join(b.Dir, "资料 x.txt")
	if err := os.WriteFile(data, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	public := node.Resource(t, data, yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_PUBLIC)
	private := node.Resource(t, data, yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_PRIVATE)
	app := node.Resource(t, data, yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_APPLICATION)
	id := am.Start(t, node.Launch{Env: inDocker(), Resources: map[string]*yarnpb.LocalResourceProto{"public": public, "sub/private y": private, "app": app},
		Commands: []string{"{ cat public 'sub/private y' app; echo; test -s $HADOOP_TOKEN_FILE_LOCATION && echo tokens; pwd -P; }", "1><LOG_DIR>/stdout"}})
	if s := am.Done(t, id); s.GetExitStatus() != 0 {
		t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	lines := strings.Split(strings.TrimSpace(am.Log(t, id, "stdout")), "\n")
	if len(lines) != 3 || lines[0] != "contentcontentcontent" || lines[1] != "tokens" || filepath.Base(lines[2]) != id.String() {
		t.Errorf("it saw %q", lines)
	}
}

func TestDockerLimitsAreTheGrantsAndTheRequests(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	if got := stdout(t, am, inDocker("SHM_SIZE", "96m"), "df -k --output=size /dev/shm | tail -1"); got != "98304" {
		t.Errorf("/dev/shm has %s KB, want 98304", got)
	}
	if got := stdout(t, am, inDocker("ULIMITS", "nofile=321:654,core=0"), "ulimit -Sn; ulimit -Hn; ulimit -c"); got != "321\n654\n0" {
		t.Errorf("ulimits are %q", got)
	}
	id := am.Start(t, node.Launch{Env: inDocker(), MemoryMB: 64, Commands: []string{`python3 -c 'x = b\"x\" * (300 << 20)'`}})
	if s := am.Done(t, id); s.GetExitStatus() != int32(yarn.ExitKilledExceededPMem) || !strings.Contains(s.GetDiagnostics(), "memory limit") {
		t.Errorf("above its memory it ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"shared memory above the grant": {inDocker("SHM_SIZE", "2g"), "at most the container's 256 MB"},
		"a ulimit that is not allowed":  {inDocker("ULIMITS", "rtprio=9"), "yarn.nodemanager.runtime.linux.docker.allowed-ulimits"},
	} {
		if s := am.Done(t, am.Start(t, node.Launch{Env: c.env, Commands: []string{"true"}})); s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), c.want) {
			t.Errorf("%s: %d, %s", name, s.GetExitStatus(), s.GetDiagnostics())
		}
	}
}

func TestADockerContainerRunsAsTheAdministratorSays(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("other users' containers need root")
	}
	lce := "org.apache.hadoop.yarn.server.nodemanager.LinuxContainerExecutor"
	const closed = "\nCapEff:\t0000000000000000"
	for name, c := range map[string]struct {
		site map[string]string
		want string
	}{
		"the node's own user":     {nil, "0\n"},
		"the insecure local user": {map[string]string{"yarn.nodemanager.container-executor.class": lce}, "65534" + closed},
		"the submitter": {map[string]string{"yarn.nodemanager.container-executor.class": lce,
			"yarn.nodemanager.linux-container-executor.nonsecure-mode.limit-users": "false"}, "1" + closed},
	} {
		t.Run(name, func(t *testing.T) {
			b := dockerNode(t, c.site, "allowed.system.users=daemon\n")
			am := b.AM(t, "daemon", 1) // every Debian has this user, as number 1
			if got := stdout(t, am, inDocker(), "id -u; touch mine; grep -i capeff /proc/self/status"); !strings.HasPrefix(got, c.want) {
				t.Errorf("it ran as %q, want %q", got, c.want)
			}
		})
	}
}

// A Docker container is resized by its engine, is tried again after a failure, and runs another launch context
// in another container of the same name; one that is kept for a look makes way.
func TestARunningDockerContainerChanges(t *testing.T) {
	const key = "yarn.nodemanager."
	b := dockerNode(t, map[string]string{key + "container-retry-minimum-interval-ms": "1", key + "runtime.linux.docker.delayed-removal.allowed": "true", key + "container.pids-limit": "50",
		key + "runtime.linux.docker.stop.grace-period": "1"}, "")
	am := b.AM(t, "alice", 1)
	always := yarnpb.ContainerRetryPolicyProto_RETRY_ON_ALL_ERRORS.Enum()
	for _, kept := range []string{"false", "true"} {
		id := am.Start(t, node.Launch{MemoryMB: 128, Env: inDocker("DELAYED_REMOVAL", kept), Retry: &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(1)},
			Commands: []string{"echo one >> <LOG_DIR>/said; if [ ! -e here ]; then touch here; exit 5; fi; sleep 1000"}})
		am.Logged(t, id, "said", "one\none\n")
		am.Running(t, id)
		if got := docker(t, "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}", id.String()); got != "134217728 50" {
			t.Errorf("limits at the start: %s", got)
		}
		resp, err := am.UpdateContainer(t.Context(), &yarnpb.ContainerUpdateRequestProto{UpdateContainerToken: []*commonpb.TokenProto{
			am.Token(t, id, node.Launch{MemoryMB: 256, Edit: func(i *yarnpb.ContainerTokenIdentifierProto) { i.Version = proto.Int32(1) }})}})
		if err != nil || len(resp.GetSucceededRequests()) != 1 {
			t.Fatalf("%v, %v", resp, err)
		}
		if got := docker(t, "inspect", "-f", "{{.HostConfig.Memory}}", id.String()); got != "268435456" {
			t.Errorf("the engine holds it to %s bytes", got)
		}
		l := node.Launch{Env: inDocker("DELAYED_REMOVAL", kept), Commands: []string{"echo two >> <LOG_DIR>/said; sleep 1000"}}
		if _, err := am.ReInitializeContainer(t.Context(), &yarnpb.ReInitializeContainerRequestProto{ContainerId: wire.ContainerID(id), ContainerLaunchContext: l.Context()}); err != nil {
			t.Fatal(err)
		}
		am.Logged(t, id, "said", "one\none\ntwo\n")
		am.Stop(t, id)
		am.Done(t, id)
		if kept == "true" {
			docker(t, "rm", id.String())
		}
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	groups, err := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/pids/heddle-test-%d-*", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if err := os.Remove(g); err != nil {
			t.Errorf("containers' cgroups are left: %v", err)
		}
	}
}

func TestDockerRequestsThatTheAdministratorDoesNotAllow(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open+"/data", []byte("shared"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", open+"/out"); err != nil {
		t.Fatal(err)
	}
	b := dockerNode(t, nil, "[docker]\n  docker.allowed.ro-mounts="+open+"\n")
	am := b.AM(t, "alice", 1)
	if got := stdout(t, am, inDocker("MOUNTS", open+":/mnt:ro"), "cat /mnt/data; touch /mnt/x 2>/dev/null || echo closed"); got != "sharedclosed" {
		t.Errorf("the allowed mount gives %q", got)
	}
	for name, c := range map[string]struct{ key, value, want string }{
		"a mount outside the lists":         {"MOUNTS", "/etc:/mnt:ro", "docker.allowed.ro-mounts"},
		"a read-only folder, to be written": {"MOUNTS", open + ":/mnt:rw", "mount of " + open + " is not allowed"},
		"a link out of an allowed folder":   {"MOUNTS", open + "/out:/mnt:ro", "is not allowed"},
		"dots out of an allowed folder":     {"MOUNTS", open + "/../../etc:/mnt:ro", ""},
		"a privileged container":            {"RUN_PRIVILEGED_CONTAINER", "true", "Cannot launch privileged container"},
		"the host's processes":              {"CONTAINER_PID_NAMESPACE", "host", "host-pid-namespace.allowed"},
		"a network of another name":         {"CONTAINER_NETWORK", "macvlan", "allowed-container-networks"},
		"another runtime":                   {"RUNTIME", "kata", "allowed-container-runtimes"},
		"a name that is not known":          {"CAPABILITIES", "SYS_ADMIN", "is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			s := am.Done(t, am.Start(t, node.Launch{Env: inDocker(c.key, c.value), Commands: []string{"true"}}))
			if s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), c.want) {
				t.Errorf("it ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
			}
		})
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("the engine has %v", left)
	}
}

func TestAnImageThatIsNotThereIsNamedWithTheRemedy(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	env := inDocker()
	env["YARN_CONTAINER_RUNTIME_DOCKER_IMAGE"] = "127.0.0.1:1/not/there:v7"
	s := am.Done(t, am.Start(t, node.Launch{Env: env, Commands: []string{"true"}}))
	if s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "Docker image 127.0.0.1:1/not/there:v7 is not on this node and cannot be pulled") ||
		!strings.Contains(s.GetDiagnostics(), "correct YARN_CONTAINER_RUNTIME_DOCKER_IMAGE, or load the image on the node") {
		t.Errorf("it ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestAStoppedNodeLeavesNothingInTheEngine(t *testing.T) {
	b := dockerNode(t, map[string]string{"yarn.nodemanager.runtime.linux.docker.stop.grace-period": "1"}, "")
	am := b.AM(t, "alice", 1)
	id := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"trap '' TERM; sleep 1000; sleep 1000"}})
	am.Running(t, id)
	if err := b.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("the engine still has %v", left)
	}
	for _, f := range b.Files(t) {
		if strings.HasPrefix(f, "local") && strings.Contains(f, "application_") {
			t.Errorf("%s was left behind", f)
		}
	}
}

func TestContainersOfAKilledNodeAreEndedByTheNext(t *testing.T) {
	b := dockerNode(t, nil, "")
	am := b.AM(t, "alice", 1)
	id := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"sleep 1000"}})
	am.Running(t, id)
	node.Start(t, node.Options{Dir: b.Dir, Site: map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}})
	if left := ours(t); len(left) > 0 {
		t.Errorf("the engine still has %v", left)
	}
}

func TestADockerContainerStoppedAtAnyMomentIsGone(t *testing.T) {
	b := dockerNode(t, map[string]string{"yarn.nodemanager.runtime.linux.docker.stop.grace-period": "0"}, "")
	am := b.AM(t, "alice", 1)
	for pause := 0; pause < 400; pause += 25 { // from before it is created to after it runs
		id := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"sleep 1000"}})
		time.Sleep(time.Duration(pause) * time.Millisecond)
		am.Stop(t, id)
		am.Done(t, id)
		if left := ours(t); len(left) > 0 {
			t.Fatalf("stopped after %d ms, the engine has %v", pause, left)
		}
	}
	if strings.Contains(b.Log.String(), "not in the table") {
		t.Errorf("a step was not foreseen:\n%s", b.Log)
	}
}

// A Docker container that a NodeManager left is watched again by the next one, and one that ended in between is reported.
func TestDockerContainersOutliveTheirNodeManager(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	site := map[string]string{"yarn.nodemanager.recovery.enabled": "true", "yarn.nodemanager.recovery.supervised": "true",
		"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}
	dockerEngine(t)
	first := node.Start(t, node.Options{Dir: dir, Site: site})
	am := first.AM(t, "alice", 1)
	lives := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"{ echo begun; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	ends := am.Start(t, node.Launch{Env: inDocker(), Commands: []string{"{ echo begun; while [ ! -e go ]; do sleep 0.1; done; exit 4; }", "1><LOG_DIR>/stdout"}})
	am.Logged(t, lives, "stdout", "begun\n")
	am.Logged(t, ends, "stdout", "begun\n")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	docker(t, "exec", ends.String(), "touch", "go")
	docker(t, "wait", ends.String())
	pid := docker(t, "inspect", "-f", "{{.State.Pid}}", lives.String())

	site["yarn.nodemanager.recovery.supervised"] = "false"
	second := node.Start(t, node.Options{Dir: dir, Site: site})
	again := second.AM(t, "alice", 1)
	if s := again.Done(t, ends); s.GetExitStatus() != 4 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	again.Running(t, lives)
	if now := docker(t, "inspect", "-f", "{{.State.Pid}}", lives.String()); now != pid {
		t.Errorf("process %s became %s", pid, now)
	}
	again.Stop(t, lives)
	if s := again.Done(t, lives); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if left := ours(t); len(left) > 0 {
		t.Errorf("the engine still has %v", left)
	}
}
