package web

import (
	"context"
	"io"
	"net/http"

	"heddle/hadoop/http/pages"
	"heddle/resourcemanager/service"
)

// inPage makes a page within a turn of long lists.
func (w *Web) inPage(data func(*http.Request) (pages.Page, error)) func(*http.Request) (pages.Page, error) {
	return func(r *http.Request) (pages.Page, error) {
		if err := w.service.Lists.Take(r.Context()); err != nil {
			return pages.Page{}, err
		}
		defer w.service.Lists.Give()
		return data(r)
	}
}

// inTurn writes for one who has a turn, and gives it away while the bytes go out, so that a slow reader holds up nobody.
// Flush sends what is left.
type inTurn struct {
	turns service.Turns
	ctx   context.Context
	out   io.Writer
	buf   []byte
	lost  bool // the turn; the caller is gone
}

func (w *inTurn) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	if len(w.buf) < chunk {
		return len(b), nil
	}
	return len(b), w.Flush()
}

func (w *inTurn) Flush() error {
	if w.lost {
		return w.ctx.Err()
	}
	w.turns.Give()
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	if e := w.turns.Take(w.ctx); e != nil {
		w.lost = true
		return e
	}
	return err
}

// done gives the turn back.
func (w *inTurn) done() {
	if !w.lost {
		w.turns.Give()
	}
}
