package conf

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	want := map[string]string{"a.b": "x & <y>", "quoted": `"'`, "lines": "one\n\ttwo", "empty": "", "name": "Größe 图"}
	path := filepath.Join(t.TempDir(), "yarn-site.xml")
	if err := os.WriteFile(path, XML(want), 0o600); err != nil {
		t.Fatal(err)
	}
	c := New()
	if err := c.AddFile(path); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, key := range c.Keys() {
		got[key], _ = c.Untrimmed(key)
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
