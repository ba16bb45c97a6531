package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heddle/executor/gpu"
	"heddle/nodemanager/device"
	"heddle/yarn"
)

// rediscover is how often lost devices are looked for.
const rediscover = time.Minute

// openDevices counts the node's GPUs where yarn.nodemanager.resource-plugins asks for it. None
// found is said loudly; the node starts without, unless it is told to fail fast.
func (n *node) openDevices(ctx context.Context) error {
	if !n.gpus {
		n.devices = device.New(-1, nil)
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
	n.total[position] = int64(len(d.Devices))
	n.devices = device.New(position, gpuList(d))
	n.log.Info("GPUs", "count", len(d.Devices), "source", d.Source, "notes", d.Notes)
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

func gpuList(d gpu.Discovery) []device.GPU {
	out := make([]device.GPU, len(d.Devices))
	for i, g := range d.Devices {
		out[i] = device.GPU{Index: g.Index, Minor: g.Minor, UUID: g.UUID, Name: g.Name}
	}
	return out
}

// watchDevices marks devices that disappear, so that no container gets them.
func (n *node) watchDevices(ctx context.Context) {
	if !n.gpus {
		return
	}
	n.wg.Go(func() {
		t := time.NewTicker(rediscover)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			d, err := n.discover(ctx)
			if err != nil {
				n.log.Warn("GPUs could not be looked at; the last known ones count", "error", err)
				continue
			}
			if usable := n.devices.Update(gpuList(d)); usable < int(n.total[n.types.Index(yarn.GPUName)]) {
				n.log.Error("GPUs of this node are lost", "usable", usable)
			}
		}
	})
}
