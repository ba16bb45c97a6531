package security

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
)

// MasterKeyBytes is the length of a generated key: Hadoop's default of 64 bits.
const MasterKeyBytes = 8

// MasterKey signs tokens. Keys are values: nothing changes Bytes.
type MasterKey struct {
	ID    int32
	Bytes []byte
}

// Password is the HMAC-SHA1 of identifier, which every Hadoop from 2.10 to 3.5 uses by default.
func (k MasterKey) Password(identifier []byte) []byte {
	mac := hmac.New(sha1.New, k.Bytes)
	mac.Write(identifier)
	return mac.Sum(nil)
}

// Signed reports whether password proves identifier, in constant time.
func (k MasterKey) Signed(identifier, password []byte) bool {
	return subtle.ConstantTimeCompare(k.Password(identifier), password) == 1
}

// Token is identifier signed with the key.
func (k MasterKey) Token(kind, service string, identifier []byte) Token {
	return Token{Identifier: identifier, Password: k.Password(identifier), Kind: kind, Service: service}
}

// Proto is the key as it travels from ResourceManager to NodeManager.
func (k MasterKey) Proto() *yarnpb.MasterKeyProto {
	return &yarnpb.MasterKeyProto{KeyId: proto.Int32(k.ID), Bytes: k.Bytes}
}

// MasterKeyFromProto is the key in a message; it shares memory with p.
func MasterKeyFromProto(p *yarnpb.MasterKeyProto) MasterKey {
	return MasterKey{ID: p.GetKeyId(), Bytes: p.GetBytes()}
}

// NewMasterKey makes a key of MasterKeyBytes from random.
func NewMasterKey(id int32, random io.Reader) (MasterKey, error) {
	b := make([]byte, MasterKeyBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return MasterKey{}, fmt.Errorf("making a master key: %w", err)
	}
	return MasterKey{ID: id, Bytes: b}, nil
}

// Keys are the live keys of a ring at one moment; they never change.
type Keys struct {
	Current MasterKey
	Next    *MasterKey // made, handed out to the verifiers, not yet current
}

// Find is the key with the given id.
func (k *Keys) Find(id int32) (MasterKey, bool) {
	if k.Current.ID == id {
		return k.Current, true
	}
	if k.Next != nil && k.Next.ID == id {
		return *k.Next, true
	}
	return MasterKey{}, false
}

// Newest is Next where there is one, else Current. AMRM tokens are signed with it.
func (k *Keys) Newest() MasterKey {
	if k.Next != nil {
		return *k.Next
	}
	return k.Current
}

// KeyRing rolls the keys of one kind of token. Every interval a next key appears; after the
// activation delay, in which all verifiers hear of it, it becomes current. Tick is
// called by one owner; Keys may be read from anywhere.
type KeyRing struct {
	interval   time.Duration
	delay      time.Duration
	random     io.Reader
	rollAt     time.Time
	activateAt time.Time
	keys       atomic.Pointer[Keys]
}

// NewKeyRing makes a ring with a first current key of random id. As in Hadoop the interval
// must be more than twice the delay.
func NewKeyRing(interval, delay time.Duration, random io.Reader, now time.Time) (*KeyRing, error) {
	var id [4]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return nil, fmt.Errorf("making a key ring: %w", err)
	}
	first, err := NewMasterKey(int32(binary.BigEndian.Uint32(id[:])), random)
	if err != nil {
		return nil, err
	}
	return RestoreKeyRing(Keys{Current: first}, interval, delay, random, now)
}

// RestoreKeyRing goes on with stored keys: a stored next key is activated after another full delay.
func RestoreKeyRing(keys Keys, interval, delay time.Duration, random io.Reader, now time.Time) (*KeyRing, error) {
	if interval <= 2*delay {
		return nil, fmt.Errorf("the key rolling interval %s must be more than twice the activation delay %s; raise the interval or lower the liveness expiry that the delay follows", interval, delay)
	}
	r := &KeyRing{interval: interval, delay: delay, random: random, rollAt: now.Add(interval)}
	if keys.Next != nil {
		r.activateAt = now.Add(delay)
	}
	r.keys.Store(&keys)
	return r, nil
}

// Keys are the live keys.
func (r *KeyRing) Keys() *Keys { return r.keys.Load() }

// Tick makes or activates a key when its time has come and reports whether keys changed;
// call it at least a few times per activation delay.
func (r *KeyRing) Tick(now time.Time) (changed bool, err error) {
	keys := *r.keys.Load()
	if keys.Next != nil && !now.Before(r.activateAt) {
		keys = Keys{Current: *keys.Next}
		changed = true
	}
	if keys.Next == nil && !now.Before(r.rollAt) {
		next, err := NewMasterKey(keys.Current.ID+1, r.random)
		if err != nil {
			return false, err
		}
		keys.Next = &next
		r.rollAt, r.activateAt = now.Add(r.interval), now.Add(r.delay)
		changed = true
	}
	if changed {
		r.keys.Store(&keys)
	}
	return changed, nil
}

// ReceivedKeys are a NodeManager's view of a ResourceManager's ring: the current key and the one before.
// Set is called by one owner; reads may come from anywhere.
type ReceivedKeys struct {
	keys atomic.Pointer[[2]MasterKey]
}

// Set takes a key from a register or heartbeat reply. The same key again changes nothing; another
// ResourceManager may use the same id for another key.
func (r *ReceivedKeys) Set(k MasterKey) {
	old := r.keys.Load()
	if old == nil {
		r.keys.Store(&[2]MasterKey{k, {}})
		return
	}
	if old[0].ID != k.ID || !bytes.Equal(old[0].Bytes, k.Bytes) {
		r.keys.Store(&[2]MasterKey{k, old[0]})
	}
}

// Reset forgets what was received, for a register at another ResourceManager life, and takes k.
func (r *ReceivedKeys) Reset(k MasterKey) { r.keys.Store(&[2]MasterKey{k, {}}) }

// Current is the newest key; ok is false before the first Set.
func (r *ReceivedKeys) Current() (k MasterKey, ok bool) {
	if keys := r.keys.Load(); keys != nil {
		return keys[0], true
	}
	return MasterKey{}, false
}

// Find is the current or previous key with the given id.
func (r *ReceivedKeys) Find(id int32) (MasterKey, bool) {
	keys := r.keys.Load()
	if keys == nil {
		return MasterKey{}, false
	}
	for _, k := range keys {
		if k.ID == id && k.Bytes != nil {
			return k, true
		}
	}
	return MasterKey{}, false
}
