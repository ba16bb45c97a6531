//go:build interop

package interop

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// moving is what may change between two looks at the same thing: what nodes use, and when they last said so.
var moving = regexp.MustCompile(`(?m)^\s*(Resource Utilization|Aggregate Resource|Last-Health-Update|Current Capacity).*$`)

// TestHeddleYarnPrintsWhatHadoopsYarnPrints compares `heddle yarn` with Hadoop's own client, byte for byte, on a cluster
// that has run an application.
func TestHeddleYarnPrintsWhatHadoopsYarnPrints(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c := shared.main
	run, err := c.Shell(ctx, "", "-shell_command", "echo compared", "-num_containers", "1", "-master_memory", "256", "-container_memory", "128")
	ranWell(t, run, err)
	app := applicationID.FindString(run.Out)
	attempt := "appattempt" + strings.TrimPrefix(app, "application") + "_000001"
	node := nodeID(t, ctx)
	for _, tc := range []struct{ class, args string }{
		{cluster.NodeCLI, "node -list"},
		{cluster.NodeCLI, "node -list -all"},
		{cluster.NodeCLI, "node -list -showDetails"},
		{cluster.NodeCLI, "node -list -states LOST,UNHEALTHY"},
		{cluster.NodeCLI, "node -status " + node},
		{cluster.ApplicationCLI, "application -list"},
		{cluster.ApplicationCLI, "application -list -appStates FINISHED -appTypes YARN"},
		{cluster.ApplicationCLI, "application -list -appStates ALL -appTags none"},
		{cluster.ApplicationCLI, "application -status " + app},
		{cluster.ApplicationCLI, "application -kill " + app},
		{cluster.ApplicationCLI, "applicationattempt -list " + app},
		{cluster.ApplicationCLI, "applicationattempt -status " + attempt},
		{cluster.ApplicationCLI, "container -list " + attempt},
		{cluster.QueueCLI, "queue -status default"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			args := strings.Fields(tc.args)
			java := args
			if tc.class != cluster.ApplicationCLI { // these classes get no noun
				java = args[1:]
			}
			theirs, err := c.Java(ctx, "", tc.class, java...)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := heddleYarn(ctx, c, args)
			if err != nil {
				t.Fatalf("%v: %s", err, ours)
			}
			if want := still(theirs.Stdout); still(ours) != want || want == "" {
				t.Errorf("ours:\n%s\nHadoop's:\n%s", ours, theirs.Stdout)
			}
		})
	}
}

func still(s string) string { return moving.ReplaceAllString(s, "") }

func heddleYarn(ctx context.Context, c *cluster.Cluster, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, shared.binary, append([]string{"yarn", "--config", c.ConfDir()}, args...)...)
	out, err := cmd.Output()
	return string(out), err
}

func nodeID(t *testing.T, ctx context.Context) string {
	t.Helper()
	out, err := heddleYarn(ctx, shared.main, []string{"node", "-list"})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Fields(lines[len(lines)-1])[0]
}
