package nodemanager

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"heddle/executor"
	"heddle/executor/docker"
	"heddle/hadoop/security"
	"heddle/nodemanager/container"
	"heddle/nodemanager/launcher"
	"heddle/yarn"
)

const runtimeKey = "yarn.nodemanager.runtime.linux."

// openDocker makes a client of the engine where docker is an allowed runtime.
func (n *node) openDocker() error {
	if !slices.Contains(n.conf.Strings(runtimeKey+"allowed-runtimes", "default"), "docker") {
		return nil
	}
	d, err := docker.New(n.log)
	if err != nil {
		return err
	}
	n.docker = d
	n.onClose(func() { _ = d.Close() }) // idle connections
	return nil
}

// How long the NodeManager waits for the engine at its start, for one that removes containers, and before it asks again.
const (
	engineTimeout  = 5 * time.Second
	removalTimeout = 2 * time.Minute
	engineRetry    = 2 * time.Second
)

// endDockerLeftovers connects to the engine and removes what an earlier NodeManager left there and nobody knows; where the
// engine does not answer that is done once it does.
func (n *node) endDockerLeftovers(ctx context.Context) {
	if n.docker == nil {
		return
	}
	err := n.endLeftoversNow(ctx)
	if err == nil {
		return
	}
	n.log.Error("docker is an allowed runtime and its engine does not answer; Docker containers fail until it does", "error", err)
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.onClose(cancel)
	n.wg.Go(func() {
		for n.endLeftoversNow(later) != nil {
			select {
			case <-later.Done():
				return
			case <-time.After(engineRetry):
			}
		}
	})
}

func (n *node) endLeftoversNow(ctx context.Context) error {
	d := n.docker
	pinged, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	version, err := d.Ping(pinged)
	if err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, removalTimeout)
	defer cancel()
	known := func(task string) bool {
		id, err := yarn.ParseContainerID(task)
		return err == nil && n.manager.Known(id)
	}
	ended, err := d.EndLeftovers(ctx, n.localDirs, known)
	if err != nil {
		return err
	}
	n.log.Info("Docker engine", "version", version, "leftovers ended", ended)
	return nil
}

// dockerRules tells the containers what the administrator allows.
func (n *node) dockerRules(cfg *container.Config) error {
	p, err := n.dockerPolicy()
	if err != nil {
		return err
	}
	cfg.WantsDocker = p.Wanted
	cfg.CheckRuntime = func(env map[string]string) error {
		switch t := env[docker.EnvType]; {
		case t != "" && t != "default" && t != "docker":
			return fmt.Errorf("%s=%s is not supported by this NodeManager; default and docker are", docker.EnvType, t)
		case p.Wanted(env) && n.docker == nil:
			return fmt.Errorf("Docker containers are not allowed on this node: add docker to %sallowed-runtimes", runtimeKey) //nolint:revive // a name
		}
		return nil
	}
	if n.docker != nil {
		cfg.DockerExec = n.docker
	}
	cfg.DockerRequest = func(in container.DockerInput) (*executor.Docker, error) {
		d, err := p.Request(in.Env, in.User, in.Resource[0])
		if err != nil {
			return nil, err
		}
		var own []executor.Mount
		for _, x := range in.ReadWrite {
			own = append(own, executor.Mount{Source: x, Target: x})
		}
		for _, x := range in.ReadOnly {
			own = append(own, executor.Mount{Source: x, Target: x, ReadOnly: true})
		}
		d.Mounts = append(own, d.Mounts...)
		return d, nil
	}
	return nil
}

func (n *node) dockerPolicy() (*docker.Policy, error) {
	const key = runtimeKey + "docker."
	v := n.conf.Values()
	p := &docker.Policy{
		Networks:       v.Strings(key+"allowed-container-networks", "host", "none", "bridge"),
		DefaultNetwork: v.String(key+"default-container-network", "host"),
		Runtimes:       v.Strings(key+"allowed-container-runtimes", "runc"),
		Capabilities:   v.Strings(key + "capabilities"),
		DefaultImage:   v.String(key+"image-name", ""),
		UpdateImage:    v.Bool(key+"image-update", false),
		DefaultTmpfs:   v.Strings(key + "default-tmpfs-mounts"),
		HostPID:        v.Bool(key+"host-pid-namespace.allowed", false),
		KeepContainers: v.Bool(key+"delayed-removal.allowed", false),
		Ulimits:        v.Strings(key+"allowed-ulimits", "core", "memlock", "nofile", "nproc", "stack"),
		StopSeconds:    int(v.Duration(key+"stop.grace-period", 10*time.Second, time.Second) / time.Second),
		Default:        v.String(runtimeKey+"type", "") == "docker",
	}
	for _, kind := range []string{"ro", "rw"} {
		mounts, err := docker.ParseMounts(v.String(key+"default-"+kind+"-mounts", ""))
		if err != nil {
			v.Fail(fmt.Errorf("%sdefault-%s-mounts: %w", key, kind, err))
		}
		for _, m := range mounts {
			m.ReadOnly = kind == "ro"
			p.DefaultMounts = append(p.DefaultMounts, m)
		}
	}
	if v.Bool(key+"privileged-containers.allowed", false) {
		acl := security.ACLFrom(n.conf, key+"privileged-containers.acl", "")
		p.Privileged = func(user string) bool { return acl.Allows(user, n.groups) }
	}
	cfg, err := launcher.ReadLists(filepath.Join(n.opt.ConfigDir, "container-executor.cfg"))
	if err != nil {
		return nil, err
	}
	if err := p.Restrict(cfg); err != nil && n.docker != nil {
		return nil, err
	}
	return p, v.Err()
}
