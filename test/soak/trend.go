// Package soak lets a cluster work for an hour and measures whether its daemons grow: memory, goroutines, descriptors,
// disk. `make soak` runs it, SOAK_MINUTES (60) long; SOAK_STORE=FileSystemRMStateStore makes the ResourceManager keep its state in
// Hadoop's store instead of its own.
package soak

import (
	"cmp"
	"fmt"
	"slices"
)

// trend is what became of one figure in the time that counts: all but the first sixth.
type trend struct {
	early, late float64 // medians of the second and of the last sixth
	drift       float64 // Theil and Sen's slope, times the time that counts
	grows       bool
}

// least is how many samples a trend wants: two for each sixth.
const least = 12

// trendOf looks at samples taken at even intervals. A figure grows when its median has risen by more than a tenth and floor,
// and the slope, the median of those between all pairs, says so for the whole time too: a single step, a garbage collector's
// saw and a few peaks are no growth.
func trendOf(samples []float64, floor float64) (trend, error) {
	if len(samples) < least {
		return trend{}, fmt.Errorf("%d samples are too few to tell a trend, %d are needed", len(samples), least)
	}
	sixth := len(samples) / 6
	counts := samples[sixth:]
	t := trend{early: median(counts[:sixth]), late: median(counts[len(counts)-sixth:]), drift: slope(counts) * float64(len(counts)-1)}
	allowed := t.early/10 + floor
	t.grows = t.late-t.early > allowed && t.drift > allowed/2
	return t, nil
}

// slope is the median of the slopes between all pairs, per sample (Theil 1950, Sen 1968).
func slope(samples []float64) float64 {
	var all []float64
	for i, a := range samples {
		for j := i + 1; j < len(samples); j++ {
			all = append(all, (samples[j]-a)/float64(j-i))
		}
	}
	return median(all)
}

func median(values []float64) float64 {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
