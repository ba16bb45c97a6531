package node

import (
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/yarn/wire"
)

// An AM can ask how far a container's resources are.
func TestLocalizationStatuses(t *testing.T) {
	b := Start(t, Options{})
	am := b.AM(t, "alice", 1)
	r := Resource(t, b.put(t, "data.bin", []byte("x"), 0o644), file, private)
	id := am.Start(t, Launch{Resources: map[string]*yarnpb.LocalResourceProto{"data": r}, Commands: []string{"sleep 300"}})
	am.Running(t, id)
	resp, err := am.GetLocalizationStatuses(t.Context(), &yarnpb.GetLocalizationStatusesRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
	if err != nil || len(resp.GetCntnLocalizationStatuses()) != 1 {
		t.Fatalf("%v, %v", resp, err)
	}
	list := resp.GetCntnLocalizationStatuses()[0].GetLocalizationStatuses()
	if len(list) != 1 || list[0].GetResourceKey() != "data" || list[0].GetLocalizationState() != yarnpb.LocalizationStateProto_L_COMPLETED {
		t.Errorf("%v", list)
	}
}

// hadoop-policy.xml says who may ask the node for containers, and from where.
func TestThePolicyHoldsForTheNode(t *testing.T) {
	for key, value := range map[string]string{"hosts": "10.9.8.7", "hosts.blocked": "127.0.0.1", "acl": "nobody"} {
		key = "security.containermanagement.protocol." + key
		for _, on := range []string{"false", "true"} {
			b := Start(t, Options{Site: map[string]string{"hadoop.security.authorization": on, key: value}})
			_, err := b.AM(t, "alice", 1).Try(t, Launch{Commands: []string{"true"}})
			if refused := rpc.IsClass(err, rpc.ClassAuthorization); refused != (on == "true") || err != nil && !refused {
				t.Errorf("%s=%s, authorization %s: %v", key, value, on, err)
			}
		}
	}
}
