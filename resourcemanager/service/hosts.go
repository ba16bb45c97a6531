package service

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// HostLists are the hosts that may, and that must not, be part of the cluster
// (yarn.resourcemanager.nodes.include-path and exclude-path).
type HostLists struct {
	include, exclude string // paths; "" for none
	now              atomic.Pointer[lists]
}

// lists are host names in lower case, with the seconds that a graceful decommission of theirs may take, noTimeout for
// those without their own.
type lists struct{ in, out map[string]int64 }

const noTimeout = -2

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
	_, in := l.in[host]
	_, out := l.out[host]
	return !out && (len(l.in) == 0 || in)
}

// Timeout is how many seconds the exclude list gives a graceful decommission of host; ok is false where it says nothing.
func (h *HostLists) Timeout(host string) (seconds int64, ok bool) {
	seconds, ok = h.now.Load().out[strings.ToLower(host)]
	return seconds, ok && seconds != noTimeout
}

// readHosts reads a list: names between blanks, or Hadoop's XML form where the file's name ends so.
func readHosts(path string) (map[string]int64, error) {
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
	if strings.HasSuffix(path, ".xml") {
		return readHostsXML(f)
	}
	out := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, name := range strings.Fields(line) {
			out[strings.ToLower(name)] = noTimeout
		}
	}
	return out, lines.Err()
}

// readHostsXML reads <host> elements with a <name> and perhaps a <timeout> in seconds (Hadoop's HostsFileReader).
// A name may stand for several, between commas.
func readHostsXML(r io.Reader) (map[string]int64, error) {
	var doc struct {
		Hosts []struct {
			Name    string `xml:"name"`
			Timeout string `xml:"timeout"`
		} `xml:"host"`
	}
	if err := xml.NewDecoder(r).Decode(&doc); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, h := range doc.Hosts {
		seconds := int64(noTimeout)
		if text := strings.TrimSpace(h.Timeout); text != "" {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("host %s: the timeout %q is no number of seconds", h.Name, text)
			}
			seconds = max(n, -1)
		}
		for name := range strings.SplitSeq(h.Name, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				out[name] = seconds
			}
		}
	}
	return out, nil
}
