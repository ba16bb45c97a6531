package aggregation

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
