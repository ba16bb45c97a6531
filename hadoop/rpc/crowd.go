package rpc

import (
	"sync/atomic"
	"syscall"
	"time"
)

// What happens when more peers connect than there is room for.

const (
	crowdSample = 64          // connections that are compared to find the idlest: enough to find one of many
	crowdIdle   = time.Second // a connection that spoke later than this keeps its place
)

// open counts the connections of all servers of this process, which share its descriptors.
var open atomic.Int64

// places is how many connections there may be: files, web servers and this process's own calls keep an eighth of all
// descriptors and some more.
func places() int64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Cur > 1<<30 {
		return 1 << 30
	}
	return max(16, int64(l.Cur-l.Cur/8)-64)
}

// roomLocked reports whether one more connection may come in. When all places are taken, the idlest of some gives up its own, so
// that those who open many and say nothing do not keep others out.
func (s *Server) roomLocked(now time.Time) bool {
	if (s.cfg.MaxConnections <= 0 || len(s.conns) < s.cfg.MaxConnections) && open.Load() < s.places {
		return true
	}
	var idlest *conn
	most, seen := crowdIdle, 0
	for c := range s.conns { // begins anywhere
		if idle := c.idleSince(now); idle > most {
			idlest, most = c, idle
		}
		if seen++; seen == crowdSample {
			break
		}
	}
	if idlest == nil {
		return false
	}
	idlest.nc.Close() // its goroutine notices
	delete(s.conns, idlest)
	s.counters.refused.Add(1)
	s.hostile.warn(s.cfg.Log, "an idle connection is closed for a new one: there are as many as may be", "server", s.cfg.Name,
		"peer", idlest.nc.RemoteAddr(), "idle", most, "limit", s.cfg.MaxConnections, "descriptors", s.places)
	return true
}
