package web

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	hadoophttp "heddle/hadoop/http"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
)

// chunk is how much of a list is written at once.
const chunk = 64 << 10

// apps is the application list, the newest first. It is written as it is made: a list of ten thousand needs no more
// memory than one chunk.
func (w *Web) apps(rw http.ResponseWriter, r *http.Request) {
	f, see, err := w.listed(r)
	if err != nil {
		hadoophttp.Fail(rw, r, err)
		return
	}
	view := w.view()
	next := func(each func(appInfo) error) error {
		left := f.limit
		for _, v := range f.among(view) {
			if left == 0 {
				return nil
			}
			if !f.accepts(v) {
				continue
			}
			left--
			if seen := see(v); seen != nil {
				if err := each(w.application(view, seen, f.hide)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if w.service.Lists.Take(r.Context()) != nil {
		return // the caller is gone
	}
	body := &inTurn{turns: w.service.Lists, ctx: r.Context(), out: rw}
	defer body.done()
	out, finish := hadoophttp.CompressedInto(body, rw, r)
	if hadoophttp.WantsXML(r) {
		rw.Header().Set("Content-Type", "application/xml;charset=utf-8")
		err = xmlList(out, next)
	} else {
		rw.Header().Set("Content-Type", "application/json;charset=utf-8")
		err = jsonList(out, next)
	}
	if err == nil {
		err = finish()
	}
	if err == nil {
		err = body.Flush()
	}
	if err != nil {
		w.service.Log.Debug("an application list was not sent whole", "error", err)
	}
}

// listed is what the caller asked for, and what the caller may see of each: nil for one to be left out.
func (w *Web) listed(r *http.Request) (filter, func(*core.AppView) *core.AppView, error) {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		return f, nil, err
	}
	if f.queue != "" && !slices.ContainsFunc(w.view().Queues, func(q scheduler.QueueInfo) bool { return q.Path == f.queue || q.Config.Name == f.queue }) {
		return f, nil, hadoophttp.BadRequest("Unknown queue: %s", f.queue)
	}
	see, err := w.seen(r)
	if err != nil {
		return f, nil, err
	}
	own, err := w.service.Settings.Conf.Bool("yarn.webapp.filter-entity-list-by-user", false)
	if err != nil || !own {
		return f, see, err
	}
	who, err := w.identity.Of(r)
	return f, func(v *core.AppView) *core.AppView {
		if !w.service.Access.View(v, who.User) {
			return nil
		}
		return v
	}, err
}

func jsonList(out io.Writer, next func(func(appInfo) error) error) error {
	e := encoder{b: make([]byte, 0, chunk+16<<10)}
	e.b = append(e.b, `{"apps":{`...)
	first := true
	err := next(func(a appInfo) error {
		if first {
			e.b = append(e.b, `"app":[`...)
			first = false
		}
		e.comma()
		a.append(&e)
		if len(e.b) < chunk {
			return nil
		}
		last := e.b[len(e.b)-1]
		_, err := out.Write(e.b[:len(e.b)-1])
		e.b = append(e.b[:0], last) // comma looks at it
		return err
	})
	if err != nil {
		return err
	}
	if !first {
		e.b = append(e.b, ']')
	}
	_, err = out.Write(append(e.b, "}}"...))
	return err
}

func xmlList(out io.Writer, next func(func(appInfo) error) error) error {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><apps>`)
	err := next(func(a appInfo) error {
		if err := hadoophttp.WriteXML(b, "app", a); err != nil {
			return err
		}
		if b.Len() < chunk {
			return nil
		}
		_, err := b.WriteTo(out)
		return err
	})
	if err != nil {
		return err
	}
	b.WriteString("</apps>")
	_, err = b.WriteTo(out)
	return err
}
