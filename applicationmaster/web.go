package applicationmaster

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"time"

	hadoophttp "heddle/hadoop/http"
	"heddle/job/rendezvous"
	"heddle/job/status"
	"heddle/yarn"
)

func (m *master) routes() http.Handler {
	mux := hadoophttp.NewMux(nil)
	m.agents.Register(mux.ServeMux)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		if s := m.status(); s != nil {
			hadoophttp.AnswerBare(w, r, http.StatusOK, "job", s)
			return
		}
		hadoophttp.Fail(w, r, hadoophttp.NotFound("the job has ended"))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		s := m.status()
		if s == nil {
			hadoophttp.Fail(w, r, hadoophttp.NotFound("the job has ended"))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := page.Execute(w, s); err != nil {
			m.Log.Debug("a page was not sent whole", "error", err)
		}
	})
	return mux
}

func (m *master) status() (s *status.Job) {
	m.tell(func() { s = m.core.job.Status() })
	return s
}

// record writes the status to the staging directory.
func (m *master) record(s *status.Job) {
	if m.dir == nil {
		return
	}
	if err := m.dir.WriteStatus(s); err != nil {
		m.Log.Warn("the job's status was not recorded", "error", err)
	}
}

var page = template.Must(template.New("job").Parse(`<!DOCTYPE html><html><head><meta charset="utf-8"><title>{{.Name}}</title></head><body>
<h1>{{.Name}}</h1><p>{{.State}} {{.Detail}} {{.Diagnostics}}</p><p>user {{.User}}, queue {{.Queue}}, {{.Application}}, attempt {{.Attempt}}</p>
<table><tr><th>Task</th><th>State</th><th>Host</th><th>Container</th><th>Exit code</th><th>Reason</th></tr>
{{range $r := .Roles}}{{range .Tasks}}<tr><td>{{$r.Name}}-{{.Index}}</td><td>{{.State}}</td><td>{{.Host}}</td><td>{{if .NodeHTTP}}<a href="http://{{.NodeHTTP}}/node/containerlogs/{{.Container}}/{{$.User}}">{{.Container}}</a>{{end}}</td><td>{{with .ExitCode}}{{.}}{{end}}</td><td>{{.Reason}}</td></tr>
{{end}}{{end}}</table></body></html>
`))

// door is the master as its agents meet it.
type door master

var (
	errOver     = errors.New("the job has ended")
	errStranger = errors.New("the job does not use this container (any more)")
)

// rosterWait is how long an agent's question for the roster is kept open; the agent's own limit is a minute.
const rosterWait = 20 * time.Second

func (d *door) ask(f func(m *master)) error {
	m := (*master)(d)
	if !m.tell(func() { f(m) }) {
		return errOver
	}
	return nil
}

// Secret implements rendezvous.Master.
func (d *door) Secret(container string) (secret []byte, ok bool) {
	id, err := yarn.ParseContainerID(container)
	if err != nil {
		return nil, false
	}
	if d.ask(func(m *master) { secret, ok = m.core.secrets[id] }) != nil {
		return nil, false
	}
	return secret, ok
}

// Hello implements rendezvous.Master.
func (d *door) Hello(_ context.Context, container string) (a *rendezvous.Assignment, err error) {
	id, err := yarn.ParseContainerID(container)
	if err != nil {
		return nil, err
	}
	over := d.ask(func(m *master) {
		role, index, ok := m.core.job.Find(id)
		if !ok {
			err = errStranger
			return
		}
		a = &rendezvous.Assignment{Framework: m.Launch.Framework, Role: role, Index: index, Application: m.container.Attempt.Application.String()}
	})
	return a, errors.Join(over, err)
}

// Ready implements rendezvous.Master.
func (d *door) Ready(_ context.Context, container string, r rendezvous.Ready) (err error) {
	id, err := yarn.ParseContainerID(container)
	if err != nil {
		return err
	}
	over := d.ask(func(m *master) { err = m.core.job.AtGate(time.Now(), id, r) })
	return errors.Join(over, err)
}

// Roster implements rendezvous.Master.
func (d *door) Roster(ctx context.Context, container string) (*rendezvous.Roster, error) {
	id, err := yarn.ParseContainerID(container)
	if err != nil {
		return nil, err
	}
	timeout := time.After(rosterWait)
	for {
		out, change := &rendezvous.Roster{}, (<-chan struct{})(nil)
		over := d.ask(func(m *master) {
			if _, _, ok := m.core.job.Find(id); !ok {
				err = errStranger
				return
			}
			out.Places, out.Whole = m.core.job.Places()
			change = m.core.whole
		})
		if err := errors.Join(over, err); err != nil || out.Whole {
			return out, err
		}
		select {
		case <-change:
		case <-d.done:
			return nil, errOver
		case <-timeout:
			return out, nil
		case <-ctx.Done():
			return out, nil
		}
	}
}

// Exit implements rendezvous.Master.
func (d *door) Exit(_ context.Context, container string, e rendezvous.Exit) error {
	id, err := yarn.ParseContainerID(container)
	if err != nil {
		return err
	}
	return d.ask(func(m *master) { m.core.job.Reported(time.Now(), id, e) })
}
