package process

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"heddle/executor"
)

// A task cannot open a device that is denied to it, whatever its file's name, and can open others; that holds after the
// daemon is gone, and ends with the task.
func TestATaskIsKeptFromDevices(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making and denying devices needs root")
	}
	for name, root := range fenceRoots(t) {
		t.Run(name, func(t *testing.T) {
			cgroups := Cgroups{Root: root, Parent: "/heddle-test-fence", Devices: true}
			e := New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: cgroups})
			t.Cleanup(func() {
				for _, d := range []string{"cpu", "memory", "devices", ""} {
					if err := os.Remove(filepath.Join(root, d, cgroups.Parent)); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Errorf("groups are left: %v", err)
					}
				}
			})
			if err := e.Unfenced(); err != nil {
				t.Fatalf("devices cannot be denied: %v", err)
			}
			task := newTask(t, `try() { for d in zero full random; do head -c 1 $d > got 2> $d.err && wc -c < got || cat $d.err; done; }
try > first; until [ -e again ]; do sleep 0.02; done; try > second; mknod mine c 1 7 2> mknod.err; echo $? >> second; mv second done; sleep 1000`)
			// as the kernel has them: /dev/zero, /dev/full, /dev/random
			for d, minor := range map[string]uint32{"zero": 5, "full": 7, "random": 8} {
				if err := unix.Mknod(filepath.Join(task.WorkDir, d), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
					t.Fatal(err)
				}
			}
			task.Denied = []executor.DeviceFile{{Major: 1, Minor: 7}, {Block: true, Major: 1, Minor: 5}, {Major: 1, Minor: 8}}
			start(t, e, task)
			refused := "Operation not permitted\n"
			want := "1\nhead: cannot open 'full' for reading: " + refused + "head: cannot open 'random' for reading: " + refused
			// the next daemon denies nothing to new tasks
			cgroups.Devices = false
			e = New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: cgroups})
			p, err := e.Reattach(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(task.WorkDir, "again"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := await(t, task.WorkDir+"/done"); got != want+"1\n" {
				t.Errorf("with another daemon it got\n%s", got)
			}
			if got := await(t, task.WorkDir+"/first"); got != want {
				t.Errorf("the task got\n%s", got)
			}
			if err := p.Signal(t.Context(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			if err := p.Remove(t.Context()); err != nil {
				t.Error(err)
			}
			left, err := filepath.Glob(filepath.Join(root, "*", cgroups.Parent, task.ID))
			if err != nil || len(left) > 0 {
				t.Errorf("groups are left: %v, %v", left, err)
			}
		})
	}
}

// fenceRoots are where this host has, or lets us mount, each version that can deny devices.
func fenceRoots(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	if fileExists("/sys/fs/cgroup/devices/devices.deny") {
		out["version 1"] = "/sys/fs/cgroup"
	}
	root := t.TempDir()
	if syscall.Mount("none", root, "cgroup2", 0, "") == nil {
		out["version 2"] = root
		t.Cleanup(func() {
			if err := syscall.Unmount(root, 0); err != nil {
				t.Error(err)
			}
		})
	}
	if len(out) == 0 {
		t.Skip("neither version of cgroups can be used")
	}
	return out
}

func await(t *testing.T, file string) string {
	t.Helper()
	for range 3000 {
		if b, err := os.ReadFile(file); err == nil {
			return string(b)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not come", file)
	return ""
}

// Where devices cannot be denied, tasks run all the same, and why is told.
func TestWithoutAFenceTasksRun(t *testing.T) {
	_, root := hierarchyAt(t, false)
	h, err := openHierarchy(Cgroups{Root: root, Devices: true})
	if err != nil {
		t.Fatal(err)
	}
	if h.unfenced == nil || !strings.Contains(h.unfenced.Error(), "not mounted at "+root+"/devices") {
		t.Errorf("it is said that %v", h.unfenced)
	}
	g, err := h.create("c", executor.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.fence(g, []executor.DeviceFile{{Major: 9}}); err != nil {
		t.Error(err)
	}
	none := New(Config{Log: slog.New(slog.DiscardHandler), Cgroups: Cgroups{Root: "/proc/none", Devices: true}})
	if none.Unfenced() == nil {
		t.Error("without cgroups nothing is said")
	}
	if err := none.cgroups.fence(nil, []executor.DeviceFile{{Major: 9}}); err != nil {
		t.Error(err)
	}
}

// A NodeManager that is itself in a group with a list of devices must not believe that what it denies is denied.
func TestADenialThatDoesNotHoldIsAnError(t *testing.T) {
	if os.Geteuid() != 0 || !fileExists("/sys/fs/cgroup/devices/devices.deny") {
		t.Skip("needs root and the devices controller of version 1")
	}
	parent, err := os.MkdirTemp("/sys/fs/cgroup/devices", "heddle-test-")
	if err != nil {
		t.Fatal(err)
	}
	group := parent + "/group"
	t.Cleanup(func() {
		if err := errors.Join(os.Remove(group), os.Remove(parent)); err != nil {
			t.Error(err)
		}
	})
	write := func(file, rule string) {
		t.Helper()
		if err := os.WriteFile(parent+"/"+file, []byte(rule), 0o200); err != nil {
			t.Fatal(err)
		}
	}
	write("devices.deny", "a *:* rwm")
	for _, rule := range []string{"c *:* m", "c 136:* rwm", "c 195:* rw", "c 240:0 rw", "c 240:1 rw"} {
		write("devices.allow", rule)
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := denyV1(group, []executor.DeviceFile{{Major: 240}, {Major: 241}, {Block: true, Major: 195}}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(group + "/devices.list"); err != nil || strings.Contains(string(b), "240:0") || !strings.Contains(string(b), "240:1") {
		t.Errorf("left are %s, %v", b, err)
	}
	if err := denyV1(group, []executor.DeviceFile{{Major: 195}}); err == nil || !strings.Contains(err.Error(), `by the rule "c 195:* rw"`) {
		t.Errorf("a denial that does not hold: %v", err)
	}
}
