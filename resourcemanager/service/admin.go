package service

import (
	"context"
	"errors"

	adminpb "heddle/hadoop-proto/admin"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/settings"
)

// AdminProtocol is the name of ResourceManagerAdministrationProtocol on the wire.
const AdminProtocol = "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB"

// Admin is ResourceManagerAdministrationProtocol.
func (s *Service) Admin() rpc.Protocol {
	sd := adminpb.File_hadoop_proto_admin_resourcemanager_administration_protocol_proto.Services().ByName("ResourceManagerAdministrationProtocolService")
	return protocol(AdminProtocol, sd, map[string]rpc.Method{
		"refreshQueues":                       rpc.Unary(s.refreshQueues),
		"refreshNodes":                        rpc.Unary(s.refreshNodes),
		"refreshSuperUserGroupsConfiguration": rpc.Unary(s.refreshSuperUserGroups),
		"refreshUserToGroupsMappings":         rpc.Unary(s.refreshUserToGroupsMappings),
		"refreshAdminAcls":                    rpc.Unary(s.refreshAdminACLs),
		"refreshServiceAcls":                  rpc.Unary(s.refreshServiceACLs),
		"refreshClusterMaxPriority":           rpc.Unary(s.refreshClusterMaxPriority),
		"getGroupsForUser":                    rpc.Unary(s.getGroupsForUser),
		"updateNodeResource":                  rpc.Unary(s.updateNodeResource),
		"refreshNodesResources":               rpc.Unary(s.refreshNodesResources),
		"checkForDecommissioningNodes":        rpc.Unary(s.checkForDecommissioningNodes),
		"addToClusterNodeLabels":              rpc.Unary(s.addToClusterNodeLabels),
		"removeFromClusterNodeLabels":         rpc.Unary(s.removeFromClusterNodeLabels),
		"replaceLabelsOnNodes":                rpc.Unary(s.replaceLabelsOnNodes),
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

// failureText is what an exception says.
func failureText(err error) string {
	var e *rpc.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// ioFailure is how Java's AdminService wraps an IOException.
func ioFailure(format string, args ...any) error {
	return rpc.Exception(rpc.ClassYarn, "java.io.IOException: "+format, args...)
}

// reread reads the configuration directory again, for the part that an operation takes over.
func (s *Service) reread() (*settings.Settings, error) {
	fresh, err := settings.Load(s.Settings.Dir)
	if err != nil {
		return nil, ioFailure("%v", err)
	}
	return fresh, nil
}

// refreshQueues takes over the queues of capacity-scheduler.xml.
func (s *Service) refreshQueues(ctx context.Context, _ *adminpb.RefreshQueuesRequestProto) (*adminpb.RefreshQueuesResponseProto, error) {
	if err := s.administrator(ctx, "refreshQueues"); err != nil {
		return nil, err
	}
	fresh, err := s.reread()
	if err != nil {
		return nil, err
	}
	s.queues.Lock() // the tree and its lists change together
	defer s.queues.Unlock()
	if err := s.Core.Reconfigure(ctx, fresh.Scheduler); err != nil {
		return nil, ioFailure("Failed to re-init queues : %v", err)
	}
	s.Access.SetQueues(fresh.Queues)
	return &adminpb.RefreshQueuesResponseProto{}, nil
}

func (s *Service) refreshSuperUserGroups(ctx context.Context, _ *adminpb.RefreshSuperUserGroupsConfigurationRequestProto) (*adminpb.RefreshSuperUserGroupsConfigurationResponseProto, error) {
	if err := s.administrator(ctx, "refreshSuperUserGroupsConfiguration"); err != nil {
		return nil, err
	}
	fresh, err := s.reread()
	if err != nil {
		return nil, err
	}
	if err := s.RefreshProxyUsers(fresh.Conf); err != nil {
		return nil, ioFailure("%v", err)
	}
	return &adminpb.RefreshSuperUserGroupsConfigurationResponseProto{}, nil
}

func (s *Service) refreshAdminACLs(ctx context.Context, _ *adminpb.RefreshAdminAclsRequestProto) (*adminpb.RefreshAdminAclsResponseProto, error) {
	if err := s.administrator(ctx, "refreshAdminAcls"); err != nil {
		return nil, err
	}
	fresh, err := s.reread()
	if err != nil {
		return nil, err
	}
	s.Access.SetAdmins(fresh.AdminACL)
	return &adminpb.RefreshAdminAclsResponseProto{}, nil
}

func (s *Service) refreshServiceACLs(ctx context.Context, _ *adminpb.RefreshServiceAclsRequestProto) (*adminpb.RefreshServiceAclsResponseProto, error) {
	if err := security.Authorizes(s.Settings.Conf); err != nil { // Hadoop looks at that first
		return nil, ioFailure("%v", err)
	}
	if err := s.administrator(ctx, "refreshServiceAcls"); err != nil {
		return nil, err
	}
	fresh, err := s.reread()
	if err != nil {
		return nil, err
	}
	if err := s.RefreshServiceACLs(fresh.Conf); err != nil {
		return nil, ioFailure("%v", err)
	}
	return &adminpb.RefreshServiceAclsResponseProto{}, nil
}

func (s *Service) refreshClusterMaxPriority(ctx context.Context, _ *adminpb.RefreshClusterMaxPriorityRequestProto) (*adminpb.RefreshClusterMaxPriorityResponseProto, error) {
	if err := s.administrator(ctx, "refreshClusterMaxPriority"); err != nil {
		return nil, err
	}
	fresh, err := s.reread()
	if err != nil {
		return nil, err
	}
	s.maxPriority.Store(&fresh.MaxPrio)
	return &adminpb.RefreshClusterMaxPriorityResponseProto{}, nil
}

func (s *Service) refreshUserToGroupsMappings(ctx context.Context, _ *adminpb.RefreshUserToGroupsMappingsRequestProto) (*adminpb.RefreshUserToGroupsMappingsResponseProto, error) {
	if err := s.administrator(ctx, "refreshUserToGroupsMappings"); err != nil {
		return nil, err
	}
	s.RefreshGroups()
	return &adminpb.RefreshUserToGroupsMappingsResponseProto{}, nil
}

func (s *Service) getGroupsForUser(ctx context.Context, req *adminpb.GetGroupsForUserRequestProto) (*adminpb.GetGroupsForUserResponseProto, error) {
	if err := s.administrator(ctx, "getGroupsForUser"); err != nil { // the one call that may only throw IOExceptions
		return nil, rpc.Exception("java.io.IOException", "%s: %s", rpc.ClassYarn, failureText(err))
	}
	return &adminpb.GetGroupsForUserResponseProto{Groups: s.Access.Groups(req.GetUser())}, nil
}
