package localizer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnArchiveMayNotGrowWithoutLimit(t *testing.T) {
	if allowance(10) != bombFloor || allowance(bombFloor) != bombRatio*bombFloor {
		t.Errorf("allowances %d, %d", allowance(10), allowance(bombFloor))
	}
	zeros := strings.Repeat("\x00", 300<<10)
	z, err := zip.NewReader(bytes.NewReader(zipOf(t, [2]string{"a", zeros}, [2]string{"b", zeros})), int64(len(zipOf(t, [2]string{"a", zeros}, [2]string{"b", zeros}))))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for range 400 {
		if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("d/", 3) + "empty", Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, unpack := range map[string]func(u *unpacker) error{
		"few large files": func(u *unpacker) error {
			for _, e := range z.File {
				if err := u.zipEntry(e); err != nil {
					return err
				}
			}
			return nil
		},
		"many empty files": func(u *unpacker) error {
			r := tar.NewReader(bytes.NewReader(packed.Bytes()))
			for {
				h, err := r.Next()
				if err != nil {
					return err
				}
				if err := u.tarEntry(r, h); err != nil {
					return err
				}
			}
		},
	} {
		dir := filepath.Join(t.TempDir(), "to")
		u, err := newUnpacker(t.Context(), dir, 1000)
		if err != nil {
			t.Fatal(err)
		}
		u.left = 350 << 10
		if err := unpack(u); err == nil || !strings.Contains(err.Error(), "taken for a bomb") {
			t.Errorf("%s: %v", name, err)
		}
		if err := u.root.Close(); err != nil {
			t.Error(err)
		}
		var size int64
		for _, f := range []string{"a", "b"} {
			if info, err := os.Stat(filepath.Join(dir, f)); err == nil {
				size += info.Size()
			}
		}
		if size > 351<<10 {
			t.Errorf("%s: %d bytes were written", name, size)
		}
	}
}
