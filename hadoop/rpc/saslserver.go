package rpc

import (
	"context"
	"errors"

	"heddle/hadoop-proto/common"
	"heddle/hadoop/rpc/digestmd5"

	"google.golang.org/protobuf/proto"
)

// mechanism is the server's side of one SASL exchange. DIGEST-MD5 needs one step;
// GSSAPI will need several and fits the same shape.
type mechanism interface {
	// step takes the client's token. done means that the peer is authenticated.
	step(ctx context.Context, token []byte) (reply []byte, done bool, err error)
	// finish tells who the peer is and how messages are protected from now on (nil: not at all).
	finish() (identity, *digestmd5.Layer)
}

// identity is what authentication has established.
type identity struct {
	method     AuthMethod
	user       string
	identifier []byte // of a token
}

// offer is one entry of a negotiation with the exchange that it would start; mech is nil for SIMPLE.
type offer struct {
	auth *commonpb.RpcSaslProto_SaslAuth
	mech mechanism
}

// offers lists what the server accepts, in the order in which Hadoop lists it.
func (s *Server) offers() []offer {
	var out []offer
	if s.cfg.Tokens != nil {
		d := digestmd5.NewServer(digestRealm, digestURI, s.qops)
		out = append(out, offer{&commonpb.RpcSaslProto_SaslAuth{
			Method: proto.String(methodToken), Mechanism: proto.String(mechDigest),
			Protocol: proto.String(""), ServerId: proto.String(digestRealm), Challenge: d.Challenge(),
		}, &tokenExchange{digest: d, tokens: s.cfg.Tokens}})
	}
	if s.cfg.AllowSimple {
		out = append(out, offer{auth: &commonpb.RpcSaslProto_SaslAuth{
			Method: proto.String(methodSimple), Mechanism: proto.String("")}})
	}
	return out
}

// tokenExchange is DIGEST-MD5 over the passwords of a TokenVerifier.
type tokenExchange struct {
	digest *digestmd5.Server
	tokens TokenVerifier
	id     identity
}

func (t *tokenExchange) step(ctx context.Context, token []byte) ([]byte, bool, error) {
	proof, err := t.digest.Verify(token, func(username string) (string, error) {
		identifier, err := tokenIdentifier(username)
		if err != nil {
			return "", Exception(ClassInvalidToken, "the user name is not a token identifier in base64")
		}
		password, user, err := t.tokens.Password(ctx, identifier)
		if err != nil {
			return "", err
		}
		t.id = identity{method: Token, user: user, identifier: identifier}
		return tokenPassword(password), nil
	})
	return proof, err == nil, err
}

func (t *tokenExchange) finish() (identity, *digestmd5.Layer) { return t.id, t.digest.Layer() }

// saslServer is the state of one connection's negotiation.
type saslServer struct {
	offers     []offer
	negotiated bool // the offers were sent
	current    mechanism
	done       bool
	simple     bool // ended without authentication
}

// message handles one SASL message; a nil reply means that none is sent.
func (n *saslServer) message(ctx context.Context, s *Server, msg *commonpb.RpcSaslProto) (*commonpb.RpcSaslProto, error) {
	switch msg.GetState() {
	case commonpb.RpcSaslProto_NEGOTIATE:
		if n.negotiated {
			return nil, fatal(FatalUnauthorized, ClassAccessControl, "Client already attempted negotiation")
		}
		if s.cfg.Tokens == nil {
			n.done, n.simple = true, true
			return &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_SUCCESS.Enum()}, nil
		}
		return n.negotiate(s), nil
	case commonpb.RpcSaslProto_INITIATE:
		return n.initiate(ctx, s, msg)
	case commonpb.RpcSaslProto_RESPONSE:
		if n.current == nil {
			return nil, fatal(FatalUnauthorized, ClassSasl, "Client has not initiated an authentication")
		}
		return n.step(ctx, msg.GetToken())
	case commonpb.RpcSaslProto_WRAP:
		return nil, fatal(FatalInvalidHeader, ClassSasl, "Server is not wrapping data")
	}
	return nil, fatal(FatalUnauthorized, ClassSasl, "Client sent unsupported state %s", msg.GetState())
}

func (n *saslServer) negotiate(s *Server) *commonpb.RpcSaslProto {
	n.offers, n.negotiated = s.offers(), true
	reply := &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum()}
	for _, o := range n.offers {
		reply.Auths = append(reply.Auths, o.auth)
	}
	return reply
}

// initiate starts the exchange that the client chose; it must name the entry as it was sent, less the challenge.
func (n *saslServer) initiate(ctx context.Context, s *Server, msg *commonpb.RpcSaslProto) (*commonpb.RpcSaslProto, error) {
	if len(msg.GetAuths()) != 1 {
		return nil, fatal(FatalUnauthorized, ClassSasl, "Client mechanism is malformed")
	}
	if n.current != nil {
		return nil, fatal(FatalUnauthorized, ClassAccessControl, "Client already attempted authentication")
	}
	chosen := msg.GetAuths()[0]
	for _, o := range n.offers {
		if !sameAuth(o.auth, chosen) {
			continue
		}
		if o.mech == nil {
			n.done, n.simple = true, true
			return nil, nil
		}
		n.current = o.mech
		return n.step(ctx, msg.GetToken())
	}
	if n.negotiated {
		return nil, fatal(FatalUnauthorized, ClassAccessControl, "%s authentication is not enabled.  Available:%s", chosen.GetMethod(), s.available())
	}
	return n.negotiate(s), nil
}

func sameAuth(a, b *commonpb.RpcSaslProto_SaslAuth) bool {
	return a.GetMethod() == b.GetMethod() && a.GetMechanism() == b.GetMechanism() &&
		a.GetProtocol() == b.GetProtocol() && a.GetServerId() == b.GetServerId()
}

func (n *saslServer) step(ctx context.Context, token []byte) (*commonpb.RpcSaslProto, error) {
	reply, done, err := n.current.step(ctx, token)
	if err != nil {
		return nil, saslFailure(err)
	}
	state := commonpb.RpcSaslProto_CHALLENGE
	if done {
		n.done, state = true, commonpb.RpcSaslProto_SUCCESS
	}
	return &commonpb.RpcSaslProto{State: state.Enum(), Token: reply}, nil
}

// saslFailure keeps the class of an error that has one (InvalidToken, Standby, Retriable).
func saslFailure(err error) *Error {
	class, msg := ClassSasl, err.Error()
	var e *Error
	if errors.As(err, &e) {
		class, msg = e.Class, e.Message
	}
	return &Error{Class: class, Message: msg, Detail: FatalUnauthorized, Fatal: true}
}
