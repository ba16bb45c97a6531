package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/executor/docker"
	"heddle/executor/process"
	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
	"heddle/hadoop/fs"
	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/nodemanager/aggregation"
	"heddle/nodemanager/container"
	"heddle/nodemanager/device"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/health"
	"heddle/nodemanager/launch"
	"heddle/nodemanager/localizer"
	"heddle/nodemanager/monitor"
	"heddle/nodemanager/plugin"
	"heddle/nodemanager/recovery"
	"heddle/nodemanager/service"
	"heddle/nodemanager/shuffle"
	"heddle/nodemanager/tokens"
	"heddle/nodemanager/updater"
	"heddle/nodemanager/web"
	"heddle/yarn"
	"heddle/yarn/client"
)

// HadoopVersion is the Hadoop release whose behaviour this NodeManager has; it is what the
// ResourceManager compares with its minimum version.
const HadoopVersion = yarn.HadoopVersion

// stopTimeout bounds the orderly end: containers, logs, directories.
const stopTimeout = 30 * time.Second

// Options is what does not come from the configuration.
type Options struct {
	Version   string // of this build
	ConfigDir string // where container-executor.cfg is, if there is one
	Log       *slog.Logger
	Operator  hadoophttp.Operator // the process's log, for /logLevel and /logs
	// Ready is called once, after the first registration, if it is not nil.
	Ready func(node yarn.NodeID, web string)
}

// Run starts a NodeManager and returns when ctx ends, after its containers have ended, or when it
// cannot go on.
func Run(ctx context.Context, c *conf.Config, o Options) error {
	s, err := read(c)
	if err != nil {
		return err
	}
	more, err := keys.WithoutInExecutorCfg(o.ConfigDir)
	if err != nil {
		return err
	}
	for _, sentence := range append(keys.Without(c, keys.NodeManager), more...) {
		o.Log.Warn(sentence)
	}
	n := &node{settings: s, opt: o, log: o.Log, started: time.Now()}
	if err := n.open(ctx); err != nil {
		n.close()
		return err
	}
	return n.serve(ctx)
}

// node is a NodeManager's parts.
type node struct {
	*settings
	opt     Options
	log     *slog.Logger
	started time.Time
	user    string
	members *security.Groups

	id       yarn.NodeID
	httpPort int
	dirs     *dirs.Set
	dialer   *fs.Dialer
	devices  *device.Set
	plugins  *plugin.Set // nil unless the device framework is enabled
	exec     *process.Executor
	docker   *docker.Executor // nil unless it is an allowed runtime
	local    *localizer.Localizer
	shuffler *shuffle.Server
	manager  *container.Manager
	watch    *monitor.Monitor
	nm       *tokens.NM
	ct       *tokens.Containers
	link     *updater.Updater
	rpc      *rpc.Server
	rpcL     net.Listener
	web      *hadoophttp.Server
	webL     net.Listener
	journal  *recovery.Journal // nil without recovery
	scripts  *health.Scripts
	fence    fence
	trouble  atomic.Pointer[string]        // what is wrong with devices
	told     atomic.Pointer[string]        // the health report that the log has
	usable   atomic.Int64                  // GPUs that can be given away
	offered  atomic.Pointer[yarn.Resource] // once the ResourceManager said another size than the configuration
	closers  []func()
	last     []func() error // after all closers
	wg       sync.WaitGroup
}

// open makes every part; what it opened close closes.
func (n *node) open(ctx context.Context) error {
	n.user = client.CurrentUser(os.Getenv)
	n.dialer = &fs.Dialer{Conf: n.conf}
	var err error
	if n.members, err = security.NewGroups(n.conf); err != nil {
		return err
	}
	if err := n.accounts.open(n.opt.ConfigDir); err != nil {
		return err
	}
	if err := n.readFence(); err != nil {
		return err
	}
	if err := n.openJournal(); err != nil {
		return err
	}
	if err := n.openDisks(ctx); err != nil {
		return err
	}
	if err := n.openScripts(ctx); err != nil {
		return err
	}
	if err := n.openDevices(ctx); err != nil {
		return err
	}
	if err := n.openPlugins(ctx); err != nil {
		return err
	}
	n.noteFence()
	n.noteTrouble()
	if err := n.openDocker(); err != nil {
		return err
	}
	if err := n.listen(ctx); err != nil {
		return err
	}
	if err := n.openShuffle(); err != nil {
		return err
	}
	if err := n.openContainers(); err != nil {
		return err
	}
	if err := n.openRPC(); err != nil {
		return err
	}
	if err := n.openWeb(); err != nil {
		return err
	}
	if err := n.recover(ctx); err != nil {
		return err
	}
	n.endDockerLeftovers(ctx)
	return nil
}

func (n *node) close() {
	for i := len(n.closers) - 1; i >= 0; i-- {
		n.closers[i]()
	}
}

// onClosed runs f when all is closed.
func (n *node) onClosed(f func() error) { n.last = append(n.last, f) }

func (n *node) onClose(f func()) { n.closers = append(n.closers, f) }

func (n *node) openDisks(ctx context.Context) error {
	n.exec = process.New(process.Config{Cgroups: process.Cgroups{Root: n.cgroupRoot, Parent: n.cgroupParent, CPUs: n.cpus, CPUPercent: n.cpuPercent, PIDs: n.pidsLimit > 0, Devices: n.fences()}, SharedOnce: n.sharedOnce,
		ExitFileTimeout: n.exitFileTimeout, Nice: n.nice, As: n.accounts.as(), Log: n.log})
	if !n.exec.Limited() && (n.pidsLimit > 0 || n.cpuPercent < 100) {
		return errors.New("yarn.nodemanager.container.pids-limit and yarn.nodemanager.resource.percentage-physical-cpu-limit need cgroups that this NodeManager may write; " +
			"see the warning before, or remove the keys")
	}
	var err error
	if n.journal == nil {
		if err := endLeftovers(ctx, n.localDirs, n.exec, func(yarn.ContainerID) bool { return false }, n.log); err != nil {
			return err
		}
	}
	if n.dirs, err = dirs.Open(n.localDirs, n.logDirs, n.disks); err != nil {
		return err
	}
	if n.journal != nil {
		return nil
	}
	old, err := n.dirs.SetAside(time.Now())
	if err != nil {
		return fmt.Errorf("set the caches of an earlier NodeManager aside: %w", err)
	}
	n.removeLater(old)
	return nil
}

func (n *node) listen(ctx context.Context) error {
	address, err := n.samePort("rpc", n.address)
	if err != nil {
		return err
	}
	if n.rpcL, err = hadoophttp.Listen(ctx, address, "yarn.nodemanager.address"); err != nil {
		return err
	}
	n.notePort("rpc", n.rpcL.Addr())
	n.onClose(func() { _ = n.rpcL.Close() }) // closed already where it was served
	if n.webL, err = hadoophttp.Listen(ctx, n.webAddress, "yarn.nodemanager.webapp.address"); err != nil {
		return err
	}
	n.onClose(func() { _ = n.webL.Close() })
	host := nodeHost(ctx, net.DefaultResolver, n.address)
	if _, bound := n.conf.Get("yarn.nodemanager.bind-host"); bound {
		connect, err := n.conf.ConnectAddr("yarn.nodemanager.address", "0.0.0.0:0")
		if err != nil {
			return err
		}
		host = nodeHost(ctx, net.DefaultResolver, connect)
	}
	n.id = yarn.NodeID{Host: host, Port: int32(n.rpcL.Addr().(*net.TCPAddr).Port)}
	n.httpPort = n.webL.Addr().(*net.TCPAddr).Port
	return nil
}

func (n *node) openShuffle() error {
	if !n.shuffle {
		return nil
	}
	address, err := n.samePort("shuffle", n.shuffleAddress)
	if err != nil {
		return err
	}
	s, err := shuffle.Start(shuffle.Config{Address: address, Journal: n.journal, MaxConnections: n.shuffleConnections, KeepAlive: n.shuffleKeepAlive,
		KeepAliveTime: n.shuffleKeepAliveTime, Files: n.dirs, Account: n.accounts.of, Log: n.log})
	if err != nil {
		return err
	}
	n.shuffler = s
	n.notePort("shuffle", &net.TCPAddr{Port: s.Port()})
	n.onClose(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			n.log.Debug("shuffle connections were cut", "error", err)
		}
	})
	return nil
}

func (n *node) openContainers() error {
	n.local = localizer.New(localizer.Config{Dirs: n.dirs, Dialer: n.dialer, SystemUser: n.user, Fetches: n.fetches, TargetBytes: n.cacheTarget,
		FilesPerDir: n.filesPerDir, Journal: n.journal, Now: time.Now, Log: n.log})
	n.onClose(n.local.Close)
	cfg := container.Config{
		Dirs: n.dirs, Localizer: n.local, Aux: services{n.shuffler}, Devices: n.devices, DeviceWait: n.deviceWait, Plugins: n.plugins, LogRetention: n.logRetention, KeepLogs: n.keepLocalLogs, Journal: n.journal,
		Process: n.exec, Account: n.accounts.of,
		Node: func() yarn.NodeID { return n.id }, HTTPPort: func() int { return n.httpPort },
		HomeDir: n.homeDir, AdminEnv: n.adminEnv, Whitelist: n.whitelist, HostEnv: environ(), Java: &launch.Java{},
		DebugInfo: n.debugInfo, LogDirMode: n.logDirMode, KillDelay: n.killDelay, DeleteDelay: n.deleteDelay,
		MaxDiagnostics: n.maxDiagnostics, TailBytes: n.stderrTail, StderrPatterns: n.stderrPatterns,
		HardMemory: n.hardMemory, HardCPU: n.hardCPU, CoresPerVCore: n.coresPerVCore, PIDs: n.pidsLimit, MinRetryInterval: n.minRetryInterval, Now: time.Now, Log: n.log,
	}
	if err := n.dockerRules(&cfg); err != nil {
		return err
	}
	if n.aggregate {
		group, err := n.groupOfLogs()
		if err != nil {
			return err
		}
		cfg.Uploader = aggregation.New(aggregation.Config{Dirs: n.dirs, Dialer: n.dialer, Layout: n.layout, Group: group, Codec: n.codec, SystemUser: n.user,
			Node: cfg.Node, Now: time.Now, Policy: n.logPolicy, Retry: time.Second, Patience: n.logRetention, SizeLimit: n.logUploadLimit,
			Rolling: n.rollInterval, FilesPerApp: n.rollFiles, KeepLocal: n.keepLocalLogs, Log: n.log})
	}
	n.manager = container.NewManager(cfg)
	n.watch = monitor.New(monitor.Config{Manager: n.manager, Interval: n.monitorInterval, Physical: n.pmemCheck, Virtual: n.vmemCheck, Ratio: n.vmemRatio, Logs: n.logLimits, Log: n.log})
	return nil
}

// groupOfLogs is the group of the root of aggregated logs; "" where the system knows no group of the NodeManager's user.
func (n *node) groupOfLogs() (string, error) {
	if n.logGroup != "" {
		return n.logGroup, nil
	}
	mine, err := n.members.Of(n.user)
	if err != nil || len(mine) == 0 {
		return "", err
	}
	return mine[0], nil
}

// groups is a user's groups; none, with a word in the log, where they cannot be looked up.
func (n *node) groups(user string) []string {
	return n.members.Func(func(err error) { n.log.Warn("groups of a user are not known", "error", err) })(user)
}

func environ() map[string]string {
	out := map[string]string{}
	for _, e := range os.Environ() {
		k, v, _ := strings.Cut(e, "=")
		out[k] = v
	}
	return out
}

func (n *node) openRPC() error {
	qop, err := client.Protection(n.conf)
	if err != nil {
		return err
	}
	id := func() yarn.NodeID { return n.id }
	n.nm, n.ct = &tokens.NM{Node: id, Journal: n.journal}, &tokens.Containers{Node: id, Journal: n.journal}
	n.link = updater.New(updater.Config{
		Addresses: n.trackers, User: n.user, Node: n.id, HTTPPort: n.httpPort, Version: HadoopVersion, MinimumRMVersion: n.minimumRM, Types: n.types,
		Total: n.offer, SetTotal: n.resize, Physical: n.physical, Manager: n.manager, NMTokens: n.nm, Containers: n.ct,
		Health: n.health, Utilization: n.watch.Utilization, AppFinished: n.appFinished,
		Registered:    func() { n.ready() },
		RetryInterval: n.retryInterval, MaxWait: n.maxWait, Now: time.Now, Log: n.log,
	})
	svc := service.New(service.Config{Manager: n.manager, NMTokens: n.nm, Containers: n.ct, Types: n.types, RM: n.link.RM,
		Meta: services{n.shuffler}.Meta, Attrs: n.attributes, Now: time.Now, Log: n.log})
	acls, err := security.NewServiceACLs(n.conf, net.LookupIP)
	if err != nil {
		return err
	}
	authorize := func(_ context.Context, c *rpc.Call, protocol string) error {
		return acls.Authorize(c.User, protocol, n.groups, c.IP())
	}
	n.rpc, err = rpc.NewServer(rpc.ServerConfig{Name: "NodeManager", Authorize: authorize, Protocols: []rpc.Protocol{svc.Protocol()}, Tokens: n.nm, QOP: qop,
		MaxDataLength: n.maxRPCLength, MaxConnections: n.maxRPCConnections, Log: n.log})
	return err
}

// offer is what the node has for containers.
func (n *node) offer() yarn.Resource {
	total := n.total
	if r := n.offered.Load(); r != nil {
		total = *r
	}
	if p := n.types.Index(yarn.GPUName); n.gpus && p >= 0 {
		total[p] = min(total[p], n.usable.Load())
		if n.offered.Load() == nil {
			total[p] = n.usable.Load()
		}
	}
	return n.plugins.Offer(total)
}

// resize is the ResourceManager's word on what the node is to offer.
func (n *node) resize(r yarn.Resource) {
	if before := n.offer(); before != r {
		n.log.Info("the ResourceManager sets what this node offers", "from", before, "to", r)
		n.offered.Store(&r)
	}
}

// health is what disks and scripts say; one of them that is not well is enough. The log has each change.
func (n *node) health() updater.Health {
	ok, report, at := n.dirs.Health()
	scriptsOK, said, ran := n.scripts.Health()
	h := updater.Health{Healthy: ok && scriptsOK, Report: report, At: at}
	if ran.After(at) {
		h.At = ran
	}
	if said != "" && report != "" {
		h.Report += ";"
	}
	h.Report += said
	if words := n.trouble.Load(); words != nil && *words != "" {
		if h.Report != "" {
			h.Report += ";"
		}
		h.Report += *words
	}
	if old := n.told.Swap(&h.Report); old != nil && *old == h.Report || old == nil && h.Report == "" {
		return h
	}
	if h.Report == "" {
		n.log.Info("this node is well again")
	} else {
		n.log.Warn("something is wrong with this node", "healthy", h.Healthy, "report", h.Report)
	}
	return h
}

// openScripts makes the health scripts ready. One that cannot be run is said loudly and left out, as in Hadoop.
func (n *node) openScripts(ctx context.Context) error {
	var usable []health.Script
	for _, s := range n.healthScripts {
		if err := s.Check(); err != nil {
			n.log.Error("a health script is not run", "key", "yarn.nodemanager.health-checker."+s.Name+".path", "error", err)
			continue
		}
		usable = append(usable, s)
	}
	n.scripts = health.New(usable, n.log)
	if !n.scriptsFirst {
		return nil
	}
	n.scripts.RunOnce(ctx)
	if ok, report, _ := n.scripts.Health(); !ok {
		return fmt.Errorf("a health script says that this node is not healthy, and yarn.nodemanager.health-checker.run-before-startup is set: %s", report)
	}
	return nil
}

// appFinished is the ResourceManager's word that an application has ended.
func (n *node) appFinished(id yarn.ApplicationID) {
	n.manager.FinishApp(id, "Application killed by ResourceManager")
	n.nm.Forget(id)
}

// attributes are what a container's status tells AMs of where it runs.
func (n *node) attributes(s container.Status) map[string]string {
	ips := strings.Join(s.Addresses, ",")
	if ips == "" {
		ips = hostIP(n.id.Host)
	}
	return map[string]string{"HOST": n.id.Host, "IPS": ips}
}

func hostIP(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return ""
	}
	return ips[0].String()
}

func (n *node) openWeb() error {
	h, err := web.New(web.Config{
		Conf: n.conf, Manager: n.manager, Devices: n.devices, Dirs: n.dirs, Shuffle: n.shuffler, RPC: n.rpc, Types: n.types, Total: n.offer,
		Node: n.id, HTTPPort: n.httpPort, Version: HadoopVersion, Build: n.opt.Version, Started: n.started, Health: n.health,
		Utilization: n.watch.Utilization, LastContact: n.link.LastContact, PmemCheck: n.pmemCheck, VmemCheck: n.vmemCheck,
		ACLEnabled: n.aclEnabled, Groups: n.groups, Operator: n.opt.Operator, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.web = hadoophttp.NewServer(h, n.log)
	return nil
}

func (n *node) ready() {
	if n.opt.Ready != nil {
		n.opt.Ready(n.id, n.webL.Addr().String())
		n.opt.Ready = nil
	}
}

// serve runs until ctx ends or a part fails, and then ends everything in order.
func (n *node) serve(ctx context.Context) error {
	linkCtx, stopLink := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, 3)
	run := func(f func() error) { n.wg.Go(func() { failed <- f() }) }
	run(func() error { return n.rpc.Serve(n.rpcL) })
	run(func() error { return n.web.Serve(n.webL) })
	linkEnded := make(chan struct{})
	run(func() error { defer close(linkEnded); return n.link.Run(linkCtx) })
	n.wg.Go(func() { n.watch.Run(linkCtx) })
	n.wg.Go(func() { n.local.Run(linkCtx, n.cacheInterval) })
	n.wg.Go(func() { n.checkDisks(linkCtx) })
	n.wg.Go(func() { n.scripts.Run(linkCtx) })
	n.watchDevices(linkCtx)

	var err error
	select {
	case <-ctx.Done():
		n.log.Info("stopping")
	case err = <-failed:
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	stopLink()
	<-linkEnded
	stopErr := n.end(stopCtx, err)
	stopErr = errors.Join(stopErr, ended("rpc", n.rpc.Shutdown(stopCtx)), ended("web", n.web.Shutdown(stopCtx)))
	n.close()
	n.wg.Wait()
	for _, f := range n.last {
		stopErr = errors.Join(stopErr, f())
	}
	return errors.Join(err, stopErr)
}

func ended(what string, err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("end %s server: %w", what, err)
}

func (n *node) checkDisks(ctx context.Context) {
	t := time.NewTicker(n.diskInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			n.dirs.Check(now)
		}
	}
}

// services is the auxiliary services, of which there is one or none.
type services struct{ shuffle *shuffle.Server }

// Meta implements container.Aux.
func (s services) Meta() map[string][]byte {
	if s.shuffle == nil {
		return nil
	}
	return map[string][]byte{shuffle.Name: s.shuffle.Meta()}
}

// Known implements container.Aux.
func (s services) Known(name string) bool { return s.shuffle != nil && name == shuffle.Name }

// InitApp implements container.Aux.
func (s services) InitApp(user string, app yarn.ApplicationID, _ string, data []byte) error {
	return s.shuffle.InitApp(user, app, data)
}

// StopApp implements container.Aux.
func (s services) StopApp(app yarn.ApplicationID) {
	if s.shuffle != nil {
		s.shuffle.StopApp(app)
	}
}
