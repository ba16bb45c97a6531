package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/executor"
)

// hierarchyAt lays out what openHierarchy looks for; the kernel's own files are plain ones here.
func hierarchyAt(t *testing.T, v2 bool) (*hierarchy, string) {
	t.Helper()
	root := t.TempDir()
	touch := func(p string) {
		p = filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if v2 {
		touch("cgroup.controllers")
		touch("hadoop-yarn/cgroup.procs")
	} else {
		touch("cpu/hadoop-yarn/cgroup.procs")
		touch("memory/hadoop-yarn/cgroup.procs")
		touch("pids/hadoop-yarn/cgroup.procs")
	}
	h, err := openHierarchy(Cgroups{Root: root, PIDs: true, CPUPercent: 100})
	if err != nil {
		t.Fatal(err)
	}
	return h, root
}

func TestGrantsBecomeTheKernelsValues(t *testing.T) {
	soft, hard := executor.Limits{MemoryMB: 512, VCores: 3}, executor.Limits{MemoryMB: 512, VCores: 3, HardMemory: true, HardCPU: true, MilliCores: 1500, PIDs: 99}
	for _, c := range []struct {
		name   string
		v2     bool
		limits executor.Limits
		want   map[string]string // "" for a file that must not be written
	}{
		{"version 1, shares only", false, soft, map[string]string{"cpu/hadoop-yarn/c/cpu.shares": "3072", "cpu/hadoop-yarn/c/cpu.cfs_quota_us": "", "memory/hadoop-yarn/c/memory.limit_in_bytes": ""}},
		{"version 1, held", false, hard, map[string]string{"cpu/hadoop-yarn/c/cpu.shares": "3072", "cpu/hadoop-yarn/c/cpu.cfs_quota_us": "150000", "pids/hadoop-yarn/c/pids.max": "99", "memory/hadoop-yarn/c/memory.limit_in_bytes": "536870912"}},
		{"version 2, shares only", true, soft, map[string]string{"hadoop-yarn/c/cpu.weight": "300", "hadoop-yarn/c/cpu.max": "", "hadoop-yarn/c/memory.max": ""}},
		{"version 2, held", true, hard, map[string]string{"hadoop-yarn/c/cpu.weight": "300", "hadoop-yarn/c/cpu.max": "150000 100000", "hadoop-yarn/c/pids.max": "99", "hadoop-yarn/c/memory.max": "536870912"}},
		{"version 2, more cores than weights", true, executor.Limits{VCores: 1000}, map[string]string{"hadoop-yarn/c/cpu.weight": "10000"}},
		{"no core counts as one", false, executor.Limits{}, map[string]string{"cpu/hadoop-yarn/c/cpu.shares": "1024"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, root := hierarchyAt(t, c.v2)
			g, err := h.create("c", c.limits)
			if err != nil {
				t.Fatal(err)
			}
			for file, want := range c.want {
				b, err := os.ReadFile(filepath.Join(root, file))
				if want == "" && err == nil || want != "" && string(b) != want {
					t.Errorf("%s holds %q, %v; want %q", file, b, err, want)
				}
			}
			for _, f := range g.joinFiles() {
				if !strings.HasSuffix(f, "/hadoop-yarn/c/cgroup.procs") {
					t.Errorf("a task joins by %s", f)
				}
			}
		})
	}
}

func TestEndsByTheKernelAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		v2         bool
		file, text string
	}{
		"version 1": {false, "memory/hadoop-yarn/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"},
		"version 2": {true, "hadoop-yarn/c/memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h, root := hierarchyAt(t, c.v2)
			g, err := h.create("c", executor.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if n := g.oomKills(); n != 0 {
				t.Errorf("%d before anything happened", n)
			}
			if err := os.WriteFile(filepath.Join(root, c.file), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if n := g.oomKills(); n != 2 {
				t.Errorf("%d ends were counted, want 2", n)
			}
		})
	}
}

func TestControllersAreHandedDown(t *testing.T) {
	_, root := hierarchyAt(t, true)
	for _, f := range []string{"cgroup.subtree_control", "hadoop-yarn/cgroup.subtree_control"} {
		if b, err := os.ReadFile(filepath.Join(root, f)); err != nil || string(b) != "+cpu +memory +pids" {
			t.Errorf("%s holds %q, %v", f, b, err)
		}
	}
	h, _ := hierarchyAt(t, true)
	h.has = []string{"memory"}
	g, err := h.create("weak", executor.Limits{VCores: 1, MemoryMB: 9, HardMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(g.dirs[""] + "/cpu.weight"); err == nil {
		t.Error("a weight was set without its controller")
	}
	if _, err := h.create("hard", executor.Limits{VCores: 1, HardCPU: true}); err == nil || !strings.Contains(err.Error(), "the cpu controller is not handed down") {
		t.Errorf("a limit that cannot be held: %v", err)
	}
	if _, err := openHierarchy(Cgroups{Root: "/proc/none"}); err == nil {
		t.Error("a root that is not there was opened")
	}
}

func TestAllTasksTogetherKeepTheirPartOfTheMachine(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		h, root := hierarchyAt(t, v2)
		h.has = []string{"cpu", "memory"}
		if err := h.limitAll(50, 3); err != nil {
			t.Fatal(err)
		}
		file, want := "cpu/hadoop-yarn/cpu.cfs_quota_us", "150000"
		if v2 {
			file, want = "hadoop-yarn/cpu.max", want+" 100000"
		}
		if b, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v; want %s", file, b, err, want)
		}
	}
}
