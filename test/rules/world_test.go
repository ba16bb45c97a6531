//go:build interop

// Package rules tries scheduler rules over the wire: played nodes and ApplicationMasters against a real Java
// ResourceManager and against Heddle's, which must decide the same.
package rules

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/test/cluster"
)

// world is a ResourceManager with the nodes and applications of one rule.
type world struct {
	c     *cluster.Cluster
	nodes []*node
	apps  []*app
}

// racks is a topology table: addresses below 127.0.0.20 stand in /rack1, others in /rack2.
func racks() string {
	var b strings.Builder
	for _, h := range hosts {
		rack := "/rack1"
		if inRack2(h) {
			rack = "/rack2"
		}
		b.WriteString(h + " " + rack + "\n")
	}
	return b.String()
}

const prefix = "yarn.scheduler.capacity."

// layouts are the queue trees that rules name.
var layouts = map[string]map[string]string{
	"root{a 60%, b 40%}": {
		prefix + "root.queues": "a,b", prefix + "root.a.capacity": "60", prefix + "root.b.capacity": "40",
		prefix + "root.a.user-limit-factor": "100", prefix + "root.b.user-limit-factor": "100",
		prefix + "root.a.maximum-am-resource-percent": "0.1",
		prefix + "resource-calculator":                "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
	},
	"root{a 20% at most 30%, b 80%}": {
		prefix + "root.queues": "a,b", prefix + "root.a.capacity": "20", prefix + "root.a.maximum-capacity": "30", prefix + "root.b.capacity": "80",
		prefix + "root.a.user-limit-factor": "10", prefix + "node-locality-delay": "0", // a rack is taken without waiting for its hosts first
		prefix + "root.b.user-limit-factor": "0.5",
		prefix + "resource-calculator":      "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
	},
}

func startCluster(t *testing.T, kind cluster.Kind, layout, binary string) *cluster.Cluster {
	t.Helper()
	dir := t.TempDir()
	table := filepath.Join(dir, "racks")
	if err := os.WriteFile(table, []byte(racks()), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{
		Dir: dir, RM: kind, NM: cluster.None, Queues: layouts[layout], Command: []string{binary},
		Site: map[string]string{
			"yarn.scheduler.minimum-allocation-mb": "1024", "yarn.scheduler.maximum-allocation-mb": "10240",
			"yarn.cluster.max-application-priority": "10",
			"net.topology.node.switch.mapping.impl": "org.apache.hadoop.net.TableMapping", "net.topology.table.file.name": table,
			"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "50",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// addNodes registers nodes of 10 GB and 10 cores on the given hosts.
func (w *world) addNodes(ctx context.Context, hosts ...string) error {
	for _, h := range hosts {
		if err := w.addNode(ctx, spec{host: h, memoryMB: 10240, vcores: 10}); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) addNode(ctx context.Context, s spec) error {
	n, err := startNode(ctx, w.c.Address("tracker"), s)
	if err != nil {
		return err
	}
	w.nodes = append(w.nodes, n)
	return nil
}

// settle lets all AMs heartbeat until no container was granted for settleTime; Java, which grants by node
// heartbeats, gets twice that on a busy machine.
func (w *world) settle(ctx context.Context) error {
	enough := settleTime
	if w.c.RMKind() == cluster.Java {
		enough *= 2
	}
	total, quiet := -1, time.Now()
	for time.Since(quiet) < enough {
		now := 0
		for _, a := range w.apps {
			if a.master == nil {
				continue
			}
			if err := a.allocate(ctx, &yarnpb.AllocateRequestProto{}); err != nil {
				return err
			}
			now += len(a.granted)
		}
		for _, n := range w.nodes {
			now += n.starts()
		}
		if now != total {
			total, quiet = now, time.Now()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// clear ends the rule's applications and nodes and waits until the ResourceManager has forgotten them.
func (w *world) clear(ctx context.Context) error {
	var errs []error
	for _, a := range w.apps {
		errs = append(errs, a.end(ctx))
	}
	for _, n := range w.nodes {
		errs = append(errs, n.leave(ctx))
	}
	for _, a := range w.apps {
		_ = a.client.Close()
		if a.master != nil {
			_ = a.master.Close()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for {
		var m struct {
			ClusterMetrics struct{ ActiveNodes, AllocatedMB int64 }
		}
		err := w.c.GetJSON("/ws/v1/cluster/metrics", &m)
		if err == nil && m.ClusterMetrics.ActiveNodes == 0 && m.ClusterMetrics.AllocatedMB == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("after a rule %d nodes and %d MB are left: %w", m.ClusterMetrics.ActiveNodes, m.ClusterMetrics.AllocatedMB, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// heddleBinary is HEDDLE_BINARY, or one built from this source.
func heddleBinary(t *testing.T) string {
	t.Helper()
	if b := os.Getenv("HEDDLE_BINARY"); b != "" {
		return b
	}
	out := filepath.Join(t.TempDir(), "heddle")
	if b, err := exec.Command("go", "build", "-o", out, "heddle/cmd/heddle").CombinedOutput(); err != nil {
		t.Fatalf("building heddle: %v\n%s", err, b)
	}
	return out
}
