package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// open asks h for a page as a browser does and returns its text.
func open(t *testing.T, h http.Handler, path string, status int) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%s: %d %s: %.300s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	if p := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none'; style-src 'self'") || strings.Contains(p, "script") {
		t.Errorf("%s: the policy is %q", path, p)
	}
	return w.Body.String()
}

// A page of a long list has as many rows as it should, in the order and of the kind asked for, and leads to its neighbours.
func TestALongListComesInPages(t *testing.T) {
	h := crowded(t, 10_000)
	ids := regexp.MustCompile(`href="/cluster/app/application_1_(\d+)"`)
	for _, c := range []struct {
		path, first string
		rows        int
		says        string
	}{
		{"/cluster/apps", "10000", 50, "1 to 50 of 10 000"},
		{"/cluster/apps?page=2", "9950", 50, "51 to 100 of 10 000"},
		{"/cluster/apps?page=9999", "0050", 50, "9 951 to 10 000 of 10 000"},
		{"/cluster/apps?size=7&sort=id", "0001", 7, "1 to 7 of 10 000"},
		{"/cluster/apps?size=1000000", "10000", 500, "1 to 500 of"},
		{"/cluster/apps/ACCEPTED?sort=-took", "9991", 50, "1 to 50 of 1 000"},
		{"/cluster/apps?user=user7&sort=name", "1008", 50, "1 to 50 of 200"},
		{"/cluster/apps?q=WORD+COUNT+123", "1240", 11, "11 of 10 000"},
		{"/cluster/apps?q=nothing+like+it", "", 0, "No application is like that."},
		{"/cluster/apps?sort=nonsense&page=-1&size=x", "10000", 50, "1 to 50 of 10 000"},
	} {
		body := open(t, h, c.path, 200)
		rows := ids.FindAllStringSubmatch(body, -1)
		if len(rows) != c.rows || len(rows) > 0 && rows[0][1] != c.first || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d rows, the first %.1v; want %d, %s and %q", c.path, len(rows), rows, c.rows, c.first, c.says)
		}
	}
	if body := open(t, h, "/cluster/apps?states=FINISHED&sort=-took&page=1&q=count", 200); !strings.Contains(body, "?q=count&amp;sort=user&amp;states=FINISHED") {
		t.Error("a click on a head forgets the filter")
	}
	if body := open(t, h, "/cluster/app/application_1_0002", 200); strings.Count(body, `href="/cluster/appattempt/`) != timelineAttempts+50 || !strings.Contains(body, "2 980 more are not shown here.") ||
		!strings.Contains(body, "1 to 50 of 3 000") {
		t.Errorf("the page of an application with 3,000 attempts has %d links to them", strings.Count(body, `href="/cluster/appattempt/`))
	}
	if body := open(t, h, "/cluster", 200); len(ids.FindAllString(body, -1)) != shownFirst {
		t.Error("the first page shows other than the newest few")
	}
}

// What a request brings is shown as text, never as markup, and what makes no sense is refused in words.
func TestPagesEscapeWhatTheyAreTold(t *testing.T) {
	h := crowded(t, 10)
	const evil = "%3Cscript%3Ealert(1)%3C/script%3E%22%27"
	for path, status := range map[string]int{
		"/cluster/apps?q=" + evil + "&size=3": 200, "/cluster/apps?queue=" + evil: 400, "/cluster/apps?states=" + evil: 400, "/cluster/apps/" + strings.ReplaceAll(evil, "/", "%2F"): 400,
		"/cluster/apps?user=" + evil: 200, "/cluster/nodes?state=" + evil: 200, "/cluster/nodes/" + strings.ReplaceAll(evil, "/", "%2F"): 200, "/cluster/app/" + strings.ReplaceAll(evil, "/", "%2F"): 400,
		"/cluster/app/application_1_0099": 404, "/cluster/appattempt/x": 400, "/cluster/appattempt/appattempt_1_0001_000009": 404, "/cluster/container/x": 400,
		"/cluster/container/container_1_0001_01_000001": 404, "/cluster/node/x": 400, "/cluster/node/a:1": 404, "/cluster/" + evil: 404, "/cluster/apps?limit=x": 400,
		"/cluster/cluster?user.name=" + evil: 200,
	} {
		if body := open(t, h, path, status); strings.Contains(body, "<script") || strings.Contains(body, "java.lang") {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// Pages only show: no request but a read is answered.
func TestPagesChangeNothing(t *testing.T) {
	h := crowded(t, 3)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		for _, page := range []string{"/cluster", "/cluster/apps", "/cluster/app/application_1_0001", "/cluster/scheduler", "/cluster/nowhere"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, page+"?user.name=rm", strings.NewReader("state=KILLED")))
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, page, w.Code)
			}
		}
	}
}

// Style and icon come from the daemon itself and may be kept; nothing else is referred to.
func TestPagesNeedNobodyElse(t *testing.T) {
	h := crowded(t, 3)
	for _, page := range []string{"/cluster", "/cluster/apps", "/cluster/nodes", "/cluster/scheduler", "/cluster/cluster", "/cluster/app/application_1_0001"} {
		body := open(t, h, page, 200)
		for _, m := range regexp.MustCompile(`(?:src|rel="stylesheet" href|type="image/svg\+xml" href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, m[1], nil))
			if !strings.HasPrefix(m[1], "/static/") || w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s refers to %s: %d", page, m[1], w.Code)
			}
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "style=") || strings.Contains(body, "onclick") {
			t.Errorf("%s has scripts or styles of its own", page)
		}
	}
}
