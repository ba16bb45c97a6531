package web

import (
	"net/http"

	hadoophttp "heddle/hadoop/http"
)

// read is a GET: the root of the answer, and what stands below it.
type read func(*http.Request) (root string, v any, err error)

func answerRead(f read, write func(http.ResponseWriter, *http.Request, int, string, any)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		root, v, err := f(r)
		if err != nil {
			fail(rw, r, err)
			return
		}
		write(rw, r, http.StatusOK, root, v)
	}
}

// rest registers every path of /ws/v1/cluster.
func (w *Web) rest(mux *hadoophttp.Mux) {
	const base = "/ws/v1/cluster"
	for path, f := range map[string]read{
		"": w.info, "/{$}": w.info, "/info": w.info, "/metrics": w.metrics, "/scheduler": w.scheduler,
		"/nodes": w.nodes, "/nodes/{id}": w.node, "/apps/{id}": w.app, "/apps/{id}/appattempts": w.attempts,
		"/appstatistics": w.statistics, "/scheduler/activities": w.activities, "/scheduler/bulk-activities": w.bulkActivities,
		"/scheduler/app-activities/{id}": w.appActivities,
		"/apps/{id}/timeouts":            w.timeouts, "/apps/{id}/timeouts/{type}": w.timeoutOf,
	} {
		mux.HandleFunc("GET "+base+path, answerRead(f, hadoophttp.Answer))
	}
	for path, f := range map[string]read{ // without a root in JSON
		"/userinfo": w.userinfo, "/apps/{id}/state": w.state, "/apps/{id}/queue": w.queueOf, "/apps/{id}/priority": w.priority,
	} {
		mux.HandleFunc("GET "+base+path, answerRead(f, hadoophttp.AnswerBare))
	}
	for path, f := range map[string]read{ // in the older notation
		"/scheduler-overview": w.overview, "/apps/{id}/appattempts/{attempt}": w.attempt,
		"/apps/{id}/appattempts/{attempt}/containers": w.containers, "/apps/{id}/appattempts/{attempt}/containers/{container}": w.containerOf,
		"/queues/{queue}/access": w.queueAccess, "/get-node-labels": w.noLabels, "/nodes/{id}/get-labels": w.noLabels,
		"/get-node-to-labels": w.nodesToLabels, "/label-mappings": w.labelsToNodes, "/get-rm-node-labels": w.partitions,
	} {
		mux.HandleFunc("GET "+base+path, answerRead(f, hadoophttp.AnswerMapped))
	}
	route(mux, base, "POST /scheduler/logs", w.unbuilt)
	mux.HandleFunc("GET "+base+"/apps", w.apps)
	mux.HandleFunc("POST "+base+"/apps/new-application", w.newApplication)
	for call, h := range map[string]http.HandlerFunc{
		"POST /apps": w.changes(w.submit), "PUT /apps/{id}/state": w.changes(w.setState), "PUT /apps/{id}/queue": w.changes(w.setQueue),
		"PUT /apps/{id}/priority": w.changes(w.setPriority), "PUT /apps/{id}/timeout": w.changes(w.setTimeout),
		"POST /containers/{id}/signal/{command}": w.admin(w.signal), "POST /nodes/{id}/resource": w.changes(w.resize),
	} {
		route(mux, base, call, h)
	}
	w.refusals(mux, base)
	mux.HandleFunc(base+"/", missing(mux, base+"/"))
}
