package hadoophttp

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// quietFor is how long a connection must have been silent to lose its place to a new one.
const quietFor = time.Second

// limit makes l accept no more than n connections at a time. When there are as many, the one that has been silent longest makes
// room; where none has, further ones wait, all but one in the kernel's queue.
func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{}), conns: map[*limitedConn]struct{}{}}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	conns map[*limitedConn]struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.enter() {
		c.Close()
		return nil, net.ErrClosed
	}
	lc := &limitedConn{Conn: c, list: l}
	lc.quiet.Store(time.Now().UnixNano())
	l.mu.Lock()
	l.conns[lc] = struct{}{}
	l.mu.Unlock()
	return lc, nil
}

// enter waits for a slot, and closes silent connections to get one; false after Close.
func (l *limited) enter() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.closed:
			return false
		default:
		}
		if l.evict(time.Now()) {
			continue
		}
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.closed:
			return false
		case <-time.After(quietFor / 10):
		}
	}
}

// evict closes the connection that has been silent longest, if one has for quietFor.
func (l *limited) evict(now time.Time) bool {
	l.mu.Lock()
	var most *limitedConn
	since := now.Add(-quietFor).UnixNano()
	for c := range l.conns {
		if q := c.quiet.Load(); q != 0 && q < since {
			most, since = c, q
		}
	}
	l.mu.Unlock()
	if most == nil {
		return false
	}
	most.Close()
	return true
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	list  *limited
	once  sync.Once
	quiet atomic.Int64 // unix nanoseconds since when no request is served; 0 while one is
}

func (c *limitedConn) Close() error {
	c.once.Do(func() {
		c.list.mu.Lock()
		delete(c.list.conns, c)
		c.list.mu.Unlock()
		<-c.list.slots
	})
	return c.Conn.Close()
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// busyWhileServing keeps the places of connections whose requests are at work.
func busyWhileServing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*limitedConn); ok {
			c.quiet.Store(0)
			defer func() { c.quiet.Store(time.Now().UnixNano()) }()
		}
		h.ServeHTTP(w, r)
	})
}
