package rpc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	readBufferSize = 4 << 10  // per connection, so small: thousands of nodes stay connected
	growStep       = 64 << 10 // a claimed length is believed in steps of this
	keepBuffer     = 64 << 10 // larger buffers are given back after use
)

var (
	errFrameLength = errors.New("frame length out of bounds")
	errNoRoom      = errors.New("no memory is left for requests")
)

// frameReader reads length-prefixed frames. It is owned by the connection's reading goroutine.
type frameReader struct {
	in  *bufio.Reader
	buf []byte // holds frames larger than in's buffer
	// pending is the size of the last frame, still to be discarded from in.
	pending int

	memory *memory          // what buf counts against; nil: nothing
	held   int64            // how much of it
	under  *frameReader     // which in reads from, where frames come wrapped
	wait   func(begun bool) // is called before each part of a large frame and after the last; may be nil
}

func newFrameReader(in io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(in, readBufferSize)}
}

// next returns the next frame, valid until the following call. A length above limit
// is errFrameLength. io.EOF comes only between frames.
func (r *frameReader) next(limit int) ([]byte, error) {
	if err := r.release(); err != nil {
		return nil, err
	}
	head, err := r.in.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(head)))
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%w: %d, allowed are 0 to %d", errFrameLength, n, limit)
	}
	if n+4 <= r.in.Size() {
		b, err := r.in.Peek(n + 4)
		if err != nil {
			return nil, unexpected(err)
		}
		r.pending = n + 4
		return b[4:], nil
	}
	if _, err := r.in.Discard(4); err != nil {
		return nil, err
	}
	return r.large(n)
}

// large reads a frame that does not fit the buffer. Memory grows with what has
// arrived, not with what the peer claims will come.
func (r *frameReader) large(n int) ([]byte, error) {
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		step := min(n-len(r.buf), max(growStep, len(r.buf)))
		start := len(r.buf)
		if cap(r.buf) < start+step {
			if r.memory != nil && !r.memory.take(int64(start+step-cap(r.buf)), int64(n)) {
				return nil, fmt.Errorf("%w: a frame of %d bytes", errNoRoom, n)
			}
			r.held += int64(start + step - cap(r.buf))
			r.buf = append(make([]byte, 0, start+step), r.buf...)
		}
		if r.wait != nil {
			r.wait(true)
		}
		r.buf = r.buf[:start+step]
		if _, err := io.ReadFull(r.in, r.buf[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	if r.wait != nil {
		r.wait(false)
	}
	return r.buf, nil
}

// drop gives the buffer of large frames up.
func (r *frameReader) drop() {
	r.buf = nil
	if r.memory != nil {
		r.memory.give(r.held)
	}
	r.held = 0
}

// release gives up the frame that next returned last.
func (r *frameReader) release() error {
	if cap(r.buf) > keepBuffer {
		r.drop()
	}
	if r.pending == 0 {
		return nil
	}
	n := r.pending
	r.pending = 0
	_, err := r.in.Discard(n)
	return err
}

// ready reports whether the next frame has wholly arrived, so that next will not wait.
func (r *frameReader) ready() bool {
	have := r.in.Buffered() - r.pending
	if have < 4 {
		return false
	}
	head, err := r.in.Peek(r.pending + 4)
	return err == nil && have-4 >= int(binary.BigEndian.Uint32(head[r.pending:]))
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
