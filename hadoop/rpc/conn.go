package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// maxHandshakeFrame bounds what a stranger can make the server hold.
	maxHandshakeFrame = 256 << 10
	maxClientID       = 64 // Java sends 16

	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

var errStopping = errors.New("the server stops")

// conn is one connection of a Server. Its fields belong to the goroutine in run,
// except the writer, which locks itself, and the atomics.
type conn struct {
	server *Server
	nc     net.Conn
	frames *frameReader
	out    *writer
	ctx    context.Context // of the connection's calls; ends with it
	cancel context.CancelFunc

	sasl     *saslServer // nil on a connection that opened without SASL
	id       identity
	realUser string
	protocol string // of the connection context
	clientID []byte

	established bool
	inline      callContext // reused by inline calls

	slots   chan struct{} // one for each call that runs on its own goroutine
	calls   sync.WaitGroup
	stopped atomic.Bool
	active  atomic.Int64 // unix nanoseconds of the last frame
	busy    atomic.Int32 // calls in progress
}

// fatalError is a refusal that the peer is told before the connection closes.
type fatalError struct {
	err           *Error
	callID, retry int32
}

func (f *fatalError) Error() string { return f.err.Error() }
func (f *fatalError) Unwrap() error { return f.err }

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, nc: nc, slots: make(chan struct{}, s.cfg.MaxInFlightPerConn)}
	c.ctx, c.cancel = context.WithCancel(s.base)
	c.inline = callContext{c.ctx, new(Call)}
	c.frames = newFrameReader(countingReader{nc, &s.counters.received})
	c.frames.memory = &s.memory
	c.out = newWriter(nc, s.cfg.WriteTimeout, func(n int) { s.counters.sent.Add(uint64(n)) })
	c.active.Store(time.Now().UnixNano())
	return c
}

type countingReader struct {
	in io.Reader
	n  *atomic.Uint64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.n.Add(uint64(n))
	return n, err
}

// run owns the connection from its first byte until all its calls have ended.
func (c *conn) run() {
	err := c.serve()
	if f := (*fatalError)(nil); errors.As(err, &f) {
		c.refuse(f)
	}
	c.report(err)
	c.out.flush() // an error is the connection's, and it ends
	if !c.stopped.Load() {
		c.cancel() // the peer is gone or cut off, nobody reads the answers
		c.nc.Close()
	}
	for r := c.frames; r != nil; r = r.under {
		r.drop()
	}
	c.calls.Wait()
	c.cancel()
	c.nc.Close()
	c.out.fail(net.ErrClosed)
}

func (c *conn) serve() error {
	deadline := time.Now().Add(c.server.cfg.HandshakeTimeout)
	if err := c.setReadDeadline(deadline); err != nil {
		return err
	}
	if err := c.preamble(); err != nil {
		return err
	}
	if err := c.handshake(); err != nil {
		return err
	}
	if err := c.setReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.frames.wait, c.established = c.awaitFrame, true
	return c.readCalls()
}

// awaitFrame keeps a peer from holding memory with a large frame that it does not go on with.
func (c *conn) awaitFrame(begun bool) {
	var deadline time.Time
	if begun {
		deadline = time.Now().Add(c.server.cfg.FrameTimeout)
	}
	_ = c.setReadDeadline(deadline) // an error shows with the next read
}

// setReadDeadline never undoes stopReading: one of both sees the other.
func (c *conn) setReadDeadline(t time.Time) error {
	err := c.nc.SetReadDeadline(t)
	if c.stopped.Load() {
		return errStopping
	}
	return err
}

// stopReading is the first half of a shutdown: no new calls, running ones still answer.
func (c *conn) stopReading() {
	c.stopped.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// idleSince is how long ago the peer last sent something; 0 while it waits for an answer.
func (c *conn) idleSince(now time.Time) time.Duration {
	if c.busy.Load() > 0 {
		return 0
	}
	return now.Sub(time.Unix(0, c.active.Load()))
}

// report writes the one log line that a failed connection may cost.
func (c *conn) report(err error) {
	switch {
	case err == nil, c.stopped.Load(),
		errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		if c.established {
			err = fmt.Errorf("a large request did not go on for %s", c.server.cfg.FrameTimeout)
			break
		}
		err = fmt.Errorf("no complete handshake within %s", c.server.cfg.HandshakeTimeout)
	}
	c.server.hostile.warn(c.server.cfg.Log, "connection closed", "server", c.server.cfg.Name,
		"peer", c.nc.RemoteAddr(), "user", c.id.user, "error", err)
}

// refuse tells the peer why its connection ends. Closing with unread input would
// reset the connection and lose the message, so a little of it is read first.
func (c *conn) refuse(f *fatalError) {
	if f.err.Detail == FatalUnauthorized {
		c.server.counters.authFailures.Add(1)
	}
	frame := beginFrame(nil)
	frame = appendResponseHeader(frame, f.callID, f.retry, nil, f.err)
	if c.out.send(endFrame(frame, 0), false) == nil {
		c.linger()
	}
}

func (c *conn) linger() {
	if t, ok := c.nc.(interface{ CloseWrite() error }); ok {
		t.CloseWrite()
	}
	if c.setReadDeadline(time.Now().Add(lingerTime)) == nil {
		io.CopyN(io.Discard, c.nc, lingerBytes)
	}
}

func (c *conn) fatal(callID, retry int32, e *Error) error {
	return &fatalError{e, callID, retry}
}

// preamble reads the seven bytes that open a connection.
func (c *conn) preamble() error {
	var b [7]byte
	if _, err := io.ReadFull(c.frames.in, b[:4]); err != nil {
		return err
	}
	if string(b[:4]) == "GET " {
		return c.refuseHTTP()
	}
	if _, err := io.ReadFull(c.frames.in, b[4:]); err != nil {
		return unexpected(err)
	}
	if string(b[:4]) != "hrpc" || b[4] != version {
		return c.refuseVersion(int8(b[4]))
	}
	switch auth := int8(b[6]); auth {
	case 0:
		if !c.server.cfg.AllowSimple {
			return c.fatal(callFatal, -1, fatal(FatalUnauthorized, ClassAccessControl,
				"SIMPLE authentication is not enabled.  Available:%s", c.server.available()))
		}
		return nil
	case callSASL:
		c.sasl = new(saslServer)
		return nil
	default:
		return c.fatal(callFatal, -1, fatal(FatalUnauthorized, ClassIpc, "Unknown auth protocol:%d", auth))
	}
}

func (c *conn) refuseHTTP() error {
	const answer = "HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n" +
		"This port speaks Hadoop RPC, not HTTP; the web pages are on the daemon's web address.\r\n"
	if err := c.out.send([]byte(answer), false); err == nil {
		c.linger()
	}
	return errors.New("an HTTP request on an RPC port")
}

// refuseVersion answers in the form that the peer's version understands.
func (c *conn) refuseVersion(peer int8) error {
	e := fatal(FatalVersionMismatch, ClassVersionMismatch, "Server IPC version %d cannot communicate with client version %d", version, peer)
	if peer < 3 || peer > 8 {
		return c.fatal(callFatal, -1, e)
	}
	old := binary.BigEndian.AppendUint32(nil, 0xffffffff)
	old = binary.BigEndian.AppendUint32(old, 0xffffffff)
	for _, s := range []string{e.Class, e.Message} {
		old = binary.BigEndian.AppendUint32(old, uint32(len(s)))
		old = append(old, s...)
	}
	if err := c.out.send(old, false); err == nil {
		c.linger()
	}
	return e
}

// nextFrame reads a frame and its header; payload is valid until the next call.
func (c *conn) nextFrame(limit int) (h requestHeader, payload []byte, err error) {
	frame, err := c.frames.next(limit)
	if errors.Is(err, errNoRoom) {
		err = c.fatal(callFatal, -1, fatal(FatalUnknown, ClassRetriable, "%v", err))
	}
	if err != nil {
		return h, nil, err
	}
	c.active.Store(time.Now().UnixNano())
	payload, err = h.parse(frame)
	if err != nil {
		return h, nil, c.fatal(callFatal, -1, fatal(FatalDeserializingRequest, ClassRPCServer, "Error decoding RpcRequestHeaderProto: %v", err))
	}
	switch {
	case h.op != 0:
		err = c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "IPC Server does not implement rpc header operation %d", h.op))
	case h.kind != kindProtobuf:
		err = c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "Unknown rpc kind in rpc header%s", kindName(h.kind)))
	case len(h.clientID) > maxClientID:
		err = c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "client id of %d bytes", len(h.clientID)))
	}
	return h, payload, err
}

func kindName(kind int32) string {
	switch kind {
	case 0:
		return "RPC_BUILTIN"
	case 1:
		return "RPC_WRITABLE"
	}
	return fmt.Sprintf("%d", kind)
}

// keepClientID returns a copy of id that outlives the frame; a connection's calls nearly always share one.
func (c *conn) keepClientID(id []byte) []byte {
	if !bytes.Equal(id, c.clientID) {
		c.clientID = bytes.Clone(id)
	}
	return c.clientID
}
