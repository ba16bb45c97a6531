package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/nodemanager"
	"heddle/nodemanager/launcher"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// childVariable names the file with the configuration of a NodeManager that this binary becomes.
const childVariable = "HEDDLE_TEST_NODEMANAGER"

func TestMain(m *testing.M) {
	launcher.Dispatch()
	if f := os.Getenv(childVariable); f != "" {
		if err := becomeNode(f); err != nil {
			fmt.Fprintln(os.Stderr, "the NodeManager ended:", err)
			os.Exit(1)
		}
		return
	}
	if mb := os.Getenv(reserveVariable); mb != "" {
		fmt.Fprintln(os.Stderr, reserve(mb))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func becomeNode(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var keys map[string]string
	if err := json.Unmarshal(b, &keys); err != nil {
		return err
	}
	c := conf.WithDefaults()
	for k, v := range keys {
		c.Set(k, v)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err = nodemanager.Run(ctx, c, nodemanager.Options{Version: "test", ConfigDir: filepath.Dir(file),
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func(n yarn.NodeID, web string) { fmt.Println(n, web) }})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// mortal is a NodeManager in a process of its own, which may be killed and started again.
type mortal struct {
	*Box
	file string
	cmd  *exec.Cmd
}

func startMortal(t *testing.T, site map[string]string) *mortal {
	t.Helper()
	m := &mortal{Box: &Box{RM: StartRM(t), Dir: openDir(t), Log: &Log{}, Cgroups: newCgroups()}}
	keys := m.site(Options{Site: site})
	keys["yarn.nodemanager.recovery.enabled"] = "true"
	b, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	m.file = filepath.Join(m.Dir, "node.json")
	if err := os.WriteFile(m.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.stop(t)
		if t.Failed() {
			b, _ := os.ReadFile(m.Dir + "/node.log") // only more about a failure
			t.Logf("%s", b)
		}
		m.removeCgroups(t)
	})
	m.start(t)
	return m
}

// start starts the NodeManager and waits until it has registered.
func (m *mortal) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(m.Dir+"/node.log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command(os.Args[0])
	m.cmd.Env = append(os.Environ(), childVariable+"="+m.file)
	m.cmd.Stderr = log
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the NodeManager did not get ready: %v", err)
	}
	id, web, _ := strings.Cut(strings.TrimSpace(line), " ")
	if m.Node, err = yarn.ParseNodeID(id); err != nil {
		t.Fatal(err)
	}
	m.Web = web
}

func (m *mortal) kill(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = m.cmd.Wait() // it was killed
	m.cmd = nil
}

// stop ends it in order.
func (m *mortal) stop(t *testing.T) {
	t.Helper()
	if m.cmd == nil {
		return
	}
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := m.cmd.Wait(); err != nil {
		t.Errorf("the NodeManager ended with %v", err)
	}
	m.cmd = nil
}

// counted begins a command that notes each start of its container, so that one that ran twice shows.
const counted = `echo started >> <LOG_DIR>/starts; `

func (m *mortal) starts(t *testing.T, a *AM, id yarn.ContainerID) int {
	t.Helper()
	text, _ := a.read(id, "starts")
	return strings.Count(text, "started\n")
}

func (m *mortal) registered(t *testing.T, id yarn.ContainerID) *yarnpb.NMContainerStatusProto {
	t.Helper()
	all := m.Registrations()
	for _, s := range all[len(all)-1].GetContainerStatuses() {
		if wire.ContainerIDFrom(s.GetContainerId()) == id {
			return s
		}
	}
	t.Fatalf("%s was not registered", id)
	return nil
}

func TestContainersOutliveTheirKilledNodeManager(t *testing.T) {
	m := startMortal(t, map[string]string{"yarn.log-aggregation-enable": "true"})
	am := m.AM(t, "alice", 1)
	flag := func(name string) string { return filepath.Join(m.Dir, name) }
	wait := func(name, then string) []string {
		return []string{counted + "echo \\$\\$ > <LOG_DIR>/pid; while [ ! -e " + flag(name) + " ]; do sleep 0.05; done; " + then}
	}
	long := am.Start(t, Launch{Commands: wait("long", "exit 7")})
	meanwhile := am.Start(t, Launch{Commands: wait("meanwhile", "exit 9")})
	vanished := am.Start(t, Launch{Commands: wait("never", "exit 1")})
	stopped := am.Start(t, Launch{Commands: []string{counted + "trap '' TERM; while :; do sleep 0.1; done"}})
	early := am.Start(t, Launch{Commands: []string{counted + "exit 5"}})
	for _, id := range []yarn.ContainerID{long, meanwhile, vanished} {
		am.Logged(t, id, "pid", "\n")
	}
	am.Logged(t, stopped, "starts", "\n")
	am.Done(t, early)
	before := am.Log(t, long, "pid")
	node := m.Node
	m.kill(t)

	if err := os.WriteFile(flag("meanwhile"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	Until(t, "the container ends without a NodeManager", func() bool { return len(processesOf(t, meanwhile)) == 0 })
	killAll(t, vanished)
	m.start(t)
	if m.Node != node {
		t.Errorf("the node came back as %s, it was %s", m.Node, node)
	}
	if got := m.registered(t, long).GetContainerState(); got != yarnpb.ContainerStateProto_C_RUNNING {
		t.Errorf("the running one was registered as %v", got)
	}
	if s := m.registered(t, early); s.GetContainerExitStatus() != 5 && s.GetContainerState() == yarnpb.ContainerStateProto_C_COMPLETE {
		t.Errorf("the ended one was registered as %v", s)
	}
	apps := m.Registrations()[1].GetRunningApplications()
	if len(apps) != 1 || wire.AppIDFrom(apps[0]) != am.Attempt.Application {
		t.Errorf("registered applications: %v", apps)
	}
	for id, want := range map[yarn.ContainerID]int32{early: 5, meanwhile: 9, vanished: int32(yarn.ExitLost)} {
		if s := am.Done(t, id); s.GetExitStatus() != want {
			t.Errorf("%s: exit %d, want %d: %s", id, s.GetExitStatus(), want, s.GetDiagnostics())
		}
		Until(t, "the ResourceManager hears of it", func() bool { return m.Status(id).GetExitStatus() == want })
	}
	am.Stop(t, stopped)
	if s := am.Done(t, stopped); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
		t.Errorf("the stopped one: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if p := processesOf(t, stopped); len(p) > 0 {
		t.Errorf("processes of a stopped container live on: %v", p)
	}
	if err := os.WriteFile(flag("long"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := am.Done(t, long); s.GetExitStatus() != 7 {
		t.Errorf("the long one: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if after := am.Log(t, long, "pid"); after != before {
		t.Errorf("the long one is another process: %s, %s", before, after)
	}
	for _, id := range []yarn.ContainerID{long, meanwhile, vanished, stopped, early} {
		if n := m.starts(t, am, id); n != 1 {
			t.Errorf("%s was started %d times", id, n)
		}
	}
	// killed while it ends the application, it goes on with that
	m.FinishApp(am.Attempt.Application)
	m.kill(t)
	m.start(t)
	m.FinishApp(am.Attempt.Application)
	Until(t, "the logs' upload is reported", func() bool {
		r := m.LogReports(am.Attempt.Application)
		return len(r) > 0 && r[len(r)-1].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_SUCCEEDED
	})
	uploaded, err := filepath.Glob(m.Dir + "/remote/alice/*/*/*/*")
	if err != nil || len(uploaded) != 1 {
		t.Errorf("uploaded: %v, %v", uploaded, err)
	}
	Until(t, "everything of the application is gone", func() bool {
		return !slices.ContainsFunc(m.Files(t), func(f string) bool { return strings.Contains(f, "application_") })
	})
	// a ResourceManager that restarts hears again how the upload went, of a NodeManager that restarted too
	m.kill(t)
	m.start(t)
	all := m.Registrations()
	if again := all[len(all)-1].GetLogAggregationReportsForApps(); len(again) != 1 || again[0].GetLogAggregationStatus() != yarnpb.LogAggregationStatusProto_LOG_SUCCEEDED {
		t.Errorf("the registration tells of uploads: %v", again)
	}
	m.stop(t)
	m.remembersNothing(t)
}

// remembersNothing checks that no record outlives its application.
func (m *mortal) remembersNothing(t *testing.T) {
	t.Helper()
	j, err := recovery.Open(m.Dir+"/yarn-nm-recovery", time.Now(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // only read
	err = recovery.Load(j, "", func(key string, _ any) error {
		if strings.Contains(key, "container_") && !strings.HasPrefix(key, "claim/") || strings.Contains(key, "application_") && !strings.HasPrefix(key, "retain/") && !strings.HasPrefix(key, "report/") || strings.HasPrefix(key, "nm-key/") {
			t.Errorf("a record is left: %s", key)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// killAll ends a container's processes and the shell that would note its exit code.
func killAll(t *testing.T, id yarn.ContainerID) {
	t.Helper()
	for range 3 {
		for _, p := range processesOf(t, id) {
			var pid int
			if _, err := fmt.Sscan(p, &pid); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				t.Fatal(err)
			}
		}
	}
}

func TestASupervisedNodeManagerLeavesItsContainers(t *testing.T) {
	m := startMortal(t, map[string]string{"yarn.nodemanager.recovery.supervised": "true"})
	am := m.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{counted + "sleep 1000"}})
	am.Logged(t, id, "starts", "\n")
	m.stop(t)
	if len(processesOf(t, id)) == 0 {
		t.Fatal("the container ended with its supervised NodeManager")
	}
	if n := m.Unregistered(); n != 0 {
		t.Errorf("it said good-bye %d times", n)
	}
	m.start(t)
	am.Running(t, id)
	if n := m.starts(t, am, id); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	am.Stop(t, id)
	am.Done(t, id)
	m.FinishApp(am.Attempt.Application)
	Until(t, "the application is gone", func() bool {
		return !slices.ContainsFunc(m.Files(t), func(f string) bool { return strings.HasPrefix(f, "local") && strings.Contains(f, "application_") })
	})
}

func TestAnUnsupervisedNodeManagerEndsItsContainers(t *testing.T) {
	m := startMortal(t, nil)
	am := m.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{counted + "sleep 1000"}})
	am.Logged(t, id, "starts", "\n")
	m.stop(t)
	if p := processesOf(t, id); len(p) > 0 {
		t.Errorf("processes live on: %v", p)
	}
	if n := m.Unregistered(); n != 1 {
		t.Errorf("it said good-bye %d times", n)
	}
	m.start(t)
	if s := m.Registrations()[1]; len(s.GetContainerStatuses()) != 0 || len(s.GetRunningApplications()) != 0 {
		t.Errorf("the next one registered with %v", s)
	}
	m.stop(t)
	m.remembersNothing(t)
}

// Killed at any moment of many starts, the node runs each container that it accepted exactly once.
func TestKilledAtAnyMomentNothingRunsTwiceOrIsLost(t *testing.T) {
	shared := filepath.Join(openDir(t), "shared.txt")
	if err := os.WriteFile(shared, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := startMortal(t, nil)
	am := m.AM(t, "alice", 1)
	var accepted []yarn.ContainerID
	for round := range 4 {
		stop := make(chan []yarn.ContainerID)
		go func() {
			var ids []yarn.ContainerID
			defer func() { stop <- ids }()
			for range 6 {
				id, err := am.Try(t, Launch{Commands: []string{counted + "cat link > /dev/null && exit 3"},
					Resources: map[string]*yarnpb.LocalResourceProto{"link": Resource(t, shared, yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_PUBLIC)}})
				if err != nil {
					return
				}
				ids = append(ids, id)
			}
		}()
		time.Sleep(time.Duration(5+rand.IntN(150)+40*round) * time.Millisecond)
		m.kill(t)
		ids := <-stop
		m.start(t)
		accepted = append(accepted, ids...)
	}
	for _, id := range accepted {
		s := am.Done(t, id)
		n := m.starts(t, am, id)
		// one whose start was cut off between the record and the process never runs, and is reported as lost
		if s.GetExitStatus() != 3 && s.GetExitStatus() != int32(yarn.ExitLost) || n > 1 || s.GetExitStatus() == 3 && n != 1 {
			t.Errorf("%s: exit %d after %d starts: %s", id, s.GetExitStatus(), n, s.GetDiagnostics())
		}
		if p := processesOf(t, id); len(p) > 0 {
			t.Errorf("processes of %s live on: %v", id, p)
		}
	}
	cached, err := filepath.Glob(m.Dir + "/local?/filecache/*/shared.txt")
	if err != nil || len(cached) != 1 {
		t.Errorf("the resource is in the cache as %v, %v", cached, err)
	}
}
