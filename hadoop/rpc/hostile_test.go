package rpc

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"heddle/hadoop-proto/common"

	"google.golang.org/protobuf/proto"
)

const preambleSimple, preambleSASL = "hrpc\x09\x00\x00", "hrpc\x09\x00\xdf"

// frameOf is a whole frame with the given header and payload.
func frameOf(h requestHeader, payload ...byte) string {
	return string(endFrame(append(h.append(beginFrame(nil)), payload...), 0))
}

func contextFrame() string {
	h := requestHeader{callID: callContext3, retry: -1, clientID: []byte("0123456789abcdef")}
	frame, err := appendMessage(h.append(beginFrame(nil)), &commonpb.IpcConnectionContextProto{
		UserInfo: &commonpb.UserInformationProto{EffectiveUser: proto.String("alice")}, Protocol: proto.String(testProtocol)})
	if err != nil {
		panic(err)
	}
	return string(endFrame(frame, 0))
}

func saslFrame(state commonpb.RpcSaslProto_SaslState, auths ...*commonpb.RpcSaslProto_SaslAuth) string {
	frame, err := appendSaslRequest(nil, &commonpb.RpcSaslProto{State: state.Enum(), Auths: auths})
	if err != nil {
		panic(err)
	}
	return string(frame)
}

// exchange sends bytes and returns all that comes back until the server closes.
func exchange(t *testing.T, addr, send string) []byte {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(nc, send); err != nil {
		t.Fatal(err)
	}
	nc.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The first column of each row is what Java 3.4.2 was seen to answer.
func TestRefusals(t *testing.T) {
	simple := serve(t, ServerConfig{AllowSimple: true, MaxDataLength: 1 << 20})
	tokens := serve(t, ServerConfig{Tokens: testTokens{}})
	negotiate := saslFrame(commonpb.RpcSaslProto_NEGOTIATE)
	call := requestHeader{callID: 5, retry: -1, clientID: []byte("0123456789abcdef")}
	tests := []struct {
		name    string
		server  fixture
		send    string
		callID  int32
		detail  int32
		class   string
		message string
	}{
		{"wrong magic", simple, "hrpx\x09\x00\x00", -1, FatalVersionMismatch, ClassVersionMismatch, "Server IPC version 9 cannot communicate with client version 9"},
		{"a newer version", simple, "hrpc\x0a\x00\x00", -1, FatalVersionMismatch, ClassVersionMismatch, "Server IPC version 9 cannot communicate with client version 10"},
		{"an unknown authentication", simple, "hrpc\x09\x00\x05", -1, FatalUnauthorized, ClassIpc, "Unknown auth protocol:5"},
		{"simple at a token port", tokens, preambleSimple, -1, FatalUnauthorized, ClassAccessControl, "SIMPLE authentication is not enabled.  Available:[TOKEN]"},
		{"a call before the context", simple, preambleSimple + frameOf(call), 5, FatalInvalidHeader, ClassRPCServer, "Connection context not established"},
		{"an unknown out of band call", simple, preambleSimple + frameOf(requestHeader{callID: -7}), -7, FatalInvalidHeader, ClassRPCServer, "Unknown out of band call #-7"},
		{"rubbish for a header", simple, preambleSimple + "\x00\x00\x00\x02\xff\xff", -1, FatalDeserializingRequest, ClassRPCServer, "Error decoding RpcRequestHeaderProto: "},
		{"an empty frame", simple, preambleSimple + "\x00\x00\x00\x00", -1, FatalDeserializingRequest, ClassRPCServer, "Error decoding RpcRequestHeaderProto: "},
		{"writable calls", simple, preambleSimple + strings.Replace(frameOf(call), "\x08\x02", "\x08\x01", 1), 5, FatalInvalidHeader, ClassRPCServer, "Unknown rpc kind in rpc headerRPC_WRITABLE"},
		{"SASL where it was not asked for", simple, preambleSimple + negotiate, callSASL, FatalInvalidHeader, ClassRPCServer, "SASL protocol not requested by client"},
		{"a call without a body", simple, preambleSimple + contextFrame() + frameOf(call), 5, FatalDeserializingRequest, ClassRPCServer, "IPC server unable to read call parameters"},
		{"a second context", simple, preambleSimple + contextFrame() + contextFrame(), -3, FatalInvalidHeader, ClassRPCServer, "Connection context already processed"},
		{"a second negotiation", tokens, preambleSASL + negotiate + negotiate, callSASL, FatalUnauthorized, ClassAccessControl, "Client already attempted negotiation"},
		{"a context during negotiation", tokens, preambleSASL + negotiate + contextFrame(), -3, FatalInvalidHeader, ClassRPCServer, "Connection header sent during SASL negotiation"},
		{"wrapping without a layer", tokens, preambleSASL + saslFrame(commonpb.RpcSaslProto_WRAP), callSASL, FatalInvalidHeader, ClassSasl, "Server is not wrapping data"},
		{"a mechanism that was not offered", tokens, preambleSASL + negotiate + saslFrame(commonpb.RpcSaslProto_INITIATE, &commonpb.RpcSaslProto_SaslAuth{
			Method: proto.String("SIMPLE"), Mechanism: proto.String("")}), callSASL, FatalUnauthorized, ClassAccessControl, "SIMPLE authentication is not enabled.  Available:[TOKEN]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newFrameReader(bytes.NewReader(exchange(t, tt.server.addr, tt.send)))
			var h responseHeader
			for { // the last frame is the refusal
				frame, err := in.next(1 << 20)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := h.parse(bytes.Clone(frame)); err != nil {
					t.Fatal(err)
				}
			}
			if h.status != statusFatal || h.callID != tt.callID || h.detail != tt.detail || string(h.class) != tt.class || !strings.HasPrefix(string(h.message), tt.message) {
				t.Errorf("got status %d call %d detail %d %s: %s", h.status, h.callID, h.detail, h.class, h.message)
			}
		})
	}
}

func TestRefusalsWithoutAFrame(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, MaxDataLength: 1 << 20})
	if got := exchange(t, s.addr, "GET / HTTP/1.1\r\n\r\n"); !bytes.HasPrefix(got, []byte("HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n")) {
		t.Errorf("HTTP got %q", got)
	}
	if got := exchange(t, s.addr, "hrpc\x04\x00\x00"); !bytes.HasPrefix(got, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x29org.apache.hadoop.ipc.RPC$VersionMismatch\x00\x00\x00")) {
		t.Errorf("version 4 got %q", got)
	}
	for name, send := range map[string]string{
		"a negative length":         preambleSimple + "\xff\xff\xff\xff",
		"a length above the limit":  preambleSimple + contextFrame() + "\x00\x10\x00\x01",
		"a large frame before auth": preambleSimple + "\x00\x0f\x00\x00",
		"half a preamble":           "hrp",
		"half a frame":              preambleSimple + "\x00\x00\x00\x20abc",
		"nothing":                   "",
	} {
		if got := exchange(t, s.addr, send); len(got) != 0 {
			t.Errorf("%s was answered with %q", name, got)
		}
	}
}

func TestASilentPeerIsCutOff(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, HandshakeTimeout: 10 * time.Millisecond})
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	for !strings.Contains(s.log.String(), "no complete handshake within") {
		time.Sleep(time.Millisecond)
	}
}

func TestOneLogLineForEachHostilePeerButNotThousands(t *testing.T) {
	var l limitedLog
	now := time.Now()
	lines := 0
	for range 1000 {
		if _, ok := l.admit(now); ok {
			lines++
		}
	}
	if left, ok := l.admit(now.Add(logWindow)); lines != logInWindow || left != 1000-logInWindow || !ok {
		t.Errorf("%d lines, then %d left out, %v", lines, left, ok)
	}
}

// A reply that was captured from a 3.4.2 ResourceManager's port: getClusterMetrics.
func TestResponseBytesEqualJava(t *testing.T) {
	id, _ := hex.DecodeString("00112233445566778899aabbccddeeff")
	got := hex.EncodeToString(appendResponseHeader(nil, 0, 0, id, nil))
	if want := "1a" + "0800" + "1000" + "1809" + "3a10" + hex.EncodeToString(id) + "4000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := appendResponseHeader(nil, callSASL, -1, nil, nil); !bytes.HasPrefix(got[1:], []byte{0x08, 0xdf, 0xff, 0xff, 0xff, 0x0f}) {
		t.Errorf("call id -33 is %x", got)
	}
	if got, want := hex.EncodeToString([]byte(frameOf(requestHeader{callID: callContext3, retry: -1, clientID: id}))), "0000001b1a080210001805"+"2210"+hex.EncodeToString(id)+"2801"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPlainFrameOnAWrappedConnectionEndsIt(t *testing.T) {
	s := serve(t, ServerConfig{Tokens: testTokens{"id": "pw"}, QOP: []string{"auth-int"}})
	c := s.client(t, func(c *ClientConfig) {
		c.Token, c.QOP = &ClientToken{[]byte("id"), []byte("pw")}, []string{"auth-int"}
	})
	if _, err := callEcho(c, "echo", "x"); err != nil {
		t.Fatal(err)
	}
	c.conn.out.setWrap(nil)
	if _, err := callEcho(c, "echo", "x"); err == nil {
		t.Error("a plain call was answered")
	}
	for !strings.Contains(s.log.String(), errUnwrapped.Error()) {
		time.Sleep(time.Millisecond)
	}
}

func TestAPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	big := strings.Repeat("z", 1<<20)
	s := serve(t, ServerConfig{AllowSimple: true, WriteTimeout: 50 * time.Millisecond})
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := NewClient(ClientConfig{Protocol: testProtocol})
	frame, err := c.appendCall(nil, 1, "hot", echoOf(big))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(nc, preambleSimple+contextFrame())
	for range 200 {
		if _, err = nc.Write(frame); err != nil {
			return // the server has closed the connection
		}
	}
	t.Error("200 MB of replies wait for a peer that reads nothing")
}

// Frames and messages of all connections count together, and what is given up is given back.
func TestLargeRequestsShareTheServersMemory(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, MaxRequestMemory: 16 << 20})
	c := s.client(t, nil)
	big := strings.Repeat("z", 3<<20)
	if got, err := callEcho(c, "echo", big); err != nil || got != big {
		t.Errorf("a large request that fits: %d bytes, %v", len(got), err)
	}
	_, err := callEcho(c, "echo", strings.Repeat("z", 12<<20))
	if err == nil {
		t.Error("a request above half of the memory was taken")
	}
	if got, err := callEcho(s.client(t, nil), "echo", big); err != nil || got != big { // the first connection is gone
		t.Errorf("after the refusal: %d bytes, %v", len(got), err)
	}
	for s.memory.held.Load() != 0 { // until the test's own time limit
		time.Sleep(time.Millisecond)
	}
}

func TestALargeFrameMustGoOn(t *testing.T) {
	s := serve(t, ServerConfig{AllowSimple: true, FrameTimeout: 50 * time.Millisecond})
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, preambleSimple+contextFrame()+"\x00\x20\x00\x00"+strings.Repeat("z", 100<<10)) // on a busy machine it may be cut off already
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a large frame that does not go on is waited for: %v", err)
	}
	for s.memory.held.Load() != 0 { // until the test's own time limit
		time.Sleep(time.Millisecond)
	}
}

func TestTheWeightOfARequestIsThatOfItsFields(t *testing.T) {
	nothings := bytes.Repeat([]byte{0x0a, 0x00}, 100000) // a list of empty messages
	for name, c := range map[string]struct {
		message proto.Message
		raw     []byte
		least   int64
		most    int64
	}{
		"small":              {&commonpb.RpcSaslProto{}, nothings[:1000], 0, 0},
		"many empty fields":  {&commonpb.RpcSaslProto{}, bytes.Repeat([]byte{0x22, 0x00}, 100000), 100000 * elementCost, 100001*elementCost + 200000},
		"one long text":      {&commonpb.RpcSaslProto{}, append([]byte{0x1a, 0xc0, 0x84, 0x3d}, make([]byte, 1000000)...), 1000000, 1001000},
		"nested":             {&commonpb.RpcSaslProto{}, bytes.Repeat([]byte{0x22, 0x02, 0x0a, 0x00}, 50000), 100000 * elementCost, 100001*elementCost + 200000},
		"what is no message": {&commonpb.RpcSaslProto{}, bytes.Repeat([]byte{0xff}, 100000), 100000, 101000},
	} {
		j := job{method: &methodEntry{Method: Method{New: func() proto.Message { return c.message }}}, raw: c.raw}
		if w := j.weight(); w < c.least || w > c.most {
			t.Errorf("%s: %d, want %d to %d", name, w, c.least, c.most)
		}
	}
	j := job{method: &methodEntry{Method: Method{Raw: func(context.Context, []byte, []byte) ([]byte, error) { return nil, nil }}}, raw: nothings}
	if w := j.weight(); w != int64(len(nothings))*rawCost {
		t.Errorf("raw: %d", w)
	}
}
