package rpc

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/protobuf/proto"
)

// readCalls is the main loop of an established connection.
func (c *conn) readCalls() error {
	for {
		if !c.frames.ready() {
			if err := c.out.flush(); err != nil {
				return err
			}
		}
		h, payload, err := c.nextFrame(c.server.cfg.MaxDataLength)
		if err != nil {
			return err
		}
		switch {
		case h.callID >= 0:
			err = c.call(h, payload)
		case h.callID == callPing:
		case h.callID == callSASL:
			err = c.negotiate(h, payload)
		case h.callID == callContext3:
			err = c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "Connection context already processed"))
		default:
			err = c.outOfBand(h)
		}
		if err != nil {
			return err
		}
	}
}

// job is one call on its way through a handler.
type job struct {
	method *methodEntry
	msg    proto.Message // or raw
	raw    []byte
	retry  int32
	held   int64 // of the server's memory, until the call is done
}

// call decodes one call and runs it, here or on its own goroutine. An error ends the connection.
func (c *conn) call(h requestHeader, payload []byte) error {
	var mh methodHeader
	body, err := mh.parse(payload)
	var raw []byte
	if err == nil {
		raw, _, err = delimited(body)
	}
	if err != nil {
		return c.fatal(h.callID, h.retry, fatal(FatalDeserializingRequest, ClassRPCServer, "IPC server unable to read call parameters: %v", err))
	}
	j := job{raw: raw, retry: h.retry}
	clientID := c.keepClientID(h.clientID)
	p, m, failure := c.server.lookup(&mh, c.protocol)
	if failure == nil && m.Quick != nil {
		if done, err := c.quick(h, clientID, p, m, raw); done {
			return err
		}
	}
	if failure == nil {
		j.method = m
		if j.held = j.weight(); j.held > 0 && !c.server.memory.take(j.held, int64(len(raw))) {
			failure = c.server.memory.crowdedOut(m.name, j.held)
			j.held = 0
		}
	}
	if failure == nil && m.Raw == nil {
		j.msg, j.raw = m.New(), nil
		if err := proto.Unmarshal(raw, j.msg); err != nil {
			failure = &Error{Class: ClassRPCServer, Message: fmt.Sprintf("decoding the request of %s: %v", m.name, err), Detail: ErrorRPCServer}
		}
	}
	c.server.counters.calls.Add(1)
	if failure != nil {
		c.server.memory.give(j.held)
		return c.replyError(h.callID, h.retry, clientID, failure)
	}
	if m.Inline {
		call := c.inline.call
		call.ID, call.ClientID, call.Protocol, call.Method = h.callID, clientID, p.Name, m.name
		return c.perform(&c.inline, call, j, true)
	}
	return c.spawn(j, h.callID, clientID, p.Name)
}

// quick lets a method answer at once; done is false where it declined.
func (c *conn) quick(h requestHeader, clientID []byte, p *protocolEntry, m *methodEntry, raw []byte) (done bool, err error) {
	call := c.inline.call
	call.ID, call.ClientID, call.Protocol, call.Method = h.callID, clientID, p.Name, m.name
	start := time.Now()
	body := getBuffer()
	defer putBuffer(body)
	reply, ok := c.tryQuick(m, raw, *body)
	if !ok {
		return false, nil
	}
	*body = reply
	c.server.counters.calls.Add(1)
	out := getBuffer()
	defer putBuffer(out)
	*out = endFrame(appendBytes(appendResponseHeader(beginFrame(*out), h.callID, h.retry, clientID, nil), reply), 0)
	m.calls.Add(1)
	m.nanos.Add(uint64(time.Since(start)))
	return true, c.out.send(*out, true)
}

// tryQuick takes a panic for a decline: the usual way reports it.
func (c *conn) tryQuick(m *methodEntry, raw, out []byte) (reply []byte, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			c.server.cfg.Log.Error("a handler panicked", "server", c.server.cfg.Name, "method", m.name, "peer", c.nc.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
			reply, ok = nil, false
		}
	}()
	return m.Quick(&c.inline, raw, out)
}

// spawn runs a call on its own goroutine as soon as the connection has a free slot.
func (c *conn) spawn(j job, id int32, clientID []byte, protocol string) error {
	select {
	case c.slots <- struct{}{}:
	default:
		if err := c.out.flush(); err != nil { // what others wait for must not wait for a slot
			return err
		}
		c.slots <- struct{}{}
	}
	call := &Call{User: c.id.user, RealUser: c.realUser, AuthMethod: c.id.method, TokenIdentifier: c.id.identifier,
		RemoteAddr: c.inline.call.RemoteAddr, ClientID: clientID, ID: id, Protocol: protocol, Method: j.method.name}
	var copied *[]byte
	if j.msg == nil {
		copied = getBuffer()
		*copied = append(*copied, j.raw...)
		j.raw = *copied
	}
	c.calls.Go(func() {
		c.perform(&callContext{c.ctx, call}, call, j, false) // an error has closed the connection
		if copied != nil {
			putBuffer(copied)
		}
		<-c.slots
	})
	return nil
}

// lookup finds the method that a call names. connection is the protocol of the
// connection context, which Java names in its refusal.
func (s *Server) lookup(mh *methodHeader, connection string) (*protocolEntry, *methodEntry, *Error) {
	p := s.protocols[string(mh.protocol)]
	if p == nil {
		return nil, nil, unknownProtocol(string(mh.protocol))
	}
	if mh.version != p.Version {
		e := Exception(ClassVersionMismatch, "Protocol %s version mismatch. (client = %d, server = %d)", p.Name, mh.version, p.Version)
		e.Detail = ErrorVersionMismatch
		return nil, nil, e
	}
	if m := p.methods[string(mh.method)]; m != nil {
		return p, m, nil
	}
	name := string(mh.method)
	if p.Missing != nil {
		if err := p.Missing(name); err != nil {
			return nil, nil, asError(err)
		}
	}
	e := Exception(ClassNoSuchMethod, "Unknown method %s called on %s protocol.", name, connection)
	e.Detail = ErrorNoSuchMethod
	return nil, nil, e
}

// perform runs the handler and sends its reply. later leaves the writing to the reading loop.
func (c *conn) perform(ctx context.Context, call *Call, j job, later bool) error {
	s := c.server
	c.busy.Add(1)
	s.counters.inProgress.Add(1)
	start := time.Now()
	out := getBuffer()
	frame, failure := c.answer(ctx, call, j, *out)
	if failure != nil {
		frame = appendErrorFrame((*out)[:0], call.ID, j.retry, call.ClientID, failure)
		j.method.errors.Add(1)
	}
	j.method.calls.Add(1)
	j.method.nanos.Add(uint64(time.Since(start)))
	err := c.out.send(frame, later)
	*out = frame
	putBuffer(out)
	s.counters.inProgress.Add(-1)
	c.busy.Add(-1)
	s.memory.give(j.held)
	return err
}

// answer calls the handler and encodes its reply. A panic costs this call only.
func (c *conn) answer(ctx context.Context, call *Call, j job, out []byte) (frame []byte, failure *Error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.cfg.Log.Error("a handler panicked", "server", c.server.cfg.Name, "protocol", call.Protocol,
				"method", call.Method, "user", call.User, "peer", call.RemoteAddr, "panic", p, "stack", string(debug.Stack()))
			failure = &Error{Class: ClassIO, Message: "internal error in " + call.Method + "; the server's log has the details", Detail: ErrorRPCServer}
		}
	}()
	out = appendResponseHeader(beginFrame(out), call.ID, j.retry, call.ClientID, nil)
	if j.msg == nil {
		return appendRawReply(ctx, j, out, c.server.cfg.MaxDataLength)
	}
	reply, err := j.method.Handle(ctx, j.msg)
	if err != nil {
		return nil, asError(err)
	}
	out, err = appendMessage(out, reply)
	if err != nil {
		return nil, &Error{Class: ClassIO, Message: fmt.Sprintf("encoding the reply of %s: %v", call.Method, err), Detail: ErrorSerializingResponse}
	}
	return finishFrame(out, c.server.cfg.MaxDataLength)
}

func appendRawReply(ctx context.Context, j job, out []byte, limit int) ([]byte, *Error) {
	body := getBuffer()
	defer putBuffer(body)
	reply, err := j.method.Raw(ctx, j.raw, *body)
	if err != nil {
		return nil, asError(err)
	}
	*body = reply
	return finishFrame(appendBytes(out, reply), limit)
}

func finishFrame(out []byte, limit int) ([]byte, *Error) {
	if len(out) > limit {
		return nil, &Error{Class: ClassIO, Detail: ErrorSerializingResponse,
			Message: fmt.Sprintf("the reply has %d bytes, above ipc.maximum.response.length (%d): ask for less", len(out), limit)}
	}
	return endFrame(out, 0), nil
}

func appendErrorFrame(out []byte, id, retry int32, clientID []byte, e *Error) []byte {
	start := len(out)
	return endFrame(appendResponseHeader(beginFrame(out), id, retry, clientID, e), start)
}

func (c *conn) replyError(id, retry int32, clientID []byte, e *Error) error {
	out := getBuffer()
	defer putBuffer(out)
	*out = appendErrorFrame(*out, id, retry, clientID, e)
	return c.out.send(*out, true)
}
