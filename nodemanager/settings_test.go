package nodemanager

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"heddle/hadoop/conf"
	"heddle/nodemanager/monitor"
	"heddle/yarn"
)

// A folder that would lie wherever the daemon was started is refused, such as one after a variable that means nothing.
func TestFoldersAreAbsolute(t *testing.T) {
	for _, key := range []string{"yarn.nodemanager.local-dirs", "yarn.nodemanager.log-dirs"} {
		c := conf.WithDefaults()
		c.Set(key, "/a, ${no.such.variable}/b")
		if err := Check(c); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "absolute paths") {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := Check(conf.WithDefaults()); err != nil && strings.Contains(err.Error(), "absolute") {
		t.Errorf("the defaults: %v", err)
	}
}

// What a node offers of the hardware's cores, as Hadoop's NodeManagerHardwareUtils: rounded, at least one.
func TestCoresOfTheHardware(t *testing.T) {
	const resource = "yarn.nodemanager.resource."
	for _, tt := range []struct {
		keys map[string]string
		want func(cores, processors float64) float64
	}{
		{nil, func(c, _ float64) float64 { return c }},
		{map[string]string{"count-logical-processors-as-cores": "true"}, func(_, p float64) float64 { return p }},
		{map[string]string{"pcores-vcores-multiplier": "2.3"}, func(c, _ float64) float64 { return math.Round(c * 2.3) }},
		{map[string]string{"count-logical-processors-as-cores": "true", "percentage-physical-cpu-limit": "75"}, func(_, p float64) float64 { return math.Round(p * 0.75) }},
		{map[string]string{"percentage-physical-cpu-limit": "1", "pcores-vcores-multiplier": "0.1"}, func(c, p float64) float64 { return 1 }},
		{map[string]string{"cpu-vcores": "5"}, func(c, p float64) float64 { return 5 }},
		{map[string]string{"detect-hardware-capabilities": "false", "count-logical-processors-as-cores": "true"}, func(c, p float64) float64 { return defaultVCores }},
	} {
		c := conf.WithDefaults()
		c.Set(resource+"detect-hardware-capabilities", "true")
		for k, v := range tt.keys {
			c.Set(resource+k, v)
		}
		s, err := read(c)
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(tt.want(float64(monitor.Cores()), float64(runtime.NumCPU()))); s.total[yarn.VCores] != want {
			t.Errorf("%v: %d vcores, want %d", tt.keys, s.total[yarn.VCores], want)
		}
	}
	c := conf.WithDefaults()
	c.Set(resource+"detect-hardware-capabilities", "true")
	c.Set(resource+"pcores-vcores-multiplier", "0")
	if err := Check(c); err == nil || !strings.Contains(err.Error(), "pcores-vcores-multiplier") {
		t.Errorf("a multiplier of 0: %v", err)
	}
}

// Containers' nice value may go either way, and is a whole number.
func TestTheNiceValueOfContainers(t *testing.T) {
	const key = "yarn.nodemanager.container-executor.os.sched.priority.adjustment"
	for value, want := range map[string]int{"": 0, "5": 5, "-5": -5} {
		c := conf.WithDefaults()
		c.Set(key, value)
		if s, err := read(c); err != nil || s.nice != want {
			t.Errorf("%q: %+v, %v", value, s, err)
		}
	}
	for _, value := range []string{"low", "1.5", "5 ms"} {
		c := conf.WithDefaults()
		c.Set(key, value)
		if err := Check(c); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// A ResourceManager that comes back has its nodes within a second or two, whatever pause Hadoop's default is.
func TestNodesKnockOnceASecond(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "30000": time.Second, "50": 50 * time.Millisecond, "0": 10 * time.Millisecond} {
		c := conf.WithDefaults()
		if value != "" {
			c.Set("yarn.resourcemanager.connect.retry-interval.ms", value)
		}
		s, err := read(c)
		if err != nil || s.retryInterval != want {
			t.Errorf("%q: %v, %v", value, s.retryInterval, err)
		}
	}
}
