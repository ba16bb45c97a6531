package fs

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"testing"
)

type settings map[string]string

func (s settings) Get(k string) (string, bool) { v, ok := s[k]; return v, ok }

func TestURIsAreQualifiedByTheDefaultFileSystem(t *testing.T) {
	d := &Dialer{Conf: settings{"fs.defaultFS": "hdfs://nn:9000"}}
	for in, want := range map[string]string{
		"/a/b":                   "hdfs://nn:9000/a/b",
		"hdfs:///a":              "hdfs://nn:9000/a",
		"hdfs://other/a/../b":    "hdfs://other/b",
		"file:///x y#z?q%20":     "file:///x y#z?q%20",
		"file:/tmp/\u6587\u4ef6": "file:///tmp/\u6587\u4ef6",
	} {
		if got, err := d.Qualify(in); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	if _, err := d.Qualify("relative/path"); err == nil {
		t.Error("a relative path has no place")
	}
	if _, _, err := d.Open("s3a://bucket/x", "alice"); err == nil {
		t.Error("an unknown scheme must be refused")
	}
	if got, err := (&Dialer{}).Qualify("/tmp"); err != nil || got != "file:///tmp" {
		t.Errorf("without configuration /tmp is %s, %v", got, err)
	}
}

func TestNameServicesResolveToTheirNameNodes(t *testing.T) {
	d := &Dialer{Conf: settings{
		"dfs.ha.namenodes.ns":           "a, b",
		"dfs.namenode.rpc-address.ns.a": "h1:1", "dfs.namenode.rpc-address.ns.b": "h2:2",
		"dfs.ha.namenodes.broken": "x",
	}}
	if got, err := d.nameNodes("ns"); err != nil || len(got) != 2 || got[1] != "h2:2" {
		t.Errorf("%v, %v", got, err)
	}
	if got, _ := d.nameNodes("plain"); len(got) != 1 || got[0] != "plain:8020" {
		t.Errorf("%v", got)
	}
	if _, err := d.nameNodes("broken"); err == nil {
		t.Error("a name service without an address must say so")
	}
}

func TestLocalFilesKeepExactModes(t *testing.T) {
	var l Local
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := l.MkdirAll(dir, 0o1777); err != nil {
		t.Fatal(err)
	}
	if i, err := l.Stat(dir); err != nil || i.Mode != 0o1777 || !i.Dir {
		t.Errorf("%+v, %v", i, err)
	}
	p := filepath.Join(dir, "f")
	w, err := l.Create(p, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	i, err := l.Stat(p)
	if err != nil || i.Size != 5 || i.Mode != 0o640 || i.Name() != "f" || i.Owner == "" {
		t.Errorf("%+v, %v", i, err)
	}
	if err := l.Rename(p, p); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("rename onto an existing path: %v", err)
	}
	if err := os.Symlink("gone", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if list, err := l.List(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := l.Remove(p); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(p); err != nil {
		t.Errorf("removing an absent file: %v", err)
	}
	if _, err := l.Stat(p); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
