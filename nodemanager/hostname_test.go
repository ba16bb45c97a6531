package nodemanager

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
)

// hosts is a name service: by name the address, by address the names, the canonical one first.
type hosts map[string][]string

func (h hosts) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	for ip, names := range h {
		for _, n := range names {
			if strings.EqualFold(n, host) {
				return []net.IPAddr{{IP: net.ParseIP(ip)}}, nil
			}
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (h hosts) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if names := h[addr]; len(names) > 0 {
		return names, nil
	}
	return nil, &net.DNSError{Err: "no such address", Name: addr, IsNotFound: true}
}

// Field report B37: upper-case names, aliases, short against full names.
func TestTheNodesNameIsTheCanonicalOne(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	names := hosts{"192.0.2.7": {"Worker7.Example.Org.", "worker7", "gpu-box"}, "192.0.2.8": {"ALLCAPS"}, "127.0.1.1": {"laptop"}, "192.0.2.9": {own + ".example.org", own}}
	for _, c := range []struct{ rule, listen, want string }{
		{"a short name becomes the full one", "worker7:8041", "Worker7.Example.Org"},
		{"so does an alias", "gpu-box:8041", "Worker7.Example.Org"},
		{"and an address", "192.0.2.7:8041", "Worker7.Example.Org"},
		{"whatever the case", "WORKER7:8041", "Worker7.Example.Org"},
		{"an upper-case name stays as the name service has it", "allcaps:8041", "ALLCAPS"},
		{"loopback is localhost", "127.0.0.1:8041", "localhost"},
		{"by name too, whatever the case", "LocalHost:8041", "localhost"},
		{"a name that Debian puts on loopback stays itself", "laptop:8041", "laptop"},
		{"a name that does not resolve stays itself", "Nowhere.Example:8041", "Nowhere.Example"},
		{"an address without a name stays itself", "192.0.2.99:8041", "192.0.2.99"},
		{"all addresses mean the host's own name", "0.0.0.0:8041", own + ".example.org"},
		{"in IPv6 too", "[::]:8041", own + ".example.org"},
	} {
		if got := nodeHost(t.Context(), names, c.listen); got != c.want {
			t.Errorf("%s: %s becomes %s, want %s", c.rule, c.listen, got, c.want)
		}
	}
}
