package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/yarn"
)

// leftoverPatience is how long the start waits for processes to die.
const leftoverPatience = 30 * time.Second

// endLeftovers ends processes of containers that an earlier NodeManager started and left: nobody
// accounts for them any more. Those that are known are left alone.
func endLeftovers(ctx context.Context, localDirs []string, run executor.Executor, known func(yarn.ContainerID) bool, log *slog.Logger) error {
	var errs []error
	for _, l := range localDirs {
		files, err := filepath.Glob(filepath.Join(l, "nmPrivate", "*", "*", "*.pid"))
		if err != nil {
			return err
		}
		for _, f := range files {
			id := filepath.Base(filepath.Dir(f)) // a file's own name counts a container's processes
			if c, err := yarn.ParseContainerID(id); err != nil || known(c) {
				continue
			}
			t := &executor.Task{ID: id, PidFile: f, ExitFile: f + ".exitcode"}
			p, err := run.Reattach(ctx, t)
			if errors.Is(err, executor.ErrLost) {
				continue
			}
			if err == nil {
				if p.PID() != 0 {
					log.Warn("ending a container that an earlier NodeManager left", "container", id, "pid", p.PID())
				}
				err = errors.Join(p.Signal(ctx, syscall.SIGKILL), p.Remove(ctx))
			}
			for deadline := time.Now().Add(leftoverPatience); err != nil && p != nil && time.Now().Before(deadline) && ctx.Err() == nil; {
				log.Warn("a container that an earlier NodeManager left is not gone yet", "container", id, "error", err)
				err = p.Remove(ctx)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("end leftover container %s: %w", id, err))
			}
		}
	}
	return errors.Join(errs...)
}
