//go:build interop

package interop

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// clientScript asks to be looked at by one file, and ends when another is there.
const clientScript = `import os, sys, time
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.appName("in client mode").getOrCreate()
d = spark.range(0, 200000, numPartitions=4).withColumn("k", F.col("id") % 7).groupBy("k").agg(F.sum("id").alias("t"))
print("SUM", d.agg(F.sum("t")).collect()[0][0], d.count())
read = lambda _: open("it's_größer", encoding="utf-8").read()
print("FILE", set(spark.sparkContext.parallelize(range(4), 4).map(read).collect()), flush=True)
open(sys.argv[1] + ".please", "w").close()
while not os.path.exists(sys.argv[1]): time.sleep(0.1)
spark.stop()
`

const clusterScript = `from pyspark import SparkContext
sc = SparkContext(appName="in cluster mode")
print("KEYS", sc.parallelize(range(100000), 4).map(lambda x: (x % 5, x)).reduceByKey(lambda a, b: a + b).count())
sc.stop()
`

// sparkSubmit is a run of spark-submit against a cluster; it ends with ctx.
func sparkSubmit(ctx context.Context, t *testing.T, c *cluster.Cluster, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cache, err := cluster.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(cache, "spark-3.5.6", "bin")
	if _, err := os.Stat(filepath.Join(bin, "spark-submit")); err != nil {
		t.Fatalf("PySpark is not installed, run test/setup/spark.sh: %v", err)
	}
	small := []string{filepath.Join(bin, "spark-submit"), "--master", "yarn", "--num-executors", "1", "--executor-memory", "512m", "--driver-memory", "512m",
		"--conf", "spark.executor.memoryOverhead=256m", "--conf", "spark.driver.memoryOverhead=256m"}
	cmd := cluster.Command(ctx, append(small, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+c.ConfDir(), "YARN_CONF_DIR="+c.ConfDir(), "PATH="+bin+":"+os.Getenv("PATH"), "PYSPARK_PYTHON=python3")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// PySpark with its driver here: results, a shipped file whose names have blanks, quotes and other letters (Spark itself
// takes no blank after the #), and every tab of its pages through the proxy.
func TestSparkInClientMode(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c := shared.main
	dir := t.TempDir()
	file := url.URL{Scheme: "file", Path: write(t, filepath.Join(dir, "x y 数.txt"), "ganz groß"), Fragment: "it's_größer"}
	looked := filepath.Join(dir, "looked")
	cmd, out := sparkSubmit(ctx, t, c, "--deploy-mode", "client", "--files", file.String(), write(t, filepath.Join(dir, "job.py"), clientScript), looked)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	until(t, 2*time.Minute, "the results", func() error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended: %v\n%s", err, end(out.String()))
		default:
		}
		_, err := os.Stat(looked + ".please")
		return err
	})
	var apps struct {
		Apps struct{ App []struct{ ID string } }
	}
	if err := c.GetJSON("/ws/v1/cluster/apps?states=RUNNING&applicationTypes=SPARK", &apps); err != nil || len(apps.Apps.App) != 1 {
		t.Fatalf("%+v, %v", apps, err)
	}
	app := apps.Apps.App[0].ID
	web := "http://" + c.Address("web")
	tabs(ctx, t, web, "/proxy/"+app, "/jobs/", "/stages/", "/storage/", "/environment/", "/executors/", "/SQL/")
	if status, _, page := ask(t, "GET", web+"/proxy/"+app+"/executors/threadDump/?executorId=%64river&user.name=root", "", true); status != 200 || !strings.Contains(page, "Thread dump for executor driver") {
		t.Errorf("the driver's threads: %d %.300s", status, page)
	}
	write(t, looked, "")
	if err := <-ended; err != nil {
		t.Errorf("spark-submit: %v", err)
	}
	printed(t, cluster.Run{Out: out.String()}, "SUM 19999900000 7", "FILE {'ganz groß'}")
}

// PySpark with its driver in the ApplicationMaster.
func TestSparkInClusterMode(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	cmd, out := sparkSubmit(ctx, t, shared.main, "--deploy-mode", "cluster", "--conf", "spark.yarn.appMasterEnv.PYSPARK_PYTHON=python3",
		"--conf", "spark.executorEnv.PYSPARK_PYTHON=python3", write(t, filepath.Join(t.TempDir(), "job.py"), clusterScript))
	if err := cmd.Run(); err != nil {
		t.Fatalf("spark-submit: %v\n%s", err, end(out.String()))
	}
	printed(t, cluster.Run{Out: out.String()}, "final status: SUCCEEDED")
	printed(t, aggregated(t, shared.main, applicationID.FindString(out.String())), "KEYS 5")
}
