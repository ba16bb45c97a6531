package client

import (
	"context"

	"heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
)

const protocolApplicationMaster = "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB"

// ApplicationMaster is what an ApplicationMaster tells its ResourceManager (ApplicationMasterProtocol).
type ApplicationMaster struct{ rpc *rpc.Client }

// Close ends the connection.
func (c *ApplicationMaster) Close() error { return c.rpc.Close() }

// RegisterApplicationMaster calls registerApplicationMaster.
func (c *ApplicationMaster) RegisterApplicationMaster(ctx context.Context, req *yarnpb.RegisterApplicationMasterRequestProto) (*yarnpb.RegisterApplicationMasterResponseProto, error) {
	return invoke[yarnpb.RegisterApplicationMasterResponseProto](ctx, c.rpc, "registerApplicationMaster", req)
}

// FinishApplicationMaster calls finishApplicationMaster.
func (c *ApplicationMaster) FinishApplicationMaster(ctx context.Context, req *yarnpb.FinishApplicationMasterRequestProto) (*yarnpb.FinishApplicationMasterResponseProto, error) {
	return invoke[yarnpb.FinishApplicationMasterResponseProto](ctx, c.rpc, "finishApplicationMaster", req)
}

// Allocate calls allocate.
func (c *ApplicationMaster) Allocate(ctx context.Context, req *yarnpb.AllocateRequestProto) (*yarnpb.AllocateResponseProto, error) {
	return invoke[yarnpb.AllocateResponseProto](ctx, c.rpc, "allocate", req)
}
