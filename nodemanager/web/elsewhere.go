package web

import (
	"net/http"
	"net/url"
	"strings"

	"heddle/yarn"
)

// Where the logs of applications are that have left this node.
type elsewhere struct {
	pages    string // yarn.log.server.url, such as the job history server's pages; empty: not known
	services string // yarn.log.server.web-service.url
}

func (p *pages) readElsewhere() (elsewhere, error) {
	on, err := p.Conf.Bool("yarn.log-aggregation-enable", false)
	if err != nil || !on {
		return elsewhere{}, err
	}
	return elsewhere{strings.TrimSuffix(p.Conf.String("yarn.log.server.url", ""), "/"), strings.TrimSuffix(p.Conf.String("yarn.log.server.web-service.url", ""), "/")}, nil
}

// moved is the container of a request's path, if its application has left this node.
func (p *pages) moved(r *http.Request) (yarn.ContainerID, bool) {
	id, err := yarn.ParseContainerID(trim(r.PathValue("id")))
	if err != nil {
		return id, false
	}
	_, here := p.findApp(id.Attempt.Application)
	return id, !here
}

// orPages lets people go on to the log server: SERVER/NODE/CONTAINER/CONTAINER/USER[/FILE].
func (p *pages) orPages(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, moved := p.moved(r)
		if !moved || p.elsewhere.pages == "" {
			next(w, r)
			return
		}
		to := p.elsewhere.pages + "/" + p.Node.String() + "/" + id.String() + "/" + id.String() + "/" + url.PathEscape(r.PathValue("user"))
		if file := r.PathValue("file"); file != "" {
			to += "/" + url.PathEscape(file)
		}
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusFound)
	}
}

// orServices lets programs go on to the log server's web services. It learns that a node has sent the caller,
// so that it does not send it back.
func (p *pages) orServices(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, moved := p.moved(r)
		if !moved || p.elsewhere.services == "" {
			next(w, r)
			return
		}
		to := p.elsewhere.services + "/containers/" + id.String() + "/logs"
		if file := r.PathValue("file"); file != "" {
			to += "/" + url.PathEscape(file)
		}
		q := r.URL.Query()
		q.Del("nm.id")
		q.Set("redirected_from_node", "true")
		http.Redirect(w, r, to+"?"+q.Encode(), http.StatusTemporaryRedirect)
	}
}
