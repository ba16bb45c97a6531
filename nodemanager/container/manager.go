package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heddle/executor"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/launch"
	"heddle/nodemanager/localizer"
	"heddle/nodemanager/plugin"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// Aux is the node's auxiliary services.
type Aux interface {
	Meta() map[string][]byte
	// Known reports whether a service of that name runs here.
	Known(name string) bool
	InitApp(user string, app yarn.ApplicationID, service string, data []byte) error
	StopApp(app yarn.ApplicationID)
}

// Devices assigns GPUs.
type Devices interface {
	Assign(c yarn.ContainerID, r yarn.Resource) (uuids []string, err error)
	Restore(c yarn.ContainerID, uuids []string)
	Release(c yarn.ContainerID)
	Counted() bool
	// Denied are the devices that a container must not open.
	Denied(c yarn.ContainerID) []executor.DeviceFile
	// Same reports whether two sizes have the same devices, which a running container keeps.
	Same(a, b yarn.Resource) bool
}

// Uploader takes an ended application's logs to where `yarn logs` reads them.
type Uploader interface {
	Upload(ctx context.Context, app FinishedApp) error
	// Interval is how often running applications' logs are uploaded; 0: never.
	Interval() time.Duration
	// Roll uploads what came to the logs of a running application and returns what was uploaded in all.
	Roll(app FinishedApp) (map[string]Uploaded, error)
	// Clean removes local files that are uploaded as the application's record says, and returns the record
	// without those that are gone.
	Clean(app FinishedApp) map[string]Uploaded
}

// Uploaded is how much of a log file is uploaded; Head tells the file from a later one with the same inode.
type Uploaded struct {
	Bytes int64
	Head  string
}

// FinishedApp is an application whose containers on this node are all done, or one whose logs are rolled.
type FinishedApp struct {
	ID         yarn.ApplicationID
	User       string
	Owner      *executor.Account // of the log files; nil: the NodeManager's own user
	ACLs       map[string]string
	Logs       LogContext
	Containers []FinishedContainer
	Uploaded   map[string]Uploaded // by inode, what was uploaded while it ran
}

// FinishedContainer is one of its containers.
type FinishedContainer struct {
	ID     yarn.ContainerID
	Exit   yarn.ExitStatus
	Master bool
}

// Config sets a Manager up.
type Config struct {
	Dirs         *dirs.Set
	Localizer    *localizer.Localizer
	Aux          Aux
	Devices      Devices
	DeviceWait   time.Duration // longest wait for devices that containers before have not given back
	Plugins      *plugin.Set   // nil: none
	Uploader     Uploader      // nil: logs stay here for LogRetention
	LogRetention time.Duration
	KeepLogs     bool              // also those that are uploaded
	Journal      *recovery.Journal // nil: nothing is remembered over a restart
	Process      executor.Executor
	DockerExec   executor.Executor // nil: no Docker containers
	// CheckRuntime refuses an environment that asks for a kind of container that is not allowed here.
	CheckRuntime  func(env map[string]string) error
	WantsDocker   func(env map[string]string) bool
	DockerRequest func(DockerInput) (*executor.Docker, error)
	// Account is who a user's containers run as; nil for the NodeManager's own user.
	Account func(user string) (*executor.Account, error)

	Node     func() yarn.NodeID
	HTTPPort func() int

	HomeDir, AdminEnv   string
	Whitelist           []string
	HostEnv             map[string]string
	Java                *launch.Java
	DebugInfo           bool
	LogDirMode          fs.FileMode
	KillDelay           time.Duration
	DeleteDelay         time.Duration
	MaxDiagnostics      int
	TailBytes           int64
	StderrPatterns      []string
	HardMemory, HardCPU bool
	CoresPerVCore       float64       // what a vcore is worth where CPU time is held; 0: a core
	PIDs                int64         // most processes and threads of a container; 0: no limit
	MinRetryInterval    time.Duration // yarn.nodemanager.container-retry-minimum-interval-ms

	Now func() time.Time
	Log *slog.Logger
}

// Manager owns the node's applications and containers. mu guards the maps below it.
type Manager struct {
	cfg    Config
	wg     sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc
	news   chan struct{} // something for the ResourceManager
	closed chan struct{}
	away   context.Context // ends with Leave: what runs goes on without this NodeManager
	leave  context.CancelFunc

	mu         sync.Mutex
	apps       map[yarn.ApplicationID]*app
	containers map[yarn.ContainerID]*Container
	removed    map[yarn.ContainerID]time.Time // lately, for answers to askers
	reports    logReports
	stopping   bool

	Counts Counts
}

// Counts are how many containers came and how they went, since the start.
type Counts struct{ Launched, Completed, Failed, Killed atomic.Int64 }

// NewManager returns a Manager without applications.
func NewManager(cfg Config) *Manager {
	m := &Manager{cfg: cfg, news: make(chan struct{}, 1), closed: make(chan struct{}), apps: map[yarn.ApplicationID]*app{},
		containers: map[yarn.ContainerID]*Container{}, removed: map[yarn.ContainerID]time.Time{},
		reports: logReports{journal: cfg.Journal, now: cfg.Now, coming: map[yarn.ApplicationID]bool{}, told: map[yarn.ApplicationID]savedReport{}}}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.away, m.leave = context.WithCancel(context.Background())
	return m
}

// News receives when the ResourceManager should hear from the node before the next heartbeat.
func (m *Manager) News() <-chan struct{} { return m.news }

func (m *Manager) tellRM() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// ErrStopping refuses starts while the node goes down.
var ErrStopping = errors.New("the NodeManager is shutting down")

// UnknownAux refuses a container whose service data names no service of this node.
type UnknownAux struct{ Name string }

func (e *UnknownAux) Error() string { return "The auxService:" + e.Name + " does not exist" }

// Start takes a container over, and remembers it together with claim. It returns before the container runs.
func (m *Manager) Start(s Spec, claim recovery.Change) error {
	if err := m.check(s); err != nil {
		return err
	}
	owner, err := m.cfg.Account(s.User)
	if err != nil {
		return err
	}
	c := m.newContainer(s, m.cfg.Now(), owner)
	if err := m.add(c); err != nil {
		c.cancel()
		return err
	}
	for name, data := range s.Launch.Service {
		if err := m.cfg.Aux.InitApp(s.User, s.ID.Attempt.Application, name, data); err != nil {
			m.cfg.Log.Warn("service data is not usable; the container starts all the same", "container", s.ID, "error", err)
		}
	}
	if err := m.remember(c, claim); err != nil {
		m.disown(c)
		return err
	}
	if err := m.cfg.Dirs.MakeApp(s.User, s.ID.Attempt.Application, owner); err != nil {
		c.Kill(exitNotStarted, err.Error())
		return nil
	}
	c.fire(evInit)
	return nil
}

func (m *Manager) newContainer(s Spec, started time.Time, owner *executor.Account) *Container {
	c := &Container{ID: s.ID, User: s.User, spec: s, Started: started, mgr: m, owner: owner, done: make(chan struct{}), exit: yarn.ExitInvalid}
	c.ctx, c.cancel = context.WithCancel(m.ctx)
	return c
}

// remember makes the acceptance durable; the caller answers after that.
func (m *Manager) remember(c *Container, claim recovery.Change) error {
	m.mu.Lock()
	a := m.apps[c.ID.Attempt.Application]
	if a == nil {
		m.mu.Unlock()
		return fmt.Errorf("application %s has finished on this node", c.ID.Attempt.Application)
	}
	record := a.record()
	m.mu.Unlock()
	err := m.cfg.Journal.Save(record, recovery.Put(partKey(c.ID, partSpec), savedSpec{c.Status().Spec, c.Started}), claim)
	if err != nil {
		return fmt.Errorf("the container cannot be remembered over a restart and is not accepted: %w", err)
	}
	return nil
}

// disown takes back a container that was not accepted after all.
func (m *Manager) disown(c *Container) {
	c.cancel()
	c.mu.Lock()
	untouched := c.state == New
	if untouched {
		c.state = Done
		close(c.done)
	}
	c.mu.Unlock()
	if !untouched {
		return // it is being ended already, and goes that way
	}
	m.mu.Lock()
	a := m.apps[c.ID.Attempt.Application]
	delete(m.containers, c.ID)
	if a != nil {
		delete(a.containers, c.ID)
	}
	empty := a != nil && len(a.containers) == 0 && len(a.ended) == 0
	m.mu.Unlock()
	if empty {
		m.FinishApp(a.ID, "its first container was not accepted")
	}
}

func (m *Manager) check(s Spec) error {
	if s.User == "" || s.User == "." || s.User == ".." || strings.ContainsAny(s.User, "/\x00") || len(s.User) > maxName {
		return fmt.Errorf("user name %.300q cannot have directories", s.User)
	}
	for name := range s.Launch.Service {
		if !m.cfg.Aux.Known(name) {
			return &UnknownAux{name}
		}
	}
	return m.cfg.CheckRuntime(s.Launch.Env)
}

func (m *Manager) add(c *Container) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping {
		return ErrStopping
	}
	if m.containers[c.ID] != nil {
		return fmt.Errorf("Container %s already is running on this node!!", c.ID) //nolint:revive // Hadoop's text
	}
	a := m.apps[c.ID.Attempt.Application]
	if a == nil {
		a = newApp(m, c)
		m.apps[a.ID] = a
		m.roll(a)
	}
	if a.finishing {
		return fmt.Errorf("application %s has finished on this node", a.ID)
	}
	a.containers[c.ID] = c
	m.containers[c.ID] = c
	m.Counts.Launched.Add(1)
	return nil
}

// containerDone is called with the container's lock held; it takes no lock of the manager's own.
func (m *Manager) containerDone(c *Container) {
	switch {
	case c.killed:
		m.Counts.Killed.Add(1)
	case c.exit == yarn.ExitSuccess:
		m.Counts.Completed.Add(1)
	default:
		m.Counts.Failed.Add(1)
	}
	m.tellRM()
}

// Find is the container with this id.
func (m *Manager) Find(id yarn.ContainerID) (*Container, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.containers[id]; c != nil {
		return c, nil
	}
	if _, ok := m.removed[id]; ok {
		return nil, fmt.Errorf("Container %s was recently stopped on node manager.", id) //nolint:revive // Hadoop's text
	}
	return nil, fmt.Errorf("Container %s is not handled by this NodeManager", id) //nolint:revive // Hadoop's text
}

// Containers are all containers that the node knows, ended ones too until the ResourceManager has them.
func (m *Manager) Containers() []*Container {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*Container, 0, len(m.containers))
	for _, c := range m.containers {
		out = append(out, c)
	}
	return out
}

// Remove forgets an ended container that the ResourceManager has.
func (m *Manager) Remove(id yarn.ContainerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[id]
	if c == nil {
		return
	}
	s := c.Status()
	if s.State != Done {
		return
	}
	m.forget(c)
	changes := forgetContainer(id)
	if m.apps[id.Attempt.Application] != nil {
		changes = append(changes, recovery.Put(keyEnded+id.Attempt.Application.String()+"/"+id.String(), FinishedContainer{id, s.Exit, s.Spec.Grant.Master}))
	}
	m.cfg.Journal.Note(changes...)
	for other, at := range m.removed {
		if m.cfg.Now().Sub(at) > keepRemoved {
			delete(m.removed, other)
		}
	}
}

// maxName is the longest name of a file, in bytes, on every file system that matters.
const maxName = 255

const keepRemoved = 10 * time.Minute

func (m *Manager) forget(c *Container) {
	delete(m.containers, c.ID)
	m.removed[c.ID] = m.cfg.Now()
}

// deleteLater runs a removal after the debug delay, or never when the node stops before.
func (m *Manager) deleteLater(f func() error) {
	m.wg.Go(func() {
		select {
		case <-m.closed:
			return
		case <-time.After(m.cfg.DeleteDelay):
		}
		if err := f(); err != nil {
			m.cfg.Log.Warn("files could not be removed", "error", err)
		}
	})
}

// Close ends every container and application, waiting until ctx ends, and releases everything.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.stopping = true
	var apps []*app
	for _, a := range m.apps {
		apps = append(apps, a)
	}
	m.mu.Unlock()
	for _, a := range apps {
		m.FinishApp(a.ID, "the NodeManager is shutting down")
	}
	var err error
	for _, a := range apps {
		select {
		case <-a.done:
		case <-ctx.Done():
			err = fmt.Errorf("application %s was not cleaned up before the NodeManager ended: %w", a.ID, ctx.Err())
		}
	}
	close(m.closed)
	m.stop()
	if err == nil {
		m.wg.Wait()
	}
	m.leave() // what could not be ended in time is left alone
	return err
}
