package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/store"
)

type record struct {
	Name string
	N    int
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, time.UnixMilli(77), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func all(t *testing.T, j *Journal, prefix string) map[string]record {
	t.Helper()
	out := map[string]record{}
	if err := Load(j, prefix, func(k string, r record) error { out[k] = r; return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatWasSavedOrNotedIsThereAfterwards(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	j.Note(Put("a/1", record{"noted", 1}), Put("a/2", record{"noted", 2}))
	if err := j.Save(Delete("a/1"), Put("b/1", record{"saved", 3})); err != nil {
		t.Fatal(err)
	}
	j.Note(Put("a/3", record{"last", 4}))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Save(Put("a/4", record{})); !errors.Is(err, errClosed) {
		t.Errorf("a late save: %v", err)
	}
	j = open(t, dir)
	defer j.Close() //nolint:errcheck // only read
	if got := fmt.Sprint(all(t, j, "a/")); got != "map[2:{noted 2} 3:{last 4}]" {
		t.Errorf("below a/: %s", got)
	}
	if got := fmt.Sprint(all(t, j, "b/")); got != "map[1:{saved 3}]" {
		t.Errorf("below b/: %s", got)
	}
	fi, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the file holds keys and credentials, and has mode %v, %v", fi.Mode(), err)
	}
}

func TestANilJournalRemembersNothing(t *testing.T) {
	var j *Journal
	j.Note(Put("a", 1))
	if err := errors.Join(j.Save(Put("a", 1)), j.Close(), Load(j, "", func(string, int) error { return errors.New("visited") })); err != nil {
		t.Error(err)
	}
}

func TestADamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"garbage": func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8) },
		"both meta torn": func(b []byte) []byte {
			return append(bytes.Repeat([]byte{1}, 2*os.Getpagesize()), b[2*os.Getpagesize():]...)
		},
		"cut short": func(b []byte) []byte { return b[:100] },
		"torn pages": func(b []byte) []byte {
			return append(b[:2*os.Getpagesize()], bytes.Repeat([]byte{0xff}, len(b)-2*os.Getpagesize())...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			if err := errors.Join(j.Save(Put("a/1", record{"x", 1})), j.Close()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, FileName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir)
			if got := all(t, j, ""); len(got) != 0 {
				delete(got, versionKey)
				if len(got) > 0 {
					t.Errorf("left: %v", got)
				}
			}
			if err := errors.Join(j.Save(Put("a/2", record{"y", 2})), j.Close()); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(path + ".damaged-77"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestANewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if err := errors.Join(j.Save(Put(versionKey, 2)), j.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, time.Now(), quiet()); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("opened with %v", err)
	}
}

func TestARecordThatCannotBeReadIsForgotten(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if err := j.Save(Put("a/1", "not a record"), Put("a/2", record{"good", 1})); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all(t, j, "a/")); got != "map[2:{good 1}]" {
		t.Errorf("read: %s", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir)
	defer j.Close() //nolint:errcheck // only read
	n := 0
	if err := Load(j, "a/", func(string, any) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
}

// failing is a store on a disk that is full for a while.
type failing struct {
	mu   sync.Mutex
	full bool
	got  map[string]string
}

func (f *failing) Apply(ops []store.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return errors.New("no space left on device")
	}
	for _, o := range ops {
		if o.Value == nil {
			delete(f.got, o.Key)
			continue
		}
		f.got[o.Key] = string(o.Value)
	}
	return nil
}

func (f *failing) Load(string, func(string, []byte) error) error { return nil }
func (f *failing) Close() error                                  { return nil }

func (f *failing) fill(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

func TestAFullDiskRefusesWhatWaitsAndKeepsWhatDoesNot(t *testing.T) {
	f := &failing{got: map[string]string{}}
	j, err := New(f, quiet())
	if err != nil {
		t.Fatal(err)
	}
	f.fill(true)
	j.Note(Put("noted", 1))
	if err := j.Save(Put("saved", 1)); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("save on a full disk: %v", err)
	}
	j.Note(Put("noted", 2))
	f.fill(false)
	if err := j.Save(Put("later", 1)); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	delete(f.got, versionKey)
	if got := fmt.Sprint(f.got); got != "map[later:1 noted:2]" {
		t.Errorf("written: %s", got)
	}
}

func TestADiscardedJournalIsGone(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	if err := errors.Join(j.Save(Put("a/1", record{"x", 1})), j.Close(), Discard(dir), Discard(dir)); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir)
	defer j.Close() //nolint:errcheck // only read
	if got := all(t, j, "a/"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func BenchmarkSave(b *testing.B) {
	j, err := Open(b.TempDir(), time.Now(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // measured before
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := j.Save(Put("a/1", record{"x", 1})); err != nil {
				b.Error(err)
			}
		}
	})
}
