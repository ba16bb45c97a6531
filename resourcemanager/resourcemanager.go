// Package resourcemanager puts the ResourceManager together: settings, state, core,
// protocols and web, each in a room of its own below this folder.
package resourcemanager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/user"
	"sync"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/launcher"
	"heddle/resourcemanager/records"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/service"
	"heddle/resourcemanager/settings"
	"heddle/resourcemanager/tokens"
	"heddle/resourcemanager/web"
	"heddle/store"
	"heddle/yarn"
	"heddle/yarn/client"
)

// ResourceManager is a running ResourceManager.
type ResourceManager struct {
	log      *slog.Logger
	operator hadoophttp.Operator
	setAside bool // damaged records, instead of refusing to start
	clock    func() time.Time
	store    store.Store
	writer   *records.Writer
	launch   *launcher.Launcher
	core     *core.Core
	minter   *tokens.Minter
	service  *service.Service
	gate     *gate
	servers  []*rpc.Server
	web      *hadoophttp.Server
	stop     context.CancelFunc
	wg       sync.WaitGroup
	failed   chan error

	listeners []net.Listener // opened, not yet served
	Addresses Addresses
}

// Addresses are host:port of every port.
type Addresses struct {
	Client, Scheduler, Tracker, Admin, Web string
}

// shutdownTime is how long calls in progress may take when the ResourceManager stops.
const shutdownTime = 5 * time.Second

// Option says what does not come from the configuration.
type Option func(*ResourceManager)

// WithOperator gives the web server the process's log, for /logLevel and /logs.
func WithOperator(o hadoophttp.Operator) Option { return func(r *ResourceManager) { r.operator = o } }

// WithDamagedSetAside starts without applications whose records cannot be read; their records are kept in files.
func WithDamagedSetAside() Option { return func(r *ResourceManager) { r.setAside = true } }

// Start reads the state, opens every port and begins to serve. Shutdown ends it.
func Start(s *settings.Settings, version string, log *slog.Logger, options ...Option) (*ResourceManager, error) {
	for _, w := range s.Warnings {
		log.Warn(w)
	}
	r := &ResourceManager{log: log, clock: time.Now, failed: make(chan error, 8)}
	for _, o := range options {
		o(r)
	}
	if err := r.start(s, version); err != nil {
		r.Shutdown()
		return nil, err
	}
	return r, nil
}

// Failed delivers what ends the ResourceManager from inside.
func (r *ResourceManager) Failed() <-chan error { return r.failed }

func (r *ResourceManager) start(s *settings.Settings, version string) error {
	began := r.clock()
	epoch, recovered, err := r.openState(s)
	if err != nil {
		return err
	}
	cfg := s.Scheduler
	cfg.Epoch = epoch
	sched, err := scheduler.New(cfg)
	if err != nil {
		return fmt.Errorf("capacity-scheduler.xml in %s: %w", s.Dir, err)
	}
	if err := r.makeTokens(s, began); err != nil {
		return err
	}
	if err := r.makeCore(s, sched, epoch, recovered, began); err != nil {
		return err
	}
	if err := r.makeService(s, version, began); err != nil {
		return err
	}
	return r.open(s)
}

func (r *ResourceManager) makeTokens(s *settings.Settings, began time.Time) (err error) {
	cfg := tokens.Config{AMRM: s.AMRM, NM: s.NM, Container: s.Keys, ContainerExpiry: s.AllocationExpiry,
		RMIdentifier: began.UnixMilli(), UseIP: s.UseIP, Types: s.Types}
	save := func(security.Keys) error { return nil }
	var stored *security.Keys
	if r.store != nil {
		save = func(k security.Keys) error { return r.writer.SaveAMRMKeys(context.Background(), k) }
		k, ok, err := records.LoadAMRMKeys(r.store)
		if err != nil {
			return err
		}
		if ok {
			stored = &k
		}
	}
	r.minter, err = tokens.New(cfg, stored, save, began)
	return err
}

func (r *ResourceManager) makeCore(s *settings.Settings, sched *scheduler.Scheduler, epoch int64, rec core.Recovered, began time.Time) error {
	var recorder core.Recorder = records.None{}
	if r.writer != nil {
		recorder = r.writer
	}
	nodes, err := client.NewConfig(s.Conf, "")
	if err != nil {
		return err
	}
	r.launch = launcher.New(r.minter, func(node yarn.NodeID, t security.Token) (launcher.ContainerManagement, func()) {
		c := nodes.ContainerManagementAt(node, t)
		return c, func() {
			if err := c.Close(); err != nil {
				r.log.Debug("closing a NodeManager connection", "node", node, "error", err)
			}
		}
	}, r.clock, r.log)
	r.core = core.New(core.Config{
		ClusterTimestamp: began.UnixMilli(), Epoch: epoch, MaxAttempts: s.MaxAttempts, NodeExpiry: s.NodeExpiry, AMExpiry: s.AMExpiry,
		AllocationExpiry: s.AllocationExpiry, MaxCompleted: s.MaxCompleted, LogAggregation: s.LogAggregation,
		BlacklistAMNodes: s.BlacklistAMNodes, BlacklistAtMost: s.BlacklistAtMost, DiagnosticsLength: s.DiagnosticsLength,
		TrackingURL: func(id yarn.ApplicationID) string { return "http://" + s.WebPublic + "/cluster/app/" + id.String() },
	}, sched, recorder, r.launch, r.clock, r.log)
	r.core.Recover(rec)
	if len(rec.Apps) > 0 {
		r.log.Info("state recovered", "applications", len(rec.Apps), "epoch", epoch)
	}
	return nil
}

func (r *ResourceManager) makeService(s *settings.Settings, version string, began time.Time) error {
	groups, err := security.NewGroups(s.Conf)
	if err != nil {
		return err
	}
	hosts, err := service.NewHostLists(s.IncludePath, s.ExcludePath)
	if err != nil {
		return err
	}
	owner := ""
	if u, err := user.Current(); err == nil {
		owner = u.Username
	}
	d := records.Delegation{}
	if r.store != nil {
		d.Store = r.store
	}
	keys, issued, sequence, err := d.Load()
	if err != nil {
		return err
	}
	delegation, err := security.NewDelegationTokens(s.Delegation, d, rand.Reader, keys, issued, sequence, began)
	if err != nil {
		return err
	}
	member := groups.Func(func(err error) { r.log.Debug("groups", "error", err) })
	if r.gate, err = newGate(s.Conf, member); err != nil {
		return err
	}
	r.service = &service.Service{
		Lists: service.NewTurns(),
		Core:  r.core, Tokens: r.minter, Settings: s, Clock: r.clock, Log: r.log, Delegation: delegation, Hosts: hosts,
		ClusterTimestamp: began.UnixMilli(), Version: version, RefreshGroups: groups.Refresh,
		RefreshProxyUsers: r.gate.refreshProxyUsers, RefreshServiceACLs: r.gate.refreshServiceACLs,
		Access: service.NewAccess(s, owner, member),
	}
	return r.service.LoadNodeSizes()
}

// open listens on every port, then starts the core and serves. Where the configuration
// leaves a port to the system (0), Addresses say which it became.
func (r *ResourceManager) open(s *settings.Settings) error {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	for _, p := range []struct {
		addr, key string
		bound     *string
	}{
		{s.ClientAddress, "yarn.resourcemanager.address", &r.Addresses.Client},
		{s.SchedulerAddress, "yarn.resourcemanager.scheduler.address", &r.Addresses.Scheduler},
		{s.TrackerAddress, "yarn.resourcemanager.resource-tracker.address", &r.Addresses.Tracker},
		{s.AdminAddress, "yarn.resourcemanager.admin.address", &r.Addresses.Admin},
		{s.WebAddress, "yarn.resourcemanager.webapp.address", &r.Addresses.Web},
	} {
		l, err := hadoophttp.Listen(ctx, p.addr, p.key)
		if err != nil {
			return err
		}
		r.listeners = append(r.listeners, l)
		*p.bound = l.Addr().String()
	}
	if host, port, err := net.SplitHostPort(s.WebPublic); err == nil && port == "0" {
		_, port, _ = net.SplitHostPort(r.Addresses.Web) // it was made by net.Listen
		s.WebPublic = net.JoinHostPort(host, port)
	}
	known := func(id yarn.AttemptID) bool { _, ok := r.core.AMSession(id); return ok }
	for _, p := range []struct {
		name     string
		protocol rpc.Protocol
		verifier rpc.TokenVerifier
		simple   bool
	}{
		{"client", r.service.Client(), tokens.ClientVerifier{Tokens: r.service.Delegation, Clock: r.clock}, true},
		{"scheduler", r.service.ApplicationMaster(), tokens.AMVerifier{Minter: r.minter, Known: known}, false},
		{"tracker", r.service.Tracker(), nil, true},
		{"admin", r.service.Admin(), nil, true},
	} {
		server, err := rpc.NewServer(rpc.ServerConfig{Name: p.name, Protocols: []rpc.Protocol{p.protocol}, Tokens: p.verifier, AllowSimple: p.simple,
			QOP: s.QOP, MaxDataLength: s.MaxDataLength, MaxConnections: s.MaxConnections, Authorize: r.gate.authorize, Log: r.log})
		if err != nil {
			return err
		}
		r.servers = append(r.servers, server)
	}
	handler, err := web.New(r.service, r.servers, r.operator)
	if err != nil {
		return err
	}
	r.web = hadoophttp.NewServer(handler, r.log)
	r.goes(func() { r.runCore(ctx) })
	r.goes(func() { r.rollKeys(ctx) })
	for i, server := range r.servers {
		r.serve(server, r.listeners[i])
	}
	r.serve(r.web, r.listeners[len(r.servers)])
	r.listeners = nil // the servers close them
	r.log.Info("ResourceManager ready", "client", r.Addresses.Client, "web", r.Addresses.Web, "took", r.clock().Sub(time.UnixMilli(r.service.ClusterTimestamp)).Round(time.Millisecond))
	return nil
}

// runCore ends the process loudly where the core fails: a ResourceManager that answers
// but decides nothing is worse than none.
func (r *ResourceManager) runCore(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			r.failed <- fmt.Errorf("the ResourceManager's core failed: %v", p)
			panic(p)
		}
	}()
	r.core.Run(ctx)
}

func (r *ResourceManager) rollKeys(ctx context.Context) {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if err := errors.Join(r.minter.Tick(now), r.service.Delegation.Tick(now)); err != nil {
				r.log.Error("rolling keys", "error", err)
			}
		}
	}
}

func (r *ResourceManager) goes(f func()) {
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		f()
	}()
}

func (r *ResourceManager) serve(server interface{ Serve(net.Listener) error }, l net.Listener) {
	addr := l.Addr()
	r.goes(func() {
		if err := server.Serve(l); err != nil {
			r.failed <- fmt.Errorf("the server on %s: %w", addr, err)
		}
	})
}

// Shutdown stops serving, writes what is queued and closes the store.
func (r *ResourceManager) Shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if r.web != nil {
		r.note("web", r.web.Shutdown(ctx))
	}
	for _, s := range r.servers {
		r.note("rpc", s.Shutdown(ctx))
	}
	for _, l := range r.listeners {
		r.note("listener", l.Close())
	}
	if r.launch != nil {
		r.launch.Close()
	}
	if r.stop != nil {
		r.stop()
	}
	r.wg.Wait()
	if r.writer != nil {
		r.writer.Close()
	}
	if r.store != nil {
		r.note("state store", r.store.Close())
	}
}

func (r *ResourceManager) note(what string, err error) {
	if err != nil {
		r.log.Warn("stopping "+what, "error", err)
	}
}
