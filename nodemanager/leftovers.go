package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"heddle/executor"
	"heddle/yarn"
)

// endLeftovers ends processes of containers that an earlier NodeManager started and left: nobody
// accounts for them any more. A pid is trusted only where its process names the container.
func endLeftovers(ctx context.Context, localDirs []string, run executor.Executor, log *slog.Logger) error {
	var errs []error
	for _, l := range localDirs {
		files, err := filepath.Glob(filepath.Join(l, "nmPrivate", "*", "*", "*.pid"))
		if err != nil {
			return err
		}
		for _, f := range files {
			id := strings.TrimSuffix(filepath.Base(f), ".pid")
			if _, err := yarn.ParseContainerID(id); err != nil {
				continue
			}
			t := &executor.Task{ID: id, PidFile: f, ExitFile: f + ".exitcode"}
			p, err := run.Reattach(ctx, t)
			if errors.Is(err, executor.ErrLost) || err == nil && !names(p.PID(), id) {
				continue
			}
			if err == nil {
				log.Warn("ending a container that an earlier NodeManager left", "container", id, "pid", p.PID())
				err = errors.Join(p.Signal(ctx, syscall.SIGKILL), p.Remove(ctx))
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("end leftover container %s: %w", id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// names reports whether a process has the container's id in its command or environment.
func names(pid int, id string) bool {
	for _, f := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + f)
		if err == nil && strings.Contains(string(b), id) {
			return true
		}
	}
	return false
}
