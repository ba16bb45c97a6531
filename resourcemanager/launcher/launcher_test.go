package launcher

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/tokens"
	"heddle/yarn"
	"heddle/yarn/client"
)

// manager is a NodeManager that answers with its replies in turn, the last one for ever.
type manager struct {
	mu      sync.Mutex
	replies []func() error
	calls   int
	closed  int
}

func (m *manager) Start(context.Context, yarn.ContainerID, *yarnpb.StartContainerRequestProto) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.replies[min(m.calls, len(m.replies)-1)]
	m.calls++
	return r()
}

func fails(err error) func() error { return func() error { return err } }

func starts() error { return nil }

func refuses() error {
	return &client.Refused{Class: "InvalidContainerException", Message: "rejected as it is allocated by a previous RM"}
}

func TestLaunch(t *testing.T) {
	notReady := rpc.Exception(rpc.ClassNMNotYetReady, "registering")
	for name, c := range map[string]struct {
		replies []func() error
		calls   int
		want    string // in the error; empty: success
	}{
		"starts":                         {[]func() error{starts}, 1, ""},
		"a node that is not ready yet":   {[]func() error{fails(notReady), fails(notReady), starts}, 3, ""},
		"a node that never becomes it":   {[]func() error{fails(notReady)}, 51, "registering"},
		"a call that fails":              {[]func() error{fails(rpc.Exception(rpc.ClassYarn, "no disk"))}, 1, "no disk"},
		"a refused container of a batch": {[]func() error{refuses}, 1, "InvalidContainerException: rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &manager{replies: c.replies}
				l := launcher(t, m)
				defer l.Close()
				err := <-launch(l, launchOf(t, nil))
				if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if m.calls != c.calls || m.closed != 1 {
					t.Errorf("%d calls, want %d; closed %d times", m.calls, c.calls, m.closed)
				}
			})
		})
	}
}

func launcher(t *testing.T, m *manager) *Launcher {
	t.Helper()
	types, err := yarn.NewResourceTypes()
	if err != nil {
		t.Fatal(err)
	}
	roll := tokens.Rolling{Interval: time.Hour, Delay: time.Minute}
	minter, err := tokens.New(tokens.Config{AMRM: roll, NM: roll, Container: roll, UseIP: true, Types: types}, nil, func(security.Keys) error { return nil }, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return New(minter, func(yarn.NodeID, security.Token) (ContainerManagement, func()) { return m, func() { m.closed++ } }, time.Now, slog.New(slog.DiscardHandler))
}

func launch(l *Launcher, x core.Launch) <-chan error {
	done := make(chan error, 1)
	l.Launch(x, func(err error) { done <- err })
	return done
}

func launchOf(t *testing.T, change func(*yarnpb.ContainerLaunchContextProto)) core.Launch {
	t.Helper()
	app := yarn.ApplicationID{ClusterTimestamp: 7, ID: 3}
	spec := &yarnpb.ContainerLaunchContextProto{Command: []string{"am"}, Environment: []*yarnpb.StringStringMapProto{{Key: new("APPLICATION_WEB_PROXY_BASE"), Value: new("mine")}}}
	if change != nil {
		change(spec)
	}
	raw, err := proto.Marshal(&yarnpb.ApplicationSubmissionContextProto{AmContainerSpec: spec})
	if err != nil {
		t.Fatal(err)
	}
	attempt := yarn.AttemptID{Application: app, Attempt: 1}
	return core.Launch{Attempt: attempt, App: app, User: "alice", Submit: 99, Context: raw,
		Grant: core.Grant{ID: yarn.ContainerID{Attempt: attempt, ID: 1}, Node: yarn.NodeID{Host: "127.0.0.1", Port: 1}, User: "alice", AM: true}}
}

// What YARN sets wins over what the client set.
func TestVariablesOfAnAM(t *testing.T) {
	l := launcher(t, &manager{})
	defer l.Close()
	req, err := l.request(launchOf(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range req.GetContainerLaunchContext().GetEnvironment() {
		if _, double := got[e.GetKey()]; double {
			t.Errorf("%s is set twice", e.GetKey())
		}
		got[e.GetKey()] = e.GetValue()
	}
	if got["APPLICATION_WEB_PROXY_BASE"] != "/proxy/application_7_0003" || got["APP_SUBMIT_TIME_ENV"] != "99" {
		t.Errorf("%v", got)
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	m := &manager{}
	l := launcher(t, m)
	defer l.Close()
	err := <-launch(l, launchOf(t, func(c *yarnpb.ContainerLaunchContextProto) { c.Tokens = []byte("nonsense") }))
	if err == nil || !strings.Contains(err.Error(), "read the submitted credentials") || m.calls != 0 {
		t.Errorf("%v, %d calls", err, m.calls)
	}
}
