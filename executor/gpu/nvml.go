//go:build cgo && linux

package gpu

import (
	"fmt"

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
		d.Devices = append(d.Devices, Device{Index: i, Minor: minor, UUID: uuid, Name: name})
	}
	return d, nil
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
