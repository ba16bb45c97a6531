//go:build interop

package interop

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
	"heddle/yarn/wire"
)

// Each application's logs cost the NameNode a fixed number of calls of each node: two new folders, the file, its block, the rename,
// and the client's questions before some.
// NAMENODE_APPS says how many applications end at once, 25 without; how soon their logs were there is logged.
func TestAnApplicationsLogsCostTheNameNodeFewCalls(t *testing.T) {
	n := 25
	if s := os.Getenv("NAMENODE_APPS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	ctx := limited(t, 10*time.Minute)
	c, err := cluster.Start(ctx, shared.options("namenode", shared.rm, shared.nm))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	client := rpc.NewClient(rpc.ClientConfig{Address: c.Address("rm"), Protocol: "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB", Version: 1, User: "alice"})
	defer client.Close()
	run := func(count int) (took time.Duration) {
		t.Helper()
		var names []string
		for range count {
			fresh := &yarnpb.GetNewApplicationResponseProto{}
			if err := client.Call(ctx, "getNewApplication", &yarnpb.GetNewApplicationRequestProto{}, fresh); err != nil {
				t.Fatal(err)
			}
			submit := &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: &yarnpb.ApplicationSubmissionContextProto{
				ApplicationId: fresh.GetApplicationId(), ApplicationName: new("short"), Queue: new("default"), Priority: wire.Priority(0), MaxAppAttempts: new(int32(1)),
				Resource:        &yarnpb.ResourceProto{Memory: new(int64(128)), VirtualCores: new(int32(1))},
				AmContainerSpec: &yarnpb.ContainerLaunchContextProto{Command: []string{"echo short > <LOG_DIR>/stdout"}}}}
			if err := client.Call(ctx, "submitApplication", submit, &yarnpb.SubmitApplicationResponseProto{}); err != nil {
				t.Fatal(err)
			}
			names = append(names, wire.AppIDFrom(fresh.GetApplicationId()).String())
		}
		var ended time.Time
		until(t, 5*time.Minute, "the logs of all applications", func() error {
			var list struct {
				Apps struct {
					App []struct{ ID, State, LogAggregationStatus string }
				}
			}
			if err := c.GetJSON("/ws/v1/cluster/apps?user=alice", &list); err != nil {
				return err
			}
			running, waiting := 0, 0
			for _, a := range list.Apps.App {
				if a.State != "FINISHED" && a.State != "FAILED" {
					running++
				}
				if a.LogAggregationStatus != "SUCCEEDED" && a.LogAggregationStatus != "FAILED" {
					waiting++
				}
			}
			if running == 0 && ended.IsZero() {
				ended = time.Now()
			}
			if len(list.Apps.App) < len(names) || running+waiting > 0 {
				return fmt.Errorf("of %d applications %d run and %d have no logs", len(list.Apps.App), running, waiting)
			}
			return nil
		})
		return time.Since(ended)
	}
	run(1) // makes the folders that all share
	before, err := shared.hdfs.Calls(ctx)
	if err != nil {
		t.Fatal(err)
	}
	took := run(n)
	after, err := shared.hdfs.Calls(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const most = 11 // and Complete, which is asked again while the DataNode is late
	total, each := 0, map[string]float64{}
	for method, count := range after {
		if d := count - before[method]; d > 0 {
			total += d
			each[method] = float64(d) / float64(n)
		}
	}
	t.Logf("%d applications: %d calls, each %v; the last logs were there %.1f s after the last application's end", n, total, each, took.Seconds())
	if shared.nm != cluster.Heddle {
		return
	}
	if after["Create"]-before["Create"] != n {
		t.Errorf("%d files were created for %d applications", after["Create"]-before["Create"], n)
	}
	if total-(after["Complete"]-before["Complete"]) > most*n {
		t.Errorf("%d calls for %d applications: %v for each", total, n, each)
	}
}

// What is made on HDFS has exactly the rights that were asked for, a file that is replaced among it.
func TestRightsOnHDFSAreThoseAskedFor(t *testing.T) {
	files, err := shared.hdfs.Open("alice")
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	const dir = "/user/rights"
	for mode, p := range map[uint32]string{0o1777: dir + "/open", 0o770: dir + "/closed"} {
		if err := files.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := files.Mkdir(p, mode); err != nil {
			t.Fatal(err)
		}
		if i, err := files.Stat(p); err != nil || i.Mode != mode {
			t.Errorf("%s: %o, %v", p, i.Mode, err)
		}
	}
	for i, mode := range []uint32{0o640, 0o666} {
		w, err := files.Create(dir+"/file", mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", i+1)); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // by a writer that never came back
			continue
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := files.Stat(dir + "/file"); err != nil || got.Mode != mode || got.Size != 2 {
			t.Errorf("%o, %d bytes, %v; want %o and 2", got.Mode, got.Size, err, mode)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	super, err := shared.hdfs.Open(me.Username)
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close()
	if err := super.Chgrp(dir, "readers"); err != nil {
		t.Error(err)
	}
	if err := files.Chgrp(dir, "strangers"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a group that alice is not in: %v", err)
	}
}
