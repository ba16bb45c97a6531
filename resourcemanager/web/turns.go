package web

import (
	"context"
	"io"
	"net/http"
	"runtime"

	"heddle/hadoop/http/pages"
)

// turns lets only so many long lists be made at the same time, half as many as there are processors: whoever polls
// them does not keep heartbeats and allocations waiting. A turn is given back while the network takes what was made, so
// that a slow reader holds up nobody.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// take waits for a turn. The error is that the caller is gone.
func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turns) give() { <-t }

// page makes a page within a turn.
func (t turns) page(data func(*http.Request) (pages.Page, error)) func(*http.Request) (pages.Page, error) {
	return func(r *http.Request) (pages.Page, error) {
		if err := t.take(r.Context()); err != nil {
			return pages.Page{}, err
		}
		defer t.give()
		return data(r)
	}
}

// inTurn writes for one who has a turn, and gives it away while the bytes go out. Flush sends what is left.
type inTurn struct {
	turns turns
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
	w.turns.give()
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	if e := w.turns.take(w.ctx); e != nil {
		w.lost = true
		return e
	}
	return err
}

// done gives the turn back.
func (w *inTurn) done() {
	if !w.lost {
		w.turns.give()
	}
}
