//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// moving is what may change between two looks at the same thing: what nodes use, and when they last said so.
var moving = regexp.MustCompile(`(?m)^\s*(Resource Utilization|Aggregate Resource|Last-Health-Update|Current Capacity|Successfully updated LIFETIME|Updated lifetime|TimeoutType).*$`)

// helpText is the help of single options, which is Heddle's own; names and layout are Hadoop's.
var helpText = regexp.MustCompile(`(?m)^( -| {12,}\S).*\n`)

// hadoopsYarn is Hadoop's own yarn command in one JVM for many commands.
type hadoopsYarn struct {
	in  io.Writer
	out *bufio.Reader
}

func startHadoopsYarn(t *testing.T, ctx context.Context, c *cluster.Cluster) *hadoopsYarn {
	t.Helper()
	cmd := c.JavaCommand(ctx, "", "YarnCommands")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends with its input, or is killed with ctx
	})
	return &hadoopsYarn{in, bufio.NewReader(out)}
}

type answer struct {
	code     int
	out, err string
}

func (h *hadoopsYarn) run(args []string) (a answer, err error) {
	if _, err := fmt.Fprintln(h.in, strings.Join(args, "\t")); err != nil {
		return a, err
	}
	var outBytes, errBytes int
	if _, err := fmt.Fscanf(h.out, "%d %d %d\n", &a.code, &outBytes, &errBytes); err != nil {
		return a, err
	}
	text := make([]byte, outBytes+errBytes)
	if _, err := io.ReadFull(h.out, text); err != nil {
		return a, err
	}
	a.out, a.err = string(text[:outBytes]), string(text[outBytes:])
	return a, nil
}

// yarnCommands are compared byte for byte on standard output, and by their exit code. $R and $F are an application that runs
// and one that has finished, $RA $FA their attempts, $RC $FC a container of each, $N the node.
var yarnCommands = []string{
	"node -list", "node -list -all", "node -list -showDetails", "node -list -states LOST,UNHEALTHY", "node -list -states RUNNING LOST", "node -status $N",
	"node -status nosuch:1", "node -status nosuch", "node -list -states ASLEEP", "node -list -states", "node", "node -list -showDetails -all", "node -showDetails", "node -status", "node -help", "node -all", "node -bogus",

	"application -list", "app -list", "application -list -appStates FINISHED -appTypes YARN", "application -list -appTypes yarn,SPARK -appStates ALL",
	"application -list -appStates ALL -appTags none,b,A", "application -list -appStates running,finished", "application -list -appStates WALKING",
	"application -list -appStates", "application -status $R", "application -status $F", "application -status application_1_1", "application -status name",
	"application -status", "application -list -status $R", "application -list -kill $R", "application -list extra", "application", "application -help",
	"application -bogus", "application -appId $R", "application -queue default", "application -appTypes X", "application -list -appTags", "application -list -appTypes", "application -status $R -appTypes X", "application -clusterId x -status $R",
	"application -kill $F", "application -kill $F application_1_1", "application -kill application_1_1", "application -kill x", "application -kill",
	"application -movetoqueue $R", "application -movetoqueue $R -queue batch", "application -movetoqueue $F -queue batch", "application -movetoqueue $R -queue nosuch",
	"application -appId $R -changeQueue default", "application -changeQueue default", "application -appId $R -changeQueue nosuch",
	"application -appId $R -updatePriority 0", "application -appId $R -updatePriority 4", "application -appId $F -updatePriority 4", "application -appId $R -updatePriority x",
	"application -updatePriority 4", "application -appId $R -updateLifetime 100000", "application -appId $R -updateLifetime -1", "application -appId $F -updateLifetime 9",
	"application -appId $R -updateLifetime x", "application -updateLifetime 9",
	"application -launch a b", "application -save a b", "application -start a", "application -stop a", "application -stop $R", "application -destroy a",
	"application -flex a", "application -flex a -component c 2", "application -enableFastLaunch", "application -enableFastLaunch d", "application -upgrade a",
	"application -upgrade a -initiate f", "application -upgrade a -express f", "application -upgrade a -instances i,j", "application -upgrade a -components c",
	"application -upgrade a -finalize", "application -upgrade a -cancel", "application -decommission a", "application -decommission a -instances i", "application -component c 2",

	"applicationattempt -list $R", "applicationattempt -list $F", "applicationattempt -list application_1_1", "applicationattempt -list", "applicationattempt -status $RA",
	"applicationattempt -status $FA", "applicationattempt -status appattempt_1_0001_000001", "applicationattempt -status x", "applicationattempt -fail $FA",
	"applicationattempt -fail appattempt_1_0001_000001", "applicationattempt", "applicationattempt -help",

	"container -list $RA", "container -list $FA", "container -list appattempt_1_0001_000001", "container -list name", "container -status $RC", "container -status $FC",
	"container -status container_1_0001_01_000001", "container -status x", "container -signal $RC GRACEFUL", "container -signal $FC", "container -signal", "container",
	"container -help",

	"queue -status default", "queue -status root", "queue -status root.batch", "queue -status nosuch", "queue -status", "queue -list root", "queue -list all",
	"queue -list root.batch", "queue -list", "queue", "queue -help", "queue -subClusterId x -status default",
	"cluster -lnl", "cluster -list-node-labels",

	"rmadmin", "rmadmin -help refreshQueues", "rmadmin -bogus", "rmadmin refreshQueues", "rmadmin -refreshQueues now", "rmadmin -refreshNodes", "rmadmin -refreshNodes -g",
	"rmadmin -refreshNodes -g x -client", "rmadmin -refreshNodes -g 1 2 3", "rmadmin -refreshUserToGroupsMappings", "rmadmin -getGroups", "rmadmin -getGroups root daemon",
	"rmadmin -getGroups nosuchuser", "rmadmin -addToClusterNodeLabels", "rmadmin -addToClusterNodeLabels a(bogus=true)", "rmadmin -removeFromClusterNodeLabels",
	"rmadmin -replaceLabelsOnNode", "rmadmin -replaceLabelsOnNode =a", "rmadmin -updateNodeResource $N", "rmadmin -updateNodeResource $N memory-mb=2048",
	"rmadmin -updateNodeResource $N x y", "rmadmin -updateNodeResource nohost 2048 4", "rmadmin -getServiceState rm1", "rmadmin -getAllServiceState", "rmadmin -failover a b",

	"daemonlog", "daemonlog -getlevel $W", "daemonlog -getlevel 127.0.0.1:1 x", "daemonlog -bogus", "daemonlog -getlevel $W a.b.C", "daemonlog -getlevel $W a.b.C -protocol http",
	"daemonlog -setlevel $W a.b.C DEBUG", "daemonlog -setlevel $W a.b.C LOUD", "daemonlog -setlevel $W a.b.C INFO -protocol http", "daemonlog -setlevel $W a.b.C",
	"daemonlog -getlevel $W a.b.C -protocol ftp", "daemonlog -getlevel $W a.b.C -setlevel $W a.b.C INFO",
}

// logCommands are `yarn logs`; files of running containers come in the order of a Java hash map, so frames are sorted.
var logCommands = []string{
	"logs", "logs -help", "logs -applicationId", "logs -bogus", "logs $F", "logs -applicationId x", "logs -containerId x", "logs -applicationAttemptId x", "logs -applicationId application_1_0001",
	"logs -containerId container_1_0001_01_000002", "logs -applicationId $F", "logs -applicationId $F extra", "logs -applicationId $F -log_files stdout", "logs -applicationId $F -log_files stdout,stderr",
	"logs -applicationId $F -log_files nosuch", "logs -applicationId $F -log_files ALL", "logs -applicationId $F -log_files *", "logs -applicationId $F -log_files_pattern std.*",
	"logs -applicationId $F -log_files_pattern .*", "logs -applicationId $F -log_files_pattern zzz", "logs -applicationId $F -log_files a -log_files_pattern b",
	"logs -applicationId $F -size 3", "logs -applicationId $F -size -3", "logs -applicationId $F -log_files stdout -size 300", "logs -applicationId $F -log_files stdout -size -300",
	"logs -applicationId $F -size x", "logs -applicationId $F -size_limit_mb 1", "logs -applicationId $F -size_limit_mb -1", "logs -applicationId $F -size_limit_mb x",
	"logs -applicationId $F -containerId $FC", "logs -containerId $FC -log_files stdout", "logs -containerId $FC -nodeAddress $N", "logs -containerId $FC -nodeAddress nosuch:1",
	"logs -applicationId $F -nodeAddress $N", "logs -applicationId $F -list_nodes", "logs -applicationId $F -show_application_log_info", "logs -applicationId $F -show_container_log_info",
	"logs -applicationId $F -show_container_log_info -nodeAddress $N", "logs -containerId $FC -show_container_log_info", "logs -containerId $FC -show_application_log_info",
	"logs -applicationId $F -show_application_log_info -show_container_log_info", "logs -applicationId $F -am 1", "logs -applicationId $F -am ALL -log_files AppMaster.stderr",
	"logs -applicationId $F -am -1", "logs -applicationId $F -am 5", "logs -applicationId $F -am x", "logs -applicationId $F -appOwner nobody", "logs -applicationAttemptId $FA",
	"logs -client_max_retries 1 -client_retry_interval_ms 5 -containerId $FC -log_files stdout", "logs -client_max_retries x -applicationId $F",

	"logs -applicationId $R", "logs -applicationId $R -log_files stdout", "logs -applicationId $R -list_nodes", "logs -applicationId $R -show_application_log_info",
	"logs -applicationId $R -show_container_log_info", "logs -applicationId $R -am 1", "logs -applicationId $R -am ALL -log_files AppMaster.stdout", "logs -containerId $RC",
	"logs -containerId $RC -log_files prelaunch.out -size 3", "logs -containerId $RC -log_files prelaunch.out -size -3", "logs -containerId $RC -log_files nosuch",
	"logs -containerId $RC -log_files_pattern std.*", "logs -containerId $RC -show_container_log_info", "logs -containerId $RC -show_application_log_info", "logs -containerId $RC -nodeAddress $N",
	"logs -applicationAttemptId $RA -log_files stdout", "logs -containerId $RC -size_limit_mb 0",
}

// TestHeddleYarnPrintsWhatHadoopsYarnPrints compares `heddle yarn` with Hadoop's own client on a cluster
// that has run an application and runs another.
func TestHeddleYarnPrintsWhatHadoopsYarnPrints(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	c := shared.main
	run, err := c.Shell(ctx, "", "-shell_command", "echo compared", "-num_containers", "1", "-master_memory", "256", "-container_memory", "128")
	ranWell(t, run, err)
	words := idWords(applicationID.FindString(run.Out), "$F", "$FA", "$FC")
	words = append(words, idWords(runningApplication(t, ctx, c), "$R", "$RA", "$RC")...)
	replace := strings.NewReplacer(append(longestFirst(words), "$N", nodeID(t, ctx), "$W", c.Address("web"))...)
	java := startHadoopsYarn(t, ctx, c)
	aggregated(t, c, replace.Replace("$F"))
	for _, line := range slices.Concat(yarnCommands, logCommands) {
		t.Run(line, func(t *testing.T) { compare(t, ctx, c, java, strings.Fields(replace.Replace(line))) })
	}
}

func compare(t *testing.T, ctx context.Context, c *cluster.Cluster, java *hadoopsYarn, args []string) {
	t.Helper()
	theirs, err := java.run(args)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := heddleYarn(ctx, c, args)
	if err != nil {
		t.Fatal(err)
	}
	if args[0] == "logs" {
		ours.out, theirs.out = sortedFrames(ours.out), sortedFrames(theirs.out)
	}
	if still(ours.out) != still(theirs.out) || ours.code != theirs.code {
		t.Errorf("ours, code %d:\n%s%s\nHadoop's, code %d:\n%s%s", ours.code, ours.out, ours.err, theirs.code, theirs.out, theirs.err)
	}
}

var frame = regexp.MustCompile(`(?s)Container: container_.*?\n\*{50,}\n`)

// sortedFrames are the framed logs of a text in their alphabetic order, then what is around them.
func sortedFrames(s string) string {
	frames := frame.FindAllString(s, -1)
	slices.Sort(frames)
	return strings.Join(frames, "") + frame.ReplaceAllString(s, "")
}

// idWords are an application's id and what belongs to it, after the names that the table gives them.
func idWords(app string, names ...string) []string {
	numbers := strings.TrimPrefix(app, "application")
	return []string{names[0], app, names[1], "appattempt" + numbers + "_000001", names[2], "container" + numbers + "_01_000002"}
}

func longestFirst(pairs []string) []string {
	var out []string
	for p := range slices.Chunk(pairs, 2) {
		if len(p[0]) == 3 {
			out = append(p, out...)
		} else {
			out = append(out, p...)
		}
	}
	return out
}

// runningApplication starts an application that runs until the test's end, with a container beside its master.
func runningApplication(t *testing.T, ctx context.Context, c *cluster.Cluster) string {
	t.Helper()
	stop := filepath.Join(t.TempDir(), "stop")
	if err := os.Chmod(filepath.Dir(stop), 0o755); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = c.Shell(ctx, "", "-shell_command", "echo runs; while [ ! -e "+stop+" ]; do sleep 0.2; done", "-num_containers", "1", "-master_memory", "256", "-container_memory", "128")
	}()
	t.Cleanup(func() {
		if err := os.WriteFile(stop, nil, 0o644); err != nil {
			t.Error(err)
		}
		<-ended
	})
	var app string
	until(t, time.Minute, "a running application", func() error {
		a, err := heddleYarn(ctx, c, []string{"application", "-list", "-appStates", "RUNNING"})
		if err != nil {
			return err
		}
		app = applicationID.FindString(a.out)
		if app == "" {
			return errors.New("none runs")
		}
		a, err = heddleYarn(ctx, c, []string{"container", "-status", idWords(app, "", "", "")[5]})
		if err == nil && !strings.Contains(a.out, "State : RUNNING") {
			return errors.New("its container does not run yet")
		}
		return err
	})
	return app
}

func still(s string) string {
	if strings.Contains(s, "usage: ") {
		s = helpText.ReplaceAllString(s, "")
	}
	return moving.ReplaceAllString(s, "")
}

func heddleYarn(ctx context.Context, c *cluster.Cluster, args []string) (answer, error) {
	cmd := exec.CommandContext(ctx, shared.binary, append([]string{"yarn", "--config", c.ConfDir()}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), errs.String()}, err
}

func nodeID(t *testing.T, ctx context.Context) string {
	t.Helper()
	a, err := heddleYarn(ctx, shared.main, []string{"node", "-list"})
	if err != nil || a.code != 0 {
		t.Fatal(err, a)
	}
	lines := strings.Split(strings.TrimSpace(a.out), "\n")
	return strings.Fields(lines[len(lines)-1])[0]
}
