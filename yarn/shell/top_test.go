package shell

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/wire"
)

func TestTopShowsApplicationsByTheirContainers(t *testing.T) {
	id, err := yarn.ParseApplicationID(running)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1700000000000)
	line := topLine(&yarnpb.ApplicationReportProto{ApplicationId: wire.AppID(id), User: proto.String("alice"), Name: proto.String("sort"), Queue: proto.String("root.a"), ApplicationType: proto.String("SPARK"),
		StartTime: proto.Int64(now.Add(-25 * time.Hour).UnixMilli()), Progress: proto.Float32(0.5), AppResource_Usage: &yarnpb.ApplicationResourceUsageReportProto{NumUsedContainers: proto.Int32(3),
			NumReservedContainers: proto.Int32(-1), UsedResources: &yarnpb.ResourceProto{Memory: proto.Int64(4096), VirtualCores: proto.Int32(5)}, MemorySeconds: proto.Int64(2048), VcoreSeconds: proto.Int64(7)}}, now)
	if got := strings.Fields(line); strings.Join(got, " ") != running+" alice spark root.a 0 3 0 5 0 4G 0G 7 2 50.00 1:01:00 sort" {
		t.Error(got)
	}
}

func TestScreensFitTheTerminal(t *testing.T) {
	if got := fit("one\ntwo\nthree\n", 3, 2); got != "on\ntw\n" {
		t.Errorf("%q", got)
	}
	if got := fit("one\ntwo\n", 0, 0); got != "one\ntwo\n" {
		t.Errorf("%q", got)
	}
}

func TestQueuesAreAddedUp(t *testing.T) {
	sum := &yarnpb.QueueStatisticsProto{}
	addStatistics(sum, &yarnpb.QueueStatisticsProto{NumAppsRunning: proto.Int64(2), ReservedContainers: proto.Int64(1)})
	addStatistics(sum, &yarnpb.QueueStatisticsProto{NumAppsRunning: proto.Int64(3)})
	addStatistics(sum, nil)
	if sum.GetNumAppsRunning() != 5 || sum.GetReservedContainers() != 1 {
		t.Error(sum)
	}
}
