package executor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFilesWorkIsDoneWithTheAccountsRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("taking another user's rights needs root")
	}
	nobody, err := LookupAccount("nobody")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	secret, open := filepath.Join(dir, "secret"), filepath.Join(dir, "open")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(open, 0o777), os.Symlink(secret, filepath.Join(open, "link"))); err != nil {
		t.Fatal(err)
	}
	err = nobody.Do(func() error {
		if _, err := os.ReadFile(filepath.Join(open, "link")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("reading root's file through a link: %v", err)
		}
		if err := os.WriteFile(filepath.Join(open, "link"), []byte("y"), 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("writing root's file through a link: %v", err)
		}
		return os.WriteFile(filepath.Join(open, "mine"), []byte("x"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(open, "mine"))
	if err != nil {
		t.Fatal(err)
	}
	if st := fi.Sys().(*syscall.Stat_t); st.Uid != nobody.UID || st.Gid != nobody.GID {
		t.Errorf("the file belongs to %d:%d, want %d:%d", st.Uid, st.Gid, nobody.UID, nobody.GID)
	}
	if _, err := os.ReadFile(secret); err != nil {
		t.Errorf("this goroutine lost its own rights: %v", err)
	}
	if err := (*Account)(nil).Do(func() error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func BenchmarkDo(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("taking another user's rights needs root")
	}
	nobody, err := LookupAccount("nobody")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := nobody.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
