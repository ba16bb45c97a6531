package nodemanager

import (
	"context"
	"net"
	"os"
	"strings"
	"time"
)

// nodeHost is the name that the node registers with: the canonical name of the address it
// listens on, as Java finds it; localhost on loopback, the host's own name on all addresses.
func nodeHost(ctx context.Context, listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	ip := net.ParseIP(host)
	if host == "" || ip != nil && ip.IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			return "localhost"
		}
		host, ip = name, nil
	}
	if strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return canonical(ctx, host, ip)
}

func canonical(ctx context.Context, host string, ip net.IP) string {
	if ip == nil {
		addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
		if err != nil || len(addrs) == 0 {
			return host
		}
		ip = addrs[0].IP
		if ip.IsLoopback() { // Debian's own entry for the host's name; localhost would mislead others
			return host
		}
	}
	names, err := net.DefaultResolver.LookupAddr(ctx, ip.String())
	if err != nil || len(names) == 0 {
		return host
	}
	return strings.TrimSuffix(names[0], ".")
}
