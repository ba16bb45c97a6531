package web

import (
	"net/http"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// The scheduler keeps no diary of its passes, as Java's "activities" are. What it does know is why an application
// waits now, and that is what is told.

type diary struct {
	Diagnostic string `json:"diagnostic"`
}

var noDiary = diary{"this scheduler keeps no activities; .../scheduler/app-activities/{appid} tells why an application waits"}

func (w *Web) activities(*http.Request) (string, any, error) { return "activities", noDiary, nil }

func (w *Web) bulkActivities(*http.Request) (string, any, error) {
	return "bulkActivities", map[string][]diary{"activities": {noDiary}}, nil
}

type appActivities struct {
	ID         string `json:"applicationId"`
	Diagnostic string `json:"diagnostic"`
	Timestamp  int64  `json:"timestamp"`
	Date       string `json:"dateTime"`
}

func (w *Web) appActivities(r *http.Request) (string, any, error) {
	out := appActivities{ID: r.PathValue("id"), Timestamp: w.now(), Date: w.service.Clock().Format(time.UnixDate)}
	id, err := yarn.ParseApplicationID(out.ID)
	if err != nil {
		out.Diagnostic = "Cannot find application with given appId"
		return "appActivities", out, nil
	}
	v, ok := w.view().Apps.Get(id)
	if !ok || v.State.Final() {
		out.Diagnostic = "fail to get application activities after finished"
		return "appActivities", out, nil
	}
	see, err := w.seen(r)
	if err != nil {
		return "", nil, err
	}
	if out.Diagnostic = service.Diagnostics(see(v)); out.Diagnostic == "" {
		out.Diagnostic = "the application waits for nothing"
	}
	return "appActivities", out, nil
}

// unbuilt refuses what Hadoop has and this scheduler cannot have: it is a pure function and writes no log of its own.
func (w *Web) unbuilt(rw http.ResponseWriter, r *http.Request) {
	hadoophttp.Fail(rw, r, hadoophttp.NotBuilt(r.Method+" "+r.URL.Path))
}
