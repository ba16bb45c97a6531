package jobclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/hadoop/fs"
	"heddle/job/rendezvous"
	"heddle/job/staging"
	"heddle/jobspec"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Resources of the ApplicationMaster's own container.
const (
	masterMemoryMB = 512
	masterVCores   = 1
	binaryName     = "heddle"
)

// A Go program reserves address space that it never uses, more than a gigabyte. NodeManagers that watch address
// space (Hadoop's default, 2.1 times the memory) would end a small container for it.
const (
	keyVMemCheck         = "yarn.nodemanager.vmem-check-enabled"
	watchedMasterMB      = 1024
	watchedTaskMinimumMB = 640
)

// Warnings are what is allowed and likely to go wrong on this cluster.
func (c *Client) Warnings(f *jobspec.Framework) []string {
	if watched, err := c.conf.Bool(keyVMemCheck, true); err != nil || !watched {
		return nil
	}
	var out []string
	for _, r := range f.Roles {
		if r.MemoryMB < watchedTaskMinimumMB {
			out = append(out, fmt.Sprintf("role %s: containers with less than %d MB may be ended by NodeManagers that watch address space; ask for more, or set %s to false", r.Name, watchedTaskMinimumMB, keyVMemCheck))
		}
	}
	return out
}

func (c *Client) masterMemory() int64 {
	if watched, err := c.conf.Bool(keyVMemCheck, true); err != nil || watched {
		return watchedMasterMB
	}
	return masterMemoryMB
}

// Submission is a job to submit.
type Submission struct {
	Framework *jobspec.Framework
	Docker    bool   // run each role's image, else processes of the nodes
	Heddle    []byte // the program that the ApplicationMaster's container runs
	Agent     []byte // the program that tasks run under
}

// Submit uploads what a job needs and submits it. It returns once the ResourceManager has accepted or refused it.
func (c *Client) Submit(ctx context.Context, s *Submission) (Job, error) {
	f := s.Framework
	f.User = c.user
	var err error
	if f.DefaultFS, err = defaultFS(c.conf); err != nil {
		return Job{}, err
	}
	f.Expand()
	fresh, err := c.rm.GetNewApplication(ctx, &yarnpb.GetNewApplicationRequestProto{})
	if err != nil {
		return Job{}, fmt.Errorf("asking the ResourceManager for an application id: %w", err)
	}
	if err := c.fits(f, fresh.GetMaximumCapability()); err != nil {
		return Job{}, err
	}
	id := wire.AppIDFrom(fresh.GetApplicationId())
	d, err := staging.Open(c.conf, c.user)
	if err != nil {
		return Job{}, err
	}
	defer d.Close() //nolint:errcheck // all was written and closed before
	lc, err := upload(d, id, s, c.conf)
	if err != nil {
		return Job{}, err
	}
	if err := c.submit(ctx, id, f, lc); err != nil {
		return Job{}, errors.Join(err, d.RemoveJob(id.String()))
	}
	return c.accepted(ctx, id)
}

func defaultFS(c *conf.Config) (string, error) {
	root, err := (&fs.Dialer{Conf: c}).Qualify("/")
	if err != nil {
		return "", err
	}
	return root[:len(root)-1], nil
}

// fits refuses roles whose containers are larger than any that the cluster gives, all at once.
func (c *Client) fits(f *jobspec.Framework, largest *yarnpb.ResourceProto) error {
	var errs []error
	for _, r := range f.Roles {
		if m := largest.GetMemory(); int64(r.MemoryMB) > m {
			errs = append(errs, fmt.Errorf("role %s: memoryMB is %d, the cluster's largest container has %d (of the largest node, or yarn.scheduler.maximum-allocation-mb)", r.Name, r.MemoryMB, m))
		}
		if n := largest.GetVirtualCores(); int64(r.CPU) > int64(n) {
			errs = append(errs, fmt.Errorf("role %s: cpu is %d, the cluster's largest container has %d (of the largest node, or yarn.scheduler.maximum-allocation-vcores)", r.Name, r.CPU, n))
		}
		if n, counted := amountOf(largest, yarn.GPUName); r.GPUs > 0 && (!counted || int64(r.GPUs) > n) {
			errs = append(errs, fmt.Errorf("role %s: gpu is %d, the cluster's largest container has %d (resource type %s of the largest node, or its maximum-allocation)", r.Name, r.GPUs, n, yarn.GPUName))
		}
	}
	return errors.Join(errs...)
}

func amountOf(r *yarnpb.ResourceProto, name string) (int64, bool) {
	for _, v := range r.GetResourceValueMap() {
		if v.GetKey() == name {
			return v.GetValue(), true
		}
	}
	return 0, false
}

// upload writes the job's files and returns the launch context of its ApplicationMaster.
func upload(d *staging.Dir, id yarn.ApplicationID, s *Submission, c *conf.Config) (*yarnpb.ContainerLaunchContextProto, error) {
	if err := d.Prepare(); err != nil {
		return nil, err
	}
	heddle, err := d.Binary(s.Heddle)
	if err != nil {
		return nil, err
	}
	l := &staging.Launch{Framework: *s.Framework, Docker: s.Docker}
	if l.Agent, err = d.Binary(s.Agent); err != nil {
		return nil, err
	}
	launch, err := d.NewJob(id.String(), l, c)
	if err != nil {
		return nil, err
	}
	lc := &yarnpb.ContainerLaunchContextProto{
		Command: []string{"exec ./" + binaryName + " applicationmaster 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr"},
		Environment: []*yarnpb.StringStringMapProto{
			{Key: new("HADOOP_USER_NAME"), Value: new(s.Framework.User)},
			{Key: new("YARN_CONTAINER_RUNTIME_TYPE"), Value: new("default")},
		},
	}
	for _, x := range []struct {
		name       string
		resource   staging.Resource
		visibility yarnpb.LocalResourceVisibilityProto
	}{
		{binaryName, heddle, yarnpb.LocalResourceVisibilityProto_PUBLIC},
		{staging.LaunchFile, launch, yarnpb.LocalResourceVisibilityProto_APPLICATION},
		{rendezvous.ConfName, l.Conf, yarnpb.LocalResourceVisibilityProto_APPLICATION},
	} {
		r, err := x.resource.Local(x.visibility)
		if err != nil {
			return nil, err
		}
		lc.LocalResources = append(lc.LocalResources, &yarnpb.StringLocalResourceMapProto{Key: new(x.name), Value: r})
	}
	return lc, nil
}

func (c *Client) submit(ctx context.Context, id yarn.ApplicationID, f *jobspec.Framework, lc *yarnpb.ContainerLaunchContextProto) error {
	_, err := c.rm.SubmitApplication(ctx, &yarnpb.SubmitApplicationRequestProto{ApplicationSubmissionContext: &yarnpb.ApplicationSubmissionContextProto{
		ApplicationId: wire.AppID(id), ApplicationName: new(f.Name), Queue: new(f.Queue), ApplicationType: new(ApplicationType), Priority: wire.Priority(0),
		Resource:        &yarnpb.ResourceProto{Memory: new(c.masterMemory()), VirtualCores: new(int32(masterVCores))},
		AmContainerSpec: lc,
	}})
	if err != nil {
		return fmt.Errorf("submitting job %s: %w", f.Name, err)
	}
	return nil
}

// accepted waits, as Hadoop's client does, until the application is past its first states: only then it survives
// a crash of the ResourceManager, and a queue that refuses it has said so.
func (c *Client) accepted(ctx context.Context, id yarn.ApplicationID) (Job, error) {
	for {
		j, err := c.report(ctx, id)
		if err != nil {
			return Job{}, err
		}
		switch {
		case j.YARN == yarn.AppFailed || j.YARN == yarn.AppKilled:
			return j, fmt.Errorf("job %s did not start: %s", j.Name, orElse(j.Diagnostics, "it gave no reason"))
		case j.YARN >= yarn.AppAccepted:
			return j, nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return Job{}, err
		}
	}
}
