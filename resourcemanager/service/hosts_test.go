package service

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostLists(t *testing.T) {
	for name, text := range map[string]string{"exclude": "N1 n2 # both\nn3\n", "exclude.xml": `<?xml version="1.0"?>
<hosts><host><name>N1</name></host><host><name>n2, n3</name><timeout>120</timeout></host><host><name>n4</name><timeout>-7</timeout></host></hosts>`} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		h, err := NewHostLists("", path)
		if err != nil {
			t.Fatal(err)
		}
		for host, admitted := range map[string]bool{"n1": false, "N2": false, "n3": false, "n5": true} {
			if h.Admits(host) != admitted {
				t.Errorf("%s: %s is admitted: %v", name, host, !admitted)
			}
		}
		seconds, ok := h.Timeout("N3")
		if xml := name == "exclude.xml"; ok != xml || xml && seconds != 120 {
			t.Errorf("%s: %d, %v", name, seconds, ok)
		}
		if name != "exclude.xml" {
			continue
		}
		if _, ok := h.Timeout("n1"); ok {
			t.Error("n1 has a time-out")
		}
		if seconds, ok := h.Timeout("n4"); !ok || seconds != -1 {
			t.Errorf("n4: %d, %v", seconds, ok)
		}
		if err := os.WriteFile(path, []byte("<hosts><host><name>n9</name><timeout>soon</timeout></host></hosts>"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := h.Refresh(); err == nil || h.Admits("n1") || !h.Admits("n9") {
			t.Errorf("a list that cannot be read was taken over: %v", err)
		}
	}
}
