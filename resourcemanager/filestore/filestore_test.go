package filestore

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heddle/hadoop/fs"
	"heddle/store"
)

func open(t *testing.T, f fs.FileSystem, dir string) *Store {
	t.Helper()
	s, err := Open(f, dir, Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func load(t *testing.T, s *Store, prefix string) map[string]string {
	t.Helper()
	got := map[string]string{}
	last := ""
	err := s.Load(prefix, func(k string, v []byte) error {
		if k <= last {
			t.Errorf("%s comes after %s", k, last)
		}
		last = k
		got[k] = string(v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func put(k, v string) store.Op { return store.Op{Key: k, Value: []byte(v)} }

var everything = map[string]string{
	"EpochNode": "e", "AMRMTokenSecretManagerRoot": "keys",
	"RMAppRoot/application_7_0001": "one", "RMAppRoot/application_7_0001/appattempt_7_0001_000001": "first", "RMAppRoot/application_7_0001/appattempt_7_0001_000002": "second",
	"RMAppRoot/application_7_0002":              "two",
	"RMDTSecretManagerRoot/DelegationKey_3":     "key",
	"RMDTSecretManagerRoot/RMDelegationToken_9": "token", "RMDTSecretManagerRoot/RMDTSequenceNumber": "9",
}

func fill(t *testing.T, s *Store) {
	t.Helper()
	var ops []store.Op
	for k, v := range everything {
		ops = append(ops, put(k, v))
	}
	if err := s.Apply(ops); err != nil {
		t.Fatal(err)
	}
}

// The files stand where Java looks for them, and come back under their keys.
func TestLayoutIsHadoops(t *testing.T) {
	dir := t.TempDir()
	s := open(t, fs.Local{}, dir)
	if err := s.Apply([]store.Op{put("RMAppRoot/application_7_0001", "older"), put("RMDTSecretManagerRoot/RMDTSequenceNumber", "8")}); err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	var files []string
	root := filepath.Join(dir, "FSRMStateRoot")
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(p, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"AMRMTokenSecretManagerRoot/AMRMTokenSecretManagerNode", "EpochNode",
		"RMAppRoot/application_7_0001/appattempt_7_0001_000001", "RMAppRoot/application_7_0001/appattempt_7_0001_000002", "RMAppRoot/application_7_0001/application_7_0001",
		"RMAppRoot/application_7_0002/application_7_0002",
		"RMDTSecretManagerRoot/DelegationKey_3", "RMDTSecretManagerRoot/RMDTSequenceNumber_9", "RMDTSecretManagerRoot/RMDelegationToken_9", "RMVersionNode"}
	if !reflect.DeepEqual(files, want) {
		t.Errorf("got  %q\nwant %q", files, want)
	}
	if b, err := os.ReadFile(filepath.Join(root, "RMVersionNode")); err != nil || string(b) != "\x08\x01\x10\x03" {
		t.Errorf("version % x, %v", b, err)
	}
	again := open(t, fs.Local{}, dir)
	if got := load(t, again, ""); !reflect.DeepEqual(got, everything) {
		t.Errorf("got  %v\nwant %v", got, everything)
	}
	if got := load(t, again, "RMAppRoot/"); len(got) != 4 {
		t.Errorf("applications: %v", got)
	}
	if got := load(t, again, "EpochNode"); len(got) != 1 {
		t.Errorf("epoch: %v", got)
	}
}

func TestRemoval(t *testing.T) {
	dir := t.TempDir()
	s := open(t, fs.Local{}, dir)
	fill(t, s)
	err := s.Apply([]store.Op{{Key: "RMAppRoot/application_7_0001"}, {Key: "RMAppRoot/application_7_0001/appattempt_7_0001_000001"}, {Key: "RMDTSecretManagerRoot/DelegationKey_3"},
		{Key: "RMDTSecretManagerRoot/RMDelegationToken_9"}, {Key: "RMDTSecretManagerRoot/RMDelegationToken_1000"},
		put("RMAppRoot/application_7_0002/appattempt_7_0002_000001", "x"), {Key: "RMAppRoot/application_7_0002/appattempt_7_0002_000001"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"EpochNode": "e", "AMRMTokenSecretManagerRoot": "keys", "RMAppRoot/application_7_0002": "two", "RMDTSecretManagerRoot/RMDTSequenceNumber": "9"}
	if got := load(t, s, ""); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "FSRMStateRoot/RMAppRoot/application_7_0001")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the application's folder is there: %v", err)
	}
}

// What a crash leaves at any point is finished or forgotten, as Java does.
func TestCrashLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, fs.Local{}, dir)
	fill(t, s)
	apps := filepath.Join(dir, "FSRMStateRoot/RMAppRoot")
	write := func(name, value string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(apps+"/application_7_0001/application_7_0001.tmp", "on")
	write(apps+"/application_7_0001/.application_7_0001.crc", "checksum")
	write(apps+"/application_7_0002/application_7_0002.new", "two, updated")
	write(apps+"/application_7_0002/.application_7_0002.crc", "checksum")
	write(apps+"/application_7_0003/application_7_0003.tmp", "thr")
	write(apps+"/application_7_0004/appattempt_7_0004_000001", "no application")
	write(filepath.Join(dir, "FSRMStateRoot/EpochNode.new"), "next")
	write(filepath.Join(dir, "FSRMStateRoot/RMDTSecretManagerRoot/DelegationKey_4.tmp"), "ke")
	write(filepath.Join(dir, "FSRMStateRoot/RMDTSecretManagerRoot/RMDTSequenceNumber_8"), "")
	want := map[string]string{}
	for k, v := range everything {
		want[k] = v
	}
	want["RMAppRoot/application_7_0002"], want["EpochNode"] = "two, updated", "next"
	for range 2 { // the second time there is nothing to do
		if got := load(t, open(t, fs.Local{}, dir), ""); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
	if _, err := os.Stat(apps + "/application_7_0002/.application_7_0002.crc"); !errors.Is(err, os.ErrNotExist) {
		t.Error("Java's checksum of the older record is still there: Java could not read the new one")
	}
	if err := s.Apply([]store.Op{put("RMAppRoot/application_7_0001", "changed")}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(apps + "/application_7_0001/.application_7_0001.crc"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a write left the checksum of what it replaced")
	}
}

func TestForeignVersionIsRefused(t *testing.T) {
	for value, want := range map[string]string{"\x08\x02\x10\x00": "2.0", "\xff": "RMVersionNode"} {
		dir := t.TempDir()
		open(t, fs.Local{}, dir)
		if err := os.WriteFile(filepath.Join(dir, "FSRMStateRoot/RMVersionNode"), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(fs.Local{}, dir, Options{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestKeysWithoutAPlaceAreRefused(t *testing.T) {
	s := open(t, fs.Local{}, t.TempDir())
	for _, k := range []string{"", "x", "RMAppRoot", "RMAppRoot/", "RMAppRoot/a/b/c", "RMDTSecretManagerRoot/a/b", "RMDTSecretManagerRoot/", "EpochNode/x"} {
		if err := s.Apply([]store.Op{put(k, "v")}); err == nil {
			t.Errorf("%q was written", k)
		}
	}
	if err := s.Apply([]store.Op{put("RMDTSecretManagerRoot/RMDTSequenceNumber", "many")}); err == nil {
		t.Error("a sequence number that is none was written")
	}
}

// faulty is a file system whose disk is full while the counter is above zero, and which tears what it writes.
type faulty struct {
	fs.Local
	full atomic.Int32
}

type torn struct{ io.WriteCloser }

func (t torn) Write(b []byte) (int, error) {
	n, err := t.WriteCloser.Write(b[:len(b)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

func (f *faulty) Create(path string, mode uint32) (io.WriteCloser, error) {
	w, err := f.Local.Create(path, mode)
	if err == nil && f.full.Add(-1) >= 0 {
		return torn{w}, nil
	}
	return w, err
}

// A full disk is an error to the writer; the record that was there stays, whole.
func TestFullDisk(t *testing.T) {
	f := &faulty{}
	dir := t.TempDir()
	s := open(t, f, dir)
	fill(t, s)
	f.full.Store(1000)
	if err := s.Apply([]store.Op{put("RMAppRoot/application_7_0001", "a longer record"), put("RMAppRoot/application_7_0005", "a new one")}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	f.full.Store(0)
	if got := load(t, open(t, f, dir), ""); !reflect.DeepEqual(got, everything) {
		t.Errorf("got  %v\nwant %v", got, everything)
	}
	if err := s.Apply([]store.Op{put("RMAppRoot/application_7_0001", "a longer record")}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestRetries(t *testing.T) {
	f := &faulty{}
	dir := t.TempDir()
	open(t, f, dir)
	var slept []time.Duration
	s, err := Open(f, dir, Options{Retries: 3, Interval: time.Minute, Sleep: func(d time.Duration) { slept = append(slept, d) }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f.full.Store(2)
	if err := s.Apply([]store.Op{put("EpochNode", "later")}); err != nil || len(slept) != 2 || slept[0] != time.Minute {
		t.Errorf("%v after %v", err, slept)
	}
	f.full.Store(4)
	if err := s.Apply([]store.Op{put("EpochNode", "later")}); !errors.Is(err, syscall.ENOSPC) || len(slept) != 5 {
		t.Errorf("%v after %v", err, slept)
	}
}

func BenchmarkApply(b *testing.B) {
	s, err := Open(fs.Local{}, b.TempDir(), Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	value := strings.Repeat("x", 2000)
	var ops []store.Op
	for i := range 64 {
		ops = append(ops, put(fmt.Sprintf("RMAppRoot/application_7_%04d", i), value))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Apply(ops); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(ops)), "µs/record")
}
