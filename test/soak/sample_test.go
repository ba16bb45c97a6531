//go:build interop

package soak

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// figure is one thing that must not grow.
type figure struct {
	name  string
	unit  float64 // of the table
	floor float64 // so much growth is none
}

const mb = 1 << 20

var figures = []figure{
	{"RSS MB", mb, 16 * mb}, {"heap MB", mb, 8 * mb}, {"goroutines", 1, 40}, {"descriptors", 1, 40}, {"disk MB", mb, 4 * mb},
}

// daemon is a process under observation, and what was seen of it.
type daemon struct {
	name string
	pid  int
	web  string   // host:port of its /metrics
	dirs []string // what it writes, without its log file: who starts it rotates that

	samples [][]float64 // by figure
}

// look takes one sample.
func (d *daemon) look() error {
	rss, err := statusKB(d.pid, "VmRSS:")
	if err != nil {
		return err
	}
	metrics, err := d.metrics("go_memstats_heap_inuse_bytes", "go_goroutines")
	if err != nil {
		return err
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.pid))
	if err != nil {
		return err
	}
	var disk int64
	for _, dir := range d.dirs {
		n, err := size(dir)
		if err != nil {
			return err
		}
		disk += n
	}
	if d.samples == nil {
		d.samples = make([][]float64, len(figures))
	}
	for i, v := range []float64{float64(rss) * 1024, metrics[0], metrics[1], float64(len(fds)), float64(disk)} {
		d.samples[i] = append(d.samples[i], v)
	}
	return nil
}

// line is the medians of the last n samples.
func (d *daemon) line(n int) string {
	var b strings.Builder
	for i, f := range figures {
		s := d.samples[i]
		fmt.Fprintf(&b, "  %s %.0f", f.name, median(s[max(0, len(s)-n):])/f.unit)
	}
	return d.name + b.String()
}

func statusKB(pid int, name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == name {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}

var web = &http.Client{Timeout: 10 * time.Second}

func (d *daemon) metrics(names ...string) ([]float64, error) {
	resp, err := web.Get("http://" + d.web + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	found := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) == 2 {
			if v, err := strconv.ParseFloat(f[1], 64); err == nil {
				found[f[0]] = v
			}
		}
	}
	var out []float64
	for _, n := range names {
		v, ok := found[n]
		if !ok {
			return nil, fmt.Errorf("%s's /metrics has no %s", d.name, n)
		}
		out = append(out, v)
	}
	return out, nil
}

// size is what lies under dir, in bytes; what goes away meanwhile does not count.
func size(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total, err
}
