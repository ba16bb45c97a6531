package rpc

import (
	"net"
	"sync/atomic"
	"time"
)

// Stats is a moment's view of a server's counters.
type Stats struct {
	Name                string // of the server
	Port                int    // where it listens; 0 while it does not
	Connections         int
	ConnectionsAccepted uint64
	ConnectionsRefused  uint64 // for want of room, and those that gave up their place
	AuthFailures        uint64
	Calls               uint64
	CallsInProgress     int
	BytesReceived       uint64
	BytesSent           uint64
	Methods             []MethodStats // methods that were called, in no order
}

// MethodStats counts the calls of one method.
type MethodStats struct {
	Protocol, Method string
	Calls, Errors    uint64
	Time             time.Duration // spent in the handler, all calls together
}

type counters struct {
	accepted, refused, authFailures atomic.Uint64
	received, sent                  atomic.Uint64
	calls                           atomic.Uint64
	inProgress                      atomic.Int64
}

// Stats reads the counters; they are not one consistent cut.
func (s *Server) Stats() Stats {
	out := Stats{
		Name:                s.cfg.Name,
		ConnectionsAccepted: s.counters.accepted.Load(),
		ConnectionsRefused:  s.counters.refused.Load(),
		AuthFailures:        s.counters.authFailures.Load(),
		Calls:               s.counters.calls.Load(),
		CallsInProgress:     int(s.counters.inProgress.Load()),
		BytesReceived:       s.counters.received.Load(),
		BytesSent:           s.counters.sent.Load(),
	}
	s.mu.Lock()
	out.Connections = len(s.conns)
	for l := range s.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			out.Port = a.Port
		}
	}
	s.mu.Unlock()
	for name, p := range s.protocols {
		for method, m := range p.methods {
			if n := m.calls.Load(); n > 0 {
				out.Methods = append(out.Methods, MethodStats{name, method, n, m.errors.Load(), time.Duration(m.nanos.Load())})
			}
		}
	}
	return out
}
