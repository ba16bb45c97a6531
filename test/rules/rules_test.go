//go:build interop

package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/rpc"
	"heddle/test/cluster"
)

// rule is one promise of the scheduler: run plays it and says what happened, in numbers.
type rule struct {
	name   string
	queues string
	run    func(ctx context.Context, w *world) (string, error)
	want   string
}

const (
	shares = "root{a 60%, b 40%}"
	limits = "root{a 20% at most 30%, b 80%}"
)

// Ten hosts in two racks.
var hosts = []string{"127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14", "127.0.0.15", "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25"}

func inRack2(host string) bool { return strings.HasPrefix(host, "127.0.0.2") }

func isHost(h string) func(string) bool { return func(host string) bool { return host == h } }

var rules = []rule{
	{"two queues under contention share by their capacities", shares, contention, "a=60 b=40"},
	{"a queue's applications stop at its maximum capacity", limits, alone("a", 100), "granted=30"},
	// Java compares what the user has, not what it would have: the container that crosses the limit of 40 is granted.
	{"one user stops at capacity times user-limit-factor", limits, alone("b", 100), "granted=41"},
	{"the AM share holds a second AM back until the first has ended", shares, amShare, "started=1, after the first ended: 2"},
	{"a named host gets what it can hold, the rest goes elsewhere", shares, namedHost, "on the host=10 elsewhere=2"},
	{"a named rack with relax_locality=false holds all", limits, namedRack, "rack2=25 rack1=0"},
	{"relax_locality=false never leaves the named host", shares, strictHost, "on the host=10 elsewhere=0"},
	{"more important requests and applications come first", shares, priorities, "first request=60 second=0; first application=0 second=40"},
	{"a GPU ask goes to nodes that have GPUs", shares, gpus, "with GPUs=2 without=0"},
	{"an ask above the maximum is refused", shares, aboveMaximum, "org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException"},
	{"a released container ends with -100 and its room is granted again", shares, release, "granted=100 released with -100=5 again=5"},
	{"a blacklisted node gets nothing until it is taken off the list", shares, blacklist, "listed: 0 on it, 10 beside; then 2 on it"},
}

func TestRulesOnJava(t *testing.T) { runAll(t, cluster.Java, "") }

func TestRulesOnHeddle(t *testing.T) { runAll(t, cluster.Heddle, heddleBinary(t)) }

func runAll(t *testing.T, kind cluster.Kind, binary string) {
	for _, layout := range slices.Sorted(maps.Keys(layouts)) {
		c := startCluster(t, kind, layout, binary)
		for _, r := range rules {
			if r.queues == layout {
				t.Run(r.name, func(t *testing.T) { runOne(t, c, r) })
			}
		}
		c.Stop()
	}
}

func runOne(t *testing.T, c *cluster.Cluster, r rule) {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	w := &world{c: c}
	got, err := r.run(ctx, w)
	if err != nil {
		t.Errorf("%v\n%s", err, c.Logs())
	} else if got != r.want {
		t.Errorf("got %q, want %q", got, r.want)
	}
	cleanup, cancelCleanup := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancelCleanup()
	if err := w.clear(cleanup); err != nil {
		t.Fatalf("clearing up: %v", err)
	}
	if os.Getenv("HEDDLE_RULES_SHOW") != "" {
		t.Log(got)
	}
}

func contention(ctx context.Context, w *world) (string, error) {
	var apps []*app
	for _, q := range []string{"a", "b"} { // both ask before there is a node, so that neither is ahead
		a, err := w.start(ctx, appSpec{queue: q})
		if err != nil {
			return "", err
		}
		if err := a.ask(ctx, ask{count: 200}); err != nil {
			return "", err
		}
		apps = append(apps, a)
	}
	if err := w.addNodes(ctx, hosts...); err != nil {
		return "", err
	}
	err := w.settle(ctx)
	return fmt.Sprintf("a=%d b=%d", len(apps[0].granted), len(apps[1].granted)), err
}

func alone(queue string, count int32) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		if err := w.addNodes(ctx, hosts...); err != nil {
			return "", err
		}
		a, err := w.start(ctx, appSpec{queue: queue})
		if err != nil {
			return "", err
		}
		if err := a.ask(ctx, ask{count: count}); err != nil {
			return "", err
		}
		err = w.settle(ctx)
		return fmt.Sprintf("granted=%d", len(a.granted)), err
	}
}

func amShare(ctx context.Context, w *world) (string, error) {
	if err := w.addNodes(ctx, hosts...); err != nil {
		return "", err
	}
	first, err := w.submit(ctx, appSpec{queue: "a", amMB: 8192, managed: true})
	if err != nil {
		return "", err
	}
	if err := w.started(ctx, 1); err != nil {
		return "", err
	}
	if _, err := w.submit(ctx, appSpec{queue: "a", amMB: 8192, managed: true}); err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	before := w.starts()
	if err := first.end(ctx); err != nil {
		return "", err
	}
	if err := w.started(ctx, 2); err != nil {
		return "", err
	}
	err = w.settle(ctx)
	return fmt.Sprintf("started=%d, after the first ended: %d", before, w.starts()), err
}

// started waits until n AMs were started: on a busy machine Java takes longer than any quiet time.
func (w *world) started(ctx context.Context, n int) error {
	for w.starts() < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d AMs were started: %w", w.starts(), n, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

func (w *world) starts() int {
	n := 0
	for _, node := range w.nodes {
		n += node.starts()
	}
	return n
}

// placed asks with nodes present and lets the scheduler decide.
func placed(ctx context.Context, w *world, asks ...ask) (*app, error) {
	if err := w.addNodes(ctx, hosts...); err != nil {
		return nil, err
	}
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return nil, err
	}
	if err := a.ask(ctx, asks...); err != nil {
		return nil, err
	}
	return a, w.settle(ctx)
}

// namedHost lets the named host speak first: Java counts the heartbeats of other nodes while an ask waits for
// its host, and on a busy machine their order would decide.
func namedHost(ctx context.Context, w *world) (string, error) {
	if err := w.addNodes(ctx, hosts...); err != nil {
		return "", err
	}
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return "", err
	}
	others := func(silent bool) {
		for _, n := range w.nodes {
			n.silent.Store(silent && n.host != hosts[2])
		}
	}
	others(true)
	if err := a.ask(ctx, ask{where: hosts[2], count: 12}, ask{where: "/rack1", count: 12}, ask{count: 12}); err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	others(false)
	err = w.settle(ctx)
	n := a.on(isHost(hosts[2]))
	return fmt.Sprintf("on the host=%d elsewhere=%d", n, len(a.granted)-n), err
}

func namedRack(ctx context.Context, w *world) (string, error) {
	a, err := placed(ctx, w, ask{where: "/rack2", count: 25}, ask{count: 25, strict: true})
	if err != nil {
		return "", err
	}
	n := a.on(inRack2)
	return fmt.Sprintf("rack2=%d rack1=%d", n, len(a.granted)-n), nil
}

func strictHost(ctx context.Context, w *world) (string, error) {
	a, err := placed(ctx, w, ask{where: hosts[2], count: 12}, ask{where: "/rack1", count: 12, strict: true}, ask{count: 12, strict: true})
	if err != nil {
		return "", err
	}
	n := a.on(isHost(hosts[2]))
	return fmt.Sprintf("on the host=%d elsewhere=%d", n, len(a.granted)-n), nil
}

func priorities(ctx context.Context, w *world) (string, error) {
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return "", err
	}
	if err := a.ask(ctx, ask{count: 60, priority: 5}, ask{count: 60, priority: 1}); err != nil {
		return "", err
	}
	if err := w.addNodes(ctx, hosts[:6]...); err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	first, second := a.of(1), a.of(5)
	if err := a.ask(ctx, ask{count: 0, priority: 5}, ask{count: 0, priority: 1}); err != nil {
		return "", err
	}
	low, err := w.start(ctx, appSpec{queue: "b", priority: 1})
	if err != nil {
		return "", err
	}
	high, err := w.start(ctx, appSpec{queue: "b", priority: 9})
	if err != nil {
		return "", err
	}
	for _, x := range []*app{low, high} {
		if err := x.ask(ctx, ask{count: 100}); err != nil {
			return "", err
		}
	}
	if err := w.addNodes(ctx, hosts[6:]...); err != nil {
		return "", err
	}
	err = w.settle(ctx)
	return fmt.Sprintf("first request=%d second=%d; first application=%d second=%d", first, second, len(low.granted), len(high.granted)), err
}

func gpus(ctx context.Context, w *world) (string, error) {
	for _, s := range []spec{{hosts[0], 10240, 10, 0}, {hosts[1], 10240, 10, 2}} {
		if err := w.addNode(ctx, s); err != nil {
			return "", err
		}
	}
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return "", err
	}
	if err := a.ask(ctx, ask{count: 3, gpus: 1}); err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	n := a.on(isHost(hosts[1]))
	return fmt.Sprintf("with GPUs=%d without=%d", n, len(a.granted)-n), nil
}

func aboveMaximum(ctx context.Context, w *world) (string, error) {
	if err := w.addNodes(ctx, hosts[0]); err != nil {
		return "", err
	}
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return "", err
	}
	err = a.ask(ctx, ask{count: 1, memoryMB: 20480})
	var e *rpc.Error
	if !errors.As(err, &e) {
		return "", fmt.Errorf("the ask was answered with %v", err)
	}
	return e.Class, nil
}

func release(ctx context.Context, w *world) (string, error) {
	a, err := placed(ctx, w, ask{count: 100})
	if err != nil {
		return "", err
	}
	granted := len(a.granted)
	req := &yarnpb.AllocateRequestProto{Ask: []*yarnpb.ResourceRequestProto{ask{count: 5}.proto()}}
	for _, c := range a.granted[:5] {
		req.Release = append(req.Release, c.GetId())
	}
	if err := a.allocate(ctx, req); err != nil {
		return "", err
	}
	err = w.settle(ctx)
	return fmt.Sprintf("granted=%d released with -100=%d again=%d", granted, a.completed[-100], len(a.granted)-granted), err
}

func blacklist(ctx context.Context, w *world) (string, error) {
	if err := w.addNodes(ctx, hosts[0], hosts[1]); err != nil {
		return "", err
	}
	a, err := w.start(ctx, appSpec{queue: "a"})
	if err != nil {
		return "", err
	}
	err = a.allocate(ctx, &yarnpb.AllocateRequestProto{
		Ask:              []*yarnpb.ResourceRequestProto{ask{count: 12}.proto()},
		BlacklistRequest: &yarnpb.ResourceBlacklistRequestProto{BlacklistAdditions: []string{hosts[0]}},
	})
	if err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	listed, beside := a.on(isHost(hosts[0])), a.on(isHost(hosts[1]))
	err = a.allocate(ctx, &yarnpb.AllocateRequestProto{BlacklistRequest: &yarnpb.ResourceBlacklistRequestProto{BlacklistRemovals: []string{hosts[0]}}})
	if err != nil {
		return "", err
	}
	err = w.settle(ctx)
	return fmt.Sprintf("listed: %d on it, %d beside; then %d on it", listed, beside, a.on(isHost(hosts[0]))), err
}
