package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestBoltKeepsWhatWasApplied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "state.db")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply([]Op{{"a/1", []byte("x")}, {"a/2", []byte{}}, {"b/1", []byte("y")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply([]Op{{"a/1", nil}, {"a/3", []byte("z")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBolt(path); err == nil || !strings.Contains(err.Error(), "another process holds it") {
		t.Errorf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenBolt(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	err = s.Load("a/", func(k string, v []byte) error {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return nil
	})
	if err != nil || strings.Join(got, " ") != "a/2= a/3=z" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOnlyTheStoresOwnDirectoryIsClosed(t *testing.T) {
	top := t.TempDir()
	s, err := OpenBolt(filepath.Join(top, "tmp", "yarn", "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing was written
	for dir, want := range map[string]os.FileMode{"tmp": 0o755, "tmp/yarn": 0o700} {
		fi, err := os.Stat(filepath.Join(top, dir))
		if err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", dir, fi.Mode(), err, want)
		}
	}
}

// read is everything that a store holds.
func read(t *testing.T, s *Bolt) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := s.Load("", func(k string, v []byte) error { got[k] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// On a full disk a write is refused whole, what was written before stays, and with room again it goes on.
func TestAFullDiskLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small disk of its own needs the right to mount: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "yarn", "state.db")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	value := bytes.Repeat([]byte("v"), 64<<10)
	full := 0
	for i := range 200 {
		key := fmt.Sprintf("app/%03d", i)
		err := s.Apply([]Op{{key + "/a", value}, {key + "/b", value}})
		if err == nil {
			want[key+"/a"], want[key+"/b"] = string(value), string(value)
			continue
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
			t.Fatalf("on a full disk: %v", err)
		}
		if full++; full == 3 {
			break
		}
	}
	if full != 3 || len(want) == 0 {
		t.Fatalf("%d records fitted, %d were refused", len(want), full)
	}
	if got := read(t, s); !maps.Equal(got, want) {
		t.Errorf("on the full disk it holds %d records, want %d", len(got), len(want))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenBolt(path); err != nil { // a daemon that restarts on the full disk
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // read before
	if got := read(t, s); !maps.Equal(got, want) {
		t.Errorf("after a restart on the full disk it holds %d records, want %d", len(got), len(want))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply([]Op{{"later", value}}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	want["later"] = string(value)
	if got := read(t, s); !maps.Equal(got, want) {
		t.Errorf("with room again it holds %d records, want %d", len(got), len(want))
	}
}

// A crash in the middle of a write leaves the state before it; a file that is damaged otherwise is refused.
func TestTornWrites(t *testing.T) {
	page := os.Getpagesize()
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("v"), 3*page)
	for i := range 20 {
		if err := s.Apply([]Op{{fmt.Sprintf("app/%02d", i), value}}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Apply([]Op{{"app/00", nil}, {"app/20", value}}), s.Close()); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const old, next, damaged = "00 to 19", "01 to 20", "damaged"
	meta := 0 // the page that the last write ended with
	if bytes.Equal(before[:page], after[:page]) {
		meta = page
	}
	for name, c := range map[string]struct {
		want string
		tear func(b []byte) []byte
	}{
		"whole":                            {next, func(b []byte) []byte { return b }},
		"cut off before the last page":     {old, func(b []byte) []byte { copy(b[meta:meta+page], before[meta:meta+page]); return b }},
		"cut off within the last page":     {old, func(b []byte) []byte { copy(b[meta+32:meta+page], before[meta+32:meta+page]); return b }},
		"the last page holds anything":     {old, func(b []byte) []byte { copy(b[meta:meta+page], bytes.Repeat([]byte{0xa5}, page)); return b }},
		"both pages of that kind are gone": {damaged, func(b []byte) []byte { clear(b[:2*page]); return b }},
		"all but the first pages are gone": {damaged, func(b []byte) []byte { return b[:2*page] }},
		"half of the file is gone":         {damaged, func(b []byte) []byte { return b[:len(b)/2/page*page] }},
		"a file of another kind":           {damaged, func([]byte) []byte { return bytes.Repeat([]byte("text "), 4*page) }},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := os.WriteFile(path, c.tear(bytes.Clone(after)), 0o600); err != nil {
				t.Fatal(err)
			}
			var keys []string
			s, err := OpenBolt(path)
			if err == nil {
				err = s.Load("", func(k string, v []byte) error {
					if !bytes.Equal(v, value) {
						t.Errorf("%s holds %d other bytes", k, len(v))
					}
					keys = append(keys, strings.TrimPrefix(k, "app/"))
					return nil
				})
			}
			if c.want == damaged {
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
					t.Errorf("it was read as %v, %v", keys, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := keys[0] + " to " + keys[len(keys)-1]; len(keys) != 20 || got != c.want {
				t.Errorf("%d records, %s; want %s", len(keys), got, c.want)
			}
			if err := errors.Join(s.Apply([]Op{{"new", value}}), s.Close()); err != nil {
				t.Errorf("it does not go on: %v", err)
			}
		})
	}
}
