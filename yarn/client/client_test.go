package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/yarn"

	"google.golang.org/protobuf/proto"
)

type oneToken struct{ id, password string }

func (t oneToken) Password(_ context.Context, id []byte) ([]byte, string, error) {
	if string(id) != t.id {
		return nil, "", rpc.Exception(rpc.ClassInvalidToken, "unknown")
	}
	return []byte(t.password), "appattempt_1_0001_000001", nil
}

// serve answers one method of a protocol and returns its address.
func serve(t *testing.T, cfg rpc.ServerConfig) string {
	t.Helper()
	s, err := rpc.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return l.Addr().String()
}

func TestApplicationClientUsesAddressAndUser(t *testing.T) {
	addr := serve(t, rpc.ServerConfig{AllowSimple: true, Protocols: []rpc.Protocol{{Name: protocolApplicationClient, Version: 1, Methods: map[string]rpc.Method{
		"getClusterMetrics": rpc.Unary(func(ctx context.Context, _ *yarnpb.GetClusterMetricsRequestProto) (*yarnpb.GetClusterMetricsResponseProto, error) {
			if u := rpc.CallFrom(ctx).User; u != "alice" {
				t.Errorf("user %q", u)
			}
			return &yarnpb.GetClusterMetricsResponseProto{ClusterMetrics: &yarnpb.YarnClusterMetricsProto{NumNodeManagers: proto.Int32(3)}}, nil
		})}}}})
	c := conf.New()
	c.Set("yarn.resourcemanager.address", addr)
	cfg, err := NewConfig(c, "alice")
	if err != nil {
		t.Fatal(err)
	}
	rm, err := cfg.ApplicationClient()
	if err != nil {
		t.Fatal(err)
	}
	defer rm.Close()
	m, err := rm.GetClusterMetrics(t.Context(), &yarnpb.GetClusterMetricsRequestProto{})
	if err != nil || m.GetClusterMetrics().GetNumNodeManagers() != 3 {
		t.Errorf("%v, %v", m, err)
	}
}

func TestNodeManagersUseTheLatestToken(t *testing.T) {
	addr := serve(t, rpc.ServerConfig{Tokens: oneToken{"id", "new"}, Protocols: []rpc.Protocol{{Name: protocolContainerManagement, Version: 1, Methods: map[string]rpc.Method{
		"stopContainers": rpc.Unary(func(context.Context, *yarnpb.StopContainersRequestProto) (*yarnpb.StopContainersResponseProto, error) {
			return &yarnpb.StopContainersResponseProto{}, nil
		})}}}})
	node, err := yarn.ParseNodeID(addr)
	if err != nil {
		t.Fatal(err)
	}
	nms := NewNodeManagers(&Config{User: "alice"})
	defer nms.Close()
	if _, err := nms.Node(node); err == nil || !strings.Contains(err.Error(), "no NM token") {
		t.Errorf("without a token: %v", err)
	}
	stop := func() error {
		nm, err := nms.Node(node)
		if err != nil {
			return err
		}
		_, err = nm.StopContainers(t.Context(), &yarnpb.StopContainersRequestProto{})
		return err
	}
	nms.SetToken(node, security.Token{Identifier: []byte("id"), Password: []byte("old")}.Proto())
	if err := stop(); !rpc.IsClass(err, rpc.ClassSasl) {
		t.Errorf("an outdated token: %v", err)
	}
	nms.SetToken(node, security.Token{Identifier: []byte("id"), Password: []byte("new")}.Proto())
	if err := stop(); err != nil {
		t.Errorf("the new token: %v", err)
	}
}

func TestConfigRefusals(t *testing.T) {
	for key, value := range map[string]string{
		"yarn.resourcemanager.ha.enabled": "true",
		"hadoop.security.authentication":  "kerberos",
		"hadoop.rpc.protection":           "secret",
	} {
		c := conf.New()
		c.Set(key, value)
		if _, err := NewConfig(c, "alice"); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	c := conf.New()
	c.Set("hadoop.rpc.protection", "privacy,authentication")
	if q, err := Protection(c); err != nil || !slices.Equal(q, []string{"auth-conf", "auth"}) {
		t.Errorf("%v, %v", q, err)
	}
}

// A client waits for a ResourceManager that starts late, and for one that goes away between two calls; it gives up at max-wait.
func TestClientsWaitForTheResourceManager(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(most string) *ApplicationClient {
		c := conf.New()
		c.Set("yarn.resourcemanager.address", addr)
		c.Set("yarn.resourcemanager.connect.max-wait.ms", most)
		c.Set("yarn.resourcemanager.connect.retry-interval.ms", "10")
		cfg, err := NewConfig(c, "alice")
		if err != nil {
			t.Fatal(err)
		}
		rm, err := cfg.ApplicationClient()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { rm.Close() })
		return rm
	}
	ask := func(rm *ApplicationClient) error {
		_, err := rm.GetClusterMetrics(t.Context(), &yarnpb.GetClusterMetricsRequestProto{})
		return err
	}
	if err := ask(open("50")); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody there: %v", err)
	}
	rm, answer := open("-1"), make(chan error, 1)
	for range 2 {
		go func() { answer <- ask(rm) }()
		select {
		case err := <-answer:
			t.Fatalf("answered without a server: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		s, err := rpc.NewServer(rpc.ServerConfig{AllowSimple: true, Protocols: []rpc.Protocol{{Name: protocolApplicationClient, Version: 1, Methods: map[string]rpc.Method{
			"getClusterMetrics": rpc.Unary(func(context.Context, *yarnpb.GetClusterMetricsRequestProto) (*yarnpb.GetClusterMetricsResponseProto, error) {
				return &yarnpb.GetClusterMetricsResponseProto{}, nil
			})}}}})
		if err != nil {
			t.Fatal(err)
		}
		if l, err = net.Listen("tcp", addr); err != nil {
			t.Fatal(err)
		}
		go s.Serve(l)
		if err := <-answer; err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A node that is away for a moment gets the start when it is back; one that has the container already has started it.
func TestStartReachesANodeThatComesBack(t *testing.T) {
	known := false
	refuse := &yarnpb.StartContainersResponseProto{FailedRequests: []*yarnpb.ContainerExceptionMapProto{{Exception: &yarnpb.SerializedExceptionProto{ClassName: new("YarnException"), Message: new("is there already")}}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	node, err := yarn.ParseNodeID(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := conf.New()
	c.Set("yarn.client.nodemanager-connect.retry-interval-ms", "10")
	cfg, err := NewConfig(c, "appattempt_1_0001_000001")
	if err != nil {
		t.Fatal(err)
	}
	nm := cfg.ContainerManagementAt(node, security.Token{Identifier: []byte("id"), Password: []byte("new")})
	defer nm.Close()
	id := yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 1, ID: 1}, Attempt: 1}, ID: 2}
	answer := make(chan error, 1)
	go func() { answer <- nm.Start(t.Context(), id, &yarnpb.StartContainerRequestProto{}) }()
	select {
	case err := <-answer:
		t.Fatalf("answered without a node: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s, err := rpc.NewServer(rpc.ServerConfig{Tokens: oneToken{"id", "new"}, Protocols: []rpc.Protocol{{Name: protocolContainerManagement, Version: 1, Methods: map[string]rpc.Method{
		"startContainers": rpc.Unary(func(context.Context, *yarnpb.StartContainersRequestProto) (*yarnpb.StartContainersResponseProto, error) {
			return refuse, nil
		}),
		"getContainerStatuses": rpc.Unary(func(context.Context, *yarnpb.GetContainerStatusesRequestProto) (*yarnpb.GetContainerStatusesResponseProto, error) {
			if known {
				return &yarnpb.GetContainerStatusesResponseProto{Status: []*yarnpb.ContainerStatusProto{{}}}, nil
			}
			return &yarnpb.GetContainerStatusesResponseProto{}, nil
		})}}}})
	if err != nil {
		t.Fatal(err)
	}
	if l, err = net.Listen("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	defer s.Shutdown(context.Background()) //nolint:errcheck // the test is over
	var refused *Refused
	if err := <-answer; !errors.As(err, &refused) || refused.Message != "is there already" {
		t.Errorf("a start that is refused: %v", err)
	}
	known = true
	if err := nm.Start(t.Context(), id, &yarnpb.StartContainerRequestProto{}); err != nil {
		t.Errorf("a start whose first answer was lost: %v", err)
	}
}
