package web

import (
	"errors"
	"net/http"
	"strings"

	yarnpb "heddle/hadoop-proto/yarn"
	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/rpc"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// reply is what a call that changes something answers.
type reply struct {
	status   int
	location string
	root     string // of the XML; of the JSON too where rooted
	rooted   bool
	value    any // nil: no body
}

func ok(root string, v any) reply { return reply{status: http.StatusOK, root: root, value: v} }

// words is a refusal in plain text, which Hadoop gives some of its answers.
type words struct {
	status int
	text   string
}

func (e *words) Error() string { return e.text }

// changes wraps a call that changes something. Who makes it must have a name: a body that
// anyone may send would run as nobody in particular.
func (w *Web) changes(f func(who string, r *http.Request) (reply, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		who, err := w.identity.Of(r)
		if err == nil && (who.Static || who.User == w.identity.StaticUser) {
			err = hadoophttp.Forbidden("The default static user cannot carry out this operation.")
		}
		var a reply
		if err == nil {
			a, err = f(who.User, r)
		}
		if err != nil {
			fail(rw, r, err)
			return
		}
		if a.location != "" {
			rw.Header().Set("Location", a.location)
		}
		switch {
		case a.value == nil:
			rw.WriteHeader(a.status)
		case a.rooted:
			hadoophttp.Answer(rw, r, a.status, a.root, a.value)
		default:
			hadoophttp.AnswerBare(rw, r, a.status, a.root, a.value)
		}
	}
}

func fail(rw http.ResponseWriter, r *http.Request, err error) {
	var plain *words
	if errors.As(err, &plain) {
		rw.Header().Set("Content-Type", "application/json;charset=utf-8") // as Hadoop, although it is none
		rw.WriteHeader(plain.status)
		_, _ = rw.Write([]byte(plain.text)) // the caller is gone: nobody is left to tell
		return
	}
	hadoophttp.Fail(rw, r, err)
}

// admin wraps a call that only administrators may make, where ACLs are enabled.
func (w *Web) admin(f func(who string, r *http.Request) (reply, error)) http.HandlerFunc {
	return w.changes(func(who string, r *http.Request) (reply, error) {
		if w.service.Access.Enabled && !w.service.Access.Admin(who) {
			return reply{}, hadoophttp.Forbidden("Only admins can carry out this operation.")
		}
		return f(who, r)
	})
}

// refused turns a refusal of the service into what Hadoop's web services make of it: the missing right is
// told in denied's words, a state that does not allow it (its text begins with state) as a 400, anything else as a 503.
func refused(err error, denied, state string) error {
	var e *rpc.Error
	if !errors.As(err, &e) {
		return err
	}
	text := e.Message
	switch {
	case e.Class == rpc.ClassAccessControl, strings.HasPrefix(text, rpc.ClassAccessControl), strings.HasPrefix(text, service.JavaAccessControl):
		return &words{http.StatusForbidden, denied}
	case state != "" && strings.HasPrefix(text, state):
		return &words{http.StatusBadRequest, text}
	}
	return &hadoophttp.Exception{Status: http.StatusServiceUnavailable, Name: "UndeclaredThrowableException", Message: text, Class: "java.lang.reflect.UndeclaredThrowableException"}
}

func requestURL(r *http.Request) string { return "http://" + r.Host + r.URL.EscapedPath() }

type newApplication struct {
	ID      string       `json:"application-id"`
	Maximum resourceInfo `json:"maximum-resource-capability"`
}

func (w *Web) submissionsAllowed() error {
	on, err := w.service.Settings.Conf.Bool("yarn.webapp.enable-rest-app-submissions", true)
	if err == nil && !on {
		err = hadoophttp.Forbidden("App submission via REST is disabled.")
	}
	return err
}

// newApplication hands out an id, to anyone: it is worth nothing without a submission.
func (w *Web) newApplication(rw http.ResponseWriter, r *http.Request) {
	if _, err := w.identity.Of(r); err != nil {
		hadoophttp.Fail(rw, r, err)
		return
	}
	if err := w.submissionsAllowed(); err != nil {
		hadoophttp.Fail(rw, r, err)
		return
	}
	hadoophttp.AnswerBare(rw, r, http.StatusOK, "NewApplication", newApplication{w.service.Core.NewApplicationID().String(), w.resource(w.service.LargestNow(""))})
}

func (w *Web) submit(who string, r *http.Request) (reply, error) {
	if err := w.submissionsAllowed(); err != nil {
		return reply{}, err
	}
	body, err := hadoophttp.ReadTree(r, "application-submission-context")
	if err != nil {
		return reply{}, err
	}
	p, err := submissionContext(body)
	if err != nil {
		return reply{}, err
	}
	if err := w.service.SubmitAs(r.Context(), who, p); err != nil {
		var e *rpc.Error
		if errors.As(err, &e) {
			return reply{}, hadoophttp.BadRequest("%s", e.Message)
		}
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, location: requestURL(r) + "/" + strings.TrimSpace(body.Text("application-id"))}, nil
}

type appState struct {
	State string `json:"state"`
}

func (w *Web) state(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	return "appstate", appState{innerName(v)}, nil
}

// innerName is the state as Java's RMApp names it, which knows KILLING and FINAL_SAVING.
func innerName(v *core.AppView) string {
	if v.Inner == "" {
		return v.State.String()
	}
	return v.Inner
}

func (w *Web) setState(who string, r *http.Request) (reply, error) {
	v, body, err := w.changed(r, "appstate")
	if err != nil {
		return reply{}, err
	}
	wanted := strings.TrimSpace(body.Text("state"))
	if wanted == innerName(v) {
		return ok("appstate", appState{wanted}), nil
	}
	if wanted != yarn.AppKilled.String() {
		return reply{}, hadoophttp.BadRequest("Only '%s' is allowed as a target state.", yarn.AppKilled)
	}
	done, err := w.service.KillAs(r.Context(), who, v, body.Text("diagnostics"))
	if err != nil {
		return reply{}, refused(err, "Unauthorized attempt to kill appid "+v.ID.String()+" by remote user "+who, "")
	}
	now := v
	if latest, found := w.view().Apps.Get(v.ID); found {
		now = latest
	}
	a := ok("appstate", appState{innerName(now)})
	if !done {
		a.status, a.location = http.StatusAccepted, requestURL(r)
	}
	return a, nil
}

// changed is the application of a request's path, with the body that says how to change it.
func (w *Web) changed(r *http.Request, root string) (*core.AppView, *hadoophttp.Tree, error) {
	v, err := w.known(r)
	if err != nil {
		return nil, nil, err
	}
	body, err := hadoophttp.ReadTree(r, root)
	return v, body, err
}

type appQueue struct {
	Queue string `json:"queue"`
}

func (w *Web) queueOf(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	return "appqueue", appQueue{v.QueuePath}, nil
}

func (w *Web) setQueue(who string, r *http.Request) (reply, error) {
	v, body, err := w.changed(r, "appqueue")
	if err != nil {
		return reply{}, err
	}
	to := strings.TrimSpace(body.Text("queue"))
	if to == "" {
		return reply{}, hadoophttp.BadRequest("the body names no queue")
	}
	if to != v.QueuePath {
		if err := w.service.MoveAs(r.Context(), who, v, to); err != nil {
			return reply{}, refused(err, "Unauthorized attempt to move appid "+v.ID.String()+" by remote user "+who, "App in")
		}
		if v, err = w.known(r); err != nil {
			return reply{}, err
		}
	}
	return ok("appqueue", appQueue{v.QueuePath}), nil
}

type appPriority struct {
	Priority int32 `json:"priority"`
}

func (w *Web) priority(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	return "applicationpriority", appPriority{v.Priority}, nil
}

func (w *Web) setPriority(who string, r *http.Request) (reply, error) {
	v, body, err := w.changed(r, "applicationpriority")
	if err != nil {
		return reply{}, err
	}
	x := &reader{}
	n := x.integer32(body, "priority")
	if x.err != nil {
		return reply{}, x.err
	}
	if n == nil {
		return reply{}, hadoophttp.BadRequest("the body has no priority")
	}
	if *n == v.Priority {
		return ok("applicationpriority", appPriority{v.Priority}), nil
	}
	set, err := w.service.SetPriorityAs(r.Context(), who, v, *n)
	if err != nil {
		return reply{}, refused(err, "Unauthorized attempt to change priority of appid "+v.ID.String()+" by remote user "+who, "Application in")
	}
	return ok("applicationpriority", appPriority{set}), nil
}

type timeoutInfo struct {
	Type    string `json:"type"`
	Expires string `json:"expiryTime"`
	Left    int64  `json:"remainingTimeInSeconds"`
}

const lifetime = "LIFETIME"

func (w *Web) timeout(v *core.AppView) timeoutInfo {
	expires, left := w.service.Lifetime(v)
	return timeoutInfo{lifetime, expires, left}
}

func (w *Web) timeouts(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	return "timeouts", map[string][]timeoutInfo{"timeout": {w.timeout(v)}}, nil
}

func (w *Web) timeoutOf(r *http.Request) (string, any, error) {
	v, err := w.find(r)
	if err != nil {
		return "", nil, err
	}
	if !isLifetime(r.PathValue("type")) {
		return "", nil, noTimeout(r.PathValue("type"))
	}
	return "timeout", w.timeout(v), nil
}

func isLifetime(kind string) bool { return strings.EqualFold(strings.TrimSpace(kind), lifetime) }

func noTimeout(kind string) error {
	return hadoophttp.BadRequest("Invalid application-state %s specified. It should be one of [LIFETIME]", strings.TrimSpace(kind))
}

func (w *Web) setTimeout(who string, r *http.Request) (reply, error) {
	v, body, err := w.changed(r, "timeout")
	if err != nil {
		return reply{}, err
	}
	if !body.Has("type") || !body.Has("expiryTime") {
		return reply{}, &words{http.StatusBadRequest, "Timeout type or ExpiryTime is null."}
	}
	if !isLifetime(body.Text("type")) {
		return reply{}, noTimeout(body.Text("type"))
	}
	if !v.State.Final() { // an ended one keeps what it has
		if _, err := w.service.SetTimeoutAs(r.Context(), who, v, strings.TrimSpace(body.Text("expiryTime"))); err != nil {
			return reply{}, refused(err, "Unauthorized attempt to change timeout of app "+v.ID.String()+" by remote user "+who, "Expire time is not")
		}
		if v, err = w.known(r); err != nil {
			return reply{}, err
		}
	}
	a := ok("timeout", w.timeout(v))
	a.rooted = true
	return a, nil
}

// signal passes a signal on to a running container. As in Hadoop it is for administrators; others signal over RPC.
func (w *Web) signal(who string, r *http.Request) (reply, error) {
	name := strings.ToUpper(r.PathValue("command"))
	command, known := yarnpb.SignalContainerCommandProto_value[name]
	if !known {
		return reply{}, &words{http.StatusBadRequest, "Invalid command: " + name + ", valid commands are: [OUTPUT_THREAD_DUMP, GRACEFUL_SHUTDOWN, FORCEFUL_SHUTDOWN]"}
	}
	id, err := yarn.ParseContainerID(r.PathValue("id"))
	if err != nil {
		return reply{}, &words{http.StatusInternalServerError, badContainer(r.PathValue("id"))}
	}
	v, found := w.view().Apps.Get(id.Attempt.Application)
	if !found {
		return reply{}, &words{http.StatusInternalServerError, "Trying to signal an absent container " + id.String()}
	}
	if err := w.service.SignalAs(r.Context(), who, v, id, command); err != nil {
		var e *rpc.Error
		if errors.As(err, &e) {
			return reply{}, &words{http.StatusInternalServerError, e.Message}
		}
		return reply{}, err
	}
	return reply{status: http.StatusOK}, nil
}
