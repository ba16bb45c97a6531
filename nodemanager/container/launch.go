package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/launch"
	"heddle/yarn"
)

// exitNotStarted is the exit status of a container that failed before its script ran.
const exitNotStarted yarn.ExitStatus = -1

func (c *Container) startLaunch() State {
	c.mgr.wg.Go(func() {
		p, err := c.launch(c.ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mgr.away.Err() != nil {
			return
		}
		if err != nil {
			if !c.killed {
				c.exit = exitNotStarted
				c.note(err.Error())
			}
			c.step(evLaunchFailed)
			return
		}
		c.process = p
		c.step(evLaunched)
	})
	return Launching
}

// launch makes directories and files and starts the task.
func (c *Container) launch(ctx context.Context) (executor.Process, error) {
	t, err := c.prepare()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.task = t
	c.mu.Unlock()
	if err := c.exec.Prepare(ctx, t); err != nil {
		return nil, err
	}
	if err := c.saveLaunch(t); err != nil {
		return nil, err
	}
	return c.exec.Start(ctx, t)
}

func (c *Container) prepare() (*executor.Task, error) {
	cfg := &c.mgr.cfg
	disk, err := cfg.Dirs.NextLocal()
	if err != nil {
		return nil, err
	}
	if err := cfg.Dirs.MakeContainer(c.User, c.ID, c.owner, cfg.LogDirMode); err != nil {
		return nil, err
	}
	gpus, err := cfg.Devices.Assign(c.ID, c.Resource)
	if err != nil {
		return nil, err
	}
	private := dirs.PrivateDir(disk, c.ID)
	t := &executor.Task{
		ID: c.ID.String(), WorkDir: dirs.ContainerDir(disk, c.User, c.ID), PrivateDir: private,
		PidFile: filepath.Join(private, c.ID.String()+".pid"), ExitFile: filepath.Join(private, c.ID.String()+".pid.exitcode"),
		RunAs: c.owner, GPUs: gpus,
		Limits: executor.Limits{MemoryMB: c.Resource[yarn.Memory], VCores: c.Resource[yarn.VCores], HardMemory: cfg.HardMemory, HardCPU: cfg.HardCPU},
	}
	t.Script = filepath.Join(t.WorkDir, "launch_container.sh")
	c.mu.Lock()
	c.gpus, c.workDir, c.logDir = gpus, t.WorkDir, dirs.LogDir(cfg.Dirs.Log()[0], c.ID)
	c.mu.Unlock()
	if c.Docker() {
		if t.Docker, err = cfg.DockerRequest(c.dockerInput(t)); err != nil {
			return nil, err
		}
	}
	return t, c.writeFiles(t)
}

// Docker reports whether the launch context asks for a Docker container.
func (c *Container) Docker() bool { return c.mgr.cfg.WantsDocker(c.Launch.Env) }

// DockerInput is what a container's Docker request depends on.
type DockerInput struct {
	Env       map[string]string
	User      string
	Resource  yarn.Resource
	Container yarn.ContainerID
	WorkDir   string
	ReadWrite []string // directories that the container must see and may write
	ReadOnly  []string
}

func (c *Container) dockerInput(t *executor.Task) DockerInput {
	in := DockerInput{Env: c.Launch.Env, User: c.User, Resource: c.Resource, Container: c.ID, WorkDir: t.WorkDir}
	for _, l := range c.mgr.cfg.Dirs.Local() {
		in.ReadWrite = append(in.ReadWrite, dirs.AppDir(l, c.User, c.ID.Attempt.Application))
		in.ReadOnly = append(in.ReadOnly, filepath.Join(l, "filecache"), filepath.Join(dirs.UserDir(l, c.User), "filecache"))
	}
	for _, l := range c.mgr.cfg.Dirs.Log() {
		in.ReadWrite = append(in.ReadWrite, dirs.LogDir(l, c.ID))
	}
	return in
}

func (c *Container) writeFiles(t *executor.Task) error {
	script, err := launch.Script(c.launchSpec(t))
	if err != nil {
		return err
	}
	tokens := c.Launch.Credentials
	files := []struct {
		path string
		data []byte
		mode os.FileMode
		own  bool // in the user's folder
	}{
		{filepath.Join(t.PrivateDir, "launch_container.sh"), []byte(script), 0o644, false},
		{filepath.Join(t.PrivateDir, t.ID+".tokens"), tokens, 0o600, false},
		{t.Script, []byte(script), 0o700, true},
		{filepath.Join(t.WorkDir, "container_tokens"), tokens, 0o600, true},
	}
	for _, f := range files {
		write := func() error { return os.WriteFile(f.path, f.data, f.mode) }
		var err error
		if f.own {
			err = c.owner.Do(write)
		} else {
			err = write()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Container) launchSpec(t *executor.Task) *launch.Spec {
	cfg := &c.mgr.cfg
	node := cfg.Node()
	s := &launch.Spec{
		Container: c.ID, User: c.User, WorkDir: t.WorkDir, HomeDir: cfg.HomeDir,
		LogDir:    dirs.LogDir(cfg.Dirs.Log()[0], c.ID),
		TokenFile: filepath.Join(t.WorkDir, "container_tokens"),
		NMHost:    node.Host, NMPort: int(node.Port), HTTPPort: cfg.HTTPPort(),
		Env: c.Launch.Env, Commands: c.Launch.Commands, Aux: cfg.Aux.Meta(),
		Whitelist: cfg.Whitelist, AdminEnv: cfg.AdminEnv, HostEnv: cfg.HostEnv, DebugInfo: cfg.DebugInfo,
		Extra: gpuEnv(c.Resource, t.GPUs, cfg.Devices.Counted()),
	}
	for _, l := range cfg.Dirs.Local() {
		s.AppDirs = append(s.AppDirs, dirs.AppDir(l, c.User, c.ID.Attempt.Application))
		s.UserDirs = append(s.UserDirs, dirs.UserDir(l, c.User)+"/")
	}
	for _, l := range cfg.Dirs.Log() {
		s.LogDirs = append(s.LogDirs, dirs.LogDir(l, c.ID))
	}
	c.mu.Lock()
	r := c.localized
	c.mu.Unlock()
	s.Counters = launch.Counters{BytesFetched: r.BytesFetched, BytesCached: r.BytesCached, FilesFetched: r.FilesFetched, FilesCached: r.FilesCached, Millis: r.Ms}
	for name, target := range r.Paths {
		s.Links = append(s.Links, c.links(name, target)...)
	}
	if usesAddOpens(c.Launch) {
		s.AddOpens = cfg.Java.AddOpens(cfg.HostEnv)
	}
	return s
}

func usesAddOpens(l Launch) bool {
	for _, c := range l.Commands {
		if strings.Contains(c, "<ADD_OPENS>") {
			return true
		}
	}
	for _, v := range l.Env {
		if strings.Contains(v, "<ADD_OPENS>") {
			return true
		}
	}
	return false
}

// gpuEnv makes processes see the assigned devices and no others.
func gpuEnv(r yarn.Resource, gpus []string, counted bool) map[string]string {
	if !counted {
		return nil
	}
	list := strings.Join(gpus, ",")
	visible := list
	if visible == "" {
		visible = "void"
	}
	return map[string]string{"CUDA_VISIBLE_DEVICES": list, "NVIDIA_VISIBLE_DEVICES": visible}
}

// links are the links of one resource: "x/*" links every entry of a folder under the entry's name.
func (c *Container) links(name, target string) []launch.Link {
	if path.Base(name) != "*" {
		return []launch.Link{{Name: name, Target: target}}
	}
	var entries []os.DirEntry
	err := c.owner.Do(func() (err error) {
		entries, err = os.ReadDir(target)
		return err
	})
	if err != nil {
		return []launch.Link{{Name: name, Target: target}}
	}
	var out []launch.Link
	for _, e := range entries {
		out = append(out, launch.Link{Name: e.Name(), Target: filepath.Join(target, e.Name())})
	}
	return out
}

func (c *Container) startWaiting() State {
	p := c.process
	c.mgr.wg.Go(func() {
		code, err := p.Wait(c.mgr.away)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil && c.mgr.away.Err() != nil {
			return
		}
		c.exited(code, err)
		c.step(evExited)
	})
	return Running
}

func (c *Container) waitAndStop() State {
	c.startWaiting()
	return c.startStopping()
}

// startStopping is Hadoop's stop sequence: TERM, a moment, KILL, until the process is gone.
func (c *Container) startStopping() State {
	p, grace := c.process, c.mgr.cfg.KillDelay
	if d := c.dockerGrace(); d > 0 {
		grace = d
	}
	c.mgr.wg.Go(func() {
		ctx := context.WithoutCancel(c.ctx)
		send := func(s syscall.Signal) {
			if err := p.Signal(ctx, s); err != nil {
				c.mgr.cfg.Log.Warn("a signal could not be sent; it is tried again", "container", c.ID, "signal", s, "error", err)
			}
		}
		send(syscall.SIGTERM)
		for pause := grace; ; pause = min(pause*2+time.Second, 30*time.Second) {
			select {
			case <-c.done:
				return
			case <-c.mgr.away.Done():
				return
			case <-time.After(pause):
			}
			c.mu.Lock()
			over := c.state >= Ending
			c.mu.Unlock()
			if over {
				return
			}
			send(syscall.SIGKILL)
		}
	})
	return Killing
}

func (c *Container) dockerGrace() time.Duration {
	if c.task == nil || c.task.Docker == nil {
		return 0
	}
	return time.Duration(c.task.Docker.StopSeconds) * time.Second
}

// exited notes how the process ended, in Hadoop's words.
func (c *Container) exited(code int, err error) {
	status := yarn.ExitStatus(code)
	if errors.Is(err, executor.ErrOutOfMemory) && !c.killed {
		c.killed, c.exit = true, yarn.ExitKilledExceededPMem
		c.note(fmt.Sprintf("Container [containerID=%s] is running beyond the 'PHYSICAL' memory limit of %d MB: the kernel ended it. Ask for more memory.", c.ID, c.Resource[yarn.Memory]))
		err = nil
	}
	if err != nil {
		status = yarn.ExitLost
		c.note(err.Error())
	}
	if !c.killed {
		c.exit = status
	}
	switch {
	case status == yarn.ExitSuccess:
	case status == yarn.ExitForceKilled || status == yarn.ExitTerminated:
		c.note(fmt.Sprintf("Container killed on request. Exit code is %d", status))
		c.note(fmt.Sprintf("Container exited with a non-zero exit code %d. ", status))
		c.note("Killed by external signal")
	case status == yarn.ExitLost:
		c.note(fmt.Sprintf("Container exited with a non-zero exit code %d", status))
	default:
		c.note(fmt.Sprintf("Exception from container-launch.\nContainer id: %s\nExit code: %d\n", c.ID, status))
		block := fmt.Sprintf("Container exited with a non-zero exit code %d. %s", status, c.tails())
		c.note(block)
		c.note(block)
	}
}

// startCleanup ends what is left of the container and removes what only it needs.
func (c *Container) startCleanup() State {
	p := c.process
	c.mgr.wg.Go(func() {
		ctx := c.mgr.away
		var errs []error
		private := c.mgr.cfg.Dirs.RemovePrivate
		if err := c.saveExit(); err != nil {
			c.mgr.cfg.Log.Error("an exit status is not remembered; its file stays", "container", c.ID, "error", err)
			private = func(yarn.ContainerID) error { return nil }
		}
		if p == nil {
			p = c.straggling()
		}
		if p != nil {
			for { // the devices and the grant are free only when the processes are gone
				err := p.Remove(ctx)
				if err == nil {
					break
				}
				if ctx.Err() != nil {
					return
				}
				c.mgr.cfg.Log.Warn("a container is not gone yet", "container", c.ID, "error", err)
				time.Sleep(time.Second)
			}
		}
		c.mgr.cfg.Devices.Release(c.ID)
		c.mgr.cfg.Localizer.Release(c.ID)
		if c.mgr.cfg.DeleteDelay == 0 {
			errs = append(errs, c.mgr.cfg.Dirs.RemoveWork(c.User, c.ID), private(c.ID))
		} else {
			c.mgr.deleteLater(func() error { return errors.Join(c.mgr.cfg.Dirs.RemoveWork(c.User, c.ID), private(c.ID)) })
		}
		if err := errors.Join(errs...); err != nil {
			c.mgr.cfg.Log.Warn("a container's directories could not be removed", "container", c.ID, "error", err)
		}
		c.cancel()
		c.fire(evCleaned)
	})
	return Ending
}
