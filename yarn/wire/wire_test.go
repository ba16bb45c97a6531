package wire

import (
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
)

func TestIDsRoundTrip(t *testing.T) {
	c := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 9, ID: 3}, Attempt: 2}, ID: 1<<yarn.EpochShift | 7}
	if got := ContainerIDFrom(ContainerID(c)); got != c {
		t.Errorf("%v", got)
	}
	if p := ContainerID(c); p.AppId != nil {
		t.Error("app_id must stay unset")
	}
	n := yarn.NodeID{Host: "h", Port: 5}
	if got := NodeIDFrom(NodeID(n)); got != n {
		t.Errorf("%v", got)
	}
}

func TestResourcesRoundTripAndConvertUnits(t *testing.T) {
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName}, yarn.ResourceType{Name: "disk", Unit: "Gi"})
	if err != nil {
		t.Fatal(err)
	}
	r := yarn.Resource{1024, 2, 3, 4}
	if got, err := ResourceFrom(Resource(r, types), types); err != nil || got != r {
		t.Errorf("%v, %v", got, err)
	}
	p := &yarnpb.ResourceProto{ResourceValueMap: []*yarnpb.ResourceInformationProto{{Key: new("disk"), Value: new(int64(2)), Units: new("Ti")}}}
	if got, err := ResourceFrom(p, types); err != nil || got[3] != 2048 {
		t.Errorf("%v, %v", got, err)
	}
	p.ResourceValueMap[0].Key = new("fpga")
	if _, err := ResourceFrom(p, types); err == nil || !strings.Contains(err.Error(), "fpga") {
		t.Errorf("%v", err)
	}
}

func BenchmarkResource(b *testing.B) {
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName})
	if err != nil {
		b.Fatal(err)
	}
	r := yarn.Resource{1024, 2, 1}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := ResourceFrom(Resource(r, types), types); err != nil || got != r {
			b.Fatal(got, err)
		}
	}
}
