package shuffle

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzParse: a fetcher's query is read or refused, and never asks for more maps than are served at once.
func FuzzParse(f *testing.F) {
	f.Add("job=job_1_0001&reduce=0&map=attempt_1_0001_m_000000_0,attempt_1_0001_m_000001_0")
	f.Add("job=a&job=b&reduce=-1&map=")
	f.Add("reduce=99999999999999999999&map=../../etc/passwd&job=x")
	f.Add("map=" + strings.Repeat(",", 5000) + "&job=a&reduce=1")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := parse(q)
		if err == nil && (len(r.maps) == 0 || len(r.maps) > maxMaps) {
			t.Errorf("%d maps of %q", len(r.maps), query)
		}
	})
}
