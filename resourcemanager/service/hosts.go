package service

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
)

// HostLists are the hosts that may, and that must not, be part of the cluster
// (yarn.resourcemanager.nodes.include-path and exclude-path).
type HostLists struct {
	include, exclude string // paths; "" for none
	now              atomic.Pointer[lists]
}

type lists struct{ in, out map[string]bool }

// NewHostLists reads both files; a path that is not set admits everyone.
func NewHostLists(include, exclude string) (*HostLists, error) {
	h := &HostLists{include: include, exclude: exclude}
	return h, h.Refresh()
}

// Refresh reads the files again; on an error the lists stay as they were.
func (h *HostLists) Refresh() error {
	in, err := readHosts(h.include)
	if err != nil {
		return fmt.Errorf("yarn.resourcemanager.nodes.include-path: %w", err)
	}
	out, err := readHosts(h.exclude)
	if err != nil {
		return fmt.Errorf("yarn.resourcemanager.nodes.exclude-path: %w", err)
	}
	h.now.Store(&lists{in, out})
	return nil
}

// Admits reports whether a NodeManager on host may take part.
func (h *HostLists) Admits(host string) bool {
	l := h.now.Load()
	host = strings.ToLower(host)
	return !l.out[host] && (len(l.in) == 0 || l.in[host])
}

func readHosts(path string) (map[string]bool, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, name := range strings.Fields(line) {
			out[strings.ToLower(name)] = true
		}
	}
	return out, lines.Err()
}
