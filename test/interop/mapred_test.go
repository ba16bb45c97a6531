//go:build interop

package interop

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/hadoop/fs"
	"heddle/test/cluster"
)

// Hadoop's `mapred job`, `mapred queue`, `mapred streaming`, `hadoop archive` and `hadoop distcp`.
const (
	jobCLI    = "org.apache.hadoop.mapred.JobClient"
	queueCLI  = "org.apache.hadoop.mapred.JobQueueClient"
	streaming = "org.apache.hadoop.streaming.HadoopStreaming"
	archives  = "org.apache.hadoop.tools.HadoopArchives"
	distCp    = "org.apache.hadoop.tools.DistCp"

	uber = "-Dmapreduce.job.ubertask.enable=true" // small jobs inside their AM: few processes
)

func TestStreamingArchiveAndDistCp(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	files, err := shared.hdfs.Open("root")
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if err := files.MkdirAll("/user/mapred/in/deep", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/user/mapred/in/a", "/user/mapred/in/deep/b"} {
		out, err := files.Create(name, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte("one two\ntwo\nthree\n")); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for name, one := range map[string]struct {
		class string
		args  []string
		made  map[string]string // what is in files that it made
	}{
		"streaming": {streaming, []string{"-D", "mapreduce.job.reduces=1", "-input", "/user/mapred/in/a", "-output", "/user/mapred/words", "-mapper", "tr ' ' '\\n'", "-reducer", "uniq -c"},
			map[string]string{"/user/mapred/words/part-00000": "1 one\t\n      1 three\t\n      2 two"}},
		"archive": {archives, []string{uber, "-archiveName", "all.har", "-p", "/user/mapred", "in", "/user/mapred/archived"},
			map[string]string{"/user/mapred/archived/all.har/_index": "%2Fin%2Fdeep%2Fb file part-0", "/user/mapred/archived/all.har/part-0": "one two\ntwo\nthree\none two\n"}},
		"distcp": {distCp, []string{uber, "/user/mapred/in", "/user/mapred/copy"},
			map[string]string{"/user/mapred/copy/deep/b": "one two\ntwo\nthree\n"}},
	} {
		all.Go(func() {
			run, err := shared.main.Java(ctx, "", one.class, one.args...)
			if err != nil || run.Code != 0 {
				t.Errorf("%s: code %d, %v:\n%s", name, run.Code, err, end(run.Out))
				return
			}
			for file, want := range one.made {
				if text, err := content(files, file); err != nil || !strings.Contains(text, want) {
					t.Errorf("%s: %q is not in %s, %v:\n%s", name, want, file, err, end(text))
				}
			}
		})
	}
	all.Wait()
}

func content(files fs.FileSystem, path string) (string, error) {
	f, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// A job is watched, changed and killed by `mapred job`; `mapred queue` shows the queues.
func TestMapredJobAndQueue(t *testing.T) {
	ctx := limited(t, 3*time.Minute)
	c := shared.main
	ended := make(chan cluster.Run, 1)
	go func() {
		run, _ := c.Java(ctx, "", cluster.Examples, "randomwriter", "-Dmapreduce.randomwriter.mapsperhost=1", "-Dmapreduce.randomwriter.bytespermap=8000000000", "/user/endless")
		ended <- run
	}()
	var job string
	until(t, time.Minute, "a running job", func() error {
		var apps struct {
			Apps struct {
				App []struct{ ID, Name string }
			}
		}
		if err := c.GetJSON("/ws/v1/cluster/apps?states=RUNNING&applicationTypes=MAPREDUCE", &apps); err != nil {
			return err
		}
		for _, a := range apps.Apps.App {
			if a.Name == "random-writer" {
				job = strings.Replace(a.ID, "application", "job", 1)
				return nil
			}
		}
		return errors.New("there is none")
	})
	for _, step := range []struct {
		class string
		args  string
		want  []string
	}{
		{jobCLI, "-list", []string{"Total jobs:1", job, "RUNNING", "default"}},
		{jobCLI, "-status " + job, []string{"Job: " + job, "Job state: RUNNING", "Number of maps: 1"}},
		{jobCLI, "-set-priority " + job + " HIGH", []string{"Changed job priority."}},
		{queueCLI, "-list", []string{"Queue Name : default", "Queue Name : batch", "Queue State : running"}},
		{queueCLI, "-info default -showJobs", []string{"Queue Name : default", job}},
		{jobCLI, "-kill " + job, []string{"Killed job " + job}},
	} {
		run, err := c.Java(ctx, "", step.class, strings.Fields(step.args)...)
		if err != nil || run.Code != 0 {
			t.Errorf("%s %s: code %d, %v:\n%s", step.class, step.args, run.Code, err, end(run.Out))
			continue
		}
		for _, w := range step.want {
			if !strings.Contains(run.Out, w) {
				t.Errorf("%s %s: %q is not in\n%s", step.class, step.args, w, end(run.Out))
			}
		}
	}
	run := <-ended
	if !regexp.MustCompile(`(?i)job .* failed with state KILLED|was killed|state KILLED`).MatchString(run.Out) {
		t.Errorf("the job's client does not know that it was killed: code %d\n%s", run.Code, end(run.Out))
	}
}
