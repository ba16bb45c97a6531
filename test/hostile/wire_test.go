//go:build interop

package hostile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/test/cluster"
)

// send writes bytes to a fresh connection and reads what comes until the server closes or a moment has passed.
func send(t *testing.T, addr string, b []byte) {
	nc := dial(t, addr)
	if nc == nil {
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := nc.Write(b); err != nil {
		return // cut off, which is its right
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(nc, 1<<20))
}

// rubbish is random bytes, most times after the beginning of a conversation: the i-th of a fixed sequence.
func rubbish(i int, protocol, method string) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 7))
	b := make([]byte, random.IntN(4096))
	for j := range b {
		b[j] = byte(random.Uint32())
	}
	switch i / 3 % 4 { // further and further in
	case 1:
		b = append([]byte(preamble), b...)
	case 2:
		b = append(opening(protocol), b...)
	case 3:
		b = append(opening(protocol), call(0, protocol, method, b)...)
	}
	return b
}

// parallel runs f(i) for all i below n, 32 at a time.
func parallel(n int, f func(i int)) {
	slots, wg := make(chan struct{}, 32), sync.WaitGroup{}
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

func TestTheWire(t *testing.T) {
	c := start(t, cluster.None, nil)
	rm := resourceManager(c)
	all := ports(c)
	newApplication := call(0, clientProtocol, "getNewApplication", nil)

	t.Run("random bytes", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			parallel(much(20000, 1000), func(i int) {
				send(t, all[i%len(all)], rubbish(i, clientProtocol, "submitApplication"))
			})
		})
	})

	t.Run("a good exchange with one byte changed", func(t *testing.T) {
		good := append(opening(clientProtocol), newApplication...)
		rm.survives(t, func(context.Context) {
			parallel(much(10*len(good), len(good)), func(i int) {
				b := bytes.Clone(good)
				b[i%len(b)] ^= byte(1 + i/len(b)*37)
				send(t, all[0], b)
			})
		})
	})

	t.Run("truncated at every byte", func(t *testing.T) {
		for _, protocol := range []string{clientProtocol, trackerProtocol} {
			good := append(opening(protocol), call(0, protocol, "registerNodeManager", nil)...)
			rm.survives(t, func(context.Context) {
				parallel(len(good), func(i int) { send(t, all[(i%2)*2], good[:i]) })
			})
		}
	})

	t.Run("frames that claim to be huge", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			for _, n := range []uint32{1 << 20, 1 << 27, 1<<27 + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
				head := binary.BigEndian.AppendUint32(nil, n)
				for _, before := range [][]byte{[]byte(preamble), opening(clientProtocol)} {
					parallel(20, func(int) { send(t, all[0], append(bytes.Clone(before), append(head, make([]byte, 4096)...)...)) })
				}
			}
		})
	})

	t.Run("a hundred frames that begin to be huge and stop", func(t *testing.T) {
		rm.survives(t, func(ctx context.Context) {
			held := hold(t, all[0], 100, append(opening(clientProtocol), append(binary.BigEndian.AppendUint32(nil, 1<<27), make([]byte, 60<<10)...)...))
			time.Sleep(time.Second)
			closeAll(held)
		})
	})

	t.Run("messages with 2^31 elements or a hundred levels", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			for _, body := range monsters() {
				for _, m := range []struct{ addr, protocol, method string }{
					{all[0], clientProtocol, "getApplications"}, {all[0], clientProtocol, "submitApplication"}, {all[2], trackerProtocol, "registerNodeManager"}, {all[2], trackerProtocol, "nodeHeartbeat"},
				} {
					send(t, m.addr, append(opening(m.protocol), call(0, m.protocol, m.method, body)...))
				}
			}
		})
	})

	t.Run("large messages of nothing but empty elements", func(t *testing.T) {
		elements := bytes.Repeat([]byte{0x3a, 0x00}, much(30<<20, 15<<20)) // container_statuses of registerNodeManager
		rm.survives(t, func(context.Context) {
			b := append(opening(trackerProtocol), call(0, trackerProtocol, "registerNodeManager", elements)...)
			parallel(much(16, 4), func(int) { send(t, all[2], b) })
		})
	})

	t.Run("half-open connections", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			var held []net.Conn
			for i, start := range [][]byte{nil, []byte("hr"), []byte(preamble), []byte(preambleSASL), opening(clientProtocol)[:20], opening(clientProtocol)} {
				held = append(held, hold(t, all[i%4], much(300, 60), start)...)
			}
			time.Sleep(time.Second)
			closeAll(held)
		})
	})

	t.Run("all places of the web server taken by silent connections", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			held := hold(t, all[4], 2100, []byte("GET /"))
			reader := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			for range 20 {
				resp, err := reader.Get("http://" + all[4] + "/ws/v1/cluster/info")
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("an honest reader: %v, %v", resp, err)
					break
				}
				resp.Body.Close()
			}
			closeAll(held)
		})
	})

	t.Run("ten thousand connections", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			held := hold(t, all[0], much(10000, 1500), append(opening(clientProtocol), newApplication...))
			time.Sleep(time.Second)
			closeAll(held)
		})
	})

	t.Run("a peer that asks and does not read", func(t *testing.T) {
		rm.survives(t, func(context.Context) {
			ask := call(1, clientProtocol, "getQueueInfo", []byte("\x0a\x04root\x10\x01\x18\x01\x20\x01"))
			var held []net.Conn
			for range 20 {
				nc := dial(t, all[0])
				if nc == nil {
					return
				}
				held = append(held, nc)
				_ = nc.SetWriteDeadline(time.Now().Add(3 * time.Second))
				if _, err := nc.Write(opening(clientProtocol)); err != nil {
					continue
				}
			}
			parallel(len(held), func(i int) {
				for range 150000 {
					if _, err := held[i].Write(ask); err != nil {
						return // the server reads no more until it is read
					}
				}
			})
			closeAll(held)
		})
	})

	t.Run("very many calls on one connection", func(t *testing.T) {
		rm.survives(t, func(context.Context) { flood(t, all[0], much(1000000, 30000)) })
	})
}

// A daemon with few descriptors is asked for more connections than it can have, at all its ports; an honest peer finds a place
// as soon as the others have been silent for a second, and files and pages can still be opened.
func TestMoreConnectionsThanDescriptors(t *testing.T) {
	c := start(t, cluster.None, nil, "prlimit", "--nofile=400")
	rm := resourceManager(c)
	var held []net.Conn
	defer func() { closeAll(held) }()
	for i := range 4 {
		held = append(held, hold(t, ports(c)[i], 200, []byte("hrpc"))...)
	}
	await(t, "a place for an honest peer, again and again", func() bool { // the last of the others may only now be let in
		for range 20 {
			if rm.ask(t.Context()) != nil {
				return false
			}
		}
		return true
	})
	if u, err := cluster.UsageOf(rm.pid, rm.web); err != nil || u.Descriptors >= 390 {
		t.Errorf("%+v, %v", u, err)
	}
}

// hold opens n connections, sends the same on each, and keeps them.
func hold(t *testing.T, addr string, n int, start []byte) (held []net.Conn) {
	for range n {
		nc := dial(t, addr)
		if nc == nil {
			return held
		}
		if _, err := nc.Write(start); err != nil {
			nc.Close()
			continue
		}
		held = append(held, nc)
	}
	return held
}

func closeAll(held []net.Conn) {
	for _, nc := range held {
		nc.Close()
	}
}

// flood makes n calls on one connection without waiting for their answers, which it counts.
func flood(t *testing.T, addr string, n int) {
	nc := dial(t, addr)
	if nc == nil {
		return
	}
	defer nc.Close()
	go func() {
		out := bufio.NewWriterSize(nc, 64<<10)
		_, _ = out.Write(opening(clientProtocol))
		for i := range n {
			if _, err := out.Write(call(int32(i), clientProtocol, "getClusterMetrics", nil)); err != nil {
				return
			}
		}
		_ = out.Flush()
	}()
	in := bufio.NewReaderSize(nc, 64<<10)
	var head [4]byte
	for i := range n {
		_ = nc.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadFull(in, head[:]); err != nil {
			t.Errorf("after %d of %d answers: %v", i, n, err)
			return
		}
		if _, err := in.Discard(int(binary.BigEndian.Uint32(head[:]))); err != nil {
			t.Errorf("after %d of %d answers: %v", i, n, err)
			return
		}
	}
}

// monsters are message bodies that say they hold more than they do, or are deep.
func monsters() map[string][]byte {
	deep := func(field protowire.Number, levels int) []byte {
		var b []byte
		for range levels {
			b = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
		}
		return b
	}
	var packed, many []byte
	packed = protowire.AppendTag(packed, 3, protowire.BytesType)
	packed = protowire.AppendVarint(packed, 1<<31)
	for range 200000 {
		many = protowire.AppendBytes(protowire.AppendTag(many, 1, protowire.BytesType), nil)
	}
	groups := bytes.Repeat(protowire.AppendTag(nil, 9, protowire.StartGroupType), 100000)
	return map[string][]byte{
		"a list that claims 2^31 elements": packed, "200,000 empty elements": many, "100 levels": deep(1, 100), "10,000 levels": deep(6, 10000), "100,000 groups": groups,
		"100 levels of placement constraints": constraints(100), "a varint without an end": bytes.Repeat([]byte{0xff}, 4096),
	}
}

// constraints nest one in the other.
func constraints(levels int) []byte {
	var b []byte
	for range levels {
		composite := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(yarnpb.CompositePlacementConstraintProto_AND))
		composite = protowire.AppendBytes(protowire.AppendTag(composite, 2, protowire.BytesType), b)
		b = protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), composite)
	}
	return b
}
