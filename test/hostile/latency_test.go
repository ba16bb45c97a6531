//go:build interop

package hostile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
)

// load makes work for a daemon until ctx ends, step by step at a fixed rate; each worker has a step of its own.
type load struct {
	perSecond, workers int
	worker             func(t *testing.T, c *cluster.Cluster) (step func(), end func())
}

func (l load) run(ctx context.Context, t *testing.T, c *cluster.Cluster) {
	var wg sync.WaitGroup
	for range l.workers {
		step, end := l.worker(t, c)
		wg.Go(func() {
			defer end()
			tick := time.NewTicker(time.Second * time.Duration(l.workers) / time.Duration(max(1, l.perSecond)))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					step()
				}
			}
		})
	}
	wg.Wait()
}

// pairs are attacks, each beside the same amount of lawful work: as many calls, connections or handshakes a second.
var pairs = []struct {
	name           string
	lawful, attack load
}{
	{"calls with bodies that are no messages", load{2000, 8, caller(call(1, clientProtocol, "getClusterMetrics", nil), true)}, load{2000, 8, caller(call(1, clientProtocol, "getClusterMetrics", []byte("\x0a\xff\xff\xff\xff\x0f")), true)}},
	{"calls whose answers are not read", load{1000, 8, caller(call(1, clientProtocol, "getQueueInfo", []byte("\x0a\x04root\x10\x01\x18\x01\x20\x01")), true)}, load{1000, 8, caller(call(1, clientProtocol, "getQueueInfo", []byte("\x0a\x04root\x10\x01\x18\x01\x20\x01")), false)}},
	{"connections that send random bytes", load{200, 8, connector(append(opening(clientProtocol), call(0, clientProtocol, "getClusterMetrics", nil)...))}, load{200, 8, connector(append(opening(clientProtocol), bytes.Repeat([]byte{0x00, 0x00, 0x00, 0x11, 0xa5, 0x5a, 0x13}, 20)...))}},
	{"connections that claim huge frames", load{200, 8, connector(append(opening(clientProtocol), call(0, clientProtocol, "getClusterMetrics", nil)...))}, load{200, 8, connector(append(opening(clientProtocol), 0x7f, 0xff, 0xff, 0xff))}},
	{"false tokens", load{50, 4, handshaker(true)}, load{50, 4, handshaker(false)}},
	{"connections that stay half-open", load{0, 1, holder(append(opening(clientProtocol), call(0, clientProtocol, "getClusterMetrics", nil)...))}, load{0, 1, holder([]byte("hrpc"))}},
	{"asks for ten million containers", load{20, 1, asker(10)}, load{20, 1, asker(10_000_000)}},
}

// caller makes calls on one connection; where it does not read, the connection is a new one when the server has stopped reading.
func caller(request []byte, reads bool) func(*testing.T, *cluster.Cluster) (func(), func()) {
	return func(t *testing.T, c *cluster.Cluster) (func(), func()) {
		var nc net.Conn
		var in *bufio.Reader
		open := func() {
			if nc != nil {
				nc.Close()
			}
			if nc = dial(t, c.Address("rm")); nc != nil {
				in = bufio.NewReader(nc)
				_, _ = nc.Write(opening(clientProtocol)) // the first call fails too
			}
		}
		open()
		return func() {
			_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
			if !reads {
				_ = nc.SetDeadline(time.Now().Add(100 * time.Millisecond))
			}
			if _, err := nc.Write(request); err != nil {
				open()
				return
			}
			var head [4]byte
			if !reads {
				return
			}
			if _, err := io.ReadFull(in, head[:]); err != nil {
				open()
				return
			}
			_, _ = in.Discard(int(binary.BigEndian.Uint32(head[:]))) // a short one shows with the next call
		}, func() { nc.Close() }
	}
}

// connector opens a connection, sends bytes, reads what comes and closes.
func connector(b []byte) func(*testing.T, *cluster.Cluster) (func(), func()) {
	return func(t *testing.T, c *cluster.Cluster) (func(), func()) {
		return func() { send(t, c.Address("rm"), b) }, func() {}
	}
}

// handshaker connects as an AM with its token, or with another password.
func handshaker(right bool) func(*testing.T, *cluster.Cluster) (func(), func()) {
	return func(t *testing.T, c *cluster.Cluster) (func(), func()) {
		a := begin(t, c, "shaker")
		token := a.token
		if !right {
			token.Password = []byte("guess")
		}
		return func() {
			m := rpc.NewClient(rpc.ClientConfig{Address: c.Address("scheduler"), Protocol: masterProtocol, User: "am", Token: &token, CallTimeout: 10 * time.Second})
			// A second registration is an error as well: what counts is the handshake.
			_ = m.Call(context.Background(), "registerApplicationMaster", &yarnpb.RegisterApplicationMasterRequestProto{Host: new("x")}, &yarnpb.RegisterApplicationMasterResponseProto{})
			_ = m.Close()
		}, func() { a.kill(context.Background(), t) }
	}
}

// holder keeps a thousand connections in the state after b.
func holder(b []byte) func(*testing.T, *cluster.Cluster) (func(), func()) {
	return func(t *testing.T, c *cluster.Cluster) (func(), func()) {
		held := hold(t, c.Address("rm"), 1000, b)
		return func() {}, func() { closeAll(held) }
	}
}

func asker(n int32) func(*testing.T, *cluster.Cluster) (func(), func()) {
	return func(t *testing.T, c *cluster.Cluster) (func(), func()) {
		a := begin(t, c, "asker")
		return func() {
			if _, err := a.allocate(context.Background(), ask("*", 1, n, 4096), ask("nowhere", 1, n, 4096)); err != nil {
				t.Error(err)
			}
		}, func() { a.kill(context.Background(), t) }
	}
}

// TestWhatOthersNotice pins the daemon to one core and everybody else to another, and compares the median latency of an honest
// client beside an attack with that beside lawful work of the same amount.
func TestWhatOthersNotice(t *testing.T) {
	if !full() {
		t.Skip("set HOSTILE=full; make hostile does")
	}
	c := start(t, cluster.None, nil)
	daemon, _ := c.PIDs()
	pin(t, os.Getpid(), "0")
	pin(t, daemon, "1")
	defer pin(t, os.Getpid(), "0-"+strconv.Itoa(cores(t)-1))
	for _, p := range pairs {
		var lawful, attack []float64
		for range 6 { // by turns, so that what else the machine does meets both
			lawful = append(lawful, measure(t, c, p.lawful)...)
			attack = append(attack, measure(t, c, p.attack)...)
		}
		slices.Sort(lawful)
		slices.Sort(attack)
		l, a := lawful[len(lawful)/2], attack[len(attack)/2]
		t.Logf("%-40s median beside lawful work %6.0f µs, beside the attack %6.0f µs, %.2f times; 99 in 100 %6.0f and %6.0f µs", p.name, l, a, a/l, lawful[len(lawful)*99/100], attack[len(attack)*99/100])
		if a > 1.1*l {
			t.Errorf("%s: another client's median is %.2f times what it is beside lawful work", p.name, a/l)
		}
	}
}

// measure is an honest client's latencies in microseconds while a load goes on.
func measure(t *testing.T, c *cluster.Cluster, l load) (us []float64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx, t, c)
	}()
	defer func() {
		stop()
		<-done
	}()
	time.Sleep(300 * time.Millisecond)
	honest := client(c, "honest")
	defer honest.Close()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		began := time.Now()
		if err := honest.Call(ctx, "getClusterMetrics", &yarnpb.GetClusterMetricsRequestProto{}, &yarnpb.GetClusterMetricsResponseProto{}); err != nil {
			t.Fatal(err)
		}
		us = append(us, float64(time.Since(began).Nanoseconds())/1000)
	}
	return us
}

func pin(t *testing.T, pid int, cpus string) {
	t.Helper()
	if out, err := exec.Command("taskset", "-apc", cpus, strconv.Itoa(pid)).CombinedOutput(); err != nil {
		t.Fatalf("taskset: %v: %s", err, out)
	}
}

func cores(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("nproc", "--all").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(out)))
	if err != nil || n < 2 {
		t.Skipf("needs two cores; there are %d, %v", n, err)
	}
	return n
}
