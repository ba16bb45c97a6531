package client

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"

	"google.golang.org/protobuf/proto"
)

// caller makes calls to one address.
type caller interface {
	Call(ctx context.Context, method string, req, resp proto.Message) error
	Close() error
}

// patience is how long and how often a client tries to reach a server that is away.
type patience struct {
	most  time.Duration // negative: for ever
	pause time.Duration
}

// readPatience reads two keys of a configuration, in ms. No pause is longer than a second: Java's clients too knock once a
// second before they wait the whole interval.
func readPatience(c *conf.Config, most, pause string, mostDefault, pauseDefault time.Duration) (p patience, err error) {
	if p.most, err = c.Duration(most, mostDefault, time.Millisecond); err != nil {
		return p, err
	}
	p.pause, err = c.Duration(pause, pauseDefault, time.Millisecond)
	p.pause = min(max(p.pause, 10*time.Millisecond), time.Second)
	return p, err
}

// retrying repeats calls that did not reach the server or lost it on the way, so that clients do not notice its restart. All calls that go through it may be carried out twice: YARN's protocols name them idempotent or at most once.
type retrying struct {
	*rpc.Client
	patience patience
	quiet    bool // the caller tells of the outage itself
}

func (r *retrying) Call(ctx context.Context, method string, req, resp proto.Message) error {
	began := time.Now()
	for told := false; ; {
		err := r.Client.Call(ctx, method, req, resp)
		if err == nil || !away(err) || ctx.Err() != nil {
			return err
		}
		if r.patience.most >= 0 && time.Since(began) >= r.patience.most {
			return err
		}
		if !told && !r.quiet {
			slog.Warn("the ResourceManager does not answer; trying until it does", "address", r.Address(), "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(r.patience.pause):
		}
	}
}

// away reports whether an error is of the network, not an answer.
func away(err error) bool {
	var remote *rpc.Error
	if errors.As(err, &remote) || errors.Is(err, rpc.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
