package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/security"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// AM plays an ApplicationMaster towards one node.
type AM struct {
	*client.ContainerManagement
	box     *Box
	User    string
	Attempt yarn.AttemptID
	last    atomic.Int64 // number of the newest container
}

// AM returns the master of application n of a user; its connection ends with the test.
func (b *Box) AM(t testing.TB, user string, n int32) *AM {
	t.Helper()
	a := &AM{box: b, User: user, Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: RMIdentifier, ID: n}, Attempt: 1}}
	_, key := b.keys()
	raw, err := security.MarshalIdentifier(&yarnpb.NMTokenIdentifierProto{AppAttemptId: wire.AttemptID(a.Attempt), NodeId: wire.NodeID(b.Node), AppSubmitter: &user, KeyId: &key.ID})
	if err != nil {
		t.Fatal(err)
	}
	cfg := &client.Config{Conf: conf.WithDefaults(), User: user}
	a.ContainerManagement = cfg.ContainerManagementAt(b.Node, key.Token("NMToken", b.Node.String(), raw))
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Launch is what a test says of a container; the rest is filled in.
type Launch struct {
	Env       map[string]string
	Commands  []string
	Resources map[string]*yarnpb.LocalResourceProto // by link name
	Service   map[string][]byte
	ACLs      map[yarnpb.ApplicationAccessTypeProto]string
	MemoryMB  int64
	GPUs      int64
	Logs      *yarnpb.LogAggregationContextProto
	Retry     *yarnpb.ContainerRetryContextProto
	// Edit changes the token's identifier before it is signed.
	Edit func(*yarnpb.ContainerTokenIdentifierProto)
}

// Request makes a start request with a signed container token.
func (a *AM) Request(t testing.TB, l Launch) (yarn.ContainerID, *yarnpb.StartContainerRequestProto) {
	t.Helper()
	id := yarn.ContainerID{Attempt: a.Attempt, ID: a.last.Add(1)}
	return id, &yarnpb.StartContainerRequestProto{ContainerLaunchContext: l.Context(), ContainerToken: a.Token(t, id, l)}
}

// Token is a container token signed by the ResourceManager.
func (a *AM) Token(t testing.TB, id yarn.ContainerID, l Launch) *commonpb.TokenProto {
	t.Helper()
	key, _ := a.box.keys()
	if l.MemoryMB == 0 {
		l.MemoryMB = 256
	}
	resource := &yarnpb.ResourceProto{Memory: &l.MemoryMB, VirtualCores: proto.Int32(1)}
	if l.GPUs > 0 {
		resource.ResourceValueMap = []*yarnpb.ResourceInformationProto{{Key: proto.String(yarn.GPUName), Value: &l.GPUs}}
	}
	now := time.Now().UnixMilli()
	tok := &yarnpb.ContainerTokenIdentifierProto{ContainerId: wire.ContainerID(id), NmHostAddr: proto.String(a.box.Node.String()), AppSubmitter: &a.User,
		Resource: resource, ExpiryTimeStamp: proto.Int64(now + 600_000), MasterKeyId: &key.ID, RmIdentifier: &RMIdentifier,
		Priority: wire.Priority(0), CreationTime: &now, LogAggregationContext: l.Logs}
	if l.Edit != nil {
		l.Edit(tok)
	}
	raw, err := security.MarshalIdentifier(tok)
	if err != nil {
		t.Fatal(err)
	}
	return key.Token("ContainerToken", a.box.Node.String(), raw).Proto()
}

// Context is the launch context.
func (l Launch) Context() *yarnpb.ContainerLaunchContextProto {
	c := &yarnpb.ContainerLaunchContextProto{Command: l.Commands, Tokens: security.NewCredentials().Marshal(), ContainerRetryContext: l.Retry}
	for k, v := range l.Env {
		c.Environment = append(c.Environment, &yarnpb.StringStringMapProto{Key: &k, Value: &v})
	}
	for k, v := range l.Resources {
		c.LocalResources = append(c.LocalResources, &yarnpb.StringLocalResourceMapProto{Key: &k, Value: v})
	}
	for k, v := range l.Service {
		c.ServiceData = append(c.ServiceData, &yarnpb.StringBytesMapProto{Key: &k, Value: v})
	}
	for k, v := range l.ACLs {
		c.Application_ACLs = append(c.Application_ACLs, &yarnpb.ApplicationACLMapProto{AccessType: &k, Acl: &v})
	}
	return c
}

// Try asks the node to start a container and returns the node's refusal, if it refuses.
func (a *AM) Try(t testing.TB, l Launch) (yarn.ContainerID, error) {
	t.Helper()
	id, req := a.Request(t, l)
	resp, err := a.StartContainers(t.Context(), &yarnpb.StartContainersRequestProto{StartContainerRequest: []*yarnpb.StartContainerRequestProto{req}})
	if err != nil {
		return id, err
	}
	for _, f := range resp.GetFailedRequests() {
		return id, fmt.Errorf("%s: %s", f.GetException().GetClassName(), f.GetException().GetMessage())
	}
	return id, nil
}

// Start starts a container that the node must accept.
func (a *AM) Start(t testing.TB, l Launch) yarn.ContainerID {
	t.Helper()
	id, err := a.Try(t, l)
	if err != nil {
		t.Fatalf("the node refused a container: %v", err)
	}
	return id
}

// Status asks the node.
func (a *AM) Status(t testing.TB, id yarn.ContainerID) *yarnpb.ContainerStatusProto {
	t.Helper()
	resp, err := a.GetContainerStatuses(context.WithoutCancel(t.Context()), &yarnpb.GetContainerStatusesRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
	if err != nil || len(resp.GetStatus()) != 1 {
		t.Fatalf("status of %s: %v, %v", id, resp, err)
	}
	return resp.GetStatus()[0]
}

// Done waits until a container has ended.
func (a *AM) Done(t testing.TB, id yarn.ContainerID) *yarnpb.ContainerStatusProto {
	t.Helper()
	var s *yarnpb.ContainerStatusProto
	Until(t, "end of "+id.String(), func() bool {
		s = a.Status(t, id)
		return s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE
	})
	return s
}

// Running waits until a container's process runs.
func (a *AM) Running(t testing.TB, id yarn.ContainerID) *yarnpb.ContainerStatusProto {
	t.Helper()
	var s *yarnpb.ContainerStatusProto
	Until(t, "run of "+id.String(), func() bool {
		s = a.Status(t, id)
		if s.GetState() == yarnpb.ContainerStateProto_C_COMPLETE {
			t.Fatalf("%s ended: %s", id, s.GetDiagnostics())
		}
		return s.GetContainerSubState() == yarnpb.ContainerSubStateProto_CSS_RUNNING
	})
	return s
}

// Stop asks the node to end a container.
func (a *AM) Stop(t testing.TB, id yarn.ContainerID) {
	t.Helper()
	resp, err := a.StopContainers(t.Context(), &yarnpb.StopContainersRequestProto{ContainerId: []*yarnpb.ContainerIdProto{wire.ContainerID(id)}})
	if err != nil || len(resp.GetSucceededRequests()) != 1 {
		t.Fatalf("stop of %s: %v, %v", id, resp, err)
	}
}

// Log reads a log file of a container from the node's log directories.
func (a *AM) Log(t testing.TB, id yarn.ContainerID, name string) string {
	t.Helper()
	text, ok := a.read(id, name)
	if !ok {
		t.Fatalf("container %s has no log %s", id, name)
	}
	return text
}

// Logged waits until a log file holds a text, and returns the file.
func (a *AM) Logged(t testing.TB, id yarn.ContainerID, name, want string) (text string) {
	t.Helper()
	Until(t, fmt.Sprintf("%q in log %s of %s", want, name, id), func() bool {
		text, _ = a.read(id, name)
		return strings.Contains(text, want)
	})
	return text
}

func (a *AM) read(id yarn.ContainerID, name string) (string, bool) {
	for _, d := range []string{"logs1", "logs2"} {
		b, err := os.ReadFile(filepath.Join(a.box.Dir, d, id.Attempt.Application.String(), id.String(), name))
		if err == nil {
			return string(b), true
		}
	}
	return "", false
}

// Resource describes a file of this host as a local resource.
func Resource(t testing.TB, path string, typ yarnpb.LocalResourceTypeProto, v yarnpb.LocalResourceVisibilityProto) *yarnpb.LocalResourceProto {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return &yarnpb.LocalResourceProto{Resource: &yarnpb.URLProto{Scheme: proto.String("file"), Port: proto.Int32(-1), File: &path},
		Size: proto.Int64(fi.Size()), Timestamp: proto.Int64(fi.ModTime().UnixMilli()), Type: &typ, Visibility: &v}
}
