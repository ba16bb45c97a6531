package hadoophttp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heddle/hadoop/conf"
	"heddle/hadoop/security"
)

func get(h http.Handler, url string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type app struct {
	ID    string  `json:"id"`
	Count int64   `json:"count"`
	Note  *string `json:"note,omitempty"`
}

func TestAnswersAreJSONOrXMLWithOneRoot(t *testing.T) {
	mux := NewMux(nil)
	mux.HandleFunc("GET /apps", func(w http.ResponseWriter, r *http.Request) {
		Answer(w, r, 200, "apps", map[string]any{"app": []app{{ID: "a<1>", Count: 12345678901}}})
	})
	for _, c := range []struct{ accept, contentType, body string }{
		{"", "application/json;charset=utf-8", `{"apps":{"app":[{"id":"a<1>","count":12345678901}]}}`},
		{"*/*", "application/json;charset=utf-8", `{"apps":{"app":[{"id":"a<1>","count":12345678901}]}}`},
		{"application/xml", "application/xml;charset=utf-8", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><apps><app><id>a&lt;1&gt;</id><count>12345678901</count></app></apps>`},
		{"text/html, application/xml;q=0.9, */*;q=0.8", "application/xml;charset=utf-8", ""},
	} {
		w := get(mux, "/apps", "Accept", c.accept)
		if w.Code != 200 || w.Header().Get("Content-Type") != c.contentType || c.body != "" && w.Body.String() != c.body {
			t.Errorf("Accept %q: %d %s\n%s", c.accept, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	h := get(mux, "/apps").Header()
	for name, want := range map[string]string{"Cache-Control": "no-cache", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "X-Xss-Protection": "1; mode=block"} {
		if h.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, h.Get(name), want)
		}
	}
}

func TestErrorsHaveHadoopsShape(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{NotFound("app with id: %s not found", "application_1_0001"), 404, `{"RemoteException":{"exception":"NotFoundException","message":"java.lang.Exception: app with id: application_1_0001 not found","javaClassName":"org.apache.hadoop.yarn.webapp.NotFoundException"}}`},
		{IllegalArgument("Invalid ApplicationId prefix: %s", "xx"), 400, `{"RemoteException":{"exception":"BadRequestException","message":"java.lang.IllegalArgumentException: Invalid ApplicationId prefix: xx","javaClassName":"org.apache.hadoop.yarn.webapp.BadRequestException"}}`},
		{fmt.Errorf("deep: %w", NotBuilt("GET /x")), 501, `{"RemoteException":{"exception":"UnsupportedOperationException","message":"GET /x is not supported by this server yet","javaClassName":"java.lang.UnsupportedOperationException"}}`},
		{io.ErrUnexpectedEOF, 500, `{"RemoteException":{"exception":"RuntimeException","message":"unexpected EOF","javaClassName":"java.lang.RuntimeException"}}`},
	} {
		w := get(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Fail(w, r, c.err) }), "/")
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
	}
}

func TestTheCallerIsNamedByParameterThenCookieThenStaticUser(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	c := conf.New()
	c.Set("hadoop.proxyuser.oozie.users", "alice")
	c.Set("hadoop.proxyuser.oozie.hosts", "*")
	proxies, err := security.NewProxyUsers(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 16)
	_, _ = rand.Read(secret)
	id := &Identity{StaticUser: StaticUser(conf.WithDefaults()), Proxies: proxies, Secret: secret, Now: func() time.Time { return now }}
	mux := NewMux(id)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		caller, err := id.Of(r)
		if err != nil {
			Fail(w, r, err)
			return
		}
		fmt.Fprintf(w, "%s/%s", caller.User, caller.RealUser)
	})
	first := get(mux, "/?user.name=al%20ice")
	cookie := first.Result().Cookies()[0]
	for _, c := range []struct{ url, cookie, want string }{
		{"/", "", "dr.who/"},
		{"/?user.name=bob", cookie.Value, "bob/"},
		{"/", cookie.Value, "al ice/"},
		{"/", strings.Replace(cookie.Value, "u=al", "u=bl", 1), "dr.who/"},
		{"/?user.name=oozie&doAs=alice", "", "alice/oozie"},
	} {
		if w := get(mux, c.url, "Cookie", "hadoop.auth="+c.cookie); w.Body.String() != c.want {
			t.Errorf("%s with %q: %s, want %s", c.url, c.cookie, w.Body, c.want)
		}
	}
	if w := get(mux, "/?user.name=oozie&doas=bob"); w.Code != 403 || !strings.Contains(w.Body.String(), "User: oozie is not allowed to impersonate bob") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	now = now.Add(11 * time.Hour)
	if w := get(mux, "/", "Cookie", "hadoop.auth="+cookie.Value); w.Body.String() != "dr.who/" {
		t.Errorf("an old cookie names %s", w.Body)
	}
}

func TestJMX(t *testing.T) {
	b := NewBeans()
	b.RegisterRuntime("ResourceManager", time.Now())
	b.Register("Hadoop:service=ResourceManager,name=ClusterMetrics", "ClusterMetrics", func() Attributes { return Attributes{"NumActiveNMs": 3} })
	b.RegisterMany(func(add func(string, string, Attributes)) {
		for _, q := range []string{"default", "prod"} {
			add("Hadoop:service=ResourceManager,name=QueueMetrics,q0=root,q1="+q, "QueueMetrics", Attributes{"AppsRunning": 1})
		}
	})
	for query, want := range map[string][]string{
		"qry=Hadoop:service=ResourceManager,name=ClusterMetrics": {"ClusterMetrics"},
		"qry=Hadoop:name=ClusterMetrics,service=ResourceManager": {"ClusterMetrics"},
		"qry=Hadoop:service=ResourceManager,name=QueueMetrics,*": {"QueueMetrics", "QueueMetrics"},
		"qry=Hadoop:*,q1=pr?d":                                                 {"QueueMetrics"},
		"qry=Hadoop:service=ResourceManager,name=Q*":                           {},
		"qry=java.lang:type=Memory":                                            {"heddle"},
		"get=Hadoop:service=ResourceManager,name=ClusterMetrics::NumActiveNMs": {"ClusterMetrics"},
	} {
		w := get(b, "/jmx?"+query)
		var answer struct{ Beans []map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %v", query, w.Code, err)
		}
		var got []string
		for _, bean := range answer.Beans {
			got = append(got, bean["modelerType"].(string))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if w := get(b, "/jmx?get=Hadoop:service=ResourceManager,name=ClusterMetrics::Nope"); w.Code != 200 || !strings.Contains(w.Body.String(), "No attribute with name Nope was found.") {
		t.Errorf("an unknown attribute: %d %s", w.Code, w.Body)
	}
	if w := get(b, "/jmx?get=foo"); w.Code != 200 || !strings.Contains(w.Body.String(), "query format is not as expected.") {
		t.Errorf("no attribute: %d %s", w.Code, w.Body)
	}
	if w := get(b, "/jmx?qry=nonsense"); w.Code != 400 {
		t.Errorf("a bad pattern: %d", w.Code)
	}
	if w := get(b, "/jmx"); strings.Count(w.Body.String(), `"modelerType"`) != 8 {
		t.Errorf("all beans: %s", w.Body)
	}
}

// Scripts look for "name" : value in /jmx, a line for each.
func TestJMXIsLaidOutAsHadoops(t *testing.T) {
	b := NewBeans()
	b.Register("a:b=c", "C", func() Attributes {
		return Attributes{"tag.HAState": "active <1>", "None": nil, "Empty": []any{}, "Numbers": []int64{1, 1 << 60}, "Part": struct{ Max, Used int64 }{2, 1}}
	})
	want := `{
  "beans" : [ {
    "name" : "a:b=c",
    "modelerType" : "C",
    "Empty" : [ ],
    "None" : null,
    "Numbers" : [ 1, 1152921504606846976 ],
    "Part" : {
      "Max" : 2,
      "Used" : 1
    },
    "tag.HAState" : "active <1>"
  } ]
}`
	if got := get(b, "/jmx").Body.String(); got != want {
		t.Errorf("%s", got)
	}
}

func TestConfMasksSecretsAndAnswersBothForms(t *testing.T) {
	c := conf.New()
	c.Set("a", "1 < ${b}")
	c.Set("b", "2")
	c.Set("my.password", "hunter2")
	c.Set("ssl.server.keystore.secret", "hunter2")
	h, err := ConfHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*httptest.ResponseRecorder{get(h, "/conf"), get(h, "/conf", "Accept", "application/json"), get(h, "/conf?format=json")} {
		if strings.Contains(w.Body.String(), "hunter2") || strings.Count(w.Body.String(), "redacted") != 2 {
			t.Errorf("%s", w.Body)
		}
	}
	var doc struct {
		Property []struct{ Name, Value, Source string } `xml:"property"`
	}
	if err := xml.Unmarshal(get(h, "/conf").Body.Bytes(), &doc); err != nil || len(doc.Property) != 4 {
		t.Errorf("%v, %v", doc, err)
	}
	w := get(h, "/conf?name=a&format=json")
	if w.Body.String() != `{"property":{"key":"a","value":"1 < 2","isFinal":false,"resource":"command line"}}` {
		t.Error(w.Body)
	}
	if w := get(h, "/conf?name=zzz"); w.Code != 404 {
		t.Errorf("an unknown key: %d", w.Code)
	}
}

func TestLogLevelIsChangedByAdministratorsOnly(t *testing.T) {
	var level slog.LevelVar
	h := LogLevel(&level, func(r *http.Request) bool { return r.URL.Query().Get("user.name") == "admin" })
	if w := get(h, "/logLevel?log=x&level=DEBUG"); w.Code != 403 || level.Level() != slog.LevelInfo {
		t.Errorf("%d, level %v", w.Code, level.Level())
	}
	w := get(h, "/logLevel?log=<x>&level=debug&user.name=admin")
	if level.Level() != slog.LevelDebug || !strings.Contains(w.Body.String(), "<!-- OUTPUT -->Effective Level: <b>DEBUG</b>") || strings.Contains(w.Body.String(), "<x>") {
		t.Errorf("level %v: %s", level.Level(), w.Body)
	}
	if w := get(h, "/logLevel?log=x&level=LOUD&user.name=admin"); !strings.Contains(w.Body.String(), "Bad Level") || level.Level() != slog.LevelDebug {
		t.Error(w.Body)
	}
	for name, want := range map[string]string{"all": "TRACE", "trace": "TRACE", "warn": "WARN", "error": "ERROR", "fatal": "FATAL", "off": "OFF", "info": "INFO"} {
		if w := get(h, "/logLevel?log=x&level="+name+"&user.name=admin"); !strings.Contains(w.Body.String(), "Effective Level: <b>"+want+"</b>") {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}

func TestRPCBeans(t *testing.T) {
	b := NewBeans()
	b.RegisterRPC("ResourceManager", func() []RPCActivity {
		return []RPCActivity{{Port: 8032, Server: "ApplicationClientProtocolService", Connections: 2, BytesSent: 9, Methods: []MethodActivity{{"getNewApplication", 4, 1, 8 * time.Millisecond}}}}
	})
	for query, want := range map[string][]string{
		"RpcActivityForPort8032":         {`"RpcProcessingTimeNumOps" : 4`, `"RpcProcessingTimeAvgTime" : 2`, `"RpcCallSuccesses" : 3`, `"NumOpenConnections" : 2`, `"SentBytes" : 9`, `"tag.serverName" : "ApplicationClientProtocolService"`},
		"RpcDetailedActivityForPort8032": {`"GetNewApplicationNumOps" : 4`, `"GetNewApplicationAvgTime" : 2`},
	} {
		body := get(b, "/jmx?qry=Hadoop:service=ResourceManager,name="+query).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: %s is missing in %s", query, w, body)
			}
		}
	}
}

func TestLogsStayInsideTheirDirectory(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{filepath.Join(dir, "rm.log"): "hello", outside: "secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	h, err := Logs(dir, func(r *http.Request) bool { return r.Header.Get("X-Refuse") == "" })
	if err != nil {
		t.Fatal(err)
	}
	if w := get(h, "/logs/rm.log"); w.Body.String() != "hello" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(h, "/logs/"); !strings.Contains(w.Body.String(), "rm.log") || !strings.Contains(w.Header().Get("Content-Type"), "html") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, url := range []string{"/logs/link", "/logs/../secret"} {
		if w := get(h, url); strings.Contains(w.Body.String(), "secret") && w.Code == 200 {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	if w := get(h, "/logs/rm.log", "X-Refuse", "1"); w.Code != 403 {
		t.Errorf("refused caller: %d", w.Code)
	}
}

func TestTheTypeThatIsLikedBest(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/xml": true, "text/xml": true, "text/html": false, "application/json, application/xml": false,
		"application/xml, application/json": true, "*/*;q=0.1,application/xml": true, "application/xml;q=0.5, application/json": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,  // a browser
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2":            false, // Java
		"application/xml;charset=utf-8;q=1.0":                             true,
		"application/xml;q=0, */*;q=0.1":                                  false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := WantsXML(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

// Hadoop's routers make no difference between a path and the same with a slash at its end.
func TestASlashAtTheEndMakesNoDifference(t *testing.T) {
	mux := NewMux(nil)
	for _, pattern := range []string{"GET /ws/v1/cluster", "GET /ws/v1/cluster/apps", "POST /ws/v1/cluster/apps", "GET /node/{file}", "GET /cluster/", "GET /proxy/", "GET /jmx"} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Pattern, " ", r.URL.EscapedPath(), " ", r.RequestURI)
		})
	}
	for asked, want := range map[string]string{
		"GET /ws/v1/cluster/":       "GET /ws/v1/cluster /ws/v1/cluster /ws/v1/cluster/",
		"GET /ws/v1/cluster/apps/":  "GET /ws/v1/cluster/apps /ws/v1/cluster/apps /ws/v1/cluster/apps/",
		"POST /ws/v1/cluster/apps/": "POST /ws/v1/cluster/apps /ws/v1/cluster/apps /ws/v1/cluster/apps/",
		"GET /node/a%20b/?start=-4": "GET /node/{file} /node/a%20b /node/a%20b/?start=-4",
		"GET /node/a%2F":            "GET /node/{file} /node/a%2F /node/a%2F",
		"GET /node/a%2Fb/":          "GET /node/{file} /node/a%2Fb /node/a%2Fb/",
		"GET /proxy/x/":             "GET /proxy/ /proxy/x/ /proxy/x/",
	} {
		method, path, _ := strings.Cut(asked, " ")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", asked, w.Code, w.Body, want)
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/jmx/", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("/jmx/: %d", w.Code)
	}
}

func TestServerServesMetricsAndStacksAndStops(t *testing.T) {
	mux := NewMux(nil)
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "heddle_test_total", Help: "Things."})
	registry.MustRegister(counter)
	counter.Inc()
	mux.Metrics(registry)
	mux.HandleFunc("GET /stacks", Stacks)
	mux.HandleFunc("POST /body", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			Fail(w, r, err)
		}
	})
	l, err := Listen(t.Context(), "127.0.0.1:0", "some.key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), l.Addr().String(), "some.key"); err == nil || !strings.Contains(err.Error(), "some.key") {
		t.Errorf("a taken port: %v", err)
	}
	s := NewServer(mux, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	base := "http://" + l.Addr().String()
	for path, want := range map[string]string{"/metrics": "heddle_test_total 1", "/prom": "heddle_test_total 1", "/stacks": "goroutine"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	resp, err := http.Post(base+"/body", "text/plain", strings.NewReader(strings.Repeat("x", maxBodyBytes+1)))
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("a body above the limit: %d", resp.StatusCode)
		}
	}
	request, _ := http.NewRequest(http.MethodTrace, base+"/stacks", nil)
	if resp, err := http.DefaultClient.Do(request); err != nil || resp.StatusCode != 405 {
		t.Errorf("TRACE: %v %v", resp, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 1)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Error("a second connection was accepted beside the first")
	case <-time.After(20 * time.Millisecond):
	}
	first.Close()
	second := <-accepted
	l.Close() // while Accept waits for a slot
	second.Close()
	if _, ok := <-accepted; ok {
		t.Error("a connection after Close")
	}
}

// Connections that say nothing, or half a request, do not keep others out; one whose request is at work keeps its place.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	working, release := make(chan struct{}), make(chan struct{})
	s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(working)
			<-release
		}
		_, _ = io.WriteString(w, "answered") // the client sees
	}), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(limit(inner, 4)) }()
	get := func(path string) (string, error) {
		c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Get("http://" + inner.Addr().String() + path)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	slow := make(chan error, 1)
	go func() {
		got, err := get("/slow")
		if err == nil && got != "answered" {
			err = fmt.Errorf("it got %q", got)
		}
		slow <- err
	}()
	<-working
	for _, sent := range []string{"", "G", "GET / HTTP/1.1\r\nHost: x\r\n"} {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if got, err := get("/"); err != nil || got != "answered" {
			t.Errorf("%q, %v", got, err)
		}
	}
	close(release)
	if err := <-slow; err != nil {
		t.Errorf("the request at work: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
}

func TestOptionsAreAnsweredForEveryPage(t *testing.T) {
	m := NewMux(nil)
	m.HandleFunc("GET /here/{id}", func(http.ResponseWriter, *http.Request) { t.Error("the page itself was made") })
	for path, want := range map[string]int{"/here/1": http.StatusOK, "/nowhere": http.StatusNotFound} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(http.MethodOptions, path, nil))
		if w.Code != want || want == http.StatusOK && w.Header().Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("OPTIONS %s answers %d, want %d; %v", path, w.Code, want, w.Header())
		}
	}
}

// XML has every text that JSON can, in lists of lists and in names that are none of XML's.
func TestXMLHasWhatJSONHas(t *testing.T) {
	var b bytes.Buffer
	v := map[string]any{"a": []any{1, []int{2, 3}, nil, "x\"y\\z", map[string]any{}}, "b c": "<&>\u00e4\n\x01", "c": map[string]any{"9": true, "deep": []any{}}, "d": -1.5e300, "e": ""}
	if err := WriteXML(&b, "root", v); err != nil {
		t.Fatal(err)
	}
	const want = `<root><a>1</a><a>2</a><a>3</a><a>x&#34;y\z</a><a></a><b_c>&lt;&amp;&gt;ä&#xA;` + "\ufffd" + `</b_c><c><_9>true</_9></c><d>-1.5e+300</d><e></e></root>`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	for _, broken := range []string{``, `{`, `{"a`, `{"a"`, `{"a":`, `[1`, `"x`, `"\`} {
		if x := (&xmlWriter{in: []byte(broken), out: &b}); x.value("v") == nil {
			t.Errorf("%q was taken", broken)
		}
	}
}
