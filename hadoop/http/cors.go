package hadoophttp

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"heddle/hadoop/conf"
)

// crossOrigin is which scripts of other sites may read a daemon's answers (hadoop.http.cross-origin.*).
type crossOrigin struct {
	origins          []*regexp.Regexp
	methods, headers []string
	maxAge           string
}

// CORS lets scripts of other sites read what the configuration allows, where key (a daemon's webapp.cross-origin.enabled)
// is true; it is off by default, as in Hadoop, and next is returned as it is.
func CORS(c *conf.Config, key string, next http.Handler) (http.Handler, error) {
	on, err := c.Bool(key, false)
	if err != nil || !on {
		return next, err
	}
	age, err := c.Int("hadoop.http.cross-origin.max-age", 1800)
	if err != nil {
		return nil, err
	}
	x := crossOrigin{methods: split(c.String("hadoop.http.cross-origin.allowed-methods", "GET,POST,HEAD")), maxAge: strconv.Itoa(int(age)),
		headers: split(c.String("hadoop.http.cross-origin.allowed-headers", "X-Requested-With,Content-Type,Accept,Origin"))}
	for _, o := range split(c.String("hadoop.http.cross-origin.allowed-origins", "*")) {
		pattern, isRegex := strings.CutPrefix(o, "regex:")
		if !isRegex {
			pattern = strings.ReplaceAll(regexp.QuoteMeta(o), `\*`, `.*`)
		}
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return nil, c.Invalid("hadoop.http.cross-origin.allowed-origins", "origins, * in them for anything, or regex: and an expression")
		}
		x.origins = append(x.origins, re)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.allow(w, r)
		next.ServeHTTP(w, r)
	}), nil
}

// allow tells the browser that the script may read the answer, or, before the request proper, may make it.
func (x *crossOrigin) allow(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	w.Header().Add("Vary", "Origin")
	if origin == "" || strings.ContainsAny(origin, " \r\n") || !slices.ContainsFunc(x.origins, func(re *regexp.Regexp) bool { return re.MatchString(origin) }) {
		return
	}
	if m := r.Header.Get("Access-Control-Request-Method"); m != "" && !slices.Contains(x.methods, m) {
		return
	}
	for _, h := range split(r.Header.Get("Access-Control-Request-Headers")) {
		if !slices.ContainsFunc(x.headers, func(allowed string) bool { return strings.EqualFold(allowed, h) }) {
			return
		}
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", strings.Join(x.methods, ","))
	h.Set("Access-Control-Allow-Headers", strings.Join(x.headers, ","))
	h.Set("Access-Control-Max-Age", x.maxAge)
}

// split takes a comma-separated list apart, without blanks and empty parts.
func split(list string) (out []string) {
	for _, part := range strings.Split(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
