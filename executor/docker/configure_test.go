package docker

import (
	"testing"

	"heddle/executor"
)

func TestATasksDevicesAreTheContainers(t *testing.T) {
	_, host, err := configure(&executor.Task{ID: "c", Limits: executor.Limits{MemoryMB: 64, VCores: 1, HardCPU: true, MilliCores: 1500, PIDs: 9},
		Docker: &executor.Docker{Image: "i", Devices: []string{"/dev/f0"}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := host.Devices; len(d) != 1 || d[0].PathOnHost != "/dev/f0" || d[0].PathInContainer != "/dev/f0" || d[0].CgroupPermissions != "rwm" {
		t.Errorf("devices: %+v", d)
	}
	if host.NanoCPUs != 15e8 || host.PidsLimit == nil || *host.PidsLimit != 9 || host.Memory != 64<<20 {
		t.Errorf("limits: %d, %v, %d", host.NanoCPUs, host.PidsLimit, host.Memory)
	}
}
