package launcher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRulesThatOthersCanWriteAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files of other owners need root")
	}
	file := filepath.Join(t.TempDir(), "container-executor.cfg")
	if err := trusted(file); err != nil {
		t.Errorf("an absent file: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		mode os.FileMode
		uid  int
		ok   bool
	}{{0o400, 0, true}, {0o644, 0, true}, {0o664, 0, false}, {0o646, 0, false}, {0o644, 1, false}} {
		if err := os.Chown(file, tt.uid, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, tt.mode); err != nil {
			t.Fatal(err)
		}
		if err := trusted(file); (err == nil) != tt.ok || err != nil && !strings.Contains(err.Error(), "must be owned by root") {
			t.Errorf("%o of %d: %v", tt.mode, tt.uid, err)
		}
	}
}
