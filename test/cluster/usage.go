//go:build interop

package cluster

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Usage is what a daemon of ours holds at a moment.
type Usage struct {
	RSS, Heap               int64 // bytes
	Goroutines, Descriptors int
}

// UsageOf asks the kernel about a process, and its /metrics at web, a host:port.
func UsageOf(pid int, address string) (u Usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return u, err
			}
			u.RSS = kb << 10
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return u, err
	}
	u.Descriptors = len(fds)
	resp, err := web.Get("http://" + address + "/metrics")
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if name != "go_memstats_heap_inuse_bytes" && name != "go_goroutines" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return u, err
		}
		if name == "go_goroutines" {
			u.Goroutines = int(v)
		} else {
			u.Heap = int64(v)
		}
	}
	if u.Goroutines == 0 || u.Heap == 0 {
		return u, fmt.Errorf("the /metrics of process %d name no goroutines and no heap", pid)
	}
	return u, nil
}
