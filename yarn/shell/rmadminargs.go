package shell

import (
	"context"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/yarn"
	"heddle/yarn/wire"
)

const noLabels = "No cluster node-labels are specified"

// addLabels is -addToClusterNodeLabels a(exclusive=true),b.
func (a *admin) addLabels(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return lacking{noLabels}
	}
	labels, err := parseLabels(args[0])
	if err != nil {
		return err
	}
	_, err = a.rm.AddToClusterNodeLabels(ctx, &adminpb.AddToClusterNodeLabelsRequestProto{NodeLabels: labels})
	return err
}

func parseLabels(list string) ([]*yarnpb.NodeLabelProto, error) {
	var out []*yarnpb.NodeLabelProto
	for _, word := range strings.Split(list, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		name, rest, found := strings.Cut(word, "(")
		exclusive := true
		if found {
			key, value, ok := strings.Cut(strings.TrimSuffix(rest, ")"), "=")
			flag, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(value)))
			if !ok || !strings.HasSuffix(rest, ")") || strings.TrimSpace(key) != "exclusive" || err != nil {
				return nil, misused("Input format for adding node-labels is not correct, it should be labelName1[(exclusive=true/false)],LabelName2[] ..")
			}
			exclusive = flag
		}
		out = append(out, &yarnpb.NodeLabelProto{Name: proto.String(strings.TrimSpace(name)), IsExclusive: proto.Bool(exclusive)})
	}
	if len(out) == 0 {
		return nil, misused(noLabels)
	}
	return out, nil
}

// removeLabels is -removeFromClusterNodeLabels a,b.
func (a *admin) removeLabels(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return lacking{noLabels}
	}
	var names []string
	for _, n := range strings.Split(args[0], ",") {
		if n = strings.TrimSpace(n); n != "" {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return misused(noLabels)
	}
	_, err := a.rm.RemoveFromClusterNodeLabels(ctx, &adminpb.RemoveFromClusterNodeLabelsRequestProto{NodeLabels: names})
	return err
}

// replaceLabels is -replaceLabelsOnNode "host[:port]=label …".
func (a *admin) replaceLabels(ctx context.Context, args []string) error {
	req := &adminpb.ReplaceLabelsOnNodeRequestProto{}
	for _, arg := range args {
		if arg == "-failOnUnknownNodes" {
			req.FailOnUnknownNodes = proto.Bool(true)
			continue
		}
		for _, mapping := range strings.Fields(arg) {
			m, err := parseMapping(mapping)
			if err != nil {
				return err
			}
			req.NodeToLabels = append(req.NodeToLabels, m)
		}
	}
	if len(req.NodeToLabels) == 0 {
		return lacking{"No node-to-labels mappings are specified"}
	}
	_, err := a.rm.ReplaceLabelsOnNodes(ctx, req)
	return err
}

// parseMapping reads host[:port]=label; an older form has commas throughout.
func parseMapping(s string) (*yarnpb.NodeIdToLabelsProto, error) {
	node, rest, ok := strings.Cut(s, "=")
	if !ok {
		node, rest, _ = strings.Cut(s, ",")
	}
	if node == "" {
		return nil, misused("node name cannot be empty")
	}
	id := yarn.NodeID{Host: node}
	if strings.Contains(node, ":") {
		var err error
		if id, err = yarn.ParseNodeID(node); err != nil {
			return nil, misuse{err}
		}
	}
	m := &yarnpb.NodeIdToLabelsProto{NodeId: wire.NodeID(id)}
	for _, l := range strings.Split(rest, ",") {
		if l = strings.TrimSpace(l); l != "" {
			m.NodeLabels = append(m.NodeLabels, l)
		}
	}
	if len(m.NodeLabels) > 1 {
		return nil, misused("%d labels specified on host=%s, please note that we do not support specifying multiple labels on a single host for now.", len(m.NodeLabels), node)
	}
	return m, nil
}

// updateNode is -updateNodeResource, in its form with memory and vcores or with named resource types.
func (a *admin) updateNode(ctx context.Context, args []string) error {
	if len(args) < 2 || len(args) > 4 {
		return lacking{"Number of parameters specified for updateNodeResource is wrong."}
	}
	id, err := yarn.ParseNodeID(args[0])
	if err != nil {
		return misuse{err}
	}
	types, err := conf.ResourceTypes(a.Conf)
	if err != nil {
		return err
	}
	rest := args[1:]
	var r yarn.Resource
	if memory, err := strconv.ParseInt(rest[0], 10, 64); err == nil && memory >= 0 && len(rest) > 1 {
		cores, err := strconv.ParseInt(rest[1], 10, 32)
		if err != nil || cores < 0 {
			return misused("vCores %q is no number of zero or more", rest[1])
		}
		r, rest = yarn.NewResource(memory, cores), rest[2:]
	} else {
		if r, err = parseAmounts(rest[0], types); err != nil {
			return err
		}
		rest = rest[1:]
	}
	timeout := int64(-1)
	if len(rest) > 0 {
		if timeout, err = strconv.ParseInt(rest[0], 10, 32); err != nil || timeout < -1 || len(rest) > 1 {
			return misused("Invalid overcommit timeout: %s", strings.Join(rest, " "))
		}
	}
	_, err = a.rm.UpdateNodeResource(ctx, &adminpb.UpdateNodeResourceRequestProto{NodeResourceMap: []*yarnpb.NodeResourceMapProto{{NodeId: wire.NodeID(id),
		ResourceOption: &yarnpb.ResourceOptionProto{Resource: wire.Resource(r, types), OverCommitTimeout: proto.Int32(int32(timeout))}}}})
	return err
}

// parseAmounts reads memory-mb=2048Mi,vcores=4. As with Hadoop, a number without a unit counts ones: memory needs a unit.
func parseAmounts(s string, types *yarn.ResourceTypes) (r yarn.Resource, err error) {
	for _, pair := range strings.Split(s, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return r, lacking{"Resource Types parameter specified for updateNodeResource is wrong. It should be comma-delimited key value pairs. " +
				"For example, memory-mb=1024Mi,vcores=1,resource1=3Gi,resource2=2"}
		}
		i := types.Index(strings.TrimSpace(name))
		if i < 0 {
			return r, misused("Invalid resource value: %s is no resource type of the configuration", name)
		}
		value = strings.TrimSpace(value)
		if value != "" && value[len(value)-1] >= '0' && value[len(value)-1] <= '9' {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return r, misused("Invalid resource value: %s", pair)
			}
			if r[i], err = yarn.ConvertUnit(n, "", types.At(i).Unit); err != nil {
				return r, misuse{err}
			}
		} else if r[i], err = conf.ParseAmount(value, types.At(i).Unit); err != nil {
			return r, misuse{err}
		}
	}
	for i := range yarn.VCores + 1 {
		if r[i] == 0 {
			return r, misused("Invalid value for resource '%s'. Value cannot be 0(zero).", types.At(i).Name)
		}
	}
	if r[yarn.Memory] > math.MaxInt64/2 {
		return r, misused("Invalid resource value: %s", s)
	}
	return r, nil
}
