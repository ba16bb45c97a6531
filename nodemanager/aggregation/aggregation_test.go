package aggregation

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heddle/hadoop/fs"
	"heddle/nodemanager/container"
	"heddle/nodemanager/dirs"
	"heddle/yarn"
	"heddle/yarn/logs"
)

var app = yarn.ApplicationID{ClusterTimestamp: 9, ID: 10007}

func cid(n int64) yarn.ContainerID {
	return yarn.ContainerID{Attempt: yarn.AttemptID{Application: app, Attempt: 1}, ID: n}
}

type bench struct {
	*Uploader
	logDir, remote string
}

func newBench(t *testing.T) *bench {
	base := t.TempDir()
	b := &bench{logDir: base + "/logs", remote: base + "/remote/logs"}
	d, err := dirs.Open([]string{base + "/local"}, []string{b.logDir}, dirs.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b.Uploader = New(Config{Dirs: d, Dialer: &fs.Dialer{}, Layout: logs.NewLayout("file://"+b.remote, "logs"), Codec: logs.None,
		Node: func() yarn.NodeID { return yarn.NodeID{Host: "h", Port: 1} }, Now: func() time.Time { return time.UnixMilli(77) },
		Retry: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	return b
}

func (b *bench) log(t *testing.T, c yarn.ContainerID, name, content string) {
	t.Helper()
	d := dirs.LogDir(b.logDir, c)
	if err := os.MkdirAll(d, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) remoteFile(suffix string) string {
	return b.remote + "/alice/bucket-logs-tfile/0007/" + app.String() + "/h_1" + suffix
}

// read returns container/file -> content.
func read(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := logs.NewReader(f, fi.Size())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for {
		c, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			e, err := r.NextFile()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(e.Body)
			if err != nil {
				t.Fatal(err)
			}
			out[c[len(c)-1:]+"/"+e.Name] = string(body)
		}
	}
}

func finished(l container.LogContext, cs ...container.FinishedContainer) container.FinishedApp {
	return container.FinishedApp{ID: app, User: "alice", Logs: l, Containers: cs}
}

func TestLogsAreUploadedWhereYarnLogsLooks(t *testing.T) {
	b := newBench(t)
	b.log(t, cid(1), "stdout", "one")
	b.log(t, cid(2), "stderr", "two")
	a := finished(container.LogContext{}, container.FinishedContainer{ID: cid(2)}, container.FinishedContainer{ID: cid(1)})
	if err := b.Upload(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.remoteFile("")); len(got) != 2 || got["1/stdout"] != "one" || got["2/stderr"] != "two" {
		t.Errorf("%v", got)
	}
	for p, mode := range map[string]os.FileMode{b.remote: os.ModeSticky | 0o777, b.remote + "/alice": 0o770, filepath.Dir(b.remoteFile("")): 0o770, b.remoteFile(""): 0o640} {
		fi, err := os.Stat(p)
		if err != nil || fi.Mode()&(os.ModePerm|os.ModeSticky) != mode {
			t.Errorf("%s: %v, %v", p, fi.Mode(), err)
		}
	}
	if err := b.Upload(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if len(read(t, b.remoteFile("_77"))) != 2 {
		t.Error("the node's second file of the application is missing")
	}
}

func TestPoliciesAndPatternsChoose(t *testing.T) {
	b := newBench(t)
	for n := int64(1); n <= 3; n++ {
		b.log(t, cid(n), "stdout", "o")
		b.log(t, cid(n), "stderr", "e")
	}
	all := []container.FinishedContainer{{ID: cid(1), Master: true}, {ID: cid(2), Exit: 1}, {ID: cid(3), Exit: 137}}
	const pkg = "org.apache.hadoop.yarn.server.nodemanager.containermanager.logaggregation."
	for name, c := range map[string]struct {
		ctx  container.LogContext
		want string
	}{
		"master":           {container.LogContext{Policy: pkg + "AMOnlyLogAggregationPolicy"}, "1/stderr 1/stdout"},
		"failed":           {container.LogContext{Policy: pkg + "FailedContainerLogAggregationPolicy", Include: "err"}, "2/stderr"},
		"failed or killed": {container.LogContext{Policy: pkg + "FailedOrKilledContainerLogAggregationPolicy", Exclude: "^stderr$"}, "2/stdout 3/stdout"},
		"none":             {container.LogContext{Policy: pkg + "NoneContainerLogAggregationPolicy"}, ""},
	} {
		if err := os.RemoveAll(b.remote); err != nil {
			t.Fatal(err)
		}
		if err := b.Upload(t.Context(), finished(c.ctx, all...)); err != nil {
			t.Fatal(name, err)
		}
		var got []string
		if c.want != "" {
			for k := range read(t, b.remoteFile("")) {
				got = append(got, k)
			}
		}
		if len(got) != len(strings.Fields(c.want)) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		for _, k := range got {
			if !strings.Contains(c.want, k) {
				t.Errorf("%s: %s is too much", name, k)
			}
		}
	}
	if err := b.Upload(t.Context(), finished(container.LogContext{Policy: "own.Policy"}, all...)); err == nil {
		t.Error("an unknown policy must be named")
	}
}

func TestLinksOutOfTheLogFolderAreNotFollowed(t *testing.T) {
	b := newBench(t)
	b.log(t, cid(1), "stdout", "mine")
	d := dirs.LogDir(b.logDir, cid(1))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"out": secret, "in": "stdout", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(d, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Upload(t.Context(), finished(container.LogContext{}, container.FinishedContainer{ID: cid(1)})); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.remoteFile("")); len(got) != 2 || got["1/in"] != "mine" {
		t.Errorf("%v", got)
	}
}

func TestSampling(t *testing.T) {
	for _, tt := range []struct {
		parameters string
		want       int // of the workers 2 to 1001
	}{{"SR:0,MIN:5", 5}, {"SR:1", 1000}, {"MIN:1000,SR:0", 1000}} {
		w, err := Policy{"SampleContainerLogAggregationPolicy", tt.parameters}.read()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := int64(2); i <= 1001; i++ {
			if w(container.FinishedContainer{ID: cid(i)}) {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s takes %d workers, want %d", tt.parameters, n, tt.want)
		}
		if !w(container.FinishedContainer{ID: cid(5000), Exit: 1}) || !w(container.FinishedContainer{ID: cid(5000), Master: true}) {
			t.Errorf("%s: failed ones and masters are always taken", tt.parameters)
		}
	}
	w, err := Policy{"x.SampleContainerLogAggregationPolicy", ""}.read()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := int64(22); i < 10022; i++ {
		if w(container.FinishedContainer{ID: cid(i)}) {
			n++
		}
	}
	if n < 1600 || n > 2400 { // a fifth, by a hash that is the same each time
		t.Errorf("%d of 10000 beyond the first are taken", n)
	}
	for _, bad := range []string{"SR:2", "SR:x", "MIN:-1", "MAX:3"} {
		if err := (Policy{"SampleContainerLogAggregationPolicy", bad}).Check(); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if _, err := sample("SR:0.5,MIN:3,"); err != nil {
		t.Error(err)
	}
}

// Whatever a log does between two uploads, each of its bytes is uploaded once.
func TestRollingUploadsEveryByteOnce(t *testing.T) {
	b := newBench(t)
	b.cfg.FilesPerApp = 30
	clock := int64(0)
	b.cfg.Now = func() time.Time { clock++; return time.UnixMilli(clock) }
	a := finished(container.LogContext{RolledInclude: "^log"}, container.FinishedContainer{ID: cid(1)})
	dir := dirs.LogDir(b.logDir, cid(1))
	all := ""
	roll := func() {
		t.Helper()
		had, err := b.Roll(a)
		if err != nil {
			t.Fatal(err)
		}
		a.Uploaded = had
		a.Uploaded = b.Clean(a)
	}
	b.log(t, cid(1), "stdout", "of the end only")
	b.log(t, cid(1), "log", "a\n")
	held, err := os.OpenFile(filepath.Join(dir, "log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer := exec.Command("cat") // another process, that has the log open
	writer.Stdout = held
	in, err := writer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	size := func(n int64) {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			for _, name := range []string{"log", "log.1"} {
				if fi, err := os.Stat(filepath.Join(dir, name)); err == nil && fi.Size() == n {
					return
				}
			}
		}
		t.Fatalf("no log of %d bytes", n)
	}
	roll()
	roll() // nothing came
	if _, err := io.WriteString(in, "b\n"); err != nil {
		t.Fatal(err)
	}
	size(4)
	roll()
	if err := os.Rename(filepath.Join(dir, "log"), filepath.Join(dir, "log.1")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "c\n"); err != nil {
		t.Fatal(err)
	}
	size(6)
	b.log(t, cid(1), "log", "d\n")
	roll()
	if _, err := os.Stat(filepath.Join(dir, "log.1")); err != nil {
		t.Error("a log that is open was removed")
	}
	if err := errors.Join(in.Close(), writer.Wait()); err != nil {
		t.Fatal(err)
	}
	b.log(t, cid(1), "log.2", "e\n")
	roll()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "stdout" {
		t.Errorf("left after the last roll: %v, %v", left, err)
	}
	b.log(t, cid(1), "log", "f\n") // perhaps with the inode of one that was removed
	if err := b.Upload(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(b.remoteFile("*"))
	if err != nil {
		t.Fatal(err)
	}
	stdout := 0
	for _, f := range files {
		for name, content := range read(t, f) {
			if name == "1/stdout" {
				stdout++
				continue
			}
			all += content
		}
	}
	lines := strings.Fields(all)
	slices.Sort(lines)
	if got := strings.Join(lines, ""); got != "abcdef" || stdout != 1 {
		t.Errorf("uploaded %q in %d files, stdout %d times", got, len(files), stdout)
	}
	// old files of the node go
	b.cfg.FilesPerApp = 2
	b.log(t, cid(1), "log", "g\n")
	roll()
	if files, _ := filepath.Glob(b.remoteFile("_*")); len(files) != 2 {
		t.Errorf("kept: %v", files)
	}
}

func TestOneContainersLogsAreCutInTheMiddle(t *testing.T) {
	b := newBench(t)
	b.cfg.SizeLimit = 10
	b.log(t, cid(1), "a", "1234")
	b.log(t, cid(1), "b", "begin"+strings.Repeat("x", 1000)+"end")
	b.log(t, cid(1), "c", "too late")
	if err := b.Upload(t.Context(), finished(container.LogContext{}, container.FinishedContainer{ID: cid(1)})); err != nil {
		t.Fatal(err)
	}
	const marker = "\n[... %d bytes of %s are left out here: the container's logs are above yarn.nodemanager.log-aggregation.container-size-limit-mb ...]\n"
	want := map[string]string{"1/a": "1234", "1/b": "beg" + fmt.Sprintf(marker, 1002, "b") + "end", "1/c": fmt.Sprintf(marker, 8, "c")}
	if got := read(t, b.remoteFile("")); !maps.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// An upload that fails is tried again for as long as logs are kept.
func TestAnUploadWaitsForItsFileSystem(t *testing.T) {
	b := newBench(t)
	b.cfg.Now, b.cfg.Patience = time.Now, time.Hour
	b.log(t, cid(1), "stdout", "one")
	if err := os.WriteFile(filepath.Dir(b.remote), nil, 0o600); err != nil { // in the way of the root
		t.Fatal(err)
	}
	warned := make(chan struct{})
	var once sync.Once
	b.cfg.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) { once.Do(func() { close(warned) }) }), nil))
	done := make(chan error, 1)
	go func() {
		done <- b.Upload(t.Context(), finished(container.LogContext{}, container.FinishedContainer{ID: cid(1)}))
	}()
	<-warned
	if err := os.Remove(filepath.Dir(b.remote)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.remoteFile("")); got["1/stdout"] != "one" {
		t.Errorf("%v", got)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// counting counts the operations that a NameNode would be asked for.
type counting struct {
	fs.FileSystem
	ops *[]string
}

func (c counting) note(op string) { *c.ops = append(*c.ops, op) }

func (c counting) Stat(p string) (fs.Info, error) { c.note("stat"); return c.FileSystem.Stat(p) }
func (c counting) List(p string) ([]fs.Info, error) {
	c.note("list")
	return c.FileSystem.List(p)
}
func (c counting) Create(p string, mode uint32) (io.WriteCloser, error) {
	c.note("create")
	return c.FileSystem.Create(p, mode)
}
func (c counting) Mkdir(p string, mode uint32) error {
	c.note("mkdir")
	return c.FileSystem.Mkdir(p, mode)
}
func (c counting) MkdirAll(p string, mode uint32) error {
	c.note("mkdirs")
	return c.FileSystem.MkdirAll(p, mode)
}
func (c counting) Rename(a, b string) error { c.note("rename"); return c.FileSystem.Rename(a, b) }
func (c counting) Replace(a, b string) error {
	c.note("replace")
	return c.FileSystem.Replace(a, b)
}
func (c counting) Remove(p string) error { c.note("remove"); return c.FileSystem.Remove(p) }
func (c counting) Chmod(p string, mode uint32) error {
	c.note("chmod")
	return c.FileSystem.Chmod(p, mode)
}

type countingDialer struct {
	fs.Dialer
	ops []string
}

func (d *countingDialer) Open(uri, user string) (fs.FileSystem, string, error) {
	f, p, err := d.Dialer.Open(uri, user)
	return counting{f, &d.ops}, p, err
}

// The root gets its group when it is made, and keeps what an administrator gave it later. Logs do not fail for a group.
func TestTheRootOfLogsHasItsGroup(t *testing.T) {
	groups, err := os.Getgroups()
	if os.Geteuid() == 0 {
		groups = []int{1, 2} // root may give folders to any group
	}
	var names []string
	for _, id := range groups {
		if g, err := user.LookupGroupId(strconv.Itoa(id)); err == nil {
			names = append(names, g.Name)
		}
	}
	if err != nil || len(names) == 0 {
		t.Skip("this user has no group with a name: ", err)
	}
	of := func(b *bench) string {
		t.Helper()
		fi, err := os.Stat(b.remote)
		if err != nil {
			t.Fatal(err)
		}
		g, err := user.LookupGroupId(strconv.Itoa(int(fi.Sys().(*syscall.Stat_t).Gid)))
		if err != nil {
			t.Fatal(err)
		}
		return g.Name
	}
	b := newBench(t)
	b.log(t, cid(1), "stdout", "o")
	upload := func(b *bench, group string) {
		t.Helper()
		b.cfg.Group = group
		if err := b.Upload(t.Context(), finished(container.LogContext{}, container.FinishedContainer{ID: cid(1)})); err != nil {
			t.Fatal(err)
		}
	}
	last := names[len(names)-1]
	upload(b, last)
	if got := of(b); got != last {
		t.Errorf("the root's group is %s, want %s", got, last)
	}
	b.root.Store(false)
	upload(b, names[0])
	if got := of(b); got != last {
		t.Errorf("the group of a root that was there is now %s", got)
	}
	b = newBench(t)
	b.log(t, cid(1), "stdout", "o")
	upload(b, "no-group-of-this-name")
}

// After a user's first application an upload costs five operations of the file system, and three where another node
// was there before, however many containers and files it has.
func TestAnUploadCostsFewOperations(t *testing.T) {
	b := newBench(t)
	d := &countingDialer{}
	b.cfg.Dialer = d
	var all []container.FinishedContainer
	for n := int64(1); n <= 20; n++ {
		b.log(t, cid(n), "stdout", "o")
		b.log(t, cid(n), "stderr", "e")
		all = append(all, container.FinishedContainer{ID: cid(n)})
	}
	if err := b.Upload(t.Context(), finished(container.LogContext{}, all[0])); err != nil {
		t.Fatal(err)
	}
	next := finished(container.LogContext{}, all...)
	next.ID.ID++
	for _, want := range [][]string{{"stat", "mkdir", "mkdir", "create", "replace"}, {"stat", "create", "rename"}} {
		d.ops = nil
		if err := b.Upload(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.ops, want) {
			t.Errorf("operations: %v, want %v", d.ops, want)
		}
		b.cfg.Node = func() yarn.NodeID { return yarn.NodeID{Host: "another", Port: 1} }
	}
}
