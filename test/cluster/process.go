//go:build interop

package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a daemon in a process group of its own; a goroutine waits for its end.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; read after done
}

func start(name, log string, env []string, argv ...string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = filepath.Dir(log)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	p := &process{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// await polls ready until it succeeds; it fails early when the process ends.
func (p *process) await(ctx context.Context, limit time.Duration, what string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the %s ended (%v) before it could %s; the end of %s:\n%s", p.name, p.err, what, p.log, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("the %s did not %s within %s: %w; the end of %s:\n%s", p.name, what, limit, err, p.log, tail(p.log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process group with TERM, and after ten seconds with KILL.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
	}
	p.kill()
}

// kill ends the process group at once.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// freePorts finds a port for each name. They are free now; nothing keeps them so.
func freePorts(names ...string) (map[string]int, error) {
	out := map[string]int{}
	for _, name := range names {
		l, err := ListenFree()
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all were found, so that none comes twice
		out[name] = l.Addr().(*net.TCPAddr).Port
	}
	return out, nil
}

const tailBytes = 4000

func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if len(b) > tailBytes {
		b = b[len(b)-tailBytes:]
	}
	return "--- " + path + "\n" + string(b) + "\n"
}
