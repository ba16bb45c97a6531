package monitor

import (
	"os"
	"runtime"
	"strings"
)

// Cores is the number of cores of the host, of which each may be several processors (hyper-threads). Where the kernel
// does not tell cores, as on most ARM machines, each processor is one.
func Cores() int {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.NumCPU()
	}
	return min(countCores(string(b), runtime.NumCPU()), runtime.NumCPU())
}

// countCores counts the pairs of "physical id" and "core id" of a cpuinfo; untold is the answer where it has none.
func countCores(cpuinfo string, untold int) int {
	cores, chip := map[string]bool{}, ""
	for line := range strings.Lines(cpuinfo) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "physical id":
			chip = strings.TrimSpace(value)
		case "core id":
			cores[chip+" "+strings.TrimSpace(value)] = true
		}
	}
	if len(cores) == 0 {
		return untold
	}
	return len(cores)
}
