package core

import (
	"context"
	"testing"
	"time"

	"heddle/yarn"
)

// An increase that no AM brings to the node is taken back after the time for which a grant is good, and AM and node are
// told; one that the node has heard of stays.
func TestAnIncreaseThatIsNotUsedIsTakenBack(t *testing.T) {
	within(t, func(c *Config) { c.AllocationExpiry = time.Minute }, func(w *world) {
		id := w.running(nil)
		grants := w.asks(id, anywhere(2)).Grants
		w.started(grants...)
		used, unused := grants[0], grants[1]
		increase := func(g Grant, version int32, memoryMB int64) SizeUpdate {
			return SizeUpdate{ID: g.ID, Version: version, Increase: true, Target: yarn.NewResource(memoryMB, 1)}
		}
		w.asks(id, AMRequest{Updates: []SizeUpdate{increase(used, 0, 2048), increase(unused, 0, 1536)}})
		w.takes(id)
		time.Sleep(w.cfg.AllocationExpiry / 2)
		w.asks(id, AMRequest{Updates: []SizeUpdate{increase(unused, 1, 2048)}})
		w.takes(id)
		w.must(w.core.NodeReports(context.Background(), NodeNews{Node: used.Node, Measured: []Measured{{used.ID, yarn.NewResource(2048, 1)}}}))
		w.orders(used.Node)
		time.Sleep(w.cfg.AllocationExpiry * 3 / 4) // the first time of the other has passed, the second has not
		if news := w.takes(id); len(news.Sized) != 0 {
			t.Errorf("taken back too early: %v", news.Sized)
		}
		time.Sleep(w.cfg.AllocationExpiry / 2)
		news := w.takes(id)
		if len(news.Sized) != 1 || news.Sized[0].ID != unused.ID || news.Sized[0].Increase || news.Sized[0].Resource != yarn.NewResource(1024, 1) || news.Sized[0].Version != 3 {
			t.Errorf("the AM was told %+v", news.Sized)
		}
		if o := w.orders(unused.Node); len(o.Sized) != 1 || o.Sized[0].ID != unused.ID {
			t.Errorf("the node was told %+v", o.Sized)
		}
		w.books()
	})
}
