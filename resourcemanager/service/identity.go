package service

import (
	"context"
	"net/netip"

	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// Without Kerberos a node is who it says it is. What protects one that lives from another machine that takes its name is where
// it registered from: only from there is it heard. A node whose address changes, by a restart or by its way through the network,
// registers again and is taken once it has been silent under the former address for silentBeats heartbeats; until then it is
// told to try again, which both Java's NodeManager and ours do.
const silentBeats = 3

// peer is the address that a call comes from; the zero address outside a connection.
func peer(ctx context.Context) netip.Addr {
	c := rpc.CallFrom(ctx)
	if c == nil {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(c.IP()) // else zero
	return a.Unmap()
}

// fromElsewhere reports whether a call in a node's name comes from another address than the node registered from.
func fromElsewhere(ctx context.Context, sess *core.NodeSession) bool {
	from := peer(ctx)
	return from.IsValid() && sess.From.IsValid() && from != sess.From
}

// taken refuses a call in the name of a node that is heard at another address.
func (s *Service) taken(ctx context.Context, id yarn.NodeID) error {
	sess, ok := s.Core.NodeSession(id)
	if !ok || !fromElsewhere(ctx, sess) || sess.Silent(s.Clock()).Milliseconds() > silentBeats*s.Settings.LongestBeat() {
		return nil
	}
	s.Log.Warn("a node that lives is claimed from another address", "node", id, "registered from", sess.From, "claimed from", peer(ctx))
	return rpc.Exception(rpc.ClassRetriable, "node %s lives and registered from %s; a call in its name from %s counts once it has been silent for %d ms",
		id, sess.From, peer(ctx), silentBeats*s.Settings.LongestBeat())
}
