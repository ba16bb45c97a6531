package shell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/hadoop/fs"
)

func TestCommandsOnLocalFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	var out strings.Builder
	s := &Shell{Dialer: &fs.Dialer{}, User: "alice", Out: &out}
	defer s.Close()
	run := func(line string) string {
		t.Helper()
		out.Reset()
		if err := s.Run(strings.Fields(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return out.String()
	}
	fails := func(line, want string) {
		t.Helper()
		if err := s.Run(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", line, err, want)
		}
	}
	if err := os.WriteFile("script", []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("mkdir -p store/deep")
	run("put script store/deep/tool")
	if fi, err := os.Stat("store/deep/tool"); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("the copy: %v, %v", fi, err)
	}
	if got := run("cat file://" + dir + "/store/deep/tool"); got != "#!/bin/sh\n" {
		t.Errorf("cat printed %q", got)
	}
	if got := run("-ls -R store"); strings.Count(got, "\n") != 2 || !strings.Contains(got, "drwxr-xr-x") || !strings.Contains(got, "deep/tool") {
		t.Errorf("ls printed\n%s", got)
	}
	run("get store copy")
	if b, err := os.ReadFile("copy/deep/tool"); err != nil || string(b) != "#!/bin/sh\n" {
		t.Errorf("a folder's copy: %q, %v", b, err)
	}
	run("put -f script store/deep/tool")
	fails("put script store/deep/tool", "exists; give -f")
	fails("put script script nowhere", "is no folder")
	fails("rm store", "give -r")
	fails("rm -r /", "never removed")
	fails("rm absent", "no such file")
	fails("cat absent", "no such file")
	run("rm -f absent")
	run("rm -r store")
	if _, err := os.Stat("store"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("store is still there: %v", err)
	}
	for _, line := range []string{"", "chown a b", "ls -x", "get one"} {
		if err := s.Run(strings.Fields(line)); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, want the usage", line, err)
		}
	}
}

func TestFetchIsBounded(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, f := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(src, f), make([]byte, 100), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &Shell{Dialer: &fs.Dialer{}}
	defer s.Close()
	if err := s.Fetch(t.Context(), "file://"+src, dst, 199); !errors.Is(err, ErrTooLarge) {
		t.Errorf("200 bytes with a limit of 199: %v", err)
	}
	if err := s.Fetch(t.Context(), "file://"+src, dst, 200); err != nil {
		t.Errorf("200 bytes with a limit of 200: %v", err)
	}
	if err := s.Fetch(t.Context(), "file://"+src+"/a", t.TempDir(), 200); err != nil {
		t.Errorf("one file: %v", err)
	}
}
