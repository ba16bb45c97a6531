package scheduler

import (
	"math"
	"testing"

	"heddle/yarn"
)

// The AM share is rounded up to whole smallest containers in every type: 0.3 of 8 vcores are 3.
func TestTheAMShareIsRoundedUpInEveryType(t *testing.T) {
	a := leafOf("a", 100)
	a.MaxAMShare = 3 * Million / 10
	c := newCluster(t, tree(a))
	c.node("n1", "/default-rack", 8, 8, 3)
	q := c.Queues()[1]
	if want := (yarn.Resource{3072, 3, 1}); q.AMLimit != want || q.UserAMLimit != want {
		t.Errorf("the share is %v, a user's %v; want %v", q.AMLimit, q.UserAMLimit, want)
	}
	if got := shareUp(yarn.Resource{1 << 62, 10}, 100_000); got != (yarn.Resource{(1 << 62) / 10, 1}) && got != (yarn.Resource{(1<<62)/10 + 1, 1}) {
		t.Errorf("a tenth is %v", got)
	}
}

func TestSharesGoByTheDominantType(t *testing.T) {
	cluster, some := yarn.Resource{8192, 8}, yarn.Resource{1024, 2}
	dominant, memory := newCluster(t, tree(leafOf("a", 100))).cfg, Config{Calculator: MemoryOnly, Minimum: yarn.NewResource(1024, 1)}
	for name, c := range map[string]struct {
		got, want float64
	}{
		"of the cluster":              {dominant.Share(some, cluster, cluster), 0.25},
		"of a queue":                  {dominant.Share(some, yarn.Resource{4096, 2}, cluster), 0.5},
		"of nothing":                  {dominant.Share(some, yarn.Resource{}, cluster), 0},
		"of a queue below the least":  {dominant.ShareOf(some, yarn.Resource{512, 0}, cluster), 2},
		"by memory alone":             {memory.Share(some, yarn.Resource{4096, 2}, cluster), 0.25},
		"by memory, below the least":  {memory.ShareOf(some, yarn.Resource{100, 9}, cluster), 1},
		"of a cluster without a node": {dominant.ShareOf(some, some, yarn.Resource{}), 0},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
