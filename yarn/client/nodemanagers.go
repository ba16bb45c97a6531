package client

import (
	"fmt"
	"sync"

	"heddle/hadoop-proto/common"
	"heddle/hadoop/security"
	"heddle/yarn"
)

// NodeManagers is an ApplicationMaster's connections to its nodes, with the NM token of each.
// It is safe for concurrent use.
type NodeManagers struct {
	cfg *Config

	mu      sync.Mutex // guards what follows
	tokens  map[yarn.NodeID]security.Token
	clients map[yarn.NodeID]*ContainerManagement
}

// NewNodeManagers has no token yet; they come with the ResourceManager's answers.
func NewNodeManagers(cfg *Config) *NodeManagers {
	return &NodeManagers{cfg: cfg, tokens: make(map[yarn.NodeID]security.Token), clients: make(map[yarn.NodeID]*ContainerManagement)}
}

// SetToken keeps a node's token. A newer one is used from the next connection on.
func (n *NodeManagers) SetToken(node yarn.NodeID, p *commonpb.TokenProto) {
	token := security.TokenFromProto(p)
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.tokens[node]; ok && old.Equal(token) {
		return
	}
	n.tokens[node] = token
	// The old connection, if any, stays until its calls have ended and it is idle.
	delete(n.clients, node)
}

// Node returns the connection to a node.
func (n *NodeManagers) Node(node yarn.NodeID) (*ContainerManagement, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[node]; c != nil {
		return c, nil
	}
	token, ok := n.tokens[node]
	if !ok {
		return nil, fmt.Errorf("no NM token for node %s: the ResourceManager sends it with the first container there", node)
	}
	c := n.cfg.ContainerManagementAt(node, token)
	n.clients[node] = c
	return c, nil
}

// ContainerManagementAt connects to one node with a token, as a ResourceManager does to start an ApplicationMaster. Calls
// wait for a node that is away, as long as their contexts and yarn.client.nodemanager-connect.max-wait-ms allow.
func (c *Config) ContainerManagementAt(node yarn.NodeID, token security.Token) *ContainerManagement {
	return &ContainerManagement{&retrying{c.connect(node.String(), protocolContainerManagement, &token), c.nmPatience, true}}
}

// Close ends all connections.
func (n *NodeManagers) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for node, c := range n.clients {
		c.Close()
		delete(n.clients, node)
	}
}
