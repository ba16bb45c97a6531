// Package process runs tasks as plain processes: each in its own session, in a cgroup
// where the hierarchy is writable, under a small shell that notes the exit code even
// when the daemon is gone.
//
//	daemon -> wrapper.sh (own session) -> session.sh (another): cgroup, pid file -> the task's script
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"heddle/executor"
)

// Config sets an Executor up.
type Config struct {
	Cgroups Cgroups
	// SharedOnce makes each usage count shared pages once, which costs time; else only one above its grant does.
	SharedOnce bool
	// ExitFileTimeout is how long a reattached task's exit code is waited for after its processes are gone.
	ExitFileTimeout time.Duration
	// Nice is added to the daemon's nice value for tasks. The kernel lets only root take from it: else a task runs without, and the
	// daemon's stderr says so.
	Nice int
	// As is what goes before a program to run it as a user in a folder of that user; nil: no task has an account.
	As  func(user, dir string) []string
	Log *slog.Logger
}

// Executor implements executor.Executor with processes.
type Executor struct {
	cfg     Config
	cgroups *hierarchy // nil: by the process tree only
	none    error      // why there are no cgroups
}

var _ executor.Executor = (*Executor)(nil)

// New looks for a writable cgroup hierarchy and says once when there is none.
func New(cfg Config) *Executor {
	if cfg.ExitFileTimeout <= 0 {
		cfg.ExitFileTimeout = 2 * time.Second
	}
	h, err := openHierarchy(cfg.Cgroups)
	if err != nil {
		cfg.Log.Warn("containers run without cgroups: CPU shares are not set, and processes are found by their session", "reason", err)
	}
	if m := h.missing(); len(m) > 0 {
		cfg.Log.Warn("cgroups hold processes together and do not weigh them: controllers are not handed down", "missing", m, "parent", h.dirs[""])
	}
	return &Executor{cfg: cfg, cgroups: h, none: err}
}

// Unfenced is why tasks can open devices that are denied to them; nil where they cannot.
func (e *Executor) Unfenced() error {
	if e.cgroups == nil {
		return e.none
	}
	return e.cgroups.unfenced
}

// Limited reports whether there are cgroups, without which the kernel holds no task to its limits.
func (e *Executor) Limited() bool { return e.cgroups != nil }

// pollInterval is how often a process that is not our child is looked at.
const pollInterval = 50 * time.Millisecond

// Prepare implements executor.Executor.
func (e *Executor) Prepare(_ context.Context, t *executor.Task) error {
	if t.RunAs != nil && e.cfg.As == nil {
		return fmt.Errorf("running a container as %s needs LinuxContainerExecutor", t.RunAs.Name)
	}
	return nil
}

// Start implements executor.Executor.
func (e *Executor) Start(_ context.Context, t *executor.Task) (executor.Process, error) {
	group, err := e.cgroups.create(t.ID, t.Limits)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", t.ID, err)
	}
	if err := e.cgroups.fence(group, t.Denied); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.ID, err), group.remove())
	}
	wrapper, err := e.writeScripts(t, group.joinFiles())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.ID, err), group.remove())
	}
	if err := forget(t); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.ID, err), group.remove())
	}
	p := &process{exec: e, task: t, group: group, done: make(chan struct{})}
	p.memoryMB.Store(t.Limits.MemoryMB)
	if err := p.launch(wrapper); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.ID, err), group.remove())
	}
	return p, nil
}

// launch starts the wrapper. Its environment is empty: the task's script exports everything,
// and nothing of a user's environment may reach a shell that runs as the daemon. It takes some
// milliseconds and is not interrupted: who gave up in between would leave a task that nobody knows.
func (p *process) launch(wrapper string) error {
	cmd := exec.Command("/bin/bash", wrapper)
	cmd.Dir = p.task.WorkDir
	cmd.Env = []string{}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(p.done)
		p.waited = cmd.Wait()
	}()
	for {
		pid, err := readNumber(p.task.PidFile)
		if err == nil {
			p.pid = pid
			return nil
		}
		select {
		case <-p.done: // it may have written the file and ended since
			if p.pid, err = readNumber(p.task.PidFile); err == nil {
				return nil
			}
			return fmt.Errorf("its shell ended before the task began: %w", p.waited)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

type process struct {
	exec   *Executor
	task   *executor.Task
	pid    int // 0 where a reattached task's process is gone and the number may be another's
	group  *cgroup
	done   chan struct{} // nil when reattached; closed when the wrapper ended
	waited error         // of the wrapper; set before done is closed

	memoryMB atomic.Int64 // what the task may use now
}

func (p *process) PID() int            { return p.pid }
func (p *process) Addresses() []string { return nil }

// Wait implements executor.Process.
func (p *process) Wait(ctx context.Context) (int, error) {
	if p.done != nil {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-p.done:
		}
	}
	for p.pid != 0 && processGroupAlive(p.pid) && !fileExists(p.task.ExitFile) {
		if err := pause(ctx, pollInterval); err != nil {
			return 0, err
		}
	}
	deadline := time.Now().Add(p.exec.cfg.ExitFileTimeout)
	for {
		code, err := readNumber(p.task.ExitFile)
		if err == nil {
			return code, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("wait for %s: %w", p.task.ID, executor.ErrLost)
		}
		if err := pause(ctx, pollInterval); err != nil {
			return 0, err
		}
	}
}

// Signal implements executor.Process.
func (p *process) Signal(_ context.Context, s syscall.Signal) error {
	var err error
	if p.pid != 0 {
		err = syscall.Kill(-p.pid, s)
	}
	if s == syscall.SIGKILL {
		for _, pid := range p.everybody() {
			if e := syscall.Kill(pid, s); err == nil && !errors.Is(e, syscall.ESRCH) {
				err = e
			}
		}
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %v to %s: %w", s, p.task.ID, err)
	}
	return nil
}

// members are the task's processes: those of its cgroup, else those of its session.
func (p *process) members() []int {
	if pids, ok := p.group.pids(); ok {
		return pids
	}
	return p.session()
}

func (p *process) session() []int {
	if p.pid == 0 { // session 0 is the kernel's
		return nil
	}
	return sessionPIDs(p.pid)
}

// everybody is members, and without a cgroup also those that left the session but not the
// environment they were started with.
func (p *process) everybody() []int {
	if pids, ok := p.group.pids(); ok {
		return pids
	}
	return union(p.session(), markedPIDs("CONTAINER_ID="+p.task.ID))
}

// Usage implements executor.Process.
func (p *process) Usage(context.Context) (executor.Usage, error) {
	limit := p.memoryMB.Load()
	if p.exec.cfg.SharedOnce {
		limit = 0
	}
	u := usageOf(p.members(), limit)
	u.OOMKills = p.group.oomKills()
	return u, nil
}

// Resize implements executor.Process.
func (p *process) Resize(_ context.Context, l executor.Limits) error {
	p.memoryMB.Store(l.MemoryMB)
	if p.group == nil {
		return nil
	}
	if err := p.exec.cgroups.limit(p.group, l); err != nil {
		return fmt.Errorf("resize %s: %w", p.task.ID, err)
	}
	return nil
}

// Remove implements executor.Process.
func (p *process) Remove(ctx context.Context) error {
	for try := 0; ; try++ {
		left := p.everybody()
		if len(left) == 0 {
			break
		}
		if try == 100 { // a second; on a busy machine, and in the kernel's hands, dying takes time
			return fmt.Errorf("%d processes of %s do not end yet, such as %d", len(left), p.task.ID, left[0])
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of %s: %w", pid, p.task.ID, err)
			}
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	if p.done != nil {
		select {
		case <-p.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.group.remove()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func readNumber(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("%s holds no number: %q", filepath.Base(path), b)
	}
	return n, nil
}
