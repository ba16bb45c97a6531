//go:build cgo && linux

package gpu

import (
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func fromLibrary() (Discovery, error) { return fromNVML(nvml.New()) }

// fromNVML asks the driver's library, which is opened at run time: hosts without it get an error.
func fromNVML(lib nvml.Interface) (Discovery, error) {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return Discovery{}, fmt.Errorf("the NVIDIA driver's library cannot be used: %s", reason(ret))
	}
	defer func() { _ = lib.Shutdown() }() // what was read is read
	n, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return Discovery{}, fmt.Errorf("count GPUs: %s", reason(ret))
	}
	d := Discovery{Source: "the NVIDIA driver's library"}
	for i := range n {
		dev, ret := lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			d.Notes = append(d.Notes, fmt.Sprintf("GPU %d is left out: %s", i, reason(ret)))
			continue
		}
		uuid, ret := dev.GetUUID()
		if ret != nvml.SUCCESS {
			d.Notes = append(d.Notes, fmt.Sprintf("GPU %d is left out: its UUID: %s", i, reason(ret)))
			continue
		}
		minor, ret := dev.GetMinorNumber()
		if ret != nvml.SUCCESS {
			minor = -1
		}
		name, ret := dev.GetName()
		if ret != nvml.SUCCESS {
			name = ""
		}
		g := Device{Index: i, Minor: minor, UUID: uuid, Name: name, Bus: bus(dev), Fault: fault(dev)}
		if mode, _, ret := dev.GetMigMode(); ret == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE {
			d = withInstances(Discovery{Devices: append(d.Devices, g), Source: d.Source, Notes: d.Notes}, map[string]bool{uuid: true}, map[string][]instance{uuid: instancesOf(dev)})
			continue
		}
		d.Devices = append(d.Devices, g)
	}
	return d, nil
}

func bus(dev nvml.Device) string {
	p, ret := dev.GetPciInfo()
	if ret != nvml.SUCCESS {
		return ""
	}
	return fmt.Sprintf("%08x:%02x:%02x.0", p.Domain, p.Bus, p.Device)
}

// fault asks for what makes a card unusable; a card that does not know has nothing against it.
func fault(dev nvml.Device) string {
	n, ret := dev.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
	switch {
	case ret == nvml.ERROR_GPU_IS_LOST:
		return "it is lost"
	case ret == nvml.SUCCESS && n > 0:
		return eccFault(n)
	}
	if pending, ret := dev.GetRetiredPagesPendingStatus(); ret == nvml.SUCCESS && pending == nvml.FEATURE_ENABLED {
		return retireFault
	}
	if _, _, _, failed, ret := dev.GetRemappedRows(); ret == nvml.SUCCESS && failed {
		return remapFault
	}
	return ""
}

func instancesOf(dev nvml.Device) (out []instance) {
	n, ret := dev.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil
	}
	for i := range n {
		part, ret := dev.GetMigDeviceHandleByIndex(i)
		if ret != nvml.SUCCESS {
			continue // not every place is taken
		}
		uuid, ret := part.GetUUID()
		if ret != nvml.SUCCESS {
			continue
		}
		name, ret := part.GetName()
		if ret != nvml.SUCCESS {
			name = ""
		}
		_, name, _ = strings.Cut(name, "MIG ") // "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
		out = append(out, instance{name, uuid})
	}
	return out
}

// reason must not ask the library for its words where it is the library that is missing.
func reason(r nvml.Return) string {
	switch r {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return "libnvidia-ml.so.1 is not on this host"
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return "the kernel driver is not loaded"
	case nvml.ERROR_GPU_IS_LOST:
		return "the GPU is lost"
	}
	return fmt.Sprintf("NVML error %d", int32(r))
}
