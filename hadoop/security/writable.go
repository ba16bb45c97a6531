// Package security holds what Hadoop's daemons share about who may do what: tokens
// and their passwords and keys, credentials, users' groups, access lists and
// proxy-user rules. It knows no transport; time and randomness come in as arguments.
package security

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// Hadoop's Writable encodings: variable-length integers and length-prefixed text
// (org.apache.hadoop.io.WritableUtils and Text).

// AppendVLong appends n as a VLong (a VInt is the same encoding of a 32-bit number).
func AppendVLong(b []byte, n int64) []byte {
	if n >= -112 && n <= 127 {
		return append(b, byte(n))
	}
	first := int8(-112)
	if n < 0 {
		n, first = ^n, -120
	}
	size := 0
	for rest := n; rest != 0; rest >>= 8 {
		size++
	}
	b = append(b, byte(first-int8(size)))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// AppendBytes appends p with its length as a VInt before it.
func AppendBytes(b, p []byte) []byte {
	return append(AppendVLong(b, int64(len(p))), p...)
}

// AppendText appends s as a Text.
func AppendText(b []byte, s string) []byte {
	return append(AppendVLong(b, int64(len(s))), s...)
}

// Writable reads Writable encodings from a byte slice. After the first failure every
// read returns a zero value; Err says what was wrong.
type Writable struct {
	rest []byte
	err  error
}

// NewWritable reads from b, which it does not change.
func NewWritable(b []byte) *Writable { return &Writable{rest: b} }

// Err is the first failure.
func (w *Writable) Err() error { return w.err }

// Rest is what has not been read.
func (w *Writable) Rest() []byte { return w.rest }

func (w *Writable) fail(err error) {
	if w.err == nil {
		w.err = err
		w.rest = nil
	}
}

// Byte reads one byte.
func (w *Writable) Byte() byte {
	if len(w.rest) == 0 {
		w.fail(io.ErrUnexpectedEOF)
		return 0
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b
}

// VLong reads a VLong.
func (w *Writable) VLong() int64 {
	first := int8(w.Byte())
	if first >= -112 {
		return int64(first)
	}
	size, negative := int(-112-int(first)), false
	if first < -120 {
		size, negative = int(-120-int(first)), true
	}
	if len(w.rest) < size {
		w.fail(io.ErrUnexpectedEOF)
		return 0
	}
	var raw [8]byte
	copy(raw[8-size:], w.rest[:size])
	w.rest = w.rest[size:]
	n := int64(binary.BigEndian.Uint64(raw[:]))
	if negative {
		return ^n
	}
	return n
}

// VInt reads a VInt, which must fit 32 bits.
func (w *Writable) VInt() int32 {
	n := w.VLong()
	if n < math.MinInt32 || n > math.MaxInt32 {
		w.fail(fmt.Errorf("VInt %d does not fit 32 bits", n))
		return 0
	}
	return int32(n)
}

// count reads a VInt that counts things of at least size bytes each, all still unread.
func (w *Writable) count(size int) int {
	n := int(w.VInt())
	if n < 0 || n > len(w.rest)/size {
		w.fail(fmt.Errorf("count or length %d, but only %d bytes follow", n, len(w.rest)))
		return 0
	}
	return n
}

// Bytes reads a length and that many bytes; the result shares memory with the input.
func (w *Writable) Bytes() []byte {
	n := w.count(1)
	b := w.rest[:n:n]
	w.rest = w.rest[n:]
	return b
}

// Text reads a Text.
func (w *Writable) Text() string {
	b := w.Bytes()
	if !utf8.Valid(b) {
		w.fail(errors.New("text is not valid UTF-8"))
		return ""
	}
	return string(b)
}
