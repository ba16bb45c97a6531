package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"heddle/hadoop/rpc/digestmd5"

	"google.golang.org/protobuf/proto"
)

// ErrClosed is what calls on a closed client fail with.
var ErrClosed = errors.New("rpc client is closed")

// ClientToken is the secret that a client presents. A server without tokens makes it fall back to SIMPLE.
type ClientToken struct {
	Identifier, Password []byte
}

// Dialer opens connections; net.Dialer is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// ClientConfig says whom to call and as whom. Zero durations take the defaults named beside them.
type ClientConfig struct {
	Address  string // host:port
	Protocol string // the protocol's name on the wire
	Version  uint64 // 1 when zero

	User     string // effective user
	RealUser string // who acts for User, or empty
	Token    *ClientToken
	QOP      []string // accepted, best first; empty is auth

	DialTimeout       time.Duration // 20 s for connecting and authenticating
	CallTimeout       time.Duration // 0: calls wait as long as their context allows
	PingInterval      time.Duration // 60 s of silence, ipc.ping.interval
	IdleTimeout       time.Duration // 10 s without a call, then the connection closes; ipc.client.connection.maxidletime
	WriteTimeout      time.Duration // 60 s
	MaxResponseLength int           // 134217728 bytes, ipc.maximum.response.length
	Dialer            Dialer
}

// Client makes calls of one protocol to one address. It connects with the first
// call, and again with the next call after the connection has ended. Calls run
// at the same time on one connection.
type Client struct {
	cfg     ClientConfig
	qops    []digestmd5.QOP
	badQOP  error
	id      [16]byte
	nextID  atomic.Uint32
	dialing chan struct{} // holds one value while somebody connects

	mu     sync.Mutex // guards what follows
	conn   *clientConn
	closed bool
}

// NewClient makes a client; it does not connect yet.
func NewClient(cfg ClientConfig) *Client {
	setDefault(&cfg.Version, 1)
	setDefault(&cfg.DialTimeout, 20*time.Second)
	setDefault(&cfg.PingInterval, time.Minute)
	setDefault(&cfg.IdleTimeout, 10*time.Second)
	setDefault(&cfg.WriteTimeout, time.Minute)
	setDefault(&cfg.MaxResponseLength, 128<<20)
	if cfg.Dialer == nil {
		cfg.Dialer = &net.Dialer{}
	}
	c := &Client{cfg: cfg, dialing: make(chan struct{}, 1)}
	c.qops, c.badQOP = digestmd5.ParseQOPs(cfg.QOP)
	rand.Read(c.id[:])
	c.id[6] = c.id[6]&0x0f | 0x40 // a version 4 UUID
	c.id[8] = c.id[8]&0x3f | 0x80
	return c
}

// Address is the server that the client calls.
func (c *Client) Address() string { return c.cfg.Address }

// Call sends req and waits for resp. What the server answered with is an *Error
// (errors.As); any other error means that the call may or may not have been carried out.
func (c *Client) Call(ctx context.Context, method string, req, resp proto.Message) error {
	if c.cfg.CallTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.CallTimeout)
		defer cancel()
	}
	id := int32(c.nextID.Add(1) - 1&0x7fffffff)
	conn, err := c.connection(ctx)
	if err != nil {
		return fmt.Errorf("calling %s at %s: %w", method, c.cfg.Address, err)
	}
	frame := getBuffer()
	defer putBuffer(frame)
	if *frame, err = c.appendCall(*frame, id, method, req); err != nil {
		return fmt.Errorf("calling %s at %s: encoding the request: %w", method, c.cfg.Address, err)
	}
	if err := conn.call(ctx, id, *frame, resp); err != nil {
		return fmt.Errorf("calling %s at %s: %w", method, c.cfg.Address, err)
	}
	return nil
}

func (c *Client) appendCall(dst []byte, id int32, method string, req proto.Message) ([]byte, error) {
	dst = beginFrame(dst)
	dst = (&requestHeader{callID: id, clientID: c.id[:]}).append(dst)
	dst = appendMethodHeader(dst, method, c.cfg.Protocol, c.cfg.Version)
	dst, err := appendMessage(dst, req)
	return endFrame(dst, 0), err
}

// connection returns the live connection or makes one; others wait for it as long as their contexts allow.
func (c *Client) connection(ctx context.Context) (*clientConn, error) {
	if conn, err := c.current(); conn != nil || err != nil {
		return conn, err
	}
	select {
	case c.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.dialing }()
	if conn, err := c.current(); conn != nil || err != nil {
		return conn, err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.close(ErrClosed)
		return nil, ErrClosed
	}
	c.conn = conn
	return conn, nil
}

func (c *Client) current() (*clientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.conn != nil && c.conn.usable() {
		return c.conn, nil
	}
	return nil, nil
}

// Close ends the connection; calls in progress fail with ErrClosed. It returns
// after the client's goroutine has ended.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		conn.close(ErrClosed)
		<-conn.ended
	}
	return nil
}
