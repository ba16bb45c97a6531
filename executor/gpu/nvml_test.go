//go:build cgo && linux

package gpu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
)

// server is the library's own mock of a server with eight cards, with answers about their health.
func server() *dgxa100.Server {
	s := dgxa100.New()
	for _, x := range s.Devices {
		well(&x.(*dgxa100.Device).Device)
	}
	return s
}

func well(d *mock.Device) {
	d.GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) { return 0, nvml.SUCCESS }
	d.GetRetiredPagesPendingStatusFunc = func() (nvml.EnableState, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.SUCCESS }
}

func TestTheDriversLibraryKnowsFaultsAndInstances(t *testing.T) {
	s := server()
	device := func(i int) *mock.Device { return &s.Devices[i].(*dgxa100.Device).Device }
	device(1).GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) { return 2, nvml.SUCCESS }
	device(2).GetRetiredPagesPendingStatusFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_ENABLED, nvml.SUCCESS }
	device(3).GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 1, 9, true, true, nvml.SUCCESS }
	device(4).GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) {
		return 0, nvml.ERROR_GPU_IS_LOST
	}
	device(5).GetMigModeFunc = func() (int, int, nvml.Return) { return nvml.DEVICE_MIG_ENABLE, nvml.DEVICE_MIG_ENABLE, nvml.SUCCESS }
	device(5).GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 7, nvml.SUCCESS }
	device(5).GetMigDeviceHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i > 1 {
			return nil, nvml.ERROR_NOT_FOUND
		}
		return &mock.Device{
			GetUUIDFunc: func() (string, nvml.Return) { return fmt.Sprintf("MIG-%d", i), nvml.SUCCESS },
			GetNameFunc: func() (string, nvml.Return) { return "NVIDIA A100-SXM4-40GB MIG 3g.20gb", nvml.SUCCESS },
		}, nvml.SUCCESS
	}
	d, err := fromNVML(s)
	if err != nil || len(d.Devices) != 9 {
		t.Fatalf("%+v, %v", d, err)
	}
	for i, want := range []string{"", eccFault(2), retireFault, remapFault, "it is lost", "", "", "", ""} {
		if d.Devices[i].Fault != want {
			t.Errorf("device %d: %q, want %q", i, d.Devices[i].Fault, want)
		}
	}
	if a, b := d.Devices[5], d.Devices[6]; a.UUID != "MIG-0" || b.UUID != "MIG-1" || a.Index != 5 || !strings.HasSuffix(a.Name, " MIG 3g.20gb") {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestTheDriversLibraryCountsDevices(t *testing.T) {
	d, err := fromNVML(server())
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
			d := &mock.Device{
				GetMigModeFunc:     func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED },
				GetPciInfoFunc:     func() (nvml.PciInfo, nvml.Return) { return nvml.PciInfo{}, nvml.ERROR_UNKNOWN },
				GetUUIDFunc:        func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
				GetMinorNumberFunc: func() (int, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
				GetNameFunc:        func() (string, nvml.Return) { return "", nvml.ERROR_UNKNOWN },
			}
			well(d)
			return d, nvml.SUCCESS
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
