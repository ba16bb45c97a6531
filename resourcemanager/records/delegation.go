package records

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/store"
)

const (
	delegationRoot = "RMDTSecretManagerRoot/"
	keyPrefix      = delegationRoot + "DelegationKey_"
	tokenPrefix    = delegationRoot + "RMDelegationToken_"
	sequenceKey    = delegationRoot + "RMDTSequenceNumber"
)

// Delegation is a security.DelegationStore on the state store; without one nothing is kept.
type Delegation struct{ Store store.Store }

func (d Delegation) apply(ops ...store.Op) error {
	if d.Store == nil {
		return nil
	}
	return d.Store.Apply(ops)
}

// SaveKey implements security.DelegationStore.
func (d Delegation) SaveKey(k security.DelegationKey) error {
	return d.apply(store.Op{Key: keyPrefix + strconv.Itoa(int(k.ID)), Value: k.AppendWritable(nil)})
}

// DeleteKey implements security.DelegationStore.
func (d Delegation) DeleteKey(id int32) error {
	return d.apply(store.Op{Key: keyPrefix + strconv.Itoa(int(id))})
}

// SaveToken implements security.DelegationStore.
func (d Delegation) SaveToken(t security.DelegationToken) error {
	b, err := proto.Marshal(&yarnpb.RMDelegationTokenIdentifierDataProto{TokenIdentifier: t.Identifier, RenewDate: new(t.RenewBefore.UnixMilli())})
	if err != nil {
		return fmt.Errorf("encode a delegation token: %w", err)
	}
	n := strconv.Itoa(int(t.Identifier.GetSequenceNumber()))
	return d.apply(store.Op{Key: tokenPrefix + n, Value: b}, store.Op{Key: sequenceKey, Value: []byte(n)})
}

// DeleteToken implements security.DelegationStore.
func (d Delegation) DeleteToken(sequence int32) error {
	return d.apply(store.Op{Key: tokenPrefix + strconv.Itoa(int(sequence))})
}

// Load reads the keys, the tokens and the highest sequence number.
func (d Delegation) Load() (keys []security.DelegationKey, tokens []security.DelegationToken, sequence int32, err error) {
	if d.Store == nil {
		return nil, nil, 0, nil
	}
	err = d.Store.Load(delegationRoot, func(key string, v []byte) error {
		switch {
		case strings.HasPrefix(key, keyPrefix):
			k, err := security.ParseDelegationKey(v)
			if err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			keys = append(keys, k)
		case strings.HasPrefix(key, tokenPrefix):
			var p yarnpb.RMDelegationTokenIdentifierDataProto
			if err := proto.Unmarshal(v, &p); err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			sequence = max(sequence, p.GetTokenIdentifier().GetSequenceNumber())
			tokens = append(tokens, security.DelegationToken{Identifier: p.GetTokenIdentifier(), RenewBefore: time.UnixMilli(p.GetRenewDate())})
		case key == sequenceKey:
			n, err := strconv.ParseInt(string(v), 10, 32)
			if err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			sequence = max(sequence, int32(n))
		}
		return nil
	})
	return keys, tokens, sequence, err
}
