package client

import (
	"context"

	"heddle/hadoop-proto/admin"
)

const protocolAdministration = "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB"

// Administration is what administrators ask a ResourceManager (ResourceManagerAdministrationProtocol).
type Administration struct{ rpc caller }

// Close ends the connection.
func (c *Administration) Close() error { return c.rpc.Close() }

// RefreshQueues calls refreshQueues.
func (c *Administration) RefreshQueues(ctx context.Context, req *adminpb.RefreshQueuesRequestProto) (*adminpb.RefreshQueuesResponseProto, error) {
	return invoke[adminpb.RefreshQueuesResponseProto](ctx, c.rpc, "refreshQueues", req)
}

// RefreshNodes calls refreshNodes.
func (c *Administration) RefreshNodes(ctx context.Context, req *adminpb.RefreshNodesRequestProto) (*adminpb.RefreshNodesResponseProto, error) {
	return invoke[adminpb.RefreshNodesResponseProto](ctx, c.rpc, "refreshNodes", req)
}

// RefreshSuperUserGroupsConfiguration calls refreshSuperUserGroupsConfiguration.
func (c *Administration) RefreshSuperUserGroupsConfiguration(ctx context.Context, req *adminpb.RefreshSuperUserGroupsConfigurationRequestProto) (*adminpb.RefreshSuperUserGroupsConfigurationResponseProto, error) {
	return invoke[adminpb.RefreshSuperUserGroupsConfigurationResponseProto](ctx, c.rpc, "refreshSuperUserGroupsConfiguration", req)
}

// RefreshUserToGroupsMappings calls refreshUserToGroupsMappings.
func (c *Administration) RefreshUserToGroupsMappings(ctx context.Context, req *adminpb.RefreshUserToGroupsMappingsRequestProto) (*adminpb.RefreshUserToGroupsMappingsResponseProto, error) {
	return invoke[adminpb.RefreshUserToGroupsMappingsResponseProto](ctx, c.rpc, "refreshUserToGroupsMappings", req)
}

// RefreshAdminAcls calls refreshAdminAcls.
func (c *Administration) RefreshAdminAcls(ctx context.Context, req *adminpb.RefreshAdminAclsRequestProto) (*adminpb.RefreshAdminAclsResponseProto, error) {
	return invoke[adminpb.RefreshAdminAclsResponseProto](ctx, c.rpc, "refreshAdminAcls", req)
}

// RefreshServiceAcls calls refreshServiceAcls.
func (c *Administration) RefreshServiceAcls(ctx context.Context, req *adminpb.RefreshServiceAclsRequestProto) (*adminpb.RefreshServiceAclsResponseProto, error) {
	return invoke[adminpb.RefreshServiceAclsResponseProto](ctx, c.rpc, "refreshServiceAcls", req)
}

// GetGroupsForUser calls getGroupsForUser.
func (c *Administration) GetGroupsForUser(ctx context.Context, req *adminpb.GetGroupsForUserRequestProto) (*adminpb.GetGroupsForUserResponseProto, error) {
	return invoke[adminpb.GetGroupsForUserResponseProto](ctx, c.rpc, "getGroupsForUser", req)
}

// UpdateNodeResource calls updateNodeResource.
func (c *Administration) UpdateNodeResource(ctx context.Context, req *adminpb.UpdateNodeResourceRequestProto) (*adminpb.UpdateNodeResourceResponseProto, error) {
	return invoke[adminpb.UpdateNodeResourceResponseProto](ctx, c.rpc, "updateNodeResource", req)
}

// RefreshNodesResources calls refreshNodesResources.
func (c *Administration) RefreshNodesResources(ctx context.Context, req *adminpb.RefreshNodesResourcesRequestProto) (*adminpb.RefreshNodesResourcesResponseProto, error) {
	return invoke[adminpb.RefreshNodesResourcesResponseProto](ctx, c.rpc, "refreshNodesResources", req)
}

// AddToClusterNodeLabels calls addToClusterNodeLabels.
func (c *Administration) AddToClusterNodeLabels(ctx context.Context, req *adminpb.AddToClusterNodeLabelsRequestProto) (*adminpb.AddToClusterNodeLabelsResponseProto, error) {
	return invoke[adminpb.AddToClusterNodeLabelsResponseProto](ctx, c.rpc, "addToClusterNodeLabels", req)
}

// RemoveFromClusterNodeLabels calls removeFromClusterNodeLabels.
func (c *Administration) RemoveFromClusterNodeLabels(ctx context.Context, req *adminpb.RemoveFromClusterNodeLabelsRequestProto) (*adminpb.RemoveFromClusterNodeLabelsResponseProto, error) {
	return invoke[adminpb.RemoveFromClusterNodeLabelsResponseProto](ctx, c.rpc, "removeFromClusterNodeLabels", req)
}

// ReplaceLabelsOnNodes calls replaceLabelsOnNodes.
func (c *Administration) ReplaceLabelsOnNodes(ctx context.Context, req *adminpb.ReplaceLabelsOnNodeRequestProto) (*adminpb.ReplaceLabelsOnNodeResponseProto, error) {
	return invoke[adminpb.ReplaceLabelsOnNodeResponseProto](ctx, c.rpc, "replaceLabelsOnNodes", req)
}

// CheckForDecommissioningNodes calls checkForDecommissioningNodes.
func (c *Administration) CheckForDecommissioningNodes(ctx context.Context, req *adminpb.CheckForDecommissioningNodesRequestProto) (*adminpb.CheckForDecommissioningNodesResponseProto, error) {
	return invoke[adminpb.CheckForDecommissioningNodesResponseProto](ctx, c.rpc, "checkForDecommissioningNodes", req)
}

// RefreshClusterMaxPriority calls refreshClusterMaxPriority.
func (c *Administration) RefreshClusterMaxPriority(ctx context.Context, req *adminpb.RefreshClusterMaxPriorityRequestProto) (*adminpb.RefreshClusterMaxPriorityResponseProto, error) {
	return invoke[adminpb.RefreshClusterMaxPriorityResponseProto](ctx, c.rpc, "refreshClusterMaxPriority", req)
}

// MapAttributesToNodes calls mapAttributesToNodes.
func (c *Administration) MapAttributesToNodes(ctx context.Context, req *adminpb.NodesToAttributesMappingRequestProto) (*adminpb.NodesToAttributesMappingResponseProto, error) {
	return invoke[adminpb.NodesToAttributesMappingResponseProto](ctx, c.rpc, "mapAttributesToNodes", req)
}

// DeregisterSubCluster calls deregisterSubCluster.
func (c *Administration) DeregisterSubCluster(ctx context.Context, req *adminpb.DeregisterSubClusterRequestProto) (*adminpb.DeregisterSubClusterResponseProto, error) {
	return invoke[adminpb.DeregisterSubClusterResponseProto](ctx, c.rpc, "deregisterSubCluster", req)
}

// SaveFederationQueuePolicy calls saveFederationQueuePolicy.
func (c *Administration) SaveFederationQueuePolicy(ctx context.Context, req *adminpb.SaveFederationQueuePolicyRequestProto) (*adminpb.SaveFederationQueuePolicyResponseProto, error) {
	return invoke[adminpb.SaveFederationQueuePolicyResponseProto](ctx, c.rpc, "saveFederationQueuePolicy", req)
}

// BatchSaveFederationQueuePolicies calls batchSaveFederationQueuePolicies.
func (c *Administration) BatchSaveFederationQueuePolicies(ctx context.Context, req *adminpb.BatchSaveFederationQueuePoliciesRequestProto) (*adminpb.BatchSaveFederationQueuePoliciesResponseProto, error) {
	return invoke[adminpb.BatchSaveFederationQueuePoliciesResponseProto](ctx, c.rpc, "batchSaveFederationQueuePolicies", req)
}

// ListFederationQueuePolicies calls listFederationQueuePolicies.
func (c *Administration) ListFederationQueuePolicies(ctx context.Context, req *adminpb.QueryFederationQueuePoliciesRequestProto) (*adminpb.QueryFederationQueuePoliciesResponseProto, error) {
	return invoke[adminpb.QueryFederationQueuePoliciesResponseProto](ctx, c.rpc, "listFederationQueuePolicies", req)
}

// DeleteFederationApplication calls deleteFederationApplication.
func (c *Administration) DeleteFederationApplication(ctx context.Context, req *adminpb.DeleteFederationApplicationRequestProto) (*adminpb.DeleteFederationApplicationResponseProto, error) {
	return invoke[adminpb.DeleteFederationApplicationResponseProto](ctx, c.rpc, "deleteFederationApplication", req)
}

// GetFederationSubClusters calls getFederationSubClusters.
func (c *Administration) GetFederationSubClusters(ctx context.Context, req *adminpb.GetSubClustersRequestProto) (*adminpb.GetSubClustersResponseProto, error) {
	return invoke[adminpb.GetSubClustersResponseProto](ctx, c.rpc, "getFederationSubClusters", req)
}

// DeleteFederationPoliciesByQueues calls deleteFederationPoliciesByQueues.
func (c *Administration) DeleteFederationPoliciesByQueues(ctx context.Context, req *adminpb.DeleteFederationQueuePoliciesRequestProto) (*adminpb.DeleteFederationQueuePoliciesResponseProto, error) {
	return invoke[adminpb.DeleteFederationQueuePoliciesResponseProto](ctx, c.rpc, "deleteFederationPoliciesByQueues", req)
}
