//go:build interop

// Package sbin tries the start and stop scripts on this machine, and holds every shell script against shellcheck.
package sbin

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/hadoop/conf"
	"heddle/test/cluster"
)

const root = "../.."

func TestShellcheck(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-files", "*.sh", ".ci/*", ":!*testdata*").Output()
	if err != nil {
		t.Fatal(err)
	}
	scripts := strings.Fields(string(out))
	if len(scripts) < 5 {
		t.Fatalf("only %d scripts were found", len(scripts))
	}
	cmd := exec.Command("shellcheck", scripts...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// yard is an installation with a configuration of its own.
type yard struct {
	t   *testing.T
	dir string
	web string
}

func newYard(t *testing.T) *yard {
	t.Helper()
	binary := os.Getenv("HEDDLE_BINARY")
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "heddle")
		if out, err := exec.Command("go", "build", "-o", binary, "heddle/cmd/heddle").CombinedOutput(); err != nil {
			t.Fatalf("building heddle: %v\n%s", err, out)
		}
	}
	y := &yard{t: t, dir: t.TempDir()}
	for _, d := range []string{"bin", "sbin", "conf"} {
		if err := os.Mkdir(filepath.Join(y.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(binary, filepath.Join(y.dir, "bin/heddle")); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(root, "sbin/*"))
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, s := range scripts {
		b, err := os.ReadFile(s)
		if err == nil {
			err = os.WriteFile(filepath.Join(y.dir, "sbin", filepath.Base(s)), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	y.configure(map[string]string{})
	t.Cleanup(func() {
		y.run("yarn-daemon.sh", "stop", "nodemanager")
		y.run("yarn-daemon.sh", "stop", "resourcemanager")
	})
	return y
}

func (y *yard) configure(more map[string]string) {
	y.t.Helper()
	keys := map[string]string{"hadoop.tmp.dir": y.dir + "/data", "fs.defaultFS": "file:///", "yarn.nodemanager.aux-services": "",
		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
		"yarn.scheduler.capacity.root.queues":                                           "default", "yarn.scheduler.capacity.root.default.capacity": "100"}
	for _, k := range []string{"yarn.resourcemanager.address", "yarn.resourcemanager.scheduler.address", "yarn.resourcemanager.resource-tracker.address",
		"yarn.resourcemanager.admin.address", "yarn.resourcemanager.webapp.address", "yarn.nodemanager.address", "yarn.nodemanager.localizer.address", "yarn.nodemanager.webapp.address"} {
		l, err := cluster.ListenFree()
		if err != nil {
			y.t.Fatal(err)
		}
		defer l.Close()
		keys[k] = fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
	}
	for k, v := range more {
		keys[k] = v
	}
	for _, name := range []string{"core-site.xml", "yarn-site.xml", "capacity-scheduler.xml"} {
		if err := os.WriteFile(filepath.Join(y.dir, "conf", name), conf.XML(keys), 0o644); err != nil {
			y.t.Fatal(err)
		}
	}
	y.web = keys["yarn.resourcemanager.webapp.address"]
}

// run runs a script and returns what it printed and its exit code.
func (y *yard) run(script string, args ...string) (string, int) {
	cmd := exec.Command(filepath.Join(y.dir, "sbin", script), args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+y.dir+"/conf", "HADOOP_PID_DIR="+y.dir+"/pids", "HADOOP_LOG_DIR="+y.dir+"/logs", "HADOOP_IDENT_STRING=tester")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		y.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (y *yard) pid(command string) int {
	b, err := os.ReadFile(y.dir + "/pids/hadoop-tester-" + command + ".pid")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b))) // 0 is no process
	return n
}

func alive(pid int) bool { return pid > 0 && syscall.Kill(pid, 0) == nil }

// start-yarn.sh starts both daemons, their pid and log files are where Hadoop's are, and
// stop-yarn.sh leaves nothing.
func TestStartAndStop(t *testing.T) {
	y := newYard(t)
	if out, code := y.run("start-yarn.sh"); code != 0 || !strings.Contains(out, "Starting resourcemanager\nStarting nodemanagers\n") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	rm, nm := y.pid("resourcemanager"), y.pid("nodemanager")
	if !alive(rm) || !alive(nm) {
		t.Fatalf("processes %d, %d", rm, nm)
	}
	conn, err := net.DialTimeout("tcp", y.web, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"resourcemanager", "nodemanager"} {
		if b, err := os.ReadFile(y.dir + "/logs/hadoop-tester-" + command + "-" + host + ".log"); err != nil || len(b) == 0 {
			t.Errorf("the %s's log: %d bytes, %v", command, len(b), err)
		}
		if out, code := y.run("yarn-daemon.sh", "status", command); code != 0 || !strings.Contains(out, command+" is running as process ") {
			t.Errorf("status %d: %s", code, out)
		}
	}
	if out, code := y.run("yarn-daemon.sh", "start", "resourcemanager"); code != 1 || !strings.Contains(out, "resourcemanager is running as process "+strconv.Itoa(rm)+".  Stop it first") {
		t.Errorf("a second start: exit code %d: %s", code, out)
	}
	if out, code := y.run("stop-yarn.sh"); code != 0 || !strings.Contains(out, "Stopping nodemanagers\nStopping resourcemanager\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if alive(rm) || alive(nm) || y.pid("resourcemanager")+y.pid("nodemanager") != 0 {
		t.Errorf("left: processes %v, %v, pid files %d, %d", alive(rm), alive(nm), y.pid("resourcemanager"), y.pid("nodemanager"))
	}
	if out, code := y.run("yarn-daemon.sh", "status", "nodemanager"); code != 3 {
		t.Errorf("status %d: %s", code, out)
	}
	if out, code := y.run("stop-yarn.sh"); code != 0 || !strings.Contains(out, "no resourcemanager to stop") {
		t.Errorf("a second stop: exit code %d: %s", code, out)
	}
}

// A daemon that cannot start says why, and leaves no pid file.
func TestStartThatFails(t *testing.T) {
	y := newYard(t)
	y.configure(map[string]string{"yarn.resourcemanager.ha.enabled": "true"})
	out, code := y.run("yarn-daemon.sh", "start", "resourcemanager")
	if code != 1 || !strings.Contains(out, "yarn.resourcemanager.ha.enabled") || !strings.Contains(out, "did not start; its log is ") || y.pid("resourcemanager") != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// The environment files of a Hadoop configuration are heard, by their older names too; what they export reaches the daemon
// and by it the containers.
func TestEnvironmentFiles(t *testing.T) {
	y := newYard(t)
	for name, text := range map[string]string{
		"hadoop-env.sh": "case ${HADOOP_OS_TYPE} in Darwin*) ;; esac\nfalse\nexport JAVA_HOME=/opt/java HADOOP_IDENT_STRING=fromfile\n",
		"yarn-env.sh":   "export YARN_LOG_DIR=" + y.dir + "/older\nno_such_function\n",
	} {
		if err := os.WriteFile(filepath.Join(y.dir, "conf", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { y.run("yarn-daemon.sh", "stop", "nodemanager") })
	out, code := y.run("yarn-daemon.sh", "start", "nodemanager")
	if code != 0 || !strings.Contains(out, "WARNING: YARN_LOG_DIR has been replaced by HADOOP_LOG_DIR. Using value of YARN_LOG_DIR.") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if logs, err := filepath.Glob(y.dir + "/older/hadoop-fromfile-nodemanager-*.log"); err != nil || len(logs) != 1 {
		t.Errorf("logs %v, %v", logs, err)
	}
	b, err := os.ReadFile(y.dir + "/pids/hadoop-fromfile-nodemanager.pid")
	if err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/environ")
	if err != nil || !strings.Contains(string(env), "JAVA_HOME=/opt/java\x00") || !strings.Contains(string(env), "HADOOP_CONF_DIR="+y.dir+"/conf\x00") {
		t.Errorf("environment %q, %v", env, err)
	}
}

// A daemon runs under the account that it is given and no other.
func TestTheDaemonsAccount(t *testing.T) {
	y := newYard(t)
	if err := os.WriteFile(filepath.Join(y.dir, "conf/yarn-env.sh"), []byte("export YARN_NODEMANAGER_USER=nobody HADOOP_LOG_DIR="+y.dir+"/open/logs HADOOP_PID_DIR="+y.dir+"/open/pids\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if out, code := y.run("yarn-daemon.sh", "start", "nodemanager"); code != 1 || !strings.Contains(out, "ERROR: nodemanager can only be executed by nobody.") {
			t.Errorf("exit code %d: %s", code, out)
		}
		return
	}
	y.configure(map[string]string{"hadoop.tmp.dir": y.dir + "/open/data"})
	for d, mode := range map[string]os.FileMode{filepath.Dir(y.dir): 0o755, y.dir: 0o755, y.dir + "/open": 0o777} {
		if err := os.MkdirAll(d, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := y.run("yarn-daemon.sh", "start", "nodemanager"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	b, err := os.ReadFile(y.dir + "/open/pids/hadoop-tester-nodemanager.pid")
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/status")
	if want := strings.Join([]string{"Uid:", nobody.Uid, nobody.Uid, nobody.Uid, nobody.Uid}, "\t"); err != nil || !strings.Contains(string(status), want) {
		t.Errorf("%s, %v; want %s", status, err, want)
	}
	if out, code := y.run("yarn-daemon.sh", "stop", "nodemanager"); code != 0 || strings.Contains(out, "no nodemanager to stop") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// QUIT writes what the daemon does and ends nothing, HUP ends it in order, as with a Java daemon.
func TestQuitAndHangUp(t *testing.T) {
	y := newYard(t)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else daemons inherit that nohup has this test ignore it
	defer signal.Reset(syscall.SIGHUP)
	for _, daemon := range []struct{ command, farewell string }{{"resourcemanager", "ResourceManager stops"}, {"nodemanager", "stopping"}} {
		if out, code := y.run("yarn-daemon.sh", "start", daemon.command); code != 0 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		pid := y.pid(daemon.command)
		if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		y.waitFor(daemon.command, "out", "goroutine ")
		if !alive(pid) {
			t.Fatalf("QUIT ended the %s", daemon.command)
		}
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		y.waitFor(daemon.command, "log", daemon.farewell)
	}
}

// waitFor waits until a daemon has written a text.
func (y *yard) waitFor(command, suffix, text string) {
	y.t.Helper()
	var all []byte
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		all = nil
		files, err := filepath.Glob(y.dir + "/logs/hadoop-tester-" + command + "-*." + suffix)
		if err != nil {
			y.t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				y.t.Fatal(err)
			}
			all = append(all, b...)
		}
		if strings.Contains(string(all), text) {
			return
		}
	}
	y.t.Fatalf("the %s's %s has no %q: %s", command, suffix, text, all)
}

// Whoever reads a daemon's output may go away.
func TestOutputThatNobodyReads(t *testing.T) {
	y := newYard(t)
	cmd := exec.Command(filepath.Join(y.dir, "bin/heddle"), "resourcemanager", "--config", y.dir+"/conf")
	r, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(r); lines.Scan() && !strings.Contains(lines.Text(), "ResourceManager ready"); {
	}
	if err := errors.Join(r.Close(), cmd.Process.Signal(syscall.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended by %v", err)
	}
}

// A pid file of before a reboot names a process that is not ours: it is left alone.
func TestStalePidFile(t *testing.T) {
	y := newYard(t)
	other := exec.Command("sleep", "300")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	if err := os.Mkdir(y.dir+"/pids", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(y.dir+"/pids/hadoop-tester-resourcemanager.pid", []byte(strconv.Itoa(other.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := y.run("yarn-daemon.sh", "status", "resourcemanager"); code != 1 {
		t.Errorf("status %d: %s", code, out)
	}
	if out, code := y.run("yarn-daemon.sh", "stop", "resourcemanager"); code != 0 || !alive(other.Process.Pid) {
		t.Errorf("exit code %d, the other process lives: %v; %s", code, alive(other.Process.Pid), out)
	}
}

func TestUsage(t *testing.T) {
	y := newYard(t)
	for want, args := range map[string][]string{"HADOOP_PID_DIR": {}, "there is no daemon proxyserver": {"start", "proxyserver"}, "start|stop|status": {"dance", "nodemanager"}} {
		if out, code := y.run("yarn-daemon.sh", args...); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
}
