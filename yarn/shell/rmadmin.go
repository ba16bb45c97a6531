package shell

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	adminpb "heddle/hadoop-proto/admin"
	"heddle/hadoop/rpc"
	"heddle/yarn/client"
)

// adminCommand is one command of `yarn rmadmin`.
type adminCommand struct {
	args, help string
	do         func(*admin, context.Context, []string) error
	most       int // arguments at most
}

// adminCommands are in the order of Hadoop's help.
var adminOrder = []string{"refreshQueues", "refreshNodes", "refreshNodesResources", "refreshSuperUserGroupsConfiguration", "refreshUserToGroupsMappings", "refreshAdminAcls",
	"refreshServiceAcl", "getGroups", "addToClusterNodeLabels", "removeFromClusterNodeLabels", "replaceLabelsOnNode", "refreshClusterMaxPriority", "updateNodeResource"}

var adminCommands = map[string]adminCommand{
	"refreshQueues": {"", "reads capacity-scheduler.xml again", plain((*client.Administration).RefreshQueues), 0},
	"refreshNodes": {"[-g|graceful [timeout in seconds] -client|server]", "reads the include and exclude files again; with -g nodes end their containers first, for so many seconds at most, " +
		"and this command (-client) or the ResourceManager (-server) watches the time", (*admin).refreshNodes, math.MaxInt},
	"refreshNodesResources":               {"", "reads dynamic-resources.xml again", plain((*client.Administration).RefreshNodesResources), 0},
	"refreshSuperUserGroupsConfiguration": {"", "reads again who may act for others", plain((*client.Administration).RefreshSuperUserGroupsConfiguration), 0},
	"refreshUserToGroupsMappings":         {"", "forgets cached groups of users", plain((*client.Administration).RefreshUserToGroupsMappings), 0},
	"refreshAdminAcls":                    {"", "reads yarn.admin.acl again", plain((*client.Administration).RefreshAdminAcls), 0},
	"refreshServiceAcl":                   {"", "reads hadoop-policy.xml again", plain((*client.Administration).RefreshServiceAcls), 0},
	"getGroups":                           {"[username]", "shows the groups of users, as the ResourceManager sees them", (*admin).groups, math.MaxInt},
	"addToClusterNodeLabels":              {"<label1(exclusive=true),label2>", "makes node labels", (*admin).addLabels, math.MaxInt},
	"removeFromClusterNodeLabels":         {"<label1,label2>", "removes node labels", (*admin).removeLabels, math.MaxInt},
	"replaceLabelsOnNode":                 {"<\"node1[:port]=label1 node2[:port]=label2\"> [-failOnUnknownNodes]", "labels nodes", (*admin).replaceLabels, math.MaxInt},
	"refreshClusterMaxPriority":           {"", "reads yarn.cluster.max-application-priority again", plain((*client.Administration).RefreshClusterMaxPriority), 0},
	"updateNodeResource":                  {"[NodeID] [MemSize] [vCores] ([OvercommitTimeout]) or [NodeID] [resourcetypes] ([OvercommitTimeout])", "changes what a node offers", (*admin).updateNode, math.MaxInt},
}

// adminHA are commands for pairs of ResourceManagers.
var adminHA = []string{"transitionToActive", "transitionToStandby", "getServiceState", "getAllServiceState", "checkHealth"}

// admin speaks to one ResourceManager's administration port.
type admin struct {
	*Command
	rm *client.Administration
}

// plain is a command that is one call without arguments.
func plain[Req, Resp any](call func(*client.Administration, context.Context, *Req) (*Resp, error)) func(*admin, context.Context, []string) error {
	return func(a *admin, ctx context.Context, _ []string) error {
		_, err := call(a.rm, ctx, new(Req))
		return err
	}
}

// misuse is an argument that cannot be meant; Hadoop's answer adds the usage.
type misuse struct{ error }

// lacking is a command line with too little, or of the wrong shape: Hadoop says so, if anything, and shows the usage.
type lacking struct{ text string }

func (l lacking) Error() string { return l.text }

func misused(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// rmadmin is `yarn rmadmin`. Hadoop's writes its messages to standard error.
func (c *Command) rmadmin(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return refusal{err: adminUsage(""), code: exitRefused}
	}
	name := strings.TrimPrefix(args[0], "-")
	if slices.Contains(adminHA, name) {
		return says("Cannot run -%s when ResourceManager HA is not enabled", name)
	}
	if name == "help" {
		if len(args) > 1 {
			return refusal{err: adminUsage(strings.TrimPrefix(args[1], "-"))}
		}
		return refusal{out: "rmadmin is for the administrators of a ResourceManager (yarn.admin.acl).\n" + adminUsage("")}
	}
	do, ok := adminCommands[name]
	if !ok || name == args[0] {
		return refusal{err: fmt.Sprintf("%s: Unknown command\n%s", name, adminUsage("")), code: exitRefused}
	}
	if len(args)-1 > do.most {
		return refusal{err: adminUsage(name)}
	}
	cc, err := client.NewConfig(c.Conf, c.User)
	if err != nil {
		return err
	}
	rm, err := cc.Administration()
	if err != nil {
		return err
	}
	err = errors.Join(do.do(&admin{c, rm}, ctx, args[1:]), rm.Close())
	return adminFailure(name, err)
}

// adminFailure is how Hadoop tells of an error: the command, the first line of what the server said, and the usage where
// the arguments were wrong.
func adminFailure(name string, err error) error {
	var r refusal
	var wrong misuse
	var short lacking
	var remote *rpc.Error
	switch {
	case err == nil, errors.As(err, &r):
		return err
	case errors.As(err, &short):
		lead := ""
		if short.text != "" {
			lead = short.text + "\n"
		}
		return refusal{err: lead + adminUsage(name), code: exitRefused}
	case errors.As(err, &wrong):
		return refusal{err: fmt.Sprintf("%s: %v\n%s", name, wrong.error, adminUsage(name)), code: exitRefused}
	case errors.As(err, &remote):
		first, _, _ := strings.Cut(remote.Message, "\n")
		return complains("%s: %s", name, first)
	}
	return complains("%s: %v", name, err)
}

func adminUsage(name string) string {
	var t text
	if do, ok := adminCommands[name]; ok {
		t.line("Usage: yarn rmadmin [%s]", strings.TrimRight("-"+name+" "+do.args, " "))
		t.line("   %s", do.help)
		return t.String()
	}
	t.line("Usage: yarn rmadmin")
	for _, n := range adminOrder {
		t.line("   -%s %s: %s", n, adminCommands[n].args, adminCommands[n].help)
	}
	t.line("   -help [cmd]: shows this, or one command")
	return t.String()
}

func (a *admin) groups(ctx context.Context, users []string) error {
	if len(users) == 0 {
		users = []string{a.User}
	}
	for _, u := range users {
		resp, err := a.rm.GetGroupsForUser(ctx, &adminpb.GetGroupsForUserRequestProto{User: proto.String(u)})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(a.Out, strings.TrimRight(u+" : "+strings.Join(resp.GetGroups(), " "), " ")); err != nil {
			return err
		}
	}
	return nil
}

// refreshNodes is -refreshNodes, with -g as graceful decommissioning.
func (a *admin) refreshNodes(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] != "-g" && args[0] != "-graceful" {
		_, err := a.rm.RefreshNodes(ctx, &adminpb.RefreshNodesRequestProto{DecommissionType: adminpb.DecommissionTypeProto_NORMAL.Enum()})
		return err
	}
	timeout, mode := int64(-1), ""
	switch len(args) {
	case 2:
		mode = args[1]
	case 3:
		n, err := strconv.ParseInt(args[1], 10, 32)
		if err != nil || n < -1 {
			return misused("Invalid timeout specified : %s", args[1])
		}
		timeout, mode = n, args[2]
	}
	if mode != "-client" && mode != "-server" {
		return lacking{}
	}
	req := &adminpb.RefreshNodesRequestProto{DecommissionType: adminpb.DecommissionTypeProto_GRACEFUL.Enum(), DecommissionTimeout: proto.Int32(int32(timeout))}
	if _, err := a.rm.RefreshNodes(ctx, req); err != nil || mode == "-server" {
		return err
	}
	return a.awaitDecommissioned(ctx, timeout)
}

// awaitDecommissioned asks once a second which nodes still run, and ends them by force after timeout seconds (-1: never).
func (a *admin) awaitDecommissioned(ctx context.Context, timeout int64) error {
	for waited := int64(0); timeout < 0 || waited < timeout; waited++ {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		resp, err := a.rm.CheckForDecommissioningNodes(ctx, &adminpb.CheckForDecommissioningNodesRequestProto{})
		if err != nil {
			return err
		}
		if len(resp.GetDecommissioningNodes()) == 0 {
			_, err := fmt.Fprintf(a.Out, "Graceful decommissioning completed in %d seconds.\n", waited)
			return err
		}
	}
	if _, err := fmt.Fprintf(a.Out, "Graceful decommissioning not completed in %d seconds, issueing forceful decommissioning command.\n", timeout); err != nil {
		return err
	}
	_, err := a.rm.RefreshNodes(ctx, &adminpb.RefreshNodesRequestProto{DecommissionType: adminpb.DecommissionTypeProto_FORCEFUL.Enum()})
	return err
}
