package security

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// ProxyUsers are the rules of hadoop.proxyuser.<user>.hosts, .groups and .users: which
// service may act for which users, and from where.
type ProxyUsers struct {
	rules map[string]*proxyRule
}

type proxyRule struct {
	users  []string // "*" is everyone
	groups []string
	hosts  *Hosts
}

const proxyUserPrefix = "hadoop.proxyuser."

// NewProxyUsers reads the rules. resolve finds the addresses of host names, at each check.
func NewProxyUsers(c *conf.Config, resolve func(host string) ([]net.IP, error)) (*ProxyUsers, error) {
	p := &ProxyUsers{rules: map[string]*proxyRule{}}
	v := c.Values()
	for rest, value := range c.WithPrefix(proxyUserPrefix) {
		i := strings.LastIndexByte(rest, '.')
		if i <= 0 {
			continue
		}
		rule := p.rules[rest[:i]]
		if rule == nil {
			rule = &proxyRule{hosts: &Hosts{}}
			p.rules[rest[:i]] = rule
		}
		switch rest[i+1:] {
		case "users":
			rule.users = names(value)
		case "groups":
			rule.groups = names(value)
		case "hosts":
			hosts, err := ParseHosts(value, resolve)
			if err != nil {
				v.Fail(fmt.Errorf("%w: %w", c.Invalid(proxyUserPrefix+rest, "*, or a list of hosts, addresses and networks"), err))
				continue
			}
			rule.hosts = hosts
		}
	}
	return p, v.Err()
}

// Authorize decides whether real may act for effective from the address ip. groups are the
// effective user's. A refusal is an *AuthorizationError in Hadoop's words.
func (p *ProxyUsers) Authorize(real, effective string, groups func(user string) []string, ip net.IP) error {
	rule := p.rules[real]
	if rule == nil || !rule.covers(effective, groups) {
		return denied("User: %s is not allowed to impersonate %s", real, effective)
	}
	if !rule.hosts.Contains(ip) {
		return denied("Unauthorized connection for super-user: %s from IP %s", real, ip)
	}
	return nil
}

func (r *proxyRule) covers(effective string, groups func(string) []string) bool {
	if slices.Contains(r.users, "*") || slices.Contains(r.users, effective) || slices.Contains(r.groups, "*") {
		return true
	}
	if len(r.groups) == 0 {
		return false
	}
	for _, g := range groups(effective) {
		if slices.Contains(r.groups, g) {
			return true
		}
	}
	return false
}

// Hosts is a set of machines: addresses, networks in CIDR form and host names.
type Hosts struct {
	all     bool
	ips     []net.IP
	nets    []*net.IPNet
	names   []string
	resolve func(string) ([]net.IP, error)
}

// ParseHosts reads a comma-separated list; "*" is every machine.
func ParseHosts(text string, resolve func(host string) ([]net.IP, error)) (*Hosts, error) {
	h := &Hosts{resolve: resolve}
	for _, item := range names(text) {
		if item == "*" {
			h.all = true
			continue
		}
		if strings.Contains(item, "/") {
			_, network, err := net.ParseCIDR(item)
			if err != nil {
				return nil, fmt.Errorf("network %q: %w", item, err)
			}
			h.nets = append(h.nets, network)
			continue
		}
		if ip := net.ParseIP(item); ip != nil {
			h.ips = append(h.ips, ip)
			continue
		}
		h.names = append(h.names, item)
	}
	return h, nil
}

// Contains reports whether ip is in the set. A name that does not resolve matches nothing.
func (h *Hosts) Contains(ip net.IP) bool {
	if h.all {
		return true
	}
	if ip == nil {
		return false
	}
	for _, n := range h.nets {
		if n.Contains(ip) {
			return true
		}
	}
	if slices.ContainsFunc(h.ips, ip.Equal) {
		return true
	}
	for _, name := range h.names {
		ips, err := h.resolve(name)
		if err == nil && slices.ContainsFunc(ips, ip.Equal) {
			return true
		}
	}
	return false
}
