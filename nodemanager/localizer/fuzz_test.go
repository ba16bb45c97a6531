package localizer

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heddle/hadoop/fs"
	"heddle/nodemanager/dirs"
)

// FuzzUnpack unpacks hostile bytes as every kind of archive: it may fail, and writes nothing outside its folder.
func FuzzUnpack(f *testing.F) {
	good := [][2]string{{"a/b", "x"}, {"../up", "x"}, {"/abs", "x"}, {"l", "-> .."}, {"l/through", "x"}}
	f.Add(zipOf(f, good...), ".*")
	f.Add(tgzOf(f, good...), "a/.*")
	f.Add([]byte("PK\x05\x06"+string(make([]byte, 18))), "(")
	f.Add([]byte{0x1f, 0x8b, 8}, "")
	f.Fuzz(func(t *testing.T, content []byte, pattern string) {
		top := t.TempDir()
		for name, typ := range map[string]Type{"x.zip": Archive, "x.jar": Pattern, "x.tar": Archive, "x.tgz": Archive} {
			src := filepath.Join(top, name)
			if err := os.WriteFile(src, content, 0o644); err != nil {
				t.Fatal(err)
			}
			info, err := fs.Local{}.Stat(src)
			if err != nil {
				t.Fatal(err)
			}
			cache := filepath.Join(top, "cache-"+name)
			if err := os.Mkdir(cache, 0o755); err != nil {
				t.Fatal(err)
			}
			fetch := &fetcher{res: Resource{URL: "file://" + src, Type: typ, Pattern: pattern}}
			if err := fetch.store(t.Context(), fs.Local{}, info, cache, name); err == nil {
				err = publish(cache, cache+"-done", true)
				if err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		}
		entries, err := os.ReadDir(top)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 8 {
			t.Errorf("beside four sources and four caches there are %v", entries)
		}
	})
}

// BenchmarkCachedResource is what a container's start costs for a resource that is here already.
func BenchmarkCachedResource(b *testing.B) {
	base := b.TempDir()
	src := filepath.Join(base, "file")
	if err := os.WriteFile(src, []byte("x"), 0o644); err != nil {
		b.Fatal(err)
	}
	fi, err := os.Stat(src)
	if err != nil {
		b.Fatal(err)
	}
	d, err := dirs.Open([]string{base + "/local"}, []string{base + "/logs"}, dirs.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.MakeApp("alice", app, nil); err != nil {
		b.Fatal(err)
	}
	l := New(Config{Dirs: d, Dialer: &fs.Dialer{}, Fetches: 4, TargetBytes: 1 << 30, FilesPerDir: 8192, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	defer l.Close()
	r := Request{Container: container(1), User: "alice", Resources: []Resource{{Name: "f", URL: "file://" + src, Timestamp: fi.ModTime().UnixMilli(), Type: File, Visibility: Private}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Localize(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		l.Release(r.Container)
	}
}
