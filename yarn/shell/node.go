package shell

import (
	"context"
	"fmt"
	"strings"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/wire"
)

const nodeRow = "%16s\t%15s\t%17s\t%28s"

// allNodeStates are the states of -all, in the order of the enum.
func allNodeStates() []yarnpb.NodeStateProto {
	var out []yarnpb.NodeStateProto
	for i := yarnpb.NodeStateProto_NS_NEW; i <= yarnpb.NodeStateProto_NS_SHUTDOWN; i++ {
		out = append(out, i)
	}
	return out
}

func nodeStates(names []string, all bool) ([]yarnpb.NodeStateProto, error) {
	if all {
		return allNodeStates(), nil
	}
	var out []yarnpb.NodeStateProto
	for _, n := range names {
		v, ok := yarnpb.NodeStateProto_value["NS_"+strings.ToUpper(strings.TrimSpace(n))]
		if !ok {
			return nil, says("The node state %s is invalid.\nThe valid node state can be one of the following: NEW,RUNNING,UNHEALTHY,DECOMMISSIONED,LOST,REBOOTED,DECOMMISSIONING,SHUTDOWN.", n)
		}
		out = append(out, yarnpb.NodeStateProto(v))
	}
	if len(out) == 0 {
		out = []yarnpb.NodeStateProto{yarnpb.NodeStateProto_NS_RUNNING}
	}
	return out, nil
}

func nodeState(n *yarnpb.NodeReportProto) string {
	return strings.TrimPrefix(n.GetNodeState().String(), "NS_")
}

// NodeFilter chooses nodes; the zero value chooses those that run.
type NodeFilter struct {
	States []string
	All    bool
}

// Nodes prints a table of nodes, with what they have and use where details is asked for.
func (s *Shell) Nodes(ctx context.Context, f NodeFilter, details bool) error {
	states, err := nodeStates(f.States, f.All)
	if err != nil {
		return err
	}
	nodes, err := s.nodes(ctx, states)
	if err != nil {
		return err
	}
	var t text
	t.line("Total Nodes:%d", len(nodes))
	t.line(nodeRow, "Node-Id", "Node-State", "Node-Http-Address", "Number-of-Running-Containers")
	for _, n := range nodes {
		t.line(nodeRow, wire.NodeIDFrom(n.GetNodeId()), nodeState(n), n.GetHttpAddress(), fmt.Sprint(n.GetNumContainers()))
		if !details {
			continue
		}
		has, err := s.resource(n.GetCapability())
		if err != nil {
			return err
		}
		uses, err := s.resource(n.GetUsed())
		if err != nil {
			return err
		}
		t.line("Detailed Node Information :")
		t.line("\tConfigured Resources : %s", has)
		t.line("\tAllocated Resources : %s", uses)
		t.line("\tResource Utilization by Node : %s", utilization(n.GetNodeUtilization()))
		t.line("\tResource Utilization by Containers : %s", utilization(n.GetContainersUtilization()))
		t.line("\tNode-Labels : %s", strings.Join(n.GetNodeLabels(), ","))
	}
	return s.print(&t)
}

func (s *Shell) nodes(ctx context.Context, states []yarnpb.NodeStateProto) ([]*yarnpb.NodeReportProto, error) {
	resp, err := s.RM.GetClusterNodes(ctx, &yarnpb.GetClusterNodesRequestProto{NodeStates: states})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	return resp.GetNodeReports(), nil
}

func utilization(u *yarnpb.ResourceUtilizationProto) string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf("PMem:%d MB, VMem:%d MB, VCores:%s", u.GetPmem(), u.GetVmem(), javaFloat(u.GetCpu()))
}

// Node prints one node's report.
func (s *Shell) Node(ctx context.Context, arg string) error {
	id, err := yarn.ParseNodeID(arg)
	if err != nil {
		return err
	}
	nodes, err := s.nodes(ctx, allNodeStates())
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if wire.NodeIDFrom(n.GetNodeId()) == id {
			t := s.nodeReport(n)
			return s.print(&t)
		}
	}
	return s.say("Could not find the node report for node id : %s", arg)
}

func (s *Shell) nodeReport(n *yarnpb.NodeReportProto) (t text) {
	used, has := n.GetUsed(), n.GetCapability()
	t.line("Node Report : ")
	t.line("\tNode-Id : %s", wire.NodeIDFrom(n.GetNodeId()))
	t.line("\tRack : %s", n.GetRackName())
	t.line("\tNode-State : %s", nodeState(n))
	t.line("\tNode-Http-Address : %s", n.GetHttpAddress())
	t.line("\tLast-Health-Update : %s", healthTime(n.GetLastHealthReportTime()))
	t.line("\tHealth-Report : %s", n.GetHealthReport())
	t.line("\tContainers : %d", n.GetNumContainers())
	t.line("\tMemory-Used : %dMB", used.GetMemory())
	t.line("\tMemory-Capacity : %dMB", has.GetMemory())
	t.line("\tCPU-Used : %d vcores", used.GetVirtualCores())
	t.line("\tCPU-Capacity : %d vcores", has.GetVirtualCores())
	t.line("\tNode-Labels : %s", strings.Join(n.GetNodeLabels(), ","))
	t.line("\tNode Attributes : ") // attributes are not built yet, nodes have none
	t.line("\tResource Utilization by Node : %s", utilization(n.GetNodeUtilization()))
	t.line("\tResource Utilization by Containers : %s", utilization(n.GetContainersUtilization()))
	t.line("")
	return t
}

func healthTime(ms int64) string {
	if ms == 0 {
		return "N/A"
	}
	at := time.UnixMilli(ms)
	return fmt.Sprintf("%s:%03d%s", at.Format("Mon 02/Jan/06 03:04:05"), at.Nanosecond()/1e6, at.Format("MST"))
}
