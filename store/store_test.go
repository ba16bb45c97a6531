package store

import (
	"fmt"
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
