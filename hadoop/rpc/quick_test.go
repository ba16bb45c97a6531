package rpc

import (
	"context"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
)

// A quick answer goes out at once; what it declines, and a panic in it, goes the usual way.
// Under encryption too.
func TestQuickAnswers(t *testing.T) {
	slow := Unary(func(_ context.Context, req *echoRequest) (*echoReply, error) {
		return &echoReply{RpcKind: proto.String("slow " + req.GetProtocol())}, nil
	})
	quick := func(ctx context.Context, req, out []byte) ([]byte, bool) {
		r := new(echoRequest)
		if proto.Unmarshal(req, r) != nil || r.GetProtocol() == "no" {
			return nil, false
		}
		if r.GetProtocol() == "panic" {
			panic("boom")
		}
		b, err := proto.MarshalOptions{}.MarshalAppend(out, &echoReply{RpcKind: proto.String("quick " + r.GetProtocol() + " of " + CallFrom(ctx).User)})
		return b, err == nil
	}
	for _, qop := range []string{"auth", "auth-conf"} {
		s := serve(t, ServerConfig{Tokens: testTokens{"id1": "secret"}, QOP: []string{qop},
			Protocols: []Protocol{{Name: testProtocol, Version: 1, Methods: map[string]Method{"echo": slow.Before(quick)}}}})
		c := s.client(t, func(c *ClientConfig) { c.Token, c.QOP = &ClientToken{[]byte("id1"), []byte("secret")}, []string{qop} })
		var all sync.WaitGroup
		for range 20 { // at the same time on one connection
			for ask, want := range map[string]string{"yes": "quick yes of ", "no": "slow no", "panic": "slow panic"} {
				all.Go(func() {
					var reply echoReply
					if err := c.Call(context.Background(), "echo", echoOf(ask), &reply); err != nil || !strings.HasPrefix(reply.GetRpcKind(), want) {
						t.Errorf("%s: %q, %v; want %q", qop, reply.GetRpcKind(), err, want)
					}
				})
			}
		}
		all.Wait()
		calls := uint64(0)
		for _, m := range s.Stats().Methods {
			calls += uint64(m.Calls)
		}
		if calls != 60 {
			t.Errorf("%d calls are counted, 60 were made", calls)
		}
		if !strings.Contains(s.log.String(), "boom") {
			t.Error("the panic is not in the log")
		}
	}
}
