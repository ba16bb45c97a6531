package security

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	commonpb "heddle/hadoop-proto/common"
)

// MaxCredentialsBytes bounds a credentials stream that a peer sends or a file holds.
const MaxCredentialsBytes = 8 << 20

// Formats of a credentials stream, the byte after the magic.
const (
	formatWritable = 0
	formatProtobuf = 1
)

const credentialsMagic = "HDTS"

// Credentials are an application's tokens and secrets, each under an alias.
type Credentials struct {
	Tokens  map[string]Token
	Secrets map[string][]byte
}

// NewCredentials holds nothing.
func NewCredentials() *Credentials {
	return &Credentials{Tokens: map[string]Token{}, Secrets: map[string][]byte{}}
}

// Find is the first token, by alias, of the given kind.
func (c *Credentials) Find(kind string) (Token, bool) {
	for _, alias := range slices.Sorted(maps.Keys(c.Tokens)) {
		if t := c.Tokens[alias]; t.Kind == kind {
			return t, true
		}
	}
	return Token{}, false
}

// Marshal is the stream in format 0, which every Hadoop reads, in order of aliases.
func (c *Credentials) Marshal() []byte {
	b := append([]byte(credentialsMagic), formatWritable)
	b = AppendVLong(b, int64(len(c.Tokens)))
	for _, alias := range slices.Sorted(maps.Keys(c.Tokens)) {
		b = c.Tokens[alias].AppendWritable(AppendText(b, alias))
	}
	b = AppendVLong(b, int64(len(c.Secrets)))
	for _, alias := range slices.Sorted(maps.Keys(c.Secrets)) {
		b = AppendBytes(AppendText(b, alias), c.Secrets[alias])
	}
	return b
}

// ParseCredentials reads a stream of format 0 or 1. An empty b is no credentials.
func ParseCredentials(b []byte) (*Credentials, error) {
	if len(b) == 0 {
		return NewCredentials(), nil
	}
	c, err := parseCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	return c, nil
}

func parseCredentials(b []byte) (*Credentials, error) {
	if len(b) > MaxCredentialsBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are accepted", len(b), MaxCredentialsBytes)
	}
	body, ok := bytes.CutPrefix(b, []byte(credentialsMagic))
	if !ok {
		return nil, fmt.Errorf("the magic %q is missing", credentialsMagic)
	}
	if len(body) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	switch body[0] {
	case formatWritable:
		return parseWritableCredentials(body[1:])
	case formatProtobuf:
		return parseProtobufCredentials(body[1:])
	}
	return nil, fmt.Errorf("format %d is unknown, 0 and 1 are known", body[0])
}

func parseWritableCredentials(b []byte) (*Credentials, error) {
	c := NewCredentials()
	w := NewWritable(b)
	for range w.count(5) { // alias, identifier, password, kind, service: a byte each at least
		alias := w.Text()
		c.Tokens[alias] = w.Token()
	}
	for range w.count(2) {
		alias := w.Text()
		c.Secrets[alias] = bytes.Clone(w.Bytes())
	}
	if w.err != nil {
		return nil, w.err
	}
	return c, nil
}

func parseProtobufCredentials(b []byte) (*Credentials, error) {
	size, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return nil, protowire.ParseError(n)
	}
	if size > uint64(len(b)-n) {
		return nil, io.ErrUnexpectedEOF
	}
	var p commonpb.CredentialsProto
	if err := proto.Unmarshal(b[n:n+int(size)], &p); err != nil {
		return nil, err
	}
	c := NewCredentials()
	for _, t := range p.GetTokens() {
		if t.GetToken() == nil {
			return nil, fmt.Errorf("alias %q has no token", t.GetAlias())
		}
		c.Tokens[t.GetAlias()] = TokenFromProto(t.GetToken())
	}
	for _, s := range p.GetSecrets() {
		c.Secrets[s.GetAlias()] = s.GetSecret()
	}
	return c, nil
}

// ReadCredentialsFile reads a token file, such as HADOOP_TOKEN_FILE_LOCATION names.
func ReadCredentialsFile(path string) (*Credentials, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxCredentialsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading credentials %s: %w", path, err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("reading credentials %s: %w", path, errors.New("the file is empty"))
	}
	c, err := ParseCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
