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
