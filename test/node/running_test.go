package node

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// quick lets retries follow each other at once.
var quick = map[string]string{"yarn.nodemanager.container-retry-minimum-interval-ms": "1"}

// times counts the starts of a container that begins with counted.
func times(a *AM, id yarn.ContainerID) int {
	text, _ := a.read(id, "starts")
	return strings.Count(text, "started\n")
}

func TestFailedCommandsAreTriedAgainAsTheirPolicySays(t *testing.T) {
	b := Start(t, Options{Site: quick})
	am := b.AM(t, "alice", 1)
	always, onCodes := yarnpb.ContainerRetryPolicyProto_RETRY_ON_ALL_ERRORS.Enum(), yarnpb.ContainerRetryPolicyProto_RETRY_ON_SPECIFIC_ERROR_CODES.Enum()
	for _, tt := range []struct {
		name   string
		retry  *yarnpb.ContainerRetryContextProto
		then   string
		starts int
		exit   int32
	}{
		{"never", &yarnpb.ContainerRetryContextProto{MaxRetries: proto.Int32(3)}, "exit 3", 1, 3},
		{"on all errors", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(2)}, "exit 3", 3, 3},
		{"until it works", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(-1)}, "[ \\$(wc -l < <LOG_DIR>/starts) -ge 4 ]", 4, 0},
		{"not after success", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(-1)}, "exit 0", 1, 0},
		{"on its code", &yarnpb.ContainerRetryContextProto{RetryPolicy: onCodes, ErrorCodes: []int32{7, 3}, MaxRetries: proto.Int32(1)}, "exit 3", 2, 3},
		{"not on another code", &yarnpb.ContainerRetryContextProto{RetryPolicy: onCodes, ErrorCodes: []int32{7}, MaxRetries: proto.Int32(1)}, "exit 3", 1, 3},
		{"not after a kill", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(5)}, "kill -9 $$", 1, 137},
		{"within the interval", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(1), FailuresValidityInterval: proto.Int64(600_000)}, "exit 3", 2, 3},
		// each failure is past when the next comes
		{"beyond the interval", &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(1), FailuresValidityInterval: proto.Int64(1), RetryInterval: proto.Int32(20)},
			"[ \\$(wc -l < <LOG_DIR>/starts) -ge 4 ]", 4, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := am.Start(t, Launch{Commands: []string{counted + "touch here; " + tt.then}, Retry: tt.retry})
			if s := am.Done(t, id); s.GetExitStatus() != tt.exit || times(am, id) != tt.starts {
				t.Errorf("exit %d after %d starts, want %d after %d: %s", s.GetExitStatus(), times(am, id), tt.exit, tt.starts, s.GetDiagnostics())
			}
		})
	}
}

// A retry runs where the first try ran, with the same links, and an end can be asked for while it is waited for.
func TestARetryFindsItsWorkDirectoryAndCanBeStopped(t *testing.T) {
	b := Start(t, Options{Site: quick})
	am := b.AM(t, "alice", 1)
	dir := filepath.Join(openDir(t), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pattern := writeFile(t, filepath.Join(dir, "data"))
	resources := map[string]*yarnpb.LocalResourceProto{"link": Resource(t, pattern, yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_PUBLIC)}
	retry := &yarnpb.ContainerRetryContextProto{RetryPolicy: yarnpb.ContainerRetryPolicyProto_RETRY_ON_ALL_ERRORS.Enum(), MaxRetries: proto.Int32(1)}
	id := am.Start(t, Launch{Commands: []string{counted + "cat link; if [ -e here ]; then exit 0; fi; touch here; exit 9"}, Resources: resources, Retry: retry})
	if s := am.Done(t, id); s.GetExitStatus() != 0 || times(am, id) != 2 {
		t.Errorf("exit %d after %d starts: %s", s.GetExitStatus(), times(am, id), s.GetDiagnostics())
	}
	late := proto.Clone(retry).(*yarnpb.ContainerRetryContextProto)
	late.RetryInterval = proto.Int32(3_600_000)
	waits := am.Start(t, Launch{Commands: []string{counted + "exit 9"}, Retry: late})
	Until(t, "its first process is gone", func() bool { return times(am, waits) == 1 && len(processesOf(t, waits)) == 0 })
	if s := am.Status(t, waits); s.GetContainerSubState() != yarnpb.ContainerSubStateProto_CSS_RUNNING {
		t.Errorf("while it waits for its retry it is %v", s.GetContainerSubState())
	}
	am.Stop(t, waits)
	if s := am.Done(t, waits); s.GetExitStatus() != int32(yarn.ExitKilledByAppMaster) || times(am, waits) != 1 {
		t.Errorf("exit %d after %d starts", s.GetExitStatus(), times(am, waits))
	}
}

func writeFile(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("content of "+filepath.Base(path)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// sleeper says who it is, once its links can be read, and runs on.
func sleeper(name string) []string {
	return []string{"cat /dev/null *.txt >> <LOG_DIR>/saw; echo I am " + name + " >> <LOG_DIR>/names; exec sleep 1000"}
}

func reinit(t *testing.T, am *AM, id yarn.ContainerID, l Launch, autoCommit bool) error {
	t.Helper()
	_, err := am.ReInitializeContainer(t.Context(), &yarnpb.ReInitializeContainerRequestProto{ContainerId: wire.ContainerID(id), ContainerLaunchContext: l.Context(), AutoCommit: &autoCommit})
	return err
}

// follows waits until the names that a container said are these.
func follows(t *testing.T, am *AM, id yarn.ContainerID, names ...string) {
	t.Helper()
	want := ""
	for _, n := range names {
		want += "I am " + n + "\n"
	}
	Until(t, "the container said "+want, func() bool { text, _ := am.read(id, "names"); return text == want })
	am.Running(t, id)
}

func TestReinitializationCommitRollbackAndRestart(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	dir := openDir(t)
	old := Resource(t, writeFile(t, filepath.Join(dir, "old.txt")), yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_APPLICATION)
	fresh := Resource(t, writeFile(t, filepath.Join(dir, "new.txt")), yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_APPLICATION)
	id := am.Start(t, Launch{Commands: sleeper("one"), Resources: map[string]*yarnpb.LocalResourceProto{"old.txt": old}})
	follows(t, am, id, "one")
	p := wire.ContainerID(id)
	rollback := func() error { _, err := am.RollbackLastReInitialization(t.Context(), p); return err }
	commit := func() error { _, err := am.CommitLastReInitialization(t.Context(), p); return err }
	for what, err := range map[string]error{"rollback to !!": rollback(), "Commit !!": commit()} {
		if err == nil || !strings.Contains(err.Error(), "Nothing to "+what) {
			t.Errorf("before any re-initialization: %v", err)
		}
	}
	two := Launch{Commands: sleeper("two"), Resources: map[string]*yarnpb.LocalResourceProto{"new.txt": fresh}}
	if err := reinit(t, am, id, two, false); err != nil {
		t.Fatal(err)
	}
	follows(t, am, id, "one", "two")
	if saw := am.Log(t, id, "saw"); saw != "content of old.txt\ncontent of new.txt\ncontent of old.txt\n" {
		t.Errorf("the files of both launch contexts: %q", saw)
	}
	if err := rollback(); err != nil {
		t.Fatal(err)
	}
	follows(t, am, id, "one", "two", "one")
	if err := reinit(t, am, id, two, false); err != nil {
		t.Fatal(err)
	}
	follows(t, am, id, "one", "two", "one", "two")
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	if err := rollback(); err == nil {
		t.Error("a committed re-initialization was rolled back")
	}
	if _, err := am.RestartContainer(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	follows(t, am, id, "one", "two", "one", "two", "two")
	if s := am.Status(t, id); s.GetDiagnostics() != "" {
		t.Errorf("diagnostics of a container that only did what it was told: %q", s.GetDiagnostics())
	}
	// one that cannot have its resources stays as it is
	broken := proto.Clone(fresh).(*yarnpb.LocalResourceProto)
	broken.Timestamp = proto.Int64(1)
	if err := reinit(t, am, id, Launch{Commands: sleeper("never"), Resources: map[string]*yarnpb.LocalResourceProto{"b.txt": broken}}, true); err != nil {
		t.Fatal(err)
	}
	Until(t, "the re-initialization is given up", func() bool {
		return strings.Contains(am.Status(t, id).GetDiagnostics(), "Container aborting re-initialization.. ")
	})
	// one that fails goes back by itself
	if err := reinit(t, am, id, Launch{Commands: []string{"echo I am broken >> <LOG_DIR>/names; exit 8"}}, false); err != nil {
		t.Fatal(err)
	}
	follows(t, am, id, "one", "two", "one", "two", "two", "broken", "two")
	if d := am.Status(t, id).GetDiagnostics(); !strings.Contains(d, "Container Re-init Auto Rolled-Back.") {
		t.Errorf("diagnostics: %q", d)
	}
	if p := processesOf(t, id); len(p) > 3 {
		t.Errorf("processes of earlier launches are left: %v", p)
	}
	// and one that was committed at once ends with its failure
	if err := reinit(t, am, id, Launch{Commands: []string{"exit 8"}}, true); err != nil {
		t.Fatal(err)
	}
	if s := am.Done(t, id); s.GetExitStatus() != 8 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if _, err := am.RestartContainer(t.Context(), p); err == nil || !strings.Contains(err.Error(), "Not RUNNING for [RE_INIT]. Current state [") {
		t.Errorf("restart of an ended container: %v", err)
	}
	if _, err := b.AM(t, "mallory", 2).RestartContainer(t.Context(), p); err == nil || !strings.Contains(err.Error(), "ApplicationMaster not autorized to perform [RE_INIT]") {
		t.Errorf("restart by another application: %v", err)
	}
}

func localized(t *testing.T, am *AM, id yarn.ContainerID) map[string]*yarnpb.LocalizationStatusProto {
	t.Helper()
	resp, err := am.GetLocalizationStatuses(t.Context(), &yarnpb.GetLocalizationStatusesRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
	if err != nil || len(resp.GetCntnLocalizationStatuses()) != 1 {
		t.Fatalf("%v, %v", resp, err)
	}
	out := map[string]*yarnpb.LocalizationStatusProto{}
	for _, s := range resp.GetCntnLocalizationStatuses()[0].GetLocalizationStatuses() {
		out[s.GetResourceKey()] = s
	}
	return out
}

func localize(t *testing.T, am *AM, id yarn.ContainerID, resources map[string]*yarnpb.LocalResourceProto) error {
	t.Helper()
	_, err := am.Localize(t.Context(), &yarnpb.ResourceLocalizationRequestProto{ContainerId: wire.ContainerID(id), LocalResources: Launch{Resources: resources}.Context().GetLocalResources()})
	return err
}

func TestResourcesComeIntoARunningContainer(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	dir := openDir(t)
	file := func(name string) *yarnpb.LocalResourceProto {
		return Resource(t, writeFile(t, filepath.Join(dir, name)), yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_PRIVATE)
	}
	id := am.Start(t, Launch{Commands: []string{`until [ -e deep/er/late -a -e early ]; do sleep 0.02; done; cat early deep/er/late > <LOG_DIR>/saw; until [ -e second ]; do sleep 0.02; done; cat early second >> <LOG_DIR>/saw; sleep 1000`},
		Resources: map[string]*yarnpb.LocalResourceProto{"early": file("early")}})
	am.Running(t, id)
	broken := file("broken")
	broken.Timestamp = proto.Int64(1)
	if err := localize(t, am, id, map[string]*yarnpb.LocalResourceProto{"deep/er/late": file("late"), "broken": broken}); err != nil {
		t.Fatal(err)
	}
	am.Logged(t, id, "saw", "content of early\ncontent of late\n")
	Until(t, "what came of each is told", func() bool {
		s := localized(t, am, id)
		return s["early"].GetLocalizationState() == yarnpb.LocalizationStateProto_L_COMPLETED && s["deep/er/late"].GetLocalizationState() == yarnpb.LocalizationStateProto_L_COMPLETED &&
			s["broken"].GetLocalizationState() == yarnpb.LocalizationStateProto_L_FAILED && strings.Contains(s["broken"].GetDiagnostics(), "changed on src filesystem")
	})
	if err := localize(t, am, id, map[string]*yarnpb.LocalResourceProto{"../out": file("out")}); err == nil || !strings.Contains(err.Error(), "Destination must be relative") {
		t.Errorf("a link outside: %v", err)
	}
	// a link of the same name takes the place of the older one
	if err := localize(t, am, id, map[string]*yarnpb.LocalResourceProto{"early": file("replaced")}); err != nil {
		t.Fatal(err)
	}
	Until(t, "the newer one is there", func() bool {
		return localized(t, am, id)["early"].GetLocalizationState() == yarnpb.LocalizationStateProto_L_COMPLETED
	})
	if err := localize(t, am, id, map[string]*yarnpb.LocalResourceProto{"second": file("second")}); err != nil {
		t.Fatal(err)
	}
	am.Logged(t, id, "saw", "content of replaced\ncontent of second\n")
	am.Stop(t, id)
	am.Done(t, id)
	if err := localize(t, am, id, map[string]*yarnpb.LocalResourceProto{"x": file("x")}); err == nil || !strings.Contains(err.Error(), "Not RUNNING for [LOCALIZE]") {
		t.Errorf("an ended container: %v", err)
	}
}

// sized is a token for another size of a container.
func sized(t *testing.T, am *AM, id yarn.ContainerID, mb int64, version int32) *commonpb.TokenProto {
	return am.Token(t, id, Launch{MemoryMB: mb, Edit: func(i *yarnpb.ContainerTokenIdentifierProto) { i.Version = &version }})
}

func update(t *testing.T, am *AM, token *commonpb.TokenProto) error {
	t.Helper()
	resp, err := am.UpdateContainer(t.Context(), &yarnpb.ContainerUpdateRequestProto{UpdateContainerToken: []*commonpb.TokenProto{token}})
	if err != nil {
		return err
	}
	for _, f := range resp.GetFailedRequests() {
		return errors.New(f.GetException().GetMessage())
	}
	if len(resp.GetSucceededRequests()) != 1 {
		t.Errorf("neither done nor refused: %v", resp)
	}
	return nil
}

func TestARunningContainerGrowsAndShrinks(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	// each file named grow makes it hold 100 MB more
	id := am.Start(t, Launch{MemoryMB: 64, Commands: []string{`until [ -e <LOG_DIR>/grow ]; do sleep 0.02; done; x=\$(head -c 100000000 /dev/zero | tr '\\0' x); echo holds > <LOG_DIR>/held; while :; do sleep 0.1; done`}})
	am.Running(t, id)
	if err := update(t, am, sized(t, am, id, 1024, 1)); err != nil {
		t.Fatal(err)
	}
	if err := update(t, am, sized(t, am, id, 2048, 1)); err == nil || !strings.Contains(err.Error(), "has update version [1] >= requested version [1]") {
		t.Errorf("the same version again: %v", err)
	}
	Until(t, "the ResourceManager hears of the greater size", func() bool {
		g := b.Grown(id)
		return len(g) > 0 && g[0].GetResource().GetMemory() == 1024 && g[0].GetVersion() == 1 && b.Status(id).GetCapability().GetMemory() == 1024
	})
	told := len(b.Grown(id))
	logs, err := filepath.Glob(b.Dir + "/logs?/*/" + id.String())
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	writeFile(t, filepath.Join(logs[0], "grow"))
	am.Logged(t, id, "held", "holds")
	seen := b.Beats()
	Until(t, "the monitor has looked", func() bool { return b.Beats() > seen+10 })
	am.Running(t, id) // 100 MB would have been too much before
	forged := sized(t, am, id, 4096, 9)
	forged.Password = []byte("not the ResourceManager's")
	if err := update(t, am, forged); err == nil || !strings.Contains(err.Error(), "Invalid container token") {
		t.Errorf("a forged token: %v", err)
	}
	// a smaller size comes with the heartbeat's answer, and the monitor holds the container to it
	smaller := sized(t, am, id, 32, 2)
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.ContainersToUpdate = append(r.ContainersToUpdate, &yarnpb.ContainerProto{Id: wire.ContainerID(id), ContainerToken: smaller})
	})
	if s := am.Done(t, id); s.GetExitStatus() != int32(yarn.ExitKilledExceededPMem) || s.GetCapability().GetMemory() != 32 {
		t.Errorf("exit %d of a container of %d MB: %s", s.GetExitStatus(), s.GetCapability().GetMemory(), s.GetDiagnostics())
	}
	if n := len(b.Grown(id)); n != told || told != 1 {
		t.Errorf("the greater size was told %d times, %d in the end", told, n)
	}
}

func TestTheResourceManagerSetsWhatTheNodeOffers(t *testing.T) {
	b := Start(t, Options{})
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) {
		r.Resource = &yarnpb.ResourceProto{Memory: proto.Int64(1234), VirtualCores: proto.Int32(3)}
	})
	b.Tell(func(r *yarnpb.NodeHeartbeatResponseProto) { r.NodeAction = yarnpb.NodeActionProto_RESYNC.Enum() })
	Until(t, "the node registers again", func() bool { return len(b.Registrations()) == 2 })
	if r := b.Registrations()[1].GetResource(); r.GetMemory() != 1234 || r.GetVirtualCores() != 3 {
		t.Errorf("it registers with %v", r)
	}
	if _, body := b.Get(t, "/ws/v1/node/info"); !strings.Contains(body, `"totalPmemAllocatedContainersMB":1234`) {
		t.Errorf("REST says %s", body)
	}
}

// What was asked for and what is left holds for the next NodeManager too.
func TestChangedContainersOutliveTheirKilledNodeManager(t *testing.T) {
	m := startMortal(t, nil)
	am := m.AM(t, "alice", 1)
	dir := openDir(t)
	flag := filepath.Join(dir, "fail")
	resource := func(name string) map[string]*yarnpb.LocalResourceProto {
		return map[string]*yarnpb.LocalResourceProto{name: Resource(t, writeFile(t, filepath.Join(dir, name)), yarnpb.LocalResourceTypeProto_FILE, yarnpb.LocalResourceVisibilityProto_APPLICATION)}
	}
	always := yarnpb.ContainerRetryPolicyProto_RETRY_ON_ALL_ERRORS.Enum()
	// its second retry is not made before the node dies, its third process must not be tried again
	retried := am.Start(t, Launch{Commands: []string{counted + "until [ -e " + flag + ".\\$(wc -l < <LOG_DIR>/starts) ]; do sleep 0.02; done; exit 6"},
		Retry: &yarnpb.ContainerRetryContextProto{RetryPolicy: always, MaxRetries: proto.Int32(2), RetryInterval: proto.Int32(1)}})
	changed := am.Start(t, Launch{Commands: sleeper("one"), Resources: resource("one.txt")})
	follows(t, am, changed, "one")
	if err := reinit(t, am, changed, Launch{Commands: sleeper("two"), Resources: resource("two.txt")}, false); err != nil {
		t.Fatal(err)
	}
	follows(t, am, changed, "one", "two")
	if err := update(t, am, sized(t, am, changed, 777, 1)); err != nil {
		t.Fatal(err)
	}
	if err := localize(t, am, changed, resource("three.txt")); err != nil {
		t.Fatal(err)
	}
	am.Logged(t, retried, "starts", "started\n")
	writeFile(t, flag+".1")
	Until(t, "the first retry runs", func() bool { return m.starts(t, am, retried) == 2 })
	am.Running(t, retried)
	m.kill(t)
	writeFile(t, flag+".2")
	writeFile(t, flag+".3")
	m.start(t)
	if s := am.Done(t, retried); s.GetExitStatus() != 6 || m.starts(t, am, retried) != 3 {
		t.Errorf("exit %d after %d starts, want 6 after 3: %s", s.GetExitStatus(), m.starts(t, am, retried), s.GetDiagnostics())
	}
	if r := m.registered(t, changed); r.GetResource().GetMemory() != 777 || r.GetVersion() != 1 {
		t.Errorf("registered with %v of version %d", r.GetResource(), r.GetVersion())
	}
	Until(t, "the resource is there", func() bool {
		return localized(t, am, changed)["three.txt"].GetLocalizationState() == yarnpb.LocalizationStateProto_L_COMPLETED
	})
	if _, err := am.RollbackLastReInitialization(t.Context(), wire.ContainerID(changed)); err != nil {
		t.Fatal(err)
	}
	follows(t, am, changed, "one", "two", "one")
	// killed at any moment of a re-initialization, the node ends up with it, and each process was there once
	names := []string{"one", "two", "one"}
	for _, name := range []string{"three", "four", "five"} {
		if err := reinit(t, am, changed, Launch{Commands: sleeper(name)}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond)
		m.kill(t)
		m.start(t)
		names = append(names, name)
		Until(t, "the re-initialization is over", func() bool {
			text, _ := am.read(changed, "names")
			s := am.Status(t, changed)
			if s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE { // its start was cut off between the record and the process
				return s.GetExitStatus() == int32(yarn.ExitLost)
			}
			return strings.HasSuffix(text, "I am "+name+"\n")
		})
		if am.Status(t, changed).GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
			return
		}
		follows(t, am, changed, names...)
	}
	am.Stop(t, changed)
	am.Done(t, changed)
}
