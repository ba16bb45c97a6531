package hadoophttp

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// CSRF refuses requests that a browser was lured into: those of a browser, by a method that changes something, without the
// header that only a page of ours sends. prefix names the keys, such as yarn.resourcemanager.webapp.rest-csrf; it is off
// by default, as in Hadoop, and next is returned as it is.
func CSRF(c *conf.Config, prefix string, next http.Handler) (http.Handler, error) {
	on, err := c.Bool(prefix+".enabled", false)
	if err != nil || !on {
		return next, err
	}
	header := c.String(prefix+".custom-header", "X-XSRF-Header")
	ignored := strings.Split(strings.ToUpper(c.String(prefix+".methods-to-ignore", "GET,OPTIONS,HEAD,TRACE")), ",")
	var browsers []*regexp.Regexp
	for _, p := range strings.Split(c.String(prefix+".browser-useragents-regex", "^Mozilla.*,^Opera.*"), ",") {
		re, err := regexp.Compile("^(?:" + strings.TrimSpace(p) + ")$")
		if err != nil {
			return nil, c.Invalid(prefix+".browser-useragents-regex", "regular expressions")
		}
		browsers = append(browsers, re)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		browser := slices.ContainsFunc(browsers, func(re *regexp.Regexp) bool { return re.MatchString(r.UserAgent()) })
		if browser && r.Header.Get(header) == "" && !slices.Contains(ignored, r.Method) {
			http.Error(w, fmt.Sprintf("Missing Required Header for CSRF Vulnerability Protection: %s", header), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}
