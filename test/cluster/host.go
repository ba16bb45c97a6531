//go:build interop

package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Rendezvous is the address of this machine at which hosts find its daemons. They do not find each other.
const Rendezvous = "10.213.0.1"

// moveOutside has the daemons found beyond the loopback interface.
func moveOutside(site map[string]string) {
	for key, value := range site {
		site[key] = strings.Replace(value, "127.0.0.1:", Rendezvous+":", 1)
	}
	site["yarn.resourcemanager.bind-host"] = "0.0.0.0" // the test itself asks at 127.0.0.1
	site["yarn.nodemanager.hostname"] = Rendezvous
}

// Host is a machine of its own as far as the network goes: a network namespace with a NodeManager in it.
type Host struct {
	c       *Cluster
	name    string
	address string // of the host, as others see it
	gateway string // this machine's, as the host sees it
	nm      *process
}

// elsewhere is a link-layer address that nobody has: what is sent there is lost without a word.
const elsewhere = "02:00:00:00:00:ff"

// AddHost makes the number'th host (1 to 200) of a cluster with Options.Outside and starts a NodeManager
// of kind there, with the cluster's configuration. It returns when the node is active. Close ends it.
func (c *Cluster) AddHost(ctx context.Context, number int, kind Kind) (*Host, error) {
	h := &Host{c: c, name: fmt.Sprintf("hdl%d-%d", os.Getpid(), number), address: fmt.Sprintf("10.213.%d.2", number), gateway: fmt.Sprintf("10.213.%d.1", number)}
	if err := h.connect(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	conf, err := h.writeConf()
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	env := []string{"HADOOP_CONF_DIR=" + conf, "YARN_CONF_DIR=" + conf, "HADOOP_LOG_DIR=" + filepath.Join(h.dir(), "daemon-logs")}
	// not by ip, which hides the cgroups; names are known at once, and nobody waits for a name server out of reach
	argv := []string{"nsenter", "--net=/run/netns/" + h.name, "unshare", "--mount", "sh", "-c",
		"mount --bind " + h.dir() + "/hosts /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec \"$@\"", "sh"}
	if kind == Java {
		argv = append(argv, javaCommand(conf+":"+c.jars+"/*", nodeManagerClass)...)
	} else {
		argv = append(append(argv, c.options.Command...), "nodemanager")
	}
	if h.nm, err = start("nodemanager of "+h.name, filepath.Join(h.dir(), "nodemanager.log"), env, argv...); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if err := h.nm.await(ctx, awaitNode, "register", func() error {
		state, err := c.NodeState(h.address)
		if err == nil && state != "RUNNING" {
			err = fmt.Errorf("the node is %s", state)
		}
		return err
	}); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// AddNM starts a NodeManager on this machine in a cluster that has none there.
func (c *Cluster) AddNM(ctx context.Context, kind Kind) error {
	c.options.NM = kind
	return c.StartNM(ctx)
}

func (h *Host) dir() string { return filepath.Join(h.c.options.Dir, h.name) }

// connect makes the namespace and a pair of interfaces, one end in it.
func (h *Host) connect(ctx context.Context) error {
	return h.ip(ctx, "addr replace "+Rendezvous+"/32 dev lo", "netns add "+h.name,
		"link add "+h.name+" type veth peer name eth0 netns "+h.name,
		"addr add "+h.gateway+"/24 dev "+h.name, "link set "+h.name+" up",
		"-n "+h.name+" addr add "+h.address+"/24 dev eth0", "-n "+h.name+" link set eth0 up", "-n "+h.name+" link set lo up",
		"-n "+h.name+" route add default via "+h.gateway)
}

func (h *Host) ip(ctx context.Context, commands ...string) error {
	for _, c := range commands {
		if out, err := exec.CommandContext(ctx, "ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}

func (h *Host) writeConf() (string, error) {
	conf, data := filepath.Join(h.dir(), "conf"), filepath.Join(h.dir(), "data")
	if err := os.CopyFS(conf, os.DirFS(h.c.ConfDir())); err != nil {
		return "", err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return "", err
	}
	hosts := "127.0.0.1 localhost\n"
	for _, a := range []string{h.address, h.gateway, Rendezvous} { // addresses are their own names, so that others find them too
		hosts += a + " " + a + "\n"
	}
	if name, err := os.Hostname(); err == nil {
		hosts += "127.0.1.1 " + name + "\n"
	}
	if err := os.WriteFile(filepath.Join(h.dir(), "hosts"), []byte(hosts), 0o644); err != nil {
		return "", err
	}
	keys := h.c.yarnSite(data)
	moveOutside(keys)
	maps.Copy(keys, h.c.options.Site)
	maps.DeleteFunc(keys, func(key, _ string) bool { return !strings.HasPrefix(key, "yarn.") })
	maps.Copy(keys, map[string]string{"yarn.nodemanager.hostname": h.address, "yarn.nodemanager.address": h.address + ":45454",
		"yarn.nodemanager.localizer.address": h.address + ":8040", "yarn.nodemanager.webapp.address": h.address + ":8042",
		"yarn.nodemanager.linux-container-executor.cgroups.hierarchy": "/" + h.name})
	return conf, WriteXML(filepath.Join(conf, "yarn-site.xml"), keys)
}

// Cut cuts the host off: whatever either side sends is lost, and connections stay open.
func (h *Host) Cut(ctx context.Context) error {
	return h.ip(ctx, "neigh replace "+h.address+" lladdr "+elsewhere+" dev "+h.name+" nud permanent",
		"-n "+h.name+" neigh replace "+h.gateway+" lladdr "+elsewhere+" dev eth0 nud permanent")
}

// Heal joins it again.
func (h *Host) Heal(ctx context.Context) error {
	return h.ip(ctx, "neigh del "+h.address+" dev "+h.name, "-n "+h.name+" neigh del "+h.gateway+" dev eth0")
}

// Node is the host part of its node's id.
func (h *Host) Node() string { return h.address }

// Logs is the end of its NodeManager's log.
func (h *Host) Logs() string { return tail(filepath.Join(h.dir(), "nodemanager.log")) }

// Close stops the NodeManager and removes the namespace.
func (h *Host) Close() error {
	h.nm.stop()
	for _, d := range []string{"cpu", "memory", ""} {
		if err := os.Remove(filepath.Join("/sys/fs/cgroup", d, h.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return h.ip(context.Background(), "netns del "+h.name) // and with it the interfaces
}
