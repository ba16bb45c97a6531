package rpc

import (
	"net"
	"sync"
	"time"
)

// maxPending is how much may wait for a peer that does not read before those who have more for it wait too.
const maxPending = 4 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func getBuffer() *[]byte {
	b := buffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

func putBuffer(b *[]byte) {
	if cap(*b) <= keepBuffer {
		buffers.Put(b)
	}
}

// writer sends the frames of one connection in batches: whoever finds nobody writing
// writes, and what others add meanwhile goes out with the next write.
type writer struct {
	conn    net.Conn
	timeout time.Duration // for each write; a peer that takes longer is given up
	sent    func(n int)   // counts bytes; may be nil

	mu      sync.Mutex
	drained sync.Cond
	pending *[]byte // nil when empty
	writing bool
	err     error
	// wrap protects a frame once SASL agreed on a layer; nil before and without.
	wrap func(dst, frame []byte) []byte
}

func newWriter(conn net.Conn, timeout time.Duration, sent func(int)) *writer {
	w := &writer{conn: conn, timeout: timeout, sent: sent}
	w.drained.L = &w.mu
	return w
}

// setWrap makes all following frames go through wrap.
func (w *writer) setWrap(wrap func(dst, frame []byte) []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrap = wrap
}

// send queues frame, which it copies, and writes unless somebody else does or later is
// set, by which the caller promises a flush soon.
func (w *writer) send(frame []byte, later bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.writing && w.pending != nil && len(*w.pending) > maxPending {
		w.drained.Wait()
	}
	if w.err != nil {
		return w.err
	}
	if w.pending == nil {
		w.pending = getBuffer()
	}
	if w.wrap != nil {
		*w.pending = w.wrap(*w.pending, frame)
	} else {
		*w.pending = append(*w.pending, frame...)
	}
	if w.writing || later && len(*w.pending) < keepBuffer {
		return nil
	}
	return w.writeLocked()
}

// flush writes what is queued.
func (w *writer) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing || w.pending == nil {
		return w.err
	}
	return w.writeLocked()
}

// writeLocked writes until nothing is queued; it gives up the lock during each write.
func (w *writer) writeLocked() error {
	w.writing = true
	for w.pending != nil && w.err == nil {
		batch := w.pending
		w.pending = nil
		w.mu.Unlock()
		err := w.write(*batch)
		putBuffer(batch)
		w.mu.Lock()
		w.err = err
		w.drained.Broadcast()
	}
	w.writing = false
	w.drained.Broadcast()
	return w.err
}

func (w *writer) write(b []byte) error {
	if w.timeout > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return err
		}
	}
	n, err := w.conn.Write(b)
	if w.sent != nil {
		w.sent(n)
	}
	if err != nil {
		w.conn.Close() // the reading side notices
	}
	return err
}

// fail makes all later sends return err, and wakes those who wait.
func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.drained.Broadcast()
}
