package service

import (
	"context"
	"runtime"
)

// Turns lets only so many long lists be made at the same time, half as many as there are processors: whoever polls them,
// over REST or RPC, does not keep heartbeats and allocations waiting. Nil has no limit.
type Turns chan struct{}

// NewTurns are the turns of one ResourceManager.
func NewTurns() Turns { return make(Turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// Take waits for a turn. The error is that the caller is gone.
func (t Turns) Take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Give lets another have the turn.
func (t Turns) Give() {
	if t != nil {
		<-t
	}
}
