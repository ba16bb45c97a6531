package nodemanager

import (
	"context"
	"net"
	"os"
	"strings"
	"time"
)

// resolver is what of net.Resolver the node's name depends on.
type resolver interface {
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// nodeHost is the name that the node registers with: the canonical name of the address it
// listens on, as Java finds it; localhost on loopback, the host's own name on all addresses.
func nodeHost(ctx context.Context, names resolver, listen string) string {
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
	return canonical(ctx, names, host, ip)
}

// canonical is the name that the address of host resolves to, so that an alias and a short name become
// the one that HDFS and other nodes know; host where nothing resolves.
func canonical(ctx context.Context, names resolver, host string, ip net.IP) string {
	if ip == nil {
		addrs, err := names.LookupIPAddr(ctx, host)
		if err != nil || len(addrs) == 0 {
			return host
		}
		ip = addrs[0].IP
		if ip.IsLoopback() { // Debian's own entry for the host's name; localhost would mislead others
			return host
		}
	}
	found, err := names.LookupAddr(ctx, ip.String())
	if err != nil || len(found) == 0 {
		return host
	}
	return strings.TrimSuffix(found[0], ".")
}
