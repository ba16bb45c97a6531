// Package agent is what a task runs under inside its container: it takes free ports,
// fetches the job's code, waits at the barrier until the gang is whole, gives the command
// its environment, passes signals on, and tells the ApplicationMaster how it ended.
//
//	hello -> code, ports -> ready -> roster (the barrier) -> command -> exit
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"heddle/agent/environment"
	"heddle/hadoop/fs"
	"heddle/hadoop/fs/shell"
	"heddle/hadoop/security"
	"heddle/job/rendezvous"
	"heddle/jobspec"
)

// Exit codes of the agent itself, which OpenPAI's runtime uses for the same.
const (
	ExitBarrier = 250 // the ApplicationMaster was not reached, or the gang never became whole
	ExitPrepare = 252 // the code could not be fetched, or the command not be started
	ExitPorts   = 253 // a port that the job names is taken
)

// MaxCodeBytes bounds codeDir; OpenPAI's limit.
const MaxCodeBytes = 200_000_000

// Options is where the agent finds itself.
type Options struct {
	WorkDir string
	Getenv  func(string) string
	Environ []string    // what the command inherits
	Conf    fs.Settings // of the cluster
	Log     io.Writer   // the agent's own notes, beside the command's stderr
	Stdout  *os.File
	Stderr  *os.File
}

// Run runs this container's task and returns the exit code for the container.
func Run(ctx context.Context, o *Options) int {
	a := &agent{Options: o, signals: make(chan os.Signal, 8)}
	signal.Notify(a.signals, forwarded...)
	defer signal.Stop(a.signals)
	client, err := a.connect()
	if err != nil {
		a.note("%v", err)
		return ExitPrepare
	}
	defer client.Close()
	a.client = client
	code, err := a.run(ctx)
	reason := ""
	if err != nil {
		reason = err.Error()
		a.note("%s", reason)
	}
	a.report(ctx, code, reason)
	return code
}

type agent struct {
	*Options
	client  *rendezvous.Client
	signals chan os.Signal
	job     *rendezvous.Assignment
}

// failure is an end of the agent's own making.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func (a *agent) note(format string, args ...any) {
	fmt.Fprintf(a.Log, "heddle-agent: "+format+"\n", args...)
}

func (a *agent) connect() (*rendezvous.Client, error) {
	address, container := a.Getenv(rendezvous.EnvAddress), a.Getenv("CONTAINER_ID")
	if address == "" || container == "" {
		return nil, fmt.Errorf("%s and CONTAINER_ID are not set: the agent runs inside the container of a task that an ApplicationMaster started", rendezvous.EnvAddress)
	}
	credentials, err := security.ReadCredentialsFile(a.Getenv("HADOOP_TOKEN_FILE_LOCATION"))
	if err != nil {
		return nil, err
	}
	secret := credentials.Secrets[rendezvous.SecretAlias]
	if len(secret) == 0 {
		return nil, errors.New("the container's credentials hold no secret of a task")
	}
	return rendezvous.NewClient(address, container, secret), nil
}

// run returns the exit code, and what to say about it when it is not 0.
func (a *agent) run(ctx context.Context) (int, error) {
	started, stopWaiting := context.WithCancelCause(ctx)
	go func() { // until the command runs, a signal ends the waiting
		select {
		case s := <-a.signals:
			stopWaiting(&failure{128 + int(s.(syscall.Signal)), fmt.Errorf("ended by %v before the command ran", s)})
		case <-started.Done():
		}
	}()
	env, err := a.prepare(started)
	interrupted := context.Cause(started)
	stopWaiting(nil)
	if interrupted != nil {
		err = interrupted
	}
	if err == nil {
		var code int
		if code, err = a.command(env); err == nil {
			return code, describe(code)
		}
	}
	var f *failure
	if errors.As(err, &f) {
		return f.code, err
	}
	return ExitBarrier, err
}

// prepare does all that comes before the command and returns the command's environment.
func (a *agent) prepare(ctx context.Context) (env map[string]string, err error) {
	if a.job, err = a.client.Hello(ctx); err != nil {
		return nil, fmt.Errorf("asking the ApplicationMaster what to run: %w", err)
	}
	f := &a.job.Framework
	role, ok := f.Role(a.job.Role)
	if !ok {
		return nil, fmt.Errorf("the job has no role %s", a.job.Role)
	}
	if err := a.fetchCode(ctx, f); err != nil {
		return nil, &failure{ExitPrepare, err}
	}
	ports, held, err := TakePorts(role.Ports)
	if err != nil {
		return nil, &failure{ExitPorts, err}
	}
	defer held.Close() // the command binds them
	host, err := ownAddress(a.Getenv(rendezvous.EnvAddress))
	if err != nil {
		return nil, err
	}
	if err := a.client.Ready(ctx, rendezvous.Ready{Host: host, Ports: ports}); err != nil {
		return nil, fmt.Errorf("reporting to the ApplicationMaster: %w", err)
	}
	a.note("%s-%d is ready at %s and waits for the other tasks of the job", a.job.Role, a.job.Index, host)
	places, err := a.barrier(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for the other tasks of the job: %w", err)
	}
	t := &environment.Task{Assignment: *a.job, Places: places, WorkDir: a.WorkDir, Container: a.Getenv("CONTAINER_ID")}
	env, left, err := environment.Variables(t)
	if len(left) > 0 {
		a.note("these variables are too long for a process and are left out: %v", left)
	}
	return env, err
}

func (a *agent) barrier(ctx context.Context) ([]rendezvous.Place, error) {
	for {
		r, err := a.client.Roster(ctx)
		if err != nil {
			return nil, err
		}
		if r.Whole {
			return r.Places, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond): // the server itself waits
		}
	}
}

func (a *agent) fetchCode(ctx context.Context, f *jobspec.Framework) error {
	if f.CodeDir == "" {
		return nil
	}
	s := &shell.Shell{Dialer: &fs.Dialer{Conf: a.Conf}, User: f.User}
	err := s.Fetch(ctx, f.CodeDir, a.WorkDir, MaxCodeBytes)
	if errors.Is(err, shell.ErrTooLarge) {
		err = fmt.Errorf("it has more than %d MB; keep data out of it and read them from dataDir", MaxCodeBytes/1_000_000)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("fetching codeDir %s: %w", f.CodeDir, err)
	}
	return nil
}

// ownAddress is the address from which this host reaches the ApplicationMaster, so one of its own.
func ownAddress(master string) (string, error) {
	c, err := net.Dial("udp", master) // sends nothing
	if err != nil {
		return "", fmt.Errorf("finding this host's address: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	return host, err
}

const reportTimeout = 5 * time.Second

// report tells how the task ended. Where nobody listens any more the container's exit code says it, too.
func (a *agent) report(ctx context.Context, code int, reason string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	if err := a.client.Exit(ctx, rendezvous.Exit{Code: code, Reason: reason}); err != nil && !errors.Is(err, rendezvous.ErrRefused) {
		a.note("the ApplicationMaster was not told of the end: %v", err)
	}
}
