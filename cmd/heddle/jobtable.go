package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	jobclient "heddle/job/client"
	"heddle/job/status"
)

func listJobs(c *cli.Context, jobs *jobclient.Client) error {
	user := ""
	if !c.Bool("all") {
		user = jobs.User()
	}
	list, err := jobs.List(c.Context, user)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(c.App.Writer, "No jobs.")
		return nil
	}
	t := tabwriter.NewWriter(c.App.Writer, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tUSER\tQUEUE\tSTARTED\tTIME\tAPPLICATION")
	for _, j := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.Name, j.State, j.User, j.Queue, at(j.Started), lasted(j.Started, j.Ended), j.ID)
	}
	return t.Flush()
}

func showJob(c *cli.Context, jobs *jobclient.Client, j jobclient.Job) error {
	s, err := jobs.Status(c.Context, j)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	return writeStatus(c.App.Writer, s)
}

// writeStatus prints a job and a table of its tasks; what is long comes below the table.
func writeStatus(w io.Writer, s *status.Job) error {
	state := string(s.State)
	if s.Detail != "" {
		state += " (" + s.Detail + ")"
	}
	fmt.Fprintf(w, "Job:          %s\nState:        %s\nUser, queue:  %s, %s\nApplication:  %s\nStarted:      %s, %s\n", s.Name, state, s.User, s.Queue, s.Application, at(s.Started), lasted(s.Started, s.Ended))
	if s.Attempt > 1 {
		fmt.Fprintf(w, "Attempt:      %d (retries: %d of the job's own, %d for lost containers, %d for want of room)\n", s.Attempt, s.Retries.User, s.Retries.Platform, s.Retries.Resource)
	}
	if s.Diagnostics != "" {
		fmt.Fprintf(w, "Reason:       %s\n", s.Diagnostics)
	}
	if s.Tasks() == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "TASK\tSTATE\tEXIT\tHOST\tPORTS\tCONTAINER")
	var reasons []string
	for _, r := range s.Roles {
		for _, task := range r.Tasks {
			name, code := fmt.Sprintf("%s-%d", r.Name, task.Index), "-"
			if task.ExitCode != nil {
				code = fmt.Sprint(*task.ExitCode)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", name, task.State, code, orDash(task.Host), orDash(ports(task.Ports)), orDash(task.Container))
			if task.State == status.Failed && task.Reason != "" {
				reasons = append(reasons, name+": "+strings.TrimSpace(task.Reason))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range reasons {
		fmt.Fprintf(w, "\n%s\n", r)
	}
	return nil
}

// ports shows the http port first, which most people look for, and leaves ssh out.
func ports(p map[string][]int) string {
	var out []string
	for _, label := range slices.Sorted(maps.Keys(p)) {
		if label == "ssh" {
			continue
		}
		for _, n := range p[label] {
			out = append(out, fmt.Sprintf("%s:%d", label, n))
		}
	}
	const most = 3
	if len(out) > most {
		out = append(out[:most], "…")
	}
	return strings.Join(out, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func at(millis int64) string {
	if millis == 0 {
		return "-"
	}
	return time.UnixMilli(millis).Format("01-02 15:04:05")
}

func lasted(start, end int64) string {
	if start == 0 {
		return "-"
	}
	last := time.Now()
	if end > 0 {
		last = time.UnixMilli(end)
	}
	return last.Sub(time.UnixMilli(start)).Round(time.Second).String()
}
