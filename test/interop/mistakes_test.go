//go:build interop

package interop

import (
	"maps"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// What a user of Hadoop's own clients gets wrong: the client ends by itself, with the thing and the remedy in
// its output, and nothing is left of the attempt.
func TestMistakesAreExplained(t *testing.T) {
	o := shared.options("mistakes", shared.rm, cluster.None)
	o.Queues = maps.Clone(cluster.DefaultQueues)
	o.Queues["yarn.scheduler.capacity.root.batch.acl_submit_applications"] = "alice"
	o.Queues["yarn.scheduler.capacity.root.acl_administer_queue"] = " " // an administrator of a queue may submit to it; by default all are
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	pi := func(options ...string) []string { return append(append([]string{"pi"}, options...), "1", "1") }
	for name, m := range map[string]struct {
		user, class string
		args        []string
		want        []string
		remedy      string // ours names it; Java's ResourceManager does not
	}{
		"an unknown queue":        {"bob", cluster.Examples, pi("-Dmapreduce.job.queuename=nowhere"), []string{"submitted by user bob to unknown queue: nowhere"}, "root.default"},
		"a parent queue":          {"bob", cluster.Examples, pi("-Dmapreduce.job.queuename=root"), []string{"application_", "root"}, "root is not a leaf queue; submit to one of its children"},
		"no right to the queue":   {"bob", cluster.Examples, pi("-Dmapreduce.job.queuename=batch"), []string{"AccessControlException", "User bob does not have permission to submit application_", "to queue batch"}, "acl_submit_applications"},
		"an AM that is too big":   {"bob", cluster.Examples, pi("-Dyarn.app.mapreduce.am.resource.mb=99999"), []string{"InvalidResourceRequestException", "Requested resource type=[memory-mb]", "99999", "8192"}, "yarn.scheduler.maximum-allocation-mb"},
		"an administrator's call": {"bob", cluster.RMAdminCLI, []string{"-refreshNodes"}, []string{"User bob doesn't have permission to call 'refreshNodes'"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, err := c.Java(limited(t, 90*time.Second), m.user, m.class, m.args...)
			if err != nil {
				t.Fatal(err)
			}
			if run.Code == 0 {
				t.Errorf("the client ended well; it printed:\n%s", end(run.Out))
			}
			printed(t, run, m.want...)
			if c.RMKind() == cluster.Heddle && !strings.Contains(run.Out, m.remedy) {
				t.Errorf("the remedy %q was not printed, but:\n%s", m.remedy, end(run.Out))
			}
		})
	}
	var apps struct {
		Apps struct{ App []struct{ State string } }
	}
	if err := c.GetJSON("/ws/v1/cluster/apps", &apps); err != nil {
		t.Fatal(err)
	}
	for _, a := range apps.Apps.App {
		if a.State != "FAILED" { // Java keeps the refused ones; ours has none
			t.Errorf("an application is left: %+v", a)
		}
	}
}
