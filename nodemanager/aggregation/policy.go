package aggregation

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"heddle/nodemanager/container"
	"heddle/yarn"
)

// Policy says whose logs are uploaded: a class of Hadoop's and its parameters.
type Policy struct {
	Class      string // with or without its package; empty: everybody's
	Parameters string
}

// wants is a policy's decision on one container.
type wants func(container.FinishedContainer) bool

// policies are Hadoop's policies by the last part of their classes' names.
var policies = map[string]func(parameters string) (wants, error){
	"":                                            plain(everybody),
	"AllContainerLogAggregationPolicy":            plain(everybody),
	"NoneContainerLogAggregationPolicy":           plain(func(container.FinishedContainer) bool { return false }),
	"AMOnlyLogAggregationPolicy":                  plain(func(c container.FinishedContainer) bool { return c.Master }),
	"FailedContainerLogAggregationPolicy":         plain(failed),
	"FailedOrKilledContainerLogAggregationPolicy": plain(func(c container.FinishedContainer) bool { return c.Exit != yarn.ExitSuccess }),
	"AMOrFailedContainerLogAggregationPolicy":     plain(func(c container.FinishedContainer) bool { return c.Master || failed(c) }),
	"SampleContainerLogAggregationPolicy":         sample,
}

func plain(w wants) func(string) (wants, error) {
	return func(string) (wants, error) { return w, nil }
}

func everybody(container.FinishedContainer) bool { return true }

func failed(c container.FinishedContainer) bool {
	return c.Exit != yarn.ExitSuccess && c.Exit != yarn.ExitForceKilled && c.Exit != yarn.ExitTerminated
}

// sample is masters, failed ones, the first MIN workers, and of the others the part SR:
// "SR:0.2,MIN:20", which is also what counts where nothing is said.
func sample(parameters string) (wants, error) {
	rate, least := 0.2, int64(20)
	for part := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		var err error
		switch name {
		case "":
		case "SR":
			rate, err = strconv.ParseFloat(value, 64)
		case "MIN":
			least, err = strconv.ParseInt(value, 10, 64)
		default:
			err = fmt.Errorf("known are SR and MIN")
		}
		if err != nil || rate < 0 || rate > 1 || least < 0 {
			return nil, fmt.Errorf("parameters %q of SampleContainerLogAggregationPolicy: %q is not usable, a right one is SR:0.2,MIN:20", parameters, part)
		}
	}
	return func(c container.FinishedContainer) bool {
		if c.Master || failed(c) || c.ID.ID < least+2 { // workers count from 2
			return true
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(c.ID.String())) // a hash's Write does not fail
		return float64(h.Sum32()%1000) < rate*1000
	}, nil
}

// policy is the application's own, else the cluster's. An unknown one fails rather than lose logs in silence.
func (u *Uploader) policy(l container.LogContext) (wants, error) {
	p := u.cfg.Policy
	if l.Policy != "" {
		p.Class = l.Policy
	}
	if l.Parameters != "" {
		p.Parameters = l.Parameters
	}
	return p.read()
}

func (p Policy) read() (wants, error) {
	make, ok := policies[p.Class[strings.LastIndexByte(p.Class, '.')+1:]]
	if !ok {
		return nil, fmt.Errorf("log aggregation policy %s is not supported; known are %v", p.Class, slices.Sorted(keys(policies)))
	}
	return make(p.Parameters)
}

// Check refuses a policy that is not known, or not usable with its parameters.
func (p Policy) Check() error {
	_, err := p.read()
	return err
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// choose applies the policy and sorts.
func (u *Uploader) choose(app container.FinishedApp) ([]container.FinishedContainer, error) {
	wanted, err := u.policy(app.Logs)
	if err != nil {
		return nil, err
	}
	var out []container.FinishedContainer
	for _, c := range app.Containers {
		if wanted(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b container.FinishedContainer) int { return a.ID.Compare(b.ID) })
	return out, nil
}
