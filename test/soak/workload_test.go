//go:build interop

package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/security"
	"heddle/test/cluster"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// kind is a sort of application; its end is known beforehand.
type kind string

const (
	managed   kind = "managed"   // on a played node
	unmanaged kind = "unmanaged" // its AM runs in this process
	crashed   kind = "crashed"   // the first attempt ends at once, the second works
	killed    kind = "killed"    // its user kills it while it runs
	processes kind = "processes" // real ones, on the real NodeManager
)

// kinds are submitted in turn.
var kinds = []kind{managed, unmanaged, managed, processes, managed, crashed, managed, unmanaged, managed, killed}

// most applications at a time; when there are more, the cluster does not keep up.
const most = 300

// workload submits an application a second and follows each to its end; mu guards what follows it.
type workload struct {
	log   func(...any)
	c     *cluster.Cluster
	cfg   *client.Config
	rm    *client.ApplicationClient
	fleet *fleet
	wg    sync.WaitGroup

	mu         sync.Mutex
	flying     map[yarn.ApplicationID]kind
	done       map[kind]int
	finished   int
	containers int // of applications that ended well, each of which was heard of once
	asked      int // REST answers
	faults     []error
}

func newWorkload(log func(...any), c *cluster.Cluster) (*workload, error) {
	settings, err := conf.Load(c.ConfDir())
	if err != nil {
		return nil, err
	}
	cfg, err := client.NewConfig(settings, "soak")
	if err != nil {
		return nil, err
	}
	rm, err := cfg.ApplicationClient()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(c.Dir(), "public"), 0o755); err != nil {
		return nil, err
	}
	return &workload{log: log, c: c, cfg: cfg, rm: rm, flying: map[yarn.ApplicationID]kind{}, done: map[kind]int{}}, nil
}

func (w *workload) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, err)
	w.log("fault:", err)
}

func (k kind) plan() plan {
	if k == processes {
		return plan{Containers: 3, MemoryMB: 128, Real: true, Run: 2 * time.Second}
	}
	return plan{Containers: 8, MemoryMB: 8192, Run: 8 * time.Second}
}

// play is a played node's ApplicationMaster. A killed one's last call fails, which is as it should be.
func (w *workload) play(ctx context.Context, id yarn.ContainerID, token security.Token) int32 {
	w.mu.Lock()
	k, known := w.flying[id.Attempt.Application]
	w.mu.Unlock()
	if !known {
		w.failed(fmt.Errorf("%s is of an application that is over", id))
		return 1
	}
	if k == crashed && id.Attempt.Attempt == 1 {
		return 1
	}
	if err := k.plan().run(ctx, w.cfg, token, w.fleet); err != nil && k != killed {
		w.failed(fmt.Errorf("%s application %s: %w", k, id.Attempt.Application, err))
		return 1
	}
	return 0
}

// submit submits until ctx ends, then lets what runs come to its end.
func (w *workload) submit(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		k := kinds[n%len(kinds)]
		w.wg.Go(func() {
			if err := w.one(k, n); err != nil {
				w.failed(fmt.Errorf("%s application number %d: %w", k, n, err))
			}
		})
		w.mu.Lock()
		flying := len(w.flying)
		w.mu.Unlock()
		if flying > most {
			w.failed(fmt.Errorf("%d applications run at a time: the cluster does not keep up", flying))
			break
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	w.wg.Wait()
}

// patience is how long an application may take.
const patience = 3 * time.Minute

func (w *workload) one(k kind, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	fresh, err := w.rm.GetNewApplication(ctx, &yarnpb.GetNewApplicationRequestProto{})
	if err != nil {
		return err
	}
	id := wire.AppIDFrom(fresh.GetApplicationId())
	w.mu.Lock()
	w.flying[id] = k
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.flying, id)
		w.finished++
		w.mu.Unlock()
	}()
	p := k.plan()
	lc := &yarnpb.ContainerLaunchContextProto{Command: []string{"played"}}
	if k == processes {
		if lc, err = realContext(p, w.c.Dir(), w.c.ConfDir(), fmt.Sprint(n%50)); err != nil {
			return err
		}
	}
	_, err = w.rm.SubmitApplication(ctx, &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: &yarnpb.ApplicationSubmissionContextProto{
		ApplicationId: wire.AppID(id), ApplicationName: new(string(k)), ApplicationType: new("SOAK"), Queue: new([]string{"default", "batch"}[n%2]), UnmanagedAm: new(k == unmanaged),
		Priority: wire.Priority(0), Resource: resource(max(p.MemoryMB, 256), p.Real), AmContainerSpec: lc, MaxAppAttempts: new(int32(2)),
	}})
	if err != nil {
		return err
	}
	if k == unmanaged {
		if err := w.drive(ctx, id, p); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return w.follow(ctx, id, k, p)
}

// drive is the AM of an unmanaged application.
func (w *workload) drive(ctx context.Context, id yarn.ApplicationID, p plan) error {
	for {
		report, err := w.report(ctx, id)
		if err != nil {
			return err
		}
		if t := report.GetAmRmToken(); t != nil {
			return p.run(ctx, w.cfg, security.TokenFromProto(t), w.fleet)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for the AMRM token: %w", err)
		}
	}
}

func (w *workload) report(ctx context.Context, id yarn.ApplicationID) (*yarnpb.ApplicationReportProto, error) {
	resp, err := w.rm.GetApplicationReport(ctx, &yarnpb.GetApplicationReportRequestProto{ApplicationId: wire.AppID(id)})
	return resp.GetApplicationReport(), err
}

// follow waits for the end, which must be the expected one.
func (w *workload) follow(ctx context.Context, id yarn.ApplicationID, k kind, p plan) error {
	told := false
	for {
		r, err := w.report(ctx, id)
		if err != nil {
			return fmt.Errorf("%s was accepted and is lost: %w", id, err)
		}
		state := yarn.AppState(r.GetYarnApplicationState())
		if state.Final() {
			return w.ended(id, k, p, r)
		}
		if k == killed && state == yarn.AppRunning && !told {
			told = true
			if err := pause(ctx, 2*time.Second); err != nil {
				return err
			}
			if _, err := w.rm.ForceKillApplication(ctx, &yarnpb.KillApplicationRequestProto{ApplicationId: wire.AppID(id)}); err != nil {
				return fmt.Errorf("killing %s: %w", id, err)
			}
		}
		if err := pause(ctx, time.Second); err != nil {
			return fmt.Errorf("%s is %s after %s", id, state, patience)
		}
	}
}

func (w *workload) ended(id yarn.ApplicationID, k kind, p plan, r *yarnpb.ApplicationReportProto) error {
	state, status, attempt := yarn.AppState(r.GetYarnApplicationState()), yarn.FinalStatus(r.GetFinalApplicationStatus()), r.GetCurrentApplicationAttemptId().GetAttemptId()
	wantState, wantStatus, wantAttempt := yarn.AppFinished, yarn.FinalSucceeded, int32(1)
	switch k {
	case killed:
		wantState, wantStatus = yarn.AppKilled, yarn.FinalKilled
	case crashed:
		wantAttempt = 2
	}
	if state != wantState || status != wantStatus || attempt != wantAttempt {
		return fmt.Errorf("%s ended as %s, %s in attempt %d (%s); expected %s, %s, %d", id, state, status, attempt, r.GetDiagnostics(), wantState, wantStatus, wantAttempt)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[k]++
	if k != killed {
		w.containers += int(p.Containers)
	}
	return nil
}

// poll asks the web services, one path a quarter of a second, until ctx ends.
func (w *workload) poll(ctx context.Context) {
	paths := []string{"/ws/v1/cluster/apps", "/ws/v1/cluster/nodes", "/ws/v1/cluster/scheduler", "/ws/v1/cluster/metrics", "app"}
	for i := 0; pause(ctx, 250*time.Millisecond) == nil; i++ {
		path := paths[i%len(paths)]
		if path == "app" {
			w.mu.Lock()
			ids := slices.SortedFunc(maps.Keys(w.flying), yarn.ApplicationID.Compare)
			w.mu.Unlock()
			if len(ids) == 0 {
				continue
			}
			path = "/ws/v1/cluster/apps/" + ids[0].String() // the oldest: the newest may not be submitted yet
		}
		status, _, _, err := w.c.Get(path, "application/json")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		if err != nil {
			w.failed(fmt.Errorf("GET %s: %w", path, err))
			continue
		}
		w.mu.Lock()
		w.asked++
		w.mu.Unlock()
	}
}

// nodesLeft checks that the ResourceManager has all nodes, and never lost one.
func (w *workload) nodesLeft() error {
	var m struct {
		ClusterMetrics struct{ ActiveNodes, LostNodes, UnhealthyNodes, RebootedNodes, ShutdownNodes, AllocatedMB int }
	}
	if err := w.c.GetJSON("/ws/v1/cluster/metrics", &m); err != nil {
		return err
	}
	c := m.ClusterMetrics
	if c.ActiveNodes != len(w.fleet.nodes)+1 || c.LostNodes+c.UnhealthyNodes+c.RebootedNodes+c.ShutdownNodes != 0 || c.AllocatedMB != 0 {
		return fmt.Errorf("at the end %+v; expected %d active nodes, no other ones, and nothing allocated", c, len(w.fleet.nodes)+1)
	}
	return nil
}

// clean removes what an operator's jobs would remove: aggregated logs of applications that are long over.
func (w *workload) clean(logs string, age time.Duration) error {
	found, err := filepath.Glob(filepath.Join(logs, "*", "*", "*", "application_*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range found {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > age {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}
