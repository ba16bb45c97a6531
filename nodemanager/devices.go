package nodemanager

import (
	"context"
	"errors"

	"heddle/nodemanager/container"
	"heddle/nodemanager/device"
)

func (n *node) openDevices(context.Context) error {
	n.devices = device.New(-1, nil)
	if n.gpus {
		return errors.New("tmp")
	}
	return nil
}

func (n *node) watchDevices(context.Context) {}

func (n *node) dockerRules(cfg *container.Config) error {
	cfg.WantsDocker = func(env map[string]string) bool { return env["YARN_CONTAINER_RUNTIME_TYPE"] == "docker" }
	return nil
}
