package node

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"heddle/executor"
)

// The daemon needs no root: the tests of a container's whole life pass as an ordinary user too.
func TestAnOrdinaryUserRunsTheNode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("all tests of this package run as an ordinary user now")
	}
	nobody, err := executor.LookupAccount("nobody")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "heddle-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "node.test")
	copyFile(t, os.Args[0], binary)
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run", "Life|Stop|Signals|Memory|Earlier|Pages|Second|OwnUser")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "USER=nobody", "LOGNAME=nobody")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody.UID, Gid: nobody.GID}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
