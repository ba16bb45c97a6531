package applicationmaster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"heddle/applicationmaster/framework"
	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/job/rendezvous"
	"heddle/jobspec"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// nodeTimeout bounds one call to a NodeManager.
const nodeTimeout = time.Minute

// launch starts a container on its node and tells the core how that went.
func (m *master) launch(l framework.Launch, secret []byte) {
	m.wg.Go(func() {
		m.slots <- struct{}{}
		defer func() { <-m.slots }()
		reason, transient := m.start(l, secret)
		if reason != "" {
			m.Log.Warn("a container was not started", "container", l.Grant.ID, "node", l.Grant.Node, "reason", reason)
		}
		m.tell(func() {
			if reason != "" {
				m.core.job.StartFailed(time.Now(), l.Grant.ID, reason, transient)
				return
			}
			m.core.job.Started(time.Now(), l.Grant.ID)
		})
	})
}

// start returns why a container was not started; transient is true where its node could not be spoken to.
func (m *master) start(l framework.Launch, secret []byte) (reason string, transient bool) {
	token, ok := l.Grant.Token.(*commonpb.TokenProto)
	if !ok {
		return "the ResourceManager sent no token with the container", false
	}
	lc, err := m.context(l.Role, secret)
	if err != nil {
		return err.Error(), false
	}
	nm, err := m.nodes.Node(l.Grant.Node)
	if err != nil {
		return err.Error(), true
	}
	ctx, cancel := context.WithTimeout(context.Background(), nodeTimeout)
	defer cancel()
	err = nm.Start(ctx, l.Grant.ID, &yarnpb.StartContainerRequestProto{ContainerLaunchContext: lc, ContainerToken: token})
	var refused *client.Refused
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("node %s refuses it: %s", l.Grant.Node, refused.Message), false
	case err != nil:
		return fmt.Sprintf("node %s: %v", l.Grant.Node, err), true
	}
	return "", false
}

// stop ends a started container; the ResourceManager reports its end.
func (m *master) stop(id yarn.ContainerID) {
	node, ok := m.core.job.Node(id)
	if !ok {
		return
	}
	m.wg.Go(func() {
		m.slots <- struct{}{}
		defer func() { <-m.slots }()
		nm, err := m.nodes.Node(node)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), nodeTimeout)
			defer cancel()
			_, err = nm.StopContainers(ctx, &yarnpb.StopContainersRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
		}
		if err != nil { // it is released in the end, which stops it, too
			m.Log.Warn("a container was not stopped", "container", id, "node", node, "error", err)
		}
	})
}

// Names of the environment by which a NodeManager is asked for Docker; all but SHM_SIZE are Hadoop's.
const (
	envRuntime = "YARN_CONTAINER_RUNTIME_TYPE"
	envDocker  = "YARN_CONTAINER_RUNTIME_DOCKER_"
)

// context is what a task's container runs: the agent, with the configuration and the task's secret.
func (m *master) context(r *jobspec.Role, secret []byte) (*yarnpb.ContainerLaunchContextProto, error) {
	credentials := security.NewCredentials()
	credentials.Secrets[rendezvous.SecretAlias] = secret
	env := map[string]string{
		rendezvous.EnvAddress: m.address(),
		rendezvous.EnvConf:    "{{PWD}}/" + rendezvous.ConfName,
		"HADOOP_USER_NAME":    m.Launch.Framework.User,
		envRuntime:            "default",
	}
	if m.Launch.Docker && r.Image != "" {
		env[envRuntime] = "docker"
		env[envDocker+"IMAGE"] = r.Image
		env[envDocker+"CONTAINER_NETWORK"] = "host" // tasks find each other by their hosts' addresses, as in OpenPAI
		env[envDocker+"SHM_SIZE"] = strconv.Itoa(min(r.ShmMB, r.MemoryMB)) + "m"
	}
	agent, err := m.Launch.Agent.Local(yarnpb.LocalResourceVisibilityProto_PUBLIC)
	if err != nil {
		return nil, err
	}
	config, err := m.Launch.Conf.Local(yarnpb.LocalResourceVisibilityProto_APPLICATION)
	if err != nil {
		return nil, err
	}
	lc := &yarnpb.ContainerLaunchContextProto{
		Tokens: credentials.Marshal(),
		LocalResources: []*yarnpb.StringLocalResourceMapProto{
			{Key: new(rendezvous.AgentName), Value: agent},
			{Key: new(rendezvous.ConfName), Value: config},
		},
		Command: []string{"exec ./" + rendezvous.AgentName + " run 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr"},
	}
	for name, value := range env {
		lc.Environment = append(lc.Environment, &yarnpb.StringStringMapProto{Key: new(name), Value: new(value)})
	}
	return lc, nil
}
