package scheduler

import (
	"fmt"
	"math"
	"math/bits"

	"heddle/yarn"
)

// Million is one whole in parts per million.
const Million = 1_000_000

// Calculator says which resource types count when resources are compared.
type Calculator int

// MemoryOnly is Hadoop's DefaultResourceCalculator: vcores are reported but never
// limit; Dominant is DominantResourceCalculator: every type counts.
const (
	MemoryOnly Calculator = iota
	Dominant
)

// Config is what a Scheduler needs to know; Reconfigure changes parts of it.
type Config struct {
	Types             *yarn.ResourceTypes
	Calculator        Calculator
	Minimum           yarn.Resource // smallest allocation, and the step that asks are rounded up to
	Maximum           yarn.Resource // largest allocation
	Root              QueueConfig
	NodeLocalityDelay int64 // node heartbeats to wait before a rack is good enough
	RackLocalityDelay int64 // further heartbeats before any node is; -1: none further
	HeartbeatMillis   int64 // a node's heartbeat interval, to turn the delays into time
	MaxApplications   int   // of the whole cluster; a queue has its share of it
	// UserParallelApps is how many applications of a user may run at a time, in all queues together; EachUser stands for those without
	// a limit of their own.
	UserParallelApps map[string]int
	Epoch            int64 // ResourceManager restarts so far, part of every container id
}

// EachUser is no user's name.
const EachUser = ""

// QueueConfig is one queue of the tree. Shares are parts per million.
type QueueConfig struct {
	Name            string
	Capacity        int64 // of the parent's
	MaxCapacity     int64 // of the parent's maximum
	Stopped         bool
	UserLimit       int64 // minimum-user-limit-percent
	UserLimitFactor int64 // -1: no limit
	MaxAMShare      int64
	MaxApplications int // 0: the queue's share of the cluster's
	// DefaultPriority is that of applications that ask for none; queues below have their own.
	DefaultPriority int32
	MaxParallelApps *int           // how many may run at a time here and in queues below; nil: any number
	Maximum         *yarn.Resource // largest allocation here, where that is less than the cluster's; queues above are counted in
	// DefaultLifetime and MaxLifetime bound an application's life, in seconds; 0: as the queue above, -1: no bound.
	DefaultLifetime, MaxLifetime int64
	Children                     []QueueConfig
}

// ParallelApps is the limit on applications that run at a time, as clients are told it.
func (q *QueueConfig) ParallelApps() int32 {
	if q.MaxParallelApps == nil {
		return math.MaxInt32
	}
	return int32(min(*q.MaxParallelApps, math.MaxInt32))
}

// Validate checks names, ranges and that the children of each queue share 100 percent.
func (q *QueueConfig) Validate(path string) error {
	if q.Name == "" {
		return fmt.Errorf("a queue below %s has no name", path)
	}
	if q.Capacity < 0 || q.Capacity > Million {
		return fmt.Errorf("queue %s: capacity %s is not between 0 and 100", path, Percent(q.Capacity))
	}
	if q.MaxCapacity < 0 || q.MaxCapacity > Million {
		return fmt.Errorf("queue %s: maximum-capacity %s is not between 0 and 100", path, Percent(q.MaxCapacity))
	}
	if q.MaxCapacity < q.Capacity {
		return fmt.Errorf("queue %s: maximum-capacity %s is below its capacity %s", path, Percent(q.MaxCapacity), Percent(q.Capacity))
	}
	if len(q.Children) == 0 {
		return nil
	}
	var sum int64
	seen := map[string]bool{}
	for i := range q.Children {
		c := &q.Children[i]
		if seen[c.Name] {
			return fmt.Errorf("queue %s lists %s twice", path, c.Name)
		}
		seen[c.Name] = true
		sum += c.Capacity
		if err := c.Validate(path + "." + c.Name); err != nil {
			return err
		}
	}
	// Hadoop allows a rounding error of 0.1 percent in the sum.
	if sum < Million-1000 || sum > Million+1000 {
		return fmt.Errorf("the capacities of %s's queues add up to %s, not 100", path, Percent(sum))
	}
	return nil
}

// Percent is a share in parts per million as percent text.
func Percent(ppm int64) string {
	s := fmt.Sprintf("%d.%04d", ppm/10000, ppm%10000)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// scale is v * num / den without overflow, rounded down; den must be positive.
func scale(v, num, den int64) int64 {
	if v <= 0 || num <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(v), uint64(num))
	if hi >= uint64(den) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	if q > 1<<63-1 {
		return 1<<63 - 1
	}
	return int64(q)
}

// share is the part of r that ppm stands for, per type, rounded down.
func share(r yarn.Resource, ppm int64) yarn.Resource {
	for i := range r {
		r[i] = scale(r[i], ppm, Million)
	}
	return r
}

// shareUp is share, rounded up to whole units.
func shareUp(r yarn.Resource, ppm int64) yarn.Resource {
	for i := range r {
		part := scale(r[i], ppm, Million)
		if part < 1<<62 && scale(r[i], ppm, 1) != part*Million {
			part++
		}
		r[i] = part
	}
	return r
}

// counted is the number of leading types that take part in comparisons.
func (c *Config) counted() int {
	if c.Calculator == MemoryOnly {
		return 1
	}
	return c.Types.Len()
}

// fits reports whether need is within free in every type that counts.
func (c *Config) fits(need, free yarn.Resource) bool {
	for i := range c.counted() {
		if need[i] > free[i] {
			return false
		}
	}
	return true
}

// ratio is the largest share that used has of base over the types that count, in
// parts per billion. A type of which base has none counts only if used has some.
func (c *Config) ratio(used, base yarn.Resource) int64 {
	var most int64
	for i := range c.counted() {
		if used[i] <= 0 {
			continue
		}
		if base[i] <= 0 {
			return 1<<63 - 1
		}
		most = max(most, scale(used[i], 1_000_000_000, base[i]))
	}
	return most
}

// Largest is the largest allocation in a queue; nil stands for the cluster.
func (c *Config) Largest(q *QueueConfig) yarn.Resource {
	if q == nil || q.Maximum == nil {
		return c.Maximum
	}
	return c.Maximum.Min(*q.Maximum)
}

// Share is what used is of whole, as Hadoop's Resources.divide: the largest shares that the two have of the cluster, one
// by the other. It is 0 where whole is nothing.
func (c *Config) Share(used, whole, cluster yarn.Resource) float64 {
	most := func(r yarn.Resource) (share float64) {
		for i := range c.counted() {
			if cluster[i] > 0 {
				share = max(share, float64(r[i])/float64(cluster[i]))
			}
		}
		return share
	}
	if base := most(whole); base > 0 {
		return most(used) / base
	}
	return 0
}

// ShareOf is what used is of a queue's guarantee, which counts as one smallest container at least.
func (c *Config) ShareOf(used, guaranteed, cluster yarn.Resource) float64 {
	if c.Share(guaranteed, cluster, cluster) < c.Share(c.Minimum, cluster, cluster) {
		guaranteed = c.Minimum
	}
	return c.Share(used, guaranteed, cluster)
}

// Normalize rounds an asked capability up to multiples of the minimum, per type that
// counts. It fails where the ask is negative or above most, which Largest gives.
func (c *Config) Normalize(r, most yarn.Resource) (yarn.Resource, error) {
	for i := range c.Types.Len() {
		if r[i] < 0 || r[i] > most[i] {
			return r, &AskError{Type: c.Types.At(i).Name, Asked: c.Types.Format(r), Maximum: c.Types.Format(most), Negative: r[i] < 0, OfQueue: most[i] < c.Maximum[i]}
		}
	}
	if c.Calculator == MemoryOnly {
		// DefaultResourceCalculator gives one vcore to whatever has memory.
		return yarn.NewResource(roundUp(max(r[yarn.Memory], c.Minimum[yarn.Memory]), c.Minimum[yarn.Memory], most[yarn.Memory]), 1), nil
	}
	for i := range c.Types.Len() {
		r[i] = roundUp(max(r[i], c.Minimum[i]), c.Minimum[i], most[i])
	}
	return r, nil
}

func roundUp(v, step, most int64) int64 {
	if step > 0 {
		v = (v + step - 1) / step * step
	}
	return min(v, most)
}

// AskError says that an asked capability is outside what the cluster or the queue grants.
type AskError struct {
	Type, Asked, Maximum string
	Negative             bool
	OfQueue              bool // the queue grants less than the cluster
}

func (e *AskError) Error() string {
	if e.Negative {
		return fmt.Sprintf("Invalid resource request! Cannot allocate containers as requested resource is less than 0! Requested resource type=[%s], Requested resource=%s", e.Type, e.Asked)
	}
	return fmt.Sprintf("Invalid resource request! Cannot allocate containers as requested resource is greater than maximum allowed allocation. "+
		"Requested resource type=[%s], Requested resource=%s, maximum allowed allocation=%s; ask for less or raise %s", e.Type, e.Asked, e.Maximum, e.key())
}

// key is the configuration key that bounds one container's amount.
func (e *AskError) key() string {
	switch {
	case e.OfQueue:
		return "the maximum-allocation of the queue, or of one above it, in capacity-scheduler.xml"
	case e.Type == yarn.MemoryName:
		return "yarn.scheduler.maximum-allocation-mb"
	case e.Type == yarn.VCoresName:
		return "yarn.scheduler.maximum-allocation-vcores"
	}
	return "yarn.resource-types." + e.Type + ".maximum-allocation"
}
