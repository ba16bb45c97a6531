package client

import (
	"context"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/wire"
)

const protocolContainerManagement = "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB"

// ContainerManagement starts, watches and stops containers on one NodeManager (ContainerManagementProtocol).
type ContainerManagement struct{ rpc caller }

// Close ends the connection.
func (c *ContainerManagement) Close() error { return c.rpc.Close() }

// Refused is a NodeManager's answer to the start of a container.
type Refused struct{ Class, Message string }

func (r *Refused) Error() string { return r.Class + ": " + r.Message }

// Start starts one container; where the node says no, the error is a *Refused. A node that refuses because an earlier
// try's answer was lost, and the container is there, has started it.
func (c *ContainerManagement) Start(ctx context.Context, id yarn.ContainerID, req *yarnpb.StartContainerRequestProto) error {
	resp, err := c.StartContainers(ctx, &yarnpb.StartContainersRequestProto{StartContainerRequest: []*yarnpb.StartContainerRequestProto{req}})
	if err != nil || len(resp.GetFailedRequests()) == 0 {
		return err
	}
	there, err := c.GetContainerStatuses(ctx, &yarnpb.GetContainerStatusesRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
	if err == nil && len(there.GetStatus()) == 1 {
		return nil
	}
	e := resp.GetFailedRequests()[0].GetException()
	return &Refused{e.GetClassName(), e.GetMessage()}
}

// StartContainers calls startContainers.
func (c *ContainerManagement) StartContainers(ctx context.Context, req *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
	return invoke[yarnpb.StartContainersResponseProto](ctx, c.rpc, "startContainers", req)
}

// StopContainers calls stopContainers.
func (c *ContainerManagement) StopContainers(ctx context.Context, req *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
	return invoke[yarnpb.StopContainersResponseProto](ctx, c.rpc, "stopContainers", req)
}

// GetContainerStatuses calls getContainerStatuses.
func (c *ContainerManagement) GetContainerStatuses(ctx context.Context, req *yarnpb.GetContainerStatusesRequestProto) (*yarnpb.GetContainerStatusesResponseProto, error) {
	return invoke[yarnpb.GetContainerStatusesResponseProto](ctx, c.rpc, "getContainerStatuses", req)
}

// IncreaseContainersResource calls increaseContainersResource.
func (c *ContainerManagement) IncreaseContainersResource(ctx context.Context, req *yarnpb.IncreaseContainersResourceRequestProto) (*yarnpb.IncreaseContainersResourceResponseProto, error) {
	return invoke[yarnpb.IncreaseContainersResourceResponseProto](ctx, c.rpc, "increaseContainersResource", req)
}

// UpdateContainer calls updateContainer.
func (c *ContainerManagement) UpdateContainer(ctx context.Context, req *yarnpb.ContainerUpdateRequestProto) (*yarnpb.ContainerUpdateResponseProto, error) {
	return invoke[yarnpb.ContainerUpdateResponseProto](ctx, c.rpc, "updateContainer", req)
}

// SignalToContainer calls signalToContainer.
func (c *ContainerManagement) SignalToContainer(ctx context.Context, req *yarnpb.SignalContainerRequestProto) (*yarnpb.SignalContainerResponseProto, error) {
	return invoke[yarnpb.SignalContainerResponseProto](ctx, c.rpc, "signalToContainer", req)
}

// Localize calls localize.
func (c *ContainerManagement) Localize(ctx context.Context, req *yarnpb.ResourceLocalizationRequestProto) (*yarnpb.ResourceLocalizationResponseProto, error) {
	return invoke[yarnpb.ResourceLocalizationResponseProto](ctx, c.rpc, "localize", req)
}

// ReInitializeContainer calls reInitializeContainer.
func (c *ContainerManagement) ReInitializeContainer(ctx context.Context, req *yarnpb.ReInitializeContainerRequestProto) (*yarnpb.ReInitializeContainerResponseProto, error) {
	return invoke[yarnpb.ReInitializeContainerResponseProto](ctx, c.rpc, "reInitializeContainer", req)
}

// RestartContainer calls restartContainer.
func (c *ContainerManagement) RestartContainer(ctx context.Context, req *yarnpb.ContainerIdProto) (*yarnpb.RestartContainerResponseProto, error) {
	return invoke[yarnpb.RestartContainerResponseProto](ctx, c.rpc, "restartContainer", req)
}

// RollbackLastReInitialization calls rollbackLastReInitialization.
func (c *ContainerManagement) RollbackLastReInitialization(ctx context.Context, req *yarnpb.ContainerIdProto) (*yarnpb.RollbackResponseProto, error) {
	return invoke[yarnpb.RollbackResponseProto](ctx, c.rpc, "rollbackLastReInitialization", req)
}

// CommitLastReInitialization calls commitLastReInitialization.
func (c *ContainerManagement) CommitLastReInitialization(ctx context.Context, req *yarnpb.ContainerIdProto) (*yarnpb.CommitResponseProto, error) {
	return invoke[yarnpb.CommitResponseProto](ctx, c.rpc, "commitLastReInitialization", req)
}

// GetLocalizationStatuses calls getLocalizationStatuses.
func (c *ContainerManagement) GetLocalizationStatuses(ctx context.Context, req *yarnpb.GetLocalizationStatusesRequestProto) (*yarnpb.GetLocalizationStatusesResponseProto, error) {
	return invoke[yarnpb.GetLocalizationStatusesResponseProto](ctx, c.rpc, "getLocalizationStatuses", req)
}
