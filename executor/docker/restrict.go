package docker

import (
	"fmt"
	"slices"
	"strings"
)

// Restrict narrows what yarn-site.xml allows to what container-executor.cfg allows too, as both must with Hadoop. A file
// that says nothing of Docker narrows nothing but mounts, which no other file allows.
func (p *Policy) Restrict(cfg map[string][]string) error {
	p.ROMounts, p.RWMounts = cfg["docker.allowed.ro-mounts"], cfg["docker.allowed.rw-mounts"]
	says := false
	for key := range cfg {
		says = says || strings.HasPrefix(key, "docker.")
	}
	if !says {
		return nil
	}
	on := func(key string) bool {
		return len(cfg[key]) == 1 && (strings.EqualFold(cfg[key][0], "true") || cfg[key][0] == "1")
	}
	if v := cfg["docker.module.enabled"]; v != nil && !on("docker.module.enabled") {
		return fmt.Errorf("container-executor.cfg: module.enabled=%s in [docker] forbids Docker, and yarn.nodemanager.runtime.linux.allowed-runtimes allows it: change one of them", strings.Join(v, ","))
	}
	if !on("docker.privileged-containers.enabled") {
		p.Privileged = nil
	}
	p.HostPID = p.HostPID && on("docker.host-pid-namespace.enabled")
	p.NoNewPrivileges = on("docker.no-new-privileges.enabled")
	p.Capabilities = both(p.Capabilities, cfg["docker.allowed.capabilities"], true)
	p.Networks = both(p.Networks, cfg["docker.allowed.networks"], false)
	p.Runtimes = both(p.Runtimes, cfg["docker.allowed.runtimes"], false)
	p.Registries = cfg["docker.trusted.registries"]
	p.PrivilegedRegistries = cfg["docker.privileged-containers.registries"]
	return nil
}

// both are the names of list that allowed holds too; all of them where nothing is allowed by name, unless that means none.
func both(list, allowed []string, strict bool) []string {
	if allowed == nil && !strict {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, s) })
	})
}

// from reports whether an image is of one of the registries: what is before its first slash, and "library" for the
// engine's own images, as with Hadoop.
func from(image string, registries []string) bool {
	registry, _, ok := strings.Cut(image, "/")
	if !ok {
		registry = "library"
	}
	return slices.Contains(registries, registry)
}

func (p *Policy) trusted(image string, privileged bool) error {
	if p.Registries != nil && !from(image, p.Registries) {
		return fmt.Errorf("image %s is of no registry that docker.trusted.registries of container-executor.cfg lists: %s", image, strings.Join(p.Registries, ", "))
	}
	if privileged && p.PrivilegedRegistries != nil && !from(image, p.PrivilegedRegistries) {
		return fmt.Errorf("image %s is of no registry that docker.privileged-containers.registries of container-executor.cfg lists: %s", image, strings.Join(p.PrivilegedRegistries, ", "))
	}
	return nil
}
