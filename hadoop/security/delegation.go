package security

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
)

// DelegationKey is a master key of delegation tokens with the time until which
// tokens signed with it can still be valid.
type DelegationKey struct {
	MasterKey
	Expires time.Time
}

// AppendWritable appends Hadoop's stored form of the key.
func (k DelegationKey) AppendWritable(b []byte) []byte {
	b = AppendVLong(b, int64(k.ID))
	b = AppendVLong(b, k.Expires.UnixMilli())
	if k.Bytes == nil {
		return AppendVLong(b, -1)
	}
	return AppendBytes(b, k.Bytes)
}

// ParseDelegationKey reads what AppendWritable wrote.
func ParseDelegationKey(b []byte) (DelegationKey, error) {
	w := NewWritable(b)
	k := DelegationKey{MasterKey: MasterKey{ID: w.VInt()}, Expires: time.UnixMilli(w.VLong())}
	if n := w.VInt(); n >= 0 && int(n) <= len(w.rest) {
		k.Bytes = bytes.Clone(w.rest[:n])
	} else if n != -1 {
		w.fail(fmt.Errorf("a key of %d bytes, but %d follow", n, len(w.rest)))
	}
	if w.err != nil {
		return DelegationKey{}, fmt.Errorf("reading a delegation key: %w", w.err)
	}
	return k, nil
}

// DelegationToken is an issued token as it is stored.
type DelegationToken struct {
	Identifier  *yarnpb.YARNDelegationTokenIdentifierProto
	RenewBefore time.Time
}

// DelegationStore persists keys and tokens; every call returns when the change is durable.
// SaveToken also saves the highest sequence number given out.
type DelegationStore interface {
	SaveKey(DelegationKey) error
	DeleteKey(id int32) error
	SaveToken(DelegationToken) error
	DeleteToken(sequence int32) error
}

// TokenError is why a token is not good. Class is Hadoop's exception.
type TokenError struct{ Class, Message string }

func (e *TokenError) Error() string { return e.Message }

// Exception classes of token errors.
const (
	ClassInvalidToken  = "org.apache.hadoop.security.token.SecretManager$InvalidToken"
	ClassAccessControl = "org.apache.hadoop.security.AccessControlException"
)

func invalidToken(format string, args ...any) error {
	return &TokenError{ClassInvalidToken, fmt.Sprintf(format, args...)}
}

func accessControl(format string, args ...any) error {
	return &TokenError{ClassAccessControl, fmt.Sprintf(format, args...)}
}

// DelegationConfig holds the times of tokens.md: how often keys roll, how long a token
// lives without renewal and at most.
type DelegationConfig struct {
	KeyUpdateInterval time.Duration
	RenewInterval     time.Duration
	MaxLifetime       time.Duration
}

// DelegationTokens issues, renews, cancels and checks the ResourceManager's delegation tokens.
// It is safe for concurrent use; mu guards everything below it.
type DelegationTokens struct {
	config DelegationConfig
	store  DelegationStore
	random io.Reader

	mu       sync.Mutex
	keys     map[int32]DelegationKey
	current  int32
	rolledAt time.Time
	tokens   map[int32]*issuedToken // by sequence number
	owned    map[string]int         // how many of them an owner has
	sequence int32
}

type issuedToken struct {
	DelegationToken
	raw      []byte
	password []byte
}

// NewDelegationTokens starts from what the store held and makes a fresh current key, as Hadoop does at each start.
func NewDelegationTokens(config DelegationConfig, store DelegationStore, random io.Reader, keys []DelegationKey, tokens []DelegationToken, sequence int32, now time.Time) (*DelegationTokens, error) {
	d := &DelegationTokens{config: config, store: store, random: random, keys: map[int32]DelegationKey{}, tokens: map[int32]*issuedToken{}, owned: map[string]int{}, sequence: sequence}
	for _, k := range keys {
		d.keys[k.ID] = k
		d.current = max(d.current, k.ID)
	}
	for _, t := range tokens {
		if err := d.restore(t); err != nil {
			return nil, err
		}
	}
	return d, d.roll(now)
}

func (d *DelegationTokens) restore(t DelegationToken) error {
	raw, err := MarshalIdentifier(t.Identifier)
	if err != nil {
		return err
	}
	key, ok := d.keys[t.Identifier.GetMasterKeyId()]
	if !ok {
		return fmt.Errorf("restoring delegation token %d: its master key %d is not in the store", t.Identifier.GetSequenceNumber(), t.Identifier.GetMasterKeyId())
	}
	d.sequence = max(d.sequence, t.Identifier.GetSequenceNumber())
	d.add(&issuedToken{t, raw, key.Password(raw)})
	return nil
}

func (d *DelegationTokens) add(t *issuedToken) {
	d.tokens[t.Identifier.GetSequenceNumber()] = t
	d.owned[t.Identifier.GetOwner()]++
}

func (d *DelegationTokens) remove(sequence int32) {
	owner := d.tokens[sequence].Identifier.GetOwner()
	delete(d.tokens, sequence)
	if d.owned[owner]--; d.owned[owner] == 0 {
		delete(d.owned, owner)
	}
}

// Bounds on what clients can make a ResourceManager keep for a token's lifetime, in memory and in its store. Hadoop has none.
const (
	maxTokens      = 200_000
	maxTokensOfOne = 20_000
	maxTokenName   = 1024 // bytes of owner, renewer and real user each
)

// room says why there is none for another token.
func (d *DelegationTokens) room(owner, renewer, realUser string) error {
	switch {
	case max(len(owner), len(renewer), len(realUser)) > maxTokenName:
		return accessControl("a delegation token names nobody with more than %d characters", maxTokenName)
	case d.owned[owner] >= maxTokensOfOne:
		return accessControl("%s has %d delegation tokens: cancel some, or wait until they expire", owner, d.owned[owner])
	case len(d.tokens) >= maxTokens:
		return accessControl("%d delegation tokens are out: wait until some expire", len(d.tokens))
	}
	return nil
}

// Tick rolls the key when its interval is over and forgets what has expired; call it about hourly.
func (d *DelegationTokens) Tick(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.rolledAt) >= d.config.KeyUpdateInterval {
		if err := d.roll(now); err != nil {
			return err
		}
	}
	for sequence, t := range d.tokens {
		if now.After(t.RenewBefore) {
			if err := d.store.DeleteToken(sequence); err != nil {
				return fmt.Errorf("removing expired delegation token %d: %w", sequence, err)
			}
			d.remove(sequence)
		}
	}
	for id, k := range d.keys {
		if id != d.current && now.After(k.Expires) {
			if err := d.store.DeleteKey(id); err != nil {
				return fmt.Errorf("removing expired delegation key %d: %w", id, err)
			}
			delete(d.keys, id)
		}
	}
	return nil
}

// roll makes a new current key; the old one stays for as long as its tokens can live.
func (d *DelegationTokens) roll(now time.Time) error {
	if old, ok := d.keys[d.current]; ok {
		old.Expires = now.Add(d.config.MaxLifetime)
		if err := d.store.SaveKey(old); err != nil {
			return fmt.Errorf("saving delegation key %d: %w", old.ID, err)
		}
		d.keys[old.ID] = old
	}
	k, err := NewMasterKey(d.current+1, d.random)
	if err != nil {
		return err
	}
	key := DelegationKey{k, now.Add(d.config.KeyUpdateInterval + d.config.MaxLifetime)}
	if err := d.store.SaveKey(key); err != nil {
		return fmt.Errorf("saving delegation key %d: %w", key.ID, err)
	}
	d.keys[key.ID] = key
	d.current, d.rolledAt = key.ID, now
	return nil
}

// Issue makes a token for owner, to be renewed by renewer. realUser is who asked, when
// that is a proxy user, else empty. The token's service is left to the client.
func (d *DelegationTokens) Issue(owner, renewer, realUser string, now time.Time) (Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.room(owner, renewer, realUser); err != nil {
		return Token{}, err
	}
	key := d.keys[d.current]
	id := &yarnpb.YARNDelegationTokenIdentifierProto{
		Owner: proto.String(owner), Renewer: proto.String(shortName(renewer)),
		IssueDate: proto.Int64(now.UnixMilli()), MaxDate: proto.Int64(now.Add(d.config.MaxLifetime).UnixMilli()),
		SequenceNumber: proto.Int32(d.sequence + 1), MasterKeyId: proto.Int32(key.ID),
	}
	if realUser != "" {
		id.RealUser = proto.String(realUser)
	}
	raw, err := MarshalIdentifier(id)
	if err != nil {
		return Token{}, err
	}
	t := &issuedToken{DelegationToken{id, now.Add(d.config.RenewInterval)}, raw, key.Password(raw)}
	if err := d.store.SaveToken(t.DelegationToken); err != nil {
		return Token{}, fmt.Errorf("saving the delegation token of %s: %w", owner, err)
	}
	d.sequence++
	d.add(t)
	return Token{Identifier: raw, Password: t.password, Kind: KindRMDelegation}, nil
}

// shortName is the user part of a Kerberos principal; other names stay as they are.
func shortName(principal string) string {
	if i := strings.IndexAny(principal, "/@"); i > 0 {
		return principal[:i]
	}
	return principal
}

// Renew lets the token's renewer extend it by the renew interval, at most to its end of
// life, and returns until when it is valid now.
func (d *DelegationTokens) Renew(t Token, caller string, now time.Time) (time.Time, error) {
	id, err := ParseDelegationIdentifier(t.Identifier)
	if err != nil {
		return time.Time{}, invalidToken("%v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case now.UnixMilli() > id.GetMaxDate():
		return time.Time{}, invalidToken("%s tried to renew an expired token (%s) max expiration date: %d currentTime: %d", caller, describe(id), id.GetMaxDate(), now.UnixMilli())
	case id.GetRenewer() == "":
		return time.Time{}, accessControl("%s tried to renew a token (%s) without a renewer", caller, describe(id))
	case id.GetRenewer() != caller:
		return time.Time{}, accessControl("%s tries to renew a token (%s) with non-matching renewer %s", caller, describe(id), id.GetRenewer())
	}
	issued, err := d.find(id, t)
	if err != nil {
		return time.Time{}, err
	}
	renewed := issued.DelegationToken
	renewed.RenewBefore = earlier(time.UnixMilli(id.GetMaxDate()), now.Add(d.config.RenewInterval))
	if err := d.store.SaveToken(renewed); err != nil {
		return time.Time{}, fmt.Errorf("saving the renewed delegation token %d: %w", id.GetSequenceNumber(), err)
	}
	issued.DelegationToken = renewed
	return renewed.RenewBefore, nil
}

// Cancel ends a token at the word of its owner or renewer.
func (d *DelegationTokens) Cancel(t Token, caller string) error {
	id, err := ParseDelegationIdentifier(t.Identifier)
	if err != nil {
		return invalidToken("%v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if caller != id.GetOwner() && (id.GetRenewer() == "" || caller != id.GetRenewer()) {
		return accessControl("%s is not authorized to cancel the token (%s)", caller, describe(id))
	}
	if _, err := d.find(id, t); err != nil {
		return err
	}
	if err := d.store.DeleteToken(id.GetSequenceNumber()); err != nil {
		return fmt.Errorf("removing delegation token %d: %w", id.GetSequenceNumber(), err)
	}
	d.remove(id.GetSequenceNumber())
	return nil
}

// find is the issued token that t claims to be, its password checked.
func (d *DelegationTokens) find(id *yarnpb.YARNDelegationTokenIdentifierProto, t Token) (*issuedToken, error) {
	issued, ok := d.tokens[id.GetSequenceNumber()]
	if !ok || !bytes.Equal(issued.raw, t.Identifier) {
		return nil, invalidToken("token (%s) can't be found in cache", describe(id))
	}
	key, ok := d.keys[id.GetMasterKeyId()]
	if !ok {
		return nil, invalidToken("Unable to find master key for keyId=%d", id.GetMasterKeyId())
	}
	if !key.Signed(t.Identifier, t.Password) {
		return nil, accessControl("the password of token (%s) is wrong", describe(id))
	}
	return issued, nil
}

// Password is the password of a presented identifier with the user it stands for and, for a
// proxy user's token, the real user; for a server's SASL exchange.
func (d *DelegationTokens) Password(identifier []byte, now time.Time) (password []byte, owner, realUser string, err error) {
	id, err := ParseDelegationIdentifier(identifier)
	if err != nil {
		return nil, "", "", invalidToken("%v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	issued, ok := d.tokens[id.GetSequenceNumber()]
	if !ok || !bytes.Equal(issued.raw, identifier) {
		return nil, "", "", invalidToken("token (%s) can't be found in cache", describe(id))
	}
	if now.After(issued.RenewBefore) {
		return nil, "", "", invalidToken("token (%s) is expired, current time: %d expected renewal time: %d", describe(id), now.UnixMilli(), issued.RenewBefore.UnixMilli())
	}
	return issued.password, id.GetOwner(), id.GetRealUser(), nil
}

func describe(id *yarnpb.YARNDelegationTokenIdentifierProto) string {
	return fmt.Sprintf("%s owner=%s, renewer=%s, realUser=%s, issueDate=%d, maxDate=%d, sequenceNumber=%d, masterKeyId=%d",
		KindRMDelegation, id.GetOwner(), id.GetRenewer(), id.GetRealUser(), id.GetIssueDate(), id.GetMaxDate(), id.GetSequenceNumber(), id.GetMasterKeyId())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
