//go:build interop

package cluster

import (
	"context"
	"fmt"

	"heddle/hadoop/security"
)

// NMTokens checks NM tokens for a played NodeManager, as a real one does, with the keys that the ResourceManager gave it.
type NMTokens struct{ security.ReceivedKeys }

// Password implements rpc.TokenVerifier.
func (k *NMTokens) Password(_ context.Context, identifier []byte) ([]byte, string, error) {
	id, err := security.ParseNMIdentifier(identifier)
	if err != nil {
		return nil, "", err
	}
	key, ok := k.Find(id.GetKeyId())
	if !ok {
		return nil, "", fmt.Errorf("unknown NM token key %d", id.GetKeyId())
	}
	return key.Password(identifier), "attempt", nil
}
