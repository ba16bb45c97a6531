package tokens

import (
	"context"
	"errors"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
	"heddle/yarn/wire"
)

var (
	begin   = time.UnixMilli(1_000_000)
	attempt = yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 7, ID: 3}, Attempt: 2}
	node    = yarn.NodeID{Host: "127.0.0.1", Port: 45454}
)

func minter(t *testing.T, save func(security.Keys) error, stored *security.Keys) *Minter {
	t.Helper()
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName})
	if err != nil {
		t.Fatal(err)
	}
	roll := Rolling{Interval: 100 * time.Second, Delay: 10 * time.Second}
	m, err := New(Config{AMRM: roll, NM: roll, Container: roll, ContainerExpiry: time.Minute, RMIdentifier: 42, UseIP: true, Types: types}, stored, save, begin)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func nowhere(security.Keys) error { return nil }

func TestTokensSayWhatTheyAreFor(t *testing.T) {
	m := minter(t, nowhere, nil)
	nm, err := m.NM(attempt, node, "alice")
	if err != nil {
		t.Fatal(err)
	}
	id, err := security.ParseNMIdentifier(nm.Identifier)
	if err != nil || wire.AttemptIDFrom(id.GetAppAttemptId()) != attempt || wire.NodeIDFrom(id.GetNodeId()) != node || id.GetAppSubmitter() != "alice" {
		t.Errorf("%v, %v", id, err)
	}
	if nm.Kind != security.KindNM || nm.Service != "127.0.0.1:45454" || !m.NMKeys().Current.Signed(nm.Identifier, nm.Password) || len(nm.Password) != 20 {
		t.Errorf("%+v", nm)
	}
	g := core.Grant{ID: yarn.ContainerID{Attempt: attempt, ID: 1<<yarn.EpochShift | 9}, Node: node, Resource: yarn.Resource{2048, 2, 1},
		Key: scheduler.AskKey{Priority: 5, AllocationID: -1}, Created: 11, User: "alice", AM: true}
	logs := &yarnpb.LogAggregationContextProto{IncludePattern: new("*.log")}
	c, err := m.Container(g, logs, begin)
	if err != nil {
		t.Fatal(err)
	}
	ci, err := security.ParseContainerIdentifier(c.Identifier)
	if err != nil {
		t.Fatal(err)
	}
	if wire.ContainerIDFrom(ci.GetContainerId()) != g.ID || ci.GetNmHostAddr() != "127.0.0.1:45454" || ci.GetExpiryTimeStamp() != begin.Add(time.Minute).UnixMilli() ||
		ci.GetRmIdentifier() != 42 || ci.GetPriority().GetPriority() != 5 || ci.GetAllocationRequestId() != -1 || ci.GetContainerType() != yarnpb.ContainerTypeProto_APPLICATION_MASTER ||
		ci.GetLogAggregationContext().GetIncludePattern() != "*.log" || ci.GetResource().GetMemory() != 2048 || len(ci.GetResource().GetResourceValueMap()) != 3 {
		t.Errorf("%v", ci)
	}
	if !m.ContainerKeys().Current.Signed(c.Identifier, c.Password) {
		t.Error("the container token is not signed with the current key")
	}
}

// A host that does not resolve does not hold a grant up.
func TestUnresolvableNode(t *testing.T) {
	tok, err := minter(t, nowhere, nil).NM(attempt, yarn.NodeID{Host: "No.Such.Host.Invalid", Port: 1}, "alice")
	if err != nil || tok.Service != "no.such.host.invalid:1" {
		t.Errorf("%+v, %v", tok, err)
	}
}

// Keys roll: a next key appears, is handed out, and becomes current after the delay. AMRM
// tokens are signed with the next key as soon as there is one; the old ones stay good until then.
func TestKeysRoll(t *testing.T) {
	var saved []security.Keys
	m := minter(t, func(k security.Keys) error { saved = append(saved, k); return nil }, nil)
	v := AMVerifier{Minter: m, Known: func(id yarn.AttemptID) bool { return id == attempt }}
	old, err := m.AMRM(attempt)
	if err != nil {
		t.Fatal(err)
	}
	good := func(tok security.Token) error {
		password, user, err := v.Password(context.Background(), tok.Identifier)
		if err == nil && (string(password) != string(tok.Password) || user != attempt.String()) {
			return errors.New("another password or user: " + user)
		}
		return err
	}
	if err := good(old); err != nil || len(saved) != 1 {
		t.Fatalf("%v, %d times saved", err, len(saved))
	}
	nmBefore := m.NMKeyID()
	tick := func(after time.Duration) {
		t.Helper()
		if err := m.Tick(begin.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	tick(99 * time.Second)
	if len(saved) != 1 || m.NMKeys().Next != nil {
		t.Error("the keys rolled too early")
	}
	tick(100 * time.Second)
	fresh, err := m.AMRM(attempt)
	if err != nil {
		t.Fatal(err)
	}
	if m.NMKeys().Next == nil || m.NMKeyID() != nmBefore || string(fresh.Identifier) == string(old.Identifier) || good(fresh) != nil || good(old) != nil || len(saved) != 2 || saved[1].Next == nil {
		t.Errorf("while the next key waits: NM key %d, fresh %v, old %v, saved %d times", m.NMKeyID(), good(fresh), good(old), len(saved))
	}
	tick(110 * time.Second)
	if m.NMKeyID() != nmBefore+1 || good(fresh) != nil || !rpc.IsClass(good(old), rpc.ClassInvalidToken) {
		t.Errorf("after the activation: NM key %d, fresh %v, old %v", m.NMKeyID(), good(fresh), good(old))
	}
	again := minter(t, nowhere, &saved[len(saved)-1]) // after a restart
	v.Minter = again
	if err := good(fresh); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestTokensThatAreNotGood(t *testing.T) {
	m := minter(t, nowhere, nil)
	v := AMVerifier{Minter: m, Known: func(yarn.AttemptID) bool { return false }}
	tok, err := m.AMRM(attempt)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Password(context.Background(), tok.Identifier); !rpc.IsClass(err, rpc.ClassInvalidToken) || err.Error() == "" {
		t.Errorf("an unknown attempt: %v", err)
	}
	if _, _, err := v.Password(context.Background(), []byte{0xff}); !rpc.IsClass(err, rpc.ClassInvalidToken) {
		t.Errorf("garbage: %v", err)
	}
}

// The rolling interval must leave room for the activation delay.
func TestIntervalsThatDoNotFit(t *testing.T) {
	bad := Rolling{Interval: time.Second, Delay: time.Second}
	if _, err := New(Config{AMRM: bad, NM: bad, Container: bad}, nil, nowhere, begin); err == nil {
		t.Error("accepted")
	}
}

// AMRM keys that could not be stored are an error at once: after a restart their tokens would be refused.
func TestKeysThatCannotBeStored(t *testing.T) {
	full := errors.New("disk full")
	roll := Rolling{Interval: 100 * time.Second, Delay: 10 * time.Second}
	if _, err := New(Config{AMRM: roll, NM: roll, Container: roll}, nil, func(security.Keys) error { return full }, begin); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

func BenchmarkContainerToken(b *testing.B) {
	types, err := yarn.NewResourceTypes()
	if err != nil {
		b.Fatal(err)
	}
	roll := Rolling{Interval: time.Hour, Delay: time.Minute}
	m, err := New(Config{AMRM: roll, NM: roll, Container: roll, UseIP: true, Types: types}, nil, nowhere, begin)
	if err != nil {
		b.Fatal(err)
	}
	g := core.Grant{ID: yarn.ContainerID{Attempt: attempt, ID: 9}, Node: node, Resource: yarn.NewResource(1024, 1), User: "alice"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Container(g, nil, begin); err != nil {
			b.Fatal(err)
		}
	}
}
