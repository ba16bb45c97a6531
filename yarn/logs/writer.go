package logs

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// Compression names a TFile's codec.
type Compression string

// The codecs of yarn.nodemanager.log-aggregation.compression-type that are supported.
const (
	None Compression = "none"
	Gzip Compression = "gz" // zlib streams, as Hadoop's own "gz"
)

// ParseCompression reads yarn.nodemanager.log-aggregation.compression-type.
func ParseCompression(s string) (Compression, error) {
	switch c := Compression(s); c {
	case None, Gzip:
		return c, nil
	case "":
		return None, nil
	}
	return "", fmt.Errorf("compression %q of aggregated logs is not supported; use none or gz", s)
}

const (
	magic          = "\xd1\x11\xd3\x68\x91\xb5\xd7\xb6\x39\xdf\x41\x40\x92\xba\xe1\x50"
	blockRawBytes  = 256 << 10 // a block ends with the record that passes this size
	chunkBytes     = 64 << 10
	keyVersion     = "VERSION"
	keyACL         = "APPLICATION_ACL"
	keyOwner       = "APPLICATION_OWNER"
	blockIndexName = "data:BCFile.index"
	keyIndexName   = "data:TFile.index"
	metaName       = "data:TFile.meta"
)

// Header is what a node's file says of its application.
type Header struct {
	Owner string
	ACLs  map[string]string // VIEW_APP, MODIFY_APP -> "users groups"
}

type region struct{ offset, stored, raw int64 }

// Writer writes one node's aggregated logs of one application. Memory does not grow with the logs.
// It is not safe for concurrent use.
type Writer struct {
	out    *countingWriter
	codec  Compression
	block  io.Writer // where records go: the file, or a zlib stream on it
	zip    *zlib.Writer
	raw    int64 // bytes of the open block before compression
	start  int64 // its offset
	blocks []region
	index  []byte // entries of TFile.index after the first key
	first  []byte
	last   []byte
	count  int64 // records of the open block
	total  int64
	chunk  []byte // pending bytes of the open record's value
	open   bool
	err    error
}

// NewWriter starts a file on w.
func NewWriter(w io.Writer, h Header, codec Compression) (*Writer, error) {
	lw := &Writer{out: &countingWriter{w: w}, codec: codec, chunk: make([]byte, 0, chunkBytes)}
	lw.write([]byte(magic), lw.out)
	if err := lw.header(h); err != nil {
		return nil, err
	}
	return lw, lw.err
}

func (w *Writer) header(h Header) error {
	var acl []byte
	for _, k := range slices.Sorted(maps.Keys(h.ACLs)) {
		var err error
		if acl, err = appendUTF(acl, k); err != nil {
			return err
		}
		if acl, err = appendUTF(acl, h.ACLs[k]); err != nil {
			return err
		}
	}
	owner, err := appendUTF(nil, h.Owner)
	if err != nil {
		return err
	}
	for _, r := range []struct {
		key   string
		value []byte
	}{{keyVersion, []byte{0, 0, 0, 1}}, {keyACL, acl}, {keyOwner, owner}} {
		if err := w.begin(r.key); err != nil {
			return err
		}
		w.value(r.value)
		w.end()
	}
	return w.err
}

// Container starts the logs of a container; its files follow with File.
func (w *Writer) Container(id string) error {
	w.end()
	return w.begin(id)
}

// File appends one log file of exactly size bytes from r. A source that turns out shorter is
// filled up with blanks, since the size is already written; what grew meanwhile is left out.
func (w *Writer) File(name string, size int64, r io.Reader) error {
	if !w.open {
		return errors.New("log file before its container")
	}
	head, err := appendUTF(nil, name)
	if err != nil {
		return err
	}
	head, err = appendUTF(head, strconv.FormatInt(size, 10))
	if err != nil {
		return err
	}
	w.value(head)
	n, readErr := io.Copy(valueWriter{w}, io.LimitReader(r, size))
	if w.err != nil {
		return w.err
	}
	for blank := bytes.Repeat([]byte{' '}, 4096); n < size; n += int64(len(blank)) {
		blank = blank[:min(int64(len(blank)), size-n)]
		w.value(blank)
	}
	return cmp.Or(w.err, readErr)
}

type valueWriter struct{ w *Writer }

func (v valueWriter) Write(p []byte) (int, error) {
	v.w.value(p)
	return len(p), v.w.err
}

func (w *Writer) begin(key string) error {
	k, err := appendUTF(nil, key)
	if err != nil {
		return err
	}
	if w.block == nil {
		w.startBlock()
	}
	if w.first == nil {
		w.first = k
	}
	w.last, w.open = k, true
	w.record(append(appendVLong(nil, int64(len(k))), k...))
	return w.err
}

// value adds to the open record's value; full chunks that are not the last carry a negated size.
func (w *Writer) value(p []byte) {
	for len(p) > 0 {
		if len(w.chunk) == chunkBytes {
			w.record(appendVLong(nil, -chunkBytes))
			w.record(w.chunk)
			w.chunk = w.chunk[:0]
		}
		n := copy(w.chunk[len(w.chunk):chunkBytes], p)
		w.chunk, p = w.chunk[:len(w.chunk)+n], p[n:]
	}
}

func (w *Writer) end() {
	if !w.open {
		return
	}
	w.record(appendVLong(nil, int64(len(w.chunk))))
	w.record(w.chunk)
	w.chunk, w.open = w.chunk[:0], false
	w.count++
	w.total++
	if w.raw >= blockRawBytes {
		w.endBlock()
	}
}

func (w *Writer) record(p []byte) {
	w.write(p, w.block)
	w.raw += int64(len(p))
}

func (w *Writer) write(p []byte, to io.Writer) {
	if w.err == nil {
		_, w.err = to.Write(p)
	}
}

func (w *Writer) startBlock() {
	w.start, w.raw, w.count = w.out.n, 0, 0
	w.block = w.out
	if w.codec == Gzip {
		w.zip = zlib.NewWriter(w.out)
		w.block = w.zip
	}
}

func (w *Writer) endBlock() {
	if w.block == nil {
		return
	}
	w.closeZip()
	w.blocks = append(w.blocks, region{w.start, w.out.n - w.start, w.raw})
	entry := append(appendVLong(nil, int64(len(w.last))), w.last...)
	entry = appendVLong(entry, w.count)
	w.index = append(appendVLong(w.index, int64(len(entry))), entry...)
	w.block = nil
}

func (w *Writer) closeZip() {
	if w.zip != nil && w.err == nil {
		w.err = w.zip.Close()
	}
	w.zip = nil
}

// meta writes one meta block and returns its entry of the meta index.
func (w *Writer) meta(name string, codec Compression, content []byte) []byte {
	r := region{offset: w.out.n, raw: int64(len(content))}
	if codec == Gzip {
		w.zip = zlib.NewWriter(w.out)
		w.write(content, w.zip)
		w.closeZip()
	} else {
		w.write(content, w.out)
	}
	r.stored = w.out.n - r.offset
	e := appendString(appendString(nil, name), string(codec))
	return appendRegion(e, r)
}

func appendRegion(b []byte, r region) []byte {
	return appendVLong(appendVLong(appendVLong(b, r.offset), r.stored), r.raw)
}

// Close writes the indexes; it does not close the underlying writer.
func (w *Writer) Close() error {
	w.end()
	w.endBlock()
	entries := make([][]byte, 0, 3)
	meta := appendVLong([]byte{0, 1, 0, 0}, w.total)
	entries = append(entries, w.meta(metaName, None, appendString(meta, "")))

	firstKey := append(appendVLong(nil, int64(len(w.first))), w.first...)
	keys := append(appendVLong(nil, int64(len(firstKey))), firstKey...)
	entries = append(entries, w.meta(keyIndexName, w.codec, append(keys, w.index...)))

	blocks := appendVLong(appendString(nil, string(w.codec)), int64(len(w.blocks)))
	for _, r := range w.blocks {
		blocks = appendRegion(blocks, r)
	}
	entries = append(entries, w.meta(blockIndexName, w.codec, blocks))

	tail := w.out.n
	slices.Reverse(entries) // sorted by name
	index := appendVLong(nil, int64(len(entries)))
	for _, e := range entries {
		index = append(index, e...)
	}
	w.write(index, w.out)
	end := binary.BigEndian.AppendUint64(nil, uint64(tail))
	w.write(append(append(end, 0, 1, 0, 0), magic...), w.out)
	return w.err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
