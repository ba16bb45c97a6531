package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"heddle/executor"
)

// bootIDFile tells one start of the machine from another.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// birthFile is where a task's first process notes the machine's boot and its own start, by which it is told
// from a later process with the same number.
func birthFile(t *executor.Task) string { return t.PidFile + ".birth" }

// forget removes what an earlier start of the same task noted.
func forget(t *executor.Task) error {
	for _, f := range []string{t.PidFile, t.ExitFile, birthFile(t)} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Reattach implements executor.Executor. It waits a moment for the pid of a task that was being started when
// its daemon died; where none comes it makes sure that the task does not begin later, and removes its groups.
func (e *Executor) Reattach(ctx context.Context, t *executor.Task) (executor.Process, error) {
	deadline := time.Now().Add(e.cfg.ExitFileTimeout)
	for {
		pid, err := readNumber(t.PidFile)
		if err == nil {
			p := &process{exec: e, task: t, pid: pid, group: e.cgroups.open(t.ID)}
			p.memoryMB.Store(t.Limits.MemoryMB)
			if !born(t, pid) {
				p.pid = 0
			}
			return p, nil
		}
		if time.Now().After(deadline) || !fileExists(t.PrivateDir) {
			err = fence(t, err)
			never := &process{exec: e, task: t, group: e.cgroups.open(t.ID)}
			return nil, errors.Join(fmt.Errorf("reattach %s: %w: %w", t.ID, executor.ErrLost, err), never.Remove(ctx))
		}
		if err := pause(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// fence takes the place of the pid file, so that a start that is still under way fails. It returns why
// there is no pid.
func fence(t *executor.Task, why error) error {
	f, err := os.OpenFile(t.PidFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return why
	}
	if err != nil {
		return errors.Join(why, err)
	}
	_, err = f.WriteString("never started\n")
	return errors.Join(why, err, f.Close())
}

// born reports whether the process with this number, or its group, is the task that noted it. Without a note
// of its birth the process must name the task.
func born(t *executor.Task, pid int) bool {
	note, err := os.ReadFile(birthFile(t))
	if err != nil {
		return names(pid, t.ID)
	}
	boot, line, _ := strings.Cut(string(note), " ")
	now, err := os.ReadFile(bootIDFile)
	if err != nil || strings.TrimSpace(string(now)) != boot {
		return false
	}
	then, ok := parseStat([]byte(line))
	if !ok {
		return false
	}
	s, alive := readStat(pid)
	return !alive || s.start == then.start // a group outlives its leader, whose number then stays taken
}

// names reports whether a process has the task's id in its command or environment.
func names(pid int, id string) bool {
	for _, f := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + f)
		if err == nil && bytes.Contains(b, []byte(id)) {
			return true
		}
	}
	return false
}
