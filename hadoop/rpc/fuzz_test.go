package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"heddle/hadoop-proto/common"

	"google.golang.org/protobuf/proto"
)

func FuzzHeaders(f *testing.F) {
	f.Add([]byte(frameOf(requestHeader{callID: 7, retry: -1, clientID: []byte("0123456789abcdef")}))[4:])
	f.Add(appendMethodHeader(nil, "echo", testProtocol, 1))
	f.Add(appendResponseHeader(nil, -33, -1, nil, Exception(ClassIO, "x")))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var h requestHeader
		if _, err := h.parse(frame); err == nil {
			again := requestHeader{}
			if _, err := again.parse((&h).append(nil)); err != nil || again.callID != h.callID || !bytes.Equal(again.clientID, h.clientID) {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
		var m methodHeader
		if _, err := m.parse(frame); err == nil {
			var again methodHeader
			if _, err := again.parse(appendMethodHeader(nil, string(m.method), string(m.protocol), m.version)); err != nil || !bytes.Equal(again.method, m.method) {
				t.Fatalf("%+v became %+v, %v", m, again, err)
			}
		}
		// The library's reader must accept what ours accepts.
		var r responseHeader
		if _, err := r.parse(frame); err == nil && len(r.class) < 1<<10 {
			msg, _, _ := delimited(frame)
			std := new(commonpb.RpcResponseHeaderProto)
			if (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(msg, std) == nil && std.GetExceptionClassName() != string(r.class) {
				t.Fatalf("class %q, library reads %q", r.class, std.GetExceptionClassName())
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a\x00\x00\x00\x00"))
	f.Add([]byte("\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := newFrameReader(bytes.NewReader(stream))
		total := 0
		for {
			r.ready()
			frame, err := r.next(1 << 20)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errFrameLength) {
					t.Fatal(err)
				}
				return
			}
			if total += 4 + len(frame); total > len(stream) {
				t.Fatalf("%d bytes of frames out of %d", total, len(stream))
			}
		}
	})
}

var fuzzServer = sync.OnceValue(func() *Server {
	s, err := NewServer(ServerConfig{Tokens: testTokens{"id": "pw"}, AllowSimple: true, QOP: []string{"auth", "auth-conf"},
		Protocols: []Protocol{{Name: testProtocol, Version: 1, Methods: testMethods()}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return s
})

// FuzzConnection lets a server read whatever it is; it must end the connection and nothing else.
func FuzzConnection(f *testing.F) {
	negotiate := saslFrame(commonpb.RpcSaslProto_NEGOTIATE)
	f.Add([]byte(preambleSimple + contextFrame()))
	f.Add([]byte(preambleSASL + negotiate + saslFrame(commonpb.RpcSaslProto_RESPONSE)))
	f.Add([]byte(preambleSASL + negotiate + saslFrame(commonpb.RpcSaslProto_INITIATE, &commonpb.RpcSaslProto_SaslAuth{
		Method: proto.String("TOKEN"), Mechanism: proto.String("DIGEST-MD5"), Protocol: proto.String(""), ServerId: proto.String("default")})))
	call, err := NewClient(ClientConfig{Protocol: testProtocol}).appendCall(nil, 0, "echo", echoOf("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(preambleSimple + contextFrame() + string(call)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		peer, nc := net.Pipe()
		c := newConn(fuzzServer(), nc)
		done := make(chan struct{})
		go func() { c.run(); close(done) }()
		go io.Copy(io.Discard, peer)
		peer.SetWriteDeadline(time.Now().Add(5 * time.Second))
		peer.Write(stream)
		peer.Close()
		<-done
	})
}

func benchmarkCalls(b *testing.B, clients int, method string) {
	s := serve(b, ServerConfig{AllowSimple: true})
	conns := make([]*Client, clients)
	for i := range conns {
		conns[i] = s.client(b, nil)
	}
	req := echoOf("node-17.example.org")
	const perConnection = 16 // calls in flight on each
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	work := make(chan struct{}, 1024)
	for i := range clients * perConnection {
		wg.Go(func() {
			var reply echoReply
			for range work {
				if err := conns[i%clients].Call(context.Background(), method, req, &reply); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func BenchmarkCallOneConnection(b *testing.B) { benchmarkCalls(b, 1, "hot") }
func Benchmark64Connections(b *testing.B)     { benchmarkCalls(b, 64, "hot") }
func BenchmarkHandlerGoroutines(b *testing.B) { benchmarkCalls(b, 64, "echo") }
