//go:build interop

package interop

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heddle/test/cluster"
)

// Clients of other versions than the cluster's: their yarn commands, and a MapReduce job whose ApplicationMaster and tasks
// are of that version too. (3.4.2's are in the other tests; of 3.5.0 no examples are published.)
func TestClientsOfOtherVersions(t *testing.T) {
	for _, version := range []string{"2.10.2", "3.3.6"} {
		t.Run(version, func(t *testing.T) {
			ctx := limited(t, 4*time.Minute)
			c := withJars(t, version)
			run, err := c.Java(ctx, "", cluster.NodeCLI, "-list")
			ranWell(t, run, err, "Total Nodes:1", "RUNNING")
			app := runningApplication(t, ctx, shared.main)
			run, err = c.Java(ctx, "", cluster.ApplicationCLI, "application", "-list")
			ranWell(t, run, err, app, "RUNNING")
			run, err = c.Java(ctx, "", cluster.ApplicationCLI, "application", "-kill", app)
			ranWell(t, run, err, "Killing application "+app)
			a, err := heddleYarn(ctx, shared.main, []string{"application", "-status", app})
			if err != nil || a.code != 0 {
				t.Fatal(err, a)
			}
			printed(t, cluster.Run{Out: a.out}, "State : KILLED")
			pi(t, ctx, c)
		})
	}
}

// pi runs a small job with the jars of c for its ApplicationMaster and tasks.
func pi(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	run, err := c.Java(ctx, "", cluster.Examples, "pi", "-Dmapreduce.application.classpath="+c.JarsDir()+"/*", "-Dyarn.application.classpath="+c.ConfDir(), "1", "10")
	ranWell(t, run, err, "completed successfully", "Estimated value of Pi is")
}

// Hadoop 3.5.0's client libraries: YarnClient, AMRMClient and NMClient in one program, and its yarn commands.
func TestClientLibrariesOf350(t *testing.T) {
	ctx := limited(t, 2*time.Minute)
	c := withJars(t, "3.5.0")
	run, err := c.Java(ctx, "", cluster.NodeCLI, "-list")
	ranWell(t, run, err, "Total Nodes:1", "RUNNING")
	run, err = c.Java(ctx, "", "ClientLibraries")
	ranWell(t, run, err, "all statements hold")
}

// withJars is the shared cluster for clients of a version, with the programs of test/interop/java among the jars.
func withJars(t *testing.T, version string) *cluster.Cluster {
	t.Helper()
	jars, err := cluster.ClientJars(version)
	if err != nil {
		t.Fatal(err)
	}
	own, err := cluster.Jars()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, pattern := range []string{filepath.Join(jars, "*.jar"), filepath.Join(own, "heddle-clients.jar")} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			if err := os.Symlink(f, filepath.Join(dir, filepath.Base(f))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return shared.main.WithJars(dir)
}
