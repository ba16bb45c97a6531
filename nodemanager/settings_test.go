package nodemanager

import (
	"strings"
	"testing"
	"time"

	"heddle/hadoop/conf"
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
