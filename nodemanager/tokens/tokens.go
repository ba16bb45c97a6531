// Package tokens checks what callers of the NodeManager present: NM tokens, which open
// connections, and container tokens, which allow one start each. Passwords are
// recomputed over the received bytes with the keys that the ResourceManager sends.
package tokens

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// NM checks NM tokens. It implements rpc.TokenVerifier and is safe for concurrent use.
type NM struct {
	Keys    security.ReceivedKeys
	Node    func() yarn.NodeID
	Journal *recovery.Journal // nil: keys are not remembered over a restart

	mu   sync.Mutex // guards used
	used map[yarn.AttemptID]security.MasterKey
}

// Password implements rpc.TokenVerifier: the bearer acts as its attempt.
func (n *NM) Password(_ context.Context, identifier []byte) ([]byte, string, error) {
	id, err := security.ParseNMIdentifier(identifier)
	if err != nil {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken, "%v", err)
	}
	attempt := wire.AttemptIDFrom(id.GetAppAttemptId())
	key, ok := n.key(attempt, id.GetKeyId())
	if !ok || !sameNode(wire.NodeIDFrom(id.GetNodeId()), n.Node()) {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken,
			"Given NMToken for application : %s seems to have been generated illegally.", attempt)
	}
	return key.Password(identifier), attempt.String(), nil
}

// key is a current or previous key, or the one that the attempt last started a container with:
// with that its token still works for stop and status after two rolls.
func (n *NM) key(attempt yarn.AttemptID, id int32) (security.MasterKey, bool) {
	if k, ok := n.Keys.Find(id); ok {
		return k, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	k, ok := n.used[attempt]
	return k, ok && k.ID == id
}

// Started checks that a start comes with a key that is not too old, and remembers it.
func (n *NM) Started(id *yarnpb.NMTokenIdentifierProto) error {
	k, ok := n.Keys.Find(id.GetKeyId())
	if !ok {
		return rpc.Exception(rpc.ClassInvalidToken, "Older NMToken should not be used while starting the container.")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.used == nil {
		n.used = map[yarn.AttemptID]security.MasterKey{}
	}
	attempt := wire.AttemptIDFrom(id.GetAppAttemptId())
	if n.used[attempt].ID != k.ID || n.used[attempt].Bytes == nil {
		n.used[attempt] = k
		n.Journal.Note(recovery.Put(keyUsed+attempt.String(), k))
	}
	return nil
}

// Forget drops what is remembered of an application's attempts.
func (n *NM) Forget(app yarn.ApplicationID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for a := range n.used {
		if a.Application == app {
			delete(n.used, a)
			n.Journal.Note(recovery.Delete(keyUsed + a.String()))
		}
	}
}

// sameNode compares as names are compared, without case.
func sameNode(a, b yarn.NodeID) bool {
	return a.Port == b.Port && strings.EqualFold(a.Host, b.Host)
}

// Containers checks container tokens. It is safe for concurrent use.
type Containers struct {
	Keys    security.ReceivedKeys
	Node    func() yarn.NodeID
	Journal *recovery.Journal // nil: neither keys nor claims are remembered over a restart

	mu      sync.Mutex // guards started
	started map[yarn.ContainerID]time.Time
}

// Verify checks that a token was made by the ResourceManager for this node.
func (c *Containers) Verify(t security.Token) (*yarnpb.ContainerTokenIdentifierProto, error) {
	id, err := security.ParseContainerIdentifier(t.Identifier)
	if err != nil {
		return nil, rpc.Exception(rpc.ClassInvalidToken, "%v", err)
	}
	cid := wire.ContainerIDFrom(id.GetContainerId())
	key, ok := c.Keys.Find(id.GetMasterKeyId())
	if !ok {
		return nil, rpc.Exception(rpc.ClassInvalidToken, "Given Container %s seems to have an illegally generated token.", cid)
	}
	if !key.Signed(t.Identifier, t.Password) {
		return nil, rpc.Exception(rpc.ClassInvalidToken, "Invalid container token used for starting container on : %s", c.Node())
	}
	if host, err := yarn.ParseNodeID(id.GetNmHostAddr()); err != nil || !sameNode(host, c.Node()) {
		return nil, rpc.Exception(rpc.ClassYarn, "Unauthorized request to start container.\nThe container token is for node %s, this is %s", id.GetNmHostAddr(), c.Node())
	}
	return id, nil
}

const refused = "Unauthorized request to start container. "

// Fresh refuses a token after its expiry.
func Fresh(id *yarnpb.ContainerTokenIdentifierProto, now time.Time) error {
	if expiry := id.GetExpiryTimeStamp(); expiry < now.UnixMilli() {
		return rpc.Exception(rpc.ClassYarn, refused+"\nThis token is expired. current time is %d found %d\nNote: System times on machines may be out of sync. Check system time and time zones.",
			now.UnixMilli(), expiry)
	}
	return nil
}

// Claim allows one start with a verified token before its expiry.
func (c *Containers) Claim(id *yarnpb.ContainerTokenIdentifierProto, now time.Time) error {
	cid := wire.ContainerIDFrom(id.GetContainerId())
	expiry := time.UnixMilli(id.GetExpiryTimeStamp())
	c.mu.Lock()
	defer c.mu.Unlock()
	for other, until := range c.started {
		if until.Before(now) {
			delete(c.started, other)
			c.Journal.Note(recovery.Delete(keyClaim + other.String()))
		}
	}
	if _, ok := c.started[cid]; ok {
		return rpc.Exception(rpc.ClassYarn, refused+"\n Attempt to relaunch the same container with id %s.", cid)
	}
	if err := Fresh(id, now); err != nil {
		return err
	}
	if c.started == nil {
		c.started = map[yarn.ContainerID]time.Time{}
	}
	c.started[cid] = expiry
	return nil
}

// Unclaim takes a claim back whose start failed before the container existed.
func (c *Containers) Unclaim(id *yarnpb.ContainerTokenIdentifierProto) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.started, wire.ContainerIDFrom(id.GetContainerId()))
}

// SameApplication is the rule of a start: the connection's token and the container's are of one application.
func SameApplication(nm yarn.AttemptID, c yarn.ContainerID) error {
	if nm.Application == c.Attempt.Application {
		return nil
	}
	return rpc.Exception(rpc.ClassYarn, "%s", fmt.Sprintf("Unauthorized request to start container. "+
		"\nNMToken for application attempt : %s was used for starting container with container token issued for application attempt : %s", nm, c.Attempt))
}
