package monitor

import (
	"runtime"
	"testing"
)

func TestCoresAreCountedOnce(t *testing.T) {
	processor := func(chip, core string) string {
		return "processor\t: 0\nphysical id\t: " + chip + "\nsiblings\t: 4\ncore id\t\t: " + core + "\ncpu cores\t: 2\n\n"
	}
	threads := processor("0", "0") + processor("0", "1") + processor("1", "0") + processor("1", "1")
	for cpuinfo, want := range map[string]int{
		threads:           4,
		threads + threads: 4, // two threads of each
		"processor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\nBogoMIPS\t: 50.00\n": 7, // an ARM machine's
		"": 7,
	} {
		if got := countCores(cpuinfo, 7); got != want {
			t.Errorf("%d cores, want %d, in %q", got, want, cpuinfo)
		}
	}
	if n := Cores(); n < 1 || n > runtime.NumCPU() {
		t.Errorf("this machine has %d cores and %d processors", n, runtime.NumCPU())
	}
}
