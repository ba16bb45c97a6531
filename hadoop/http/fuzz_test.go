package hadoophttp

import "testing"

// FuzzObjectName: every name that is read matches itself, and a pattern is tried in reasonable time.
func FuzzObjectName(f *testing.F) {
	f.Add("Hadoop:service=ResourceManager,name=ClusterMetrics")
	f.Add("*:*")
	f.Add("a*b*c*d*e*f*g*h*:k=*?*?*?*?,*")
	f.Fuzz(func(t *testing.T, name string) {
		n, err := parseObjectName(name)
		if err == nil && !n.matches(n) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
