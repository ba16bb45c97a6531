// Package plugin gives containers devices that only an administrator's program knows: FPGAs and others.
// A program is asked by its first argument, gets JSON on its standard input and answers JSON.
//
//	register  -> {"resource": "example.com/fpga"}
//	devices   -> {"devices": [{"id": "f0", "healthy": true, "reason": "", "devPath": "/dev/f0", "majorNumber": 240, "minorNumber": 0}]}
//	allocate  {"container": …, "devices": ["f0"], "runtime": "default" or "docker"}
//	          -> {"env": {"NAME": "value"}, "devices": ["/dev/f0"], "mounts": ["/source:/target:ro"]}
//	release   {"container": …, "devices": ["f0"]}, when the container's last process is gone
package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/nodemanager/device"
	"heddle/yarn"
)

// Limits of what a program may answer.
const (
	maxAnswer  = 1 << 20
	maxDevices = 1024
)

// Plugin is one program and the devices that it knows. It is safe for concurrent use.
type Plugin struct {
	Resource string
	program  string
	timeout  time.Duration
	position int
	set      *device.Set
	forbids  func(executor.DeviceFile) bool
}

// Open asks a program what it is for and which devices there are. Devices with a file that is forbidden go to nobody.
func Open(ctx context.Context, program string, timeout time.Duration, types *yarn.ResourceTypes, forbids func(executor.DeviceFile) bool) (*Plugin, error) {
	if !filepath.IsAbs(program) {
		return nil, fmt.Errorf("device plug-in %q: want the absolute path of a program; Java classes cannot be loaded", program)
	}
	p := &Plugin{program: program, timeout: timeout, forbids: forbids}
	var r struct {
		Resource string `json:"resource"`
	}
	if err := p.ask(ctx, "register", nil, &r); err != nil {
		return nil, err
	}
	p.Resource, p.position = r.Resource, types.Index(r.Resource)
	if p.position <= yarn.VCores || r.Resource == yarn.GPUName {
		return nil, fmt.Errorf("device plug-in %s registers %q, which is not a resource that the cluster counts beside memory, vcores and GPUs: add it to yarn.resource-types in resource-types.xml", program, r.Resource)
	}
	found, err := p.devices(ctx)
	if err != nil {
		return nil, err
	}
	p.set = device.NewOf(r.Resource, p.position, found)
	return p, nil
}

func (p *Plugin) devices(ctx context.Context) ([]device.GPU, error) {
	var l struct {
		Devices []struct {
			ID      string `json:"id"`
			Healthy *bool  `json:"healthy"`
			Reason  string `json:"reason"`
			file
		} `json:"devices"`
	}
	if err := p.ask(ctx, "devices", nil, &l); err != nil {
		return nil, err
	}
	if len(l.Devices) > maxDevices {
		return nil, fmt.Errorf("device plug-in %s knows %d devices, at most %d are taken", p.program, len(l.Devices), maxDevices)
	}
	var out []device.GPU
	for i, d := range l.Devices {
		if d.ID == "" || slices.ContainsFunc(out, func(g device.GPU) bool { return g.UUID == d.ID }) {
			return nil, fmt.Errorf("device plug-in %s: the id %q of device %d is empty or there twice", p.program, d.ID, i)
		}
		g := device.GPU{Index: i, Minor: -1, UUID: d.ID}
		if d.Healthy != nil && !*d.Healthy {
			g.Fault = "it is not healthy"
			if d.Reason != "" {
				g.Fault = d.Reason
			}
		}
		var err error
		if g.File, err = d.deviceFile(); err != nil {
			g.Fault = err.Error()
		}
		if p.forbids(g.File) {
			g.Fault = device.Forbidden
		}
		out = append(out, g)
	}
	return out, nil
}

// ask runs the program once.
func (p *Plugin) ask(ctx context.Context, verb string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.program, verb)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // what it started may hold its output
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		cmd.Stdin = bytes.NewReader(b)
	}
	answer := &limited{left: maxAnswer}
	cmd.Stdout = answer
	var said bytes.Buffer
	cmd.Stderr = &limited{to: &said, left: 2000}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("device plug-in %s %s: %w: %s", p.program, verb, errors.Join(err, ctx.Err()), strings.TrimSpace(said.String()))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.buf.Bytes(), out); err != nil {
		return fmt.Errorf("device plug-in %s %s: its answer is not the JSON that is wanted: %w", p.program, verb, err)
	}
	return nil
}

// limited keeps what comes first.
type limited struct {
	buf  bytes.Buffer
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.left)]
	l.left -= len(keep)
	if l.to != nil {
		_, err := l.to.Write(keep)
		return len(p), err
	}
	_, err := l.buf.Write(keep)
	return len(p), err
}

// Grant is what a container gets of all plug-ins.
type Grant struct {
	Held    map[string][]string // device ids by resource
	Env     map[string]string
	Devices []string // of the host, for a Docker container
	Mounts  []executor.Mount
}

// Set is all plug-ins of a node. A nil Set has none.
type Set struct {
	Plugins []*Plugin
	Log     *slog.Logger
	// ReleaseFailed gets a word, where it has room, when devices were not taken back; may be nil.
	ReleaseFailed chan struct{}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Assign gives a container what its resource says; a second call for the same container gives the same devices.
func (s *Set) Assign(ctx context.Context, c yarn.ContainerID, r yarn.Resource, runtime string) (Grant, error) {
	g := Grant{Held: map[string][]string{}, Env: map[string]string{}}
	if s == nil {
		return g, nil
	}
	for _, p := range s.Plugins { // of all, before any program is asked
		ids, err := p.set.Assign(c, r)
		if err != nil {
			return g, err
		}
		if len(ids) > 0 {
			g.Held[p.Resource] = ids
		}
	}
	for _, p := range s.Plugins {
		ids := g.Held[p.Resource]
		if len(ids) == 0 {
			continue
		}
		var a struct {
			Env     map[string]string `json:"env"`
			Devices []string          `json:"devices"`
			Mounts  []string          `json:"mounts"`
		}
		in := map[string]any{"container": c.String(), "devices": ids, "runtime": runtime}
		if err := p.ask(ctx, "allocate", in, &a); err != nil {
			return g, err
		}
		for name := range a.Env {
			if !envName.MatchString(name) {
				return g, fmt.Errorf("device plug-in %s allocate: %q is no name of a variable", p.program, name)
			}
		}
		maps.Copy(g.Env, a.Env)
		g.Devices = append(g.Devices, a.Devices...)
		for _, m := range a.Mounts {
			x, err := mount(m)
			if err != nil {
				return g, fmt.Errorf("device plug-in %s allocate: %w", p.program, err)
			}
			g.Mounts = append(g.Mounts, x)
		}
	}
	return g, nil
}

func mount(text string) (executor.Mount, error) {
	f := strings.Split(text, ":")
	if len(f) < 2 || len(f) > 3 || !filepath.IsAbs(f[0]) || !filepath.IsAbs(f[1]) || len(f) == 3 && f[2] != "ro" && f[2] != "rw" {
		return executor.Mount{}, fmt.Errorf("mount %q: want /source:/target:ro or :rw", text)
	}
	return executor.Mount{Source: f[0], Target: f[1], ReadOnly: len(f) < 3 || f[2] == "ro"}, nil
}

// Restore gives a container of an earlier NodeManager the devices that it has.
func (s *Set) Restore(c yarn.ContainerID, held map[string][]string) {
	if s == nil {
		return
	}
	for _, p := range s.Plugins {
		p.set.Restore(c, held[p.Resource])
	}
}

// Release takes an ended container's devices back, after the program was told. Where it does not do so, nobody
// gets them until a later try succeeds (see Look), and ReleaseFailed hears of it.
func (s *Set) Release(ctx context.Context, c yarn.ContainerID) {
	if s == nil {
		return
	}
	for _, p := range s.Plugins {
		if err := p.release(ctx, c); err != nil {
			s.Log.Error("a device plug-in did not take devices back; nobody gets them until it does", "container", c, "error", err)
			select {
			case s.ReleaseFailed <- struct{}{}:
			default:
			}
		}
	}
}

func (p *Plugin) release(ctx context.Context, c yarn.ContainerID) error {
	ids := p.set.Of(c)
	if len(ids) == 0 {
		return nil
	}
	if err := p.ask(ctx, "release", map[string]any{"container": c.String(), "devices": ids}, nil); err != nil {
		p.set.Hold(c, fmt.Sprintf("its plug-in does not take it back from %s: %v", c, err))
		return err
	}
	p.set.Release(c)
	return nil
}

// Same reports whether two sizes have the same devices.
func (s *Set) Same(a, b yarn.Resource) bool {
	return s == nil || !slices.ContainsFunc(s.Plugins, func(p *Plugin) bool { return !p.set.Same(a, b) })
}

// Offer puts how many devices can be given away into a resource.
func (s *Set) Offer(r yarn.Resource) yarn.Resource {
	if s == nil {
		return r
	}
	for _, p := range s.Plugins {
		r[p.position] = int64(p.set.Usable())
	}
	return r
}

// Look asks every program again, first to take back what it did not. Where one does not answer, what was known
// of its devices counts.
func (s *Set) Look(ctx context.Context) {
	for _, p := range s.Plugins {
		for _, c := range p.set.Held() {
			if err := p.release(ctx, c); err == nil {
				s.Log.Info("a device plug-in took devices back at last", "container", c)
			}
		}
		found, err := p.devices(ctx)
		if err == nil {
			p.set.Update(found)
		} else if ctx.Err() == nil {
			s.Log.Warn("a device plug-in does not answer; what it last said counts", "error", err)
		}
	}
}

// Trouble lists devices that are given to nobody, and containers whose device is lost.
func (s *Set) Trouble() (words []string, stranded map[yarn.ContainerID]string) {
	stranded = map[yarn.ContainerID]string{}
	if s == nil {
		return nil, stranded
	}
	for _, p := range s.Plugins {
		w, lost := p.set.Trouble()
		words = append(words, w...)
		maps.Copy(stranded, lost)
	}
	return words, stranded
}
