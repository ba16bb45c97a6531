package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"

	"heddle/executor"
)

// usageTimeout is short: the next look comes soon, and the kernel holds the container to its memory meanwhile.
const usageTimeout = 2 * time.Second

// Usage reads the engine's own count of the container; it has no virtual size.
func (p *process) Usage(ctx context.Context) (executor.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	r, err := p.exec.cli.ContainerStatsOneShot(ctx, p.id)
	if err != nil {
		return executor.Usage{}, fmt.Errorf("stats of Docker container %s: %w", p.task.ID, err)
	}
	defer r.Body.Close() //nolint:errcheck // only read
	var s container.StatsResponse
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return executor.Usage{}, fmt.Errorf("stats of Docker container %s: %w", p.task.ID, err)
	}
	return usageFrom(s), nil
}

// usageFrom leaves out the file cache that the kernel can take back at once.
func usageFrom(s container.StatsResponse) executor.Usage {
	used := s.MemoryStats.Usage
	for _, k := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1, v2
		if cache, ok := s.MemoryStats.Stats[k]; ok && cache < used {
			used -= cache
			break
		}
	}
	return executor.Usage{Processes: int(s.PidsStats.Current), ResidentMB: int64(used >> 20), CPUMillis: int64(s.CPUStats.CPUUsage.TotalUsage / 1e6)}
}
