package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"heddle/agent/embedded"
	jobclient "heddle/job/client"
	"heddle/job/status"
	"heddle/jobspec"
	"heddle/yarn/client"
)

// Who runs tasks.
const (
	executorDocker  = "docker"
	executorProcess = "process"
)

// jobCommand is jobs by file or name.
func jobCommand() *cli.Command {
	named := func(name, usage string, flags []cli.Flag, run func(*cli.Context, *jobclient.Client, jobclient.Job) error) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: "JOB", Flags: append(flags, configFlag()), Action: withJob(run)}
	}
	return &cli.Command{
		Name: "job", Usage: "submit and follow jobs",
		Description: "JOB is a name (the newest job of yours with it), USER~NAME, or an application id.",
		Subcommands: []*cli.Command{
			{Name: "submit", Usage: "submit a job file: OpenPAI protocol 2 (YAML) or 1 (JSON)", ArgsUsage: "FILE", Action: withClient(submitJob), Flags: []cli.Flag{
				configFlag(),
				&cli.StringFlag{Name: "executor", Value: executorDocker, Usage: "docker: run each role's image; process: ignore images and run processes of the nodes"},
				&cli.StringSliceFlag{Name: "env", Usage: "set an environment `NAME=VALUE` of the tasks, over the file's"},
				&cli.StringFlag{Name: "queue", Usage: "submit to `QUEUE` instead of the file's virtual cluster"},
				&cli.StringFlag{Name: "name", Usage: "give the job another `NAME` than the file's"},
				&cli.BoolFlag{Name: "wait", Usage: "wait for the end, as `heddle job wait` does"},
			}},
			{Name: "list", Usage: "list jobs, newest first", Action: withClient(listJobs), Flags: []cli.Flag{
				configFlag(),
				&cli.BoolFlag{Name: "all", Usage: "other users' jobs, too"},
			}},
			named("status", "show a job and its tasks", []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}}, showJob),
			named("logs", "print the logs of a job's tasks", []cli.Flag{
				&cli.StringFlag{Name: "role", Usage: "only tasks of this `ROLE`"},
				&cli.IntFlag{Name: "index", Value: -1, Usage: "only the task of this `INDEX`", DefaultText: "all"},
				&cli.StringFlag{Name: "file", Usage: "this log `FILE`", DefaultText: "stdout and stderr"},
				&cli.BoolFlag{Name: "master", Usage: "the ApplicationMaster's logs instead"},
			}, printLogs),
			named("stop", "stop a job", nil, stopJob),
			named("wait", "wait for a job's end; the exit status is 0 when it succeeded", nil, waitJob),
		},
	}
}

func withClient(run func(*cli.Context, *jobclient.Client) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		cfg, err := clientConf(c)
		if err != nil {
			return err
		}
		jobs, err := jobclient.Open(cfg, client.CurrentUser(os.Getenv))
		if err != nil {
			return err
		}
		defer jobs.Close() //nolint:errcheck // connections only
		return run(c, jobs)
	}
}

func withJob(run func(*cli.Context, *jobclient.Client, jobclient.Job) error) cli.ActionFunc {
	return withClient(func(c *cli.Context, jobs *jobclient.Client) error {
		if c.NArg() != 1 {
			return fmt.Errorf("which job? usage: heddle job %s JOB, options before it", c.Command.Name)
		}
		j, err := jobs.Find(c.Context, c.Args().First())
		if err != nil {
			return err
		}
		return run(c, jobs, j)
	})
}

func submitJob(c *cli.Context, jobs *jobclient.Client) error {
	if c.NArg() != 1 {
		return errors.New("which job file? usage: heddle job submit [options] FILE, options before it")
	}
	s, err := submission(c)
	if err != nil {
		return err
	}
	for _, w := range jobs.Warnings(s.Framework) {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	j, err := jobs.Submit(c.Context, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "Submitted job %s as %s to queue %s\n", j.Name, j.ID, j.Queue)
	if c.Bool("wait") {
		return waitJob(c, jobs, j)
	}
	return nil
}

func submission(c *cli.Context) (*jobclient.Submission, error) {
	file := c.Args().First()
	body, err := readLimited(file, jobspec.MaxBytes)
	if err != nil {
		return nil, err
	}
	f, warnings, err := jobspec.Parse(body)
	for _, w := range warnings {
		fmt.Fprintf(os.Stderr, "%s: warning: %s\n", file, w)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be submitted:\n%w", file, err)
	}
	if err := adjust(c, f); err != nil {
		return nil, err
	}
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("jobs are submitted from Linux: the submitting program itself runs as the ApplicationMaster, and this one is for %s", runtime.GOOS)
	}
	s := &jobclient.Submission{Framework: f, Docker: c.String("executor") == executorDocker}
	if s.Agent, err = embedded.Agent(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.Heddle, err = os.ReadFile(self)
	return s, err
}

// adjust applies the options that change a job.
func adjust(c *cli.Context, f *jobspec.Framework) error {
	if e := c.String("executor"); e != executorDocker && e != executorProcess {
		return fmt.Errorf("--executor %s: want %s or %s", e, executorDocker, executorProcess)
	}
	for _, pair := range c.StringSlice("env") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return fmt.Errorf("--env %s: want NAME=VALUE", pair)
		}
		if f.Env == nil {
			f.Env = map[string]string{}
		}
		f.Env[name] = value
	}
	if q := c.String("queue"); q != "" {
		f.Queue = q
	}
	if n := c.String("name"); n != "" {
		f.Name = n
	}
	return nil
}

func readLimited(file string, limit int64) ([]byte, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("%s has more than %d bytes; is it a job file?", file, limit)
	}
	return body, err
}

func printLogs(c *cli.Context, jobs *jobclient.Client, j jobclient.Job) error {
	f := jobclient.LogFilter{Role: c.String("role"), Index: c.Int("index"), File: c.String("file"), Master: c.Bool("master")}
	return jobs.Logs(c.Context, j, f, c.App.Writer)
}

func stopJob(c *cli.Context, jobs *jobclient.Client, j jobclient.Job) error {
	if j.State.Final() {
		return fmt.Errorf("job %s has ended already: %s", j.Name, j.State)
	}
	if err := jobs.Stop(c.Context, j); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "Stopped job %s\n", j.Name)
	return nil
}

func waitJob(c *cli.Context, jobs *jobclient.Client, j jobclient.Job) error {
	s, err := jobs.Wait(c.Context, j, func(s *status.Job) {
		line := string(s.State)
		if s.Detail != "" {
			line += "  " + s.Detail
		}
		if s.Attempt > 1 {
			line += fmt.Sprintf("  (attempt %d)", s.Attempt)
		}
		fmt.Fprintln(c.App.Writer, line)
	})
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("waiting ended, and job %s goes on; `heddle job stop %s` would end it", j.Name, j.Name)
	}
	if err != nil {
		return err
	}
	if s.State != status.Succeeded {
		return fmt.Errorf("job %s %s: %s", j.Name, strings.ToLower(string(s.State)), s.Diagnostics)
	}
	return nil
}
