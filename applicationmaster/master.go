// Package applicationmaster runs one job as an ordinary YARN application of type HEDDLE:
// it registers, asks for the tasks' containers, starts them under the agent, lets them go
// together, and ends as the job's completion policy says.
//
//	ResourceManager <- heartbeat -> +------+ <- hello, ready, roster, exit - agents
//	                                | core |
//	NodeManagers    <- start, stop - +------+ - status -> clients, and a file in staging
//
// One goroutine, the core, owns the job (package framework); everything else sends it
// messages and carries out its orders.
package applicationmaster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"heddle/applicationmaster/framework"
	"heddle/hadoop/conf"
	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/security"
	"heddle/job/rendezvous"
	"heddle/job/staging"
	"heddle/yarn"
	"heddle/yarn/client"
)

// Configuration keys of jobs.
const (
	keyGangTimeout = "heddle.job.gang-timeout"
	keyStopTimeout = "heddle.job.stop-timeout"
)

// Options is where the ApplicationMaster finds itself.
type Options struct {
	Getenv func(string) string
	Conf   *conf.Config
	Launch *staging.Launch
	Log    *slog.Logger
}

// ErrJobFailed says that the job ran and did not succeed; the ResourceManager knows why.
var ErrJobFailed = errors.New("the job failed")

// Run runs the job of this container to its end. ctx ends when the container is told to.
func Run(ctx context.Context, o Options) error {
	m, err := newMaster(o)
	if err != nil {
		return err
	}
	return m.run(ctx)
}

// master is one ApplicationMaster. What is below core belongs to its goroutine alone.
type master struct {
	Options
	container yarn.ContainerID
	host      string // by which nodes and clients reach this one
	types     *yarn.ResourceTypes
	client    *client.Config
	token     security.Token
	nodes     *client.NodeManagers
	dir       *staging.Dir
	agents    *rendezvous.Server
	port      int

	inbox chan func()
	done  chan struct{} // closed when the core ends
	wg    sync.WaitGroup
	slots chan struct{} // bounds calls to NodeManagers under way

	core struct {
		job     *framework.Job
		secrets map[yarn.ContainerID][]byte
		news    rmNews
		whole   chan struct{} // closed when the roster changes for the waiting agents
		failure error         // why the loop with the ResourceManager ended
		written chan struct{} // closed when the last record under way is written
	}
}

func newMaster(o Options) (*master, error) {
	m := &master{Options: o, inbox: make(chan func(), 64), done: make(chan struct{}), slots: make(chan struct{}, 16)}
	var err error
	if m.container, err = yarn.ParseContainerID(o.Getenv("CONTAINER_ID")); err != nil {
		return nil, fmt.Errorf("CONTAINER_ID: %w: the ApplicationMaster runs inside a container that a ResourceManager gave it; submit jobs with `heddle job submit`", err)
	}
	if m.host = o.Getenv("NM_HOST"); m.host == "" {
		return nil, errors.New("NM_HOST is not set: the NodeManager of this container did not say where it is")
	}
	credentials, err := security.ReadCredentialsFile(o.Getenv("HADOOP_TOKEN_FILE_LOCATION"))
	if err != nil {
		return nil, err
	}
	var ok bool
	if m.token, ok = credentials.Find(security.KindAMRM); !ok {
		return nil, errors.New("the container's credentials hold no AMRM token")
	}
	if m.types, err = conf.ResourceTypes(o.Conf); err != nil {
		return nil, err
	}
	if m.client, err = client.NewConfig(o.Conf, m.container.Attempt.String()); err != nil {
		return nil, err
	}
	v := o.Conf.Values()
	settings := framework.Settings{
		GangTimeout: v.Duration(keyGangTimeout, 500*time.Second, time.Second), // FrameworkLauncher's amGangAllocationTimeoutSec
		StopTimeout: v.Duration(keyStopTimeout, 30*time.Second, time.Second),
		Jitter:      rand.Int64N,
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	m.core.job = framework.New(&o.Launch.Framework, m.container.Attempt.Application.String(), settings)
	m.core.secrets = map[yarn.ContainerID][]byte{}
	m.core.whole = make(chan struct{})
	m.core.written = make(chan struct{})
	close(m.core.written)
	m.nodes = client.NewNodeManagers(m.client)
	m.agents = rendezvous.NewServer((*door)(m), o.Log)
	return m, nil
}

func (m *master) run(ctx context.Context) (err error) {
	// The record is the job's last word, not a condition for it: a job does not fail for want of it.
	if m.dir, err = staging.Open(m.Conf, m.Launch.Framework.User); err != nil {
		m.Log.Warn("the staging directory cannot be opened; the job leaves no record", "error", err)
	} else {
		defer m.dir.Close() //nolint:errcheck // all was written and closed before
	}
	listener, err := m.listen(ctx)
	if err != nil {
		return err
	}
	server := hadoophttp.NewServer(m.routes(), m.Log)
	m.wg.Go(func() {
		if err := server.Serve(listener); err != nil {
			m.Log.Error("the status service ended", "error", err)
		}
	})
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(stop) // agents that still wait are cut off
		m.nodes.Close()
		m.wg.Wait()
	}()
	rm, err := m.register(ctx)
	if err != nil {
		return err
	}
	defer rm.close()
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	m.wg.Go(func() { m.heartbeats(work, rm) })
	m.loop(ctx)
	stopWork()
	return m.finish(ctx, rm)
}

func (m *master) listen(ctx context.Context) (net.Listener, error) {
	bind := ""
	if ip := net.ParseIP(m.host); m.host == "localhost" || ip != nil && ip.IsLoopback() {
		bind = m.host // a cluster on one machine is nobody else's business
	}
	l, err := hadoophttp.Listen(ctx, net.JoinHostPort(bind, "0"), "the container's host")
	if err == nil {
		m.port = l.Addr().(*net.TCPAddr).Port
	}
	return l, err
}

func (m *master) address() string { return net.JoinHostPort(m.host, fmt.Sprint(m.port)) }

func (m *master) url() string { return "http://" + m.address() + "/" }

// loop is the core: it runs messages one by one and carries out the job's orders after each.
func (m *master) loop(ctx context.Context) {
	defer close(m.done)
	job := m.core.job
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	job.Begin(time.Now())
	m.carryOut()
	last := job.State()
	for job.State() != framework.Completed && m.core.failure == nil {
		select {
		case f := <-m.inbox:
			f()
		case <-tick.C:
			job.Tick(time.Now())
		case <-ctx.Done():
			job.Kill(time.Now())
		}
		m.carryOut()
		if s := job.State(); s != last {
			m.Log.Info("job", "from", last, "to", s, "status", job.Status().Detail, "diagnostics", job.Status().Diagnostics)
			m.changed(last, s)
			last = s
		}
	}
}

func (m *master) changed(_, s framework.State) {
	close(m.core.whole)
	m.core.whole = make(chan struct{})
	if s == framework.Running {
		st, before, written := m.core.job.Status(), m.core.written, make(chan struct{})
		m.core.written = written
		m.wg.Go(func() { // one after the other: all write the same file
			defer close(written)
			<-before
			m.record(st)
		})
	}
}

// tell runs f on the core's goroutine and waits for it; false when the core has ended.
func (m *master) tell(f func()) bool {
	ran := make(chan struct{})
	select {
	case m.inbox <- func() { f(); close(ran) }:
	case <-m.done:
		return false
	}
	select {
	case <-ran:
		return true
	case <-m.done:
		return false
	}
}

// carryOut does what the job has ordered.
func (m *master) carryOut() {
	o := m.core.job.TakeOrders()
	m.core.news.add(o)
	for _, l := range o.Launch {
		secret := rendezvous.NewSecret()
		m.core.secrets[l.Grant.ID] = secret
		m.launch(l, secret)
	}
	for _, id := range o.Stop {
		delete(m.core.secrets, id)
		m.stop(id)
	}
	for _, id := range o.Release {
		delete(m.core.secrets, id)
		m.agents.Forget(id.String())
	}
}

// finish leaves the record and unregisters with the job's outcome.
func (m *master) finish(ctx context.Context, rm *resourceManager) error {
	final := m.core.job.Status()
	<-m.core.written
	m.record(final)
	switch {
	case m.core.failure != nil:
		return m.core.failure
	case ctx.Err() != nil:
		return errors.New("the ApplicationMaster was told to end")
	}
	v := m.core.job.Verdict()
	status := yarn.FinalSucceeded
	if v.Code != 0 {
		status = yarn.FinalFailed
	}
	if err := rm.unregister(ctx, status, v.Describe()); err != nil {
		return err
	}
	m.Log.Info("job ended", "state", final.State, "diagnostics", final.Diagnostics)
	if status == yarn.FinalFailed {
		return ErrJobFailed
	}
	return nil
}

// ReadLaunch reads a launch file.
func ReadLaunch(path string) (*staging.Launch, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return staging.ParseLaunch(body)
}
