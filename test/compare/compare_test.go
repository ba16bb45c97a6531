//go:build interop

// Package compare times the same work on our daemons and on Hadoop's, turn about on one machine, and prints both:
//
//	from the start of both daemons to an active node, from a submission to its ApplicationMaster's first command, from an
//	ask to its container's first command, MapReduce's pi and terasort on HDFS
//
// COMPARE_RUNS is how many clusters of each kind are started.
package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/security"
	"heddle/test/cluster"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// Measures in the order of the table.
var measures = []string{"daemons to active node", "submission to AM running", "ask to container running", "pi 4 1000", "teragen 1,000,000 rows", "terasort"}

func TestCompare(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv("COMPARE_RUNS"))
	if err != nil || runs < 1 {
		t.Skip("set COMPARE_RUNS; make compare does")
	}
	binary, err := filepath.Abs(os.Getenv("HEDDLE_BINARY"))
	if err != nil || os.Getenv("HEDDLE_BINARY") == "" {
		t.Fatal("set HEDDLE_BINARY to the heddle under test")
	}
	dir, err := os.MkdirTemp("", "heddle-compare-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // best effort
	hdfs, err := cluster.StartHDFS(t.Context(), filepath.Join(dir, "hdfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer hdfs.Stop()
	seen := map[cluster.Kind]map[string][]time.Duration{cluster.Heddle: {}, cluster.Java: {}}
	for run := range runs {
		for _, kind := range []cluster.Kind{cluster.Heddle, cluster.Java} {
			o := cluster.Options{Dir: filepath.Join(dir, fmt.Sprint(kind, run)), RM: kind, NM: kind, HDFS: hdfs, Command: []string{binary}}
			r := round{o: o, kind: kind, seen: seen[kind]}
			if err := r.run(t.Context()); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
	}
	t.Logf("%-28s %10s %10s %6s   (medians, ms)", "", "heddle", "java", "ratio")
	for _, m := range measures {
		ours, theirs := median(seen[cluster.Heddle][m]), median(seen[cluster.Java][m])
		t.Logf("%-28s %10d %10d %6.2f   of %d and %d", m, ours.Milliseconds(), theirs.Milliseconds(), float64(ours)/float64(theirs), len(seen[cluster.Heddle][m]), len(seen[cluster.Java][m]))
	}
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// round is one cluster of one kind.
type round struct {
	o    cluster.Options
	kind cluster.Kind
	seen map[string][]time.Duration
	c    *cluster.Cluster
	cfg  *client.Config
}

// latencies is how often the short times are taken in a round.
const latencies = 5

func (r *round) run(ctx context.Context) (err error) {
	began := time.Now()
	if r.c, err = cluster.Start(ctx, r.o); err != nil {
		return err
	}
	defer r.c.Stop()
	r.add("daemons to active node", time.Since(began))
	site, err := conf.Load(r.c.ConfDir())
	if err != nil {
		return err
	}
	if r.cfg, err = client.NewConfig(site, "root"); err != nil {
		return err
	}
	for range latencies {
		if err := r.submission(ctx); err != nil {
			return err
		}
	}
	if err := r.asks(ctx); err != nil {
		return err
	}
	work := "/compare-" + filepath.Base(r.o.Dir)
	for _, job := range []struct {
		measure, want string
		args          []string
	}{
		{"pi 4 1000", "Estimated value of Pi is 3.14", []string{"pi", "4", "1000"}},
		{"teragen 1,000,000 rows", "completed successfully", []string{"teragen", "-Dmapreduce.job.maps=2", "1000000", work + "/in"}},
		{"terasort", "completed successfully", []string{"terasort", "-Dmapreduce.job.reduces=2", work + "/in", work + "/out"}},
	} {
		began := time.Now()
		run, err := r.c.Java(ctx, "", cluster.Examples, job.args...)
		if err != nil || run.Code != 0 || !strings.Contains(run.Out, job.want) {
			return fmt.Errorf("%s: %v, code %d: %s", job.measure, err, run.Code, run.Out)
		}
		r.add(job.measure, time.Since(began))
	}
	return nil
}

func (r *round) add(measure string, d time.Duration) {
	r.seen[measure] = append(r.seen[measure], d)
}

// clock is a command that writes when it ran; read waits for that.
func clock(file string) string { return "date +%s%N > " + file + ".new && mv " + file + ".new " + file }

func read(ctx context.Context, file string) (time.Time, error) {
	for {
		b, err := os.ReadFile(file)
		if err == nil {
			ns, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			return time.Unix(0, ns), err
		}
		if !errors.Is(err, os.ErrNotExist) {
			return time.Time{}, err
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (r *round) submit(ctx context.Context, c *client.ApplicationClient, change func(*yarnpb.ApplicationSubmissionContextProto)) (*yarnpb.ApplicationIdProto, error) {
	fresh, err := c.GetNewApplication(ctx, &yarnpb.GetNewApplicationRequestProto{})
	if err != nil {
		return nil, err
	}
	s := &yarnpb.ApplicationSubmissionContextProto{ApplicationId: fresh.GetApplicationId(), ApplicationName: new("compare"), Queue: new("default"), Priority: wire.Priority(0),
		Resource: &yarnpb.ResourceProto{Memory: new(int64(256)), VirtualCores: new(int32(1))}, AmContainerSpec: &yarnpb.ContainerLaunchContextProto{}}
	change(s)
	_, err = c.SubmitApplication(ctx, &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: s})
	return s.ApplicationId, err
}

// submission times a submission until the first command of its AM.
func (r *round) submission(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := r.cfg.ApplicationClient()
	if err != nil {
		return err
	}
	defer c.Close()
	file := filepath.Join(r.o.Dir, fmt.Sprintf("am-%d", len(r.seen["submission to AM running"])))
	began := time.Now()
	id, err := r.submit(ctx, c, func(s *yarnpb.ApplicationSubmissionContextProto) {
		s.AmContainerSpec.Command = []string{clock(file) + "; sleep 60"}
	})
	if err != nil {
		return err
	}
	at, err := read(ctx, file)
	if err != nil {
		return fmt.Errorf("waiting for an AM: %w", err)
	}
	r.add("submission to AM running", at.Sub(began))
	return r.kill(ctx, c, id)
}

func (r *round) kill(ctx context.Context, c *client.ApplicationClient, id *yarnpb.ApplicationIdProto) error {
	for {
		done, err := c.ForceKillApplication(ctx, &yarnpb.KillApplicationRequestProto{ApplicationId: id})
		if err != nil || done.GetIsKillCompleted() {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// asks times asks of an unmanaged AM, which looks every 50 ms, until the first command of the container.
func (r *round) asks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c, err := r.cfg.ApplicationClient()
	if err != nil {
		return err
	}
	defer c.Close()
	id, err := r.submit(ctx, c, func(s *yarnpb.ApplicationSubmissionContextProto) { s.UnmanagedAm = new(true) })
	if err != nil {
		return err
	}
	var report *yarnpb.ApplicationReportProto
	for report.GetAmRmToken() == nil {
		resp, err := c.GetApplicationReport(ctx, &yarnpb.GetApplicationReportRequestProto{ApplicationId: id})
		if err != nil {
			return err
		}
		report = resp.GetApplicationReport()
		time.Sleep(20 * time.Millisecond)
	}
	am, err := r.cfg.ApplicationMaster(security.Token{Identifier: report.GetAmRmToken().GetIdentifier(), Password: report.GetAmRmToken().GetPassword(), Kind: security.KindAMRM})
	if err != nil {
		return err
	}
	defer am.Close()
	if _, err := am.RegisterApplicationMaster(ctx, &yarnpb.RegisterApplicationMasterRequestProto{Host: new("localhost"), RpcPort: new(int32(0)), TrackingUrl: new("")}); err != nil {
		return err
	}
	nodes := client.NewNodeManagers(r.cfg)
	defer nodes.Close()
	last := int32(0)
	for i := range latencies {
		file := filepath.Join(r.o.Dir, fmt.Sprintf("container-%d", i))
		ask := []*yarnpb.ResourceRequestProto{{Priority: wire.Priority(1), ResourceName: new("*"), NumContainers: new(int32(1)), RelaxLocality: new(true),
			Capability: &yarnpb.ResourceProto{Memory: new(int64(256)), VirtualCores: new(int32(1))}}}
		began := time.Now()
		for started := false; !started; {
			resp, err := am.Allocate(ctx, &yarnpb.AllocateRequestProto{ResponseId: &last, Progress: new(float32(0)), Ask: ask})
			if err != nil {
				return err
			}
			last, ask = resp.GetResponseId(), nil
			for _, token := range resp.GetNmTokens() {
				nodes.SetToken(wire.NodeIDFrom(token.GetNodeId()), token.GetToken())
			}
			for _, k := range resp.GetAllocatedContainers() {
				node, err := nodes.Node(wire.NodeIDFrom(k.GetNodeId()))
				if err != nil {
					return err
				}
				err = node.Start(ctx, wire.ContainerIDFrom(k.GetId()), &yarnpb.StartContainerRequestProto{ContainerToken: k.GetContainerToken(),
					ContainerLaunchContext: &yarnpb.ContainerLaunchContextProto{Command: []string{clock(file)}}})
				if err != nil {
					return err
				}
				started = true
			}
			if !started {
				time.Sleep(50 * time.Millisecond)
			}
		}
		at, err := read(ctx, file)
		if err != nil {
			return fmt.Errorf("waiting for a container: %w", err)
		}
		r.add("ask to container running", at.Sub(began))
	}
	_, err = am.FinishApplicationMaster(ctx, &yarnpb.FinishApplicationMasterRequestProto{FinalApplicationStatus: yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED.Enum(), Diagnostics: new(""), TrackingUrl: new("")})
	return err
}
