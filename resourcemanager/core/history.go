package core

import (
	"context"
	"slices"
	"strings"

	"heddle/yarn"
)

// remembered bounds the ended containers that are kept to be shown, and saidMost (bytes) what is kept of each one's diagnostics.
const (
	remembered = 10_000
	saidMost   = 500
)

// EndedContainer is a container that is over. Only the last ones are known, and none of before a restart.
type EndedContainer struct {
	Grant
	Finish      int64 // ms
	Exit        yarn.ExitStatus
	Diagnostics string
	State       string // COMPLETED, RELEASED, EXPIRED or KILLED
}

// history is a ring of the containers that ended last; each knows the one before it of the same application.
type history struct {
	ring []pastContainer
	next uint64 // how many there were so far
}

type pastContainer struct {
	EndedContainer
	before uint64 // 1 + number of the application's one before; 0: none
}

func (h *history) add(k *container, e Exit, now int64) {
	said := strings.Clone(e.Diagnostics[:min(len(e.Diagnostics), saidMost)])
	p := pastContainer{EndedContainer{k.grant(), now, e.Status, strings.ToValidUTF8(said, ""), k.state.String()}, k.app.lastEnded}
	if len(h.ring) < remembered {
		h.ring = append(h.ring, p)
	} else {
		h.ring[h.next%remembered] = p
	}
	h.next++
	k.app.lastEnded = h.next
}

// of lists an application's ended containers that are still known, the last one first, until each says to stop.
func (h *history) of(a *application, each func(EndedContainer) (more bool)) {
	for n := a.lastEnded; n > 0 && h.next-n < remembered; {
		p := &h.ring[(n-1)%remembered]
		if !each(p.EndedContainer) {
			return
		}
		n = p.before
	}
}

// Ended lists an application's ended containers that are still known, the last one first, and at most that many.
func (c *Core) Ended(ctx context.Context, id yarn.ApplicationID, most int) (out []EndedContainer, err error) {
	err = c.call(ctx, func() {
		if a := c.apps[id]; a != nil {
			c.history.of(a, func(e EndedContainer) bool {
				out = append(out, e)
				return len(out) < most
			})
		}
	})
	return out, err
}

// EndedContainer finds an ended container that is still known.
func (c *Core) EndedContainer(ctx context.Context, id yarn.ContainerID) (found EndedContainer, ok bool, err error) {
	err = c.call(ctx, func() {
		if a := c.apps[id.Attempt.Application]; a != nil {
			c.history.of(a, func(e EndedContainer) bool {
				if e.ID == id {
					found, ok = e, true
				}
				return !ok
			})
		}
	})
	return found, ok, err
}

// ContainersOn lists a node's live containers in order.
func (c *Core) ContainersOn(ctx context.Context, id yarn.NodeID) (out []ContainerView, err error) {
	err = c.call(ctx, func() {
		if n := c.nodes[id]; n != nil {
			for _, k := range n.containers {
				out = append(out, k.view())
			}
		}
	})
	slices.SortFunc(out, func(a, b ContainerView) int { return a.ID.Compare(b.ID) })
	return out, err
}
