package service

import (
	"context"
	"slices"

	adminpb "heddle/hadoop-proto/admin"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// refreshNodes reads the host lists again and decommissions the nodes they exclude: at once, or gracefully when
// they are empty or their time is over. Nodes that are no longer excluded stay.
func (s *Service) refreshNodes(ctx context.Context, req *adminpb.RefreshNodesRequestProto) (*adminpb.RefreshNodesResponseProto, error) {
	if err := s.administrator(ctx, "refreshNodes"); err != nil {
		return nil, err
	}
	if err := s.Hosts.Refresh(); err != nil {
		return nil, rpc.Exception(rpc.ClassIO, "%v", err)
	}
	timeout := s.Settings.DrainSeconds
	if req.DecommissionTimeout != nil {
		timeout = int64(req.GetDecommissionTimeout())
	}
	graceful := req.GetDecommissionType() == adminpb.DecommissionTypeProto_GRACEFUL
	err := s.Core.ExcludeNodes(ctx, func(id yarn.NodeID) core.Exclusion {
		x := core.Exclusion{Excluded: !s.Hosts.Admits(id.Host), Graceful: graceful, Seconds: timeout}
		if own, ok := s.Hosts.Timeout(id.Host); ok {
			x.Seconds = own
		}
		return x
	})
	if err != nil {
		return nil, failure(err)
	}
	return &adminpb.RefreshNodesResponseProto{}, nil
}

// checkForDecommissioningNodes lists the nodes that wait to be empty.
func (s *Service) checkForDecommissioningNodes(ctx context.Context, _ *adminpb.CheckForDecommissioningNodesRequestProto) (*adminpb.CheckForDecommissioningNodesResponseProto, error) {
	if err := s.administrator(ctx, "checkForDecommissioningNodes"); err != nil {
		return nil, err
	}
	resp := &adminpb.CheckForDecommissioningNodesResponseProto{}
	for _, n := range s.Core.View().SortedNodes() {
		if n.State == yarn.NodeDecommissioning {
			resp.DecommissioningNodes = append(resp.DecommissioningNodes, wire.NodeID(n.ID))
		}
	}
	return resp, nil
}

// updateNodeResource changes what nodes offer until they are restarted.
func (s *Service) updateNodeResource(ctx context.Context, req *adminpb.UpdateNodeResourceRequestProto) (*adminpb.UpdateNodeResourceResponseProto, error) {
	user, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	sizes := make(map[yarn.NodeID]core.NodeResource, len(req.GetNodeResourceMap()))
	for _, m := range req.GetNodeResourceMap() {
		if sizes[wire.NodeIDFrom(m.GetNodeId())], err = s.nodeSize(m.GetResourceOption()); err != nil {
			return nil, err
		}
	}
	if err := s.ResizeNodesAs(ctx, user, sizes); err != nil {
		return nil, err
	}
	return &adminpb.UpdateNodeResourceResponseProto{}, nil
}

func (s *Service) nodeSize(o *yarnpb.ResourceOptionProto) (size core.NodeResource, err error) {
	size.Millis = -1
	if o.OverCommitTimeout != nil {
		size.Millis = int64(o.GetOverCommitTimeout())
	}
	size.Total, err = wire.ResourceFrom(o.GetResource(), s.Settings.Types)
	if err == nil && size.Total.AnyNegative() {
		err = rpc.Exception(rpc.ClassYarn, "a node's resources cannot be negative: %s", s.Settings.Types.Format(size.Total))
	}
	for i := 2; i < s.Settings.Types.Len(); i++ { // `-updateNodeResource NODE MEMORY VCORES` leaves the GPUs alone
		if !slices.ContainsFunc(o.GetResource().GetResourceValueMap(), func(v *yarnpb.ResourceInformationProto) bool { return v.GetKey() == s.Settings.Types.At(i).Name }) {
			size.Total[i] = -1
		}
	}
	return size, err
}

// ResizeNodesAs changes what nodes offer, for an administrator. No node changes where one is not known.
func (s *Service) ResizeNodesAs(ctx context.Context, user string, sizes map[yarn.NodeID]core.NodeResource) error {
	if !s.Access.Admin(user) {
		return denied("User %s doesn't have permission to call '%s'", user, "updateNodeResource")
	}
	view := s.Core.View()
	for id := range sizes {
		if _, known := view.Nodes.Get(id); !known {
			return rpc.Exception(rpc.ClassYarn, "Resource update get failed on all nodes due to change resource on an unrecognized node: %s", id)
		}
	}
	s.Log.Info("administration", "user", user, "operation", "updateNodeResource", "nodes", len(sizes))
	if err := s.Core.ResizeNodes(ctx, sizes); err != nil {
		return failure(err)
	}
	return nil
}

// refreshNodesResources takes over dynamic-resources.xml: for the nodes it names, now and whenever they register.
func (s *Service) refreshNodesResources(ctx context.Context, _ *adminpb.RefreshNodesResourcesRequestProto) (*adminpb.RefreshNodesResourcesResponseProto, error) {
	if err := s.administrator(ctx, "refreshNodesResources"); err != nil {
		return nil, err
	}
	if err := s.LoadNodeSizes(); err != nil {
		return nil, ioFailure("%v", err)
	}
	if err := s.Core.ResizeNodes(ctx, s.fixedSizes()); err != nil {
		return nil, failure(err)
	}
	return &adminpb.RefreshNodesResourcesResponseProto{}, nil
}

// LoadNodeSizes reads dynamic-resources.xml; nodes that register from now on have the sizes it gives.
func (s *Service) LoadNodeSizes() error {
	read, err := s.Settings.NodeSizes()
	if err != nil {
		return err
	}
	sizes := make(map[yarn.NodeID]core.NodeResource, len(read))
	for id, size := range read {
		sizes[id] = core.NodeResource{Total: size.Total, Millis: size.Millis}
	}
	s.sizes.Store(&sizes)
	return nil
}

// fixedSizes are the nodes whose size the administrator sets in dynamic-resources.xml.
func (s *Service) fixedSizes() map[yarn.NodeID]core.NodeResource {
	if m := s.sizes.Load(); m != nil {
		return *m
	}
	return nil
}

// Node labels are not built, and a configuration that turns them on is refused: this is the answer of a Java
// ResourceManager where they are off.
func (s *Service) labelsAreOff(ctx context.Context, method string) error {
	if err := s.administrator(ctx, method); err != nil {
		return err
	}
	return ioFailure("Node-label-based scheduling is disabled. Please check yarn.node-labels.enabled")
}

func (s *Service) addToClusterNodeLabels(ctx context.Context, _ *adminpb.AddToClusterNodeLabelsRequestProto) (*adminpb.AddToClusterNodeLabelsResponseProto, error) {
	return nil, s.labelsAreOff(ctx, "addToClusterNodeLabels")
}

func (s *Service) removeFromClusterNodeLabels(ctx context.Context, _ *adminpb.RemoveFromClusterNodeLabelsRequestProto) (*adminpb.RemoveFromClusterNodeLabelsResponseProto, error) {
	return nil, s.labelsAreOff(ctx, "removeFromClusterNodeLabels")
}

func (s *Service) replaceLabelsOnNodes(ctx context.Context, _ *adminpb.ReplaceLabelsOnNodeRequestProto) (*adminpb.ReplaceLabelsOnNodeResponseProto, error) {
	return nil, s.labelsAreOff(ctx, "replaceLabelsOnNode")
}
