package tokens

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/yarn"
	"heddle/yarn/wire"
)

var (
	attempt = yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 9, ID: 1}, Attempt: 1}
	node    = yarn.NodeID{Host: "Host.x", Port: 8041}
	key     = func(n int32) security.MasterKey {
		return security.MasterKey{ID: n, Bytes: []byte{1, 2, 3, 4, 5, 6, 7, byte(n)}}
	}
)

func here() yarn.NodeID { return node }

func nmToken(t *testing.T, k security.MasterKey, n yarn.NodeID) (*yarnpb.NMTokenIdentifierProto, []byte) {
	id := &yarnpb.NMTokenIdentifierProto{AppAttemptId: wire.AttemptID(attempt), NodeId: wire.NodeID(n), AppSubmitter: proto.String("alice"), KeyId: &k.ID}
	raw, err := security.MarshalIdentifier(id)
	if err != nil {
		t.Fatal(err)
	}
	return id, raw
}

func TestAnNMTokenOfAStartedAttemptOutlivesItsKeyForStopAndStatus(t *testing.T) {
	n := &NM{Node: here}
	n.Keys.Set(key(1))
	id, raw := nmToken(t, key(1), node)
	if err := n.Started(id); err != nil {
		t.Fatal(err)
	}
	n.Keys.Set(key(2))
	n.Keys.Set(key(3))
	if pw, user, err := n.Password(t.Context(), raw); err != nil || user != attempt.String() || string(pw) != string(key(1).Password(raw)) {
		t.Errorf("%x, %s, %v", pw, user, err)
	}
	if err := n.Started(id); !rpc.IsClass(err, rpc.ClassInvalidToken) {
		t.Errorf("a start with a key of two rolls ago: %v", err)
	}
	n.Forget(attempt.Application)
	if _, _, err := n.Password(t.Context(), raw); !rpc.IsClass(err, rpc.ClassInvalidToken) {
		t.Errorf("after the application ended: %v", err)
	}
}

func TestNMTokensOfOthersAreRefused(t *testing.T) {
	n := &NM{Node: here}
	n.Keys.Set(key(1))
	_, other := nmToken(t, key(1), yarn.NodeID{Host: "elsewhere", Port: 8041})
	_, unknown := nmToken(t, key(7), node)
	for _, raw := range [][]byte{other, unknown, []byte("garbage")} {
		if _, _, err := n.Password(t.Context(), raw); !rpc.IsClass(err, rpc.ClassInvalidToken) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	_, lower := nmToken(t, key(1), yarn.NodeID{Host: "host.X", Port: 8041})
	if _, _, err := n.Password(t.Context(), lower); err != nil {
		t.Errorf("names compare without case: %v", err)
	}
}

func TestAContainerTokenStartsOnce(t *testing.T) {
	c := &Containers{Node: here}
	c.Keys.Set(key(5))
	now := time.UnixMilli(1_000_000)
	cid := yarn.ContainerID{Attempt: attempt, ID: 2}
	id := &yarnpb.ContainerTokenIdentifierProto{ContainerId: wire.ContainerID(cid), NmHostAddr: proto.String(node.String()),
		AppSubmitter: proto.String("alice"), Resource: &yarnpb.ResourceProto{}, RmIdentifier: proto.Int64(1), MasterKeyId: proto.Int32(5), ExpiryTimeStamp: proto.Int64(now.UnixMilli() + 10)}
	raw, err := security.MarshalIdentifier(id)
	if err != nil {
		t.Fatal(err)
	}
	token := key(5).Token(security.KindContainer, "", append(raw, 0xa0, 0x06, 1)) // an unknown field: the received bytes count
	got, err := c.Verify(token)
	if err != nil || wire.ContainerIDFrom(got.GetContainerId()) != cid {
		t.Fatal(err)
	}
	if err := c.Claim(got, now); err != nil {
		t.Fatal(err)
	}
	if err := c.Claim(got, now); err == nil || !strings.Contains(err.Error(), "Attempt to relaunch the same container with id "+cid.String()) {
		t.Errorf("%v", err)
	}
	if err := c.Claim(got, now.Add(time.Second)); err == nil || !strings.Contains(err.Error(), "This token is expired. current time is 1001000 found 1000010") {
		t.Errorf("%v", err)
	}
	token.Password[0]++
	if _, err := c.Verify(token); !rpc.IsClass(err, rpc.ClassInvalidToken) {
		t.Errorf("a forged token: %v", err)
	}
	if err := SameApplication(yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 9, ID: 2}, Attempt: 1}, cid); err == nil {
		t.Error("a container of another application was allowed")
	}
}
