package pages

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	hadoophttp "heddle/hadoop/http"
)

func TestFiguresInWords(t *testing.T) {
	const second, minute, hour = 1000, 60_000, 3_600_000
	for ms, want := range map[int64]string{12: "12 ms", 1500: "1.5 s", 59 * second: "59 s", 61 * second: "1 min 1 s", 2 * hour: "2 h", 2*hour + 5*minute: "2 h 5 min", 49 * hour: "2 d 1 h", -5: "0 ms"} {
		if got := Took(1, 1+ms, 0); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
	if Took(0, 5, 9) != "" || Took(5000, 0, 8000) != "3.0 s" || When(0) != "" {
		t.Error("what has not begun, and what goes on")
	}
	for mb, want := range map[int64]string{0: "0", 256: "0.25", 1024: "1", 1536: "1.5", 20 << 10: "20", 20<<10 + 100: "20.1"} {
		if got := GB(mb); got != want {
			t.Errorf("%d MB: %q, want %q", mb, got, want)
		}
	}
	if Memory(0) != "0 GB" || Memory(128) != "128 MB" || Memory(1536) != "1.5 GB" || Amount(math.MaxInt64, "gpu") != "any number of gpu" || Amount(2, "gpu") != "2 gpu" {
		t.Error("amounts")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if Percent(5, 0) != 0 || Percent(50, 20) != 100 || Percent(-1, 5) != 0 || Cut("äöü", 3) != "ä…" {
		t.Error("limits of figures and texts")
	}
}

// Bars keep to their span, and the shortest can still be seen.
func TestBarsOfATimeline(t *testing.T) {
	line := Timeline{From: 1000, To: 2000, Running: true}
	got := line.Blocks(Stretch{Parts: []Part{{From: 1000, To: 1500}, {From: 1500, To: 1501}, {From: 1600}, {From: 0, To: 9000}, {From: 2000, To: 2000}}})
	want := [][2]int64{{0, 500}, {500, 4}, {600, 400}, {0, 1000}, {996, 4}}
	for i, w := range want {
		if got[i].X != w[0] || got[i].Width != w[1] {
			t.Errorf("part %d: from %d, %d wide; want %v", i, got[i].X, got[i].Width, w)
		}
	}
	if b := (Timeline{From: 5, To: 5}).Blocks(Stretch{Parts: []Part{{From: 5, To: 5}}}); b[0].Width < 1 {
		t.Error("a moment")
	}
}

// Errors become pages with their status, in words; what a page's template cannot show is a 500 and in the log.
func TestFailuresArePages(t *testing.T) {
	var log strings.Builder
	s, err := New(Site{Home: "/", Log: slog.New(slog.NewTextHandler(&log, nil))}, fstest.MapFS{"parts.html": {}, "one.html": {Data: []byte(`{{define "main"}}{{.Data.Name}}{{end}}`)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := hadoophttp.NewMux(nil)
	for path, p := range map[string]struct {
		data any
		err  error
	}{"/good": {struct{ Name string }{"<b>"}, nil}, "/bad": {5, nil}, "/missing": {nil, hadoophttp.NotFound("no %s here", "<i>")}, "/broken": {nil, errors.New("the disk")}} {
		s.Handle(mux, "GET "+path, "one", func(*http.Request) (Page, error) { return Page{Title: "T", Data: p.data}, p.err })
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{"/good": {200, "&lt;b&gt;"}, "/bad": {500, "could not be made"}, "/missing": {404, "no &lt;i&gt; here"}, "/broken": {500, "the disk"}} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) || strings.Contains(w.Body.String(), "java.lang") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "page=one") {
		t.Errorf("the log: %s", log.String())
	}
}
