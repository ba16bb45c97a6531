package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"

	"heddle/executor"
	"heddle/yarn"
)

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
			id := strings.TrimSuffix(filepath.Base(f), ".pid")
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
			if err != nil {
				errs = append(errs, fmt.Errorf("end leftover container %s: %w", id, err))
			}
		}
	}
	return errors.Join(errs...)
}
