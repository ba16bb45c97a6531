//go:build interop

package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports below those that kernels give to outgoing connections (from 32768), so that no connection takes one between two
// starts of a daemon, and above those of well-known services.
const firstPort, endPort = 12_000, 32_000

// ListenFree holds a port of this host that nothing uses, until the listener is closed.
func ListenFree() (*net.TCPListener, error) {
	var err error
	for range 100 {
		var l *net.TCPListener
		if l, err = net.ListenTCP("tcp", &net.TCPAddr{Port: firstPort + rand.IntN(endPort-firstPort)}); err == nil { //nolint:gosec // no secret
			return l, nil
		}
	}
	return nil, fmt.Errorf("finding a free port: %w", err)
}
