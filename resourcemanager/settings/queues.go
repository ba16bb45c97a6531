package settings

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"heddle/hadoop/conf"
	"heddle/hadoop/security"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

const prefix = "yarn.scheduler.capacity."

// scheduler reads capacity-scheduler.xml.
func (s *Settings) scheduler(c, sched *conf.Config) error {
	smallest, largest, err := conf.AllocationLimits(c, s.Types)
	if err != nil {
		return err
	}
	r := &queueReader{conf: sched, values: sched.Values(), acls: map[string]QueueACLs{}, types: s.Types, largest: largest}
	s.Scheduler = scheduler.Config{
		Types: s.Types, Minimum: smallest, Maximum: largest,
		NodeLocalityDelay: r.values.Int64(prefix+"node-locality-delay", 40),
		RackLocalityDelay: r.values.Int64(prefix+"rack-locality-additional-delay", -1),
		HeartbeatMillis:   s.HeartbeatMillis,
		MaxApplications:   r.values.Int(prefix+"maximum-applications", 10000),
	}
	switch calc := sched.String(prefix+"resource-calculator", "org.apache.hadoop.yarn.util.resource.DefaultResourceCalculator"); {
	case strings.HasSuffix(calc, ".DefaultResourceCalculator"):
		s.Scheduler.Calculator = scheduler.MemoryOnly
	case strings.HasSuffix(calc, ".DominantResourceCalculator"):
		s.Scheduler.Calculator = scheduler.Dominant
	default:
		return sched.Invalid(prefix+"resource-calculator", "DefaultResourceCalculator or DominantResourceCalculator")
	}
	s.Scheduler.UserParallelApps = r.userParallelApps()
	s.Scheduler.Root = r.queue("root", "root", scheduler.Million, "RUNNING", nil)
	s.Queues = r.acls
	return errors.Join(append(r.errs, r.values.Err())...)
}

type queueReader struct {
	conf   *conf.Config
	values *conf.Values
	acls   map[string]QueueACLs
	errs   []error

	types   *yarn.ResourceTypes
	largest yarn.Resource // allocation of the cluster
}

// queue reads the queue at path and those below it. A queue without a state or a largest allocation has that of the queue above.
func (r *queueReader) queue(name, path string, capacity int64, above string, most *yarn.Resource) scheduler.QueueConfig {
	key := prefix + path + "."
	q := scheduler.QueueConfig{
		Name: name, Capacity: capacity,
		MaxCapacity:     r.share(key+"maximum-capacity", 100),
		UserLimit:       r.share(key+"minimum-user-limit-percent", r.values.Int64(prefix+"minimum-user-limit-percent", 100)),
		UserLimitFactor: r.factor(key + "user-limit-factor"),
		MaxAMShare:      r.fraction(key+"maximum-am-resource-percent", prefix+"maximum-am-resource-percent"),
		MaxApplications: r.values.Int(key+"maximum-applications", 0),
		DefaultLifetime: r.values.Int64(key+"default-application-lifetime", 0),
		MaxLifetime:     r.values.Int64(key+"maximum-application-lifetime", 0),
		DefaultPriority: int32(r.values.Int(key+"default-application-priority", 0)),
		Maximum:         r.maximum(path, most),
		MaxParallelApps: cmp.Or(r.count(key+maxParallelApps), r.count(prefix+maxParallelApps)),
	}
	var state string
	switch state = strings.ToUpper(r.conf.String(key+"state", above)); state {
	case "RUNNING":
	case "STOPPED":
		q.Stopped = true
	default:
		r.errs = append(r.errs, r.conf.Invalid(key+"state", "RUNNING or STOPPED"))
	}
	if p := r.conf.String(key+"ordering-policy", "fifo"); p != "fifo" && p != "utilization" {
		r.errs = append(r.errs, fmt.Errorf("%w; other ordering policies are not built yet", r.conf.Invalid(key+"ordering-policy", "fifo")))
	}
	def := " "
	if path == "root" {
		def = "*"
	}
	// As in Hadoop only root is open by default; a child inherits what root's own list allows.
	r.acls[path] = QueueACLs{Submit: r.acl(key+"acl_submit_applications", def), Admin: r.acl(key+"acl_administer_queue", def)}
	children := r.conf.Strings(key + "queues")
	if path == "root" && len(children) == 0 {
		r.errs = append(r.errs, fmt.Errorf("%squeues is not set in capacity-scheduler.xml: name at least one queue, for example default", key))
		return q
	}
	for _, child := range children {
		at := path + "." + child
		if strings.ContainsAny(child, ". ") {
			r.errs = append(r.errs, fmt.Errorf("%w: a queue's name has no dots or blanks", r.conf.Invalid(key+"queues", "queue names")))
			continue
		}
		q.Children = append(q.Children, r.queue(child, at, r.share(prefix+at+".capacity", 0), state, q.Maximum))
	}
	return q
}

const maxParallelApps = "max-parallel-apps"

// count reads a whole number; nil where there is none.
func (r *queueReader) count(key string) *int {
	if r.conf.String(key, "") == "" {
		return nil
	}
	return new(r.values.Int(key, 0))
}

// userParallelApps reads user.max-parallel-apps and user.<name>.max-parallel-apps.
func (r *queueReader) userParallelApps() map[string]int {
	out := map[string]int{}
	if n := r.count(prefix + "user." + maxParallelApps); n != nil {
		out[scheduler.EachUser] = *n
	}
	for rest := range r.conf.WithPrefix(prefix + "user.") {
		name, ok := strings.CutSuffix(rest, "."+maxParallelApps)
		if !ok {
			continue
		}
		if n := r.count(prefix + "user." + name + "." + maxParallelApps); n != nil {
			out[name] = *n
		}
	}
	return out
}

func (r *queueReader) acl(key, def string) security.ACL {
	if v, ok := r.conf.Untrimmed(key); ok {
		return security.ParseACL(v)
	}
	return security.ParseACL(def)
}

// share reads a percentage; weights and absolute amounts are refused by name.
func (r *queueReader) share(key string, def int64) int64 {
	text := strings.TrimSuffix(r.conf.String(key, ""), "%")
	if text == "" || text == "-1" {
		return def * 10000
	}
	if strings.HasPrefix(text, "[") || strings.HasSuffix(text, "w") {
		r.errs = append(r.errs, fmt.Errorf("%w: weights and absolute amounts are not built yet, give a percentage", r.conf.Invalid(key, "a percentage")))
		return 0
	}
	return r.decimal(key, text, 4)
}

// factor reads a multiple such as 1.5 into parts per million; -1 stays -1.
func (r *queueReader) factor(key string) int64 {
	text := r.conf.String(key, "1")
	if text == "-1" || text == "-1.0" {
		return -1
	}
	return r.decimal(key, text, 6)
}

// fraction reads a number from 0 to 1 into parts per million.
func (r *queueReader) fraction(key, fallback string) int64 {
	for _, k := range []string{key, fallback} {
		if text := r.conf.String(k, ""); text != "" {
			return r.decimal(k, text, 6)
		}
	}
	return scheduler.Million / 10
}

// decimal reads a decimal number times 10^shift exactly, without floating point, so that
// every machine computes the same shares. Digits beyond are cut.
func (r *queueReader) decimal(key, text string, shift int) int64 {
	n, err := parseDecimal(text, shift)
	if err != nil {
		r.errs = append(r.errs, r.conf.Invalid(key, "a number such as 12.5"))
	}
	return n
}

func parseDecimal(text string, shift int) (int64, error) {
	whole, frac, _ := strings.Cut(strings.TrimSpace(text), ".")
	if len(frac) > shift {
		frac = frac[:shift]
	}
	frac += strings.Repeat("0", shift-len(frac))
	if whole == "" {
		whole = "0"
	}
	n, err := strconv.ParseUint(whole+frac, 10, 62)
	return int64(n), err
}
