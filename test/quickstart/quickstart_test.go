//go:build interop

// Package quickstart runs what a new user runs: examples/quickstart.sh with a real Docker engine, a real HDFS and
// real TensorFlow, as root and as an ordinary user, and looks at what is left behind.
package quickstart

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	accuracy = regexp.MustCompile(`Held-out accuracy: ([0-9.]+)`)
	untold   = regexp.MustCompile(`untrained ([0-9.]+)`)
	steps    = regexp.MustCompile(`worker ([01]) took ([0-9]+) steps`)
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// setup runs a script of test/setup and returns what it printed.
func setup(t *testing.T, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root(t), "test/setup", script), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", script, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// ranWell checks what a quickstart printed.
func ranWell(t *testing.T, out string) {
	t.Helper()
	m, u := accuracy.FindStringSubmatch(out), untold.FindStringSubmatch(out)
	if m == nil || u == nil {
		t.Fatalf("no accuracy was printed:\n%s", out)
	}
	if trained, err := strconv.ParseFloat(m[1], 64); err != nil || trained < 0.9 {
		t.Errorf("held-out accuracy %s, want at least 0.9", m[1])
	}
	if untrained, err := strconv.ParseFloat(u[1], 64); err != nil || untrained > 0.3 {
		t.Errorf("untrained accuracy %s, want about 0.1", u[1])
	}
	took := map[string]bool{}
	for _, s := range steps.FindAllStringSubmatch(out, -1) {
		took[s[1]] = s[2] != "0"
	}
	if !took["0"] || !took["1"] {
		t.Errorf("both workers take steps; seen: %v\n%s", took, out)
	}
}

// run runs the quickstart of the tree at dir; as is nil for this process's user.
func run(t *testing.T, dir string, as *syscall.Credential, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "examples/quickstart.sh"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("the quickstart: %v\n%s", err, out.String())
	}
	return out.String()
}

// nothingRuns checks that no process was started from, or works in, the state directory any more.
func nothingRuns(t *testing.T, state string) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		cwd, err := os.Readlink(filepath.Join(p, "cwd"))
		if err != nil {
			continue // ended meanwhile, or a kernel thread
		}
		line, _ := os.ReadFile(filepath.Join(p, "cmdline")) // empty when it ended meanwhile
		if strings.HasPrefix(cwd, state) || bytes.Contains(line, []byte(state)) {
			t.Errorf("process %s is left running in %s: %s", filepath.Base(p), cwd, bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		}
	}
}

func TestInDockerOnHDFS(t *testing.T) {
	setup(t, "docker.sh", "start")
	setup(t, "docker.sh", "image")
	host := setup(t, "docker.sh", "host")
	if host != "" {
		t.Setenv("DOCKER_HOST", host)
	}
	state := t.TempDir()
	out := run(t, root(t), nil, "EXECUTOR=docker", "FS=hdfs", "XDG_STATE_HOME="+state)
	ranWell(t, out)
	if n := strings.Count(out, "heddle/tensorflow"); n < 5 { // the build or its reuse, and a line for each container
		t.Errorf("the four containers are not shown:\n%s", out)
	}
	if !strings.Contains(out, "from hdfs://") {
		t.Errorf("the result is not on HDFS:\n%s", out)
	}
	nothingRuns(t, state)
	left, err := exec.CommandContext(t.Context(), "docker", "ps", "-aq", "--filter", "label=heddle.task", "--filter", "ancestor=heddle/tensorflow:2.18.1").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(left)) > 0 {
		t.Errorf("containers are left: %v %s", err, left)
	}
}

// ordinaryUser is somebody who is not root, and whose home is home.
func ordinaryUser(t *testing.T, home string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{home, filepath.Join(home, "cache"), filepath.Join(home, "cache/heddle")} {
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// shell runs a line of bash.
func shell(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "bash", "-euc", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

func TestAsProcessesOfAnOrdinaryUser(t *testing.T) {
	home, err := os.MkdirTemp("", "heddle-quickstart-") // not t.TempDir(), whose parents are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // best effort
	wheels := setup(t, "wheels.sh")
	// The user's own checkout, and the wheels as if fetched already.
	cached := filepath.Join(home, "cache/heddle", filepath.Base(wheels))
	tree := filepath.Join(home, "heddle")
	shell(t, "mkdir -p "+tree+"/test "+filepath.Dir(cached)+"; cd "+root(t)+"; cp -r examples "+tree+"; cp -r test/setup "+tree+"/test; cp -r bin "+tree)
	shell(t, "cp -rl "+wheels+" "+cached+" 2>/dev/null || cp -r "+wheels+" "+cached)
	as := ordinaryUser(t, home)
	out := run(t, tree, as, "EXECUTOR=process", "FS=file", "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"), "HEDDLE_BINARY=", "USER=nobody", "LOGNAME=nobody", "PATH=/usr/local/bin:/usr/bin:/bin")
	ranWell(t, out)
	nothingRuns(t, home)
}
