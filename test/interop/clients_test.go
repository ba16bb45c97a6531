//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// `yarn node -list` and `-status` show the node.
func TestYarnNodeList(t *testing.T) {
	ctx := limited(t, time.Minute)
	run, err := shared.main.Java(ctx, "", cluster.NodeCLI, "-list", "-all")
	ranWell(t, run, err, "Total Nodes:1", "RUNNING")
	id := regexp.MustCompile(`(?m)^\s*(\S+:\d+)\s+RUNNING`).FindStringSubmatch(run.Out)
	if id == nil {
		t.Fatalf("no running node in:\n%s", run.Out)
	}
	run, err = shared.main.Java(ctx, "", cluster.NodeCLI, "-status", id[1])
	ranWell(t, run, err, "Node-State : RUNNING", "Memory-Capacity : 8192MB", "CPU-Capacity : 8 vcores")
}

// `mapred pi`: localization, tokens, shuffle, and the job client's counters.
func TestMapReducePi(t *testing.T) {
	run, err := shared.main.Java(limited(t, 4*time.Minute), "", cluster.Examples, "pi", "4", "1000")
	ranWell(t, run, err, "Estimated value of Pi is 3.1", "Launched map tasks=4")
}

// Word count over HDFS gives the right counts, and `yarn logs` reads the aggregated logs.
func TestWordCountOnHDFSAndYarnLogs(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	files, err := shared.hdfs.Open("root")
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	want := map[string]int{}
	var text strings.Builder
	for i := range 20000 {
		word := fmt.Sprintf("w%03d", i*i%317)
		want[word]++
		text.WriteString(word + []string{" ", "\n", "\t"}[i%3])
	}
	if err := files.MkdirAll("/user/wordcount/in", 0o777); err != nil {
		t.Fatal(err)
	}
	out, err := files.Create("/user/wordcount/in/text", 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte(text.String())); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := shared.main.Java(ctx, "", cluster.Examples, "wordcount", "-Dmapreduce.job.reduces=2", "/user/wordcount/in", "/user/wordcount/out")
	ranWell(t, run, err, "completed successfully", "Data-local map tasks=")

	counts, err := shared.main.Java(ctx, "", cluster.FsShell, "-cat", "/user/wordcount/out/part-r-*")
	ranWell(t, counts, err)
	got := map[string]int{}
	for line := range strings.Lines(counts.Out) {
		var word string
		var n int
		if _, err := fmt.Sscanf(line, "%s\t%d", &word, &n); err == nil {
			got[word] = n
		}
	}
	for word, n := range want {
		if got[word] != n {
			t.Errorf("%s was counted %d times, want %d", word, got[word], n)
		}
	}
	logs := aggregated(t, shared.main, applicationID.FindString(run.Out))
	printed(t, logs, "LogType:syslog", "LogType:stderr", "Executing with tokens")
}

// aggregated reads an application's logs with `yarn logs`, once every container's log is there.
func aggregated(t *testing.T, c *cluster.Cluster, app string) cluster.Run {
	t.Helper()
	var run cluster.Run
	until(t, time.Minute, "yarn logs of "+app, func() error {
		var a struct {
			App struct{ LogAggregationStatus, State string }
		}
		if err := c.GetJSON("/ws/v1/cluster/apps/"+app, &a); err != nil {
			return err
		}
		if s := a.App.LogAggregationStatus; s != "SUCCEEDED" {
			return fmt.Errorf("log aggregation status %s in state %s", s, a.App.State)
		}
		return nil
	})
	run, err := c.Java(limited(t, time.Minute), "", cluster.LogsCLI, "-applicationId", app)
	ranWell(t, run, err)
	return run
}

// DistributedShell starts containers with an environment in a named queue; their output comes back through `yarn logs`.
func TestDistributedShell(t *testing.T) {
	distributedShell(t, shared.main)
}

func distributedShell(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	run, err := c.Shell(limited(t, 3*time.Minute), "", "-shell_command", "echo hello-$NAME-$CONTAINER_ID", "-shell_env", "NAME=heddle",
		"-num_containers", "3", "-container_memory", "256", "-master_memory", "300", "-queue", "batch")
	ranWell(t, run, err, "Application completed successfully")
	logs := aggregated(t, c, applicationID.FindString(run.Out))
	if n := len(regexp.MustCompile(`(?m)^hello-heddle-container_`).FindAllString(logs.Out, -1)); n != 3 {
		t.Errorf("%d containers said hello, want 3:\n%s", n, end(logs.Out))
	}
}

// DistributedShell runs on a Java NodeManager under the ResourceManager under test.
func TestDistributedShellOnAJavaNodeManager(t *testing.T) {
	c, err := cluster.Start(t.Context(), shared.options("java-nm", shared.rm, cluster.Java))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	distributedShell(t, c)
}

// A task whose first attempt fails is tried again, and the job succeeds.
func TestMapReduceTaskIsTriedAgain(t *testing.T) {
	run, err := shared.main.Java(limited(t, 4*time.Minute), "", "RetryJob", "/user/retry")
	ranWell(t, run, err, "completed successfully", "Failed map tasks=1")
}

// Hadoop's NMClientAsync changes a running container: its size, its resources, what it runs.
func TestJavaClientChangesARunningContainer(t *testing.T) {
	dir := t.TempDir()
	run, err := shared.main.Java(limited(t, 2*time.Minute), "", "RunningContainers", dir)
	ranWell(t, run, err, "all statements hold")
}

// Hadoop's client libraries: YarnClient, AMRMClient and NMClient in one program.
func TestJavaClientLibraries(t *testing.T) {
	run, err := shared.main.Java(limited(t, 2*time.Minute), "", "ClientLibraries")
	ranWell(t, run, err, "all statements hold")
}
