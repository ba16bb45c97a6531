package agent

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// forwarded are the signals that the command gets, too.
var forwarded = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command runs the role's command in bash and returns its exit code, 128+n after signal n.
func (a *agent) command(vars map[string]string) (int, error) {
	role, _ := a.job.Framework.Role(a.job.Role)
	env := a.environ(vars)
	bash, err := find("bash", env["PATH"])
	if err != nil {
		return 0, &failure{ExitPrepare, fmt.Errorf("the command cannot run: %w; commands need bash in the image", err)}
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, &failure{ExitPrepare, err}
	}
	defer null.Close() //nolint:errcheck // only read
	fmt.Fprintln(a.Stdout, "USER COMMAND START")
	// A group of its own: the NodeManager signals the agent's group, and the agent decides what to pass on.
	p, err := os.StartProcess(bash, []string{"bash", "-c", role.Command}, &os.ProcAttr{
		Dir: a.WorkDir, Env: list, Files: []*os.File{null, a.Stdout, a.Stderr}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, &failure{ExitPrepare, fmt.Errorf("the command cannot run: %w", err)}
	}
	stop := a.forward(p.Pid)
	status, err := wait(p.Pid)
	stop()
	// What the command left behind in its group would keep the container alive.
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // mostly nobody is left
	_ = p.Release()                           // already waited for
	fmt.Fprintln(a.Stdout, "USER COMMAND END")
	if err != nil {
		return 0, &failure{ExitPrepare, err}
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// forward passes signals on until stop, which waits for the end of it.
func (a *agent) forward(group int) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-a.signals:
				_ = syscall.Kill(-group, s.(syscall.Signal)) // it may just have ended
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// wait waits for one child and reaps every other: in a Docker container the agent is process 1 and
// inherits all orphans.
func wait(child int) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("waiting for the command: %w", err)
		}
		if pid == child {
			return status, nil
		}
	}
}

// environ is the inherited environment under the task's variables, with `heddle` on the path.
func (a *agent) environ(vars map[string]string) map[string]string {
	env := map[string]string{}
	for _, pair := range a.Environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	maps.Copy(env, vars)
	if env["PATH"] == "" {
		env["PATH"] = defaultPath
	}
	if dir, err := a.link(); err != nil {
		a.note("`heddle fs` is not on the path: %v", err)
	} else {
		env["PATH"] = dir + ":" + env["PATH"]
	}
	return env
}

// link makes the agent callable as `heddle`, from a folder that holds nothing else.
func (a *agent) link() (dir string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(a.WorkDir, ".heddle", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err = os.Symlink(self, filepath.Join(dir, "heddle"))
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return dir, err
}

func find(program, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		p := filepath.Join(dir, program)
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is not on PATH (%s): %w", program, path, exec.ErrNotFound)
}

// describe says in words how a command ended; nil for success.
func describe(code int) error {
	switch {
	case code == 0:
		return nil
	case code == 126:
		return errors.New("the command exited with code 126: a program in it may not be executed")
	case code == 127:
		return errors.New("the command exited with code 127: a program in it was not found")
	case code == 128+int(syscall.SIGKILL):
		return errors.New("the command was ended by SIGKILL: by a user, or by the kernel because memory ran out")
	case code > 128 && code < 128+65:
		return fmt.Errorf("the command was ended by signal %d (%v)", code-128, syscall.Signal(code-128))
	}
	return fmt.Errorf("the command exited with code %d", code)
}
