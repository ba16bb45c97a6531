package service

import (
	"context"

	adminpb "heddle/hadoop-proto/admin"
	"heddle/hadoop/rpc"
	"heddle/yarn"
)

// AdminProtocol is the name of ResourceManagerAdministrationProtocol on the wire.
const AdminProtocol = "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB"

// Admin is ResourceManagerAdministrationProtocol.
func (s *Service) Admin() rpc.Protocol {
	sd := adminpb.File_hadoop_proto_admin_resourcemanager_administration_protocol_proto.Services().ByName("ResourceManagerAdministrationProtocolService")
	return protocol(AdminProtocol, sd, map[string]rpc.Method{
		"refreshNodes":                rpc.Unary(s.refreshNodes),
		"refreshUserToGroupsMappings": rpc.Unary(s.refreshUserToGroupsMappings),
		"getGroupsForUser":            rpc.Unary(s.getGroupsForUser),
	})
}

func (s *Service) administrator(ctx context.Context, what string) error {
	user, err := caller(ctx)
	if err != nil {
		return err
	}
	if !s.Access.Admin(user) {
		return denied("User %s doesn't have permission to call '%s'", user, what)
	}
	s.Log.Info("administration", "user", user, "operation", what)
	return nil
}

// refreshNodes reads the host lists again and decommissions the nodes they exclude.
func (s *Service) refreshNodes(ctx context.Context, req *adminpb.RefreshNodesRequestProto) (*adminpb.RefreshNodesResponseProto, error) {
	if err := s.administrator(ctx, "refreshNodes"); err != nil {
		return nil, err
	}
	if req.GetDecommissionType() == adminpb.DecommissionTypeProto_GRACEFUL {
		return nil, rpc.Exception(rpc.ClassYarn, "graceful decommissioning is not supported by this ResourceManager yet; use refreshNodes without -g")
	}
	if err := s.Hosts.Refresh(); err != nil {
		return nil, rpc.Exception(rpc.ClassIO, "%v", err)
	}
	if err := s.Core.ExcludeNodes(ctx, func(id yarn.NodeID) bool { return !s.Hosts.Admits(id.Host) }); err != nil {
		return nil, failure(err)
	}
	return &adminpb.RefreshNodesResponseProto{}, nil
}

func (s *Service) refreshUserToGroupsMappings(ctx context.Context, _ *adminpb.RefreshUserToGroupsMappingsRequestProto) (*adminpb.RefreshUserToGroupsMappingsResponseProto, error) {
	if err := s.administrator(ctx, "refreshUserToGroupsMapping"); err != nil {
		return nil, err
	}
	s.RefreshGroups()
	return &adminpb.RefreshUserToGroupsMappingsResponseProto{}, nil
}

func (s *Service) getGroupsForUser(_ context.Context, req *adminpb.GetGroupsForUserRequestProto) (*adminpb.GetGroupsForUserResponseProto, error) {
	return &adminpb.GetGroupsForUserResponseProto{Groups: s.Access.Groups(req.GetUser())}, nil
}
