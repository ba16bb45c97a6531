package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

var errIdle = errors.New("connection was idle")

// clientConn is one connection of a Client. Its reading goroutine owns frames and
// hands out the replies; it ends when the connection does.
type clientConn struct {
	cfg    *ClientConfig
	nc     net.Conn
	out    *writer
	frames *frameReader
	ping   []byte // a whole frame
	ended  chan struct{}

	mu      sync.Mutex // guards what follows
	calls   map[int32]*waiting
	lastUse time.Time
	err     error // why the connection ended
}

// waiting is a call without a reply. Whoever takes it out of the map owns resp.
type waiting struct {
	resp proto.Message
	done chan error // capacity 1
}

var waitings = sync.Pool{New: func() any { return &waiting{done: make(chan error, 1)} }}

func (c *clientConn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil
}

func (c *clientConn) call(ctx context.Context, id int32, frame []byte, resp proto.Message) error {
	w := waitings.Get().(*waiting)
	w.resp = resp
	if err := c.enter(id, w); err != nil {
		return err
	}
	if err := c.out.send(frame, false); err != nil {
		c.close(fmt.Errorf("sending: %w", err)) // answers w, too
	}
	select {
	case err := <-w.done:
		w.resp = nil
		waitings.Put(w)
		return err
	case <-ctx.Done():
	}
	if c.take(id) != nil {
		return ctx.Err() // w is not reused: nobody else knows it any more, but its channel stays clean this way
	}
	return <-w.done // the reply is being decoded into resp right now
}

func (c *clientConn) enter(id int32, w *waiting) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if _, double := c.calls[id]; double {
		return fmt.Errorf("call id %d is still in use", id)
	}
	c.calls[id] = w
	c.lastUse = time.Now()
	return nil
}

func (c *clientConn) take(id int32) *waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.calls[id]
	delete(c.calls, id)
	return w
}

// close ends the connection and fails what waits on it. Only the first reason counts.
func (c *clientConn) close(reason error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = reason
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	c.out.fail(reason)
	c.nc.Close()
	for _, w := range calls {
		w.done <- reason
	}
}

// read hands out replies until the connection ends.
func (c *clientConn) read() {
	defer close(c.ended)
	for {
		frame, err := c.frames.next(c.cfg.MaxResponseLength)
		if err == nil {
			err = c.reply(frame)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("the server closed the connection: %w", err)
			}
			c.close(err)
			return
		}
	}
}

// reply gives one response to its call; an error ends the connection.
func (c *clientConn) reply(frame []byte) error {
	var h responseHeader
	rest, err := h.parse(frame)
	if err != nil {
		return fmt.Errorf("decoding a response header: %w", err)
	}
	if h.status == statusFatal {
		return h.error()
	}
	w := c.take(h.callID)
	if w == nil {
		return nil // its caller has given up
	}
	if h.status == statusError {
		w.done <- h.error()
		return nil
	}
	body, rest, err := delimited(rest)
	if err == nil && len(rest) > 0 {
		err = errors.New("RPC response length mismatch")
	}
	if err == nil {
		err = proto.Unmarshal(body, w.resp)
	}
	if err != nil {
		err = fmt.Errorf("decoding a response: %w", err)
	}
	w.done <- err
	return err
}

// pingReader pings the server when nothing came for a while, and gives the connection up
// when nobody has used it for longer.
type pingReader struct{ c *clientConn }

func (r pingReader) Read(p []byte) (int, error) {
	silent := time.Duration(0)
	wait := min(r.c.cfg.PingInterval, r.c.cfg.IdleTimeout)
	for {
		if err := r.c.nc.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return 0, err
		}
		n, err := r.c.nc.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if r.c.idle() {
			return 0, errIdle
		}
		if silent += wait; silent < r.c.cfg.PingInterval {
			continue
		}
		silent = 0
		if err := r.c.out.send(r.c.ping, false); err != nil {
			return 0, err
		}
	}
}

func (c *clientConn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls) == 0 && time.Since(c.lastUse) >= c.cfg.IdleTimeout
}
