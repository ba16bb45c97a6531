package rpc

import (
	"context"
	"net"

	"google.golang.org/protobuf/proto"
)

// AuthMethod is how the peer of a connection proved who it is.
type AuthMethod uint8

// The methods. Kerberos has its place in the protocol and is not built yet.
const (
	Simple AuthMethod = iota // it did not: the name is as claimed
	Token
	Kerberos
)

func (a AuthMethod) String() string {
	return [...]string{"SIMPLE", "TOKEN", "KERBEROS"}[a]
}

// Call says who makes the call that a handler is working on.
type Call struct {
	User            string // effective user; empty when a SIMPLE client named none
	RealUser        string // who acts for User, or empty
	AuthMethod      AuthMethod
	TokenIdentifier []byte // raw identifier when AuthMethod is Token
	RemoteAddr      net.Addr
	ClientID        []byte
	ID              int32
	Protocol        string // protocol of this call; of the connection while it is being authorized
	Method          string
}

// IP is where the call comes from; nil where that is no TCP connection.
func (c *Call) IP() net.IP {
	if a, ok := c.RemoteAddr.(*net.TCPAddr); ok {
		return a.IP
	}
	return nil
}

type callKey struct{}

// CallFrom returns the call that ctx belongs to, nil outside one. It is valid only
// until the handler returns: copy what has to live longer.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// WithCall is a context for tests and for handlers that are called without a connection.
func WithCall(ctx context.Context, c *Call) context.Context {
	return &callContext{ctx, c}
}

type callContext struct {
	context.Context
	call *Call
}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

// Method is one method of a protocol, given as New and Handle or as Raw.
type Method struct {
	New    func() proto.Message
	Handle func(ctx context.Context, req proto.Message) (proto.Message, error)

	// Raw is for hot calls: req is the encoded request, out receives the encoded
	// reply. It overrides New and Handle. req is only valid during the call.
	Raw func(ctx context.Context, req []byte, out []byte) ([]byte, error)

	// Quick, if not nil, is tried first, on the connection's own goroutine: it answers
	// the common case of a hot call like Raw would, or declines and changes nothing. It
	// may not wait.
	Quick func(ctx context.Context, req []byte, out []byte) (reply []byte, ok bool)

	// Inline runs the method on the connection's own goroutine. Only for methods
	// that never wait: until it returns, the connection reads nothing.
	Inline bool
}

// Unary makes a Method out of a typed function.
func Unary[Req any, PReq interface {
	*Req
	proto.Message
}, Resp proto.Message](fn func(context.Context, PReq) (Resp, error)) Method {
	return Method{
		New: func() proto.Message { return PReq(new(Req)) },
		Handle: func(ctx context.Context, req proto.Message) (proto.Message, error) {
			resp, err := fn(ctx, req.(PReq))
			if err != nil {
				return nil, err // not resp: a typed nil would hide in the interface
			}
			return resp, nil
		},
	}
}

// Before is the method with quick tried first.
func (m Method) Before(quick func(ctx context.Context, req []byte, out []byte) ([]byte, bool)) Method {
	m.Quick = quick
	return m
}

// Protocol is one set of methods behind the name that its Java interface has on the wire.
type Protocol struct {
	Name    string // e.g. org.apache.hadoop.yarn.api.ApplicationClientProtocolPB
	Version uint64 // matched exactly; 1 for all of YARN
	Methods map[string]Method

	// Missing gives the error for a method that the protocol has and Methods has
	// not; it returns nil for a method that the protocol does not have either.
	Missing func(method string) error
}
