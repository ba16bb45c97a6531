//go:build interop

// Package chaos kills daemons and ApplicationMasters at random moments of a running workload, and checks that
// nothing was lost: no accepted application, no exit status, no log line, and that no container ran twice or on.
//
// CHAOS_KILLS (default 6) kills are spread over the ResourceManager, the NodeManager and ApplicationMasters;
// CHAOS_SEED repeats a run's choices.
package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"heddle/test/cluster"
)

func setting(t *testing.T, name string, def int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// site gives AMs as many tries as they may be killed, and lets everybody come back quickly.
func site() map[string]string {
	return map[string]string{
		"yarn.resourcemanager.am.max-attempts": "100", "mapreduce.am.max-attempts": "100", "mapreduce.map.maxattempts": "100", "mapreduce.reduce.maxattempts": "100",
		"yarn.resourcemanager.connect.retry-interval.ms": "200", "yarn.client.nodemanager-connect.retry-interval-ms": "500",
		"yarn.nodemanager.resource.memory-mb": "6144", "yarn.scheduler.capacity.maximum-am-resource-percent": "0.8",
	}
}

func TestChaos(t *testing.T) {
	kills := int(setting(t, "CHAOS_KILLS", 6))
	seed := setting(t, "CHAOS_SEED", time.Now().UnixNano())
	t.Logf("CHAOS_SEED=%d CHAOS_KILLS=%d", seed, kills)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	binary, dir := underTest(t), folder(t)
	o := cluster.Options{Dir: dir, RM: cluster.Heddle, NM: cluster.Heddle, Site: site(), Command: []string{binary}}
	if seed%2 == 0 { // half of the runs keep the state in bbolt
		o.Site["yarn.resourcemanager.store.class"] = "org.apache.hadoop.yarn.server.resourcemanager.recovery.LeveldbRMStateStore"
	}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	w := newWorkload(t, c, binary)
	watch := startWatch(dir)
	defer watch.stop()
	w.start(ctx)
	if err := w.killSome(ctx, random, kills); err != nil {
		t.Fatalf("%v\n%s", err, c.Logs())
	}
	w.finish()
	w.check(ctx)
	watch.check(t)
	if t.Failed() {
		t.Log(c.Logs())
	}
	t.Log(w.summary())
}

// killSome kills kills times, each kind about a third of the times, with pauses in which the workload comes on.
func (w *workload) killSome(ctx context.Context, random *rand.Rand, kills int) error {
	var order []string
	for i := range kills {
		order = append(order, []string{"RM", "NM", "AM"}[i%3])
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	pause := func(most time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.Int64N(int64(most)))):
		}
	}
	if err := w.running(ctx); err != nil {
		return err
	}
	for i, kind := range order {
		pause(6 * time.Second)
		began := time.Now()
		switch kind {
		case "RM":
			w.c.KillRM()
			pause(2 * time.Second)
			if err := w.c.StartRM(ctx); err != nil {
				return fmt.Errorf("kill %d: %w", i+1, err)
			}
		case "NM":
			w.c.KillNM()
			pause(2 * time.Second)
			if err := w.c.StartNM(ctx); err != nil {
				return fmt.Errorf("kill %d: %w", i+1, err)
			}
		default:
			if err := w.killMaster(ctx, random); err != nil {
				return fmt.Errorf("kill %d: %w", i+1, err)
			}
		}
		w.killed[kind]++
		w.t.Logf("%s  kill %d of %d: %s, %.1f s", time.Now().Format(time.TimeOnly), i+1, kills, kind, time.Since(began).Seconds())
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
