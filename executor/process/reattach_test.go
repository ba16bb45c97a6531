package process

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"heddle/executor"
)

func bySession() *Executor {
	return New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: Cgroups{Root: "/proc/none"}, ExitFileTimeout: 100 * time.Millisecond})
}

func TestAnotherProcessWithTheSameNumberIsNotTheTask(t *testing.T) {
	e := bySession()
	task := newTask(t, "sleep 60")
	p := start(t, e, task)
	birth, err := os.ReadFile(birthFile(task))
	if err != nil {
		t.Fatal(err)
	}
	boot, stat, _ := strings.Cut(string(birth), " ")
	i := strings.LastIndexByte(stat, ')')
	f := strings.Fields(stat[i+1:])
	f[19] = "1"
	for name, note := range map[string]string{
		"of an earlier boot": strings.Repeat("0", len(boot)) + " " + stat,
		"of another start":   boot + " " + stat[:i+1] + " " + strings.Join(f, " "),
	} {
		if err := os.WriteFile(birthFile(task), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := e.Reattach(t.Context(), task)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := again.Wait(t.Context()); !errors.Is(err, executor.ErrLost) || again.PID() != 0 {
			t.Errorf("%s: pid %d, %v", name, again.PID(), err)
		}
		if err := again.Remove(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s, ok := readStat(p.PID()); !ok || s.dead() {
			t.Fatalf("%s: a process that is not the task's was ended", name)
		}
	}
}

func TestATaskWhoseStartWasCutOffNeverBegins(t *testing.T) {
	e := bySession()
	task := newTask(t, "touch ran")
	if _, err := e.Reattach(t.Context(), task); !errors.Is(err, executor.ErrLost) {
		t.Fatalf("without a pid: %v", err)
	}
	// the shells of the cut-off start go on only now
	wrapper, err := (&Executor{}).writeScripts(task, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{exec: e, task: task, done: make(chan struct{})}
	if err := p.launch(wrapper); err == nil {
		t.Error("it was started after it was given up")
	}
	if fileExists(task.WorkDir + "/ran") {
		t.Error("it ran after it was given up")
	}
}

func TestAnExitCodeIsReadLater(t *testing.T) {
	e := bySession()
	task := newTask(t, "exit 9")
	if _, err := start(t, e, task).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := e.Reattach(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := again.Wait(t.Context()); err != nil || code != 9 {
		t.Errorf("%d, %v", code, err)
	}
}

func TestAPidWithoutItsBirthMustNameTheTask(t *testing.T) {
	e := bySession()
	task := newTask(t, "sleep 60")
	p := start(t, e, task)
	if err := os.Remove(birthFile(task)); err != nil {
		t.Fatal(err)
	}
	other := *task
	other.ID = "somebody-else"
	if again, err := e.Reattach(t.Context(), &other); err != nil || again.PID() != 0 {
		t.Errorf("pid %d was taken for another task's, %v", p.PID(), err)
	}
}

func TestTheGroupsOfACutOffStartAreRemoved(t *testing.T) {
	both(t, func(t *testing.T, e *Executor) {
		task := newTask(t, "touch ran")
		group, err := e.cgroups.create(task.ID, task.Limits)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Reattach(t.Context(), task); !errors.Is(err, executor.ErrLost) {
			t.Fatalf("without a pid: %v", err)
		}
		for _, f := range group.joinFiles() {
			if fileExists(f) {
				t.Errorf("%s is left", f)
			}
		}
	})
}
