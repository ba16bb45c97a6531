package service

import (
	"context"

	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// SignalAs sends a signal (SignalContainerCommandProto's number) to a live container of v for user, who may change it.
func (s *Service) SignalAs(ctx context.Context, user string, v *core.AppView, id yarn.ContainerID, command int32) error {
	if err := s.modifiable(v, user); err != nil {
		return err
	}
	ok, err := s.Core.SignalContainer(ctx, id, command)
	if err != nil {
		return failure(err)
	}
	if !ok {
		return absentContainer(id)
	}
	return nil
}

func absentContainer(id yarn.ContainerID) error {
	return rpc.Exception(rpc.ClassYarn, "Trying to signal an absent container %s", id)
}
