package staging

import (
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"heddle/hadoop/conf"
	"heddle/job/status"
	"heddle/jobspec"
)

func open(t *testing.T) (*Dir, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "staging")
	c := conf.WithDefaults()
	c.Set(KeyDir, "file://"+root)
	c.Set("fs.defaultFS", "file:///")
	d, err := Open(c, "alice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, root
}

func TestABinaryIsUploadedOnce(t *testing.T) {
	d, root := open(t)
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	first, err := d.Binary([]byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Binary([]byte("program"))
	if err != nil || again != first {
		t.Errorf("%+v, then %+v, %v", first, again, err)
	}
	if other, err := d.Binary([]byte("other")); err != nil || other.URI == first.URI {
		t.Errorf("another program: %+v, %v", other, err)
	}
	fi, err := os.Stat(strings.TrimPrefix(first.URI, "file://"))
	if err != nil || fi.Mode().Perm() != 0o755 || fi.Size() != first.Size || fi.ModTime().UnixMilli() != first.Timestamp {
		t.Errorf("%v, %v for %+v", fi, err, first)
	}
	for dir, mode := range map[string]os.FileMode{root: 0o777 | os.ModeSticky, root + "/alice": 0o711, root + "/alice/heddle": 0o755} {
		if fi, err := os.Stat(dir); err != nil || fi.Mode()&^os.ModeDir != mode {
			t.Errorf("%s: %v, %v; want %v", dir, fi.Mode(), err, mode)
		}
	}
}

func TestManyUploadTheSameAtOnce(t *testing.T) {
	d, root := open(t)
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := d.Binary([]byte("program")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if files, err := os.ReadDir(root + "/alice/heddle"); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestAFolderThatOthersMayWriteIsNotTrusted(t *testing.T) {
	d, root := open(t)
	if err := os.MkdirAll(root+"/alice", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root+"/alice", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := d.Prepare(); err == nil || !strings.Contains(err.Error(), "writable by others") {
		t.Errorf("%v", err)
	}
}

func TestAJobsFiles(t *testing.T) {
	d, _ := open(t)
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	c := conf.WithDefaults()
	c.Set("yarn.resourcemanager.address", "rm:1 <&>")
	l := &Launch{Framework: jobspec.Framework{Name: "job", Roles: []jobspec.Role{{Name: "w", Instances: 2}}}}
	r, err := d.NewJob("application_1_0001", l, c)
	if err != nil {
		t.Fatal(err)
	}
	file := strings.TrimPrefix(r.URI, "file://")
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseLaunch(body)
	if err != nil || back.Framework.Name != "job" || back.Status != l.Status || back.Conf != l.Conf {
		t.Errorf("%+v, %v", back, err)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the launch file, which may hold secrets: %v, %v", fi.Mode(), err)
	}
	shipped := conf.New()
	if err := shipped.AddFile(strings.TrimPrefix(l.Conf.URI, "file://")); err != nil {
		t.Fatal(err)
	}
	if v, _ := shipped.Get("yarn.resourcemanager.address"); v != "rm:1 <&>" {
		t.Errorf("the shipped configuration has %q", v)
	}
	if n := len(shipped.Keys()); n != 1 {
		t.Errorf("%d keys were shipped, built-in defaults too?", n)
	}

	if _, err := d.ReadStatus("application_1_0001"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("before the end: %v", err)
	}
	for _, state := range []status.State{status.Running, status.Failed} {
		if err := d.WriteStatus(&status.Job{Application: "application_1_0001", State: state}); err != nil {
			t.Fatal(err)
		}
		if s, err := d.ReadStatus("application_1_0001"); err != nil || s.State != state {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if err := d.RemoveJob("application_1_0001"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the job's folder is still there: %v", err)
	}
}

func FuzzParseLaunch(f *testing.F) {
	f.Add([]byte(`{"framework": {"roles": [{"name": "a", "instances": 1}]}}`))
	f.Add([]byte(`{"framework": {"roles": [{"instances": -5}, {"instances": 5}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLaunch(b)
		if err != nil {
			return
		}
		for _, r := range l.Framework.Roles {
			if r.Instances < 1 {
				t.Fatalf("role %q with %d instances was accepted", r.Name, r.Instances)
			}
		}
		if _, err := json.Marshal(l); err != nil {
			t.Fatal(err)
		}
	})
}

func TestResourcesForTheLocalizer(t *testing.T) {
	r, err := Resource{URI: "hdfs://nn:8020/a b/c", Size: 3, Timestamp: 4}.Local(1)
	if err != nil {
		t.Fatal(err)
	}
	u := r.GetResource()
	if u.GetScheme() != "hdfs" || u.GetHost() != "nn" || u.GetPort() != 8020 || u.GetFile() != "/a b/c" || r.GetSize() != 3 || r.GetTimestamp() != 4 {
		t.Errorf("%v", r)
	}
	if r, err := (Resource{URI: "file:///x"}).Local(1); err != nil || r.GetResource().GetPort() != -1 || r.GetResource().GetHost() != "" {
		t.Errorf("%v, %v", r, err)
	}
}
