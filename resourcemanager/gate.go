package resourcemanager

import (
	"context"
	"net"
	"sync/atomic"

	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
)

// gate decides, when a connection names its user, whether that user may use the protocol and whether the one who
// connected may speak for him. Both sets of rules can be read again while it runs.
type gate struct {
	groups  func(user string) []string
	proxies atomic.Pointer[security.ProxyUsers]
	acls    atomic.Pointer[security.ServiceACLs]
}

func newGate(c *conf.Config, groups func(string) []string) (*gate, error) {
	g := &gate{groups: groups}
	acls, err := security.NewServiceACLs(c, net.LookupIP)
	if err != nil {
		return nil, err
	}
	g.acls.Store(acls)
	return g, g.refreshProxyUsers(c)
}

// refreshProxyUsers reads hadoop.proxyuser.* again.
func (g *gate) refreshProxyUsers(c *conf.Config) error {
	p, err := security.NewProxyUsers(c, net.LookupIP)
	if err == nil {
		g.proxies.Store(p)
	}
	return err
}

// refreshServiceACLs reads the service ACLs again; it fails where they are not in force.
func (g *gate) refreshServiceACLs(c *conf.Config) error {
	if err := security.Authorizes(c); err != nil {
		return err
	}
	a, err := security.NewServiceACLs(c, net.LookupIP)
	if err == nil {
		g.acls.Store(a)
	}
	return err
}

// authorize is asked by the RPC servers.
func (g *gate) authorize(_ context.Context, c *rpc.Call, protocol string) error {
	if c.RealUser != "" {
		if err := g.proxies.Load().Authorize(c.RealUser, c.User, g.groups, c.IP()); err != nil {
			return err
		}
	}
	return g.acls.Load().Authorize(c.User, protocol, g.groups, c.IP())
}
