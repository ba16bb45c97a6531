package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
