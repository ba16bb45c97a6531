package client

import (
	"context"

	"heddle/hadoop-proto/common"
	"heddle/hadoop-proto/yarn"
)

const protocolApplicationClient = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"

// ApplicationClient is what clients ask a ResourceManager (ApplicationClientProtocol).
type ApplicationClient struct{ rpc caller }

// Close ends the connection.
func (c *ApplicationClient) Close() error { return c.rpc.Close() }

// GetNewApplication calls getNewApplication.
func (c *ApplicationClient) GetNewApplication(ctx context.Context, req *yarnpb.GetNewApplicationRequestProto) (*yarnpb.GetNewApplicationResponseProto, error) {
	return invoke[yarnpb.GetNewApplicationResponseProto](ctx, c.rpc, "getNewApplication", req)
}

// GetApplicationReport calls getApplicationReport.
func (c *ApplicationClient) GetApplicationReport(ctx context.Context, req *yarnpb.GetApplicationReportRequestProto) (*yarnpb.GetApplicationReportResponseProto, error) {
	return invoke[yarnpb.GetApplicationReportResponseProto](ctx, c.rpc, "getApplicationReport", req)
}

// SubmitApplication calls submitApplication.
func (c *ApplicationClient) SubmitApplication(ctx context.Context, req *yarnpb.SubmitApplicationRequestProto) (*yarnpb.SubmitApplicationResponseProto, error) {
	return invoke[yarnpb.SubmitApplicationResponseProto](ctx, c.rpc, "submitApplication", req)
}

// FailApplicationAttempt calls failApplicationAttempt.
func (c *ApplicationClient) FailApplicationAttempt(ctx context.Context, req *yarnpb.FailApplicationAttemptRequestProto) (*yarnpb.FailApplicationAttemptResponseProto, error) {
	return invoke[yarnpb.FailApplicationAttemptResponseProto](ctx, c.rpc, "failApplicationAttempt", req)
}

// ForceKillApplication calls forceKillApplication.
func (c *ApplicationClient) ForceKillApplication(ctx context.Context, req *yarnpb.KillApplicationRequestProto) (*yarnpb.KillApplicationResponseProto, error) {
	return invoke[yarnpb.KillApplicationResponseProto](ctx, c.rpc, "forceKillApplication", req)
}

// GetClusterMetrics calls getClusterMetrics.
func (c *ApplicationClient) GetClusterMetrics(ctx context.Context, req *yarnpb.GetClusterMetricsRequestProto) (*yarnpb.GetClusterMetricsResponseProto, error) {
	return invoke[yarnpb.GetClusterMetricsResponseProto](ctx, c.rpc, "getClusterMetrics", req)
}

// GetApplications calls getApplications.
func (c *ApplicationClient) GetApplications(ctx context.Context, req *yarnpb.GetApplicationsRequestProto) (*yarnpb.GetApplicationsResponseProto, error) {
	return invoke[yarnpb.GetApplicationsResponseProto](ctx, c.rpc, "getApplications", req)
}

// GetClusterNodes calls getClusterNodes.
func (c *ApplicationClient) GetClusterNodes(ctx context.Context, req *yarnpb.GetClusterNodesRequestProto) (*yarnpb.GetClusterNodesResponseProto, error) {
	return invoke[yarnpb.GetClusterNodesResponseProto](ctx, c.rpc, "getClusterNodes", req)
}

// GetQueueInfo calls getQueueInfo.
func (c *ApplicationClient) GetQueueInfo(ctx context.Context, req *yarnpb.GetQueueInfoRequestProto) (*yarnpb.GetQueueInfoResponseProto, error) {
	return invoke[yarnpb.GetQueueInfoResponseProto](ctx, c.rpc, "getQueueInfo", req)
}

// GetQueueUserAcls calls getQueueUserAcls.
func (c *ApplicationClient) GetQueueUserAcls(ctx context.Context, req *yarnpb.GetQueueUserAclsInfoRequestProto) (*yarnpb.GetQueueUserAclsInfoResponseProto, error) {
	return invoke[yarnpb.GetQueueUserAclsInfoResponseProto](ctx, c.rpc, "getQueueUserAcls", req)
}

// GetDelegationToken calls getDelegationToken.
func (c *ApplicationClient) GetDelegationToken(ctx context.Context, req *commonpb.GetDelegationTokenRequestProto) (*commonpb.GetDelegationTokenResponseProto, error) {
	return invoke[commonpb.GetDelegationTokenResponseProto](ctx, c.rpc, "getDelegationToken", req)
}

// RenewDelegationToken calls renewDelegationToken.
func (c *ApplicationClient) RenewDelegationToken(ctx context.Context, req *commonpb.RenewDelegationTokenRequestProto) (*commonpb.RenewDelegationTokenResponseProto, error) {
	return invoke[commonpb.RenewDelegationTokenResponseProto](ctx, c.rpc, "renewDelegationToken", req)
}

// CancelDelegationToken calls cancelDelegationToken.
func (c *ApplicationClient) CancelDelegationToken(ctx context.Context, req *commonpb.CancelDelegationTokenRequestProto) (*commonpb.CancelDelegationTokenResponseProto, error) {
	return invoke[commonpb.CancelDelegationTokenResponseProto](ctx, c.rpc, "cancelDelegationToken", req)
}

// MoveApplicationAcrossQueues calls moveApplicationAcrossQueues.
func (c *ApplicationClient) MoveApplicationAcrossQueues(ctx context.Context, req *yarnpb.MoveApplicationAcrossQueuesRequestProto) (*yarnpb.MoveApplicationAcrossQueuesResponseProto, error) {
	return invoke[yarnpb.MoveApplicationAcrossQueuesResponseProto](ctx, c.rpc, "moveApplicationAcrossQueues", req)
}

// GetApplicationAttemptReport calls getApplicationAttemptReport.
func (c *ApplicationClient) GetApplicationAttemptReport(ctx context.Context, req *yarnpb.GetApplicationAttemptReportRequestProto) (*yarnpb.GetApplicationAttemptReportResponseProto, error) {
	return invoke[yarnpb.GetApplicationAttemptReportResponseProto](ctx, c.rpc, "getApplicationAttemptReport", req)
}

// GetApplicationAttempts calls getApplicationAttempts.
func (c *ApplicationClient) GetApplicationAttempts(ctx context.Context, req *yarnpb.GetApplicationAttemptsRequestProto) (*yarnpb.GetApplicationAttemptsResponseProto, error) {
	return invoke[yarnpb.GetApplicationAttemptsResponseProto](ctx, c.rpc, "getApplicationAttempts", req)
}

// GetContainerReport calls getContainerReport.
func (c *ApplicationClient) GetContainerReport(ctx context.Context, req *yarnpb.GetContainerReportRequestProto) (*yarnpb.GetContainerReportResponseProto, error) {
	return invoke[yarnpb.GetContainerReportResponseProto](ctx, c.rpc, "getContainerReport", req)
}

// GetContainers calls getContainers.
func (c *ApplicationClient) GetContainers(ctx context.Context, req *yarnpb.GetContainersRequestProto) (*yarnpb.GetContainersResponseProto, error) {
	return invoke[yarnpb.GetContainersResponseProto](ctx, c.rpc, "getContainers", req)
}

// GetNewReservation calls getNewReservation.
func (c *ApplicationClient) GetNewReservation(ctx context.Context, req *yarnpb.GetNewReservationRequestProto) (*yarnpb.GetNewReservationResponseProto, error) {
	return invoke[yarnpb.GetNewReservationResponseProto](ctx, c.rpc, "getNewReservation", req)
}

// SubmitReservation calls submitReservation.
func (c *ApplicationClient) SubmitReservation(ctx context.Context, req *yarnpb.ReservationSubmissionRequestProto) (*yarnpb.ReservationSubmissionResponseProto, error) {
	return invoke[yarnpb.ReservationSubmissionResponseProto](ctx, c.rpc, "submitReservation", req)
}

// UpdateReservation calls updateReservation.
func (c *ApplicationClient) UpdateReservation(ctx context.Context, req *yarnpb.ReservationUpdateRequestProto) (*yarnpb.ReservationUpdateResponseProto, error) {
	return invoke[yarnpb.ReservationUpdateResponseProto](ctx, c.rpc, "updateReservation", req)
}

// DeleteReservation calls deleteReservation.
func (c *ApplicationClient) DeleteReservation(ctx context.Context, req *yarnpb.ReservationDeleteRequestProto) (*yarnpb.ReservationDeleteResponseProto, error) {
	return invoke[yarnpb.ReservationDeleteResponseProto](ctx, c.rpc, "deleteReservation", req)
}

// ListReservations calls listReservations.
func (c *ApplicationClient) ListReservations(ctx context.Context, req *yarnpb.ReservationListRequestProto) (*yarnpb.ReservationListResponseProto, error) {
	return invoke[yarnpb.ReservationListResponseProto](ctx, c.rpc, "listReservations", req)
}

// GetNodeToLabels calls getNodeToLabels.
func (c *ApplicationClient) GetNodeToLabels(ctx context.Context, req *yarnpb.GetNodesToLabelsRequestProto) (*yarnpb.GetNodesToLabelsResponseProto, error) {
	return invoke[yarnpb.GetNodesToLabelsResponseProto](ctx, c.rpc, "getNodeToLabels", req)
}

// GetLabelsToNodes calls getLabelsToNodes.
func (c *ApplicationClient) GetLabelsToNodes(ctx context.Context, req *yarnpb.GetLabelsToNodesRequestProto) (*yarnpb.GetLabelsToNodesResponseProto, error) {
	return invoke[yarnpb.GetLabelsToNodesResponseProto](ctx, c.rpc, "getLabelsToNodes", req)
}

// GetClusterNodeLabels calls getClusterNodeLabels.
func (c *ApplicationClient) GetClusterNodeLabels(ctx context.Context, req *yarnpb.GetClusterNodeLabelsRequestProto) (*yarnpb.GetClusterNodeLabelsResponseProto, error) {
	return invoke[yarnpb.GetClusterNodeLabelsResponseProto](ctx, c.rpc, "getClusterNodeLabels", req)
}

// UpdateApplicationPriority calls updateApplicationPriority.
func (c *ApplicationClient) UpdateApplicationPriority(ctx context.Context, req *yarnpb.UpdateApplicationPriorityRequestProto) (*yarnpb.UpdateApplicationPriorityResponseProto, error) {
	return invoke[yarnpb.UpdateApplicationPriorityResponseProto](ctx, c.rpc, "updateApplicationPriority", req)
}

// SignalToContainer calls signalToContainer.
func (c *ApplicationClient) SignalToContainer(ctx context.Context, req *yarnpb.SignalContainerRequestProto) (*yarnpb.SignalContainerResponseProto, error) {
	return invoke[yarnpb.SignalContainerResponseProto](ctx, c.rpc, "signalToContainer", req)
}

// UpdateApplicationTimeouts calls updateApplicationTimeouts.
func (c *ApplicationClient) UpdateApplicationTimeouts(ctx context.Context, req *yarnpb.UpdateApplicationTimeoutsRequestProto) (*yarnpb.UpdateApplicationTimeoutsResponseProto, error) {
	return invoke[yarnpb.UpdateApplicationTimeoutsResponseProto](ctx, c.rpc, "updateApplicationTimeouts", req)
}

// GetResourceProfiles calls getResourceProfiles.
func (c *ApplicationClient) GetResourceProfiles(ctx context.Context, req *yarnpb.GetAllResourceProfilesRequestProto) (*yarnpb.GetAllResourceProfilesResponseProto, error) {
	return invoke[yarnpb.GetAllResourceProfilesResponseProto](ctx, c.rpc, "getResourceProfiles", req)
}

// GetResourceProfile calls getResourceProfile.
func (c *ApplicationClient) GetResourceProfile(ctx context.Context, req *yarnpb.GetResourceProfileRequestProto) (*yarnpb.GetResourceProfileResponseProto, error) {
	return invoke[yarnpb.GetResourceProfileResponseProto](ctx, c.rpc, "getResourceProfile", req)
}

// GetResourceTypeInfo calls getResourceTypeInfo.
func (c *ApplicationClient) GetResourceTypeInfo(ctx context.Context, req *yarnpb.GetAllResourceTypeInfoRequestProto) (*yarnpb.GetAllResourceTypeInfoResponseProto, error) {
	return invoke[yarnpb.GetAllResourceTypeInfoResponseProto](ctx, c.rpc, "getResourceTypeInfo", req)
}

// GetClusterNodeAttributes calls getClusterNodeAttributes.
func (c *ApplicationClient) GetClusterNodeAttributes(ctx context.Context, req *yarnpb.GetClusterNodeAttributesRequestProto) (*yarnpb.GetClusterNodeAttributesResponseProto, error) {
	return invoke[yarnpb.GetClusterNodeAttributesResponseProto](ctx, c.rpc, "getClusterNodeAttributes", req)
}

// GetAttributesToNodes calls getAttributesToNodes.
func (c *ApplicationClient) GetAttributesToNodes(ctx context.Context, req *yarnpb.GetAttributesToNodesRequestProto) (*yarnpb.GetAttributesToNodesResponseProto, error) {
	return invoke[yarnpb.GetAttributesToNodesResponseProto](ctx, c.rpc, "getAttributesToNodes", req)
}

// GetNodesToAttributes calls getNodesToAttributes.
func (c *ApplicationClient) GetNodesToAttributes(ctx context.Context, req *yarnpb.GetNodesToAttributesRequestProto) (*yarnpb.GetNodesToAttributesResponseProto, error) {
	return invoke[yarnpb.GetNodesToAttributesResponseProto](ctx, c.rpc, "getNodesToAttributes", req)
}
