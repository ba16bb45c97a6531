package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// filter is the query of an application list.
type filter struct {
	states               map[yarn.AppState]bool
	final                yarn.FinalStatus
	anyFinal             bool
	user, queue, name    string
	types, tags          []string
	limit                int
	startFrom, startTo   int64
	finishFrom, finishTo int64
	hide                 hidden
}

func parseFilter(q url.Values) (filter, error) {
	f := filter{anyFinal: true, user: q.Get("user"), queue: q.Get("queue"), name: q.Get("name"), limit: -1,
		startTo: 1<<63 - 1, finishTo: 1<<63 - 1, types: lowerList(q, "applicationTypes"), tags: lowerList(q, "applicationTags")}
	var err error
	if f.states, err = appStates(q, "states", "state"); err != nil {
		return f, err
	}
	if f.hide, err = deselected(q); err != nil {
		return f, err
	}
	if name := q.Get("finalStatus"); name != "" {
		if f.final, f.anyFinal = finalStatus(name); f.anyFinal {
			return f, hadoophttp.NoEnumConstant("org.apache.hadoop.yarn.api.records.FinalApplicationStatus", name)
		}
	}
	for _, x := range []struct {
		key, wrong string
		from, to   *int64
	}{{"startedTime", "startedTimeEnd must be greater than startTimeBegin", &f.startFrom, &f.startTo},
		{"finishedTime", "finishTimeEnd must be greater than finishTimeBegin", &f.finishFrom, &f.finishTo}} {
		if err := span(q, x.key+"Begin", x.from); err != nil {
			return f, err
		}
		if err := span(q, x.key+"End", x.to); err != nil {
			return f, err
		}
		if *x.from > *x.to {
			return f, hadoophttp.BadRequest("%s", x.wrong)
		}
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, hadoophttp.BadRequest("limit value must be a number!")
		}
		if n <= 0 {
			return f, hadoophttp.BadRequest("limit value must be greater then 0")
		}
		f.limit = int(min(n, 1<<31))
	}
	return f, nil
}

// span reads one end of a span of time (ms).
func span(q url.Values, key string, to *int64) error {
	text := q.Get(key)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return hadoophttp.BadRequest("%s value must be a number!", key)
	}
	if n < 0 {
		return hadoophttp.BadRequest("%s must be greater than 0", key)
	}
	*to = n
	return nil
}

// appStates is the set of states that the parameters name, nil for none named.
func appStates(q url.Values, keys ...string) (map[yarn.AppState]bool, error) {
	var out map[yarn.AppState]bool
	for _, key := range keys {
		for _, name := range list(q, key) {
			st, ok := yarn.ParseAppState(strings.ToUpper(name))
			if !ok {
				return nil, hadoophttp.BadRequest("Invalid application-state %s specified. It should be one of [NEW, NEW_SAVING, SUBMITTED, ACCEPTED, RUNNING, FINISHED, FAILED, KILLED]", name)
			}
			if out == nil {
				out = map[yarn.AppState]bool{}
			}
			out[st] = true
		}
	}
	return out, nil
}

func finalStatus(name string) (status yarn.FinalStatus, unknown bool) {
	for _, st := range []yarn.FinalStatus{yarn.FinalUndefined, yarn.FinalSucceeded, yarn.FinalFailed, yarn.FinalKilled, yarn.FinalEnded} {
		if st.String() == name {
			return st, false
		}
	}
	return status, true
}

// deselected reads deSelects, the parts that a caller does without.
func deselected(q url.Values) (hidden, error) {
	var h hidden
	for _, name := range list(q, "deSelects") {
		switch strings.ToLower(name) {
		case "resourcerequests": // they are not shown at all
		case "timeouts":
			h.timeouts = true
		case "appnodelabelexpression":
			h.appLabel = true
		case "amnodelabelexpression":
			h.amLabel = true
		case "resourceinfo":
			h.resources = true
		default:
			return h, hadoophttp.BadRequest("Invalid deSelects string %s specified. It should be one of [resourceRequests, timeouts, appNodeLabelExpression, amNodeLabelExpression, resourceInfo]", name)
		}
	}
	return h, nil
}

// list is a parameter's values, comma-separated, repeated or both.
func list(q url.Values, key string) (out []string) {
	for _, v := range q[key] {
		for _, part := range strings.Split(v, ",") {
			if p := strings.TrimSpace(part); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

func lowerList(q url.Values, key string) []string {
	out := list(q, key)
	for i := range out {
		out[i] = strings.ToLower(out[i])
	}
	return out
}

// among is the shortest list that has all that f accepts.
func (f *filter) among(view *core.View) []*core.AppView {
	if f.states == nil {
		return view.SortedApps()
	}
	for st := range f.states {
		if st.Final() {
			return view.SortedApps()
		}
	}
	return view.LiveApps()
}

func (f *filter) accepts(v *core.AppView) bool {
	switch {
	case f.states != nil && !f.states[v.State],
		!f.anyFinal && f.final != v.Final,
		f.user != "" && f.user != v.User,
		f.name != "" && f.name != v.Name,
		f.queue != "" && f.queue != v.QueuePath && !strings.HasSuffix(v.QueuePath, "."+f.queue),
		len(f.types) > 0 && !slices.Contains(f.types, strings.ToLower(v.Type)),
		v.Start < f.startFrom, v.Start > f.startTo, v.Finish < f.finishFrom, v.Finish > f.finishTo:
		return false
	}
	return len(f.tags) == 0 || slices.ContainsFunc(v.Tags, func(t string) bool { return slices.Contains(f.tags, strings.ToLower(t)) })
}
