//go:build cgo && linux

package gpu

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
)

func TestTheDriversLibraryCountsDevices(t *testing.T) {
	d, err := fromNVML(dgxa100.New())
	if err != nil || len(d.Devices) != 8 {
		t.Fatalf("%+v, %v", d, err)
	}
	seen := map[string]bool{}
	for i, g := range d.Devices {
		if g.Index != i || g.UUID == "" || g.Name == "" || g.Minor < 0 || seen[g.UUID] {
			t.Errorf("%+v", g)
		}
		seen[g.UUID] = true
	}
}

func TestALostDeviceIsLeftOutAndNamed(t *testing.T) {
	lib := &mock.Interface{
		InitFunc: func() nvml.Return { return nvml.SUCCESS }, ShutdownFunc: func() nvml.Return { return nvml.SUCCESS },
		DeviceGetCountFunc: func() (int, nvml.Return) { return 2, nvml.SUCCESS },
		DeviceGetHandleByIndexFunc: func(i int) (nvml.Device, nvml.Return) {
			if i == 0 {
				return nil, nvml.ERROR_GPU_IS_LOST
			}
			return &mock.Device{
				GetUUIDFunc:        func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
				GetMinorNumberFunc: func() (int, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
				GetNameFunc:        func() (string, nvml.Return) { return "", nvml.ERROR_UNKNOWN },
			}, nvml.SUCCESS
		},
	}
	d, err := fromNVML(lib)
	if err != nil || len(d.Devices) != 1 || d.Devices[0].Minor != -1 || len(d.Notes) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	lib.InitFunc = func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }
	if _, err := fromNVML(lib); err == nil {
		t.Error("a host without the library has no devices")
	}
}
