package docker

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"heddle/executor"
)

// Policy is what the administrator allows.
type Policy struct {
	Networks             []string
	DefaultNetwork       string
	Runtimes             []string
	Capabilities         []string // what every container has
	DefaultImage         string
	UpdateImage          bool
	ROMounts             []string // prefixes that users may mount to read (container-executor.cfg, docker.allowed.ro-mounts)
	RWMounts             []string // and to write
	DefaultMounts        []executor.Mount
	DefaultTmpfs         []string
	Privileged           func(user string) bool
	HostPID              bool
	KeepContainers       bool // delayed removal may be asked for
	Ulimits              []string
	StopSeconds          int
	NoNewPrivileges      bool     // of containers that are not privileged
	Registries           []string // that images must be of; nil: any
	PrivilegedRegistries []string // and those of privileged containers; nil: any
	Allowed, Default     bool     // the runtime may be asked for; it is what containers get without asking
}

// Names of the environment variables by which clients ask. SHM_SIZE and ULIMITS are ours; the others are Hadoop's.
const (
	EnvType = "YARN_CONTAINER_RUNTIME_TYPE"
	prefix  = "YARN_CONTAINER_RUNTIME_DOCKER_"
)

// Wanted reports whether a container's environment asks for Docker.
func (p *Policy) Wanted(env map[string]string) bool {
	t, ok := env[EnvType]
	return ok && t == "docker" || !ok && p.Default
}

// Request is the container that an environment asks for, or why it may not have it.
func (p *Policy) Request(env map[string]string, user string, memoryMB int64) (*executor.Docker, error) {
	get := func(name string) string { return strings.TrimSpace(env[prefix+name]) }
	for name := range env {
		if n, ok := strings.CutPrefix(name, prefix); ok && !slices.Contains(known, n) {
			return nil, fmt.Errorf("%s is not supported by this NodeManager", name)
		}
	}
	d := &executor.Docker{Image: get("IMAGE"), UpdateImage: p.UpdateImage, Hostname: get("CONTAINER_HOSTNAME"), Capabilities: p.Capabilities,
		Mounts: p.DefaultMounts, Tmpfs: append(slices.Clone(p.DefaultTmpfs), list(get("TMPFS_MOUNTS"))...), Ports: list(get("PORTS_MAPPING")), StopSeconds: p.StopSeconds}
	if d.Image == "" {
		d.Image = p.DefaultImage
	}
	if d.Image == "" {
		return nil, fmt.Errorf("%sIMAGE not set", prefix)
	}
	if strings.HasPrefix(d.Image, "-") || strings.ContainsAny(d.Image, " \t\n") {
		return nil, fmt.Errorf("Image name '%s' doesn't match docker image name pattern", d.Image) //nolint:revive // Hadoop's text
	}
	if get("RUN_OVERRIDE_DISABLE") == "true" {
		return nil, fmt.Errorf("%sRUN_OVERRIDE_DISABLE: running an image's own entry point is not supported by this NodeManager yet", prefix)
	}
	if err := p.choices(d, get); err != nil {
		return nil, err
	}
	if err := p.privileges(d, get, user); err != nil {
		return nil, err
	}
	if err := p.trusted(d.Image, d.Privileged); err != nil {
		return nil, err
	}
	d.NoNewPrivileges = p.NoNewPrivileges && !d.Privileged
	mounts, err := p.mounts(get("MOUNTS"))
	if err != nil {
		return nil, err
	}
	d.Mounts = append(slices.Clone(d.Mounts), mounts...)
	return d, p.sizes(d, get, memoryMB)
}

var known = []string{"IMAGE", "CONTAINER_NETWORK", "CONTAINER_HOSTNAME", "CONTAINER_PID_NAMESPACE", "RUN_OVERRIDE_DISABLE", "RUN_PRIVILEGED_CONTAINER",
	"MOUNTS", "TMPFS_MOUNTS", "DELAYED_REMOVAL", "PORTS_MAPPING", "RUNTIME", "SHM_SIZE", "ULIMITS"}

func (p *Policy) choices(d *executor.Docker, get func(string) string) error {
	d.Network, d.Runtime = get("CONTAINER_NETWORK"), get("RUNTIME")
	if d.Network == "" {
		d.Network = p.DefaultNetwork
	}
	if !slices.Contains(p.Networks, d.Network) {
		return fmt.Errorf("Disallowed network:  '%s' specified. Allowed networks: are %v (yarn.nodemanager.runtime.linux.docker.allowed-container-networks)", d.Network, p.Networks) //nolint:revive // Hadoop's text
	}
	if d.Runtime != "" && !slices.Contains(p.Runtimes, d.Runtime) {
		return fmt.Errorf("Disallowed runtime:  '%s' specified. Allowed runtimes: are %v (yarn.nodemanager.runtime.linux.docker.allowed-container-runtimes)", d.Runtime, p.Runtimes) //nolint:revive // Hadoop's text
	}
	if len(d.Ports) > 0 && d.Network == "host" {
		return fmt.Errorf("%sPORTS_MAPPING needs a network other than host", prefix)
	}
	return nil
}

func (p *Policy) privileges(d *executor.Docker, get func(string) string, user string) error {
	if get("RUN_PRIVILEGED_CONTAINER") == "true" {
		if p.Privileged == nil || !p.Privileged(user) {
			return fmt.Errorf("Cannot launch privileged container. Submitting user (%s) fails ACL check. See yarn.nodemanager.runtime.linux.docker.privileged-containers.allowed and .acl", user) //nolint:revive // Hadoop's text
		}
		d.Privileged = true
	}
	switch ns := get("CONTAINER_PID_NAMESPACE"); {
	case ns == "":
	case ns != "host":
		return fmt.Errorf("%sCONTAINER_PID_NAMESPACE: only host is possible, not %q", prefix, ns)
	case !p.HostPID:
		return fmt.Errorf("the host's pid namespace is not allowed (yarn.nodemanager.runtime.linux.docker.host-pid-namespace.allowed)")
	default:
		d.PIDNamespace = ns
	}
	if get("DELAYED_REMOVAL") == "true" {
		if !p.KeepContainers {
			return fmt.Errorf("delayed removal is not allowed (yarn.nodemanager.runtime.linux.docker.delayed-removal.allowed)")
		}
		d.KeepContainer = true
	}
	return nil
}

func list(s string) []string {
	var out []string
	for x := range strings.SplitSeq(s, ",") {
		if x = strings.TrimSpace(x); x != "" {
			out = append(out, x)
		}
	}
	return out
}

var propagations = []string{"shared", "rshared", "slave", "rslave", "private", "rprivate"}

// ParseMounts reads "source:target[:ro|rw[+propagation]],…".
func ParseMounts(s string) ([]executor.Mount, error) {
	var out []executor.Mount
	for _, x := range list(s) {
		parts := strings.Split(x, ":")
		if len(parts) < 2 || len(parts) > 3 || !filepath.IsAbs(parts[0]) || !filepath.IsAbs(parts[1]) {
			return nil, fmt.Errorf("mount %q: want source:target:mode with absolute paths", x)
		}
		m := executor.Mount{Source: filepath.Clean(parts[0]), Target: filepath.Clean(parts[1])}
		mode := "rw"
		if len(parts) == 3 {
			mode, m.Propagation, _ = strings.Cut(parts[2], "+")
		}
		if mode != "ro" && mode != "rw" || m.Propagation != "" && !slices.Contains(propagations, m.Propagation) {
			return nil, fmt.Errorf("mount %q: the mode is ro or rw, with +shared, +slave, +private or their recursive forms", x)
		}
		m.ReadOnly = mode == "ro"
		out = append(out, m)
	}
	return out, nil
}

// mounts allows what lies below the administrator's prefixes, links resolved.
func (p *Policy) mounts(s string) ([]executor.Mount, error) {
	mounts, err := ParseMounts(s)
	if err != nil {
		return nil, err
	}
	for i, m := range mounts {
		real, err := filepath.EvalSymlinks(m.Source)
		if err != nil {
			return nil, fmt.Errorf("mount of %s: %w", m.Source, err)
		}
		if !below(real, p.RWMounts) && !(m.ReadOnly && below(real, p.ROMounts)) {
			return nil, fmt.Errorf("mount of %s is not allowed; the administrator lists what is under docker.allowed.ro-mounts and docker.allowed.rw-mounts in container-executor.cfg", m.Source)
		}
		mounts[i].Source = real // the engine mounts what was checked, whatever the link says by then
	}
	return mounts, nil
}

func below(p string, prefixes []string) bool {
	for _, x := range prefixes {
		if x = filepath.Clean(x); p == x || x == "/" || strings.HasPrefix(p, x+"/") {
			return true
		}
	}
	return false
}

// sizes reads shared memory, which counts as the container's own, and ulimits.
func (p *Policy) sizes(d *executor.Docker, get func(string) string, memoryMB int64) error {
	if s := get("SHM_SIZE"); s != "" {
		n, err := units.RAMInBytes(s)
		if err != nil || n <= 0 || n > memoryMB<<20 {
			return fmt.Errorf("%sSHM_SIZE=%s: want a size such as 512m, at most the container's %d MB", prefix, s, memoryMB)
		}
		d.ShmBytes = n
	}
	for _, x := range list(get("ULIMITS")) {
		name, value, _ := strings.Cut(x, "=")
		if !slices.Contains(p.Ulimits, name) {
			return fmt.Errorf("%sULIMITS: %q is not allowed; allowed are %v (yarn.nodemanager.runtime.linux.docker.allowed-ulimits)", prefix, name, p.Ulimits)
		}
		soft, hard, two := strings.Cut(value, ":")
		if !two {
			hard = soft
		}
		s, err1 := strconv.ParseInt(soft, 10, 64)
		h, err2 := strconv.ParseInt(hard, 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%sULIMITS: %q: want name=soft[:hard] with numbers, -1 for no limit", prefix, x)
		}
		d.Ulimits = append(d.Ulimits, executor.Ulimit{Name: name, Soft: s, Hard: h})
	}
	return nil
}
