package node

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/yarn"
	"heddle/yarn/wire"
)

func TestAContainersLifeFromStartToTheLastFile(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Env: map[string]string{"NAME": "heddle"}, Commands: []string{"echo", `hello-$NAME-$CONTAINER_ID`, "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr"}})
	s := am.Done(t, id)
	if s.GetExitStatus() != 0 || s.GetDiagnostics() != "" {
		t.Errorf("exit %d, %q", s.GetExitStatus(), s.GetDiagnostics())
	}
	if got := am.Log(t, id, "stdout"); got != "hello-heddle-"+id.String()+"\n" {
		t.Errorf("stdout is %q", got)
	}
	attributes := map[string]string{}
	for _, a := range s.GetContainerAttributes() {
		attributes[a.GetKey()] = a.GetValue()
	}
	if attributes["HOST"] != "localhost" || attributes["IPS"] != "127.0.0.1" {
		t.Errorf("attributes are %v", attributes)
	}
	Until(t, "the ResourceManager hears of the end", func() bool { return b.Status(id).GetState() == yarnpb.ContainerStateProto_C_COMPLETE })
	b.FinishApp(am.Attempt.Application)
	// without aggregation the logs stay for the retention time, and nothing else does
	Until(t, "the application's directories are removed", func() bool {
		return !slices.ContainsFunc(b.Files(t), func(f string) bool {
			return strings.HasPrefix(f, "local") && strings.Contains(f, "application_")
		})
	})
	if got := am.Log(t, id, "stdout"); got == "" {
		t.Error("the log went before its time")
	}
}

func TestExitCodesAndDiagnosticsAreHadoops(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	failed := am.Start(t, Launch{Commands: []string{"{ echo the reason 1>&2; exit 3; }", "2><LOG_DIR>/stderr"}})
	s := am.Done(t, failed)
	for _, want := range []string{"Exception from container-launch.\nContainer id: " + failed.String() + "\nExit code: 3\n",
		"Container exited with a non-zero exit code 3. Error file: prelaunch.err.\nLast 4096 bytes of prelaunch.err :\nLast 4096 bytes of stderr :\nthe reason\n"} {
		if !strings.Contains(s.GetDiagnostics(), want) {
			t.Errorf("the diagnostics lack %q:\n%s", want, s.GetDiagnostics())
		}
	}
	if s.GetExitStatus() != 3 {
		t.Errorf("exit status %d, want 3", s.GetExitStatus())
	}
	suicide := am.Start(t, Launch{Commands: []string{"kill -9 $$"}})
	if s := am.Done(t, suicide); s.GetExitStatus() != int32(yarn.ExitForceKilled) || !strings.Contains(s.GetDiagnostics(), "Container killed on request. Exit code is 137\n") {
		t.Errorf("exit %d, %q", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestAStopEndsEveryProcessOfTheContainer(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	// the second process leaves the session and ignores TERM, the first ignores TERM
	id := am.Start(t, Launch{Commands: []string{`trap '' TERM; setsid bash -c 'trap \"\" TERM; echo \$\$ > <LOG_DIR>/far; while :; do sleep 1; done' & echo \$\$ > <LOG_DIR>/near; while :; do sleep 1; done`}})
	pids := []string{strings.TrimSpace(am.Logged(t, id, "near", "\n")), strings.TrimSpace(am.Logged(t, id, "far", "\n"))}
	am.Stop(t, id)
	s := am.Done(t, id)
	if s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) || !strings.Contains(s.GetDiagnostics(), "Container killed by the ApplicationMaster.") {
		t.Errorf("exit %d, %q", s.GetExitStatus(), s.GetDiagnostics())
	}
	for _, pid := range pids {
		if state, alive := processState(t, pid); alive {
			t.Errorf("process %s lives on after the container is done: %s", pid, state)
		}
	}
}

// processState tells whether a process lives; zombies wait for their parent and are dead.
func processState(t *testing.T, pid string) (string, bool) {
	t.Helper()
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return "gone", false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest, !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestSignalsReachTheContainer(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{`{ trap 'echo dump' QUIT; trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done; }`, "1><LOG_DIR>/stdout"}})
	am.Logged(t, id, "stdout", "ready")
	send := func(c yarnpb.SignalContainerCommandProto) {
		t.Helper()
		if _, err := am.SignalToContainer(t.Context(), &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(id), Command: &c}); err != nil {
			t.Error(err)
		}
	}
	send(yarnpb.SignalContainerCommandProto_OUTPUT_THREAD_DUMP)
	am.Logged(t, id, "stdout", "dump")
	// the ResourceManager's word has the same effect
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.ContainersToSignal = append(r.ContainersToSignal, &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(id), Command: yarnpb.SignalContainerCommandProto_GRACEFUL_SHUTDOWN.Enum()})
	})
	if s := am.Done(t, id); s.GetExitStatus() != 7 || !strings.Contains(am.Log(t, id, "stdout"), "bye") {
		t.Errorf("exit %d", s.GetExitStatus())
	}
}

func TestTheResourceManagerEndsContainersAndForgetsThem(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
	am.Running(t, id)
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.ContainersToCleanup = append(r.ContainersToCleanup, wire.ContainerID(id))
	})
	if s := am.Done(t, id); s.GetExitStatus() != int32(yarn.ExitKilledByResourceManager) {
		t.Errorf("exit %d, %q", s.GetExitStatus(), s.GetDiagnostics())
	}
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.ContainersToBeRemovedFromNm = append(r.ContainersToBeRemovedFromNm, wire.ContainerID(id))
	})
	Until(t, "the container is forgotten", func() bool {
		resp, err := am.GetContainerStatuses(t.Context(), &yarnpb.GetContainerStatusesRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
		return err == nil && len(resp.GetFailedRequests()) == 1 && strings.Contains(resp.GetFailedRequests()[0].GetException().GetMessage(), "was recently stopped on node manager")
	})
}

func TestARESYNCKeepsContainersAndRegistersThem(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	running := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
	ended := am.Start(t, Launch{Commands: []string{"exit 5"}})
	am.Running(t, running)
	am.Done(t, ended)
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) { r.NodeAction = yarnpb.NodeActionProto_RESYNC.Enum() })
	Until(t, "the node registers again", func() bool { return len(b.Registrations()) == 2 })
	again := b.Registrations()[1]
	states := map[yarn.ContainerID]*yarnpb.NMContainerStatusProto{}
	for _, s := range again.GetContainerStatuses() {
		states[wire.ContainerIDFrom(s.GetContainerId())] = s
	}
	if s := states[running]; s.GetContainerState() != yarnpb.ContainerStateProto_C_RUNNING || s.GetContainerExitStatus() != int32(yarn.ExitInvalid) {
		t.Errorf("the running one was registered as %v", s)
	}
	if s := states[ended]; s.GetContainerState() != yarnpb.ContainerStateProto_C_COMPLETE || s.GetContainerExitStatus() != 5 {
		t.Errorf("the ended one was registered as %v", s)
	}
	if len(again.GetRunningApplications()) != 1 {
		t.Errorf("running applications: %v", again.GetRunningApplications())
	}
	before := b.Beats()
	Until(t, "heartbeats go on", func() bool { return b.Beats() > before+2 })
	if s := am.Status(t, running); s.GetContainerSubState() != yarnpb.ContainerSubStateProto_CSS_RUNNING {
		t.Errorf("the container is %v after the resync", s)
	}
}

func TestASHUTDOWNEndsTheNodeWithTheReason(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"echo \\$\\$ > <LOG_DIR>/pid; sleep 1000"}})
	pid := strings.TrimSpace(am.Logged(t, id, "pid", "\n"))
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.NodeAction, r.DiagnosticsMessage = yarnpb.NodeActionProto_SHUTDOWN.Enum(), new("Disallowed NodeManager nodeId")
	})
	if err := b.Ended(t); err == nil || !strings.Contains(err.Error(), "Disallowed NodeManager nodeId") {
		t.Errorf("the node ended with %v", err)
	}
	if _, alive := processState(t, pid); alive {
		t.Error("the container outlived its node")
	}
}

func TestARegistrationThatIsRefusedSaysWhy(t *testing.T) {
	rm := Begin(t, Options{Site: map[string]string{"yarn.nodemanager.resource.memory-mb": "1"}})
	rm.Refuse("NodeManager from localhost doesn't satisfy minimum allocations")
	select {
	case <-rm.ready: // it was quicker than Refuse: the resync then meets the refusal
		rm.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) { r.NodeAction = yarnpb.NodeActionProto_RESYNC.Enum() })
	default:
	}
	if err := rm.Ended(t); err == nil || !strings.Contains(err.Error(), "doesn't satisfy minimum allocations") {
		t.Errorf("the node ended with %v", err)
	}
}

func TestAnOldResourceManagerIsLeft(t *testing.T) {
	n := Begin(t, Options{Site: map[string]string{"yarn.nodemanager.resourcemanager.minimum.version": "3.5.0"}})
	if err := n.Ended(t); err == nil || !strings.Contains(err.Error(), "version (3.4.2) is less than the minimum allowed version 3.5.0") {
		t.Errorf("the node ended with %v", err)
	}
}

func TestAnOrderlyStopLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("node", func(t *testing.T) {
		b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.aux-services": "mapreduce_shuffle", "yarn.log-aggregation-enable": "true"}})
		am := b.AM(t, "alice", 1)
		ids := []yarn.ContainerID{am.Start(t, Launch{Commands: []string{"sleep 1000"}}), am.Start(t, Launch{Commands: []string{"trap '' TERM; sleep 1000; sleep 1000"}})}
		for _, id := range ids {
			am.Running(t, id)
		}
		if status, _ := b.Get(t, "/ws/v1/node/info"); status != 200 {
			t.Errorf("info answers %d", status)
		}
		if err := b.Stop(); err != nil {
			t.Errorf("stop: %v\n%s", err, b.Log)
		}
		if n := b.Unregistered(); n != 1 {
			t.Errorf("the node said good-bye %d times", n)
		}
		for _, id := range ids {
			if p := processesOf(t, id); len(p) > 0 {
				t.Errorf("processes of %s live on: %v", id, p)
			}
			// it went with its node, which is no failure of its own: the ResourceManager says so, and the node nothing else
			if s := b.Status(id); s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
				t.Errorf("the ResourceManager heard of %s: %v", id, s)
			}
		}
		for _, f := range b.Files(t) {
			if strings.Contains(f, "application_") {
				t.Errorf("%s was left behind", f)
			}
		}
		if left := b.cgroupsLeft(t); len(left) > 0 {
			t.Errorf("cgroups left behind: %v", left)
		}
	})
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// processesOf lists the live processes whose environment or command names a container.
func processesOf(t *testing.T, id yarn.ContainerID) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		for _, f := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile("/proc/" + e.Name() + "/" + f)
			if err != nil || !strings.Contains(string(b), id.String()) {
				continue
			}
			if state, alive := processState(t, e.Name()); alive {
				out = append(out, e.Name()+" "+state)
				break
			}
		}
	}
	return out
}

func TestAnEarlierNodesContainersAreEndedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first := Start(t, Options{Dir: dir, Site: quick})
	am := first.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
	am.Running(t, id)
	// another one, whose process is not its first
	retried := am.Start(t, Launch{Commands: []string{counted + "if [ -e here ]; then exec sleep 1000; fi; touch here; exit 3"},
		Retry: &yarnpb.ContainerRetryContextProto{RetryPolicy: yarnpb.ContainerRetryPolicyProto_RETRY_ON_ALL_ERRORS.Enum(), MaxRetries: new(int32(1))}})
	am.Logged(t, retried, "starts", "started\nstarted\n")
	// the second finds the first one's files as after a kill -9: the first still holds its container
	second := Start(t, Options{Dir: dir})
	for _, id := range []yarn.ContainerID{id, retried} {
		// what notes the exit code, which the first waits for, ends by itself after its container
		Until(t, "the leftover is gone", func() bool { return len(processesOf(t, id)) == 0 })
	}
	if !strings.Contains(second.Log.String(), "ending a container that an earlier NodeManager left") {
		t.Error("nothing was said about it")
	}
}

func TestMemoryAboveTheGrantEndsTheContainer(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{MemoryMB: 64, Commands: []string{`head -c 400M /dev/zero | tail -c 400M | sleep 1000`}})
	s := am.Done(t, id)
	if s.GetExitStatus() != int32(yarn.ExitKilledExceededPMem) || !strings.Contains(s.GetDiagnostics(), "beyond the 'PHYSICAL' memory limit") {
		t.Errorf("exit %d, %q", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestKeysRollWithoutAStop(t *testing.T) {
	b := Start(t, Options{})
	old := b.AM(t, "alice", 1)
	first := old.Start(t, Launch{Commands: []string{"sleep 1000"}})
	before := b.Beats()
	b.RollKeys(t)
	Until(t, "the keys are there", func() bool { return b.Beats() > before+1 })
	b.RollKeys(t)
	Until(t, "the second keys are there", func() bool { return b.Beats() > before+3 })
	fresh := b.AM(t, "bob", 2)
	if s := fresh.Done(t, fresh.Start(t, Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	// the application's own old token serves for stop and status as long as it runs
	old.Stop(t, first)
	old.Done(t, first)
	if _, err := old.Try(t, Launch{Commands: []string{"true"}}); !strings.Contains(err.Error(), "Older NMToken should not be used") {
		t.Errorf("a start with the old token: %v", err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	other := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: RMIdentifier, ID: 99}, Attempt: 1}, ID: 1}
	for _, c := range []struct {
		name   string
		launch Launch
		want   string
	}{
		{"a token of an earlier ResourceManager", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.RmIdentifier = new(int64(1)) }}, "rejected as it is allocated by a previous RM"},
		{"a token that has expired", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.ExpiryTimeStamp = new(int64(5)) }}, "This token is expired"},
		{"a token of another node", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.NmHostAddr = new("elsewhere:1") }}, "elsewhere:1"},
		{"a token of another application", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.ContainerId = wire.ContainerID(other) }}, "was used for starting container with container token issued for application attempt"},
		{"an unknown service", Launch{Service: map[string][]byte{"spark_shuffle": {1}}}, "The auxService:spark_shuffle does not exist"},
		{"a user name that leaves its folder", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.AppSubmitter = new("../root") }}, "cannot have directories"},
		{"a user name that no folder can have", Launch{Edit: func(x *yarnpb.ContainerTokenIdentifierProto) { x.AppSubmitter = new(strings.Repeat("a", 256)) }}, "cannot have directories"},
		{"docker where it is not allowed", Launch{Env: map[string]string{"YARN_CONTAINER_RUNTIME_TYPE": "docker"}}, "add docker to yarn.nodemanager.runtime.linux.allowed-runtimes"},
		{"another runtime", Launch{Env: map[string]string{"YARN_CONTAINER_RUNTIME_TYPE": "runc"}}, "YARN_CONTAINER_RUNTIME_TYPE=runc is not supported"},
		{"a launch context of 9 MB", Launch{Env: map[string]string{"X": strings.Repeat("x", 9<<20)}}, "at most 8388608 are accepted: put large data into a local resource"},
		{"a resource without a type", Launch{Resources: map[string]*yarnpb.LocalResourceProto{"x": {Resource: &yarnpb.URLProto{File: new("/x")}}}}, "Null resource type for local resource x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.launch.Commands = []string{"true"}
			if _, err := am.Try(t, c.launch); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("the same container twice", func(t *testing.T) {
		_, req := am.Request(t, Launch{Commands: []string{"true"}})
		for _, want := range []string{"", "Attempt to relaunch the same container with id"} {
			resp, err := am.StartContainers(t.Context(), &yarnpb.StartContainersRequestProto{StartContainerRequest: []*yarnpb.StartContainerRequestProto{req}})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range resp.GetFailedRequests() {
				got = f.GetException().GetMessage()
			}
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
	})
	t.Run("another application's container", func(t *testing.T) {
		mallory := b.AM(t, "mallory", 2)
		id := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
		am.Running(t, id)
		resp, err := mallory.StopContainers(t.Context(), &yarnpb.StopContainersRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
		if err != nil || len(resp.GetFailedRequests()) != 1 {
			t.Errorf("%v, %v", resp, err)
		}
		if _, err := mallory.SignalToContainer(t.Context(), &yarnpb.SignalContainerRequestProto{ContainerId: wire.ContainerID(id), Command: yarnpb.SignalContainerCommandProto_FORCEFUL_SHUTDOWN.Enum()}); !rpc.IsClass(err, rpc.ClassYarn) {
			t.Errorf("%v", err)
		}
		am.Running(t, id)
	})
}

func TestTheNodesPagesShowWhatRuns(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"{ echo visible; sleep 1000; }", "1><LOG_DIR>/stdout"}})
	am.Logged(t, id, "stdout", "visible\n")
	for path, wants := range map[string][]string{
		"/ws/v1/node":      {`"nodeInfo"`, `"nodeHealthy":true`, `"id":"` + b.Node.String() + `"`},
		"/ws/v1/node/info": {`"totalPmemAllocatedContainersMB":8192`},
		"/ws/v1/node/apps": {`"id":"` + am.Attempt.Application.String() + `"`, `"containerids":["` + id.String() + `"]`},
		"/ws/v1/node/apps/" + id.Attempt.Application.String():            {`"user":"alice"`, `"state":"RUNNING"`},
		"/ws/v1/node/containers":                                         {`"state":"RUNNING"`, `"exitCode":-1000`, `"totalMemoryNeededMB":256`},
		"/ws/v1/node/containers/" + id.String():                          {`"containerLogFiles":[`, `"stdout"`},
		"/ws/v1/node/containers/" + id.String() + "/logs":                {`"containerLogsInfo"`, `"fileName":"stdout"`, `"fileSize":"8"`, `"logAggregationType":"LOCAL"`},
		"/ws/v1/node/containers/" + id.String() + "/logs/stdout":         {"LogContents:\nvisible\n", "This log file belongs to a running container"},
		"/ws/v1/node/containerlogs/" + id.String() + "/stdout?size=-4":   {"LogContents:\nble\n"},
		"/node/containerlogs/" + id.String() + "/alice":                  {"stdout", ">8<"},
		"/node/containerlogs/" + id.String() + "/alice/stdout?start=-4":  {"ble\n"},
		"/node/containerlogs/" + id.String() + "/alice/stdout/?start=-4": {"ble\n"}, // Hadoop's own links
		"/ws/v1/node/containers/":                                        {id.String()},
		"/node":                                                          {b.Node.String(), "RUNNING"},
		"/node/allContainers":                                            {id.String(), "alice"},
		"/node/allApplications":                                          {id.Attempt.Application.String()},
		"/node/application/" + id.Attempt.Application.String():           {id.String()},
		"/node/container/" + id.String():                                 {id.Attempt.Application.String()},
		"/metrics":                                                       {"heddle_nodemanager_containers_running 1", "heddle_nodemanager_containers_launched 1"},
		"/conf?name=yarn.nodemanager.address":                            {"yarn.nodemanager.address"},
	} {
		status, body := b.Get(t, path)
		if status != 200 {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
		for _, w := range wants {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %q:\n%s", path, w, body)
			}
		}
	}
	_, body := b.Get(t, "/jmx?qry=Hadoop:service=NodeManager,name=NodeManagerMetrics")
	var beans struct{ Beans []map[string]any }
	if err := json.Unmarshal([]byte(body), &beans); err != nil || len(beans.Beans) != 1 || beans.Beans[0]["ContainersRunning"] != 1.0 {
		t.Errorf("/jmx: %v, %s", err, body)
	}
	for path, want := range map[string]int{"/ws/v1/node/auxiliaryservices": http.StatusBadRequest, "/ws/v1/node/yarn/sysfs/alice/" + id.Attempt.Application.String(): http.StatusNotImplemented} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+b.Web+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("PUT %s answers %d, %v", path, resp.StatusCode, err)
		}
	}
	for path, want := range map[string]int{
		"/ws/v1/node/nothing": 404, "/ws/v1/node/apps/application_1_0009": 404, "/ws/v1/node/apps/x": 400, "/ws/v1/node/containers/x": 400,
		"/ws/v1/node/containers/container_1_0001_01_000001": 404, "/ws/v1/node/containers/" + id.String() + "/logs/..%2f..%2fsecret": 404,
		"/ws/v1/node/containers/" + id.String() + "/logs/stdout?size=x": 400,
	} {
		if status, body := b.Get(t, path); status != want || !strings.Contains(body, "RemoteException") {
			t.Errorf("%s answers %d, want %d: %s", path, status, want, body)
		}
	}
}

func TestLogPagesKeepToTheApplicationsACL(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.acl.enable": "true", "yarn.admin.acl": "boss"}})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"sleep 1000"}, ACLs: map[yarnpb.ApplicationAccessTypeProto]string{yarnpb.ApplicationAccessTypeProto_APPACCESS_VIEW_APP: "bob"}})
	am.Running(t, id)
	for user, want := range map[string]int{"alice": 200, "bob": 200, "boss": 200, "mallory": 403} {
		if status, body := b.Get(t, "/ws/v1/node/containers/"+id.String()+"/logs?user.name="+user); status != want {
			t.Errorf("%s gets %d, want %d: %s", user, status, want, body)
		}
	}
}

func TestAContainerRunsAsTheNodesOwnUserByDefault(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "nobody", 1)
	id := am.Start(t, Launch{Commands: []string{"id -u", "1><LOG_DIR>/stdout"}})
	am.Done(t, id)
	if got, want := strings.TrimSpace(am.Log(t, id, "stdout")), uint32(syscall.Geteuid()); got != strconv.Itoa(int(want)) {
		t.Errorf("it ran as %s, want %d", got, want)
	}
}

func TestALoopbackNameInUpperCaseIsStillThisNode(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.address": "LOCALHOST:0"}})
	if b.Node.Host != "localhost" {
		t.Errorf("the node is called %s", b.Node.Host)
	}
	b.Node.Host = "LocalHost" // tokens of a ResourceManager that spells it otherwise
	am := b.AM(t, "alice", 1)
	if s := am.Done(t, am.Start(t, Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestTheNodeFindsTheResourceManagerThatAnswers(t *testing.T) {
	b := Start(t, Options{SiteFor: func(tracker string) map[string]string {
		const key = "yarn.resourcemanager.resource-tracker.address."
		return map[string]string{"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "rm1,rm2", key + "rm1": "127.0.0.1:1", key + "rm2": tracker}
	}})
	if n := len(b.Registrations()); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

func TestANodeThatFindsNoResourceManagerEndsAfterItsTime(t *testing.T) {
	b := Begin(t, Options{SiteFor: func(string) map[string]string {
		return map[string]string{"yarn.resourcemanager.resource-tracker.address": "127.0.0.1:1", "yarn.resourcemanager.connect.max-wait.ms": "100"}
	}})
	if err := b.Ended(t); err == nil || !strings.Contains(err.Error(), "no ResourceManager answered") || !strings.Contains(err.Error(), "yarn.resourcemanager.connect.max-wait.ms") {
		t.Errorf("%v", err)
	}
}

func TestAStopAtAnyMomentLeavesNothing(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	for pause := range 40 { // from before its files are written to after its process runs
		id := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
		time.Sleep(time.Duration(pause) * time.Millisecond)
		am.Stop(t, id)
		if s := am.Done(t, id); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) {
			t.Errorf("stopped after %d ms it ended with %d: %s", pause, s.GetExitStatus(), s.GetDiagnostics())
		}
		if p := processesOf(t, id); len(p) > 0 {
			t.Errorf("stopped after %d ms, processes live on: %v", pause, p)
		}
	}
	if left, err := filepath.Glob(b.Dir + "/local*/usercache/alice/appcache/*/container_*"); err != nil || len(left) > 0 {
		t.Errorf("work directories are left: %v, %v", left, err)
	}
	if strings.Contains(b.Log.String(), "not in the table") {
		t.Errorf("a step was not foreseen:\n%s", b.Log)
	}
}

// Hadoop's clients name their user once, by OPTIONS, and then send the cookie that they got.
func TestTheCookieNamesTheCaller(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.acl.enable": "true", "yarn.admin.acl": "boss"}})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"sleep 1000"}})
	am.Running(t, id)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	url := "http://" + b.Web + "/ws/v1/node/containers/" + id.String() + "/logs"
	for _, step := range []struct {
		method, url string
		want        int
	}{{http.MethodGet, url, http.StatusForbidden}, {http.MethodOptions, url + "?user.name=alice", http.StatusOK}, {http.MethodGet, url, http.StatusOK}} {
		req, err := http.NewRequestWithContext(t.Context(), step.method, step.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != step.want {
			t.Errorf("%s %s answers %d, want %d; %v", step.method, step.url, resp.StatusCode, step.want, err)
		}
	}
}
