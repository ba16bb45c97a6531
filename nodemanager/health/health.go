// Package health runs the administrator's health scripts: a script whose output has a line
// that begins with ERROR, or that takes too long, makes the node unhealthy until a later run is well.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Script is one health script.
type Script struct {
	Name     string
	Path     string
	Options  []string
	Interval time.Duration
	Timeout  time.Duration
}

// maxReport bounds what of a script's output goes to the ResourceManager with each heartbeat.
const maxReport = 10000

// Scripts runs scripts and keeps what they last said. It is safe for concurrent use.
type Scripts struct {
	scripts []Script
	log     *slog.Logger

	mu      sync.Mutex // guards what follows
	reports []string   // of each script; empty where it is well
	at      time.Time
}

// New returns Scripts that have not run: a node is healthy until one of them says otherwise.
func New(scripts []Script, log *slog.Logger) *Scripts {
	return &Scripts{scripts: scripts, log: log, reports: make([]string, len(scripts)), at: time.Now()}
}

// Check refuses a script that cannot be run.
func (s Script) Check() error {
	fi, err := os.Stat(s.Path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", s.Path)
	}
	return nil
}

// RunOnce runs every script once and waits for them.
func (s *Scripts) RunOnce(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range s.scripts {
		wg.Go(func() { s.run(ctx, i) })
	}
	wg.Wait()
}

// Run runs each script at its interval, the first time at once, until ctx ends.
func (s *Scripts) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, x := range s.scripts {
		wg.Go(func() {
			t := time.NewTicker(x.Interval)
			defer t.Stop()
			for {
				s.run(ctx, i)
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
			}
		})
	}
	wg.Wait()
}

// Health is the report for the ResourceManager, scripts separated by ';' as in Hadoop, and when it was made.
func (s *Scripts) Health() (healthy bool, report string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said []string
	for _, r := range s.reports {
		if r != "" {
			said = append(said, r)
		}
	}
	return len(said) == 0, strings.Join(said, ";"), s.at
}

func (s *Scripts) run(ctx context.Context, i int) {
	report := s.scripts[i].report(ctx, s.log)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	before := s.reports[i]
	s.reports[i], s.at = report, time.Now()
	s.mu.Unlock()
	if report != "" && before == "" {
		s.log.Error("a health script says that this node is not healthy", "script", s.scripts[i].Path, "report", report)
	}
	if report == "" && before != "" {
		s.log.Info("a health script says that this node is healthy again", "script", s.scripts[i].Path)
	}
}

// report runs the script. As in Hadoop an exit code alone means nothing: a mistake in a script
// must not take all nodes away.
func (s Script) report(ctx context.Context, log *slog.Logger) string {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Path, s.Options...)
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // what it started may hold its output
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "Node health script timed out"
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Sprintf("%s: %v", s.Path, err)
	}
	if out.error {
		return strings.ToValidUTF8(strings.TrimRight(string(out.text), "\n"), "?")
	}
	if exit != nil {
		log.Warn("a health script failed, which says nothing of the node's health", "script", s.Path, "error", err)
	}
	return ""
}

// output keeps the first maxReport bytes, and looks for ERROR at the begin of any line.
type output struct {
	text  []byte
	line  []byte // the begin of the present line
	error bool
}

const errorMark = "ERROR"

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.text = append(o.text, p[:min(len(p), maxReport-len(o.text))]...)
	for _, b := range p {
		if b == '\n' {
			o.line = o.line[:0]
			continue
		}
		if len(o.line) < len(errorMark) {
			o.line = append(o.line, b)
			o.error = o.error || string(o.line) == errorMark
		}
	}
	return len(p), nil
}
