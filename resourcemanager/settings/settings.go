// Package settings reads the ResourceManager's configuration once, at the edge, into a
// typed struct, and refuses what would make a cluster silently unsafe or wrong.
package settings

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
	"heddle/hadoop/security"
	"heddle/hadoop/topology"
	"heddle/resourcemanager/filestore"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/client"
)

// Settings is the ResourceManager's configuration.
type Settings struct {
	Conf *conf.Config
	Dir  string // where it was read from

	ClientAddress, SchedulerAddress, TrackerAddress, AdminAddress, WebAddress string
	WebPublic                                                                 string // host:port that links point to

	Types     *yarn.ResourceTypes
	Scheduler scheduler.Config
	Queues    map[string]QueueACLs // by path
	MaxPrio   int32

	ACLEnabled bool
	AdminACL   security.ACL

	Recovery  bool
	StorePath string            // the bbolt file
	StoreURI  string            // the folder of Hadoop's file system store; "" for bbolt
	StoreTry  filestore.Options // of that store
	Warnings  []string          // what is configured and not built yet, but harmless

	MaxAttempts      int
	NodeExpiry       time.Duration
	AMExpiry         time.Duration
	AllocationExpiry time.Duration
	HeartbeatMillis  int64
	Scaling          Scaling // of it
	MaxCompleted     int
	LogAggregation   bool
	LogTimeout       time.Duration // from an application's end to when its nodes' word on logs is not waited for any more
	BlacklistAMNodes bool
	BlacklistAtMost  int64          // parts per million of the nodes
	AMRM, NM, Keys   tokens.Rolling // Keys: container tokens
	UseIP            bool
	Delegation       security.DelegationConfig

	QOP               []string
	MaxDataLength     int
	MaxConnections    int    // of each port; 0: as many as there are descriptors for
	ExcludePath       string // yarn.resourcemanager.nodes.exclude-path
	IncludePath       string
	DrainSeconds      int64 // a graceful decommission's time-out, where the administrator gives none
	MinimumNode       yarn.Resource
	DiagnosticsLength int
	ClusterID         string
	ProxyPublic       string // host:port of a proxy daemon of its own that tracking URLs lead through, or "" for this one
	MinimumNMVersion  string // "" takes NodeManagers of any
	MaxTags           int    // of an application
	MaxTagLength      int    // bytes
	Racks             *topology.Racks
	NodesComeBack     time.Duration // for so long after the start the largest node is not known
	HostCheck         bool          // nodes whose name has no address may not join
}

// QueueACLs are who may submit to a queue and who may administer it; a right on a queue
// holds for all below it.
type QueueACLs struct {
	Submit, Admin security.ACL
}

// Load reads the configuration in dir.
func Load(dir string) (*Settings, error) {
	c, err := conf.Load(dir)
	if err != nil {
		return nil, err
	}
	sched, err := conf.LoadScheduler(dir, c)
	if err != nil {
		return nil, err
	}
	return From(c, sched, dir)
}

// From makes settings of loaded configurations; sched holds capacity-scheduler.xml too.
func From(c, sched *conf.Config, dir string) (*Settings, error) {
	if err := keys.Refuse(c, keys.ResourceManager); err != nil {
		return nil, err
	}
	v := c.Values()
	s := &Settings{Conf: c, Dir: dir, Warnings: keys.Without(sched, keys.ResourceManager),
		ClientAddress:    v.Addr("yarn.resourcemanager.address", "0.0.0.0:8032"),
		SchedulerAddress: v.Addr("yarn.resourcemanager.scheduler.address", "0.0.0.0:8030"),
		TrackerAddress:   v.Addr("yarn.resourcemanager.resource-tracker.address", "0.0.0.0:8031"),
		AdminAddress:     v.Addr("yarn.resourcemanager.admin.address", "0.0.0.0:8033"),
		WebAddress:       v.Addr("yarn.resourcemanager.webapp.address", "0.0.0.0:8088"),
		WebPublic:        v.ConnectAddr("yarn.resourcemanager.webapp.address", "0.0.0.0:8088"),
		ACLEnabled:       v.Bool("yarn.acl.enable", false),
		AdminACL:         security.ACLFrom(c, "yarn.admin.acl", "*"),
		Recovery:         v.Bool("yarn.resourcemanager.recovery.enabled", false),
		MaxAttempts:      v.Int("yarn.resourcemanager.am.max-attempts", 2),
		NodeExpiry:       v.Duration("yarn.nm.liveness-monitor.expiry-interval-ms", 600*time.Second, time.Millisecond),
		AMExpiry:         v.Duration("yarn.am.liveness-monitor.expiry-interval-ms", 900*time.Second, time.Millisecond),
		AllocationExpiry: v.Duration("yarn.resourcemanager.rm.container-allocation.expiry-interval-ms", 600*time.Second, time.Millisecond),
		MaxCompleted:     v.Int("yarn.resourcemanager.max-completed-applications", 1000),
		LogAggregation:   v.Bool("yarn.log-aggregation-enable", false),
		LogTimeout:       v.Duration("yarn.log-aggregation-status.time-out.ms", 600*time.Second, time.Millisecond),
		BlacklistAMNodes: v.Bool("yarn.resourcemanager.am-scheduling.node-blacklisting-enabled", true),
		BlacklistAtMost:  int64(v.Float("yarn.resourcemanager.am-scheduling.node-blacklisting-disable-threshold", 0.8) * scheduler.Million),
		UseIP:            v.Bool("hadoop.security.token.service.use_ip", true),
		MaxDataLength:    v.Int("ipc.maximum.data.length", 134217728),
		MaxConnections:   v.Int("ipc.server.max.connections", 0),
		ExcludePath:      v.String("yarn.resourcemanager.nodes.exclude-path", ""),
		IncludePath:      v.String("yarn.resourcemanager.nodes.include-path", ""),
		DrainSeconds:     v.Int64("yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs", 3600),
		MaxPrio:          int32(v.Int("yarn.cluster.max-application-priority", 0)),
		ClusterID:        v.String("yarn.resourcemanager.cluster-id", ""),
		ProxyPublic:      v.String("yarn.web-proxy.address", ""),
		NodesComeBack:    v.Duration("yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms", 10*time.Second, time.Millisecond),
		HostCheck:        v.Bool("yarn.resourcemanager.resource-tracker.nm.ip-hostname-check", false),
		MaxTags:          v.Int("yarn.resourcemanager.application.max-tags", 10),
		MaxTagLength:     v.Int("yarn.resourcemanager.application.max-tag.length", 100),
	}
	if s.LogTimeout <= 0 { // as in Hadoop
		s.LogTimeout = 600 * time.Second
	}
	s.readHeartbeats(v)
	v.Fail(s.minimumVersion(c))
	s.DiagnosticsLength = v.Int("yarn.app.attempt.diagnostics.limit.kc", 64) * 1024
	if global := v.Int("yarn.resourcemanager.am.global.max-attempts", s.MaxAttempts); global < s.MaxAttempts {
		s.MaxAttempts = global
	}
	s.AMRM = rolling(v, "yarn.resourcemanager.am-rm-tokens.master-key-rolling-interval-secs", s.AMExpiry)
	s.NM = rolling(v, "yarn.resourcemanager.nm-tokens.master-key-rolling-interval-secs", s.NodeExpiry)
	s.Keys = rolling(v, "yarn.resourcemanager.container-tokens.master-key-rolling-interval-secs", s.NodeExpiry)
	qop, err := client.Protection(c)
	v.Fail(err)
	s.QOP = qop
	s.Delegation = security.DelegationConfig{
		KeyUpdateInterval: v.Duration("yarn.resourcemanager.delegation.key.update-interval", 24*time.Hour, time.Millisecond),
		RenewInterval:     v.Duration("yarn.resourcemanager.delegation.token.renew-interval", 24*time.Hour, time.Millisecond),
		MaxLifetime:       v.Duration("yarn.resourcemanager.delegation.token.max-lifetime", 7*24*time.Hour, time.Millisecond),
	}
	s.MinimumNode = yarn.NewResource(v.Int64("yarn.scheduler.minimum-allocation-mb", 1024), v.Int64("yarn.scheduler.minimum-allocation-vcores", 1))
	types, err := conf.ResourceTypes(c)
	if err != nil {
		return nil, err
	}
	s.Types = types
	v.Fail(s.store(c, v))
	racks, err := topology.New(c)
	v.Fail(err)
	s.Racks = racks
	if err := v.Err(); err != nil {
		return nil, err
	}
	return s, s.scheduler(c, sched)
}

// minimumVersion reads which NodeManagers may join: NONE takes all, EqualToRM those of this version and later ones.
func (s *Settings) minimumVersion(c *conf.Config) error {
	const key = "yarn.resourcemanager.nodemanager.minimum.version"
	switch least := c.String(key, ""); least {
	case "", "NONE":
	case "EqualToRM":
		s.MinimumNMVersion = yarn.HadoopVersion
	default:
		if _, err := yarn.VersionBelow(least, least); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s.MinimumNMVersion = least
	}
	return nil
}

func rolling(v *conf.Values, key string, expiry time.Duration) tokens.Rolling {
	return tokens.Rolling{Interval: v.Duration(key, 86400*time.Second, time.Second), Delay: expiry + expiry/2}
}

func sourceOf(c *conf.Config, key string) string {
	if f := c.Source(key); f != "" {
		return f
	}
	return "the defaults"
}

// store chooses the state store: Hadoop's on a file system where it is configured, else bbolt beside where
// Hadoop's LevelDB would be. A store that is not built is refused: the state in it would be lost from sight.
func (s *Settings) store(c *conf.Config, v *conf.Values) error {
	dir := c.String("yarn.resourcemanager.leveldb-state-store.path", "")
	if dir == "" {
		dir = filepath.Join(c.String("hadoop.tmp.dir", "/tmp/heddle"), "yarn/system/rmstore")
	}
	s.StorePath = filepath.Join(strings.TrimPrefix(dir, "file://"), "heddle-rm.db")
	const key = "yarn.resourcemanager.store.class"
	class := c.String(key, "")
	if !s.Recovery || c.Source(key) == conf.SourceDefault || class == "" {
		return nil
	}
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "LeveldbRMStateStore":
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s=%s (set in %s): the state is kept in %s, which a Java ResourceManager does not read; FileSystemRMStateStore is read by both", key, class, sourceOf(c, key), s.StorePath))
	case "FileSystemRMStateStore":
		s.StoreURI = v.String("yarn.resourcemanager.fs.state-store.uri", "")
		if s.StoreURI == "" {
			s.StoreURI = filepath.Join(c.String("hadoop.tmp.dir", "/tmp/heddle"), "yarn/system/rmstore")
		}
		s.StoreTry = filestore.Options{Retries: v.Int("yarn.resourcemanager.fs.state-store.num-retries", 0),
			Interval: v.Duration("yarn.resourcemanager.fs.state-store.retry-interval-ms", time.Second, time.Millisecond)}
	case "MemoryRMStateStore", "NullRMStateStore":
		s.Recovery = false
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s=%s (set in %s): nothing is kept, and a restart forgets every application", key, class, sourceOf(c, key)))
	default:
		return fmt.Errorf("%s=%s (set in %s) is not supported yet; use FileSystemRMStateStore, or remove the key to keep the state in %s", key, class, sourceOf(c, key), s.StorePath)
	}
	return nil
}
