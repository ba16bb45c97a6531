package conf

import "testing"

// The files in the project's conf/ folder are what a new cluster starts from.
func TestTheShippedConfigurationIsComplete(t *testing.T) {
	const dir = "../../conf"
	t.Setenv("HEDDLE_RESOURCEMANAGER", "rm1")
	base, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	types, err := ResourceTypes(base)
	if err != nil || types.Len() != 3 {
		t.Errorf("resource types: %v", err)
	}
	if _, high, err := AllocationLimits(base, types); err != nil || high[0] != 65536 {
		t.Errorf("largest container %v, %v", high, err)
	}
	if a, err := base.Addr("yarn.resourcemanager.webapp.address", "0.0.0.0:8088"); err != nil || a != "rm1:8088" {
		t.Errorf("web address %s, %v", a, err)
	}
	queues, err := LoadScheduler(dir, base)
	if err != nil || len(queues.Strings("yarn.scheduler.capacity.root.queues")) != 1 {
		t.Errorf("queues: %v", err)
	}
}
