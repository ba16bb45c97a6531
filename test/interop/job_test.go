//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/job/status"
	"heddle/test/cluster"
)

// twoRoles is a job whose workers talk to its server, a role that never ends by itself.
const twoRoles = `protocolVersion: 2
name: tworoles
type: job
prerequisites:
  - {type: dockerimage, name: img, uri: heddle/test}
taskRoles:
  server:
    dockerImage: img
    resourcePerInstance: {cpu: 1, memoryMB: 256, gpu: 0}
    commands:
      - echo "cluster $TF_CONFIG"
      - exec python3 -m http.server $PAI_CONTAINER_HOST_PORT
  worker:
    instances: 2
    completion: {minFailedInstances: 1, minSucceededInstances: 2}
    dockerImage: img
    resourcePerInstance: {cpu: 1, memoryMB: 256, gpu: 0}
    commands:
      - set -e
      - echo "reading from $PAI_TASK_ROLE_server_HOST_LIST"
      - |
        python3 <<END
        import os, time, urllib.request
        for i in range(100):
            try:
                urllib.request.urlopen("http://" + os.environ["PAI_TASK_ROLE_server_HOST_LIST"]).read()
                print("the server answers")
                break
            except OSError:
                time.sleep(0.1)
        END
      - heddle fs mkdir -p /tmp/tworoles
      - echo "worker $PAI_TASK_INDEX of $PAI_CURRENT_TASK_ROLE_TASK_COUNT" > out
      - heddle fs put -f out /tmp/tworoles/$PAI_TASK_INDEX
`

// heddleRun runs our own client as alice.
func heddleRun(ctx context.Context, c *cluster.Cluster, args ...string) (cluster.Run, error) {
	cmd := exec.CommandContext(ctx, shared.binary, args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+c.ConfDir(), "HADOOP_USER_NAME=alice")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return cluster.Run{Out: out.String(), Code: cmd.ProcessState.ExitCode()}, err
}

func writeJob(t *testing.T, text string) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "job.yaml"), text)
}

// A job of two roles runs as processes from submission to its logs, on HDFS, over any ResourceManager and NodeManager.
func TestJobOfTwoRoles(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c := shared.main
	run, err := heddleRun(ctx, c, "job", "submit", "--executor", "process", writeJob(t, twoRoles))
	ranWell(t, run, err, "Submitted job tworoles as application_")
	run, err = heddleRun(ctx, c, "job", "wait", "tworoles")
	if run.Code != 0 {
		logs, _ := heddleRun(ctx, c, "job", "logs", "tworoles")
		master, _ := heddleRun(ctx, c, "job", "logs", "--master", "tworoles")
		t.Log(end(logs.Out), end(master.Out))
	}
	ranWell(t, run, err, "RUNNING  ", "SUCCEEDED") // how many ran at once is a matter of when it looked

	run, err = heddleRun(ctx, c, "job", "status", "--json", "tworoles")
	ranWell(t, run, err)
	var s status.Job
	if err := json.Unmarshal([]byte(run.Out), &s); err != nil {
		t.Fatalf("%v in %s", err, run.Out)
	}
	if s.State != status.Succeeded || s.User != "alice" || s.Count(status.Succeeded) != 2 || s.Count(status.Stopped) != 1 || s.Attempt != 1 {
		t.Errorf("status %+v", s)
	}
	run, err = heddleRun(ctx, c, "job", "list")
	ranWell(t, run, err, "tworoles", "SUCCEEDED")
	run, err = heddleRun(ctx, c, "job", "logs", "tworoles")
	ranWell(t, run, err, `cluster {"cluster":{"server":["`, "reading from ", "the server answers", "==> worker-1 stdout <==")
	for i := range 2 {
		run, err = heddleRun(ctx, c, "fs", "cat", fmt.Sprintf("/tmp/tworoles/%d", i))
		ranWell(t, run, err, fmt.Sprintf("worker %d of 2", i))
	}
	run, err = c.Java(ctx, "alice", cluster.ApplicationCLI, "application", "-list", "-appStates", "FINISHED", "-appTypes", "HEDDLE")
	ranWell(t, run, err, "tworoles", "HEDDLE", "SUCCEEDED")
}

// A command that fails uses up the job's retries, and the reason is told.
func TestJobThatFails(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	job := `{"jobName": "failing", "image": "none", "retryCount": 1, "taskRoles": [
  {"name": "main", "taskNumber": 2, "memoryMB": 256, "command": "test $PAI_TASK_INDEX = 0 || exit 7; sleep 600"}]}`
	run, err := heddleRun(ctx, shared.main, "job", "submit", "--executor", "process", writeJob(t, job))
	ranWell(t, run, err)
	run, err = heddleRun(ctx, shared.main, "job", "wait", "failing")
	if err != nil || run.Code != 1 {
		t.Fatalf("code %d, %v: %s", run.Code, err, run.Out)
	}
	printed(t, run, "(attempt 2)", "job failing failed: task main-1 failed with exit code 7")
	run, err = heddleRun(ctx, shared.main, "job", "status", "failing")
	ranWell(t, run, err, "FAILED", "retries: 1 of the job's own", "main-1: the command exited with code 7")
}

// A running job's logs come from its node; a stopped job leaves nothing behind.
func TestJobIsStopped(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	job := `{"jobName": "endless", "image": "none", "taskRoles": [{"name": "main", "taskNumber": 2, "memoryMB": 256, "command": "echo here I am; exec sleep 98765"}]}`
	run, err := heddleRun(ctx, shared.main, "job", "submit", "--executor", "process", writeJob(t, job))
	ranWell(t, run, err)
	until(t, time.Minute, "the job runs and logs", func() error {
		run, err := heddleRun(ctx, shared.main, "job", "logs", "endless")
		if err == nil && strings.Count(run.Out, "here I am") != 2 {
			err = errors.New(run.Out)
		}
		return err
	})
	run, err = heddleRun(ctx, shared.main, "job", "stop", "endless")
	ranWell(t, run, err, "Stopped job endless")
	run, err = heddleRun(ctx, shared.main, "job", "status", "endless")
	ranWell(t, run, err, "STOPPED", "main-1")
	run, err = heddleRun(ctx, shared.main, "job", "wait", "endless")
	if err != nil || run.Code != 1 {
		t.Errorf("waiting for a stopped job: code %d, %v", run.Code, err)
	}
	until(t, time.Minute, "no process is left", func() error {
		if out, err := exec.Command("pgrep", "-f", "^sleep 98765$").Output(); err == nil {
			return fmt.Errorf("left: %s", out)
		}
		return nil
	})
}

// A job file with three mistakes is refused with each of them and its line, and nothing is submitted.
func TestJobFileWithThreeMistakes(t *testing.T) {
	ctx := limited(t, time.Minute)
	bad := strings.NewReplacer("cpu: 1, memoryMB: 256", "cpu: 1, memoryMB: lots", "instances: 2", "instances: 2\n    taskRetryCount: 3", "dockerImage: img\n    resource", "dockerImage: absent\n    resource").Replace(strings.Replace(twoRoles, "tworoles\ntype", "mistakes\ntype", 1))
	run, err := heddleRun(ctx, shared.main, "job", "submit", writeJob(t, bad))
	if err != nil || run.Code != 1 {
		t.Fatalf("code %d, %v: %s", run.Code, err, run.Out)
	}
	printed(t, run,
		"line 8: taskRoles.server.dockerImage: no prerequisite of type dockerimage is called absent",
		`line 9: taskRoles.server.resourcePerInstance.memoryMB: must be a whole number, not "lots"`,
		"line 15: taskRoles.worker.taskRetryCount: single tasks are not retried yet")
	run, err = heddleRun(ctx, shared.main, "job", "status", "mistakes")
	if err != nil || run.Code != 1 {
		t.Errorf("it was submitted: %s", run.Out)
	}
}

// What a cluster cannot give is refused at submission: an unknown queue, containers above the maximum.
func TestJobThatTheClusterCannotRun(t *testing.T) {
	ctx := limited(t, time.Minute)
	for name, tt := range map[string]struct{ edit, want string }{
		"queue": {`"virtualCluster": "nowhere"`, "nowhere"},
		"size":  {`"retryCount": 0`, "memoryMB is 4000000, the cluster's largest container has"},
	} {
		memory := 256
		if name == "size" {
			memory = 4_000_000
		}
		job := fmt.Sprintf(`{"jobName": "cannot", %s, "image": "none", "taskRoles": [{"name": "main", "memoryMB": %d, "command": "true"}]}`, tt.edit, memory)
		run, err := heddleRun(ctx, shared.main, "job", "submit", "--executor", "process", writeJob(t, job))
		if err != nil || run.Code != 1 || !strings.Contains(run.Out, tt.want) {
			t.Errorf("%s: code %d, %v: %s", name, run.Code, err, run.Out)
		}
	}
}
