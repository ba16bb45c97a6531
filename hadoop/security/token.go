package security

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"

	"google.golang.org/protobuf/proto"

	commonpb "heddle/hadoop-proto/common"
)

// Kinds of tokens that YARN issues or meets.
const (
	KindAMRM             = "YARN_AM_RM_TOKEN"
	KindNM               = "NMToken"
	KindContainer        = "ContainerToken"
	KindClientToAM       = "YARN_CLIENT_TOKEN"
	KindRMDelegation     = "RM_DELEGATION_TOKEN"
	KindHDFSDelegation   = "HDFS_DELEGATION_TOKEN"
	KindMapReduceJob     = "mapreduce.job"
	KindLocalizer        = "Localizer"
	KindDockerCredential = "DOCKER_CLIENT_CREDENTIAL_TOKEN"
)

// Token is a claim (Identifier), the password that proves it, what kind of claim it
// is, and which service it is for ("ip:port", empty, or a logical name).
type Token struct {
	Identifier []byte
	Password   []byte
	Kind       string
	Service    string
}

// String names the token without its password.
func (t Token) String() string {
	return fmt.Sprintf("Kind: %s, Service: %s, Ident: %d bytes", t.Kind, t.Service, len(t.Identifier))
}

// Equal reports whether every part is the same.
func (t Token) Equal(o Token) bool {
	return bytes.Equal(t.Identifier, o.Identifier) && bytes.Equal(t.Password, o.Password) && t.Kind == o.Kind && t.Service == o.Service
}

// AppendWritable appends the token's Writable form.
func (t Token) AppendWritable(b []byte) []byte {
	b = AppendBytes(b, t.Identifier)
	b = AppendBytes(b, t.Password)
	b = AppendText(b, t.Kind)
	return AppendText(b, t.Service)
}

// Token reads a token's Writable form.
func (w *Writable) Token() Token {
	return Token{
		Identifier: bytes.Clone(w.Bytes()),
		Password:   bytes.Clone(w.Bytes()),
		Kind:       w.Text(),
		Service:    w.Text(),
	}
}

// ParseToken reads a token's Writable form, which must be all of b.
func ParseToken(b []byte) (Token, error) {
	w := NewWritable(b)
	t := w.Token()
	if w.err == nil && len(w.rest) > 0 {
		w.fail(fmt.Errorf("%d bytes follow it", len(w.rest)))
	}
	if w.err != nil {
		return Token{}, fmt.Errorf("reading a token: %w", w.err)
	}
	return t, nil
}

// URLString is the token as text for URLs and headers: base64url of the Writable form without padding.
func (t Token) URLString() string {
	return base64.RawURLEncoding.EncodeToString(t.AppendWritable(nil))
}

// ParseURLString reads what URLString wrote; padding is accepted.
func ParseURLString(s string) (Token, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return Token{}, fmt.Errorf("reading a token from text: %w", err)
	}
	return ParseToken(b)
}

// Proto is the token as Hadoop's message; its four fields are required, so empty ones are set too.
func (t Token) Proto() *commonpb.TokenProto {
	p := &commonpb.TokenProto{Identifier: t.Identifier, Password: t.Password, Kind: proto.String(t.Kind), Service: proto.String(t.Service)}
	if p.Identifier == nil {
		p.Identifier = []byte{}
	}
	if p.Password == nil {
		p.Password = []byte{}
	}
	return p
}

// TokenFromProto is the token in a message; it shares memory with p.
func TokenFromProto(p *commonpb.TokenProto) Token {
	return Token{Identifier: p.GetIdentifier(), Password: p.GetPassword(), Kind: p.GetKind(), Service: p.GetService()}
}

// ServiceText is the service of a token for the server at host and port: its address
// when useIP (hadoop.security.token.service.use_ip), else its name in lower case.
// resolve finds a host's addresses; an IPv4 one is preferred, as Java does.
func ServiceText(host string, port int32, useIP bool, resolve func(host string) ([]net.IP, error)) (string, error) {
	if !useIP {
		return fmt.Sprintf("%s:%d", strings.ToLower(host), port), nil
	}
	ip := net.ParseIP(host)
	if ip == nil {
		ips, err := resolve(host)
		if err != nil {
			return "", fmt.Errorf("resolving %s for a token's service: %w", host, err)
		}
		if len(ips) == 0 {
			return "", fmt.Errorf("resolving %s for a token's service: no address", host)
		}
		ip = ips[0]
		for _, candidate := range ips {
			if candidate.To4() != nil {
				ip = candidate
				break
			}
		}
	}
	return fmt.Sprintf("%s:%d", ip, port), nil
}
