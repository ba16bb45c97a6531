package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heddle/hadoop-proto/common"

	"google.golang.org/protobuf/proto"
)

// The tests' protocol uses messages that are at hand: a name in, a name back.
const testProtocol = "org.example.EchoPB"

type echoRequest = commonpb.GetProtocolSignatureRequestProto
type echoReply = commonpb.ProtocolVersionProto

func echoOf(s string) *echoRequest {
	return &echoRequest{Protocol: proto.String(s), RpcKind: proto.String("")}
}

type testTokens map[string]string

func (t testTokens) Password(_ context.Context, identifier []byte) ([]byte, string, error) {
	p, ok := t[string(identifier)]
	if !ok {
		return nil, "", Exception(ClassInvalidToken, "token (%s) can't be found in cache", identifier)
	}
	return []byte(p), "user-of-" + string(identifier), nil
}

func testMethods() map[string]Method {
	echo := func(_ context.Context, req *echoRequest) (*echoReply, error) {
		return &echoReply{RpcKind: req.Protocol}, nil
	}
	raw := func(_ context.Context, req, out []byte) ([]byte, error) {
		r := new(echoRequest)
		if err := proto.Unmarshal(req, r); err != nil {
			return nil, err
		}
		return proto.MarshalOptions{}.MarshalAppend(out, &echoReply{RpcKind: r.Protocol})
	}
	return map[string]Method{
		"echo":    Unary(echo),
		"raw":     {Raw: raw},
		"hot":     {Raw: raw, Inline: true},
		"inlined": func() Method { m := Unary(echo); m.Inline = true; return m }(),
		"who": Unary(func(ctx context.Context, _ *echoRequest) (*echoReply, error) {
			c := CallFrom(ctx)
			return &echoReply{RpcKind: proto.String(fmt.Sprintf("%s|%s|%s|%s|%s", c.User, c.RealUser, c.AuthMethod, c.TokenIdentifier, c.Method))}, nil
		}),
		"fail": Unary(func(_ context.Context, req *echoRequest) (*echoReply, error) {
			return nil, Exception(req.GetProtocol(), "as asked")
		}),
		"plain":   Unary(func(context.Context, *echoRequest) (*echoReply, error) { return nil, errors.New("some failure") }),
		"panic":   Unary(func(context.Context, *echoRequest) (*echoReply, error) { panic("boom") }),
		"partial": Unary(func(context.Context, *echoRequest) (*echoReply, error) { return &echoReply{}, nil }),
		"wait": Unary(func(ctx context.Context, _ *echoRequest) (*echoReply, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}),
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type fixture struct {
	*Server
	addr string
	log  *logBuffer
}

// serve starts a server that ends with the test.
func serve(t testing.TB, cfg ServerConfig) fixture {
	t.Helper()
	f := fixture{log: new(logBuffer)}
	cfg.Name = "test"
	cfg.Log = slog.New(slog.NewTextHandler(f.log, nil))
	if cfg.Protocols == nil {
		cfg.Protocols = []Protocol{{Name: testProtocol, Version: 1, Methods: testMethods(), Missing: func(m string) error {
			if m == "later" {
				return Exception(ClassYarn, "later is not built yet")
			}
			return nil
		}}}
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	f.Server, f.addr = s, l.Addr().String()
	return f
}

func (f fixture) client(t testing.TB, change func(*ClientConfig)) *Client {
	cfg := ClientConfig{Address: f.addr, Protocol: testProtocol, User: "alice"}
	if change != nil {
		change(&cfg)
	}
	c := NewClient(cfg)
	t.Cleanup(func() { c.Close() })
	return c
}

func callEcho(c *Client, method, arg string) (string, error) {
	var reply echoReply
	err := c.Call(context.Background(), method, echoOf(arg), &reply)
	return reply.GetRpcKind(), err
}

func TestCalls(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	c := s.client(t, nil)
	long := strings.Repeat("x", 300_000)
	for _, method := range []string{"echo", "raw", "hot", "inlined"} {
		for _, arg := range []string{"", "hello", long} {
			if got, err := callEcho(c, method, arg); err != nil || got != arg {
				t.Errorf("%s of %d bytes: %d bytes, %v", method, len(arg), len(got), err)
			}
		}
	}
	if st := s.Stats(); st.Connections != 1 || st.Calls != 12 || len(st.Methods) != 4 || st.BytesReceived < 1_200_000 {
		t.Errorf("stats %+v", st)
	}
}

func TestManyCallsShareAConnection(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, MaxInFlightPerConn: 3})
	c := s.client(t, nil)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			arg := fmt.Sprint(i)
			if got, err := callEcho(c, []string{"echo", "hot", "raw"}[i%3], arg); err != nil || got != arg {
				t.Errorf("call %s: %q, %v", arg, got, err)
			}
		})
	}
	wg.Wait()
	if n := s.Stats().ConnectionsAccepted; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestErrorsOfCalls(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	tests := []struct {
		name, method, arg string
		want              Error
	}{
		{"an exception keeps its class", "fail", ClassApplicationNotFound, Error{ClassApplicationNotFound, "as asked", ErrorApplication, false}},
		{"any other error is an IOException", "plain", "", Error{ClassIO, "some failure", ErrorApplication, false}},
		{"an unknown method", "nope", "", Error{ClassNoSuchMethod, "Unknown method nope called on " + testProtocol + " protocol.", ErrorNoSuchMethod, false}},
		{"a method that is not built", "later", "", Error{ClassYarn, "later is not built yet", ErrorApplication, false}},
		{"a panic", "panic", "", Error{ClassIO, "internal error in panic; the server's log has the details", ErrorRPCServer, false}},
	}
	c := s.client(t, nil)
	for _, tt := range tests {
		_, err := callEcho(c, tt.method, tt.arg)
		var e *Error
		if !errors.As(err, &e) || *e != tt.want {
			t.Errorf("%s: %#v, want %#v", tt.name, err, tt.want)
		}
	}
	if _, err := callEcho(c, "partial", ""); err == nil || !strings.Contains(err.Error(), "required field") {
		t.Errorf("an incomplete reply: %v", err)
	}
	if _, err := callEcho(c, "echo", "still here"); err != nil {
		t.Errorf("the connection did not survive its calls' errors: %v", err)
	}
	if !strings.Contains(s.log.String(), "boom") {
		t.Error("the panic is not in the log")
	}
	for _, tt := range []struct {
		name   string
		change func(*ClientConfig)
		want   Error
	}{
		{"unknown protocol", func(c *ClientConfig) { c.Protocol = "foo.Bar" }, Error{ClassNoSuchProtocol, "Unknown protocol: foo.Bar", ErrorNoSuchProtocol, false}},
		{"wrong version", func(c *ClientConfig) { c.Version = 7 }, Error{ClassVersionMismatch, "Protocol " + testProtocol + " version mismatch. (client = 7, server = 1)", ErrorVersionMismatch, false}},
		{"a proxy user that nobody allowed", func(c *ClientConfig) { c.User, c.RealUser = "bob", "alice" }, Error{ClassAuthorization, "User: alice is not allowed to impersonate bob", FatalUnauthorized, true}},
	} {
		_, err := callEcho(s.client(t, tt.change), "echo", "")
		var e *Error
		if !errors.As(err, &e) || *e != tt.want {
			t.Errorf("%s: %#v, want %#v", tt.name, err, tt.want)
		}
	}
}

func TestProtocolMetaInfo(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	c := s.client(t, func(c *ClientConfig) { c.Protocol = metaInfoName })
	var sig commonpb.GetProtocolSignatureResponseProto
	req := &commonpb.GetProtocolSignatureRequestProto{Protocol: proto.String(testProtocol), RpcKind: proto.String("RPC_PROTOCOL_BUFFER")}
	if err := c.Call(context.Background(), "getProtocolSignature", req, &sig); err != nil {
		t.Fatal(err)
	}
	if p := sig.GetProtocolSignature()[0]; p.GetVersion() != 1 || len(p.GetMethods()) != len(testMethods()) {
		t.Errorf("signature %v", p)
	}
}

func TestWhoCalls(t *testing.T) {
	tokens := testTokens{"id1": "secret"}
	tok := func(id, pw string, qop ...string) func(*ClientConfig) {
		return func(c *ClientConfig) {
			c.Token, c.QOP = &ClientToken{[]byte(id), []byte(pw)}, qop
		}
	}
	open := func(context.Context, *Call, string) error { return nil }
	tests := []struct {
		name   string
		server ServerConfig
		client func(*ClientConfig)
		want   string
		fails  string
	}{
		{"simple", ServerConfig{AllowSimple: true}, nil, "alice||SIMPLE||who", ""},
		{"simple without a name", ServerConfig{AllowSimple: true}, func(c *ClientConfig) { c.User = "" }, "||SIMPLE||who", ""},
		{"an allowed proxy user", ServerConfig{AllowSimple: true, Authorize: open}, func(c *ClientConfig) { c.RealUser = "oozie" }, "alice|oozie|SIMPLE||who", ""},
		{"a service ACL", ServerConfig{AllowSimple: true, Authorize: func(_ context.Context, c *Call, p string) error {
			return Exception(ClassAuthorization, "User %s is not authorized for protocol %s", c.User, p)
		}}, nil, "", "User alice is not authorized for protocol " + testProtocol},
		{"a token holder at a port without tokens falls back", ServerConfig{AllowSimple: true}, tok("id1", "secret"), "alice||SIMPLE||who", ""},
		{"token", ServerConfig{Tokens: tokens}, tok("id1", "secret"), "user-of-id1||TOKEN|id1|who", ""},
		{"token where simple is allowed too", ServerConfig{Tokens: tokens, AllowSimple: true}, tok("id1", "secret"), "user-of-id1||TOKEN|id1|who", ""},
		{"simple at a token port", ServerConfig{Tokens: tokens}, nil, "", "SIMPLE authentication is not enabled.  Available:[TOKEN]"},
		{"a wrong password", ServerConfig{Tokens: tokens}, tok("id1", "guess"), "", ClassSasl + ": DIGEST-MD5: digest response format violation. Mismatched response."},
		{"an unknown token", ServerConfig{Tokens: tokens}, tok("id2", "x"), "", ClassInvalidToken + ": token (id2) can't be found in cache"},
		{"integrity", ServerConfig{Tokens: tokens, QOP: []string{"auth-int"}}, tok("id1", "secret", "auth-int"), "user-of-id1||TOKEN|id1|who", ""},
		{"privacy", ServerConfig{Tokens: tokens, QOP: []string{"auth-conf", "auth"}}, tok("id1", "secret", "auth-conf"), "user-of-id1||TOKEN|id1|who", ""},
		{"no common quality", ServerConfig{Tokens: tokens}, tok("id1", "secret", "auth-conf"), "", "hadoop.rpc.protection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.server).client(t, tt.client)
			got, err := callEcho(c, "who", "")
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error %v, want %q", err, tt.fails)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestWrappedCallsOfAnySize(t *testing.T) {
	for _, qop := range []string{"auth-int", "auth-conf"} {
		s := serve(t, ServerConfig{Tokens: testTokens{"id": "pw"}, QOP: []string{qop}})
		c := s.client(t, func(c *ClientConfig) {
			c.Token, c.QOP = &ClientToken{[]byte("id"), []byte("pw")}, []string{qop}
		})
		var wg sync.WaitGroup
		for _, n := range []int{0, 1, 100, 65_000, 65_536, 200_000, 1_000_000} {
			wg.Go(func() {
				arg := strings.Repeat("y", n)
				if got, err := callEcho(c, []string{"hot", "echo"}[n%2], arg); err != nil || got != arg {
					t.Errorf("%s, %d bytes: %d bytes, %v", qop, n, len(got), err)
				}
			})
		}
		wg.Wait()
	}
}

func TestClientReconnects(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	c := s.client(t, nil)
	for range 3 {
		if _, err := callEcho(c, "echo", "x"); err != nil {
			t.Fatal(err)
		}
		s.Server.mu.Lock()
		for conn := range s.conns {
			conn.nc.Close()
		}
		s.Server.mu.Unlock()
		<-c.conn.ended
	}
	if n := s.Stats().ConnectionsAccepted; n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestClientClosesAnIdleConnection(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	c := s.client(t, func(c *ClientConfig) { c.IdleTimeout = time.Millisecond })
	if _, err := callEcho(c, "echo", "x"); err != nil {
		t.Fatal(err)
	}
	<-c.conn.ended
	if _, err := callEcho(c, "echo", "x"); err != nil {
		t.Fatal(err)
	}
}

func TestClientPingsAndWaits(t *testing.T) {
	release := make(chan struct{})
	slow := Unary(func(context.Context, *echoRequest) (*echoReply, error) {
		<-release
		return &echoReply{RpcKind: proto.String("done")}, nil
	})
	s := serve(t, ServerConfig{AllowSimple: true, Protocols: []Protocol{{Name: testProtocol, Version: 1, Methods: map[string]Method{"slow": slow}}}})
	c := s.client(t, func(c *ClientConfig) { c.PingInterval, c.IdleTimeout = time.Millisecond, time.Millisecond })
	before := s.Stats().BytesReceived
	go func() {
		for s.Stats().BytesReceived < before+400 { // several pings beyond the call itself
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	if got, err := callEcho(c, "slow", ""); err != nil || got != "done" {
		t.Fatal(got, err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true})
	c := s.client(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := c.Call(ctx, "wait", echoOf(""), new(echoReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := callEcho(c, "echo", "next"); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := serve(t, ServerConfig{AllowSimple: true})
			c := s.client(t, nil)
			go c.Call(context.Background(), "wait", echoOf(""), new(echoReply))
			if _, err := callEcho(c, "echo", "x"); err != nil {
				t.Fatal(err)
			}
			silent, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			s.Shutdown(ctx)
			if st := s.Stats(); st.Connections != 0 || st.CallsInProgress != 0 {
				t.Errorf("left: %+v", st)
			}
			if _, err := callEcho(c, "echo", "x"); err == nil {
				t.Error("a call after the shutdown was answered")
			}
		})
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 200 {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, had %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, ServerConfig{AllowSimple: true, Protocols: []Protocol{{Name: testProtocol, Version: 1, Methods: map[string]Method{
		"slow": Unary(func(ctx context.Context, _ *echoRequest) (*echoReply, error) {
			close(entered)
			<-release
			return &echoReply{RpcKind: proto.String("answered")}, ctx.Err()
		})}}}})
	c := s.client(t, nil)
	got := make(chan string, 1)
	go func() {
		reply, err := callEcho(c, "slow", "")
		got <- fmt.Sprint(reply, err)
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	for !s.isStopping() {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if r := <-got; r != "answered<nil>" {
		t.Errorf("the call in progress: %s", r)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestTooManyConnections(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, MaxConnections: 1})
	if _, err := callEcho(s.client(t, nil), "echo", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := callEcho(s.client(t, nil), "echo", "x"); err == nil {
		t.Error("a connection above the limit was served")
	}
	if n := s.Stats().ConnectionsRefused; n != 1 {
		t.Errorf("%d refused", n)
	}
}

// Silent connections do not keep others out: one that said nothing for a second makes room.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, MaxConnections: 20})
	talks := s.client(t, nil)
	var silent []net.Conn
	for range 19 {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		silent = append(silent, nc)
	}
	for range 24 { // somewhat longer than crowdIdle
		if _, err := callEcho(talks, "echo", "x"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(crowdIdle / 20)
	}
	for range 5 {
		if _, err := callEcho(s.client(t, nil), "echo", "x"); err != nil {
			t.Errorf("a new peer: %v", err)
		}
	}
	if _, err := callEcho(talks, "echo", "x"); err != nil {
		t.Errorf("the peer that talks: %v", err)
	}
	gone := 0
	for _, nc := range silent {
		if err := nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			gone++
		}
	}
	if n := s.Stats().ConnectionsRefused; gone != 5 || n != 5 {
		t.Errorf("%d silent connections are gone, %d counted, want 5", gone, n)
	}
}

func TestPlacesLeaveDescriptorsForOthers(t *testing.T) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	if n := places(); n < 16 || n > 1<<30 || l.Cur > 200 && l.Cur < 1<<30 && n >= int64(l.Cur) {
		t.Errorf("%d places with %d descriptors", n, l.Cur)
	}
}
