//go:build interop

// Package cluster runs real clusters for tests: HDFS and YARN daemons from Hadoop's jars,
// and Heddle's, each on free loopback ports with a configuration directory of its own, and Hadoop's
// client programs against them. It ends only what it started.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Kind says whose daemon runs.
type Kind string

// Kinds of daemons.
const (
	Heddle Kind = "heddle"
	Java   Kind = "java"
	None   Kind = "none"
)

// KindFromEnv is the kind that an environment variable names, or def.
func KindFromEnv(name string, def Kind) (Kind, error) {
	switch k := Kind(os.Getenv(name)); k {
	case "":
		return def, nil
	case Heddle, Java, None:
		return k, nil
	default:
		return "", fmt.Errorf("%s=%s: want %s, %s or %s", name, k, Heddle, Java, None)
	}
}

// Options say what a cluster consists of.
type Options struct {
	Dir  string // everything of the cluster is under it
	RM   Kind
	NM   Kind
	HDFS *HDFS             // default file system; nil: file:///
	Site map[string]string // keys over the default yarn-site.xml and core-site.xml
	// Outside is set for a cluster with hosts of their own (AddHost): the daemons listen on all addresses, and everybody
	// finds them at Rendezvous.
	Outside bool
	// Queues replaces the default capacity-scheduler.xml.
	Queues map[string]string
	// Command is the argv of Heddle's binary; the daemon's name is appended.
	Command []string
}

// Cluster is a running cluster.
type Cluster struct {
	options Options
	ports   map[string]int
	rm, nm  *process
	jars    string
}

// Start writes the configuration and starts the daemons; it returns when the ResourceManager answers
// and, if there is a NodeManager, a node is active.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	jars, err := Jars()
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, jars: jars}
	if c.ports, err = freePorts("rm", "scheduler", "tracker", "admin", "web", "nm", "localizer", "nmweb", "shuffle"); err != nil {
		return nil, err
	}
	if err := c.writeConf(); err != nil {
		return nil, fmt.Errorf("writing the configuration of the test cluster: %w", err)
	}
	if err := c.startDaemons(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) startDaemons(ctx context.Context) error {
	if err := c.StartRM(ctx); err != nil {
		return err
	}
	if c.options.NM == None {
		return nil
	}
	return c.StartNM(ctx)
}

// StartRM starts the ResourceManager and waits until its web services answer.
func (c *Cluster) StartRM(ctx context.Context) error {
	var err error
	c.rm, err = c.daemon(c.options.RM, "resourcemanager", "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager")
	if err != nil {
		return err
	}
	return c.rm.await(ctx, time.Minute, "answer /ws/v1/cluster/info", func() error {
		var info struct{ ClusterInfo struct{ State string } }
		if err := c.GetJSON("/ws/v1/cluster/info", &info); err != nil {
			return err
		}
		if info.ClusterInfo.State != "STARTED" {
			return fmt.Errorf("state is %s", info.ClusterInfo.State)
		}
		return c.portsOpen("rm", "scheduler", "tracker", "admin") // Java's come after the web server
	})
}

func (c *Cluster) portsOpen(names ...string) error {
	for _, name := range names {
		conn, err := net.DialTimeout("tcp", c.Address(name), time.Second)
		if err != nil {
			return err
		}
		conn.Close()
	}
	return nil
}

const nodeManagerClass = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"

// awaitNode is how long a node may take to register.
const awaitNode = time.Minute

// StartNM starts the NodeManager and waits until the ResourceManager counts an active node.
func (c *Cluster) StartNM(ctx context.Context) error {
	var err error
	c.nm, err = c.daemon(c.options.NM, "nodemanager", nodeManagerClass)
	if err != nil {
		return err
	}
	return c.nm.await(ctx, awaitNode, "register", func() error {
		var m struct{ ClusterMetrics struct{ ActiveNodes int } }
		if err := c.GetJSON("/ws/v1/cluster/metrics", &m); err != nil {
			return err
		}
		if m.ClusterMetrics.ActiveNodes < 1 {
			return errors.New("no node is active")
		}
		return nil
	})
}

// NodeState is the state of the node on host, RUNNING, UNHEALTHY or LOST.
func (c *Cluster) NodeState(host string) (string, error) {
	var list struct {
		Nodes struct {
			Node []struct{ NodeHostName, State string }
		}
	}
	if err := c.GetJSON("/ws/v1/cluster/nodes?states=RUNNING,UNHEALTHY,LOST", &list); err != nil {
		return "", err
	}
	for _, n := range list.Nodes.Node {
		if n.NodeHostName == host {
			return n.State, nil
		}
	}
	return "", fmt.Errorf("the ResourceManager does not know a node on %s", host)
}

func (c *Cluster) daemon(kind Kind, name, class string) (*process, error) {
	env := []string{"HADOOP_CONF_DIR=" + c.ConfDir(), "YARN_CONF_DIR=" + c.ConfDir(), "HADOOP_LOG_DIR=" + filepath.Join(c.options.Dir, "daemon-logs")}
	log := filepath.Join(c.options.Dir, name+".log")
	switch kind {
	case Java:
		return start(name, log, env, javaCommand(c.classPath(), class)...)
	case Heddle:
		return start(name, log, env, append(append([]string{}, c.options.Command...), name)...)
	}
	return nil, fmt.Errorf("a %s of kind %q cannot be started", name, kind)
}

// PIDs are the daemons' process ids: those of the ResourceManager and, if there is one, of the NodeManager.
func (c *Cluster) PIDs() (rm, nm int) {
	if c.nm != nil {
		nm = c.nm.cmd.Process.Pid
	}
	return c.rm.cmd.Process.Pid, nm
}

// KillRM ends the ResourceManager without warning, as a crash would.
func (c *Cluster) KillRM() { c.rm.kill() }

// ReplaceRM ends the ResourceManager as a crash would, and starts one of the given kind with the same configuration.
func (c *Cluster) ReplaceRM(ctx context.Context, kind Kind) error {
	c.KillRM()
	c.options.RM = kind
	return c.StartRM(ctx)
}

// KillNM ends the NodeManager without warning; its containers live on.
func (c *Cluster) KillNM() { c.nm.kill() }

// Stop ends the daemons of this cluster.
func (c *Cluster) Stop() {
	c.nm.stop()
	c.rm.stop()
}

// ConfDir is the cluster's HADOOP_CONF_DIR.
func (c *Cluster) ConfDir() string { return filepath.Join(c.options.Dir, "conf") }

// Dir is the cluster's directory.
func (c *Cluster) Dir() string { return c.options.Dir }

// Address is host:port of "rm", "scheduler", "tracker", "admin", "web" or "nmweb".
func (c *Cluster) Address(port string) string {
	return "127.0.0.1:" + strconv.Itoa(c.ports[port])
}

// RMKind says whose ResourceManager runs.
func (c *Cluster) RMKind() Kind { return c.options.RM }

// Logs are the ends of the daemons' logs, for a failed test's report.
func (c *Cluster) Logs() string {
	return tail(filepath.Join(c.options.Dir, "resourcemanager.log")) + tail(filepath.Join(c.options.Dir, "nodemanager.log"))
}
