package node

import (
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
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
