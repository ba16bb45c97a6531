package conf

import (
	"net"
	"strconv"
	"strings"
)

// Addr is the host:port that a server listens on for key: key's value or def, its host
// replaced by the daemon's bind-host (for yarn.resourcemanager.webapp.address that
// is yarn.resourcemanager.bind-host) when one is set. A value without port takes def's port.
func (c *Config) Addr(key, def string) (string, error) {
	addr, err := c.ConnectAddr(key, def)
	if err != nil {
		return "", err
	}
	bind := c.String(bindHostKey(key), "")
	if bind == "" {
		return addr, nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", c.Invalid(key, "host:port")
	}
	return net.JoinHostPort(bind, port), nil
}

// ConnectAddr is the host:port under key that clients connect to and that a server tells others.
func (c *Config) ConnectAddr(key, def string) (string, error) {
	v, ok := c.value(key)
	if !ok {
		v = def
	}
	v = strings.TrimSuffix(v, "/")
	if _, rest, found := strings.Cut(v, "://"); found {
		v = rest
	}
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		_, port, err = net.SplitHostPort(def)
		host = v
	}
	if err != nil || host == "" || strings.ContainsAny(host, " /,") {
		return "", c.Invalid(key, "host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", c.Invalid(key, "host:port with a port from 0 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// bindHostKey is the key that overrides the listening host: the first two parts of an address key, then bind-host.
func bindHostKey(key string) string {
	parts := strings.SplitN(key, ".", 3)
	if len(parts) < 3 {
		return key + ".bind-host"
	}
	return parts[0] + "." + parts[1] + ".bind-host"
}
