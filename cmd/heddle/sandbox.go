//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"heddle/executor/docker"
	"heddle/hadoop/conf"
	"heddle/nodemanager"
	"heddle/nodemanager/monitor"
	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
	"heddle/sandbox"
	"heddle/yarn"
	"heddle/yarn/client"
)

// executorAuto chooses Docker where an engine answers.
const executorAuto = "auto"

// sandboxCommand runs a whole cluster on this machine.
func sandboxCommand() *cli.Command {
	return &cli.Command{
		Name:  "sandbox",
		Usage: "run a cluster on this machine: ResourceManager and NodeManager on loopback, until Ctrl-C",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "everything of the sandbox is under `DIR`; an earlier state there is taken up again", DefaultText: "~/.local/state/heddle/sandbox"},
			&cli.BoolFlag{Name: "fresh", Usage: "forget the state that an earlier sandbox left in the directory"},
			&cli.StringFlag{Name: "fs", Usage: "default file system, such as hdfs://namenode:8020", Value: "file:///"},
			&cli.StringFlag{Name: "executor", Usage: "docker, process, or auto: with Docker where an engine answers", Value: executorAuto},
			&cli.Int64Flag{Name: "memory-mb", Usage: "memory for containers in `MB`", DefaultText: "three quarters of the machine's"},
			&cli.Int64Flag{Name: "vcores", Usage: "vcores for containers", DefaultText: "the machine's, at least 8"},
			&cli.StringSliceFlag{Name: "mount", Usage: "`DIR` that Docker containers see read-write at the same path"},
		},
		Action: runSandbox,
	}
}

func runSandbox(c *cli.Context) error {
	o, engine, err := sandboxOptions(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("sandbox: %w; choose another place with --dir", err)
	}
	unlock, err := sandbox.Lock(o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	box, err := sandbox.Plan(c.Context, o)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(box.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer logFile.Close() //nolint:errcheck // nothing is written after the daemons ended
	log := slog.New(slog.NewTextHandler(logFile, nil))
	ready := func(yarn.NodeID, string) { printReady(c.App.Writer, box, engine) }
	ctx, stop := daemonSignals(c.Context, logFile)
	defer stop()
	if err := serveBox(ctx, box, log, ready); err != nil {
		return fmt.Errorf("%w (log: %s)", err, box.LogFile)
	}
	fmt.Fprintf(c.App.Writer, "The sandbox has stopped; its state stays in %s\n", box.Dir)
	return nil
}

// sandboxOptions reads the flags; engine says what runs containers, for people.
func sandboxOptions(c *cli.Context) (o sandbox.Options, engine string, err error) {
	dir := c.String("dir")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return o, "", fmt.Errorf("sandbox: %w; say where with --dir", err)
		}
		dir = filepath.Join(cmp.Or(os.Getenv("XDG_STATE_HOME"), filepath.Join(home, ".local", "state")), "heddle", "sandbox")
	}
	o = sandbox.Options{Fresh: c.Bool("fresh"), DefaultFS: c.String("fs"), MemoryMB: c.Int64("memory-mb"), VCores: c.Int64("vcores"), User: client.CurrentUser(os.Getenv)}
	if o.MemoryMB == 0 {
		o.MemoryMB = monitor.TotalMemoryMB() * 3 / 4
	}
	if o.Dir, err = filepath.Abs(dir); err != nil {
		return o, "", err
	}
	for _, m := range c.StringSlice("mount") {
		abs, err := filepath.Abs(m)
		if err != nil {
			return o, "", err
		}
		if fi, err := os.Stat(abs); err != nil || !fi.IsDir() {
			return o, "", fmt.Errorf("--mount %s: no such directory", m)
		}
		o.Mounts = append(o.Mounts, abs)
	}
	_, err = exec.LookPath("nvidia-smi")
	o.GPUs = err == nil
	o.Docker, engine, err = chooseExecutor(c.Context, c.String("executor"))
	return o, engine, err
}

// chooseExecutor asks the Docker engine, unless processes are wanted.
func chooseExecutor(ctx context.Context, wanted string) (useDocker bool, engine string, err error) {
	if wanted == executorProcess {
		return false, "processes", nil
	}
	if wanted != executorAuto && wanted != executorDocker {
		return false, "", fmt.Errorf("--executor %s: want %s, %s or %s", wanted, executorAuto, executorDocker, executorProcess)
	}
	d, err := docker.New(slog.New(slog.DiscardHandler))
	if err == nil {
		defer d.Close() //nolint:errcheck // idle connections
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		engine, err = d.Ping(ctx)
	}
	switch {
	case err == nil:
		return true, "processes, or Docker " + engine, nil
	case wanted == executorDocker:
		return false, "", fmt.Errorf("%w; start Docker or choose --executor process", err)
	}
	return false, "processes (no Docker engine answers)", nil
}

// serveBox runs both daemons until ctx ends, or one fails; the node ends first, so that its last words are heard.
func serveBox(ctx context.Context, box *sandbox.Box, log *slog.Logger, ready func(yarn.NodeID, string)) (err error) {
	s, err := settings.Load(box.ConfDir)
	if err != nil {
		return err
	}
	rm, err := resourcemanager.Start(s, version, log.With("daemon", "resourcemanager"))
	if err != nil {
		return fmt.Errorf("the ResourceManager does not start: %w", err)
	}
	defer rm.Shutdown()
	cfg, err := conf.Load(box.ConfDir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		ended <- nodemanager.Run(ctx, cfg, nodemanager.Options{Version: version, ConfigDir: box.ConfDir, Log: log.With("daemon", "nodemanager"), Ready: ready})
	}()
	select {
	case err := <-rm.Failed():
		stop(err)
		return errors.Join(fmt.Errorf("the ResourceManager failed: %w", err), <-ended)
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the NodeManager failed: %w", err)
		}
		return nil
	}
}

func printReady(w io.Writer, box *sandbox.Box, engine string) {
	fmt.Fprintf(w, `Heddle sandbox is ready: http://%s
  node        http://%s, %d MB, %d vcores, containers as %s
  files       %s
  clients     export HADOOP_CONF_DIR=%s
  log         %s
Stop it with Ctrl-C.
`, box.Address("web"), box.Address("nmweb"), box.MemoryMB, box.VCores, engine, box.DefaultFS, box.ConfDir, box.LogFile)
}
