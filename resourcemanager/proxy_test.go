package resourcemanager_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
)

// uiOf starts a web server and an AM that names it as its page. url changes what the AM says of it.
func (r *rm) uiOf(user string, ui http.HandlerFunc, url func(string) string) (id string, am peer, address string) {
	r.t.Helper()
	s := httptest.NewServer(ui)
	r.t.Cleanup(s.Close)
	address = strings.TrimPrefix(s.URL, "http://")
	said := s.URL + "/ui/"
	if url != nil {
		said = url(address)
	}
	am, pb := r.master(user, nil)
	call[yarnpb.RegisterApplicationMasterResponseProto](am, "registerApplicationMaster",
		&yarnpb.RegisterApplicationMasterRequestProto{Host: new("am-host"), RpcPort: new(int32(4711)), TrackingUrl: &said})
	return appText(pb), am, address
}

// raw sends a request line as it stands, which Go's client would tidy up, and returns the whole answer.
func (r *rm) raw(line string, header ...string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Addresses.Web)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: rm\r\nConnection: close\r\n%s\r\n", line, strings.Join(append(header, ""), "\r\n"))
	b, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// Path, query, method and body reach the AM byte for byte; of the headers only those that are the AM's business.
func TestTheProxyPassesRequestsOn(t *testing.T) {
	r := start(t, map[string]string{"yarn.acl.enable": "false"})
	id, _, address := r.uiOf("alice", func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("X-From-AM", "yes")
		w.Header().Add("Set-Cookie", "session=1; Path=/")
		w.Header().Add("Set-Cookie", "hadoop.auth=forged; Path=/")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s host=%s cookie=%s secret=%s agent=%s type=%s body=%s", req.Method, req.RequestURI, req.Host, req.Header.Get("Cookie"), req.Header.Get("Authorization"), req.UserAgent(), req.Header.Get("Content-Type"), body)
	}, nil)
	for asked, want := range map[string]string{
		"":                                 "/ui/",
		"/":                                "/ui/",
		"/jobs":                            "/ui/jobs",
		"/a%20b/%2F?x=%3Cd%3E&y=a+b&z=%25": "/ui/a%20b/%2F?x=%3Cd%3E&y=a+b&z=%25",
		"//double//slash/":                 "/ui//double//slash/",
		"/dots/../up/./x":                  "/ui/dots/../up/./x",
		"/q?":                              "/ui/q?",
		"/semi;v=1?a=b;c=d&;":              "/ui/semi;v=1?a=b;c=d&;",
	} {
		if got := r.raw("GET /proxy/" + id + asked); !strings.Contains(got, "418") || !strings.Contains(got, "\nGET "+want+" host="+address+" cookie=proxy-user=dr.who secret= ") {
			t.Errorf("%q came as\n%s\nwant %s", asked, got, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		got := r.raw(method+" /proxy/"+id+"/x?user.name=al%20ice", "Authorization: Basic c2VjcmV0", "Cookie: hadoop.auth=u", "User-Agent: me", "Content-Type: text/odd", "Content-Length: 4", "", "body")
		if !containsAll(got, "X-From-Am: yes", method+" /ui/x?user.name=al%20ice", "cookie=proxy-user=al+ice secret= agent=me type=text/odd body=", "Set-Cookie: session=1") || strings.Contains(got, "forged") {
			t.Errorf("%s came as\n%s", method, got)
		}
	}
	if got := r.raw("TRACE /proxy/" + id + "/"); !strings.Contains(got, "405") {
		t.Errorf("TRACE: %s", got)
	}
}

// A redirect of the AM goes to the browser, pointed back into the proxy where it leads to the AM itself.
func TestTheProxyTurnsRedirects(t *testing.T) {
	r := start(t, nil)
	var id, address string
	id, _, address = r.uiOf("alice", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", strings.NewReplacer("AM", address, "ID", id).Replace(req.URL.Query().Get("to")))
		w.WriteHeader(http.StatusFound)
	}, nil)
	for to, want := range map[string]string{
		"http://AM/ui/jobs?x=%253C": "/proxy/" + id + "/ui/jobs?x=%3C",
		"/deep/page":                "/proxy/" + id + "/deep/page",
		"/":                         "/proxy/" + id + "/",
		"next/":                     "next/",
		"http://elsewhere/x":        "http://elsewhere/x",
		"http://rm/proxy/ID/x":      "http://rm/proxy/" + id + "/x",
		"/proxy/ID/y":               "/proxy/" + id + "/y",
		"//AM/z":                    "/proxy/" + id + "/z",
	} {
		if got := string(r.ask("/proxy/"+id+"/?to="+to, "*/*", 302)); got != want {
			t.Errorf("a redirect to %s leads to %s, want %s", to, got, want)
		}
	}
	// an AM's filter that does not know the proxy sends everything back to it: once is lawful, twice is a loop
	const filter = "http://rm/proxy/redirect/ID/ui/"
	if got := string(r.ask("/proxy/"+id+"/?to="+filter, "*/*", 302)); got != "http://rm/proxy/redirect/"+id+"/ui/" {
		t.Errorf("sent to %s", got)
	}
	if got := string(r.ask("/proxy/redirect/"+id+"/?to="+filter, "*/*", 502)); !containsAll(got, "does not take the proxy", "yarn.resourcemanager.webapp.address") {
		t.Errorf("the loop's page says %s", got)
	}
	if got := string(r.ask("/proxy/redirect/"+id+"/?to=/x", "*/*", 302)); got != "/proxy/"+id+"/x" {
		t.Errorf("through redirect: %s", got)
	}
}

// Where nothing can be fetched the answer says so, or leads to where the application is described.
func TestTheProxyWithoutAMaster(t *testing.T) {
	r := start(t, nil)
	waiting := appText(r.client("alice").submit(unmanaged))
	if got := string(r.ask("/proxy/"+waiting+"/", "*/*", 302)); got != "/cluster/app/"+waiting {
		t.Errorf("an application without AM leads to %s", got)
	}
	if got := string(r.ask("/proxy/application_1_0001/", "*/*", 404)); !strings.Contains(got, "Application application_1_0001 could not be found in RM or history server") {
		t.Errorf("an unknown application: %s", got)
	}
	if got := string(r.ask("/proxy/%3Cb%3E/", "*/*", 404)); !strings.Contains(got, "&lt;b&gt;") || !strings.Contains(got, "appears to be formatted incorrectly") {
		t.Errorf("no id: %s", got)
	}
	id, am, _ := r.uiOf("alice", func(http.ResponseWriter, *http.Request) {}, nil)
	call[yarnpb.FinishApplicationMasterResponseProto](am, "finishApplicationMaster", &yarnpb.FinishApplicationMasterRequestProto{
		TrackingUrl: new("history:19888/jobhistory"), FinalApplicationStatus: yarnpb.FinalApplicationStatusProto_APP_SUCCEEDED.Enum()})
	await(t, "the end", func() bool {
		return strings.Contains(r.send("GET", "/ws/v1/cluster/apps/"+id+"/state", "").body, "FINISHED")
	})
	if got := string(r.ask("/proxy/"+id+"/job/1?a=%20b", "*/*", 302)); got != "http://history:19888/jobhistory/job/1?a=%20b" {
		t.Errorf("a finished application leads to %s", got)
	}
}

// An AM's tracking URL is a stranger's word: it does not lead the ResourceManager to itself, to a cloud's metadata, to its
// own machine's services, or a browser to a script.
func TestTheProxyKeepsToAMs(t *testing.T) {
	r := start(t, nil)
	nothing := func(http.ResponseWriter, *http.Request) {}
	for said, want := range map[string]string{
		"http://" + r.Addresses.Web + "/cluster":  "own pages",
		"http://169.254.169.254/latest/meta-data": "link-local",
		"http://0.0.0.0:1/":                       "no address of a host",
		"http://[ff02::1]:1/":                     "no address of a host",
		"http://127.0.0.1:1/":                     "refused",
	} {
		id, _, _ := r.uiOf("alice", nothing, func(string) string { return said })
		if got := string(r.ask("/proxy/"+id+"/", "*/*", 502)); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", said, got, want)
		}
	}
	for _, said := range []string{"javascript:alert(1)", "ftp://host/x", "http:///x"} {
		id, _, _ := r.uiOf("alice", nothing, func(string) string { return said })
		r.ask("/proxy/"+id+"/", "*/*", 400)
	}
	elsewhere := start(t, map[string]string{"yarn.resourcemanager.webapp.address": "0.0.0.0:0", "yarn.resourcemanager.hostname": "192.0.2.1"})
	elsewhere.Addresses.Web = strings.Replace(elsewhere.Addresses.Web, "[::]", "127.0.0.1", 1)
	id, _, _ := elsewhere.uiOf("alice", nothing, nil)
	if got := string(elsewhere.ask("/proxy/"+id+"/", "*/*", 502)); !strings.Contains(got, "this host and not the AM") {
		t.Errorf("loopback of a ResourceManager that is not on loopback: %s", got)
	}
}

// With ACLs a named caller is warned once before another user's AM shows its pages under our name.
func TestTheProxyWarnsOfOthersPages(t *testing.T) {
	r := start(t, nil)
	id, _, _ := r.uiOf("alice", func(w http.ResponseWriter, req *http.Request) { fmt.Fprintf(w, "the page %s", req.RequestURI) }, nil)
	page := "GET /proxy/" + id + "/x"
	for line, warned := range map[string]bool{page: false, page + "?user.name=alice": false, page + "?user.name=bob": true} {
		got := r.raw(line)
		if strings.Contains(got, "the page") == warned || strings.Contains(got, "belongs to alice") != warned {
			t.Errorf("%s (warned: %v):\n%s", line, warned, got)
		}
	}
	approved := r.raw(page + "?proxyapproved=true&user.name=bob")
	if !containsAll(approved, "the page /ui/x?user.name=bob", "Set-Cookie: checked_"+id+"=true") {
		t.Errorf("after approval:\n%s", approved)
	}
	if got := r.raw(page+"?user.name=bob", "Cookie: checked_"+id+"=true"); !strings.Contains(got, "the page") {
		t.Errorf("with the cookie:\n%s", got)
	}
}
