package shell

import (
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/yarn"
	"heddle/yarn/wire"
)

const (
	running = "application_1700000000000_0001"
	over    = "application_1700000000000_0002"
	unknown = "application_1700000000000_0099"
)

// fakeRM answers what the commands of the tests ask; it notes what was asked for in calls.
type fakeRM struct{ calls []string }

func (f *fakeRM) note(format string) { f.calls = append(f.calls, format) }

func (f *fakeRM) report(_ context.Context, req *yarnpb.GetApplicationReportRequestProto) (*yarnpb.GetApplicationReportResponseProto, error) {
	a := &yarnpb.ApplicationReportProto{ApplicationId: req.GetApplicationId(), Name: proto.String("n"), YarnApplicationState: yarnpb.YarnApplicationStateProto_RUNNING.Enum()}
	switch wire.AppIDFrom(req.GetApplicationId()).String() {
	case running:
	case over:
		a.YarnApplicationState = yarnpb.YarnApplicationStateProto_FINISHED.Enum()
	default:
		return nil, rpc.Exception(rpc.ClassApplicationNotFound, "Application with id '%s' doesn't exist in RM.", wire.AppIDFrom(req.GetApplicationId()))
	}
	return &yarnpb.GetApplicationReportResponseProto{ApplicationReport: a}, nil
}

func (f *fakeRM) client() rpc.Protocol {
	return rpc.Protocol{Name: "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB", Version: 1, Methods: map[string]rpc.Method{
		"getApplicationReport": rpc.Unary(f.report),
		"forceKillApplication": rpc.Unary(func(_ context.Context, r *yarnpb.KillApplicationRequestProto) (*yarnpb.KillApplicationResponseProto, error) {
			f.note("kill " + wire.AppIDFrom(r.GetApplicationId()).String())
			return &yarnpb.KillApplicationResponseProto{IsKillCompleted: proto.Bool(len(f.calls) > 1)}, nil
		}),
		"updateApplicationPriority": rpc.Unary(func(_ context.Context, r *yarnpb.UpdateApplicationPriorityRequestProto) (*yarnpb.UpdateApplicationPriorityResponseProto, error) {
			return &yarnpb.UpdateApplicationPriorityResponseProto{ApplicationPriority: wire.Priority(min(r.GetApplicationPriority().GetPriority(), 10))}, nil
		}),
		"signalToContainer": rpc.Unary(func(_ context.Context, r *yarnpb.SignalContainerRequestProto) (*yarnpb.SignalContainerResponseProto, error) {
			f.note(r.GetCommand().String())
			return &yarnpb.SignalContainerResponseProto{}, nil
		}),
	}}
}

func (f *fakeRM) admin() rpc.Protocol {
	return rpc.Protocol{Name: "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB", Version: 1, Methods: map[string]rpc.Method{
		"refreshNodes": rpc.Unary(func(_ context.Context, r *adminpb.RefreshNodesRequestProto) (*adminpb.RefreshNodesResponseProto, error) {
			f.note(r.GetDecommissionType().String())
			return &adminpb.RefreshNodesResponseProto{}, nil
		}),
		"checkForDecommissioningNodes": rpc.Unary(func(context.Context, *adminpb.CheckForDecommissioningNodesRequestProto) (*adminpb.CheckForDecommissioningNodesResponseProto, error) {
			return &adminpb.CheckForDecommissioningNodesResponseProto{DecommissioningNodes: []*yarnpb.NodeIdProto{wire.NodeID(yarn.NodeID{Host: "slow", Port: 1})}}, nil
		}),
		"updateNodeResource": rpc.Unary(func(_ context.Context, r *adminpb.UpdateNodeResourceRequestProto) (*adminpb.UpdateNodeResourceResponseProto, error) {
			m := r.GetNodeResourceMap()[0]
			f.note(strings.Join([]string{wire.NodeIDFrom(m.GetNodeId()).String(), m.GetResourceOption().GetResource().String()}, " "))
			return &adminpb.UpdateNodeResourceResponseProto{}, nil
		}),
		"refreshQueues": rpc.Unary(func(context.Context, *adminpb.RefreshQueuesRequestProto) (*adminpb.RefreshQueuesResponseProto, error) {
			return nil, rpc.Exception(rpc.ClassYarn, "the queues do not add up\nat some line")
		}),
	}}
}

// command is a Command that speaks to a fake ResourceManager.
func command(t *testing.T) (run func(line string) (out, err string, code int), rm *fakeRM) {
	t.Helper()
	rm = &fakeRM{}
	s, err := rpc.NewServer(rpc.ServerConfig{AllowSimple: true, Protocols: []rpc.Protocol{rm.client(), rm.admin()}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return func(line string) (string, string, int) {
		c := conf.New()
		c.Set("yarn.resourcemanager.address", l.Addr().String())
		c.Set("yarn.resourcemanager.admin.address", l.Addr().String())
		var out, errs strings.Builder
		code := (&Command{Conf: c, User: "alice", Version: "1", Out: &out, Err: &errs}).Run(t.Context(), strings.Split(line, " "))
		return out.String(), errs.String(), code
	}, rm
}

// The words and codes are those of Hadoop 3.4.2's client programs; test/interop compares them on a cluster.
func TestAnswersAndExitCodesAreHadoops(t *testing.T) {
	run, _ := command(t)
	const missing = "Missing argument for options\nusage: application"
	for _, tc := range []struct {
		line string
		code int
		out  string // how the output begins
		err  string // how standard error begins
	}{
		{"application -status " + running, 0, "Application Report : \n\tApplication-Id : " + running, ""},
		{"application -status " + unknown, 255, "Application with id '" + unknown + "' doesn't exist in RM or Timeline Server.\n", ""},
		{"app -status", 255, missing, ""},
		{"application -status web", 1, "", "yarn: web is no application id"},
		{"application -bogus", 1, "", "yarn: Unrecognized option: -bogus"},
		{"application", 0, "usage: application\n", "Invalid Command Usage : \n"},
		{"application -list extra", 255, "usage: application\n", ""},
		{"application -list -appStates WALKING", 255, "The application state WALKING is invalid.\nThe valid application state can be one of", ""},
		{"application -kill " + over + " " + unknown, 0, "Application " + over + " has already finished \nApplication with id '" + unknown + "' doesn't exist in RM.\n", ""},
		{"application -kill " + unknown, 255, "Application with id '" + unknown + "' doesn't exist in RM.\n", ""},
		{"application -movetoqueue " + running, 255, "usage: application\n", ""},
		{"application -movetoqueue " + over + " -queue q", 0, "Application " + over + " has already finished \n", ""},
		{"application -appId " + running + " -updatePriority 7", 0, "Updating priority of an application " + running + "\nSuccessfully updated the application " + running + " with priority '7'\n", ""},
		{"application -appId " + running + " -updatePriority 70", 0, "Updating priority of an application " + running + "\nUpdated priority of an application  " + running + " to cluster max", ""},
		{"application -appId " + running + " -updatePriority high", 1, "", "yarn: priority \"high\" is no number"},
		{"application -launch a b", 1, "", "yarn: -launch is not offered: there are no YARN services"},
		{"application -flex web", 255, "usage: application\n", ""},
		{"application -upgrade web -initiate f", 1, "", "yarn: -upgrade is not offered"},
		{"container -signal container_1700000000000_0001_01_000002 LOUDLY", 1, "", "yarn: LOUDLY is no signal"},
		{"container -shell container_1700000000000_0001_01_000002", 1, "", "yarn: container -shell is not offered"},
		{"container -list web", 1, "", "yarn: web is no attempt id"},
		{"node", 0, "usage: node\n", "Invalid Command Usage : \n"},
		{"node -list -states ASLEEP", 255, "The node state ASLEEP is invalid.\n", ""},
		{"queue", 255, "usage: queue\n", "Invalid Command Usage : \n"},
		{"rmadmin", 255, "", "Usage: yarn rmadmin\n"},
		{"rmadmin -bogus", 255, "", "bogus: Unknown command\nUsage: yarn rmadmin\n"},
		{"rmadmin -refreshQueues", 255, "", "refreshQueues: the queues do not add up\n"},
		{"rmadmin -refreshQueues now", 0, "", "Usage: yarn rmadmin [-refreshQueues]\n"},
		{"rmadmin -refreshNodes -g", 255, "", "Usage: yarn rmadmin [-refreshNodes"},
		{"rmadmin -refreshNodes -g x -client", 255, "", "refreshNodes: Invalid timeout specified : x\nUsage:"},
		{"rmadmin -getServiceState rm1", 255, "Cannot run -getServiceState when ResourceManager HA is not enabled\n", ""},
		{"rmadmin -addToClusterNodeLabels a(bogus=true)", 255, "", "addToClusterNodeLabels: Input format for adding node-labels is not correct"},
		{"rmadmin -updateNodeResource h:1 memory-mb=2048", 255, "", "updateNodeResource: Invalid value for resource 'memory-mb'. Value cannot be 0(zero).\nUsage:"},
		{"rmadmin -updateNodeResource h:1 x y", 255, "", "Resource Types parameter specified for updateNodeResource is wrong."},
		{"rmadmin -replaceLabelsOnNode =a", 255, "", "replaceLabelsOnNode: node name cannot be empty\nUsage:"},
		{"daemonlog -getlevel h:1", 255, "", "Usage: Command options are:\n"},
		{"jar x.jar", 1, "", "yarn: jar is not offered: it runs Java programs"},
		{"classpath", 1, "", "yarn: classpath is not offered"},
		{"envvars", 1, "", "yarn: envvars is not offered"},
		{"schedulerconf", 1, "", "yarn: schedulerconf is not offered"},
		{"nodeattributes", 1, "", "yarn: nodeattributes is not offered"},
		{"cluster -directly-access-node-label-store -lnl", 1, "", "yarn: -directly-access-node-label-store is not offered"},
		{"rmadmin -addToClusterNodeLabels a -directlyAccessNodeLabelStore", 255, "", "addToClusterNodeLabels: "},
		{"application -save a b", 1, "", "yarn: -save is not offered"},
		{"application -start a", 1, "", "yarn: -start is not offered"},
		{"application -stop a", 1, "", "yarn: -stop is not offered"},
		{"application -destroy a", 1, "", "yarn: -destroy is not offered"},
		{"application -flex a -component c 2", 1, "", "yarn: -flex is not offered"},
		{"application -enableFastLaunch", 1, "", "yarn: -enableFastLaunch is not offered"},
		{"application -decommission a -instances i", 1, "", "yarn: -decommission is not offered"},
		{"container -list app1 -components c", 1, "", "yarn: app1 is no attempt id, and the list of a service's containers is not offered"},
		{"dance", 1, "", "yarn: dance is no command\n"},
		{"version", 0, "Heddle 1\n", ""},
	} {
		out, err, code := run(tc.line)
		if code != tc.code || !strings.HasPrefix(out, tc.out) || !strings.HasPrefix(err, tc.err) || tc.out == "" && out != "" || tc.err == "" && err != "" {
			t.Errorf("%s: code %d, want %d\nout: %s\nwant %s\nerr: %s\nwant %s", tc.line, code, tc.code, out, tc.out, err, tc.err)
		}
	}
}

func TestKillAsksUntilTheApplicationHasEnded(t *testing.T) {
	run, rm := command(t)
	out, _, code := run("application -kill " + running)
	if code != 0 || out != "Killing application "+running+"\n" || len(rm.calls) != 2 {
		t.Errorf("code %d, %q, calls %v", code, out, rm.calls)
	}
}

func TestSignalsGoOutAsNamed(t *testing.T) {
	run, rm := command(t)
	run("container -signal container_1700000000000_0001_01_000002")
	run("container -signal container_1700000000000_0001_01_000002 GRACEFUL_SHUTDOWN")
	if got := strings.Join(rm.calls, " "); got != "OUTPUT_THREAD_DUMP GRACEFUL_SHUTDOWN" {
		t.Error(got)
	}
}

func TestGracefulDecommissioningByTheClientEndsByForce(t *testing.T) {
	run, rm := command(t)
	out, _, code := run("rmadmin -refreshNodes -g 1 -client")
	if got := strings.Join(rm.calls, " "); code != 0 || got != "GRACEFUL FORCEFUL" || !strings.HasPrefix(out, "Graceful decommissioning not completed in 1 seconds") {
		t.Errorf("code %d, %q, %s", code, out, got)
	}
	rm.calls = nil
	if _, _, code := run("rmadmin -refreshNodes"); code != 0 || strings.Join(rm.calls, " ") != "NORMAL" {
		t.Errorf("code %d, %v", code, rm.calls)
	}
}

func TestNodeResourcesInBothForms(t *testing.T) {
	run, rm := command(t)
	for _, line := range []string{"h:1 2048 4", "h:1 memory-mb=2048Mi,vcores=4 60"} {
		if _, err, code := run("rmadmin -updateNodeResource " + line); code != 0 {
			t.Errorf("%s: %d, %s", line, code, err)
		}
	}
	for _, c := range rm.calls {
		if !strings.HasPrefix(c, "h:1") || !strings.Contains(c, "2048") {
			t.Error(c)
		}
	}
	if len(rm.calls) != 2 {
		t.Error(rm.calls)
	}
}
