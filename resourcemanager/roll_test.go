package resourcemanager_test

import (
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
)

// A job that lives through a roll of every key: the node hears of the next keys by heartbeat,
// the AM gets one new AMRM token, and later containers come with tokens of the new keys and a
// new NMToken.
func TestKeysRollUnderARunningJob(t *testing.T) {
	r := start(t, map[string]string{
		"yarn.nm.liveness-monitor.expiry-interval-ms": "2000", "yarn.am.liveness-monitor.expiry-interval-ms": "2000", // the activation delay is one and a half of it
		"yarn.resourcemanager.nm-tokens.master-key-rolling-interval-secs": "7", "yarn.resourcemanager.container-tokens.master-key-rolling-interval-secs": "7",
		"yarn.resourcemanager.am-rm-tokens.master-key-rolling-interval-secs": "7",
	})
	n := r.node("127.0.0.1", 8192, nil)
	am, _ := r.master("alice", nil)
	am.register()
	first := am.allocate(0, anywhere(1, 1024))
	if len(first.GetNmTokens()) != 1 || first.AmRmToken != nil {
		t.Fatalf("first answer: %v", first)
	}
	containerKey, nmKey := n.reg.GetContainerTokenMasterKey(), n.reg.GetNmTokenMasterKey()
	var fresh []*yarnpb.AllocateResponseProto
	last := first.GetResponseId()
	both := func() bool {
		return containerKey != n.reg.ContainerTokenMasterKey && nmKey != n.reg.NmTokenMasterKey && len(fresh) > 0
	}
	await(t, "the next keys", func() bool {
		b := n.beat()
		if k := b.GetContainerTokenMasterKey(); k != nil {
			n.reg.ContainerTokenMasterKey = k
		}
		if k := b.GetNmTokenMasterKey(); k != nil {
			n.reg.NmTokenMasterKey = k
		}
		a := am.allocate(last)
		last = a.GetResponseId()
		if a.AmRmToken != nil {
			fresh = append(fresh, a)
		}
		time.Sleep(30 * time.Millisecond)
		return both()
	})
	if n.reg.GetContainerTokenMasterKey().GetKeyId() != containerKey.GetKeyId()+1 || n.reg.GetNmTokenMasterKey().GetKeyId() != nmKey.GetKeyId()+1 {
		t.Errorf("keys %v, %v after %v, %v", n.reg.GetContainerTokenMasterKey(), n.reg.GetNmTokenMasterKey(), containerKey, nmKey)
	}
	// The new token logs in while the old connection still works.
	token := fresh[0].GetAmRmToken()
	second := r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, Token: &rpc.ClientToken{Identifier: token.GetIdentifier(), Password: token.GetPassword()}})
	var granted *yarnpb.AllocateResponseProto
	await(t, "a container of the new keys", func() bool {
		n.beat()
		a := second.allocate(last, anywhere(1, 1024))
		last = a.GetResponseId()
		if a.AmRmToken != nil {
			t.Error("a second AMRM token was sent in one roll")
		}
		time.Sleep(30 * time.Millisecond)
		if len(a.GetAllocatedContainers()) == 0 {
			return false
		}
		id, err := security.ParseContainerIdentifier(a.GetAllocatedContainers()[0].GetContainerToken().GetIdentifier())
		if err != nil {
			t.Fatal(err)
		}
		granted = a
		if id.GetMasterKeyId() == n.reg.GetContainerTokenMasterKey().GetKeyId() {
			return true
		}
		release := call[yarnpb.AllocateResponseProto](second, "allocate", &yarnpb.AllocateRequestProto{ResponseId: &last, Release: []*yarnpb.ContainerIdProto{a.GetAllocatedContainers()[0].GetId()}})
		last = release.GetResponseId()
		return false
	})
	raw := granted.GetAllocatedContainers()[0].GetContainerToken()
	if key := security.MasterKeyFromProto(n.reg.GetContainerTokenMasterKey()); !key.Signed(raw.GetIdentifier(), raw.GetPassword()) {
		t.Error("the container's token is not signed with the key that the node has")
	}
	if len(granted.GetNmTokens()) != 1 {
		t.Errorf("%d NMTokens came with the first container after the roll, want 1", len(granted.GetNmTokens()))
	} else if id, err := security.ParseNMIdentifier(granted.GetNmTokens()[0].GetToken().GetIdentifier()); err != nil || id.GetKeyId() != n.reg.GetNmTokenMasterKey().GetKeyId() {
		t.Errorf("NMToken %v, %v", id, err)
	}
}

// hadoop.rpc.protection=privacy: who logs in with a token must encrypt; the port's other
// qualities are refused.
func TestPrivacy(t *testing.T) {
	r := start(t, map[string]string{"hadoop.rpc.protection": "privacy"})
	alice := r.client("alice")
	id := alice.submit(unmanaged)
	var token *rpc.ClientToken
	await(t, "the AMRM token", func() bool {
		p := alice.report(id).GetAmRmToken()
		token = &rpc.ClientToken{Identifier: p.GetIdentifier(), Password: p.GetPassword()}
		return p != nil
	})
	plain := r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, Token: token})
	plain.fails("registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{}, &yarnpb.RegisterApplicationMasterResponseProto{})
	private := r.dial(rpc.ClientConfig{Address: r.Addresses.Scheduler, Protocol: masterProtocol, Token: token, QOP: []string{"auth-conf"}})
	private.register()
	private.allocate(0)
}
