package process

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/executor"
)

func newTask(t *testing.T, script string) *executor.Task {
	dir := t.TempDir()
	s := filepath.Join(dir, "launch.sh")
	if err := os.WriteFile(s, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	id := "heddle_test_" + strconv.Itoa(os.Getpid()) + "_" + strings.ReplaceAll(t.Name(), "/", "_")
	return &executor.Task{ID: id, WorkDir: dir, PrivateDir: dir, Script: s,
		PidFile: filepath.Join(dir, "c.pid"), ExitFile: filepath.Join(dir, "c.pid.exitcode"),
		Limits: executor.Limits{MemoryMB: 64, VCores: 1}}
}

// both runs a test with the host's cgroups, where they are writable, with those of version 2 where
// the kernel lets us mount them beside, and by session alone.
func both(t *testing.T, f func(t *testing.T, e *Executor)) {
	log := slog.New(slog.DiscardHandler)
	t.Run("cgroups", func(t *testing.T) { f(t, New(Config{Log: log, Cgroups: Cgroups{Parent: "/heddle-test"}})) })
	if root := t.TempDir(); syscall.Mount("none", root, "cgroup2", 0, "") == nil {
		t.Run("cgroups of version 2", func(t *testing.T) {
			f(t, New(Config{Log: log, Cgroups: Cgroups{Root: root, Parent: "/heddle-test-2"}}))
		})
		if err := errors.Join(os.Remove(root+"/heddle-test-2"), syscall.Unmount(root, 0)); err != nil {
			t.Error(err)
		}
	}
	t.Run("sessions", func(t *testing.T) { f(t, New(Config{Log: log, Cgroups: Cgroups{Root: "/proc/none"}})) })
	for _, d := range []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		_ = os.Remove(d + "/heddle-test") // best effort: absent where cgroups are not writable
	}
}

func start(t *testing.T, e *Executor, task *executor.Task) executor.Process {
	t.Helper()
	p, err := e.Start(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Signal(context.Background(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		if err := p.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestExitCodesAreThoseOfTheScript(t *testing.T) {
	both(t, func(t *testing.T, e *Executor) {
		for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -15 $$": 143} {
			task := newTask(t, script)
			p := start(t, e, task)
			if code, err := p.Wait(t.Context()); err != nil || code != want {
				t.Errorf("%s: %d, %v; want %d", script, code, err, want)
			}
			if b, err := os.ReadFile(task.ExitFile); err != nil || string(b) != strconv.Itoa(want)+"\n" {
				t.Errorf("%s: exit file %q, %v", script, b, err)
			}
		}
	})
}

func TestThePidIsProcessGroupAndSession(t *testing.T) {
	both(t, func(t *testing.T, e *Executor) {
		p := start(t, e, newTask(t, "sleep 60"))
		s, ok := readStat(p.PID())
		if !ok || s.group != p.PID() || s.sid != p.PID() {
			t.Errorf("%+v, pid %d", s, p.PID())
		}
		u, err := p.Usage(t.Context())
		for i := 0; i < 500 && err == nil && u.VirtualMB == 0; i++ { // between two programs a process has no memory
			time.Sleep(10 * time.Millisecond)
			u, err = p.Usage(t.Context())
		}
		if err != nil || u.Processes < 1 || u.VirtualMB < 1 {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

func TestTermReachesTheGroupAndKillEverything(t *testing.T) {
	both(t, func(t *testing.T, e *Executor) {
		task := newTask(t, `trap '' TERM; (trap '' TERM; set -m; sleep 61 & echo $! > child; wait) & set -m; sleep 62 & wait; wait`)
		p := start(t, e, task)
		child := filepath.Join(task.WorkDir, "child")
		for !fileExists(child) {
			time.Sleep(5 * time.Millisecond)
		}
		if err := p.Signal(t.Context(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(t.Context(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if code, err := p.Wait(t.Context()); err != nil || code != 137 {
			t.Errorf("%d, %v", code, err)
		}
		if err := p.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		if left := p.(*process).members(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestStragglersEndWithTheTask(t *testing.T) {
	both(t, func(t *testing.T, e *Executor) {
		task := newTask(t, "")
		script := "export CONTAINER_ID=" + task.ID + "\nsleep 63 </dev/null >/dev/null 2>&1 &\necho $! > near\nsetsid sleep 64 </dev/null >/dev/null 2>&1 &\necho $! > far\n" +
			"while ! grep -q sleep /proc/$!/cmdline || grep -q setsid /proc/$!/cmdline; do sleep 0.01; done\nexit 3"
		if err := os.WriteFile(task.Script, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		p := start(t, e, task)
		if code, err := p.Wait(t.Context()); err != nil || code != 3 {
			t.Fatalf("%d, %v", code, err)
		}
		if err := p.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"near", "far"} { // far has left the session
			child, err := readNumber(filepath.Join(task.WorkDir, name))
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := readStat(child); ok && !s.dead() {
				t.Errorf("process %d, the %s one, lives on", child, name)
			}
		}
	})
}

func TestATaskOutlivesItsDaemon(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	e := New(Config{Log: log, Cgroups: Cgroups{Root: "/proc/none"}, ExitFileTimeout: 100 * time.Millisecond})
	task := newTask(t, "while [ ! -e go ]; do sleep 0.02; done; exit 5")
	start(t, e, task)
	again, err := e.Reattach(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(task.WorkDir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, err := again.Wait(t.Context()); err != nil || code != 5 {
		t.Errorf("%d, %v", code, err)
	}
	if err := os.Remove(task.ExitFile); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Wait(t.Context()); !errors.Is(err, executor.ErrLost) {
		t.Errorf("without an exit code: %v", err)
	}
	if err := os.Remove(task.PidFile); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Reattach(t.Context(), task); !errors.Is(err, executor.ErrLost) {
		t.Errorf("without a pid: %v", err)
	}
}

// A task is nicer than its daemon by what is asked, and so are its children; the daemon's own shells are not.
func TestTasksAreAsNiceAsAsked(t *testing.T) {
	nice := func() int {
		out, err := exec.Command("nice").Output()
		n, errNumber := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil || errNumber != nil {
			t.Fatal(err, errNumber)
		}
		return n
	}
	before := nice()
	for _, adjustment := range []int{0, 3} {
		e := New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: Cgroups{Root: "/proc/none"}, Nice: adjustment})
		task := newTask(t, "nice > first; (nice > second)")
		if code, err := start(t, e, task).Wait(t.Context()); err != nil || code != 0 {
			t.Fatal(code, err)
		}
		for _, name := range []string{"first", "second"} {
			if n, err := readNumber(filepath.Join(task.WorkDir, name)); err != nil || n != min(before+adjustment, 19) {
				t.Errorf("adjusted by %d, the %s process: %d, %v; the daemon has %d", adjustment, name, n, err, before)
			}
		}
	}
	if after := nice(); after != before {
		t.Errorf("the daemon went from %d to %d", before, after)
	}
}

func TestPathsWithQuotesAreOneWord(t *testing.T) {
	out, err := exec.Command("bash", "-c", "printf %s "+quote(`a 'b' "$c" \`)).Output()
	if err != nil || string(out) != `a 'b' "$c" \` {
		t.Errorf("%q, %v", out, err)
	}
}

func TestStatOfACommandWithBracketsAndBlanks(t *testing.T) {
	s, ok := parseStat([]byte("7 (a ) b) S 1 5 6 0 -1 0 1 2 3 4 10 20 0 0 20 0 1 0 99 4194304 512 x"))
	if !ok || s.group != 5 || s.sid != 6 || s.ticks != 30 || s.virtualBytes != 4<<20 || s.residentKB != 2048 {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := parseStat([]byte("garbage")); ok {
		t.Error("garbage was parsed")
	}
}

// Pages that processes share are counted for each of them, unless that is too much or they are always to count once.
func TestSharedPagesCountOnceWhereThatIsWanted(t *testing.T) {
	for _, once := range []bool{false, true} {
		e := New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: Cgroups{Root: "/proc/none"}, SharedOnce: once})
		task := newTask(t, `x=$(head -c 30000000 /dev/zero | tr '\0' x); for i in 1 2 3; do ( while :; do sleep 1; done ) & done; touch forked; wait`)
		task.Limits.MemoryMB = 1000
		p := start(t, e, task)
		for !fileExists(filepath.Join(task.WorkDir, "forked")) {
			time.Sleep(time.Millisecond)
		}
		u, err := p.Usage(t.Context())
		if err != nil || once && u.ResidentMB > 70 || !once && u.ResidentMB < 80 {
			t.Errorf("shared once: %v, %d MB of %d processes, %v", once, u.ResidentMB, u.Processes, err)
		}
	}
}
