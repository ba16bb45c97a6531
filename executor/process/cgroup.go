package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/executor"
)

// Cgroups says where the executor may keep its groups.
type Cgroups struct {
	// Root is where the hierarchies are mounted, /sys/fs/cgroup when empty.
	Root string
	// Parent is the path of our groups in each hierarchy, "/hadoop-yarn" when empty.
	Parent string
	// CPUPercent is the part of CPUs, in processors' time, that all tasks together may use; 0 and 100: all that the machine has.
	CPUPercent int64
	CPUs       int // 0: the machine's processors
	// PIDs says that numbers of processes are to be limited.
	PIDs bool
	// Devices says that tasks are to be kept from devices.
	Devices bool
}

// The values that Hadoop writes too: one vcore is worth 1024 shares, or weight 100.
const (
	sharesPerCore = 1024
	weightPerCore = 100
	maxWeight     = 10000
	quotaPeriod   = 100000 // µs
	minQuota      = 1000   // the least that the kernel takes
)

// hierarchy is the parent directory in each controller of version 1, or the one of version 2.
// All methods also work on nil, where there are no cgroups.
type hierarchy struct {
	v2   bool
	has  []string          // controllers that groups of version 2 have
	dirs map[string]string // controller -> parent directory; version 2 has one, ""

	optional map[string]string // those of version 1 that an earlier daemon may have used, and this one does not
	unfenced error             // why tasks are not kept from devices
}

func openHierarchy(c Cgroups) (*hierarchy, error) {
	if c.Root == "" {
		c.Root = "/sys/fs/cgroup"
	}
	if c.Parent == "" {
		c.Parent = "/hadoop-yarn"
	}
	if c.CPUs == 0 {
		c.CPUs = runtime.NumCPU()
	}
	h := &hierarchy{dirs: map[string]string{}, optional: map[string]string{}, unfenced: errNotAsked}
	if _, err := os.Stat(filepath.Join(c.Root, "cgroup.controllers")); err == nil {
		h.v2 = true
		h.dirs[""] = filepath.Join(c.Root, c.Parent)
		if err := h.openV2(c.Root); err != nil {
			return nil, err
		}
		if c.Devices {
			h.unfenced = h.openFence(h.dirs[""])
		}
		return h, h.limitAll(c.CPUPercent, c.CPUs)
	}
	for _, controller := range []string{"cpu", "memory"} {
		dir := filepath.Join(c.Root, controller, c.Parent)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if !writable(filepath.Join(dir, "cgroup.procs")) {
			return nil, fmt.Errorf("%s is not writable", dir)
		}
		h.dirs[controller] = dir
	}
	if c.PIDs {
		dir := filepath.Join(c.Root, "pids", c.Parent)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if !writable(filepath.Join(dir, "cgroup.procs")) {
			return nil, fmt.Errorf("%s is not writable", dir)
		}
		h.dirs["pids"] = dir
	}
	if c.Devices {
		h.unfenced = h.openDevices(c.Root, c.Parent)
	}
	for _, controller := range []string{"pids", "devices"} {
		if h.dirs[controller] == "" {
			h.optional[controller] = filepath.Join(c.Root, controller, c.Parent)
		}
	}
	return h, h.limitAll(c.CPUPercent, c.CPUs)
}

// limitAll bounds what all tasks together use.
func (h *hierarchy) limitAll(percent int64, cpus int) error {
	if percent <= 0 || slices.Contains(h.missing(), "cpu") && percent >= 100 {
		return nil
	}
	file, value := "", ""
	switch quota := int64(cpus) * quotaPeriod * percent / 100; {
	case h.v2 && percent >= 100:
		file, value = h.dirs[""]+"/cpu.max", "max"
	case h.v2:
		file, value = h.dirs[""]+"/cpu.max", fmt.Sprintf("%d %d", quota, quotaPeriod)
	case percent >= 100:
		file, value = h.dirs["cpu"]+"/cpu.cfs_quota_us", "-1"
	default:
		file, value = h.dirs["cpu"]+"/cpu.cfs_quota_us", strconv.FormatInt(quota, 10)
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil && percent < 100 {
		return fmt.Errorf("yarn.nodemanager.resource.percentage-physical-cpu-limit: %w", err)
	}
	return nil
}

// openV2 hands the controllers down; without them the groups still hold the processes together.
func (h *hierarchy) openV2(root string) error {
	dir := h.dirs[""]
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if !writable(filepath.Join(dir, "cgroup.procs")) {
		return fmt.Errorf("%s is not writable", dir)
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return err
	}
	file := filepath.Join(root, subtreeControl)
	enable(file) // from the top: a group has what the one above it hands down
	for part := range strings.SplitSeq(rel, "/") {
		root = filepath.Join(root, part)
		file = filepath.Join(root, subtreeControl)
		enable(file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for c := range strings.FieldsSeq(string(b)) {
		h.has = append(h.has, strings.TrimPrefix(c, "+"))
	}
	return nil
}

const subtreeControl = "cgroup.subtree_control"

// enable hands the controllers down, or those that there are; what took effect is read afterwards.
func enable(file string) {
	if os.WriteFile(file, []byte("+cpu +memory +pids"), 0o644) == nil {
		return
	}
	for _, c := range []string{"+cpu", "+memory", "+pids"} {
		_ = os.WriteFile(file, []byte(c), 0o644)
	}
}

// missing are the controllers that a task's limits cannot be set without.
func (h *hierarchy) missing() []string {
	var out []string
	for _, c := range []string{"cpu", "memory"} {
		if h != nil && h.v2 && !slices.Contains(h.has, c) {
			out = append(out, c)
		}
	}
	return out
}

func writable(file string) bool { return syscall.Access(file, 2) == nil }

// cgroup is one task's groups.
type cgroup struct {
	v2   bool
	dirs map[string]string
}

func (h *hierarchy) open(id string) *cgroup {
	if h == nil {
		return nil
	}
	g := &cgroup{v2: h.v2, dirs: map[string]string{}}
	for c, d := range h.dirs {
		g.dirs[c] = filepath.Join(d, id)
	}
	for c, d := range h.optional {
		if dir := filepath.Join(d, id); fileExists(dir) {
			g.dirs[c] = dir
		}
	}
	return g
}

func (h *hierarchy) create(id string, l executor.Limits) (*cgroup, error) {
	g := h.open(id)
	if g == nil {
		return nil, nil
	}
	for _, d := range g.dirs {
		if err := os.Mkdir(d, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make cgroup: %w", err)
		}
	}
	if err := h.limit(g, l); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// limit sets a group's weights and limits.
func (h *hierarchy) limit(g *cgroup, l executor.Limits) error {
	missing := h.missing()
	if h.v2 && !slices.Contains(h.has, "pids") {
		missing = append(missing, "pids")
	}
	for file, value := range g.settings(l) {
		if controller, _, _ := strings.Cut(filepath.Base(file), "."); slices.Contains(missing, controller) {
			if l.HardMemory && controller == "memory" || l.HardCPU && controller == "cpu" || controller == "pids" {
				return fmt.Errorf("limits must be held, and the %s controller is not handed down to %s", controller, filepath.Dir(filepath.Dir(file)))
			}
			continue
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			return fmt.Errorf("set %s: %w", file, err)
		}
	}
	return nil
}

func (g *cgroup) settings(l executor.Limits) map[string]string {
	cores := max(l.VCores, 1)
	bytes := strconv.FormatInt(l.MemoryMB<<20, 10)
	quota := strconv.FormatInt(max(l.MilliCores*quotaPeriod/1000, minQuota), 10)
	s := map[string]string{}
	if g.v2 {
		d := g.dirs[""]
		s[d+"/cpu.weight"] = strconv.FormatInt(min(cores*weightPerCore, maxWeight), 10)
		if l.HardCPU {
			s[d+"/cpu.max"] = quota + " " + strconv.Itoa(quotaPeriod)
		}
		if l.HardMemory {
			s[d+"/memory.max"] = bytes
		}
		if l.PIDs > 0 {
			s[d+"/pids.max"] = strconv.FormatInt(l.PIDs, 10)
		}
		return s
	}
	s[g.dirs["cpu"]+"/cpu.shares"] = strconv.FormatInt(cores*sharesPerCore, 10)
	if l.HardCPU {
		s[g.dirs["cpu"]+"/cpu.cfs_quota_us"] = quota
	}
	if l.HardMemory {
		s[g.dirs["memory"]+"/memory.limit_in_bytes"] = bytes
	}
	if d := g.dirs["pids"]; d != "" && l.PIDs > 0 {
		s[d+"/pids.max"] = strconv.FormatInt(l.PIDs, 10)
	}
	return s
}

// joinFiles are written a pid to by the process that joins.
func (g *cgroup) joinFiles() []string {
	if g == nil {
		return nil
	}
	var out []string
	for _, d := range g.dirs {
		out = append(out, d+"/cgroup.procs")
	}
	return out
}

// pids lists the group's processes; ok is false where there is no group to ask.
func (g *cgroup) pids() (pids []int, ok bool) {
	if g == nil {
		return nil, false
	}
	seen := map[int]bool{}
	for _, d := range g.dirs {
		b, err := os.ReadFile(d + "/cgroup.procs")
		if errors.Is(err, fs.ErrNotExist) { // the daemon that started the task did not use this controller
			continue
		}
		if err != nil {
			return nil, false
		}
		ok = true
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	}
	return pids, ok
}

func (g *cgroup) oomKills() int64 {
	if g == nil {
		return 0
	}
	file := g.dirs["memory"] + "/memory.oom_control"
	if g.v2 {
		file = g.dirs[""] + "/memory.events"
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}

// remove removes the empty groups; the kernel takes a moment after the last process.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, d := range g.dirs {
		var err error
		for range 50 {
			if err = os.Remove(d); err == nil || errors.Is(err, fs.ErrNotExist) {
				err = nil
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove cgroup: %w", err))
		}
	}
	return errors.Join(errs...)
}
