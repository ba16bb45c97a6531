package yarn

import "testing"

func TestVersionBelow(t *testing.T) {
	ordered := []string{"2.10.2", "3.0.0-alpha1", "3.0.0", "3.3.6", "3.4.0-SNAPSHOT", "3.4.0", "3.4.2", "3.10"}
	for i, a := range ordered {
		for j, b := range ordered {
			if below, err := VersionBelow(a, b); err != nil || below != (i < j) {
				t.Errorf("%s below %s: %v, %v", a, b, below, err)
			}
		}
	}
	if below, err := VersionBelow("3.4", "3.4.0"); below || err != nil {
		t.Errorf("%v, %v", below, err)
	}
	if below, err := VersionBelow("3.4.2-vendor7", "3.4.2"); below || err != nil {
		t.Errorf("a vendor's build: %v, %v", below, err)
	}
	for _, bad := range []string{"", "dev", "3.x", "3..4", "-1"} {
		if _, err := VersionBelow(bad, "3.0"); err == nil {
			t.Errorf("%q was taken for a version", bad)
		}
		if _, err := VersionBelow("3.0", bad); err == nil {
			t.Errorf("%q was taken for a version", bad)
		}
	}
}
