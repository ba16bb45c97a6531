package rpc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"heddle/hadoop-proto/common"
	"heddle/hadoop/rpc/digestmd5"

	"google.golang.org/protobuf/proto"
)

// The TOKEN entry of a negotiation: always DIGEST-MD5, realm and server id "default".
const (
	methodSimple = "SIMPLE"
	methodToken  = "TOKEN"
	mechDigest   = "DIGEST-MD5"
	digestRealm  = "default"
	digestURI    = "/default"
)

var errUnwrapped = errors.New("a plain message on a connection whose messages are wrapped")

// tokenUser and tokenPassword are a token as DIGEST-MD5 sees it.
func tokenUser(identifier []byte) string       { return base64.StdEncoding.EncodeToString(identifier) }
func tokenPassword(password []byte) string     { return base64.StdEncoding.EncodeToString(password) }
func tokenIdentifier(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// appendSaslRequest writes a client's SASL frame.
func appendSaslRequest(dst []byte, msg *commonpb.RpcSaslProto) ([]byte, error) {
	start := len(dst)
	dst = beginFrame(dst)
	dst = (&requestHeader{callID: callSASL, retry: -1}).append(dst)
	dst, err := appendMessage(dst, msg)
	return endFrame(dst, start), err
}

// appendSaslResponse writes a server's SASL frame.
func appendSaslResponse(dst []byte, msg *commonpb.RpcSaslProto) ([]byte, error) {
	start := len(dst)
	dst = beginFrame(dst)
	dst = appendResponseHeader(dst, callSASL, -1, nil, nil)
	dst, err := appendMessage(dst, msg)
	return endFrame(dst, start), err
}

// appendMessage writes a delimited message.
func appendMessage(dst []byte, msg proto.Message) ([]byte, error) {
	opts := proto.MarshalOptions{}
	dst = appendVarint(dst, uint64(opts.Size(msg)))
	opts.UseCachedSize = true
	return opts.MarshalAppend(dst, msg)
}

func parseSasl(payload []byte) (*commonpb.RpcSaslProto, error) {
	body, _, err := delimited(payload)
	if err != nil {
		return nil, err
	}
	msg := new(commonpb.RpcSaslProto)
	if err := proto.Unmarshal(body, msg); err != nil {
		return nil, err
	}
	return msg, nil
}

// wrapReader turns the WRAP frames of in into the stream of bytes inside them.
type wrapReader struct {
	in     *frameReader
	layer  *digestmd5.Layer
	limit  int
	header func(frame []byte) (payload []byte, err error) // refuses all but SASL frames
	plain  []byte
}

func (r *wrapReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		frame, err := r.in.next(r.limit)
		if err != nil {
			return 0, err
		}
		if r.plain, err = r.unwrap(frame); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

func (r *wrapReader) unwrap(frame []byte) ([]byte, error) {
	payload, err := r.header(frame)
	if err != nil {
		return nil, err
	}
	msg, err := parseSasl(payload)
	if err != nil {
		return nil, err
	}
	if msg.GetState() != commonpb.RpcSaslProto_WRAP {
		return nil, fmt.Errorf("SASL state %s among wrapped messages", msg.GetState())
	}
	return r.layer.Unwrap(msg.GetToken())
}

var _ io.Reader = (*wrapReader)(nil)

// serverWrap wraps each reply whole: clients accept any size.
func serverWrap(l *digestmd5.Layer) func(dst, frame []byte) []byte {
	return func(dst, frame []byte) []byte {
		return appendWrapped(dst, l, frame, func(d []byte) []byte {
			return appendResponseHeader(d, callSASL, -1, nil, nil)
		})
	}
}

// clientWrap splits what is larger than the server accepts in one piece.
func clientWrap(l *digestmd5.Layer) func(dst, frame []byte) []byte {
	header := requestHeader{callID: callSASL, retry: -1}
	return func(dst, frame []byte) []byte {
		for len(frame) > 0 {
			n := min(len(frame), l.MaxPlain())
			dst = appendWrapped(dst, l, frame[:n], header.append)
			frame = frame[n:]
		}
		return dst
	}
}

func appendWrapped(dst []byte, l *digestmd5.Layer, plain []byte, header func([]byte) []byte) []byte {
	token := getBuffer()
	defer putBuffer(token)
	*token = l.Wrap(*token, plain)
	start := len(dst)
	dst = header(beginFrame(dst))
	// RpcSaslProto{version 0 left out, state WRAP, token}
	size := 2 + 1 + sizeBytes(len(*token))
	dst = appendVarint(dst, uint64(size))
	dst = append(dst, 0x10, byte(commonpb.RpcSaslProto_WRAP), 0x1a)
	dst = appendBytes(dst, *token)
	return endFrame(dst, start)
}
