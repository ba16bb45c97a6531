package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"heddle/hadoop-proto/common"
	"heddle/hadoop/rpc/digestmd5"

	"google.golang.org/protobuf/proto"
)

// dial connects, authenticates and sends the connection context.
func (c *Client) dial(ctx context.Context) (*clientConn, error) {
	if c.badQOP != nil {
		return nil, fmt.Errorf("hadoop.rpc.protection: %w", c.badQOP)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	nc, err := c.cfg.Dialer.DialContext(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	conn, err := c.open(nc)
	if !stop() && err == nil { // the deadline is set, or about to be
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("opening the connection: %w", err)
	}
	go conn.read()
	return conn, nil
}

// open does everything that comes before the first call.
func (c *Client) open(nc net.Conn) (*clientConn, error) {
	conn := &clientConn{cfg: &c.cfg, nc: nc, out: newWriter(nc, c.cfg.WriteTimeout, nil),
		ended: make(chan struct{}), calls: make(map[int32]*waiting), lastUse: time.Now()}
	h := &handshaker{client: c, conn: conn, in: newFrameReader(nc)}
	auth := byte(0)
	if c.cfg.Token != nil {
		auth = 0xdf
	}
	if err := conn.out.send([]byte{'h', 'r', 'p', 'c', version, 0, auth}, c.cfg.Token == nil); err != nil {
		return nil, err
	}
	if c.cfg.Token != nil {
		if err := h.negotiate(); err != nil {
			return nil, err
		}
	}
	conn.ping = endFrame((&requestHeader{callID: callPing, clientID: c.id[:], retry: -1}).append(beginFrame(nil)), 0)
	if err := h.sendContext(); err != nil {
		return nil, err
	}
	conn.frames = h.frames(pingReader{conn})
	return conn, nil
}

// handshaker is the state of one opening.
type handshaker struct {
	client *Client
	conn   *clientConn
	in     *frameReader // straight from the network; nothing is buffered in it between messages
	method AuthMethod
	layer  *digestmd5.Layer
}

// frames is where the replies of the established connection come from. It must not
// drop what in has already taken from the network.
func (h *handshaker) frames(network io.Reader) *frameReader {
	plain := newFrameReader(io.MultiReader(h.leftover(), network))
	if h.layer == nil {
		return plain
	}
	h.conn.out.setWrap(clientWrap(h.layer))
	return newFrameReader(&wrapReader{in: plain, layer: h.layer, limit: h.client.cfg.MaxResponseLength, header: saslOnly})
}

func (h *handshaker) leftover() io.Reader {
	if err := h.in.release(); err != nil {
		return strings.NewReader("")
	}
	b, _ := h.in.in.Peek(h.in.in.Buffered()) // never more than there is
	return strings.NewReader(string(b))
}

// saslOnly takes the header off a response on a wrapped connection.
func saslOnly(frame []byte) ([]byte, error) {
	var r responseHeader
	payload, err := r.parse(frame)
	switch {
	case err != nil:
		return nil, err
	case r.status == statusFatal:
		return nil, r.error()
	case r.callID != callSASL:
		return nil, errUnwrapped
	}
	return payload, nil
}

func (h *handshaker) sendContext() error {
	info := &commonpb.UserInformationProto{}
	if h.method == Simple {
		if u := h.client.cfg.User; u != "" {
			info.EffectiveUser = proto.String(u)
		}
		if r := h.client.cfg.RealUser; r != "" {
			info.RealUser = proto.String(r)
		}
	}
	frame := (&requestHeader{callID: callContext3, clientID: h.client.id[:], retry: -1}).append(beginFrame(nil))
	frame, err := appendMessage(frame, &commonpb.IpcConnectionContextProto{UserInfo: info, Protocol: proto.String(h.client.cfg.Protocol)})
	if err != nil {
		return err
	}
	frame = endFrame(frame, 0)
	if h.layer != nil {
		frame = clientWrap(h.layer)(nil, frame)
	}
	return h.conn.out.send(frame, true) // goes out together with the first call
}

// negotiate authenticates with the token, or finds out that the server wants none.
func (h *handshaker) negotiate() error {
	if err := h.send(&commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum(), Version: proto.Uint32(0)}); err != nil {
		return err
	}
	msg, err := h.receive()
	if err != nil {
		return err
	}
	switch msg.GetState() {
	case commonpb.RpcSaslProto_SUCCESS:
		return nil
	case commonpb.RpcSaslProto_NEGOTIATE:
		return h.choose(msg.GetAuths())
	}
	return fmt.Errorf("the server answered NEGOTIATE with %s", msg.GetState())
}

// choose takes the server's first entry that this side can serve.
func (h *handshaker) choose(auths []*commonpb.RpcSaslProto_SaslAuth) error {
	var names []string
	for _, a := range auths {
		switch {
		case a.GetMethod() == methodToken && a.GetMechanism() == mechDigest:
			return h.presentToken(a)
		case a.GetMethod() == methodSimple:
			return h.send(&commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_INITIATE.Enum(), Auths: []*commonpb.RpcSaslProto_SaslAuth{a}})
		}
		names = append(names, a.GetMethod())
	}
	return Exception(ClassAccessControl, "Client cannot authenticate via:[%s]", strings.Join(names, ", "))
}

func (h *handshaker) presentToken(a *commonpb.RpcSaslProto_SaslAuth) error {
	t := h.client.cfg.Token
	uri := a.GetProtocol() + "/" + a.GetServerId()
	d, err := digestmd5.NewClient(a.GetChallenge(), tokenUser(t.Identifier), tokenPassword(t.Password), uri, h.client.qops)
	if err != nil {
		return err
	}
	chosen := proto.Clone(a).(*commonpb.RpcSaslProto_SaslAuth)
	chosen.Challenge = nil
	if err := h.send(&commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_INITIATE.Enum(), Token: d.Response(), Auths: []*commonpb.RpcSaslProto_SaslAuth{chosen}}); err != nil {
		return err
	}
	msg, err := h.receive()
	if err != nil {
		return err
	}
	if msg.GetState() != commonpb.RpcSaslProto_SUCCESS {
		return fmt.Errorf("the server answered INITIATE with %s", msg.GetState())
	}
	if err := d.Verify(msg.GetToken()); err != nil {
		return err
	}
	h.method = Token
	h.layer, err = d.Layer()
	return err
}

func (h *handshaker) send(msg *commonpb.RpcSaslProto) error {
	frame, err := appendSaslRequest(nil, msg)
	if err != nil {
		return err
	}
	return h.conn.out.send(frame, false)
}

func (h *handshaker) receive() (*commonpb.RpcSaslProto, error) {
	frame, err := h.in.next(maxHandshakeFrame)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the server closed the connection during authentication: %w", err)
		}
		return nil, err
	}
	payload, err := saslOnly(frame)
	if err != nil {
		return nil, err
	}
	return parseSasl(payload)
}
