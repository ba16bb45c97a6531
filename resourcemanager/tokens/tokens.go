// Package tokens mints and checks the ResourceManager's tokens.
//
// Tokens are made where they are pulled, on the caller's goroutine, from an immutable
// snapshot of the keys; the core does no cryptography.
package tokens

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Config says how keys roll and how addresses are written into tokens.
type Config struct {
	AMRM, NM, Container Rolling
	ContainerExpiry     time.Duration // how long a granted container may be started
	RMIdentifier        int64         // the cluster timestamp
	UseIP               bool          // hadoop.security.token.service.use_ip
	Types               *yarn.ResourceTypes
}

// Rolling is how often a key is replaced and how long its successor waits to be used.
type Rolling struct{ Interval, Delay time.Duration }

// Minter makes tokens and checks those that AMs present.
type Minter struct {
	cfg       Config
	amrm      *security.KeyRing
	nm        *security.KeyRing
	container *security.KeyRing
	saveAMRM  func(security.Keys) error
	services  sync.Map // yarn.NodeID -> resolved
}

// New makes fresh keys; stored, if not nil, are the AMRM keys of an earlier start.
// saveAMRM makes changed AMRM keys durable before they are used.
func New(cfg Config, stored *security.Keys, saveAMRM func(security.Keys) error, now time.Time) (*Minter, error) {
	m := &Minter{cfg: cfg, saveAMRM: saveAMRM}
	var err error
	ring := func(what string, r Rolling) *security.KeyRing {
		k, e := security.NewKeyRing(r.Interval, r.Delay, rand.Reader, now)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s keys: %w", what, e))
		}
		return k
	}
	m.nm, m.container = ring("NMToken", cfg.NM), ring("container-token", cfg.Container)
	if stored != nil {
		k, e := security.RestoreKeyRing(*stored, cfg.AMRM.Interval, cfg.AMRM.Delay, rand.Reader, now)
		m.amrm, err = k, errors.Join(err, e)
	} else {
		m.amrm = ring("AMRM", cfg.AMRM)
	}
	if err != nil {
		return nil, err
	}
	return m, saveAMRM(*m.amrm.Keys())
}

// Tick rolls keys whose time has come. One goroutine calls it, a few times a second.
func (m *Minter) Tick(now time.Time) error {
	changed, err := m.amrm.Tick(now)
	if changed {
		err = errors.Join(err, m.saveAMRM(*m.amrm.Keys()))
	}
	_, e := m.nm.Tick(now)
	err = errors.Join(err, e)
	_, e = m.container.Tick(now)
	return errors.Join(err, e)
}

// ContainerKeys and NMKeys are the keys that NodeManagers check tokens with.
func (m *Minter) ContainerKeys() *security.Keys { return m.container.Keys() }

// NMKeys are the keys of NMTokens.
func (m *Minter) NMKeys() *security.Keys { return m.nm.Keys() }

// AMRMKeyID is the id of the key that new AMRM tokens are signed with.
func (m *Minter) AMRMKeyID() int32 { return m.amrm.Keys().Newest().ID }

// AMRM makes an attempt's token. It is signed with the next key as soon as there is one.
func (m *Minter) AMRM(id yarn.AttemptID) (security.Token, error) {
	key := m.amrm.Keys().Newest()
	raw, err := security.MarshalIdentifier(&yarnpb.AMRMTokenIdentifierProto{AppAttemptId: wire.AttemptID(id), KeyId: new(key.ID)})
	if err != nil {
		return security.Token{}, err
	}
	return key.Token(security.KindAMRM, "", raw), nil
}

// NM makes the token with which an attempt may talk to a node.
func (m *Minter) NM(id yarn.AttemptID, node yarn.NodeID, submitter string) (security.Token, error) {
	key := m.nm.Keys().Current
	raw, err := security.MarshalIdentifier(&yarnpb.NMTokenIdentifierProto{AppAttemptId: wire.AttemptID(id), NodeId: wire.NodeID(node),
		AppSubmitter: new(submitter), KeyId: new(key.ID)})
	if err != nil {
		return security.Token{}, err
	}
	return key.Token(security.KindNM, m.service(node), raw), nil
}

// NMKeyID is the key that NMTokens are signed with now; tokens of another must be sent again.
func (m *Minter) NMKeyID() int32 { return m.nm.Keys().Current.ID }

// Container makes the token with which a granted container may be started.
func (m *Minter) Container(g core.Grant, logAggregation *yarnpb.LogAggregationContextProto, now time.Time) (security.Token, error) {
	key := m.container.Keys().Current
	kind := yarnpb.ContainerTypeProto_TASK
	if g.AM {
		kind = yarnpb.ContainerTypeProto_APPLICATION_MASTER
	}
	raw, err := security.MarshalIdentifier(&yarnpb.ContainerTokenIdentifierProto{
		ContainerId: wire.ContainerID(g.ID), NmHostAddr: new(g.Node.String()), AppSubmitter: new(g.User),
		Resource: wire.Resource(g.Resource, m.cfg.Types), ExpiryTimeStamp: new(now.Add(m.cfg.ContainerExpiry).UnixMilli()),
		MasterKeyId: new(key.ID), RmIdentifier: new(m.cfg.RMIdentifier), Priority: wire.Priority(g.Key.Priority),
		CreationTime: new(g.Created), LogAggregationContext: logAggregation, NodeLabelExpression: new(""),
		ContainerType: kind.Enum(), ExecutionType: yarnpb.ExecutionTypeProto_GUARANTEED.Enum(), Version: new(g.Version),
		AllocationRequestId: new(g.Key.AllocationID),
	})
	if err != nil {
		return security.Token{}, err
	}
	return key.Token(security.KindContainer, m.service(g.Node), raw), nil
}

// service is the address that a token is for: "ip:port" unless the configuration wants names.
// A host that does not resolve is written as it is.
func (m *Minter) service(node yarn.NodeID) string {
	now := time.Now()
	if v, ok := m.services.Load(node); ok && now.Before(v.(resolved).until) {
		return v.(resolved).text
	}
	text, err := security.ServiceText(node.Host, node.Port, m.cfg.UseIP, net.LookupIP)
	if err != nil {
		text = strings.ToLower(node.String())
	}
	m.services.Store(node, resolved{text, now.Add(resolveAgain)})
	return text
}

// resolved is a node's address, kept so that a grant does not wait for a name server.
type resolved struct {
	text  string
	until time.Time
}

const resolveAgain = time.Minute

// AMVerifier checks the AMRM tokens that AMs log in with.
type AMVerifier struct {
	Minter *Minter
	// Known reports whether an attempt is expected to call.
	Known func(yarn.AttemptID) bool
}

// Password implements rpc.TokenVerifier; the user of an AM's connection is its attempt.
func (v AMVerifier) Password(_ context.Context, raw []byte) ([]byte, string, error) {
	id, err := security.ParseAMRMIdentifier(raw)
	if err != nil {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken, "%v", err)
	}
	attempt := wire.AttemptIDFrom(id.GetAppAttemptId())
	if !v.Known(attempt) {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken, "%s not found in AMRMTokenSecretManager.", attempt)
	}
	key, ok := v.Minter.amrm.Keys().Find(id.GetKeyId())
	if !ok {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken, "Invalid AMRMToken from %s", attempt)
	}
	return key.Password(raw), attempt.String(), nil
}
