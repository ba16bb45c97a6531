package hadoophttp

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"heddle/hadoop/conf"
)

func TestScriptsOfOtherSites(t *testing.T) {
	const key = "yarn.resourcemanager.webapp.cross-origin.enabled"
	ask := func(site map[string]string, method, origin string, more ...string) http.Header {
		t.Helper()
		c := conf.New()
		for k, v := range site {
			c.Set(k, v)
		}
		h, err := CORS(c, key, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(method, "/ws/v1/cluster", nil)
		r.Header.Set("Origin", origin)
		for i := 0; i+1 < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			t.Errorf("%s from %s: %d", method, origin, w.Code)
		}
		return w.Header()
	}
	on := map[string]string{key: "true"}
	some := map[string]string{key: "true", "hadoop.http.cross-origin.allowed-origins": "http://a.example, *.b.example,regex:https?://c[0-9]+", "hadoop.http.cross-origin.allowed-methods": "GET,PUT"}
	const asked, headers = "Access-Control-Request-Method", "Access-Control-Request-Headers"
	for _, c := range []struct {
		site           map[string]string
		method, origin string
		more           []string
		allowed        bool
	}{
		{nil, "GET", "http://a.example", nil, false},
		{map[string]string{"hadoop.http.cross-origin.enabled": "true"}, "GET", "http://a.example", nil, false},
		{on, "GET", "http://anything", nil, true},
		{on, "GET", "", nil, false},
		{on, "OPTIONS", "http://a.example", []string{asked, "POST", headers, "content-type, accept"}, true},
		{on, "OPTIONS", "http://a.example", []string{asked, "PUT"}, false},
		{on, "OPTIONS", "http://a.example", []string{asked, "GET", headers, "X-Secret"}, false},
		{some, "GET", "http://a.example", nil, true},
		{some, "GET", "http://axexample", nil, false},
		{some, "GET", "http://a.example.evil", nil, false},
		{some, "GET", "http://x.b.example", nil, true},
		{some, "GET", "https://c12", nil, true},
		{some, "GET", "https://c12.evil", nil, false},
		{some, "OPTIONS", "https://c1", []string{asked, "PUT"}, true},
	} {
		h := ask(c.site, c.method, c.origin, c.more...)
		want := ""
		if c.allowed {
			want = c.origin
		}
		if got := h.Get("Access-Control-Allow-Origin"); got != want || (h.Get("Access-Control-Max-Age") == "1800") != c.allowed {
			t.Errorf("%v: %s from %s %v: allowed %q, want %q", c.site, c.method, c.origin, c.more, got, want)
		}
	}
	c := conf.New()
	c.Set(key, "true")
	c.Set("hadoop.http.cross-origin.allowed-origins", "regex:(")
	if _, err := CORS(c, key, nil); err == nil {
		t.Error("a broken expression was taken")
	}
}
