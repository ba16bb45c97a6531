package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"heddle/yarn"
)

// reserveVariable makes this binary map as many MB as it says, use none of them, and wait.
const reserveVariable = "HEDDLE_TEST_RESERVE_MB"

func reserve(mb string) error {
	n, err := strconv.Atoi(mb)
	if err != nil {
		return err
	}
	if _, err := syscall.Mmap(-1, 0, n<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE); err != nil {
		return err
	}
	fmt.Println("reserved")
	time.Sleep(time.Hour)
	return nil
}

// Address space, shared pages and real use are three things: only the last counts with the virtual check off.
func TestOnlyRealMemoryCounts(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	maps := am.Start(t, Launch{MemoryMB: 256, Env: map[string]string{reserveVariable: "10240"}, Commands: []string{"exec " + os.Args[0], "1><LOG_DIR>/stdout"}})
	forks := am.Start(t, Launch{MemoryMB: 256, Commands: []string{`{ x=\$(head -c 60000000 /dev/zero | tr '\\0' x); for i in 1 2 3 4 5 6 7 8 9 10; do ( while :; do sleep 0.1; done ) & done; echo forked; wait; }`, "1><LOG_DIR>/stdout"}})
	uses := am.Start(t, Launch{MemoryMB: 256, Commands: []string{`x=\$(head -c 300000000 /dev/zero | tr '\\0' x); while :; do sleep 0.1; done`}})
	am.Logged(t, maps, "stdout", "reserved")
	am.Logged(t, forks, "stdout", "forked")
	if s := am.Done(t, uses); s.GetExitStatus() != int32(yarn.ExitKilledExceededPMem) || !strings.Contains(s.GetDiagnostics(), "of 256 MB physical memory used") ||
		!strings.Contains(s.GetDiagnostics(), "yarn.nodemanager.pmem-check-enabled") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	for range 3 { // the monitor looks every 100 ms
		seen := b.Beats()
		Until(t, "the node was heard again", func() bool { return b.Beats() > seen+3 })
		am.Running(t, maps)
		am.Running(t, forks)
	}
}

// health waits until the ResourceManager hears that the node is well or not, and returns the report.
func (b *Box) health(t *testing.T, well bool) (report string) {
	t.Helper()
	Until(t, fmt.Sprintf("a node that is healthy: %v", well), func() bool {
		h := b.Health()
		report = h.GetHealthReport()
		return h != nil && h.GetIsNodeHealthy() == well
	})
	return report
}

func TestADiskThatFailsMakesTheNodeUnhealthyUntilItWorks(t *testing.T) {
	b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.disk-health-checker.interval-ms": "50", "yarn.nodemanager.disk-health-checker.min-healthy-disks": "0.6"}})
	am := b.AM(t, "alice", 1)
	if r := b.health(t, true); r != "" {
		t.Errorf("the report of a healthy node: %q", r)
	}
	disk := filepath.Join(b.Dir, "local2")
	if err := os.Rename(disk, disk+".away"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, disk) // in the way of the folder
	if r := b.health(t, false); !strings.HasPrefix(r, "1/2 local-dirs have errors:  [ "+disk+" : ") {
		t.Errorf("report: %q", r)
	}
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	b.health(t, true)
	if log := b.Log.String(); strings.Count(log, "something is wrong with this node") != 1 || !strings.Contains(log, "healthy=false") || strings.Count(log, "this node is well again") != 1 {
		t.Errorf("the log: %s", log)
	}
	if s := am.Done(t, am.Start(t, Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}

func TestAHealthScriptsWordCounts(t *testing.T) {
	script := filepath.Join(openDir(t), "check.sh")
	say := func(text string) {
		t.Helper()
		if err := os.WriteFile(script+".new", []byte("#!/bin/bash\necho "+text+" $1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(script+".new", script); err != nil {
			t.Fatal(err)
		}
	}
	say("all is well")
	const key = "yarn.nodemanager.health-checker."
	site := map[string]string{key + "script.path": script, key + "script.opts": "fan", key + "interval-ms": "50"}
	b := Start(t, Options{Site: site})
	b.health(t, true)
	say("ERROR broken is the")
	if r := b.health(t, false); r != "ERROR broken is the fan" {
		t.Errorf("report: %q", r)
	}
	say("all is well")
	if r := b.health(t, true); r != "" {
		t.Errorf("report: %q", r)
	}
	say("ERROR broken is the")
	site[key+"run-before-startup"] = "true"
	if err := Begin(t, Options{Site: site}).Ended(t); err == nil || !strings.Contains(err.Error(), "ERROR broken is the fan") {
		t.Errorf("a start on a broken machine: %v", err)
	}
}

func TestTheNumberOfProcessesIsHeld(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/pids/cgroup.procs"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and the pids controller of cgroups version 1")
	}
	b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.container.pids-limit": "20"}})
	am := b.AM(t, "alice", 1)
	// as many as it gets; bash itself tries again for a while when it cannot fork, and is told not to
	id := am.Start(t, Launch{Commands: []string{`{ for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do sleep 1000 & done; echo got them all; }`, "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr"}})
	am.Logged(t, id, "stderr", "fork: ")
	if n := len(processesOf(t, id)); n > 21 { // the shell that notes the exit code is not one of them
		t.Errorf("%d processes", n)
	}
	am.Stop(t, id)
	am.Done(t, id)
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	groups, err := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/pids/heddle-test-%d-*", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if err := os.Remove(g); err != nil {
			t.Errorf("containers' cgroups are left: %v", err)
		}
	}
}

// A container that leaves its session, its parents and its environment does not escape from its cgroup.
func TestNobodyForksAway(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and cgroups")
	}
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{`( env -i setsid bash -c 'trap \"\" TERM HUP INT; ( echo \$BASHPID > '<LOG_DIR>'/far; while :; do sleep 0.1; done ) & exit 0' ); exit 0`}})
	pid := strings.TrimSpace(am.Logged(t, id, "far", "\n"))
	if s := am.Done(t, id); s.GetExitStatus() != 0 {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if state, alive := processState(t, pid); alive {
		t.Errorf("process %s lives on after the container is done: %s", pid, state)
	}
}
