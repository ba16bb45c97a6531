//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"heddle/job/status"
	"heddle/test/cluster"
)

// A job's tasks run in Docker containers of their own, with the shared memory they ask for and HDFS through
// `heddle fs`; afterwards no container is left.
func TestJobInDocker(t *testing.T) {
	if shared.nm != cluster.Heddle {
		t.Skip("Java's NodeManager needs its container-executor for Docker")
	}
	dockerEngine(t)
	ctx := limited(t, 4*time.Minute)
	o := shared.options("jobdocker", shared.rm, shared.nm)
	o.Site = map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	job := func(name, image string) string {
		return fmt.Sprintf(`protocolVersion: 2
name: %s
type: job
prerequisites: [{type: dockerimage, name: img, uri: "%s"}]
taskRoles:
  main:
    instances: 2
    dockerImage: img
    resourcePerInstance: {cpu: 1, memoryMB: 256, gpu: 0}
    extraContainerOptions: {shmMB: 96}
    commands:
      - df -k /dev/shm | tail -1
      - echo "process $$ of container $(cat /proc/1/comm)"
      - heddle fs ls /tmp
      - touch /only-here && ls /only-here
`, name, image)
	}
	run, err := heddleRun(ctx, c, "job", "submit", "--wait", writeJob(t, job("boxed", dockerImage)))
	ranWell(t, run, err, "SUCCEEDED")
	run, err = heddleRun(ctx, c, "job", "logs", "boxed")
	ranWell(t, run, err, " 98304 ", "of container heddle-agent", "/tmp/heddle-staging", "/only-here")
	if left := ours(t); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}

	run, err = heddleRun(ctx, c, "job", "submit", "--wait", writeJob(t, job("imageless", "nosuch.invalid/image:1")))
	if err != nil || run.Code != 1 || !strings.Contains(run.Out, "nosuch.invalid/image:1 is not on this node and cannot be pulled") {
		t.Errorf("an image that is not there: code %d, %v: %s", run.Code, err, run.Out)
	}
	if s, err := jobStatus(ctx, c, "imageless"); err != nil || s.State != status.Failed || s.Attempt != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}
