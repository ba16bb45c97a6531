package nodemanager

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"heddle/executor"
	"heddle/executor/gpu"
	"heddle/nodemanager/launcher"
)

// fence is what container-executor.cfg says of device files.
type fence struct {
	gpuMajor uint32
	never    []executor.DeviceFile // devices.denied-numbers
}

// fences reports whether there are devices that a process may have to be kept from.
func (n *node) fences() bool { return n.gpus || n.pluggable || len(n.fence.never) > 0 }

func (n *node) readFence() error {
	const major, numbers = "gpu.major-device-number", "devices.denied-numbers"
	file := filepath.Join(n.opt.ConfigDir, "container-executor.cfg")
	cfg, err := launcher.ReadLists(file)
	if err != nil {
		return err
	}
	n.fence = fence{gpuMajor: 195} // Hadoop's, and NVIDIA's registered one
	if v := strings.Join(cfg[major], ","); v != "" {
		m, err := strconv.ParseUint(v, 10, 12) // as many bits as the kernel's
		if err != nil || m == 0 {
			return fmt.Errorf("%s=%s in %s: want the major number of a device", major, v, file)
		}
		n.fence.gpuMajor = uint32(m)
	}
	for _, s := range cfg[numbers] {
		major, minor, _ := strings.Cut(s, ":")
		a, err1 := strconv.ParseUint(major, 10, 12)
		b, err2 := strconv.ParseUint(minor, 10, 20)
		if err1 != nil || err2 != nil || a == 0 {
			return fmt.Errorf("%s in %s has %q: want major:minor, such as 240:1", numbers, file, s)
		}
		_, err := os.Stat("/sys/dev/block/" + s) // how Hadoop tells the kinds apart
		n.fence.never = append(n.fence.never, executor.DeviceFile{Block: err == nil, Major: uint32(a), Minor: uint32(b)})
	}
	return nil
}

// forbids reports whether the administrator gives the device to nobody.
func (f *fence) forbids(d executor.DeviceFile) bool { return slices.Contains(f.never, d) }

// gpu is a GPU's own file; none where the driver does not tell its number.
func (f *fence) gpu(g gpu.Device) executor.DeviceFile {
	if g.Minor < 0 {
		return executor.DeviceFile{}
	}
	return executor.DeviceFile{Major: f.gpuMajor, Minor: uint32(g.Minor)}
}

// noteFence says once what processes are not kept from.
func (n *node) noteFence() {
	if !n.fences() {
		return
	}
	if err := n.exec.Unfenced(); err != nil {
		n.log.Warn("containers that are processes can open the files of devices that they were not given: device files cannot be denied here", "reason", err)
		return
	}
	if ids := append(n.devices.Unknown(), n.plugins.Unknown()...); len(ids) > 0 {
		n.log.Warn("containers that are processes are not kept from devices whose files are not known", "devices", ids)
	}
}
