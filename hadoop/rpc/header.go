package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Headers are read and written by hand: each call carries two or three of them.

const (
	version      = 9
	callContext3 = -3 // connection context
	callPing     = -4
	callSASL     = -33
	callFatal    = -1 // authorization failure, version mismatch

	kindProtobuf = 2

	statusSuccess = 0
	statusError   = 1
	statusFatal   = 2
)

// requestHeader is RpcRequestHeaderProto without what nobody uses here. Its slices alias the frame.
type requestHeader struct {
	kind, op int32
	callID   int32
	retry    int32
	clientID []byte
}

// methodHeader is RequestHeaderProto. Its slices alias the frame.
type methodHeader struct {
	method, protocol []byte
	version          uint64
}

var errMissingField = errors.New("Message missing required fields")

// fields calls each for every field of msg; varint values come as v, length-delimited ones as b.
func fields(msg []byte, each func(num protowire.Number, v uint64, b []byte) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		if err := each(num, v, b); err != nil {
			return err
		}
	}
	return nil
}

// delimited splits a varint length and that many bytes off frame.
func delimited(frame []byte) (msg, rest []byte, err error) {
	msg, n := protowire.ConsumeBytes(frame)
	if n < 0 {
		return nil, nil, protowire.ParseError(n)
	}
	return msg, frame[n:], nil
}

func (h *requestHeader) parse(frame []byte) (rest []byte, err error) {
	msg, rest, err := delimited(frame)
	if err != nil {
		return nil, err
	}
	*h = requestHeader{retry: -1}
	var haveCall, haveClient bool
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		msg = msg[n:]
		switch {
		case typ == protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(msg); n < 0 {
				break
			}
			switch num {
			case 1:
				h.kind = int32(v)
			case 2:
				h.op = int32(v)
			case 3:
				h.callID, haveCall = int32(protowire.DecodeZigZag(v&0xffffffff)), true
			case 5:
				h.retry = int32(protowire.DecodeZigZag(v & 0xffffffff))
			}
		case typ == protowire.BytesType && num == 4:
			h.clientID, n = protowire.ConsumeBytes(msg)
			haveClient = true
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		msg = msg[n:]
	}
	if !haveCall || !haveClient {
		return nil, errMissingField
	}
	return rest, nil
}

func (h *methodHeader) parse(payload []byte) (rest []byte, err error) {
	msg, rest, err := delimited(payload)
	if err != nil {
		return nil, err
	}
	*h = methodHeader{}
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		msg = msg[n:]
		switch {
		case typ == protowire.BytesType && num == 1:
			h.method, n = protowire.ConsumeBytes(msg)
		case typ == protowire.BytesType && num == 2:
			h.protocol, n = protowire.ConsumeBytes(msg)
		case typ == protowire.VarintType && num == 3:
			h.version, n = protowire.ConsumeVarint(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		msg = msg[n:]
	}
	if len(h.method) == 0 || len(h.protocol) == 0 {
		return nil, errMissingField
	}
	return rest, nil
}

func (h *requestHeader) append(dst []byte) []byte {
	size := 2 + 2 + 1 + protowire.SizeVarint(zigzag(h.callID)) + 1 + protowire.SizeBytes(len(h.clientID)) + 1 + protowire.SizeVarint(zigzag(h.retry))
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = append(dst, 0x08, kindProtobuf, 0x10, 0, 0x18)
	dst = protowire.AppendVarint(dst, zigzag(h.callID))
	dst = append(dst, 0x22)
	dst = protowire.AppendBytes(dst, h.clientID)
	dst = append(dst, 0x28)
	return protowire.AppendVarint(dst, zigzag(h.retry))
}

func zigzag(v int32) uint64 { return uint64(uint32(v)<<1 ^ uint32(v>>31)) }

func appendMethodHeader(dst []byte, method, protocol string, v uint64) []byte {
	size := 1 + protowire.SizeBytes(len(method)) + 1 + protowire.SizeBytes(len(protocol)) + 1 + protowire.SizeVarint(v)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = append(dst, 0x0a)
	dst = protowire.AppendString(dst, method)
	dst = append(dst, 0x12)
	dst = protowire.AppendString(dst, protocol)
	dst = append(dst, 0x18)
	return protowire.AppendVarint(dst, v)
}

// responseHeader is RpcResponseHeaderProto. Parsed slices alias the frame.
type responseHeader struct {
	callID   int32
	status   int32
	class    []byte
	message  []byte
	detail   int32
	clientID []byte
	retry    int32
}

// appendResponseHeader writes the delimited header; e is nil for success. The call id
// is plain here, not zigzag: a negative one goes out as its 32-bit two's complement.
func appendResponseHeader(dst []byte, callID, retry int32, clientID []byte, e *Error) []byte {
	id := uint64(uint32(callID))
	size := 1 + protowire.SizeVarint(id) + 2 + 2 + 1 + protowire.SizeBytes(len(clientID)) + 1 + protowire.SizeVarint(zigzag(retry))
	status := byte(statusSuccess)
	if e != nil {
		status = statusError
		if e.Fatal {
			status = statusFatal
		}
		size += 1 + protowire.SizeBytes(len(e.Class)) + 1 + protowire.SizeBytes(len(e.Message)) + 1 + protowire.SizeVarint(uint64(e.Detail))
	}
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = append(dst, 0x08)
	dst = protowire.AppendVarint(dst, id)
	dst = append(dst, 0x10, status, 0x18, version)
	if e != nil {
		dst = append(dst, 0x22)
		dst = protowire.AppendString(dst, e.Class)
		dst = append(dst, 0x2a)
		dst = protowire.AppendString(dst, e.Message)
		dst = append(dst, 0x30)
		dst = protowire.AppendVarint(dst, uint64(e.Detail))
	}
	dst = append(dst, 0x3a)
	dst = protowire.AppendBytes(dst, clientID)
	dst = append(dst, 0x40)
	return protowire.AppendVarint(dst, zigzag(retry))
}

func (h *responseHeader) parse(frame []byte) (rest []byte, err error) {
	msg, rest, err := delimited(frame)
	if err != nil {
		return nil, err
	}
	*h = responseHeader{retry: -1, status: -1}
	err = fields(msg, func(num protowire.Number, v uint64, b []byte) error {
		switch num {
		case 1:
			h.callID = int32(uint32(v))
		case 2:
			h.status = int32(v)
		case 4:
			h.class = b
		case 5:
			h.message = b
		case 6:
			h.detail = int32(v)
		case 7:
			h.clientID = b
		case 8:
			h.retry = int32(protowire.DecodeZigZag(v & 0xffffffff))
		}
		return nil
	})
	if err == nil && (h.status < statusSuccess || h.status > statusFatal) {
		err = fmt.Errorf("response status %d", h.status)
	}
	return rest, err
}

func (h *responseHeader) error() *Error {
	return &Error{Class: string(h.class), Message: string(h.message), Detail: h.detail, Fatal: h.status == statusFatal}
}

// beginFrame reserves the length of a frame that starts at len(dst); endFrame fills it in.
func beginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

func endFrame(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

func appendVarint(dst []byte, v uint64) []byte { return protowire.AppendVarint(dst, v) }
func appendBytes(dst, b []byte) []byte         { return protowire.AppendBytes(dst, b) }
func sizeBytes(n int) int                      { return protowire.SizeBytes(n) }
