package localizer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/hadoop/fs"
	"heddle/nodemanager/dirs"
	"heddle/yarn"
)

var app = yarn.ApplicationID{ClusterTimestamp: 9, ID: 1}

func container(n int64) yarn.ContainerID {
	return yarn.ContainerID{Attempt: yarn.AttemptID{Application: app, Attempt: 1}, ID: n}
}

// counting counts how often sources are opened for reading.
type counting struct {
	fs.Dialer
	opened atomic.Int64
}

type countingFS struct {
	fs.FileSystem
	c *counting
}

func (c *counting) Open(uri, user string) (fs.FileSystem, string, error) {
	f, p, err := c.Dialer.Open(uri, user)
	return countingFS{f, c}, p, err
}

func (f countingFS) Open(p string) (fs.File, error) {
	f.c.opened.Add(1)
	return f.FileSystem.Open(p)
}

type bench struct {
	*Localizer
	src, local string
	dial       *counting
	now        time.Time
}

func newBench(t *testing.T, target int64) *bench {
	base := t.TempDir()
	for p := base; p != "/"; p = filepath.Dir(p) { // t.TempDir may be closed to others
		if p != "/tmp" {
			_ = os.Chmod(p, 0o755) // what is not ours stays as it is; the tests then say so
		}
	}
	b := &bench{src: filepath.Join(base, "src"), local: filepath.Join(base, "local"), dial: &counting{}, now: time.UnixMilli(1_700_000_000_000)}
	if err := os.Mkdir(b.src, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := dirs.Open([]string{b.local}, []string{filepath.Join(base, "logs")}, dirs.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.MakeApp("alice", app, nil); err != nil {
		t.Fatal(err)
	}
	b.Localizer = New(Config{Dirs: d, Dialer: b.dial, SystemUser: "yarn", Fetches: 4, TargetBytes: target, FilesPerDir: 8192,
		Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(b.Close)
	return b
}

func (b *bench) put(t *testing.T, name string, content []byte) Resource {
	t.Helper()
	p := filepath.Join(b.src, name)
	if err := os.WriteFile(p, content, 0o644); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	return Resource{Name: name, URL: "file://" + p, Timestamp: fi.ModTime().UnixMilli(), Type: File, Visibility: Public}
}

func (b *bench) get(t *testing.T, n int64, r ...Resource) (Result, error) {
	t.Helper()
	return b.Localize(t.Context(), Request{Container: container(n), User: "alice", Resources: r})
}

func (b *bench) one(t *testing.T, r Resource) string {
	t.Helper()
	res, err := b.get(t, 1, r)
	if err != nil {
		t.Fatal(err)
	}
	return res.Paths[r.Name]
}

func mode(t *testing.T, p string) os.FileMode {
	t.Helper()
	fi, err := os.Lstat(p)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Mode()
}

func TestAPublicResourceIsFetchedOnce(t *testing.T) {
	b := newBench(t, 1<<30)
	r := b.put(t, "data 文.bin", []byte("content"))
	var wg sync.WaitGroup
	for n := range int64(20) {
		wg.Go(func() {
			res, err := b.get(t, n, r)
			if err != nil || res.Paths[r.Name] != filepath.Join(b.local, "filecache/10/data 文.bin") {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
	wg.Wait()
	if n := b.dial.opened.Load(); n != 1 {
		t.Errorf("the source was read %d times", n)
	}
	res, err := b.get(t, 99, r)
	if err != nil || res.FilesFetched != 0 || res.FilesCached != 1 || res.BytesCached != 7 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestVisibilityDecidesPlaceAndModes(t *testing.T) {
	b := newBench(t, 1<<30)
	r := b.put(t, "x", []byte("1"))
	for v, want := range map[Visibility]struct {
		path string
		mode os.FileMode
	}{
		Public:      {"filecache/10/x", 0o555},
		Private:     {"usercache/alice/filecache/10/x", 0o500},
		Application: {"usercache/alice/appcache/application_9_0001/filecache/10/x", 0o500},
	} {
		r.Visibility = v
		p := b.one(t, r)
		if p != filepath.Join(b.local, want.path) || mode(t, p).Perm() != want.mode || mode(t, filepath.Dir(p)).Perm() != 0o755 {
			t.Errorf("%v: %s %v", v, p, mode(t, p))
		}
	}
}

func TestFailuresHaveHadoopsWords(t *testing.T) {
	b := newBench(t, 1<<30)
	changed := b.put(t, "changed", []byte("1"))
	changed.Timestamp--
	missing := changed
	missing.URL += "-not-there"
	closed := b.put(t, "closed", []byte("1"))
	if err := os.Chmod(filepath.Join(b.src, "closed"), 0o640); err != nil {
		t.Fatal(err)
	}
	private := changed
	private.Visibility = Private
	for name, c := range map[string]struct {
		r    Resource
		want []string
	}{
		"changed": {changed, []string{"Failed to download resource { { file:/", "FILE, null },pending,[(container_9_0001_01_000001)],",
			`DOWNLOADING} java.io.IOException: Resource file:/`, `changed on src filesystem - expected: "`, `current time: "2023-11-1`}},
		"missing": {missing, []string{"java.io.FileNotFoundException: File does not exist: file:/"}},
		"closed":  {closed, []string{"is not publicly accessible and as such cannot be part of the public cache.", "src/closed"}},
		"private": {private, []string{"Resource file:/", "\njava.io.IOException: Resource file:/"}},
	} {
		_, err := b.get(t, 1, c.r)
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", name, err, w)
			}
		}
		left, _ := os.ReadDir(filepath.Join(b.local, "filecache"))
		if len(left) > 0 {
			t.Errorf("%s leaves %v behind", name, left)
		}
	}
}

func TestAFailedResourceIsTriedAgain(t *testing.T) {
	b := newBench(t, 1<<30)
	r := b.put(t, "late", []byte("1"))
	if err := os.Rename(filepath.Join(b.src, "late"), filepath.Join(b.src, "hidden")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.get(t, 1, r); err == nil {
		t.Fatal("a missing source was localized")
	}
	if err := os.Rename(filepath.Join(b.src, "hidden"), filepath.Join(b.src, "late")); err != nil {
		t.Fatal(err)
	}
	b.one(t, r)
}

func TestTheCacheEvictsTheLongestUnusedAboveItsTarget(t *testing.T) {
	b := newBench(t, 25)
	var paths []string
	for i, name := range []string{"a", "b", "c", "d"} {
		r := b.put(t, name, bytes.Repeat([]byte{'x'}, 10))
		b.now = b.now.Add(time.Second)
		res, err := b.get(t, int64(i), r)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, res.Paths[name])
	}
	if b.Clean() != 0 {
		t.Error("what containers hold was removed")
	}
	for i := range int64(3) { // d stays in use
		b.Release(container(i))
	}
	if n := b.Clean(); n != 20 {
		t.Errorf("%d bytes freed, want 20", n)
	}
	for i, want := range []bool{false, false, true, true} {
		if exists(paths[i]) != want {
			t.Errorf("%s: exists %v", paths[i], !want)
		}
	}
}

func zipOf(t testing.TB, entries ...[2]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e[0], Modified: time.Unix(1_600_000_000, 0)}
		if target, ok := strings.CutPrefix(e[1], "->"); ok {
			h.SetMode(os.ModeSymlink | 0o777)
			e[1] = target
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tgzOf(t testing.TB, entries ...[2]string) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e[0], Mode: 0o644, Size: int64(len(e[1])), Typeflag: tar.TypeReg}
		if target, ok := strings.CutPrefix(e[1], "->"); ok {
			h.Typeflag, h.Linkname, h.Size, e[1] = tar.TypeSymlink, target, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestArchivesAreUnpackedWithLinksAndExecutable(t *testing.T) {
	b := newBench(t, 1<<30)
	entries := [][2]string{{"bin/python3", "#!/bin/sh\n"}, {"bin/python", "->python3"}, {"dangling", "->nowhere"}, {"out", "->/tmp"}}
	for name, content := range map[string][]byte{"venv.zip": zipOf(t, entries...), "VENV.ZIP": zipOf(t, entries...), "venv.tar.gz": tgzOf(t, entries...), "venv.jar": zipOf(t, entries...)} {
		r := b.put(t, name, content)
		r.Type, r.Visibility = Archive, Private
		dir := b.one(t, r)
		if p, err := filepath.EvalSymlinks(dir + "/bin/python"); err != nil || mode(t, p).Perm() != 0o500 {
			t.Errorf("%s: %v", name, err)
		}
		if mode(t, dir+"/dangling")&os.ModeSymlink == 0 || mode(t, dir+"/bin").Perm() != 0o700 {
			t.Errorf("%s: links or folder modes are lost", name)
		}
	}
	if m := mode(t, "/tmp"); m.Perm() == 0o700 {
		t.Fatal("a link's target outside was changed")
	}
}

func TestNoArchiveWritesOutside(t *testing.T) {
	b := newBench(t, 1<<30)
	for name, content := range map[string][]byte{
		"dots.zip":      zipOf(t, [2]string{"../evil.txt", "x"}),
		"dots.tgz":      tgzOf(t, [2]string{"a/../../evil.txt", "x"}),
		"through.tgz":   tgzOf(t, [2]string{"l", "->" + b.src}, [2]string{"l/evil.txt", "x"}),
		"through.zip":   zipOf(t, [2]string{"l", "->.."}, [2]string{"l/evil.txt", "x"}),
		"garbage.zip":   []byte("no zip at all"),
		"truncated.tgz": tgzOf(t, [2]string{"a", strings.Repeat("y", 100000)})[:60],
	} {
		r := b.put(t, name, content)
		r.Type = Archive
		_, err := b.get(t, 1, r)
		if err == nil || !strings.Contains(err.Error(), "Download and unpack failed") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "dots") && !strings.Contains(err.Error(), "would create file outside of") {
			t.Errorf("%s: %v", name, err)
		}
		for _, dir := range []string{b.src, b.local + "/filecache", b.local} {
			if exists(dir + "/evil.txt") {
				t.Fatalf("%s wrote into %s", name, dir)
			}
		}
	}
	if left, _ := os.ReadDir(b.local + "/filecache"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAPatternUnpacksWhatMatchesAndKeepsTheJar(t *testing.T) {
	b := newBench(t, 1<<30)
	r := b.put(t, "job.jar", zipOf(t, [2]string{"lib/a.jar", "a"}, [2]string{"org/X.class", "x"}))
	r.Type, r.Pattern = Pattern, "(?:classes/|lib/).*"
	dir := b.one(t, r)
	for name, want := range map[string]bool{"lib/a.jar": true, "org/X.class": false, "job.jar": true} {
		if exists(filepath.Join(dir, name)) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	r.Pattern = "(unclosed"
	if _, err := b.get(t, 1, r); err == nil || !strings.Contains(err.Error(), "pattern of the resource") {
		t.Errorf("%v", err)
	}
}

func TestFoldersAreCopiedWhole(t *testing.T) {
	b := newBench(t, 1<<30)
	b.put(t, "ignored", nil)
	if err := os.MkdirAll(b.src+"/folder/in", 0o755); err != nil {
		t.Fatal(err)
	}
	r := b.put(t, "folder/in/file", []byte("z"))
	fi, err := os.Stat(b.src + "/folder")
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.Timestamp = "file://"+b.src+"/folder", fi.ModTime().UnixMilli()
	if p := b.one(t, r); !exists(p + "/in/file") {
		t.Error("the file inside is missing")
	}
}

func TestCacheFoldersStayBelowTheirLimit(t *testing.T) {
	for n, want := range map[int]string{0: "", 1: "", 2: "0", 3: "0", 4: "1", 2 * 36: "z", 2*36 + 2: "0/0", 2*36 + 4: "0/1"} {
		if got := subDir(n, 38); got != want {
			t.Errorf("entry %d lies in %q, want %q", n, got, want)
		}
	}
}
