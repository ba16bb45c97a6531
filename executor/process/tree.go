package process

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"heddle/executor"
)

const (
	pageKB      = 4
	clockMillis = 10 // a tick of /proc/<pid>/stat: USER_HZ is 100 on amd64 and arm64
)

// stat is what /proc/<pid>/stat tells of one process.
type stat struct {
	state        byte
	group, sid   int
	start        int64 // in ticks after the machine's start
	ticks        int64
	virtualBytes int64
	residentKB   int64
}

func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(b)
}

// parseStat reads behind the last ')', since a command's name may hold anything.
func parseStat(b []byte) (stat, bool) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return stat{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 22 {
		return stat{}, false
	}
	n := func(i int) int64 { v, _ := strconv.ParseInt(f[i], 10, 64); return v }
	return stat{
		state: f[0][0], group: int(n(2)), sid: int(n(3)), ticks: n(11) + n(12), start: n(19),
		virtualBytes: n(20), residentKB: n(21) * pageKB * int64(os.Getpagesize()/4096),
	}, true
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// allPIDs lists the processes of the host.
func allPIDs() []int {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // a process may end meanwhile: a part of the list is as good
	pids := make([]int, 0, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sessionPIDs lists the live processes of a session.
func sessionPIDs(sid int) []int {
	var out []int
	for _, pid := range allPIDs() {
		if s, ok := readStat(pid); ok && s.sid == sid && !s.dead() {
			out = append(out, pid)
		}
	}
	return out
}

// markedPIDs lists the live processes that have this "name=value" in their environment, as far as
// the daemon may read it.
func markedPIDs(variable string) []int {
	var out []int
	for _, pid := range allPIDs() {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil || !slices.ContainsFunc(bytes.Split(b, []byte{0}), func(v []byte) bool { return string(v) == variable }) {
			continue
		}
		if s, ok := readStat(pid); ok && !s.dead() {
			out = append(out, pid)
		}
	}
	return out
}

func union(a, b []int) []int {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// processGroupAlive reports whether any process of the group lives; zombies do not count.
func processGroupAlive(group int) bool {
	if err := syscall.Kill(-group, 0); err == syscall.ESRCH {
		return false
	}
	if s, ok := readStat(group); ok && !s.dead() {
		return true
	}
	for _, pid := range allPIDs() {
		if s, ok := readStat(pid); ok && s.group == group && !s.dead() {
			return true
		}
	}
	return false
}

// usageOf sums up processes. Shared pages are counted once per process first, which is cheap;
// only where that passes the limit are proportional sizes read.
func usageOf(pids []int, limitMB int64) executor.Usage {
	var residentKB, virtual, ticks int64
	u := executor.Usage{}
	for _, pid := range pids {
		s, ok := readStat(pid)
		if !ok || s.dead() {
			continue
		}
		u.Processes++
		residentKB += s.residentKB
		virtual += s.virtualBytes
		ticks += s.ticks
	}
	if u.Processes > 1 && residentKB > limitMB<<10 {
		if kb, ok := proportionalKB(pids); ok {
			residentKB = kb
		}
	}
	u.ResidentMB, u.VirtualMB, u.CPUMillis = residentKB>>10, virtual>>20, ticks*clockMillis
	return u
}

// proportionalKB sums Pss of smaps_rollup (Linux 4.14 and later).
func proportionalKB(pids []int) (int64, bool) {
	var sum int64
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if errors.Is(err, syscall.ESRCH) { // it is ending and has no memory any more
			continue
		}
		if err != nil || len(b) == 0 {
			if s, alive := readStat(pid); !alive || s.dead() {
				continue
			}
			return 0, false
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, "Pss:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
				sum += kb
			}
		}
	}
	return sum, true
}
