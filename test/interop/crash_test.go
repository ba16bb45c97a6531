//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
)

// An application that was accepted is there after the ResourceManager was killed at once and started again.
func TestKilledResourceManagerKnowsItsApplications(t *testing.T) {
	o := shared.options("crash", shared.rm, cluster.None)
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	id := submitSleeper(t, c)
	c.KillRM()
	if err := c.StartRM(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("application_%d_%04d", id.GetClusterTimestamp(), id.GetId())
	until(t, 20*time.Second, name+" after the restart", func() error {
		var a struct {
			App struct{ State, User, Name string }
		}
		if err := c.GetJSON("/ws/v1/cluster/apps/"+name, &a); err != nil {
			return err
		}
		if a.App.State != "ACCEPTED" || a.App.User != "alice" || a.App.Name != "sleeper" {
			return fmt.Errorf("it is %+v", a.App)
		}
		return nil
	})
}

// submitSleeper submits by hand and returns as soon as the application is accepted, so that no
// client program's leisure lies between that moment and the kill.
func submitSleeper(t *testing.T, c *cluster.Cluster) *yarnpb.ApplicationIdProto {
	t.Helper()
	client := rpc.NewClient(rpc.ClientConfig{Address: c.Address("rm"), Protocol: "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB", Version: 1, User: "alice"})
	defer client.Close()
	ctx := limited(t, 30*time.Second)
	fresh := &yarnpb.GetNewApplicationResponseProto{}
	until(t, 20*time.Second, "getNewApplication", func() error { // Java's web server answers before its RPC does
		return client.Call(ctx, "getNewApplication", &yarnpb.GetNewApplicationRequestProto{}, fresh)
	})
	submit := &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: &yarnpb.ApplicationSubmissionContextProto{
		ApplicationId: fresh.GetApplicationId(), ApplicationName: proto.String("sleeper"), Queue: proto.String("default"),
		Resource:        &yarnpb.ResourceProto{Memory: proto.Int64(128), VirtualCores: proto.Int32(1)},
		Priority:        &yarnpb.PriorityProto{Priority: proto.Int32(0)},
		AmContainerSpec: &yarnpb.ContainerLaunchContextProto{Command: []string{"sleep 600"}},
	}}
	if err := client.Call(ctx, "submitApplication", submit, &yarnpb.SubmitApplicationResponseProto{}); err != nil {
		t.Fatal(err)
	}
	for {
		report := &yarnpb.GetApplicationReportResponseProto{}
		if err := client.Call(ctx, "getApplicationReport", &yarnpb.GetApplicationReportRequestProto{ApplicationId: fresh.GetApplicationId()}, report); err != nil {
			t.Fatal(err)
		}
		if report.GetApplicationReport().GetYarnApplicationState() == yarnpb.YarnApplicationStateProto_ACCEPTED {
			return fresh.GetApplicationId()
		}
		time.Sleep(time.Millisecond)
	}
}
