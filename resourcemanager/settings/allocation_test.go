package settings

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// A queue's largest container comes from its own keys, else from the queue above it, else from the cluster.
// What the amounts mean is what Hadoop 3.4.2 makes of them.
func TestLargestContainers(t *testing.T) {
	base := map[string]string{"yarn.scheduler.maximum-allocation-mb": "8192", "yarn.scheduler.maximum-allocation-vcores": "4", "yarn.resource-types": "acme.com/x",
		prefix + "root.a.queues": "x,y", prefix + "root.a.x.capacity": "50", prefix + "root.a.y.capacity": "50"}
	const most = "9223372036854775807"
	for text, want := range map[string][3]string{ // a.x, a.y, b
		"": {"8192 4 " + most, "8192 4 " + most, "8192 4 " + most},
		"root.a.maximum-allocation-mb=4096 root.a.x.maximum-allocation-vcores=2":           {"4096 2 " + most, "4096 4 " + most, "8192 4 " + most},
		"root.a.maximum-allocation-mb=2048 root.a.x.maximum-allocation-mb=4096":            {"4096 4 " + most, "2048 4 " + most, "8192 4 " + most},
		"root.maximum-allocation-vcores=1":                                                 {"8192 1 " + most, "8192 1 " + most, "8192 1 " + most},
		"root.b.maximum-allocation=memory-mb=2g,vcores=2":                                  {"8192 4 " + most, "8192 4 " + most, "2048 2 0"},
		"root.b.maximum-allocation=memory=2G,acme.com/x=3":                                 {"8192 4 " + most, "8192 4 " + most, "2048 0 3"},
		"root.b.maximum-allocation=memory=1048576,vcores=1":                                {"8192 4 " + most, "8192 4 " + most, "1 1 0"},
		"root.b.maximum-allocation=memory-mb=2048m,vcores=1":                               {"8192 4 " + most, "8192 4 " + most, "2048 1 0"},
		"root.a.maximum-allocation=memory-mb=2048,vcores=1":                                {"2048 1 0", "2048 1 0", "8192 4 " + most},
		"root.b.maximum-allocation=memory-mb=2048,vcores=1 root.b.maximum-allocation-mb=9": {"8192 4 " + most, "8192 4 " + most, "2048 1 0"},
	} {
		s, err := load(t, with(base, text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		a, b := &s.Scheduler.Root.Children[0], &s.Scheduler.Root.Children[1]
		for i, q := range []*scheduler.QueueConfig{&a.Children[0], &a.Children[1], b} {
			r := s.Scheduler.Largest(q)
			if got := fmt.Sprint(r[yarn.Memory], r[yarn.VCores], r[s.Types.Index("acme.com/x")]); got != want[i] {
				t.Errorf("%s: queue %d has %s, want %s", text, i, got, want[i])
			}
		}
	}
	for text, want := range map[string]string{
		"root.a.maximum-allocation-mb=9000":                "Queue maximum allocation cannot be larger than the cluster setting for queue root.a max allocation per queue: <memory:9000, vCores:4",
		"root.b.maximum-allocation=memory-mb=99g,vcores=2": "for queue root.b max allocation per queue: <memory:101376, vCores:2",
		"root.a.maximum-allocation-mb=-7":                  "no negative number",
		"root.a.maximum-allocation-vcores=abc":             "a whole number",
		"root.a.maximum-allocation=[memory=2048]":          "is not a valid resource type/amount pair",
		"root.a.maximum-allocation=memory-mb=2048Mi":       "units are M and G",
		"root.a.maximum-allocation=vcores=2g":              "vcores has no unit",
		"root.a.maximum-allocation=gpu=1":                  "unknown resource: yarn.io/gpu",
		"root.a.default-application-priority=high":         "a whole number",
	} {
		if _, err := load(t, with(base, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}

// with adds queue keys, written queue.key=value, to a configuration.
func with(base map[string]string, text string) map[string]string {
	out := map[string]string{}
	for k, v := range base {
		out[k] = v
	}
	for _, one := range strings.Fields(text) {
		k, v, _ := strings.Cut(one, "=")
		out[prefix+k] = v
	}
	return out
}

// Each queue's limit on applications that run at a time is its own or the one for all; nothing comes from the queue above.
func TestParallelApplications(t *testing.T) {
	s, err := load(t, map[string]string{prefix + "max-parallel-apps": "50", prefix + "root.a.max-parallel-apps": "5", prefix + "root.a.queues": "x", prefix + "root.a.x.capacity": "100",
		prefix + "user.max-parallel-apps": "7", prefix + "user.alice.max-parallel-apps": "1", prefix + "user.j.doe.max-parallel-apps": "0", prefix + "user.alice.weight": "1.5"})
	if err != nil {
		t.Fatal(err)
	}
	root := &s.Scheduler.Root
	a := &root.Children[0]
	if got := fmt.Sprint(root.ParallelApps(), a.ParallelApps(), a.Children[0].ParallelApps(), root.Children[1].ParallelApps()); got != "50 5 50 50" {
		t.Errorf("queues: %s", got)
	}
	if got := fmt.Sprint(s.Scheduler.UserParallelApps); got != "map[:7 alice:1 j.doe:0]" {
		t.Errorf("users: %s", got)
	}
	s, err = load(t, nil)
	if err != nil || s.Scheduler.Root.ParallelApps() != math.MaxInt32 || len(s.Scheduler.UserParallelApps) != 0 {
		t.Errorf("by default: %+v, %v", s, err)
	}
	for _, key := range []string{"max-parallel-apps", "root.b.max-parallel-apps", "user.bob.max-parallel-apps"} {
		if _, err := load(t, map[string]string{prefix + key: "many"}); err == nil || !strings.Contains(err.Error(), prefix+key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
