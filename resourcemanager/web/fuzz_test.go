package web

import (
	"net/url"
	"testing"
)

// FuzzParseFilter: a query of /ws/v1/cluster/apps is a filter with sane bounds, or a bad request.
func FuzzParseFilter(f *testing.F) {
	f.Add("states=RUNNING,finished&limit=10&startedTimeBegin=1")
	f.Add("limit=-1")
	f.Add("finishedTimeEnd=99999999999999999999&state=walking")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		x, err := parseFilter(q)
		if err == nil && (x.limit == 0 || x.limit < -1 || x.startFrom < 0 || x.finishFrom < 0) {
			t.Errorf("%+v of %q", x, query)
		}
	})
}
