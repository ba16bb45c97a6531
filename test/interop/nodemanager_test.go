//go:build interop

package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/test/cluster"
	"heddle/test/node"
)

// A NodeManager without recovery that was killed and started again ends what it finds, tells the
// ResourceManager, and the application goes on with its next attempt.
func TestAnApplicationOutlivesItsKilledNodeManager(t *testing.T) {
	o := shared.options("nm-killed", shared.rm, shared.nm)
	o.Site = map[string]string{"yarn.nodemanager.recovery.enabled": "false"}
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	type result struct {
		run cluster.Run
		err error
	}
	done := make(chan result, 1)
	ctx := limited(t, 4*time.Minute)
	go func() {
		run, err := c.Shell(ctx, "", "-shell_command", "sleep 15; echo survived-$CONTAINER_ID", "-num_containers", "1", "-container_memory", "256", "-master_memory", "300")
		done <- result{run, err}
	}()
	until(t, time.Minute, "a running container", func() error {
		var m struct {
			ClusterMetrics struct{ ContainersAllocated, AppsRunning int }
		}
		if err := c.GetJSON("/ws/v1/cluster/metrics", &m); err != nil {
			return err
		}
		if m.ClusterMetrics.ContainersAllocated < 2 || m.ClusterMetrics.AppsRunning != 1 {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	c.KillNM()
	if err := c.StartNM(ctx); err != nil {
		t.Fatal(err)
	}
	r := <-done
	ranWell(t, r.run, r.err, "Application completed successfully")
}

// Five megabytes of random bytes in a log file come back byte for byte, and each container has its own files.
func TestBinaryLogsComeBackByteForByte(t *testing.T) {
	const sizeMB = 5
	run, err := shared.main.Shell(limited(t, 3*time.Minute), "", "-shell_command",
		fmt.Sprintf("head -c %dM /dev/urandom > $LOG_DIRS/blob.bin; sha256sum < $LOG_DIRS/blob.bin", sizeMB),
		"-num_containers", "2", "-container_memory", "256", "-master_memory", "300")
	ranWell(t, run, err, "Application completed successfully")
	app := applicationID.FindString(run.Out)
	aggregated(t, shared.main, app)
	dir := t.TempDir()
	got, err := shared.main.Java(limited(t, time.Minute), "", cluster.LogsCLI, "-applicationId", app, "-out", dir)
	ranWell(t, got, err)
	files, err := filepath.Glob(dir + "/*/container_*")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sum, blob, ok := splitLogs(t, text)
		if !ok {
			continue // the AM's
		}
		found++
		if len(blob) != sizeMB<<20 {
			t.Errorf("%s: %d bytes came back, want %d", f, len(blob), sizeMB<<20)
		}
		if got := sha256.Sum256(blob); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s: the bytes have sum %x, want %s", f, got, sum)
		}
	}
	if found != 2 {
		t.Errorf("blob.bin came back from %d containers, want 2 (files %v)", found, files)
	}
}

var logHead = regexp.MustCompile(`LogType:blob\.bin\nLogLastModifiedTime:[^\n]*\nLogLength:(\d+)\nLogContents:\n`)

// splitLogs takes the binary file out of the frame that `yarn logs` writes, and its sum from stdout.
func splitLogs(t *testing.T, text []byte) (sum string, blob []byte, ok bool) {
	t.Helper()
	m := logHead.FindSubmatchIndex(text)
	if m == nil {
		return "", nil, false
	}
	var n int
	if _, err := fmt.Sscan(string(text[m[2]:m[3]]), &n); err != nil || m[1]+n > len(text) {
		t.Fatalf("length of blob.bin: %v, %d of %d", err, n, len(text))
	}
	blob = text[m[1] : m[1]+n]
	s := regexp.MustCompile(`(?m)^([0-9a-f]{64})  -$`).FindSubmatch([]byte(strings.ReplaceAll(string(append(append([]byte{}, text[:m[0]]...), text[m[1]+n:]...)), "\r", "")))
	if s == nil {
		t.Fatal("the sum is not in the log")
	}
	return string(s[1]), blob, true
}

// Field report B29 on HDFS: odd names are localized from there, with each user's rights.
func TestResourcesOnHDFSKeepNamesAndRights(t *testing.T) {
	hdfs, err := shared.hdfs.Open("alice")
	if err != nil {
		t.Fatal(err)
	}
	defer hdfs.Close()
	dir := "/user/names-" + fmt.Sprint(time.Now().UnixNano())
	if err := hdfs.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := node.Start(t, node.Options{Site: map[string]string{"fs.defaultFS": shared.hdfs.URI()}})
	am, other := b.AM(t, "alice", 1), b.AM(t, "bob", 2)
	put := func(name string, mode uint32) *yarnpb.LocalResourceProto {
		w, err := hdfs.Create(dir+"/"+name, mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("<" + name + ">")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := hdfs.Stat(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := net.SplitHostPort(strings.TrimPrefix(shared.hdfs.URI(), "hdfs://"))
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		return &yarnpb.LocalResourceProto{Resource: &yarnpb.URLProto{Scheme: new("hdfs"), Host: &host, Port: new(int32(number)), File: new(dir + "/" + name)},
			Size: new(info.Size), Timestamp: new(info.ModMillis()), Type: yarnpb.LocalResourceTypeProto_FILE.Enum(), Visibility: yarnpb.LocalResourceVisibilityProto_PRIVATE.Enum()}
	}
	names := []string{"数据 集.txt", "x y#1.txt", "a%20b?c.txt", "quo'te\".txt"}
	resources := map[string]*yarnpb.LocalResourceProto{}
	for i, name := range names {
		resources[fmt.Sprintf("link %d#资", i)] = put(name, 0o600)
	}
	id := am.Start(t, node.Launch{Resources: resources, Commands: []string{"cat link*", "1><LOG_DIR>/stdout"}})
	if s := am.Done(t, id); s.GetExitStatus() != 0 {
		t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	for _, name := range names {
		if !strings.Contains(am.Log(t, id, "stdout"), "<"+name+">") {
			t.Errorf("%s is not there: %s", name, am.Log(t, id, "stdout"))
		}
	}
	s := other.Done(t, other.Start(t, node.Launch{Resources: resources, Commands: []string{"true"}}))
	if s.GetExitStatus() != -1000 || !strings.Contains(s.GetDiagnostics(), "Permission denied: user=bob") {
		t.Errorf("bob got alice's files: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

// While an application runs, `yarn logs` reads its containers' logs from the NodeManager's web services.
func TestLogsOfARunningApplication(t *testing.T) {
	ctx := limited(t, 3*time.Minute)
	ended := make(chan error, 1)
	go func() {
		run, err := shared.main.Shell(ctx, "", "-shell_command", "{ echo early-words-$CONTAINER_ID; sleep 40; }", "-num_containers", "1", "-container_memory", "256", "-master_memory", "300", "-appname", "running-logs")
		if err == nil && run.Code != 0 {
			err = fmt.Errorf("exit code %d: %s", run.Code, end(run.Out))
		}
		ended <- err
	}()
	var app string
	until(t, time.Minute, "a running application", func() error {
		var list struct {
			Apps struct {
				App []struct {
					ID, Name          string
					RunningContainers int
				}
			}
		}
		if err := shared.main.GetJSON("/ws/v1/cluster/apps?states=RUNNING", &list); err != nil {
			return err
		}
		for _, a := range list.Apps.App {
			if a.Name == "running-logs" && a.RunningContainers == 2 {
				app = a.ID
				return nil
			}
		}
		return fmt.Errorf("applications: %+v", list)
	})
	until(t, time.Minute, "the container's words", func() error {
		run, err := shared.main.Java(ctx, "", cluster.LogsCLI, "-applicationId", app, "-log_files", "stdout")
		if err != nil {
			return err
		}
		if !strings.Contains(run.Out, "early-words-container_") || !strings.Contains(run.Out, "LogAggregationType: LOCAL") || !strings.Contains(run.Out, "This log file belongs to a running container") {
			return fmt.Errorf("it printed %s", end(run.Out))
		}
		return nil
	})
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// With recovery a job does not notice that its NodeManager was killed: one attempt, and each container once.
func TestARunningJobDoesNotNoticeItsKilledNodeManager(t *testing.T) {
	c, err := cluster.Start(t.Context(), shared.options("nm-recovered", shared.rm, shared.nm))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	starts := filepath.Join(t.TempDir(), "starts")
	if err := os.Chmod(filepath.Dir(filepath.Dir(starts)), 0o755); err != nil {
		t.Fatal(err)
	}
	type result struct {
		run cluster.Run
		err error
	}
	done := make(chan result, 1)
	ctx := limited(t, 3*time.Minute)
	go func() {
		run, err := c.Shell(ctx, "", "-shell_command", "echo started >> "+starts+"; sleep 6; echo survived-$CONTAINER_ID", "-num_containers", "2", "-container_memory", "256", "-master_memory", "300")
		done <- result{run, err}
	}()
	running := func() error {
		b, err := os.ReadFile(starts)
		if n := strings.Count(string(b), "started"); n < 2 {
			return fmt.Errorf("%d containers have begun: %v", n, err)
		}
		return nil
	}
	until(t, time.Minute, "running containers", running)
	c.KillNM()
	if err := c.StartNM(ctx); err != nil {
		t.Fatal(err)
	}
	r := <-done
	ranWell(t, r.run, r.err, "Application completed successfully")
	b, err := os.ReadFile(starts)
	if err != nil || strings.Count(string(b), "started") != 2 {
		t.Errorf("the containers began %q, %v", b, err)
	}
	var attempts struct {
		AppAttempts struct{ AppAttempt []struct{ ID int } }
	}
	if err := c.GetJSON("/ws/v1/cluster/apps/"+applicationID.FindString(r.run.Out)+"/appattempts", &attempts); err != nil || len(attempts.AppAttempts.AppAttempt) != 1 {
		t.Errorf("attempts: %+v, %v", attempts, err)
	}
}

// A DataNode hangs while logs are uploaded, and a file is complete only when both DataNodes have it: the upload waits, and no
// line is lost (colinmarc/hdfs#61, #235).
func TestLogsOutliveAHangingDataNode(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	dir, err := os.MkdirTemp(shared.dir, "hdfs-of-two-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	h, err := cluster.StartReplicated(ctx, dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	o := shared.options("hanging-datanode", shared.rm, shared.nm)
	o.HDFS = h
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	written := filepath.Join(o.Dir, "written")
	frozen := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(written); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		frozen <- h.Freeze(1)
	}()
	const lines = 20000
	script := filepath.Join(o.Dir, "lines.sh")
	if err := os.WriteFile(script, fmt.Appendf(nil, "seq -f 'line-%%.0f of the log' %d; touch %s; sleep 2\n", lines, written), 0o755); err != nil {
		t.Fatal(err)
	}
	run, err := c.Shell(ctx, "", "-shell_command", "sh "+script, "-num_containers", "1", "-container_memory", "256", "-master_memory", "300")
	ranWell(t, run, err, "Application completed successfully")
	if err := <-frozen; err != nil {
		t.Fatal(err)
	}
	app := applicationID.FindString(run.Out)
	time.Sleep(5 * time.Second) // the upload is on its way, and cannot end
	var a struct {
		App struct{ LogAggregationStatus string }
	}
	if err := c.GetJSON("/ws/v1/cluster/apps/"+app, &a); err != nil || a.App.LogAggregationStatus == "SUCCEEDED" {
		t.Errorf("while a DataNode hangs the upload is %s, %v", a.App.LogAggregationStatus, err)
	}
	if err := h.Thaw(1); err != nil {
		t.Fatal(err)
	}
	aggregated(t, c, app)
	logs, err := c.Java(ctx, "", cluster.LogsCLI, "-applicationId", app)
	ranWell(t, logs, err)
	for i := 1; i <= lines; i++ {
		if !strings.Contains(logs.Out, fmt.Sprintf("\nline-%d of the log\n", i)) {
			t.Fatalf("line %d is lost", i)
		}
	}
}
