// Package jobclient submits jobs and follows them, with nothing but a cluster: it asks the
// ResourceManager what runs, a job's ApplicationMaster for its tasks while it lives, and
// reads the record that the ApplicationMaster leaves in the staging directory.
package jobclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/job/staging"
	"heddle/job/status"
	"heddle/yarn"
	"heddle/yarn/client"
	"heddle/yarn/wire"
)

// ApplicationType is the YARN application type of jobs.
const ApplicationType = "HEDDLE"

// Client is one user's view of a cluster's jobs.
type Client struct {
	conf *conf.Config
	user string
	rm   *client.ApplicationClient
	http *http.Client
}

// Open connects to the cluster of a configuration.
func Open(c *conf.Config, user string) (*Client, error) {
	cfg, err := client.NewConfig(c, user)
	if err != nil {
		return nil, err
	}
	rm, err := cfg.ApplicationClient()
	if err != nil {
		return nil, err
	}
	return &Client{conf: c, user: cfg.User, rm: rm, http: &http.Client{Timeout: 30 * time.Second}}, nil
}

// Close ends the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return c.rm.Close()
}

// User is whose jobs are submitted and found by name.
func (c *Client) User() string { return c.user }

// Job is a job as the ResourceManager knows it.
type Job struct {
	ID          yarn.ApplicationID
	Name        string
	User        string
	Queue       string
	State       status.State
	YARN        yarn.AppState
	Started     int64 // ms since 1970
	Ended       int64 // 0 while it has not
	Diagnostics string
	Master      string // URL of the ApplicationMaster; "" while there is none
}

func jobOf(r *yarnpb.ApplicationReportProto) Job {
	j := Job{
		ID: wire.AppIDFrom(r.GetApplicationId()), Name: r.GetName(), User: r.GetUser(), Queue: r.GetQueue(),
		YARN: yarn.AppState(r.GetYarnApplicationState()), Started: r.GetStartTime(), Ended: r.GetFinishTime(), Diagnostics: strings.TrimSpace(r.GetDiagnostics()),
	}
	if u := r.GetOriginalTrackingUrl(); strings.HasPrefix(u, "http://") {
		j.Master = u
	}
	switch j.YARN {
	case yarn.AppRunning:
		j.State = status.Running
	case yarn.AppKilled:
		j.State = status.Stopped
	case yarn.AppFailed:
		j.State = status.Failed
	case yarn.AppFinished:
		j.State = status.Failed
		if yarn.FinalStatus(r.GetFinalApplicationStatus()) == yarn.FinalSucceeded {
			j.State = status.Succeeded
		}
	default:
		j.State = status.Waiting
	}
	return j
}

// List returns the jobs that the ResourceManager remembers, newest first: all users', or one user's.
func (c *Client) List(ctx context.Context, user string) ([]Job, error) {
	req := &yarnpb.GetApplicationsRequestProto{ApplicationTypes: []string{ApplicationType}}
	if user != "" {
		req.Users = []string{user}
	}
	resp, err := c.rm.GetApplications(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	var jobs []Job
	for _, r := range resp.GetApplications() {
		jobs = append(jobs, jobOf(r))
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Or(cmp.Compare(b.Started, a.Started), b.ID.Compare(a.ID)) })
	return jobs, nil
}

// Find finds a job by application id, or by name: the caller's newest of that name. user~name is another user's.
func (c *Client) Find(ctx context.Context, name string) (Job, error) {
	if id, err := yarn.ParseApplicationID(name); err == nil {
		return c.report(ctx, id)
	}
	user, short, ok := strings.Cut(name, "~")
	if !ok {
		user, short = c.user, name
	}
	jobs, err := c.List(ctx, user)
	if err != nil {
		return Job{}, err
	}
	for _, j := range jobs {
		if j.Name == short {
			return j, nil
		}
	}
	return Job{}, fmt.Errorf("no job of %s is called %s; `heddle job list --all` shows every job, and USER~NAME names another user's", user, short)
}

func (c *Client) report(ctx context.Context, id yarn.ApplicationID) (Job, error) {
	resp, err := c.rm.GetApplicationReport(ctx, &yarnpb.GetApplicationReportRequestProto{ApplicationId: wire.AppID(id)})
	if rpc.IsClass(err, rpc.ClassApplicationNotFound) {
		return Job{}, fmt.Errorf("the ResourceManager knows no application %s", id)
	}
	if err != nil {
		return Job{}, fmt.Errorf("asking for %s: %w", id, err)
	}
	if t := resp.GetApplicationReport().GetApplicationType(); t != ApplicationType {
		return Job{}, fmt.Errorf("%s is no job but an application of type %s; use `yarn application`", id, t)
	}
	return jobOf(resp.GetApplicationReport()), nil
}

// Status is all that is known of a job: its tasks where the ApplicationMaster or its record tells of them.
func (c *Client) Status(ctx context.Context, j Job) (*status.Job, error) {
	if j.YARN == yarn.AppRunning && j.Master != "" {
		if s, err := c.live(ctx, j); err == nil {
			if why := orElse(j.Diagnostics, ""); why != "" && s.State == status.Waiting { // our ResourceManager says what it waits for
				s.Detail += "; " + why
			}
			return s, nil
		}
		now, err := c.report(ctx, j.ID) // it may have ended just now
		if err != nil {
			return nil, err
		}
		j = now
	}
	s := c.recorded(j)
	if s == nil {
		s = &status.Job{Name: j.Name, User: j.User, Queue: j.Queue, Application: j.ID.String(), Started: j.Started}
	}
	s.State, s.Ended = j.State, j.Ended
	if !j.State.Final() {
		s.Detail = orElse(j.Diagnostics, "the ApplicationMaster has not started yet")
		if j.YARN == yarn.AppRunning {
			s.Detail = "the ApplicationMaster does not answer now; this is what it last said"
		}
		return s, nil
	}
	s.Detail = ""
	s.Diagnostics = orElse(j.Diagnostics, s.Diagnostics)
	for r := range s.Roles {
		for t := range s.Roles[r].Tasks { // the record was written while they ran
			if task := &s.Roles[r].Tasks[t]; !task.State.Final() {
				task.State = status.Stopped
			}
		}
	}
	return s, nil
}

func orElse(s, def string) string {
	if s == "" || s == "N/A" {
		return def
	}
	return s
}

// recorded is the record of a job, nil where there is none or it cannot be read.
func (c *Client) recorded(j Job) *status.Job {
	d, err := staging.Open(c.conf, j.User)
	if err != nil {
		return nil
	}
	defer d.Close() //nolint:errcheck // only read
	s, err := d.ReadStatus(j.ID.String())
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return s
}

func (c *Client) live(ctx context.Context, j Job) (*status.Job, error) {
	s := new(status.Job)
	return s, c.get(ctx, strings.TrimSuffix(j.Master, "/")+"/status", s)
}

// get reads JSON of bounded size.
func (c *Client) get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, status.MaxBytes))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.300s", url, resp.Status, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

// Stop ends a job and waits until the ResourceManager has ended it.
func (c *Client) Stop(ctx context.Context, j Job) error {
	for {
		resp, err := c.rm.ForceKillApplication(ctx, &yarnpb.KillApplicationRequestProto{ApplicationId: wire.AppID(j.ID), Diagnostics: new("Stopped by " + c.user)})
		if err != nil {
			return fmt.Errorf("stopping %s: %w", j.ID, err)
		}
		if resp.GetIsKillCompleted() {
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// Wait calls progress with each status that differs from the last, until the job has ended, and returns the last.
func (c *Client) Wait(ctx context.Context, j Job, progress func(*status.Job)) (*status.Job, error) {
	last := ""
	for {
		now, err := c.report(ctx, j.ID)
		if err != nil {
			return nil, err
		}
		s, err := c.Status(ctx, now)
		if err != nil {
			return nil, err
		}
		if line := fmt.Sprint(s.State, s.Detail, s.Attempt); line != last {
			last = line
			progress(s)
		}
		if s.State.Final() && now.YARN.Final() {
			return s, nil
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
