package dirs

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A full disk is used again only when it has clearly more room.
func TestFullDisksComeBackBelowTheirWatermarks(t *testing.T) {
	base := t.TempDir()
	local, log := []string{base + "/l1", base + "/l2"}, []string{base + "/logs"}
	full := map[string]int64{} // used percent; MB free are 1000 minus ten times that
	s, err := Open(local, log, Limits{MaxUsedPercent: 90, BackUsedPercent: 80, MinFreeMB: 50, BackFreeMB: 150, MinHealthy: 0.75})
	if err != nil {
		t.Fatal(err)
	}
	s.statfs = func(dir string, st *syscall.Statfs_t) error {
		*st = syscall.Statfs_t{Blocks: 1000, Bavail: uint64(1000 - 10*full[dir]), Bsize: 1 << 20}
		return nil
	}
	const bad = "1/2 local-dirs usable space is below configured utilization percentage/no more usable space [ "
	for _, step := range []struct {
		used    int64
		healthy bool
		report  string
	}{
		{89, true, ""},
		{91, false, bad + local[1] + " : used space above threshold of 90.0% ] ; "},
		{89, false, bad + local[1] + " : used space above threshold of 90.0% ] ; "},
		{80, true, ""},
		{90, true, ""},
	} {
		full[local[1]] = step.used
		s.Check(time.Now())
		if ok, report, _ := s.Health(); ok != step.healthy || report != step.report {
			t.Errorf("at %d%%: %v, %q; want %v, %q", step.used, ok, report, step.healthy, step.report)
		}
	}
	s.limits.MaxUsedPercent = 0 // only the free space counts
	full[local[1]] = 96
	s.Check(time.Now())
	if ok, report, _ := s.Health(); ok || !strings.Contains(report, local[1]+" : free space below limit of 50MB") {
		t.Errorf("%v, %q", ok, report)
	}
	full[local[1]] = 90 // 100 MB are free, and 150 are wanted of one that comes back
	s.Check(time.Now())
	if ok, _, _ := s.Health(); ok {
		t.Error("it came back with 100 MB")
	}
	full[local[1]] = 85
	s.Check(time.Now())
	if ok, _, _ := s.Health(); !ok || len(s.Local()) != 2 {
		t.Error("it did not come back with 150 MB")
	}
	// what is wrong is told of a node that can do without, too
	s.limits.MinHealthy = 0.25
	full[local[1]] = 99
	s.Check(time.Now())
	if ok, report, _ := s.Health(); !ok || report == "" || len(s.Local()) != 1 {
		t.Errorf("%v, %q, %v", ok, report, s.Local())
	}
}

// Containers of other accounts get through to their folders, however closely the daemon's umask keeps what it makes.
func TestFoldersAreOpenWhateverTheUmask(t *testing.T) {
	base := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o077))
	if _, err := Open([]string{base + "/a/b/local"}, []string{base + "/c/d/logs"}, Limits{MaxUsedPercent: 100, MinHealthy: 0.25}); err != nil {
		t.Fatal(err)
	}
	if err := MakeParents(base + "/a/b/local/filecache/0/10"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"/a", "/a/b", "/a/b/local", "/a/b/local/filecache/0", "/c", "/c/d", "/c/d/logs"} {
		if fi, err := os.Stat(base + d); err != nil || fi.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", d, fi.Mode(), err)
		}
	}
}
