package nodemanager

import (
	"strings"
	"testing"

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
