package rpc

import (
	"errors"
	"fmt"

	"heddle/hadoop-proto/common"

	"google.golang.org/protobuf/proto"
)

// handshake runs until the connection context is established.
func (c *conn) handshake() error {
	for {
		h, payload, err := c.nextFrame(maxHandshakeFrame)
		if err != nil {
			return err
		}
		switch {
		case h.callID == callPing:
		case h.callID == callSASL:
			if err := c.negotiate(h, payload); err != nil {
				return err
			}
		case h.callID == callContext3:
			return c.connectionContext(h, payload)
		case h.callID < 0:
			return c.outOfBand(h)
		default:
			return c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "Connection context not established"))
		}
	}
}

func (c *conn) outOfBand(h requestHeader) error {
	return c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "Unknown out of band call #%d", h.callID))
}

// negotiate handles one SASL message; with the last one the connection has its identity and its layer.
func (c *conn) negotiate(h requestHeader, payload []byte) error {
	if c.sasl == nil {
		return c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "SASL protocol not requested by client"))
	}
	msg, err := parseSasl(payload)
	if err != nil {
		return c.fatal(h.callID, h.retry, fatal(FatalDeserializingRequest, ClassRPCServer, "Error decoding RpcSaslProto: %v", err))
	}
	if c.sasl.done {
		return c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassSasl, "%s", afterSasl(msg)))
	}
	reply, err := c.sasl.message(c.ctx, c.server, msg)
	if err != nil {
		return c.fatal(callSASL, -1, saslFatal(err))
	}
	if reply != nil {
		frame, err := appendSaslResponse(nil, reply)
		if err != nil {
			return fmt.Errorf("encoding a SASL reply: %w", err)
		}
		if err := c.out.send(frame, false); err != nil {
			return err
		}
	}
	if c.sasl.done && !c.sasl.simple {
		c.secure()
	}
	return nil
}

func afterSasl(msg *commonpb.RpcSaslProto) string {
	if msg.GetState() == commonpb.RpcSaslProto_WRAP {
		return "Server is not wrapping data"
	}
	return "Negotiation is already complete"
}

func saslFatal(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Fatal {
		return e
	}
	return saslFailure(err)
}

// secure takes over what the mechanism agreed on. The success message itself went out plain.
func (c *conn) secure() {
	id, layer := c.sasl.current.finish()
	c.id = id
	if layer == nil {
		return
	}
	c.out.setWrap(serverWrap(layer))
	plain := c.frames
	c.frames = newFrameReader(&wrapReader{in: plain, layer: layer, limit: c.server.cfg.MaxDataLength, header: func(frame []byte) ([]byte, error) {
		var h requestHeader
		payload, err := h.parse(frame)
		if err == nil && h.callID != callSASL {
			err = errUnwrapped
		}
		return payload, err
	}})
	c.frames.memory, c.frames.under = plain.memory, plain
}

// connectionContext learns which user and protocol the connection is for, and asks whether that is allowed.
func (c *conn) connectionContext(h requestHeader, payload []byte) error {
	if c.sasl != nil && !c.sasl.done {
		return c.fatal(h.callID, h.retry, fatal(FatalInvalidHeader, ClassRPCServer, "Connection header sent during SASL negotiation"))
	}
	msg := new(commonpb.IpcConnectionContextProto)
	body, _, err := delimited(payload)
	if err == nil {
		err = proto.Unmarshal(body, msg)
	}
	if err != nil {
		return c.fatal(h.callID, h.retry, fatal(FatalDeserializingRequest, ClassRPCServer, "Error decoding IpcConnectionContextProto: %v", err))
	}
	c.protocol = msg.GetProtocol()
	if err := c.claim(msg.GetUserInfo()); err != nil {
		return c.fatal(h.callID, h.retry, err)
	}
	call := &Call{User: c.id.user, RealUser: c.realUser, AuthMethod: c.id.method, TokenIdentifier: c.id.identifier,
		RemoteAddr: c.nc.RemoteAddr(), ClientID: c.keepClientID(h.clientID), ID: h.callID, Protocol: c.protocol}
	if err := c.authorize(call); err != nil {
		return c.fatal(h.callID, h.retry, err)
	}
	*c.inline.call = *call
	return nil
}

// claim takes the user names of a context as far as authentication lets the peer choose them.
func (c *conn) claim(info *commonpb.UserInformationProto) *Error {
	effective, realUser := info.GetEffectiveUser(), info.GetRealUser()
	switch c.id.method {
	case Simple:
		c.id.user = effective
		if realUser != effective {
			c.realUser = realUser
		}
	case Token:
		if effective != "" && effective != c.id.user {
			return fatal(FatalUnauthorized, ClassAccessControl,
				"Authenticated user (%s) doesn't match what the client claims to be (%s)", c.id.user, effective)
		}
	case Kerberos:
		if effective != "" && effective != c.id.user {
			c.realUser, c.id.user = c.id.user, effective
		}
	}
	return nil
}

func (c *conn) authorize(call *Call) *Error {
	if c.server.cfg.Authorize == nil {
		if call.RealUser == "" {
			return nil
		}
		return fatal(FatalUnauthorized, ClassAuthorization, "User: %s is not allowed to impersonate %s", call.RealUser, call.User)
	}
	err := c.server.cfg.Authorize(WithCall(c.ctx, call), call, call.Protocol)
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return fatal(FatalUnauthorized, ClassAuthorization, "%s", err)
	}
	out := *e
	out.Detail, out.Fatal = FatalUnauthorized, true
	return &out
}
