package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
)

// asOthers is a node whose containers run as their submitters.
func asOthers(t *testing.T, site map[string]string) *Box {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("running containers as other users needs root")
	}
	all := map[string]string{
		"yarn.nodemanager.container-executor.class":                            "org.apache.hadoop.yarn.server.nodemanager.LinuxContainerExecutor",
		"yarn.nodemanager.linux-container-executor.nonsecure-mode.limit-users": "false",
	}
	for k, v := range site {
		all[k] = v
	}
	return Start(t, Options{Site: all, ExecutorCfg: "allowed.system.users=daemon,games\nbanned.users=games,nobody\n"})
}

func TestContainersRunAsTheirSubmitters(t *testing.T) {
	b := asOthers(t, map[string]string{"yarn.log-aggregation-enable": "true"})
	am := b.AM(t, "daemon", 1) // every Debian has this user, as number 1
	resources := map[string]*yarnpb.LocalResourceProto{}
	for v, name := range map[yarnpb.LocalResourceVisibilityProto]string{public: "public", private: "private", application: "application"} {
		resources[name] = Resource(t, b.put(t, name, []byte(name+" "), 0o644), file, v)
	}
	id := am.Start(t, Launch{Resources: resources, Commands: []string{"{ id -u; cat public private application; stat -Lc %u:%a private public; touch mine; }", "1><LOG_DIR>/stdout"}})
	if s := am.Done(t, id); s.GetExitStatus() != 0 {
		t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if got := am.Log(t, id, "stdout"); got != "1\npublic private application 1:500\n0:555\n" {
		t.Errorf("it printed %q", got)
	}
	if status, body := b.Get(t, "/ws/v1/node/containers/"+id.String()+"/logs/stdout"); status != 200 || !strings.Contains(body, "public private application") {
		t.Errorf("the page gives %d, %s", status, body)
	}
	secret := Resource(t, b.put(t, "roots.txt", []byte("x"), 0o600), file, private)
	if s := am.Done(t, am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"x": secret}, Commands: []string{"cat x"}})); s.GetExitStatus() != -1000 || !strings.Contains(s.GetDiagnostics(), "Permission denied: user=daemon") {
		t.Errorf("another user's file: %d, %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	b.FinishApp(am.Attempt.Application)
	Until(t, "the logs are uploaded and gone from here", func() bool {
		r := b.LogReports(am.Attempt.Application)
		return len(r) > 0 && r[len(r)-1].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_SUCCEEDED
	})
}

func TestAUserCannotLeadTheNodeToOthersFiles(t *testing.T) {
	b := asOthers(t, nil)
	secret := filepath.Join(b.Dir, "secret-stderr")
	if err := os.WriteFile(secret, []byte("root's secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	am := b.AM(t, "daemon", 1)
	// the user turns logs into links, and takes the places that the next container's files will have
	trap := `for l in ${LOG_DIRS//,/ }; do ln -sf ` + secret + ` \$l/prelaunch.err; ln -sf ` + secret + ` \$l/stderr; done; ` +
		`for d in ${LOCAL_DIRS//,/ }; do n=\$d/${CONTAINER_ID%1}2; mkdir -m 777 \$n; ln -s ` + secret + ` \$n/launch_container.sh; ln -s ` + secret + ` \$n/container_tokens; done; exit 9`
	first := am.Start(t, Launch{Commands: []string{trap}})
	if s := am.Done(t, first); s.GetExitStatus() != 9 || strings.Contains(s.GetDiagnostics(), "root's secret") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	for _, path := range []string{"/ws/v1/node/containers/" + first.String() + "/logs/stderr", "/node/containerlogs/" + first.String() + "/daemon/prelaunch.err?start=0"} {
		if status, body := b.Get(t, path); status == 200 || strings.Contains(body, "root's secret") {
			t.Errorf("%s gives %d: %s", path, status, body)
		}
	}
	second := am.Start(t, Launch{Commands: []string{"true"}})
	if s := am.Done(t, second); s.GetExitStatus() == 0 {
		t.Error("the second container ran in a folder that was prepared for it")
	}
	fi, err := os.Stat(secret)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "root's secret" || fi.Mode() != 0o600 {
		t.Errorf("root's file is now %q, %v, %v", text, fi.Mode(), err)
	}
}

// The rules of Hadoop's setuid program hold, and root never runs a container.
func TestUsersThatMayNotRunContainers(t *testing.T) {
	b := asOthers(t, nil)
	for n, tt := range []struct{ user, want string }{
		{"root", "Running as root is not allowed"},
		{"mail", "Requested user mail is not whitelisted and has id 8,which is below the minimum allowed 1000"},
		{"games", "Requested user games is banned"},
		{"nobody", "Requested user nobody is banned"},
		{"no-such-user", "user no-such-user is not known to this host"},
		{"a;b", "Invalid user name a;b"},
	} {
		if _, err := b.AM(t, tt.user, int32(n+1)).Try(t, Launch{Commands: []string{"true"}}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.user, err)
		}
	}
}

// Both executors adjust the nice value of containers.
func TestContainersAreAsNiceAsConfigured(t *testing.T) {
	out, err := exec.Command("nice").Output()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	site := map[string]string{"yarn.nodemanager.container-executor.os.sched.priority.adjustment": "4"}
	check := func(b *Box, user string) {
		am := b.AM(t, user, 1)
		id := am.Start(t, Launch{Commands: []string{"nice", "1><LOG_DIR>/stdout"}})
		if s := am.Done(t, id); s.GetExitStatus() != 0 {
			t.Fatalf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
		}
		if got, want := am.Log(t, id, "stdout"), strconv.Itoa(min(mine+4, 19))+"\n"; got != want {
			t.Errorf("as %s: nice value %q, want %q", user, got, want)
		}
	}
	check(Start(t, Options{Site: site}), "alice")
	check(asOthers(t, site), "daemon")
}
