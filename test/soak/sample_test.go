//go:build interop

package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"heddle/test/cluster"
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
	u, err := cluster.UsageOf(d.pid, d.web)
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
	for i, v := range []float64{float64(u.RSS), float64(u.Heap), float64(u.Goroutines), float64(u.Descriptors), float64(disk)} {
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
