package container

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tails reads the ends with the rights of the container's user, whose folder it is.
func (c *Container) tails() (text string) {
	err := c.owner.Do(func() error {
		text = c.readTails()
		return nil
	})
	if err != nil {
		c.mgr.cfg.Log.Warn("the ends of a container's logs were not read", "container", c.ID, "error", err)
	}
	return text
}

// readTails are the ends of prelaunch.err and of the files that look like a stderr, for the diagnostics.
func (c *Container) readTails() string {
	var b strings.Builder
	limit := c.mgr.cfg.TailBytes
	pre := filepath.Join(c.logDir, "prelaunch.err")
	fmt.Fprintf(&b, "Error file: prelaunch.err.\nLast %d bytes of prelaunch.err :\n%s", limit, tail(pre, limit))
	entries, err := os.ReadDir(c.logDir)
	if err != nil {
		return b.String()
	}
	for _, e := range entries {
		if e.Type().IsRegular() && matchesAny(c.mgr.cfg.StderrPatterns, e.Name()) {
			fmt.Fprintf(&b, "Last %d bytes of %s :\n%s", limit, e.Name(), tail(filepath.Join(c.logDir, e.Name()), limit))
		}
	}
	return b.String()
}

func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := filepath.Match(p, name); err == nil && ok {
			return true
		}
	}
	return false
}

// tail reads the last bytes of a file; what cannot be read is left out.
func tail(file string, limit int64) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, max(0, fi.Size()-limit), limit), limit))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(b), "?")
}
