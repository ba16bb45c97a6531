package security

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"
)

// memoryStore keeps what is saved, and can fail.
type memoryStore struct {
	keys   map[int32]DelegationKey
	tokens map[int32]DelegationToken
	err    error
}

func (s *memoryStore) SaveKey(k DelegationKey) error { s.keys[k.ID] = k; return s.err }
func (s *memoryStore) DeleteKey(id int32) error      { delete(s.keys, id); return s.err }
func (s *memoryStore) SaveToken(t DelegationToken) error {
	if s.err == nil {
		s.tokens[t.Identifier.GetSequenceNumber()] = t
	}
	return s.err
}
func (s *memoryStore) DeleteToken(n int32) error { delete(s.tokens, n); return s.err }

var week = DelegationConfig{KeyUpdateInterval: 24 * time.Hour, RenewInterval: 24 * time.Hour, MaxLifetime: 7 * 24 * time.Hour}

func newTokens(t *testing.T) (*DelegationTokens, *memoryStore) {
	t.Helper()
	s := &memoryStore{keys: map[int32]DelegationKey{}, tokens: map[int32]DelegationToken{}}
	d, err := NewDelegationTokens(week, s, rand.Reader, nil, nil, 0, start)
	if err != nil {
		t.Fatal(err)
	}
	return d, s
}

func TestADelegationTokenLivesAsLongAsItIsRenewed(t *testing.T) {
	d, _ := newTokens(t)
	tok, err := d.Issue("alice", "yarn/host@REALM", "", start)
	if err != nil {
		t.Fatal(err)
	}
	at := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	if pw, owner, _, err := d.Password(tok.Identifier, at(24)); err != nil || owner != "alice" || string(pw) != string(tok.Password) {
		t.Errorf("%s, %v", owner, err)
	}
	if _, _, _, err := d.Password(tok.Identifier, at(25)); !isClass(err, ClassInvalidToken) || !strings.Contains(err.Error(), "is expired") {
		t.Errorf("after its renewal time: %v", err)
	}
	if until, err := d.Renew(tok, "yarn", at(23)); err != nil || !until.Equal(at(47)) {
		t.Errorf("renewed until %v, %v", until, err)
	}
	if until, err := d.Renew(tok, "yarn", at(160)); err != nil || !until.Equal(at(168)) {
		t.Errorf("not renewed beyond its life: %v, %v", until, err)
	}
	if _, err := d.Renew(tok, "yarn", at(169)); !isClass(err, ClassInvalidToken) {
		t.Errorf("after its life: %v", err)
	}
}

func isClass(err error, class string) bool {
	var e *TokenError
	return errors.As(err, &e) && e.Class == class
}

func TestOnlyTheRenewerRenewsAndOnlyOwnerOrRenewerCancels(t *testing.T) {
	d, s := newTokens(t)
	tok, err := d.Issue("alice", "yarn", "oozie", start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Renew(tok, "alice", start); !isClass(err, ClassAccessControl) {
		t.Errorf("the owner renewed: %v", err)
	}
	if err := d.Cancel(tok, "mallory"); !isClass(err, ClassAccessControl) {
		t.Errorf("a stranger cancelled: %v", err)
	}
	forged := tok
	forged.Password = []byte("guess")
	if err := d.Cancel(forged, "alice"); !isClass(err, ClassAccessControl) {
		t.Errorf("a wrong password cancelled: %v", err)
	}
	if _, _, real, err := d.Password(tok.Identifier, start); err != nil || real != "oozie" {
		t.Errorf("real user %q, %v", real, err)
	}
	if err := d.Cancel(tok, "yarn"); err != nil || len(s.tokens) != 0 {
		t.Errorf("%v, %d stored", err, len(s.tokens))
	}
	if _, _, _, err := d.Password(tok.Identifier, start); !isClass(err, ClassInvalidToken) {
		t.Errorf("cancelled, but still good: %v", err)
	}
	if err := d.Cancel(tok, "yarn"); !isClass(err, ClassInvalidToken) {
		t.Errorf("cancelled twice: %v", err)
	}
}

func TestKeysAndTokensSurviveARestartAndExpire(t *testing.T) {
	d, s := newTokens(t)
	tok, err := d.Issue("alice", "yarn", "", start)
	if err != nil {
		t.Fatal(err)
	}
	var keys []DelegationKey
	for _, k := range s.keys {
		keys = append(keys, k)
	}
	again, err := NewDelegationTokens(week, s, rand.Reader, keys, []DelegationToken{s.tokens[1]}, 1, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, owner, _, err := again.Password(tok.Identifier, start.Add(time.Hour)); err != nil || owner != "alice" {
		t.Errorf("%s, %v", owner, err)
	}
	second, err := again.Issue("bob", "yarn", "", start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := ParseDelegationIdentifier(second.Identifier); id.GetSequenceNumber() != 2 || id.GetMasterKeyId() != 2 {
		t.Errorf("%v", id)
	}
	if err := again.Tick(start.Add(9 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, old := s.keys[1]; old || len(s.tokens) != 0 || len(s.keys) != 2 {
		t.Errorf("%d tokens and keys %v are left", len(s.tokens), s.keys)
	}
	id, err := ParseDelegationIdentifier(tok.Identifier)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewDelegationTokens(week, s, rand.Reader, nil, []DelegationToken{{Identifier: id, RenewBefore: start}}, 1, start); err == nil {
		t.Error("a token whose key is lost was restored")
	}
}

func TestAFailingStoreIssuesNothing(t *testing.T) {
	d, s := newTokens(t)
	s.err = errors.New("disk full")
	if tok, err := d.Issue("alice", "yarn", "", start); err == nil || tok.Identifier != nil {
		t.Errorf("%v, %v", tok, err)
	}
	s.err = nil
	tok, err := d.Issue("alice", "yarn", "", start)
	if id, _ := ParseDelegationIdentifier(tok.Identifier); err != nil || id.GetSequenceNumber() != 1 {
		t.Errorf("sequence %d, %v", id.GetSequenceNumber(), err)
	}
}

func TestNobodyGetsTokensWithoutEnd(t *testing.T) {
	d, _ := newTokens(t)
	for _, names := range [][3]string{{strings.Repeat("a", maxTokenName+1), "r", ""}, {"a", strings.Repeat("r", maxTokenName+1), ""}, {"a", "r", strings.Repeat("u", maxTokenName+1)}} {
		if _, err := d.Issue(names[0], names[1], names[2], start); !isClass(err, ClassAccessControl) {
			t.Errorf("a name of %d characters: %v", maxTokenName+1, err)
		}
	}
	var last Token
	for i := range maxTokensOfOne {
		tok, err := d.Issue("mallory", "mallory", "", start)
		if err != nil {
			t.Fatalf("token %d: %v", i, err)
		}
		last = tok
	}
	if _, err := d.Issue("mallory", "mallory", "", start); !isClass(err, ClassAccessControl) || !strings.Contains(err.Error(), "cancel some") {
		t.Errorf("one more than allowed: %v", err)
	}
	if _, err := d.Issue("alice", "alice", "", start); err != nil {
		t.Errorf("another owner: %v", err)
	}
	if err := d.Cancel(last, "mallory"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Issue("mallory", "mallory", "", start); err != nil {
		t.Errorf("after a cancellation: %v", err)
	}
	if err := d.Tick(start.Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(d.tokens) != 0 || len(d.owned) != 0 {
		t.Errorf("%d tokens and %d owners are left after all expired", len(d.tokens), len(d.owned))
	}
}
