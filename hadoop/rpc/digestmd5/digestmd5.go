// Package digestmd5 is the SASL mechanism DIGEST-MD5 (RFC 2831) in the form that
// Hadoop uses for tokens: md5-sess, one realm, and the layers auth-int and auth-conf.
//
// A Server makes a challenge and verifies one response; a Client answers one
// challenge and verifies the server's proof. Both then hand out the Layer that
// protects further messages, or nil for plain authentication.
package digestmd5

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// QOP is a quality of protection as it is written on the wire.
type QOP string

// The three qualities of RFC 2831.
const (
	Auth     QOP = "auth"      // authentication only
	AuthInt  QOP = "auth-int"  // and integrity of every message
	AuthConf QOP = "auth-conf" // and confidentiality
)

// DefaultMaxBuffer is the size of a wrapped message that a side accepts when it names none.
const DefaultMaxBuffer = 65536

// ErrMismatch means that the peer does not know the password.
var ErrMismatch = errors.New("DIGEST-MD5: digest response format violation. Mismatched response.")

const nonceCount = "00000001" // one authentication per nonce

// ParseQOPs checks a list of qualities as configuration gives them.
// An empty list means Auth.
func ParseQOPs(names []string) ([]QOP, error) {
	if len(names) == 0 {
		return []QOP{Auth}, nil
	}
	out := make([]QOP, 0, len(names))
	for _, n := range names {
		q := QOP(strings.TrimSpace(n))
		if q != Auth && q != AuthInt && q != AuthConf {
			return nil, fmt.Errorf("quality of protection %q is none of auth, auth-int, auth-conf", n)
		}
		if !slices.Contains(out, q) {
			out = append(out, q)
		}
	}
	return out, nil
}

// Server is the server's side of one authentication.
type Server struct {
	realm, uri, nonce string
	qops              []QOP
	challenge         []byte
	layer             *Layer
}

// NewServer starts an authentication with a fresh nonce. uri is what the client
// must name as digest-uri; qops are offered in this order.
func NewServer(realm, uri string, qops []QOP) *Server {
	return newServer(realm, uri, newNonce(), qops)
}

func newServer(realm, uri, nonce string, qops []QOP) *Server {
	s := &Server{realm: realm, uri: uri, nonce: nonce, qops: qops}
	names := make([]string, len(qops))
	for i, q := range qops {
		names[i] = string(q)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `realm="%s",nonce="%s",qop="%s",charset=utf-8`, realm, nonce, strings.Join(names, ","))
	if slices.Contains(qops, AuthConf) {
		fmt.Fprintf(&b, `,cipher="%s"`, strings.Join(cipherNames, ","))
	}
	b.WriteString(",algorithm=md5-sess")
	s.challenge = b.Bytes()
	return s
}

// Challenge is the first message to the client.
func (s *Server) Challenge() []byte { return s.challenge }

// Verify checks the client's response and returns the proof to send back. password
// yields the password of a user name; its error is returned as it is.
func (s *Server) Verify(response []byte, password func(username string) (string, error)) ([]byte, error) {
	d, err := parseDirectives(response)
	if err != nil {
		return nil, err
	}
	qop, err := s.check(d)
	if err != nil {
		return nil, err
	}
	pass, err := password(d["username"])
	if err != nil {
		return nil, err
	}
	x := exchange{username: d["username"], realm: s.realm, password: pass, nonce: s.nonce,
		cnonce: d["cnonce"], uri: s.uri, qop: qop}
	if subtle.ConstantTimeCompare([]byte(x.response("AUTHENTICATE:")), []byte(d["response"])) != 1 {
		return nil, ErrMismatch
	}
	if s.layer, err = newLayer(x.a1(), qop, d["cipher"], serverSide, DefaultMaxBuffer); err != nil {
		return nil, err
	}
	return []byte("rspauth=" + x.response(":")), nil
}

func (s *Server) check(d map[string]string) (QOP, error) {
	qop := QOP(d["qop"])
	if qop == "" {
		qop = Auth
	}
	switch {
	case d["username"] == "" || d["cnonce"] == "" || d["response"] == "":
		return "", errors.New("DIGEST-MD5: digest response format violation. Missing username, cnonce or response.")
	case d["nonce"] != s.nonce:
		return "", errors.New("DIGEST-MD5: digest response format violation. Mismatched nonce.")
	case d["nc"] != nonceCount:
		return "", errors.New("DIGEST-MD5: digest response format violation. Mismatched nonce count.")
	case d["realm"] != s.realm:
		return "", errors.New("DIGEST-MD5: digest response format violation. Mismatched realm.")
	case d["digest-uri"] != s.uri:
		return "", errors.New("DIGEST-MD5: digest response format violation. Mismatched URI.")
	case d["authzid"] != "" && d["authzid"] != d["username"]:
		return "", errors.New("DIGEST-MD5: another authorization id than the user is not supported")
	case !slices.Contains(s.qops, qop):
		return "", fmt.Errorf("DIGEST-MD5: quality of protection %q was not offered", d["qop"])
	}
	return qop, nil
}

// Layer protects the messages after a successful Verify; nil for plain authentication.
func (s *Server) Layer() *Layer { return s.layer }

// Client is the client's side of one authentication.
type Client struct {
	x         exchange
	cipher    string
	maxBuffer int
	response  []byte
}

// NewClient answers challenge. qops are the qualities the caller accepts, best first;
// the first one that the server offers is used.
func NewClient(challenge []byte, username, password, uri string, qops []QOP) (*Client, error) {
	return newClient(challenge, username, password, uri, newNonce(), qops)
}

func newClient(challenge []byte, username, password, uri, cnonce string, qops []QOP) (*Client, error) {
	d, err := parseDirectives(challenge)
	if err != nil {
		return nil, err
	}
	if d["nonce"] == "" || d["algorithm"] != "md5-sess" {
		return nil, errors.New("DIGEST-MD5: the challenge has no nonce, or another algorithm than md5-sess")
	}
	offered := splitList(d["qop"], string(Auth))
	i := slices.IndexFunc(qops, func(q QOP) bool { return slices.Contains(offered, string(q)) })
	if i < 0 {
		return nil, fmt.Errorf("DIGEST-MD5: the server offers quality of protection %v, this side wants %v: make hadoop.rpc.protection agree on both", offered, qops)
	}
	c := &Client{maxBuffer: DefaultMaxBuffer, x: exchange{username: username, realm: d["realm"], password: password,
		nonce: d["nonce"], cnonce: cnonce, uri: uri, qop: qops[i]}}
	if m := d["maxbuf"]; m != "" {
		if c.maxBuffer, err = parseMaxBuffer(m); err != nil {
			return nil, err
		}
	}
	if c.x.qop == AuthConf {
		if c.cipher = chooseCipher(splitList(d["cipher"], "")); c.cipher == "" {
			return nil, fmt.Errorf("DIGEST-MD5: no known cipher among %q", d["cipher"])
		}
	}
	c.response = c.render()
	return c, nil
}

func (c *Client) render() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `charset=utf-8,username="%s",realm="%s",nonce="%s",nc=%s,cnonce="%s",digest-uri="%s",maxbuf=%d,response=%s,qop=%s`,
		quote(c.x.username), quote(c.x.realm), quote(c.x.nonce), nonceCount, quote(c.x.cnonce), quote(c.x.uri),
		DefaultMaxBuffer, c.x.response("AUTHENTICATE:"), c.x.qop)
	if c.cipher != "" {
		fmt.Fprintf(&b, `,cipher="%s"`, c.cipher)
	}
	return b.Bytes()
}

// Response is the message to the server.
func (c *Client) Response() []byte { return c.response }

// Verify checks the server's proof.
func (c *Client) Verify(proof []byte) error {
	d, err := parseDirectives(proof)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(c.x.response(":")), []byte(d["rspauth"])) != 1 {
		return errors.New("DIGEST-MD5: the server does not know the password of this token")
	}
	return nil
}

// Layer protects the messages after a successful Verify; nil for plain authentication.
func (c *Client) Layer() (*Layer, error) {
	return newLayer(c.x.a1(), c.x.qop, c.cipher, clientSide, c.maxBuffer)
}

// exchange is everything that the digests of one authentication are made of.
type exchange struct {
	username, realm, password, nonce, cnonce, uri string
	qop                                           QOP
}

// a1 is H(A1) of RFC 2831 section 2.1.2.1, raw.
func (x *exchange) a1() []byte {
	inner := md5.Sum([]byte(x.username + ":" + x.realm + ":" + x.password))
	h := md5.New()
	h.Write(inner[:])
	h.Write([]byte(":" + x.nonce + ":" + x.cnonce))
	return h.Sum(nil)
}

// response is the digest of either side; prefix is "AUTHENTICATE:" for the client's and ":" for the server's.
func (x *exchange) response(prefix string) string {
	a2 := prefix + x.uri
	if x.qop != Auth {
		a2 += ":" + strings.Repeat("0", 32)
	}
	h2 := md5.Sum([]byte(a2))
	text := strings.Join([]string{hex.EncodeToString(x.a1()), x.nonce, nonceCount, x.cnonce, string(x.qop), hex.EncodeToString(h2[:])}, ":")
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// newNonce is 30 random bytes, 40 characters of base64, as Java's provider makes them.
func newNonce() string {
	b := make([]byte, 30)
	rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}
