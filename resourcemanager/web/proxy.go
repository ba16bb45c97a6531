package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// proxy is /proxy/{appid}/…, the way into the pages of running AMs (rest.md §4). The AM is not trusted: it chose
// the address that is fetched here, and what it answers stands in a browser under the ResourceManager's name.
type proxy struct {
	web   *Web
	reach *httputil.ReverseProxy
}

// Where requests that an AM's filter has sent back arrive.
const bounced = "redirect/"

const (
	dialTimeout = 10 * time.Second
	// answerTimeout is how long an AM may take to begin its answer.
	answerTimeout = time.Minute
	// checkedPrefix is the cookie of those who went on after the warning, per application.
	checkedPrefix = "checked_"
	// proxyUser is the cookie that tells the AM who asks (AmIpFilter reads it).
	proxyUser = "proxy-user"
)

// passedOn are the request's headers that an AM gets to see; credentials are none of them.
var passedOn = []string{"User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Accept-Charset", "Content-Type", "Origin",
	"Access-Control-Request-Method", "Access-Control-Request-Headers"}

// fetch is one request on its way to an AM.
type fetch struct {
	app    *core.AppView
	target *url.URL // where to
	base   string   // /proxy/{appid}
	user   string
	back   bool // an AM's filter sent it here
}

type fetchKey struct{}

func newProxy(w *Web) *proxy {
	p := &proxy{web: w}
	p.reach = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ModifyResponse: p.answered, ErrorHandler: p.unreachable, FlushInterval: -1,
		Transport: &http.Transport{DialContext: p.dial, DisableCompression: true, DisableKeepAlives: true, ResponseHeaderTimeout: answerTimeout,
			TLSHandshakeTimeout: dialTimeout, MaxResponseHeaderBytes: 64 << 10},
	}
	return p
}

func (p *proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
	default:
		http.Error(rw, r.Method+" method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f, err := p.plan(r)
	var e *hadoophttp.Exception
	switch {
	case errors.As(err, &e):
		p.message(rw, r, e.Status, "Not found", e.Message, nil)
	case err != nil:
		p.message(rw, r, http.StatusBadRequest, "Bad request", err.Error(), nil)
	case f.target == nil:
		http.Redirect(rw, r, "/cluster/app/"+f.app.ID.String(), http.StatusFound)
	case p.foreign(rw, r, f):
	case f.app.State.Final():
		http.Redirect(rw, r, f.target.String(), http.StatusFound)
	default:
		p.reach.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), fetchKey{}, f)))
	}
}

// plan reads a request's line. Path and query go on byte for byte, so they are taken from the line itself.
func (p *proxy) plan(r *http.Request) (*fetch, error) {
	line := r.RequestURI
	if i := strings.Index(line, "/proxy/"); i > 0 {
		line = line[i:] // a line with scheme and host
	}
	path, query, asked := strings.Cut(strings.TrimPrefix(line, "/proxy/"), "?")
	f := &fetch{}
	if rest, ok := strings.CutPrefix(path, bounced); ok {
		f.back, path = true, rest
	}
	name, rest, _ := strings.Cut(path, "/")
	id, err := yarn.ParseApplicationID(name)
	if err != nil {
		return nil, &hadoophttp.Exception{Status: http.StatusNotFound, Message: fmt.Sprintf("%.100s appears to be formatted incorrectly.", r.URL.Path)}
	}
	v, known := p.web.view().Apps.Get(id)
	if !known {
		return nil, &hadoophttp.Exception{Status: http.StatusNotFound, Message: fmt.Sprintf("Application %s could not be found in RM or history server", id)}
	}
	who, err := p.web.identity.Of(r)
	if err != nil {
		return nil, err
	}
	f.app, f.user, f.base = v, who.User, "/proxy/"+name
	if !service.HasPages(v) {
		return f, nil
	}
	target := v.OriginalURL
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the tracking URL of %s is no http address: %.200q", id, v.OriginalURL)
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if rest != "" {
		raw := strings.TrimSuffix(u.EscapedPath(), "/") + "/" + rest
		if u.Path, err = url.PathUnescape(raw); err != nil {
			return nil, fmt.Errorf("the path is not well escaped: %w", err)
		}
		u.RawPath = raw
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if asked {
		u.RawQuery, u.ForceQuery = query, query == ""
	}
	f.target = u
	return f, nil
}

// foreign warns, once per application, a caller with a name of his own before he opens another user's AM: its
// page runs under our origin, with his cookie. It reports whether it answered. Hadoop warns on Kerberos clusters;
// here it is where ACLs make names matter.
func (p *proxy) foreign(rw http.ResponseWriter, r *http.Request, f *fetch) bool {
	if !p.web.service.Access.Enabled || f.user == f.app.User || f.user == p.web.identity.StaticUser {
		return false
	}
	cookie := checkedPrefix + f.app.ID.String()
	if c, err := r.Cookie(cookie); err == nil && c.Value == "true" {
		return false
	}
	if r.URL.Query().Get("proxyapproved") == "true" {
		http.SetCookie(rw, &http.Cookie{Name: cookie, Value: "true", Path: f.base, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		f.target.RawQuery = strings.TrimPrefix(strings.TrimPrefix(f.target.RawQuery, "proxyapproved=true"), "&")
		return false
	}
	onward := f.base + "/?proxyapproved=true"
	p.message(rw, r, http.StatusOK, "Warning", "The requested application "+f.app.ID.String()+" belongs to "+f.app.User+
		" and may contain code that you do not trust.", &pages.Link{Title: "Go on to its pages", Path: onward})
	return true
}

// rewrite makes the request that the AM gets.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	f := r.In.Context().Value(fetchKey{}).(*fetch)
	r.Out.URL, r.Out.Host = f.target, f.target.Host
	r.Out.Header = http.Header{}
	for _, name := range passedOn {
		if v := r.In.Header.Values(name); len(v) > 0 {
			r.Out.Header[name] = v
		}
	}
	if r.Out.Header.Get("User-Agent") == "" {
		r.Out.Header.Set("User-Agent", "") // none, rather than Go's
	}
	r.Out.Header.Set("Cookie", proxyUser+"="+url.QueryEscape(f.user))
}

var errLoop = errors.New("the AM sends the request back to the proxy: it does not take the proxy's address for its own. " +
	"yarn.resourcemanager.webapp.address must name a host that resolves, on the AM's node, to the address that this ResourceManager connects from")

// answered turns redirects of the AM back into the proxy and keeps it from naming the caller anew.
func (p *proxy) answered(r *http.Response) error {
	f := r.Request.Context().Value(fetchKey{}).(*fetch)
	if l := r.Header.Get("Location"); l != "" {
		to, loop := f.relocate(l)
		if loop && f.back {
			return errLoop
		}
		r.Header.Set("Location", to)
	}
	if cookies := r.Header["Set-Cookie"]; cookies != nil {
		r.Header.Del("Set-Cookie")
		for _, c := range cookies {
			if name, _, _ := strings.Cut(c, "="); !ours(strings.TrimSpace(name)) {
				r.Header.Add("Set-Cookie", c)
			}
		}
	}
	return nil
}

func ours(cookie string) bool {
	return cookie == "hadoop.auth" || cookie == proxyUser || strings.HasPrefix(cookie, checkedPrefix)
}

// relocate is where a redirect of the AM leads for the browser: what stands on the AM itself is reached through the proxy.
func (f *fetch) relocate(location string) (to string, loop bool) {
	u, err := url.Parse(location)
	if err != nil {
		return location, false
	}
	path := u.EscapedPath()
	loop = strings.HasPrefix(path, "/proxy/"+bounced+f.app.ID.String())
	switch {
	case loop, path == f.base, strings.HasPrefix(path, f.base+"/"):
		return location, loop
	case u.Host != "" && u.Host != f.target.Host, u.Host == "" && !strings.HasPrefix(path, "/"):
		return location, false // elsewhere, or beside the page that it came from
	}
	u.Scheme, u.Host, u.User = "", "", nil
	u.Path, u.RawPath = "", ""
	return f.base + path + u.String(), false
}

func (p *proxy) unreachable(rw http.ResponseWriter, r *http.Request, err error) {
	f, ok := r.Context().Value(fetchKey{}).(*fetch)
	if !ok {
		p.message(rw, r, http.StatusBadGateway, "Bad gateway", err.Error(), nil)
		return
	}
	if !errors.Is(err, context.Canceled) {
		p.web.service.Log.Info("an AM was not reached through the proxy", "application", f.app.ID, "url", f.target.String(), "error", err)
	}
	p.message(rw, r, http.StatusBadGateway, "The application's master does not answer", err.Error(), &pages.Link{Title: f.app.ID.String(), Path: "/cluster/app/" + f.app.ID.String()})
}

// dial connects as the ResourceManager's public address, by which AMs know the proxy, where that is an address of this
// machine; and to nothing that an AM should not be able to name.
func (p *proxy) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	f, _ := ctx.Value(fetchKey{}).(*fetch)
	d := net.Dialer{Timeout: dialTimeout, ControlContext: func(ctx context.Context, _, addr string, _ syscall.RawConn) error { return p.allowed(ctx, f, addr) }}
	from := p.own(ctx)
	if from == nil {
		return d.DialContext(ctx, network, addr)
	}
	bound := d
	bound.LocalAddr = &net.TCPAddr{IP: from}
	c, err := bound.DialContext(ctx, network, addr)
	var forbidden *forbiddenAddress
	if err == nil || errors.As(err, &forbidden) || ctx.Err() != nil || !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.Is(err, syscall.EINVAL) && !isAddrError(err) {
		return c, err
	}
	return d.DialContext(ctx, network, addr)
}

// isAddrError is true where no address of addr is of the family that was bound.
func isAddrError(err error) bool {
	var a *net.AddrError
	return errors.As(err, &a)
}

// own is the public address of this ResourceManager, or nil.
func (p *proxy) own(ctx context.Context) net.IP {
	list, err := addresses(ctx, p.web.service.Settings.WebPublic)
	if err != nil || len(list) == 0 || list[0].IsUnspecified() {
		return nil
	}
	return list[0]
}

func addresses(ctx context.Context, hostport string) ([]net.IP, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return new(net.Resolver).LookupIP(ctx, "ip", host)
}

type forbiddenAddress struct{ text string }

func (e *forbiddenAddress) Error() string { return e.text }

// allowed refuses addresses that an AM has no page at: the ResourceManager's own pages (a loop), link-local ones
// (a cloud's metadata), and this machine's loopback unless AM or ResourceManager live there.
func (p *proxy) allowed(ctx context.Context, f *fetch, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	ip := net.ParseIP(host)
	refuse := func(why string) error {
		return &forbiddenAddress{fmt.Sprintf("the tracking URL leads to %s, %s", addr, why)}
	}
	switch {
	case ip == nil, ip.IsUnspecified(), ip.IsMulticast():
		return refuse("which is no address of a host")
	case ip.IsLinkLocalUnicast():
		return refuse("a link-local address")
	case ip.IsLoopback() && !p.lives(ctx, f):
		return refuse("which would be this host and not the AM's")
	}
	if _, own, err := net.SplitHostPort(p.web.service.Settings.WebPublic); err == nil && own == port && local(ip) {
		return refuse("this ResourceManager's own pages")
	}
	return nil
}

// lives reports whether loopback is where the AM or the whole cluster is.
func (p *proxy) lives(ctx context.Context, f *fetch) bool {
	hosts := []string{p.web.service.Settings.WebPublic}
	if f != nil && f.app.AM != nil {
		hosts = append(hosts, f.app.AM.Node.Host)
	}
	for _, h := range hosts {
		list, err := addresses(ctx, h)
		if err == nil && len(list) > 0 && list[0].IsLoopback() {
			return true
		}
	}
	return false
}

// local reports whether ip is an address of this machine.
func local(ip net.IP) bool {
	if ip.IsLoopback() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// message is a page of the proxy's own, in place of an AM's.
func (p *proxy) message(rw http.ResponseWriter, r *http.Request, status int, title, text string, onward *pages.Link) {
	p.web.site.Write(rw, r, status, "message", pages.Page{Title: title, Active: pathApps, Data: struct {
		Text   string
		Onward *pages.Link
	}{text, onward}})
}
