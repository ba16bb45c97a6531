package tokens

import (
	"context"
	"errors"
	"time"

	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
)

// ClientVerifier checks the delegation tokens that clients log in with.
type ClientVerifier struct {
	Tokens *security.DelegationTokens
	Clock  func() time.Time
}

// Password implements rpc.TokenVerifier; the bearer acts as the token's owner.
func (v ClientVerifier) Password(_ context.Context, raw []byte) ([]byte, string, error) {
	password, owner, _, err := v.Tokens.Password(raw, v.Clock())
	var t *security.TokenError
	if errors.As(err, &t) {
		return nil, "", rpc.Exception(t.Class, "%s", t.Message)
	}
	return password, owner, err
}
