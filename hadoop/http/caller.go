package hadoophttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heddle/hadoop/conf"
	"heddle/hadoop/security"
)

// Caller is who makes a request. RealUser is set when User was named by doAs.
type Caller struct {
	User     string
	RealUser string
	Static   bool // nobody was named: User is hadoop.http.staticuser.user
}

// Identity finds the caller of a request on a cluster without Kerberos: the user.name
// parameter, else the cookie that an earlier answer set, else the static user; doAs lets
// a proxy user act for another.
type Identity struct {
	StaticUser string
	Proxies    *security.ProxyUsers       // nil: nobody may act for another
	Groups     func(user string) []string // of the user who is acted for
	Secret     []byte                     // signs the cookie; empty: no cookie is set or accepted
	Now        func() time.Time
}

const (
	authCookie     = "hadoop.auth"
	cookieLifetime = 10 * time.Hour
	maxUserName    = 256
)

// StaticUser reads hadoop.http.staticuser.user.
func StaticUser(c *conf.Config) string {
	user, _, _ := strings.Cut(c.String("hadoop.http.staticuser.user", "dr.who"), ",")
	return user
}

// Of is the caller of r. The error is an *Exception to answer with.
func (i *Identity) Of(r *http.Request) (Caller, error) {
	c, err := i.named(r)
	if err != nil {
		return Caller{}, err
	}
	doAs := parameter(r, "doas")
	if doAs == "" || doAs == c.User {
		return c, nil
	}
	if i.Proxies == nil {
		return Caller{}, Forbidden("User: %s is not allowed to impersonate %s", c.User, doAs)
	}
	if err := i.Proxies.Authorize(c.User, doAs, i.Groups, remoteIP(r)); err != nil {
		return Caller{}, Forbidden("%v", err)
	}
	return Caller{User: doAs, RealUser: c.User}, nil
}

func (i *Identity) named(r *http.Request) (Caller, error) {
	if name := r.URL.Query().Get("user.name"); name != "" {
		if len(name) > maxUserName || strings.ContainsAny(name, "\x00\n\r&") {
			return Caller{}, BadRequest("user.name is not a user name")
		}
		return Caller{User: name}, nil
	}
	if name := i.fromCookie(r); name != "" {
		return Caller{User: name}, nil
	}
	return Caller{User: i.StaticUser, Static: true}, nil
}

// Remember sets the cookie that names the caller in later requests, as Hadoop does after user.name.
func (i *Identity) Remember(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("user.name")
	if name == "" || len(name) > maxUserName || len(i.Secret) == 0 {
		return
	}
	q := url.QueryEscape(name)
	text := "u=" + q + "&p=" + q + "&t=simple&e=" + strconv.FormatInt(i.Now().Add(cookieLifetime).UnixMilli(), 10)
	http.SetCookie(w, &http.Cookie{Name: authCookie, Value: text + "&s=" + i.sign(text), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (i *Identity) sign(text string) string {
	mac := hmac.New(sha256.New, i.Secret)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (i *Identity) fromCookie(r *http.Request) string {
	cookie, err := r.Cookie(authCookie)
	if err != nil || len(i.Secret) == 0 {
		return ""
	}
	text, signature, ok := strings.Cut(strings.Trim(cookie.Value, `"`), "&s=")
	if !ok || !hmac.Equal([]byte(i.sign(text)), []byte(signature)) {
		return ""
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return ""
	}
	expires, err := strconv.ParseInt(values.Get("e"), 10, 64)
	if err != nil || i.Now().UnixMilli() > expires {
		return ""
	}
	return values.Get("u")
}

// parameter is a query parameter whose name is matched without case.
func parameter(r *http.Request, name string) string {
	for key, values := range r.URL.Query() {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

func remoteIP(r *http.Request) net.IP {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return nil
	}
	return net.ParseIP(host)
}
