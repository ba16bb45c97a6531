package web

import (
	"net/http"
	"strings"

	hadoophttp "heddle/hadoop/http"
)

// What a Hadoop cluster of the same configuration refuses too, in its words: tokens want Kerberos, the scheduler's
// configuration is a file, there are neither reservations nor node labels.

// refuse answers a named caller's change with err.
func (w *Web) refuse(err error) http.HandlerFunc {
	return w.changes(func(string, *http.Request) (reply, error) { return reply{}, err })
}

func badRequest(text string) error { return &words{http.StatusBadRequest, text} }

func (w *Web) refusals(mux *hadoophttp.Mux, base string) {
	tokens := w.refuse(&words{http.StatusForbidden, "Delegation token operations can only be carried out on a Kerberos authenticated channel. Expected auth type is kerberos, got type SIMPLE"})
	for _, path := range []string{"POST /delegation-token", "DELETE /delegation-token", "POST /delegation-token/expiration"} {
		route(mux, base, path, tokens)
	}
	for path, text := range map[string]string{
		"PUT /scheduler-conf":           "Configuration change only supported by mutable configuration store.",
		"POST /scheduler-conf/validate": "Configuration change validation only supported by MutableConfScheduler.",
	} {
		route(mux, base, path, w.admin(func(string, *http.Request) (reply, error) { return reply{}, badRequest(text) }))
	}
	for path, text := range map[string]string{
		"GET /scheduler-conf":         "This API only supports to retrieve scheduler configuration from a mutable-conf scheduler, underneath scheduler CapacityScheduler is not an instance of MutableConfScheduler",
		"GET /scheduler-conf/format":  "Scheduler Configuration format only supported by MutableConfScheduler",
		"GET /scheduler-conf/version": "Configuration Version only supported by MutableConfScheduler.",
	} {
		route(mux, base, path, w.adminReaders(badRequest(text)))
	}
	reservations := hadoophttp.BadRequest("Reservation is not enabled. Please enable & try again")
	for _, call := range []string{"new-reservation", "submit", "update", "delete"} {
		route(mux, base, "POST /reservation/"+call, w.refuse(reservations))
	}
	route(mux, base, "GET /reservation/list", w.readers(reservations))
	labels := hadoophttp.BadRequest("")
	labels.Message = "java.io.IOException: Node-label-based scheduling is disabled. Please check yarn.node-labels.enabled"
	for _, path := range []string{"POST /add-node-labels", "POST /remove-node-labels", "POST /replace-node-to-labels", "POST /nodes/{id}/replace-labels"} {
		route(mux, base, path, w.admin(func(string, *http.Request) (reply, error) { return reply{}, labels }))
	}
}

// adminReaders answers an administrator's GET with err.
func (w *Web) adminReaders(err error) http.HandlerFunc {
	answer := w.readers(err)
	return func(rw http.ResponseWriter, r *http.Request) {
		if w.service.Access.Enabled && !w.administers(r) {
			fail(rw, r, hadoophttp.Forbidden("Only admins can carry out this operation."))
			return
		}
		answer(rw, r)
	}
}

// readers answers every caller's GET with err.
func (w *Web) readers(err error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if _, bad := w.identity.Of(r); bad != nil {
			fail(rw, r, bad)
			return
		}
		fail(rw, r, err)
	}
}

// route registers "METHOD /path" below base.
func route(mux *hadoophttp.Mux, base, call string, h http.HandlerFunc) {
	method, path, _ := strings.Cut(call, " ")
	mux.HandleFunc(method+" "+base+path, h)
}

// missing answers what stands below /ws/v1/cluster and is no path of Hadoop's, or no method of it.
func missing(mux *hadoophttp.Mux, catchAll string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != catchAll && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			hadoophttp.Fail(rw, r, hadoophttp.NotFound("%s is no path of this service", r.URL.Path))
			return
		}
		rw.Header().Set("Allow", strings.Join(allowed, ", "))
		hadoophttp.Fail(rw, r, &hadoophttp.Exception{Status: http.StatusMethodNotAllowed, Name: "WebApplicationException", Class: "javax.ws.rs.WebApplicationException",
			Message: r.Method + " is no method of " + r.URL.Path + "; it takes " + strings.Join(allowed, ", ")})
	}
}
