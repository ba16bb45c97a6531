//go:build interop

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heddle/test/cluster"
)

// workload submits applications of three kinds, one after the other of each kind, and remembers what it was promised.
type workload struct {
	t       *testing.T
	c       *cluster.Cluster
	binary  string
	journal string // a folder where containers note what they did
	killed  map[string]int

	ending atomic.Bool
	wg     sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]string // application id -> its kind; the submission was answered
	done     map[string]int    // kind -> how many ended well
}

func newWorkload(t *testing.T, c *cluster.Cluster, binary string) *workload {
	t.Helper()
	w := &workload{t: t, c: c, binary: binary, journal: filepath.Join(c.Dir(), "journal"), killed: map[string]int{}, accepted: map[string]string{}, done: map[string]int{}}
	if err := os.MkdirAll(w.journal, 0o777); err != nil {
		t.Fatal(err)
	}
	return w
}

// noted is what every container of ours runs: it notes its start, then writes lines, and notes each after it was
// written, and notes its end.
const noted = `J=%s/$CONTAINER_ID; echo $$ >> $J.start; i=0
while [ $i -lt 40 ]; do i=$((i+1)); echo "line $i of $CONTAINER_ID"; echo $i >> $J.lines; sleep 0.2; done; echo 0 >> $J.end
`

// start begins to submit.
func (w *workload) start(ctx context.Context) {
	script := filepath.Join(w.c.Dir(), "noted.sh")
	if err := os.WriteFile(script, fmt.Appendf(nil, noted, w.journal), 0o755); err != nil {
		w.t.Fatal(err)
	}
	job := filepath.Join(w.c.Dir(), "job.json")
	w.loop("DistributedShell", func() error {
		run, err := w.c.Shell(ctx, "", "-shell_command", "sh "+script, "-num_containers", "3", "-container_memory", "256", "-master_memory", "300",
			"-keep_containers_across_application_attempts", "-attempt_failures_validity_interval", "1000")
		return w.ended("DistributedShell", run, err, "Application completed successfully")
	})
	w.loop("MapReduce", func() error {
		jars, err := filepath.Glob(w.examples())
		if err != nil || len(jars) != 1 {
			return fmt.Errorf("the examples' jar: %v, %v", jars, err)
		}
		run, err := w.c.Java(ctx, "", cluster.Examples, "pi", "4", "100")
		if err == nil && run.Code != 0 && strings.Contains(run.Out, historyServer) {
			// its AM was killed after its farewell: the client asks the history server, which there is none of; check looks that it succeeded
			if err := w.remember("MapReduce", run); err != nil {
				return err
			}
			w.mu.Lock()
			w.done["MapReduce"]++
			w.mu.Unlock()
			return nil
		}
		return w.ended("MapReduce", run, err, "Estimated value of Pi is 3.17")
	})
	n := 0
	w.loop("framework", func() error {
		n++
		name := fmt.Sprintf("chaos%d", n)
		text := fmt.Sprintf(`{"jobName": %q, "image": "none", "taskRoles": [{"name": "a", "taskNumber": 2, "memoryMB": 256, "command": "sh %s"}, {"name": "b", "memoryMB": 256, "command": "sh %s"}]}`, name, script, script)
		if err := os.WriteFile(job, []byte(text), 0o644); err != nil {
			return err
		}
		run, err := w.heddle(ctx, "job", "submit", "--executor", "process", job)
		if err != nil || run.Code != 0 {
			return fmt.Errorf("submitting %s: code %d, %v: %s", name, run.Code, err, run.Out)
		}
		w.accept("framework", run.Out)
		run, err = w.heddle(ctx, "job", "wait", name)
		return w.ended("framework", run, err, "SUCCEEDED")
	})
}

func (w *workload) examples() string {
	jars, err := cluster.Jars()
	if err != nil {
		w.t.Error(err)
	}
	return filepath.Join(jars, "hadoop-mapreduce-examples-*.jar")
}

// loop runs one application of a kind after the other until the kills are over. One that does not end well ends the loop.
func (w *workload) loop(kind string, one func() error) {
	w.wg.Go(func() {
		for !w.ending.Load() {
			if err := one(); err != nil {
				w.t.Errorf("%s: %v", kind, err)
				return
			}
		}
	})
}

var applicationID = regexp.MustCompile(`application_\d+_\d+`)

func (w *workload) accept(kind, out string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range applicationID.FindAllString(out, -1) {
		w.accepted[id] = kind
	}
}

var submitted = regexp.MustCompile(`Submitted application (application_\d+_\d+)`)

const historyServer = "0.0.0.0:10020"

// remember notes which applications a client submitted. It fails where there is none.
func (w *workload) remember(kind string, run cluster.Run) error {
	all := submitted.FindAllStringSubmatch(run.Out, -1)
	for _, m := range all {
		w.accept(kind, m[1])
	}
	if len(all) == 0 && kind != "framework" { // whose submission is a command of its own
		return fmt.Errorf("nothing was submitted: code %d: %s", run.Code, run.Out)
	}
	return nil
}

// ended checks a client's last words.
func (w *workload) ended(kind string, run cluster.Run, err error, want string) error {
	if err != nil {
		return err
	}
	if err := w.remember(kind, run); err != nil {
		return err
	}
	if run.Code != 0 || !strings.Contains(run.Out, want) {
		out := run.Out
		if len(out) > 8000 {
			out = "…" + out[len(out)-8000:]
		}
		return fmt.Errorf("code %d, without %q:\n%s", run.Code, want, out)
	}
	w.mu.Lock()
	w.done[kind]++
	w.mu.Unlock()
	return nil
}

func (w *workload) heddle(ctx context.Context, args ...string) (cluster.Run, error) {
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+w.c.ConfDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return cluster.Run{Out: out.String(), Code: cmd.ProcessState.ExitCode()}, err
}

// running waits until each kind has an application that runs.
func (w *workload) running(ctx context.Context) error {
	return w.until(ctx, "three running applications", func() error {
		var m struct{ ClusterMetrics struct{ AppsRunning int } }
		if err := w.c.GetJSON("/ws/v1/cluster/metrics", &m); err != nil {
			return err
		}
		if m.ClusterMetrics.AppsRunning < 3 {
			return fmt.Errorf("%d run", m.ClusterMetrics.AppsRunning)
		}
		return nil
	})
}

func (w *workload) until(ctx context.Context, what string, ok func() error) error {
	deadline := time.Now().Add(3 * time.Minute)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// killMaster kills the program of one ApplicationMaster.
func (w *workload) killMaster(ctx context.Context, random *rand.Rand) error {
	return w.until(ctx, "an ApplicationMaster to kill", func() error {
		var masters []proc
		for _, p := range processes(w.c.Dir()) {
			if strings.HasSuffix(p.container, "_000001") && (p.program == "java" || p.program == "heddle") {
				masters = append(masters, p)
			}
		}
		if len(masters) == 0 {
			return errors.New("there is none")
		}
		return syscall.Kill(masters[random.IntN(len(masters))].pid, syscall.SIGKILL)
	})
}

// finish lets what was submitted come to its end.
func (w *workload) finish() {
	w.ending.Store(true)
	w.wg.Wait()
}

func (w *workload) summary() string {
	return fmt.Sprintf("killed %v; ended well: %v", w.killed, w.done)
}

// check compares what the cluster says at the end with what was promised and noted.
func (w *workload) check(ctx context.Context) {
	for id, kind := range w.accepted {
		var a struct {
			App struct{ State, FinalStatus, Diagnostics string }
		}
		if err := w.c.GetJSON("/ws/v1/cluster/apps/"+id, &a); err != nil {
			w.t.Errorf("%s %s was accepted and is lost: %v", kind, id, err)
			continue
		}
		if a.App.State != "FINISHED" || a.App.FinalStatus != "SUCCEEDED" {
			w.t.Errorf("%s %s is %+v", kind, id, a.App)
		}
	}
	for _, kind := range []string{"DistributedShell", "MapReduce", "framework"} {
		if w.done[kind] == 0 {
			w.t.Errorf("no application of the kind %s ended well", kind)
		}
	}
	starts, err := filepath.Glob(filepath.Join(w.journal, "*.start"))
	if err != nil || len(starts) == 0 {
		w.t.Errorf("the containers noted nothing: %v", err)
	}
	written := map[string]map[string]int{} // by application and container
	for _, file := range starts {
		id := strings.TrimSuffix(filepath.Base(file), ".start")
		if n := lines(w.t, file); n != 1 {
			w.t.Errorf("%s was started %d times", id, n)
		}
		if written[application(id)] == nil {
			written[application(id)] = map[string]int{}
		}
		written[application(id)][id] = lines(w.t, filepath.Join(w.journal, id+".lines"))
	}
	for app, containers := range written {
		logs := w.aggregated(ctx, app)
		for id, n := range containers {
			for i := 1; i <= n; i++ {
				if !strings.Contains(logs, fmt.Sprintf("line %d of %s\n", i, id)) {
					w.t.Errorf("%s: line %d of %d was written and is not in the logs", id, i, n)
					break
				}
			}
		}
	}
}

var idParts = regexp.MustCompile(`^container_(?:e\d+_)?(\d+)_(\d+)_`)

func application(container string) string {
	m := idParts.FindStringSubmatch(container)
	if m == nil {
		return container
	}
	return "application_" + m[1] + "_" + m[2]
}

// aggregated reads an application's logs once their aggregation has ended.
func (w *workload) aggregated(ctx context.Context, app string) string {
	var out string
	err := w.until(ctx, "the logs of "+app, func() error {
		var a struct {
			App struct{ LogAggregationStatus string }
		}
		if err := w.c.GetJSON("/ws/v1/cluster/apps/"+app, &a); err != nil {
			return err
		}
		if a.App.LogAggregationStatus != "SUCCEEDED" {
			return fmt.Errorf("log aggregation is %s", a.App.LogAggregationStatus)
		}
		run, err := w.heddle(ctx, "yarn", "logs", "-applicationId", app)
		if err == nil && run.Code != 0 {
			err = fmt.Errorf("code %d: %s", run.Code, run.Out)
		}
		out = run.Out
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
	return out
}

func lines(t *testing.T, file string) int {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	return bytes.Count(b, []byte("\n"))
}
