package nodemanager

import (
	"fmt"
	"io/fs"
	"math"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"heddle/hadoop/conf"
	"heddle/nodemanager/aggregation"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/health"
	"heddle/nodemanager/monitor"
	"heddle/yarn"
	"heddle/yarn/logs"
)

// settings is the configuration, read once.
type settings struct {
	conf *conf.Config

	address, webAddress  string
	shuffle              bool
	shuffleAddress       string
	shuffleConnections   int
	shuffleKeepAlive     bool
	shuffleKeepAliveTime time.Duration
	trackers             []string
	minimumRM            string // version, "" for any
	retryInterval        time.Duration
	maxWait              time.Duration
	types                *yarn.ResourceTypes
	total, physical      yarn.Resource
	localDirs, logDirs   []string
	disks                dirs.Limits
	diskInterval         time.Duration
	healthScripts        []health.Script
	scriptsFirst         bool
	sharedOnce           bool
	cpus                 int // of the host, as Hadoop counts them
	cpuPercent           int64
	coresPerVCore        float64
	pidsLimit            int64
	nice                 int
	logDirMode           fs.FileMode
	cacheTarget          int64
	cacheInterval        time.Duration
	fetches, filesPerDir int
	killDelay            time.Duration
	minRetryInterval     time.Duration
	deleteDelay          time.Duration
	stderrTail           int64
	stderrPatterns       []string
	maxDiagnostics       int
	debugInfo            bool
	whitelist            []string
	adminEnv, homeDir    string
	hardMemory, hardCPU  bool
	cgroupRoot           string
	cgroupParent         string
	exitFileTimeout      time.Duration
	aggregate            bool
	logRetention         time.Duration
	layout               logs.Layout
	logGroup             string // "": the NodeManager's primary one
	codec                logs.Compression
	logPolicy            aggregation.Policy
	rollInterval         time.Duration
	rollFiles            int
	keepLocalLogs        bool
	logUploadLimit       int64
	monitorInterval      time.Duration
	pmemCheck, vmemCheck bool
	vmemRatio            float64
	logLimits            monitor.LogLimits
	accounts             accounts
	gpus                 bool
	gpuInterval          time.Duration
	deviceWait           time.Duration
	pluggable            bool
	pluginPrograms       []string
	aclEnabled           bool
	maxRPCLength         int
	maxRPCConnections    int
	recovery, supervised bool
	recoveryDir          string
}

// Values of keys that count when a key is not set; Hadoop's own.
const (
	defaultMemoryMB = 8192
	defaultVCores   = 8
	second          = time.Second
	millisecond     = time.Millisecond
)

func read(c *conf.Config) (*settings, error) {
	if err := refuse(c); err != nil {
		return nil, err
	}
	v := c.Values()
	s := &settings{conf: c}
	s.readAddresses(v)
	s.readContainers(v)
	s.readLogs(v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.readResources(c); err != nil {
		return nil, err
	}
	var err error
	s.accounts, err = readAccounts(c)
	return s, err
}

func (s *settings) readAddresses(v *conf.Values) {
	s.address = v.Addr("yarn.nodemanager.address", "0.0.0.0:0")
	s.webAddress = v.Addr("yarn.nodemanager.webapp.address", "0.0.0.0:8042")
	for _, name := range v.Strings("yarn.nodemanager.aux-services") {
		s.shuffle = s.shuffle || name == shuffleName
	}
	s.shuffleAddress = net.JoinHostPort(v.String("mapreduce.shuffle.listen.address", ""), strconv.Itoa(v.Int("mapreduce.shuffle.port", 13562)))
	s.shuffleConnections = v.Int("mapreduce.shuffle.max.connections", 0)
	s.shuffleKeepAlive = v.Bool("mapreduce.shuffle.connection-keep-alive.enable", false)
	s.shuffleKeepAliveTime = v.Duration("mapreduce.shuffle.connection-keep-alive.timeout", 5*second, second)
	s.trackers = readTrackers(v)
	s.retryInterval = v.Duration("yarn.nodemanager.resourcemanager.connect.retry-interval.ms", v.Duration("yarn.resourcemanager.connect.retry-interval.ms", 30*second, millisecond), millisecond)
	// Java too knocks once a second before it waits the whole interval.
	s.retryInterval = min(max(s.retryInterval, 10*time.Millisecond), time.Second)
	s.maxWait = v.Duration("yarn.nodemanager.resourcemanager.connect.max-wait.ms", v.Duration("yarn.resourcemanager.connect.max-wait.ms", 900*second, millisecond), millisecond)
	s.maxRPCLength = v.Int("ipc.maximum.data.length", 128<<20)
	s.maxRPCConnections = v.Int("ipc.server.max.connections", 0)
	s.aclEnabled = v.Bool("yarn.acl.enable", false)
	s.recovery = v.Bool("yarn.nodemanager.recovery.enabled", false)
	s.supervised = v.Bool("yarn.nodemanager.recovery.supervised", false)
	if least := v.String("yarn.nodemanager.resourcemanager.minimum.version", "NONE"); least == "EqualToNM" {
		s.minimumRM = HadoopVersion
	} else if least != "NONE" {
		_, err := yarn.VersionBelow(least, least)
		v.Fail(err)
		s.minimumRM = least
	}
	s.recoveryDir = localPath(v.String("yarn.nodemanager.recovery.dir", v.String("hadoop.tmp.dir", "/tmp")+"/yarn-nm-recovery"))
}

// readTrackers lists the ResourceManagers: those of yarn.resourcemanager.ha.rm-ids under HA.
func readTrackers(v *conf.Values) []string {
	const key = "yarn.resourcemanager.resource-tracker.address"
	if !v.Bool("yarn.resourcemanager.ha.enabled", false) {
		return []string{v.ConnectAddr(key, "0.0.0.0:8031")}
	}
	var out []string
	for _, id := range v.Strings("yarn.resourcemanager.ha.rm-ids") {
		host := v.String("yarn.resourcemanager.hostname."+id, "")
		out = append(out, v.ConnectAddr(key+"."+id, host+":8031"))
	}
	if len(out) == 0 {
		v.Fail(fmt.Errorf("yarn.resourcemanager.ha.enabled is true and yarn.resourcemanager.ha.rm-ids names nobody"))
	}
	return out
}

// absolute refuses folders that would lie wherever the daemon was started, such as those with a variable that means nothing.
func absolute(v *conf.Values, key string, dirs []string) {
	for _, d := range dirs {
		if !filepath.IsAbs(d) {
			v.Fail(v.Config.Invalid(key, "absolute paths"))
			return
		}
	}
}

func (s *settings) readContainers(v *conf.Values) {
	s.localDirs = v.Strings("yarn.nodemanager.local-dirs")
	s.logDirs = v.Strings("yarn.nodemanager.log-dirs")
	for i := range s.localDirs {
		s.localDirs[i] = localPath(s.localDirs[i])
	}
	for i := range s.logDirs {
		s.logDirs[i] = localPath(s.logDirs[i])
	}
	absolute(v, "yarn.nodemanager.local-dirs", s.localDirs)
	absolute(v, "yarn.nodemanager.log-dirs", s.logDirs)
	const disk = "yarn.nodemanager.disk-health-checker."
	s.diskInterval = v.Duration(disk+"interval-ms", 120*second, millisecond)
	if v.Bool(disk+"enable", true) {
		s.disks.MinHealthy = v.Float(disk+"min-healthy-disks", 0.25)
		if v.Bool(disk+"disk-utilization-threshold.enabled", true) {
			s.disks.MaxUsedPercent = v.Float(disk+"max-disk-utilization-per-disk-percentage", 90)
			s.disks.BackUsedPercent = v.Float(disk+"disk-utilization-watermark-low-per-disk-percentage", s.disks.MaxUsedPercent)
		}
		if v.Bool(disk+"disk-free-space-threshold.enabled", true) {
			s.disks.MinFreeMB = v.Int64(disk+"min-free-space-per-disk-mb", 0)
			s.disks.BackFreeMB = v.Int64(disk+"min-free-space-per-disk-watermark-high-mb", 0)
		}
	}
	s.readHealthScripts(v)
	s.cacheTarget = v.Int64("yarn.nodemanager.localizer.cache.target-size-mb", 10240) << 20
	s.cacheInterval = v.Duration("yarn.nodemanager.localizer.cache.cleanup.interval-ms", 600*second, millisecond)
	s.fetches = v.Int("yarn.nodemanager.localizer.fetch.thread-count", 4)
	s.filesPerDir = v.Int("yarn.nodemanager.local-cache.max-files-per-directory", 8192)
	s.killDelay = v.Duration("yarn.nodemanager.sleep-delay-before-sigkill.ms", 250*millisecond, millisecond)
	s.minRetryInterval = v.Duration("yarn.nodemanager.container-retry-minimum-interval-ms", second, millisecond)
	s.deleteDelay = v.Duration("yarn.nodemanager.delete.debug-delay-sec", 0, second)
	s.stderrTail = v.Int64("yarn.nodemanager.container.stderr.tail.bytes", 4096)
	s.stderrPatterns = strings.Split(strings.Trim(v.String("yarn.nodemanager.container.stderr.pattern", "{*stderr*,*STDERR*}"), "{}"), ",")
	s.maxDiagnostics = v.Int("yarn.nodemanager.container-diagnostics-maximum-size", 10000)
	s.debugInfo = v.Bool("yarn.nodemanager.log-container-debug-info.enabled", true)
	s.whitelist = v.Strings("yarn.nodemanager.env-whitelist")
	s.adminEnv = v.String("yarn.nodemanager.admin-env", "")
	s.homeDir = v.String("yarn.nodemanager.user-home-dir", "/home/")
	s.hardMemory = v.Bool("yarn.nodemanager.resource.memory.enabled", false) && v.Bool("yarn.nodemanager.resource.memory.enforced", true)
	s.hardCPU = v.Bool("yarn.nodemanager.linux-container-executor.cgroups.strict-resource-usage", false)
	s.pidsLimit = v.Int64("yarn.nodemanager.container.pids-limit", 0)
	s.cpuPercent = v.Int64("yarn.nodemanager.resource.percentage-physical-cpu-limit", 100)
	if s.cpuPercent < 1 || s.cpuPercent > 100 {
		v.Fail(v.Config.Invalid("yarn.nodemanager.resource.percentage-physical-cpu-limit", "a percentage from 1 to 100"))
	}
	s.nice = v.Int("yarn.nodemanager.container-executor.os.sched.priority.adjustment", 0)
	s.sharedOnce = v.Bool("yarn.nodemanager.container-monitor.procfs-tree.smaps-based-rss.enabled", false)
	s.cgroupParent = v.String("yarn.nodemanager.linux-container-executor.cgroups.hierarchy", "/hadoop-yarn")
	s.cgroupRoot = v.String("yarn.nodemanager.linux-container-executor.cgroups.mount-path", "")
	s.exitFileTimeout = v.Duration("yarn.nodemanager.container-executor.exit-code-file.timeout-ms", 2*second, millisecond)
	s.monitorInterval = v.Duration("yarn.nodemanager.container-monitor.interval-ms", v.Duration("yarn.nodemanager.resource-monitor.interval-ms", 3*second, millisecond), millisecond)
	s.pmemCheck = v.Bool("yarn.nodemanager.pmem-check-enabled", true)
	s.vmemCheck = v.Bool("yarn.nodemanager.vmem-check-enabled", true)
	const logs = "yarn.nodemanager.container-log-monitor."
	if v.Bool(logs+"enable", false) {
		s.logLimits = monitor.LogLimits{Interval: v.Duration(logs+"interval-ms", 60*second, millisecond),
			DirBytes: v.Int64(logs+"dir-size-limit-bytes", 1e9), TotalBytes: v.Int64(logs+"total-size-limit-bytes", 1e10)}
	}
	s.vmemRatio = v.Float("yarn.nodemanager.vmem-pmem-ratio", 2.1)
}

// maxScripts is Hadoop's bound on yarn.nodemanager.health-checker.scripts.
const maxScripts = 4

// readHealthScripts reads the scripts that have a path; the one named "script" has the keys of older releases.
func (s *settings) readHealthScripts(v *conf.Values) {
	const key = "yarn.nodemanager.health-checker."
	names := v.Strings(key + "scripts")
	if len(names) == 0 {
		names = []string{"script"}
	}
	if len(names) > maxScripts {
		v.Fail(fmt.Errorf("%sscripts names %d scripts, at most %d are run", key, len(names), maxScripts))
	}
	s.scriptsFirst = v.Bool(key+"run-before-startup", false)
	for _, name := range names {
		x := health.Script{Name: name, Path: v.String(key+name+".path", ""), Options: v.Strings(key + name + ".opts"),
			Interval: v.Duration(key+name+".interval-ms", v.Duration(key+"interval-ms", 600*second, millisecond), millisecond),
			Timeout:  v.Duration(key+name+".timeout-ms", v.Duration(key+"timeout-ms", 1200*second, millisecond), millisecond)}
		if x.Path == "" {
			continue
		}
		if x.Interval <= 0 || x.Timeout <= 0 {
			v.Fail(fmt.Errorf("health script %s: its interval (%v) and time-out (%v) must be positive", name, x.Interval, x.Timeout))
			continue
		}
		s.healthScripts = append(s.healthScripts, x)
	}
}

func localPath(p string) string { return filepath.Clean(strings.TrimPrefix(p, "file://")) }

func (s *settings) readLogs(v *conf.Values) {
	mode, err := strconv.ParseUint(v.String("yarn.nodemanager.default-container-executor.log-dirs.permissions", "710"), 8, 12)
	if err != nil {
		v.Fail(v.Config.Invalid("yarn.nodemanager.default-container-executor.log-dirs.permissions", "an octal mode"))
	}
	s.logDirMode = fs.FileMode(mode)
	s.aggregate = v.Bool("yarn.log-aggregation-enable", false)
	s.logRetention = v.Duration("yarn.nodemanager.log.retain-seconds", 10800*second, second)
	s.readUploads(v)
	s.layout = logs.NewLayout(v.String("yarn.nodemanager.remote-app-log-dir", "/tmp/logs"), v.String("yarn.nodemanager.remote-app-log-dir-suffix", "logs"))
	s.logGroup = v.String("yarn.nodemanager.remote-app-log-dir.groupname", "")
	if s.codec, err = logs.ParseCompression(v.String("yarn.nodemanager.log-aggregation.compression-type", "none")); err != nil {
		v.Fail(fmt.Errorf("yarn.nodemanager.log-aggregation.compression-type: %w", err))
	}
}

func (s *settings) readUploads(v *conf.Values) {
	const key = "yarn.nodemanager.log-aggregation."
	s.logPolicy = aggregation.Policy{Class: v.String(key+"policy.class", ""), Parameters: v.String(key+"policy.parameters", "")}
	if err := s.logPolicy.Check(); err != nil {
		v.Fail(fmt.Errorf("%spolicy.class: %w", key, err))
	}
	const roll = key + "roll-monitoring-interval-seconds"
	s.rollInterval = max(v.Duration(roll, 0, second), 0)
	if s.rollInterval > 0 { // too short a one makes a file each time that every reader must open
		s.rollInterval = max(s.rollInterval, v.Duration(roll+".min", 3600*second, second))
	}
	s.rollFiles = v.Int(key+"num-log-files-per-app", 30)
	s.keepLocalLogs = !v.Bool("yarn.log-aggregation.enable-local-cleanup", true)
	s.logUploadLimit = v.Int64(key+"container-size-limit-mb", 0) << 20
}

// readResources says what the node offers: from the configuration, else from the hardware where
// that is asked for, else Hadoop's defaults.
func (s *settings) readResources(c *conf.Config) error {
	var err error
	if s.types, err = conf.ResourceTypes(c); err != nil {
		return err
	}
	if s.total, err = conf.NodeResources(c, s.types); err != nil {
		return err
	}
	v := c.Values()
	s.physical = yarn.NewResource(monitor.TotalMemoryMB(), int64(runtime.NumCPU()))
	s.cpus = runtime.NumCPU()
	if !v.Bool("yarn.nodemanager.resource.count-logical-processors-as-cores", false) {
		s.cpus = monitor.Cores()
	}
	detect := v.Bool("yarn.nodemanager.resource.detect-hardware-capabilities", false)
	memory, cores := int64(defaultMemoryMB), int64(defaultVCores)
	if detect {
		reserved := v.Int64("yarn.nodemanager.resource.system-reserved-memory-mb", -1)
		if reserved < 0 {
			reserved = s.physical[yarn.Memory] / 5
		}
		memory = max(s.physical[yarn.Memory]-reserved, 0)
		const multiplier = "yarn.nodemanager.resource.pcores-vcores-multiplier"
		each := v.Float(multiplier, 1)
		if each <= 0 {
			v.Fail(v.Config.Invalid(multiplier, "a number above 0"))
		}
		cores = max(int64(math.Round(float64(s.cpus)*float64(s.cpuPercent)/100*each)), 1)
	}
	if n := v.Int64("yarn.nodemanager.resource.memory-mb", -1); n >= 0 {
		memory = n
	}
	if n := v.Int64("yarn.nodemanager.resource.cpu-vcores", -1); n >= 0 {
		cores = n
	}
	s.total[yarn.Memory], s.total[yarn.VCores] = memory, cores
	s.coresPerVCore = float64(s.cpus) * float64(s.cpuPercent) / 100 / float64(max(cores, 1))
	for _, p := range v.Strings("yarn.nodemanager.resource-plugins") {
		if p != yarn.GPUName {
			return fmt.Errorf("%w: only %s is supported", c.Invalid("yarn.nodemanager.resource-plugins", "resource plugins of this NodeManager"), yarn.GPUName)
		}
		s.gpus = true
	}
	const framework = "yarn.nodemanager.pluggable-device-framework."
	s.pluggable, s.pluginPrograms = v.Bool(framework+"enabled", false), v.Strings(framework+"device-classes")
	s.gpuInterval = max(v.Duration("yarn.nodemanager.resource-plugins.gpu.health-interval-ms", 60*second, millisecond), 10*millisecond)
	s.deviceWait = v.Duration("yarn.nodemanager.resource-plugins.release-wait-ms", 120*second, millisecond)
	if s.gpus && s.types.Index(yarn.GPUName) < 0 {
		return fmt.Errorf("yarn.nodemanager.resource-plugins has %s, and the cluster does not count it: add it to yarn.resource-types in resource-types.xml", yarn.GPUName)
	}
	return v.Err()
}
