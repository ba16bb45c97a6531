// Package topology says in which rack a host stands, as Hadoop's configuration has it: by a script of the administrator
// or by a table (net.topology.*).
package topology

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"heddle/hadoop/conf"
)

// DefaultRack is where a host stands of which nothing is known.
const DefaultRack = "/default-rack"

const (
	implKey   = "net.topology.node.switch.mapping.impl"
	scriptKey = "net.topology.script.file.name"
	tableKey  = "net.topology.table.file.name"

	// Hadoop waits for ever; a node that registers should not.
	scriptTime = 30 * time.Second
	// atOnce is how many scripts run side by side, when a whole cluster registers.
	atOnce = 8
	// maxOutput is how much of a script's words is kept.
	maxOutput = 64 << 10
)

// Racks finds racks. It remembers what a script said until the process ends, as Hadoop's CachedDNSToSwitchMapping does. It
// is safe for concurrent use; a nil Racks knows nothing.
type Racks struct {
	table  map[string]string // lower-case name or address -> rack
	script string
	lookup func(ctx context.Context, host string) ([]string, error)
	places chan struct{}

	mu    sync.Mutex
	known map[string]string
}

// New reads the configuration. It fails where the table cannot be read, and where a Java class is to do the work.
func New(c *conf.Config) (*Racks, error) {
	r := &Racks{lookup: net.DefaultResolver.LookupHost, places: make(chan struct{}, atOnce), known: map[string]string{}}
	impl := c.String(implKey, "")
	switch class := impl[strings.LastIndexByte(impl, '.')+1:]; class {
	case "", "ScriptBasedMapping":
		if r.script = c.String(scriptKey, ""); r.script != "" {
			return r, nil
		}
	case "TableMapping":
	default:
		return nil, fmt.Errorf("%s=%s is a Java class; ScriptBasedMapping with %s or TableMapping with %s name racks here", implKey, impl, scriptKey, tableKey)
	}
	if file := c.String(tableKey, ""); file != "" { // also where no class names it
		var err error
		if r.table, err = readTable(file); err != nil {
			return nil, fmt.Errorf("read %s: %w", tableKey, err)
		}
	}
	return r, nil
}

// readTable reads lines of a host, by name or address, and its rack.
func readTable(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	out := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && !strings.HasPrefix(fields[0], "#") {
			out[strings.ToLower(fields[0])] = fields[1]
		}
	}
	return out, lines.Err()
}

// Rack is the rack of a host. Where a script fails it is DefaultRack, with the reason, and the next call tries again.
func (r *Racks) Rack(ctx context.Context, host string) (string, error) {
	if r == nil {
		return DefaultRack, nil
	}
	host = strings.ToLower(host)
	if rack := r.table[host]; rack != "" {
		return rack, nil
	}
	if r.script == "" {
		for _, a := range r.addresses(ctx, host) {
			if rack := r.table[a]; rack != "" {
				return rack, nil
			}
		}
		return DefaultRack, nil
	}
	r.mu.Lock()
	rack := r.known[host]
	r.mu.Unlock()
	if rack != "" {
		return rack, nil
	}
	rack, err := r.ask(ctx, host)
	if err != nil {
		return DefaultRack, fmt.Errorf("%s (%s) for %s: %w", r.script, scriptKey, host, err)
	}
	r.mu.Lock()
	r.known[host] = rack
	r.mu.Unlock()
	return rack, nil
}

// addresses are a host's; none where a table that is empty needs none, or nobody knows it.
func (r *Racks) addresses(ctx context.Context, host string) []string {
	if len(r.table) == 0 || net.ParseIP(host) != nil {
		return nil
	}
	all, err := r.lookup(ctx, host)
	if err != nil {
		return nil
	}
	return all
}

// ask runs the script with the host's address, as Hadoop does, or with its name where it has none.
func (r *Racks) ask(ctx context.Context, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	argument := host
	if net.ParseIP(host) == nil {
		if all, err := r.lookup(ctx, host); err == nil && len(all) > 0 {
			argument = all[0]
		}
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	cmd := exec.CommandContext(ctx, r.script, argument)
	cmd.WaitDelay = time.Second
	var out, words limited
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", errors.Join(err, ctx.Err()), bytes.TrimSpace(words.buf))
	}
	racks := strings.Fields(string(out.buf))
	if len(racks) != 1 {
		return "", fmt.Errorf("it printed %d racks for one host", len(racks))
	}
	if !strings.HasPrefix(racks[0], "/") {
		return "", fmt.Errorf("it printed %q, and a rack begins with /", racks[0])
	}
	return racks[0], nil
}

// limited keeps the first maxOutput bytes.
type limited struct{ buf []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p[:min(len(p), maxOutput-len(l.buf))]...)
	return len(p), nil
}
