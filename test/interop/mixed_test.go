//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// One MapReduce job runs on a Java NodeManager and on ours at once, each on a host of its own: maps of both kinds of
// node feed one reducer, and the logs of both are read together. HEDDLE_INTEROP_RM=java runs it under Java's ResourceManager.
func TestOneJobOnBothKindsOfNodes(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	o := shared.options("mixed", shared.rm, cluster.None)
	o.HDFS, o.Outside = nil, true // the hosts share this machine's files
	o.Site = map[string]string{"yarn.nodemanager.resource.memory-mb": "1600", "yarn.nodemanager.remote-app-log-dir": filepath.Join(o.Dir, "remote-logs")}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	host, err := c.AddHost(ctx, 7, cluster.Java)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := c.AddNM(ctx, cluster.Heddle); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "our node beside Java's", func() error { _, err := c.NodeState(cluster.Rendezvous); return err })
	run, err := c.Java(ctx, "", cluster.Examples, "pi", "8", "10")
	ranWell(t, run, err, "Estimated value of Pi is 3.2", "completed successfully")
	app := applicationID.FindString(strings.ReplaceAll(run.Out, "job_", "application_"))
	aggregated(t, c, app)
	for _, node := range []string{host.Node(), cluster.Rendezvous} {
		files, err := filepath.Glob(filepath.Join(o.Dir, "remote-logs/*/*/*", app, node+"_*"))
		if err != nil || len(files) != 1 {
			t.Errorf("logs of the node on %s: %v, %v", node, files, err)
		}
	}
	logs, err := c.Java(ctx, "", cluster.LogsCLI, "-applicationId", app)
	ranWell(t, logs, err)
	for _, node := range []string{host.Node(), cluster.Rendezvous} {
		if !strings.Contains(logs.Out, " on "+node+"_") {
			t.Errorf("yarn logs shows nothing of the node on %s", node)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", c.Logs(), host.Logs())
	}
}
