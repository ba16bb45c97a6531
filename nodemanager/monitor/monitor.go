// Package monitor watches what containers and the node use, and ends containers that
// use more memory than they were granted.
package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/executor"
	"heddle/nodemanager/container"
	"heddle/nodemanager/updater"
	"heddle/yarn"
)

// Config sets a Monitor up.
type Config struct {
	Manager  *container.Manager
	Interval time.Duration
	Physical bool    // yarn.nodemanager.pmem-check-enabled
	Virtual  bool    // yarn.nodemanager.vmem-check-enabled
	Ratio    float64 // yarn.nodemanager.vmem-pmem-ratio
	Logs     LogLimits
	Log      *slog.Logger
}

// LogLimits end containers that log too much (yarn.nodemanager.container-log-monitor.*).
type LogLimits struct {
	Interval   time.Duration // 0: they do not
	DirBytes   int64         // of one log directory
	TotalBytes int64
}

// Monitor is owned by the goroutine of Run; Utilization may be read from anywhere.
type Monitor struct {
	cfg  Config
	last atomic.Pointer[updater.Utilization]

	over   map[yarn.ContainerID]bool // was over a limit at the last look
	cpu    map[yarn.ContainerID]int64
	looked time.Time
	busy   int64
}

// New returns a Monitor that has not looked yet.
func New(cfg Config) *Monitor {
	m := &Monitor{cfg: cfg, over: map[yarn.ContainerID]bool{}, cpu: map[yarn.ContainerID]int64{}}
	m.last.Store(&updater.Utilization{})
	return m
}

// Utilization is the outcome of the last look.
func (m *Monitor) Utilization() updater.Utilization { return *m.last.Load() }

// Run looks every interval until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	t := time.NewTicker(m.cfg.Interval)
	defer t.Stop()
	var logs <-chan time.Time
	if m.cfg.Logs.Interval > 0 {
		l := time.NewTicker(m.cfg.Logs.Interval)
		defer l.Stop()
		logs = l.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			m.look(ctx, now)
		case <-logs:
			m.lookAtLogs()
		}
	}
}

func (m *Monitor) look(ctx context.Context, now time.Time) {
	u := updater.Utilization{}
	elapsed := float32(now.Sub(m.looked).Milliseconds())
	over, cpu := map[yarn.ContainerID]bool{}, map[yarn.ContainerID]int64{}
	count := func(c *container.Container, use executor.Usage, pid int, ok bool) {
		if !ok {
			return
		}
		u.ContainersPhysicalMB += use.ResidentMB
		u.ContainersVirtualMB += use.VirtualMB
		cpu[c.ID] = use.CPUMillis
		if before, ok := m.cpu[c.ID]; ok && elapsed > 0 {
			u.ContainersCPU += float32(use.CPUMillis-before) / elapsed
		}
		over[c.ID] = m.check(c, use, pid)
	}
	var mu sync.Mutex // of what the engine says; it may hang, and must not keep processes from being looked at
	var asked sync.WaitGroup
	for _, c := range m.cfg.Manager.Containers() {
		if c.Docker() {
			asked.Go(func() {
				use, pid, ok := c.Usage(ctx)
				mu.Lock()
				defer mu.Unlock()
				count(c, use, pid, ok)
			})
			continue
		}
		use, pid, ok := c.Usage(ctx)
		mu.Lock()
		count(c, use, pid, ok)
		mu.Unlock()
	}
	asked.Wait()
	m.over, m.cpu = over, cpu
	m.node(&u, elapsed)
	m.looked = now
	m.last.Store(&u)
}

// check ends a container above twice a limit, or above it at two looks in a row: a process that
// forks has for a moment twice its size. It returns whether a limit was passed.
func (m *Monitor) check(c *container.Container, use executor.Usage, pid int) bool {
	limit := c.Resource()[yarn.Memory]
	virtual := int64(float64(limit) * m.cfg.Ratio)
	if use.OOMKills > 0 {
		c.Kill(yarn.ExitKilledExceededPMem, m.message(c, pid, use, "PHYSICAL", use.ResidentMB, limit, virtual, "yarn.nodemanager.resource.memory.enabled"))
		return true
	}
	physicalOver := m.cfg.Physical && use.ResidentMB > limit
	virtualOver := m.cfg.Virtual && use.VirtualMB > virtual
	again := m.over[c.ID]
	switch {
	case virtualOver && (again || use.VirtualMB > 2*virtual):
		c.Kill(yarn.ExitKilledExceededVMem, m.message(c, pid, use, "VIRTUAL", use.VirtualMB, virtual, virtual, "yarn.nodemanager.vmem-check-enabled"))
	case physicalOver && (again || use.ResidentMB > 2*limit):
		c.Kill(yarn.ExitKilledExceededPMem, m.message(c, pid, use, "PHYSICAL", use.ResidentMB, limit, virtual, "yarn.nodemanager.pmem-check-enabled"))
	}
	return physicalOver || virtualOver
}

// lookAtLogs ends containers whose logs are above a limit.
func (m *Monitor) lookAtLogs() {
	for _, c := range m.cfg.Manager.Containers() {
		s := c.Status()
		if s.State != container.Running {
			continue
		}
		total := int64(0)
		why := ""
		for dir, n := range c.LogSizes() {
			total += n
			if n > m.cfg.Logs.DirBytes {
				why = fmt.Sprintf("is logging beyond the container single log directory limit. Limit: %d Log Directory Size: %d Log Directory: %s. Killing container. "+
					"Log less, or see the key yarn.nodemanager.container-log-monitor.dir-size-limit-bytes.", m.cfg.Logs.DirBytes, n, dir)
			}
		}
		if why == "" && total > m.cfg.Logs.TotalBytes {
			why = fmt.Sprintf("is logging beyond the container total log limit. Limit: %d Total Size: %d. Killing container. "+
				"Log less, or see the key yarn.nodemanager.container-log-monitor.total-size-limit-bytes.", m.cfg.Logs.TotalBytes, total)
		}
		if why != "" {
			m.cfg.Log.Warn("a container logs more than it may", "container", c.ID, "bytes", total)
			c.Kill(yarn.ExitKilledForExcessLogs, fmt.Sprintf("Container [pid=%d,containerID=%s] %s", s.PID, c.ID, why))
		}
	}
}

func (m *Monitor) message(c *container.Container, pid int, use executor.Usage, kind string, used, limit, virtual int64, key string) string {
	m.cfg.Log.Warn("a container uses more memory than it was granted", "container", c.ID, "kind", kind, "used MB", used, "limit MB", limit)
	return fmt.Sprintf("Container [pid=%d,containerID=%s] is running %dB beyond the '%s' memory limit. Current usage: %d MB of %d MB physical memory used; "+
		"%d MB of %d MB virtual memory used. Killing container. Ask for more memory, or see the key %s.",
		pid, c.ID, max(used-limit, 0)<<20, kind, use.ResidentMB, limit, use.VirtualMB, virtual, key)
}

// node reads the host's own use from /proc; where it cannot, it stays zero.
func (m *Monitor) node(u *updater.Utilization, elapsed float32) {
	mem := memInfo()
	u.NodePhysicalMB = (mem["MemTotal"] - mem["MemAvailable"]) >> 10
	u.NodeVirtualMB = u.NodePhysicalMB + (mem["SwapTotal"]-mem["SwapFree"])>>10
	busy := busyMillis()
	if m.busy > 0 && elapsed > 0 {
		u.NodeCPU = float32(busy-m.busy) / elapsed
	}
	m.busy = busy
}

func memInfo() map[string]int64 {
	out := map[string]int64{}
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(line, ":"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				out[name], _ = strconv.ParseInt(f[0], 10, 64)
			}
		}
	}
	return out
}

// TotalMemoryMB is the host's memory; 0 where it cannot be read.
func TotalMemoryMB() int64 { return memInfo()["MemTotal"] >> 10 }

// busyMillis is the processor time that all cores spent on work; a tick is 10 ms.
func busyMillis() int64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	var sum int64
	for i, v := range f {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, iowait, guests
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil {
			sum += n * 10
		}
	}
	return sum
}
