// Package launcher starts ApplicationMasters: towards a NodeManager the ResourceManager
// is an ordinary client of ContainerManagement with tokens of its own making.
package launcher

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/tokens"
	"heddle/yarn"
)

const (
	workers     = 256 // most of which wait for nodes that are away, where some are
	queueLength = 4096
	// startTimeout is over the time that a node may be away, yarn.client.nodemanager-connect.max-wait-ms.
	startTimeout = 200 * time.Second
	// notReady is how long a NodeManager that has just registered may refuse starts.
	notReady = 10 * time.Second
)

// NodeManagers calls ContainerManagement on a node with a token.
type NodeManagers func(node yarn.NodeID, t security.Token) (ContainerManagement, func())

// ContainerManagement is what the launcher needs of a NodeManager.
type ContainerManagement interface {
	// Start waits for a node that is away, and starts a container once, also where an answer is lost.
	Start(ctx context.Context, id yarn.ContainerID, req *yarnpb.StartContainerRequestProto) error
}

// Launcher starts AMs with a bounded number of workers.
type Launcher struct {
	tokens *tokens.Minter
	dial   NodeManagers
	clock  func() time.Time
	log    *slog.Logger
	queue  chan job
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

type job struct {
	launch core.Launch
	done   func(error)
}

// New starts the workers; Close ends them.
func New(t *tokens.Minter, dial NodeManagers, clock func() time.Time, log *slog.Logger) *Launcher {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Launcher{tokens: t, dial: dial, clock: clock, log: log, queue: make(chan job, queueLength), ctx: ctx, cancel: cancel}
	for range workers {
		l.wg.Add(1)
		go l.work()
	}
	return l
}

// Close lets the workers finish what they are at and stops.
func (l *Launcher) Close() {
	l.cancel()
	l.wg.Wait()
}

// Launch implements core.Launcher.
func (l *Launcher) Launch(launch core.Launch, done func(error)) {
	select {
	case l.queue <- job{launch, done}:
	default:
		go done(fmt.Errorf("%d ApplicationMasters wait to be started already", queueLength))
	}
}

func (l *Launcher) work() {
	defer l.wg.Done()
	for {
		select {
		case <-l.ctx.Done():
			return
		case j := <-l.queue:
			err := l.start(j.launch)
			if err != nil {
				l.log.Warn("ApplicationMaster not started", "attempt", j.launch.Attempt, "node", j.launch.Grant.Node, "error", err)
			} else {
				l.log.Info("ApplicationMaster started", "attempt", j.launch.Attempt, "container", j.launch.Grant.ID, "node", j.launch.Grant.Node)
			}
			j.done(err)
		}
	}
}

func (l *Launcher) start(launch core.Launch) error {
	req, err := l.request(launch)
	if err != nil {
		return err
	}
	token, err := l.tokens.NM(launch.Attempt, launch.Grant.Node, launch.User)
	if err != nil {
		return err
	}
	nm, done := l.dial(launch.Grant.Node, token)
	defer done()
	ctx, cancel := context.WithTimeout(l.ctx, startTimeout)
	defer cancel()
	deadline := l.clock().Add(notReady)
	for {
		err := nm.Start(ctx, launch.Grant.ID, req)
		if rpc.IsClass(err, rpc.ClassNMNotYetReady) && l.clock().Before(deadline) {
			select {
			case <-time.After(200 * time.Millisecond):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return err
	}
}

// request is the AM container's start request: the client's launch context with the AMRM
// token among its credentials, and the variables that YARN adds for AMs.
func (l *Launcher) request(launch core.Launch) (*yarnpb.StartContainerRequestProto, error) {
	var sub yarnpb.ApplicationSubmissionContextProto
	if err := proto.Unmarshal(launch.Context, &sub); err != nil {
		return nil, fmt.Errorf("read the submission context: %w", err)
	}
	spec := sub.GetAmContainerSpec()
	if spec == nil {
		spec = &yarnpb.ContainerLaunchContextProto{}
	}
	creds := security.NewCredentials()
	if len(spec.GetTokens()) > 0 {
		c, err := security.ParseCredentials(spec.GetTokens())
		if err != nil {
			return nil, fmt.Errorf("read the submitted credentials: %w", err)
		}
		creds = c
	}
	amrm, err := l.tokens.AMRM(launch.Attempt)
	if err != nil {
		return nil, err
	}
	creds.Tokens[""] = amrm
	spec.Tokens = creds.Marshal()
	set(spec, "APPLICATION_WEB_PROXY_BASE", "/proxy/"+launch.App.String())
	set(spec, "APP_SUBMIT_TIME_ENV", strconv.FormatInt(launch.Submit, 10))
	token, err := l.tokens.Container(launch.Grant, sub.GetLogAggregationContext(), l.clock())
	if err != nil {
		return nil, err
	}
	return &yarnpb.StartContainerRequestProto{ContainerLaunchContext: spec, ContainerToken: token.Proto()}, nil
}

func set(spec *yarnpb.ContainerLaunchContextProto, key, value string) {
	for _, e := range spec.Environment {
		if e.GetKey() == key {
			e.Value = &value
			return
		}
	}
	spec.Environment = append(spec.Environment, &yarnpb.StringStringMapProto{Key: &key, Value: &value})
}
