package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"

	yarnpb "heddle/hadoop-proto/yarn"
)

const titleCluster = "yarn cluster"

// clusterOptions has both names of each option; its help shows the long ones.
var clusterOptions = options{
	{name: "help", help: "Shows the options; also -h."},
	{name: "list-node-labels", help: "Lists the cluster's node labels; also -lnl."},
	{name: "list-node-attributes", help: "Lists the cluster's node attributes; also -lna."},
	{name: "directly-access-node-label-store", help: "Not offered: labels are asked from the ResourceManager; also -dnl."},
}

var clusterShort = map[string]string{"-h": "-help", "-lnl": "-list-node-labels", "-lna": "-list-node-attributes", "-dnl": "-directly-access-node-label-store"}

// cluster is `yarn cluster`.
func (c *Command) cluster(ctx context.Context, args []string) error {
	long := make([]string, len(args))
	for i, a := range args {
		long[i] = a
		if l, ok := clusterShort[a]; ok {
			long[i] = l
		}
	}
	p, err := c.parse(clusterOptions, titleCluster, long)
	if err != nil {
		return err
	}
	switch {
	case p.has("directly-access-node-label-store"):
		return errors.New("-directly-access-node-label-store is not offered: labels are asked from the ResourceManager")
	case p.has("list-node-labels"):
		return c.with(func(s *Shell) error { return s.NodeLabels(ctx) })
	case p.has("list-node-attributes"):
		return c.with(func(s *Shell) error { return s.NodeAttributes(ctx) })
	case p.has("help"):
		return refusal{out: clusterOptions.usage(titleCluster)}
	}
	return invalid(clusterOptions, titleCluster, 0)
}

// NodeLabels prints the cluster's node labels in one line.
func (s *Shell) NodeLabels(ctx context.Context) error {
	resp, err := s.RM.GetClusterNodeLabels(ctx, &yarnpb.GetClusterNodeLabelsRequestProto{})
	if err != nil {
		return fmt.Errorf("listing node labels: %w", err)
	}
	var labels []string
	for _, l := range resp.GetNodeLabels() {
		labels = append(labels, fmt.Sprintf("<%s:exclusivity=%t>", l.GetName(), l.GetIsExclusive()))
	}
	return s.say("Node Labels: %s", strings.Join(labels, ","))
}

// NodeAttributes prints the cluster's node attributes, one a line.
func (s *Shell) NodeAttributes(ctx context.Context) error {
	resp, err := s.RM.GetClusterNodeAttributes(ctx, &yarnpb.GetClusterNodeAttributesRequestProto{})
	if err != nil {
		return fmt.Errorf("listing node attributes: %w", err)
	}
	var t text
	for _, a := range resp.GetNodeAttributes() {
		t.line("%s/%s(%s)", a.GetAttributeKey().GetAttributePrefix(), a.GetAttributeKey().GetAttributeName(), a.GetAttributeType())
	}
	return s.print(&t)
}
