package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heddle/executor"
	"heddle/executor/gpu"
	"heddle/nodemanager/device"
	"heddle/nodemanager/plugin"
	"heddle/yarn"
)

// openDevices counts the node's GPUs where yarn.nodemanager.resource-plugins asks for it. None
// found is said loudly; the node starts without, unless it is told to fail fast.
func (n *node) openDevices(ctx context.Context) error {
	if !n.gpus {
		n.devices = device.New(-1, nil)
		n.devices.Deny(n.fence.never)
		return nil
	}
	d, err := n.discover(ctx)
	if err == nil && len(d.Devices) == 0 {
		err = errors.New("no GPU was found")
	}
	if err != nil {
		failFast, confErr := n.conf.Bool("yarn.nodemanager.resource-plugins.fail-fast", false)
		if failFast || confErr != nil {
			return errors.Join(fmt.Errorf("yarn.nodemanager.resource-plugins has %s: %w", yarn.GPUName, err), confErr)
		}
		n.log.Error("this node counts GPUs and offers none", "error", err)
	}
	position := n.types.Index(yarn.GPUName)
	n.devices = device.New(position, n.gpuList(d))
	n.devices.Deny(n.othersGPUs(d))
	n.usable.Store(int64(n.devices.Usable()))
	n.total[position] = n.usable.Load()
	n.log.Info("GPUs", "count", n.total[position], "source", d.Source, "notes", d.Notes)
	return nil
}

func (n *node) discover(ctx context.Context) (gpu.Discovery, error) {
	const key = "yarn.nodemanager.resource-plugins.gpu."
	timeout, err := n.conf.Duration(key+"discovery-timeout", 10*time.Second, time.Second)
	if err != nil {
		return gpu.Discovery{}, err
	}
	return gpu.Discover(ctx, gpu.Config{Allowed: n.conf.String(key+"allowed-gpu-devices", gpu.Auto), SMI: n.conf.String(key+"path-to-discovery-executables", ""), Timeout: timeout})
}

func (n *node) gpuList(d gpu.Discovery) []device.GPU {
	out := make([]device.GPU, len(d.Devices))
	for i, g := range d.Devices {
		out[i] = device.GPU{Index: g.Index, Minor: g.Minor, UUID: g.UUID, Name: g.Name, Bus: g.Bus, Fault: g.Fault, File: n.fence.gpu(g)}
		if n.fence.forbids(out[i].File) {
			out[i].Fault = device.Forbidden
		}
	}
	return out
}

// othersGPUs are the files of GPUs that are not for containers.
func (n *node) othersGPUs(d gpu.Discovery) []executor.DeviceFile {
	out := slices.Clone(n.fence.never)
	for _, g := range d.Others {
		if f := n.fence.gpu(g); f.Known() {
			out = append(out, f)
		}
	}
	return out
}

// openPlugins starts the device framework. A program that does not answer stops the start: the cluster counts on it.
func (n *node) openPlugins(ctx context.Context) error {
	if !n.pluggable {
		return nil
	}
	const key = "yarn.nodemanager.pluggable-device-framework.device-classes"
	s := &plugin.Set{Log: n.log, ReleaseFailed: make(chan struct{}, 1)}
	for _, program := range n.pluginPrograms {
		p, err := plugin.Open(ctx, program, pluginTimeout, n.types, n.fence.forbids)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if slices.ContainsFunc(s.Plugins, func(o *plugin.Plugin) bool { return o.Resource == p.Resource }) {
			return fmt.Errorf("%s: two programs register %s", key, p.Resource)
		}
		s.Plugins = append(s.Plugins, p)
		n.log.Info("device plug-in", "program", program, "resource", p.Resource)
	}
	if len(s.Plugins) == 0 {
		return fmt.Errorf("yarn.nodemanager.pluggable-device-framework.enabled is true and %s names no program", key)
	}
	n.plugins = s
	return nil
}

// pluginTimeout bounds each call of a device plug-in.
const pluginTimeout = 10 * time.Second

// noteTrouble puts what is wrong with devices into the log and the node's health report, when that changes.
func (n *node) noteTrouble() (stranded map[yarn.ContainerID]string) {
	words, stranded := n.devices.Trouble()
	more, lost := n.plugins.Trouble()
	words = append(words, more...)
	maps.Copy(stranded, lost)
	text := strings.Join(words, "; ")
	if before := n.trouble.Swap(&text); before == nil && text != "" || before != nil && *before != text {
		n.log.Error("devices that are given to nobody", "devices", words)
	}
	return stranded
}

// watchDevices looks for devices that are lost, not well, or back: no container gets them, the ResourceManager
// hears how many there are, and a container whose device is gone ends as by a fault of the platform.
func (n *node) watchDevices(ctx context.Context) {
	if !n.gpus && n.plugins == nil {
		return
	}
	var failed <-chan struct{}
	if n.plugins != nil {
		failed = n.plugins.ReleaseFailed
	}
	n.wg.Go(func() {
		t := time.NewTicker(n.gpuInterval)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-failed: // there are fewer now
				n.noteTrouble()
				n.link.Reregister()
			case <-t.C:
				n.lookAtDevices(ctx)
			}
		}
	})
}

func (n *node) lookAtDevices(ctx context.Context) {
	before := n.offer()
	if n.plugins != nil {
		n.plugins.Look(ctx)
	}
	if n.gpus {
		n.lookAtGPUs(ctx)
	}
	for id, what := range n.noteTrouble() {
		if c, err := n.manager.Find(id); err == nil {
			c.Kill(yarn.ExitAborted, what+" of this container is lost: a fault of the node, not of the application.")
		}
	}
	if n.offer() != before {
		n.link.Reregister()
	}
}

func (n *node) lookAtGPUs(ctx context.Context) {
	d, err := n.discover(ctx)
	var lost *gpu.LostError
	switch {
	case err == nil:
		n.devices.Update(n.gpuList(d))
		n.devices.Deny(n.othersGPUs(d))
	case errors.As(err, &lost) && n.devices.Lose(lost.Bus):
	case ctx.Err() == nil:
		n.log.Warn("GPUs could not be looked at; the last known ones count", "error", err)
	}
	n.usable.Store(int64(n.devices.Usable()))
}
