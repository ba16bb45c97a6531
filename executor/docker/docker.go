// Package docker runs tasks as containers of a Docker engine, over the engine's API.
// The engine keeps them while the daemon is away; they are named after the task and
// carry its id and work directory as labels.
package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"

	"heddle/executor"
)

// Labels of our containers.
const (
	labelTask = "heddle.task"
	labelWork = "heddle.workdir"
)

// Executor implements executor.Executor. It is safe for concurrent use.
type Executor struct {
	cli *client.Client
	log *slog.Logger
}

var _ executor.Executor = (*Executor)(nil)

// New makes a client of the engine that DOCKER_HOST names, else of the host's own; it does not connect yet.
func New(log *slog.Logger) (*Executor, error) {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("Docker engine: %w", err)
	}
	return &Executor{cli, log}, nil
}

// Ping says which engine answers.
func (e *Executor) Ping(ctx context.Context) (version string, err error) {
	v, err := e.cli.ServerVersion(ctx)
	if err != nil {
		return "", fmt.Errorf("Docker engine at %s: %w", e.cli.DaemonHost(), err)
	}
	return v.Version + " (API " + e.cli.ClientVersion() + ")", nil
}

// Close frees the client's connections.
func (e *Executor) Close() error { return e.cli.Close() }

// Prepare implements executor.Executor: the image is here, or is pulled.
func (e *Executor) Prepare(ctx context.Context, t *executor.Task) error {
	d := t.Docker
	_, err := e.cli.ImageInspect(ctx, d.Image)
	if err == nil && !d.UpdateImage {
		return nil
	}
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("image %s: %w", d.Image, err)
	}
	if pullErr := e.pull(ctx, d.Image); pullErr != nil {
		return fmt.Errorf("Docker image %s is not on this node and cannot be pulled: %w; correct YARN_CONTAINER_RUNTIME_DOCKER_IMAGE, or load the image on the node", d.Image, pullErr)
	}
	return nil
}

func (e *Executor) pull(ctx context.Context, ref string) error {
	r, err := e.cli.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	return jsonmessage.DisplayJSONMessagesStream(r, io.Discard, 0, false, nil)
}

// startTimeout bounds a start; an engine that takes longer is stuck.
const startTimeout = 2 * time.Minute

// answerTimeout bounds a call that an engine answers at once unless it hangs; who makes it tries again.
const answerTimeout = 10 * time.Second

// Start implements executor.Executor. It is not interrupted: the engine goes on with what it was asked,
// and a container that nobody waits for would be left behind.
func (e *Executor) Start(ctx context.Context, t *executor.Task) (executor.Process, error) {
	cfg, host, err := configure(t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	if err := e.makeWay(ctx, t); err != nil {
		return nil, err
	}
	created, err := e.cli.ContainerCreate(ctx, cfg, host, nil, nil, t.ID)
	if err != nil {
		err = fmt.Errorf("create Docker container %s of image %s: %w", t.ID, t.Docker.Image, err)
		if ctx.Err() == nil {
			return nil, err
		}
		return &process{exec: e, task: t, id: t.ID, half: true}, err // the engine may make it all the same
	}
	p := &process{exec: e, task: t, id: created.ID, half: true}
	if err := e.cli.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		return p, fmt.Errorf("start Docker container %s of image %s: %w", t.ID, t.Docker.Image, err)
	}
	if err := p.inspect(ctx); err != nil {
		return p, err
	}
	p.half = false
	e.log.Info("Docker container started", "task", t.ID, "container", created.ID[:12], "image", t.Docker.Image, "pid", p.pid)
	return p, os.WriteFile(t.PidFile, []byte(strconv.Itoa(p.pid)+"\n"), 0o644)
}

// makeWay removes the ended container of the same task's process before, which was kept for a look.
func (e *Executor) makeWay(ctx context.Context, t *executor.Task) error {
	if !t.Docker.KeepContainer {
		return nil
	}
	err := e.cli.ContainerRemove(ctx, t.ID, container.RemoveOptions{RemoveVolumes: true})
	if err == nil || cerrdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove the ended Docker container %s: %w", t.ID, err)
}

// Reattach implements executor.Executor. A container that was made and not started when its daemon died is removed:
// it never ran, and nobody may start it later.
func (e *Executor) Reattach(ctx context.Context, t *executor.Task) (executor.Process, error) {
	c, err := e.cli.ContainerInspect(ctx, t.ID)
	if cerrdefs.IsNotFound(err) {
		return nil, fmt.Errorf("reattach %s: %w", t.ID, executor.ErrLost)
	}
	if err != nil {
		return nil, fmt.Errorf("reattach %s: %w", t.ID, err)
	}
	p := &process{exec: e, task: t, id: c.ID}
	if c.State.Status == container.StateCreated {
		if err := p.Remove(ctx); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("reattach %s: %w", t.ID, executor.ErrLost)
	}
	p.note(c)
	return p, nil
}

// EndLeftovers removes the containers whose work directory lies below one of dirs and whose task is not known, and
// returns their tasks.
func (e *Executor) EndLeftovers(ctx context.Context, dirs []string, known func(task string) bool) ([]string, error) {
	list, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelTask))})
	if err != nil {
		return nil, fmt.Errorf("list Docker containers: %w", err)
	}
	var ended []string
	for _, c := range list {
		for _, d := range dirs {
			if !strings.HasPrefix(c.Labels[labelWork], d+"/") || known(c.Labels[labelTask]) {
				continue
			}
			if err := e.cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}); err != nil && !cerrdefs.IsNotFound(err) {
				return ended, fmt.Errorf("remove leftover Docker container %s: %w", c.Labels[labelTask], err)
			}
			ended = append(ended, c.Labels[labelTask])
			break
		}
	}
	return ended, nil
}

// configure turns a task into the engine's terms.
func configure(t *executor.Task) (*container.Config, *container.HostConfig, error) {
	d := t.Docker
	exposed, bindings, err := nat.ParsePortSpecs(d.Ports)
	if err != nil {
		return nil, nil, fmt.Errorf("port mapping %v: %w", d.Ports, err)
	}
	cfg := &container.Config{
		Image: d.Image, Env: d.Env, Hostname: d.Hostname, WorkingDir: t.WorkDir, User: userOf(t), ExposedPorts: exposed,
		Entrypoint: []string{"bash", t.Script}, Cmd: nil,
		Labels: map[string]string{labelTask: t.ID, labelWork: t.WorkDir},
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(d.Network), PidMode: container.PidMode(d.PIDNamespace), Runtime: d.Runtime,
		Privileged: d.Privileged, ShmSize: d.ShmBytes, PortBindings: bindings, ReadonlyRootfs: d.ReadOnlyRoot,
		LogConfig: container.LogConfig{Type: "none"}, Tmpfs: map[string]string{},
	}
	if !d.Privileged {
		host.CapDrop, host.CapAdd = []string{"ALL"}, d.Capabilities
	}
	if d.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	if d.Network == "host" {
		cfg.Hostname = ""
	}
	for _, p := range d.Tmpfs {
		host.Tmpfs[p] = ""
	}
	for _, m := range d.Mounts {
		x := mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		if m.Propagation != "" {
			x.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(m.Propagation)}
		}
		host.Mounts = append(host.Mounts, x)
	}
	limit(&host.Resources, t)
	return cfg, host, nil
}

// limit sets memory, CPU, ulimits and devices; a container's memory is always held by the kernel.
func limit(r *container.Resources, t *executor.Task) {
	r.Memory = t.Limits.MemoryMB << 20
	r.MemorySwap = r.Memory
	r.CPUShares = max(t.Limits.VCores, 1) * 1024
	hold(r, t.Limits)
	for _, u := range t.Docker.Ulimits {
		r.Ulimits = append(r.Ulimits, &units.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	for _, d := range t.Docker.Devices {
		r.Devices = append(r.Devices, container.DeviceMapping{PathOnHost: d, PathInContainer: d, CgroupPermissions: "rwm"})
	}
	if len(t.GPUs) > 0 {
		r.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia", DeviceIDs: t.GPUs, Capabilities: [][]string{{"gpu"}}}}
	}
}

// hold sets what a task may not pass.
func hold(r *container.Resources, l executor.Limits) {
	if l.HardCPU {
		r.NanoCPUs = max(l.MilliCores, minMilliCores) * 1e6
	}
	if l.PIDs > 0 {
		r.PidsLimit = &l.PIDs
	}
}

// minMilliCores is the least CPU time that the engine takes.
const minMilliCores = 10

func userOf(t *executor.Task) string {
	if t.RunAs != nil {
		return fmt.Sprintf("%d:%d", t.RunAs.UID, t.RunAs.GID)
	}
	return fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
}

// process is a started container. mu guards pid and addresses.
type process struct {
	exec *Executor
	task *executor.Task
	id   string
	half bool // its start failed: it is not kept for a look

	mu        sync.Mutex
	pid       int
	addresses []string
}

// retryInterval is how often an engine that does not answer is asked again.
const retryInterval = time.Second

func (p *process) inspect(ctx context.Context) error {
	c, err := p.exec.cli.ContainerInspect(ctx, p.id)
	if err != nil {
		return fmt.Errorf("inspect Docker container %s: %w", p.task.ID, err)
	}
	p.note(c)
	return nil
}

func (p *process) note(c container.InspectResponse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid, p.addresses = c.State.Pid, nil
	for _, n := range c.NetworkSettings.Networks {
		if net.ParseIP(n.IPAddress) != nil {
			p.addresses = append(p.addresses, n.IPAddress)
		}
	}
}

func (p *process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

func (p *process) Addresses() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses
}

// Wait asks until the engine itself says that the container has ended: an engine that restarts or
// hangs does not end a task.
func (p *process) Wait(ctx context.Context) (int, error) {
	for {
		done, failed := p.exec.cli.ContainerWait(ctx, p.id, container.WaitConditionNotRunning)
		select {
		case r := <-done:
			if r.Error == nil {
				return p.ended(ctx, int(r.StatusCode))
			}
			p.exec.log.Warn("waiting for a Docker container failed; it is tried again", "task", p.task.ID, "error", r.Error.Message)
		case err := <-failed:
			if cerrdefs.IsNotFound(err) {
				return 0, fmt.Errorf("Docker container %s was removed by somebody else: %w", p.task.ID, executor.ErrLost)
			}
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			p.exec.log.Warn("the Docker engine does not answer; it is tried again", "task", p.task.ID, "error", err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(retryInterval):
		}
	}
}

// ended notes the exit code as for processes and tells an end by the memory limit from others.
func (p *process) ended(ctx context.Context, code int) (int, error) {
	if err := os.WriteFile(p.task.ExitFile, []byte(strconv.Itoa(code)+"\n"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.exec.log.Warn("an exit code was not noted", "task", p.task.ID, "error", err)
	}
	c, err := p.exec.cli.ContainerInspect(ctx, p.id)
	if err == nil && c.State.OOMKilled {
		return code, executor.ErrOutOfMemory
	}
	return code, nil
}

func (p *process) Signal(ctx context.Context, s syscall.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := p.exec.cli.ContainerKill(ctx, p.id, strconv.Itoa(int(s)))
	if err == nil || cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) { // gone, or not running
		return nil
	}
	return fmt.Errorf("signal %v to Docker container %s: %w", s, p.task.ID, err)
}

// Resize changes what the engine holds the container to.
func (p *process) Resize(ctx context.Context, l executor.Limits) error {
	r := container.Resources{Memory: l.MemoryMB << 20, MemorySwap: l.MemoryMB << 20, CPUShares: max(l.VCores, 1) * 1024}
	hold(&r, l)
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err := p.exec.cli.ContainerUpdate(ctx, p.id, container.UpdateConfig{Resources: r}); err != nil {
		return fmt.Errorf("resize Docker container %s: %w", p.task.ID, err)
	}
	return nil
}

func (p *process) Remove(ctx context.Context) error {
	if p.task.Docker != nil && p.task.Docker.KeepContainer && !p.half {
		return nil
	}
	err := p.exec.cli.ContainerRemove(ctx, p.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || cerrdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove Docker container %s: %w", p.task.ID, err)
}
