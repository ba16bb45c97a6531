package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/nodemanager/device"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/launch"
	"heddle/nodemanager/plugin"
	"heddle/yarn"
)

// exitNotStarted is the exit status of a container that failed before its script ran.
const exitNotStarted yarn.ExitStatus = -1

func (c *Container) startLaunch() State {
	c.mgr.wg.Go(func() {
		p, err := c.launch(c.ctx)
		c.launched(p, err)
	})
	return Launching
}

// launched goes on with a process, or with why there is none.
func (c *Container) launched(p executor.Process, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mgr.away.Err() != nil {
		return
	}
	if err != nil {
		if p != nil {
			c.process = p // cleaning up ends it
		}
		if !c.killed {
			c.exit = exitNotStarted
			c.note(err.Error())
		}
		c.step(evLaunchFailed)
		return
	}
	c.process = p
	c.step(evLaunched)
	c.catchUp()
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
	exec := c.executor(t)
	if err := exec.Prepare(ctx, t); err != nil {
		return nil, err
	}
	if err := c.saveLaunch(t); err != nil {
		return nil, err
	}
	return exec.Start(ctx, t)
}

func (c *Container) executor(t *executor.Task) executor.Executor {
	if t.Docker != nil {
		return c.mgr.cfg.DockerExec
	}
	return c.mgr.cfg.Process
}

func (c *Container) prepare() (*executor.Task, error) {
	cfg := &c.mgr.cfg
	work, private, err := c.workDirs()
	if err != nil {
		return nil, err
	}
	if err := cfg.Dirs.MakeContainer(c.User, c.ID, c.owner, cfg.LogDirMode); err != nil {
		return nil, err
	}
	c.mu.Lock()
	resource, limits, attempt := c.spec.Resource, c.limits(), c.turn.Attempt
	c.mu.Unlock()
	gpus, plugged, err := c.assign(resource)
	if err != nil {
		return nil, err
	}
	pid := filepath.Join(private, c.ID.String()+".pid")
	if attempt > 0 { // what an earlier process noted must not count for this one
		pid = fmt.Sprintf("%s/%s.%d.pid", private, c.ID, attempt)
	}
	t := &executor.Task{ID: c.ID.String(), WorkDir: work, PrivateDir: private, PidFile: pid, ExitFile: pid + ".exitcode", RunAs: c.owner, GPUs: gpus, Limits: limits}
	t.Script = filepath.Join(t.WorkDir, "launch_container.sh")
	c.mu.Lock()
	c.plugged = plugged
	c.gpus, c.workDir, c.logDir = gpus, t.WorkDir, dirs.LogDir(cfg.Dirs.Log()[0], c.ID)
	c.mu.Unlock()
	if c.Docker() {
		if t.Docker, err = cfg.DockerRequest(c.dockerInput(t)); err != nil {
			return nil, err
		}
		t.Docker.Devices, t.Docker.Mounts = plugged.Devices, append(t.Docker.Mounts, plugged.Mounts...)
	} else {
		t.Denied = append(cfg.Devices.Denied(c.ID), cfg.Plugins.Denied(c.ID)...)
	}
	return t, c.writeFiles(t)
}

// deviceLook is how often a container that waits for devices looks again.
const deviceLook = 50 * time.Millisecond

// assign gets the container's devices. The ResourceManager grants them anew as soon as an ApplicationMaster gives them
// back, while the processes that had them may take their time to end: so it waits for those, as Hadoop does for GPUs.
func (c *Container) assign(r yarn.Resource) ([]string, plugin.Grant, error) {
	cfg := &c.mgr.cfg
	late := time.NewTimer(cfg.DeviceWait)
	defer late.Stop()
	for {
		gpus, err := cfg.Devices.Assign(c.ID, r)
		var plugged plugin.Grant
		if err == nil {
			plugged, err = cfg.Plugins.Assign(c.ctx, c.ID, r, c.runtime())
		}
		if !errors.Is(err, device.ErrTaken) {
			return gpus, plugged, err
		}
		select {
		case <-time.After(deviceLook):
		case <-late.C:
			return nil, plugged, fmt.Errorf("%w after %s", err, cfg.DeviceWait)
		case <-c.ctx.Done():
			return nil, plugged, c.ctx.Err()
		}
	}
}

// workDirs are the container's work directory, the same for every process of it, and its private one.
func (c *Container) workDirs() (work, private string, err error) {
	c.mu.Lock()
	t := c.task
	c.mu.Unlock()
	if t != nil {
		return t.WorkDir, t.PrivateDir, nil
	}
	disk, err := c.mgr.cfg.Dirs.NextLocal()
	return dirs.ContainerDir(disk, c.User, c.ID), dirs.PrivateDir(disk, c.ID), err
}

// limits is what the executor holds the container to; the caller has the lock.
func (c *Container) limits() executor.Limits {
	r := c.spec.Resource
	cfg := &c.mgr.cfg
	cores := float64(r[yarn.VCores])
	if cfg.CoresPerVCore > 0 {
		cores *= cfg.CoresPerVCore
	}
	return executor.Limits{MemoryMB: r[yarn.Memory], VCores: r[yarn.VCores], HardMemory: cfg.HardMemory, HardCPU: cfg.HardCPU, MilliCores: int64(cores * 1000), PIDs: cfg.PIDs}
}

// Docker reports whether the launch context asks for a Docker container.
func (c *Container) Docker() bool { return c.mgr.cfg.WantsDocker(c.launchContext().Env) }

// runtime is how device plug-ins know the kind of a container.
func (c *Container) runtime() string {
	if c.Docker() {
		return "docker"
	}
	return "default"
}

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
	in := DockerInput{Env: c.launchContext().Env, User: c.User, Resource: c.Resource(), Container: c.ID, WorkDir: t.WorkDir}
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
	tokens := c.launchContext().Credentials
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
	c.mu.Lock()
	l, resource, r, plugged := c.spec.Launch, c.spec.Resource, c.localized, c.plugged
	c.mu.Unlock()
	s := &launch.Spec{
		Container: c.ID, User: c.User, WorkDir: t.WorkDir, HomeDir: cfg.HomeDir,
		LogDir:    dirs.LogDir(cfg.Dirs.Log()[0], c.ID),
		TokenFile: filepath.Join(t.WorkDir, "container_tokens"),
		NMHost:    node.Host, NMPort: int(node.Port), HTTPPort: cfg.HTTPPort(),
		Env: l.Env, Commands: l.Commands, Aux: cfg.Aux.Meta(),
		Whitelist: cfg.Whitelist, AdminEnv: cfg.AdminEnv, HostEnv: cfg.HostEnv, DebugInfo: cfg.DebugInfo,
		Extra: gpuEnv(resource, t.GPUs, cfg.Devices.Counted()),
	}
	maps.Copy(s.Extra, plugged.Env)
	for _, l := range cfg.Dirs.Local() {
		s.AppDirs = append(s.AppDirs, dirs.AppDir(l, c.User, c.ID.Attempt.Application))
		s.UserDirs = append(s.UserDirs, dirs.UserDir(l, c.User)+"/")
	}
	for _, l := range cfg.Dirs.Log() {
		s.LogDirs = append(s.LogDirs, dirs.LogDir(l, c.ID))
	}
	s.Counters = launch.Counters{BytesFetched: r.BytesFetched, BytesCached: r.BytesCached, FilesFetched: r.FilesFetched, FilesCached: r.FilesCached, Millis: r.Ms}
	for name, target := range r.Paths {
		s.Links = append(s.Links, c.links(name, target)...)
	}
	if usesAddOpens(l) {
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
		return map[string]string{}
	}
	list := strings.Join(gpus, ",")
	visible := list
	if visible == "" {
		visible = "void"
	}
	return map[string]string{"CUDA_VISIBLE_DEVICES": list, "NVIDIA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
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
	p, gone := c.process, make(chan struct{})
	c.gone = gone
	c.mgr.wg.Go(func() {
		defer close(gone)
		code, err := p.Wait(c.mgr.away)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil && c.mgr.away.Err() != nil {
			return
		}
		if c.state != Reinitializing { // else it was we who ended it
			c.exited(code, err)
		}
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
	p, gone, grace := c.process, c.gone, c.mgr.cfg.KillDelay
	if d := c.dockerGrace(); d > 0 {
		grace = d
	}
	c.mgr.wg.Go(func() {
		send := func(s syscall.Signal) error {
			err := p.Signal(c.mgr.away, s)
			if err != nil && c.mgr.away.Err() == nil {
				c.mgr.cfg.Log.Warn("a signal could not be sent; it is tried again", "container", c.ID, "signal", s, "error", err)
			}
			return err
		}
		for errors.Is(send(syscall.SIGTERM), context.DeadlineExceeded) { // an engine that hangs; the grace begins when it has heard
		}
		for pause := grace; ; pause = min(pause*2+time.Second, 30*time.Second) {
			select {
			case <-gone:
				return
			case <-c.mgr.away.Done():
				return
			case <-time.After(pause):
			}
			_ = send(syscall.SIGKILL) // logged
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
		c.note(fmt.Sprintf("Container [containerID=%s] is running beyond the 'PHYSICAL' memory limit of %d MB: the kernel ended it. Ask for more memory.", c.ID, c.spec.Resource[yarn.Memory]))
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
		var errs []error
		private := c.mgr.cfg.Dirs.RemovePrivate
		if err := c.saveExit(); err != nil {
			c.mgr.cfg.Log.Error("an exit status is not remembered; its file stays", "container", c.ID, "error", err)
			private = func(yarn.ContainerID) error { return nil }
		}
		if p == nil {
			p = c.straggling()
		}
		if p != nil && !c.removeProcess(p) {
			return
		}
		c.mgr.cfg.Devices.Release(c.ID)
		c.mgr.cfg.Plugins.Release(c.mgr.away, c.ID)
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

// removeProcess returns when everything of a process is gone, as devices and the grant are free only then;
// false says that the NodeManager goes away before.
func (c *Container) removeProcess(p executor.Process) bool {
	for {
		err := p.Remove(c.mgr.away)
		if err == nil {
			return true
		}
		if c.mgr.away.Err() != nil {
			return false
		}
		c.mgr.cfg.Log.Warn("a container is not gone yet", "container", c.ID, "error", err)
		select {
		case <-c.mgr.away.Done():
			return false
		case <-time.After(time.Second):
		}
	}
}
