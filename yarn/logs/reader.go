package logs

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ErrFormat says that a file is no aggregated log, or a damaged one.
var ErrFormat = errors.New("not a valid aggregated log file")

// Limits on what a file may make its reader allocate.
const (
	maxIndexBytes = 32 << 20
	maxKeyBytes   = 64 << 10
	tailBytes     = 8 + 4 + len(magic)
)

// Reader reads one node's file, container by container and file by file, without holding logs in memory.
type Reader struct {
	src    io.ReaderAt
	codec  Compression
	blocks []region
	header Header

	block io.ByteReader // the open block
	value *chunks       // the open record's value
	body  *io.LimitedReader
}

// NewReader reads the indexes and the header of a file of size bytes.
func NewReader(src io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{src: src}
	if err := r.readIndexes(size); err != nil {
		return nil, err
	}
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	return r, nil
}

// Header is the file's owner and access rights.
func (r *Reader) Header() Header { return r.header }

func (r *Reader) readIndexes(size int64) error {
	if size < int64(tailBytes+len(magic)) {
		return fmt.Errorf("%w: only %d bytes", ErrFormat, size)
	}
	tail := make([]byte, tailBytes)
	if _, err := r.src.ReadAt(tail, size-int64(tailBytes)); err != nil && err != io.EOF {
		return err
	}
	if string(tail[12:]) != magic {
		return fmt.Errorf("%w: the end is missing; it may still be written", ErrFormat)
	}
	offset := int64(binary.BigEndian.Uint64(tail))
	end := size - int64(tailBytes)
	if offset < int64(len(magic)) || offset > end {
		return fmt.Errorf("%w: index at %d of %d", ErrFormat, offset, size)
	}
	in := r.section(region{offset: offset, stored: end - offset})
	n, err := readVLong(in)
	if err != nil {
		return noEOF(err)
	}
	for ; n > 0; n-- {
		name, err := readString(in)
		if err != nil {
			return err
		}
		codec, err := readString(in)
		if err != nil {
			return err
		}
		at, err := readRegion(in, offset)
		if err != nil {
			return err
		}
		if name == blockIndexName {
			return r.readBlockIndex(at, Compression(codec), offset)
		}
	}
	return fmt.Errorf("%w: no block index", ErrFormat)
}

func (r *Reader) readBlockIndex(at region, codec Compression, limit int64) error {
	in, err := r.open(at, codec)
	if err != nil {
		return err
	}
	name, err := readString(in)
	if err != nil {
		return err
	}
	r.codec = Compression(name)
	count, err := readVLong(in)
	if err != nil {
		return noEOF(err)
	}
	if count < 0 || count > maxIndexBytes/3 {
		return fmt.Errorf("%w: %d blocks", ErrFormat, count)
	}
	for ; count > 0; count-- {
		b, err := readRegion(in, limit)
		if err != nil {
			return err
		}
		r.blocks = append(r.blocks, b)
	}
	return nil
}

func (r *Reader) section(at region) *bufio.Reader {
	return bufio.NewReader(io.NewSectionReader(r.src, at.offset, at.stored))
}

func (r *Reader) open(at region, codec Compression) (*bufio.Reader, error) {
	in := r.section(at)
	switch codec {
	case None:
		return in, nil
	case Gzip:
		z, err := zlib.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return bufio.NewReader(io.LimitReader(z, max(at.raw, 0))), nil
	}
	return nil, fmt.Errorf("%w: compression %q is not supported; known are none and gz", ErrFormat, codec)
}

func (r *Reader) readHeader() error {
	for range 3 {
		key, err := r.nextRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch key {
		case keyVersion:
			var v [4]byte
			if _, err := io.ReadFull(r.value, v[:]); err != nil {
				return fmt.Errorf("%w: version: %w", ErrFormat, err)
			}
			if n := binary.BigEndian.Uint32(v[:]); n != 1 {
				return fmt.Errorf("%w: version %d", ErrFormat, n)
			}
		case keyACL:
			if err := r.readACLs(); err != nil {
				return err
			}
		case keyOwner:
			if r.header.Owner, err = readUTF(r.value); err != nil {
				return noEOF(err)
			}
		default: // no further header: the record is a container's
			return fmt.Errorf("%w: record %q where the header belongs", ErrFormat, key)
		}
	}
	return nil
}

func (r *Reader) readACLs() error {
	r.header.ACLs = map[string]string{}
	for len(r.header.ACLs) < 16 {
		k, err := readUTF(r.value)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.header.ACLs[k], err = readUTF(r.value); err != nil {
			return noEOF(err)
		}
	}
	return fmt.Errorf("%w: too many access rights", ErrFormat)
}

// Next goes to the next container and returns its id; io.EOF at the end.
func (r *Reader) Next() (string, error) {
	for {
		key, err := r.nextRecord()
		if err != nil {
			return "", err
		}
		switch key {
		case keyVersion, keyACL, keyOwner:
			continue
		}
		return key, nil
	}
}

// File is one log of the container that Next found.
type File struct {
	Name string
	Size int64
	Body io.Reader // valid until the next call on the Reader; Size bytes
}

// NextFile goes to the container's next file; io.EOF after the last.
func (r *Reader) NextFile() (File, error) {
	if r.value == nil {
		return File{}, io.EOF
	}
	if r.body != nil {
		if _, err := io.Copy(io.Discard, r.body); err != nil {
			return File{}, err
		}
		if r.body.N > 0 {
			return File{}, io.ErrUnexpectedEOF
		}
	}
	name, err := readUTF(r.value)
	if err != nil {
		return File{}, err
	}
	text, err := readUTF(r.value)
	if err != nil {
		return File{}, noEOF(err)
	}
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 {
		return File{}, fmt.Errorf("%w: size %q of %s", ErrFormat, text, name)
	}
	r.body = &io.LimitedReader{R: r.value, N: size}
	return File{name, size, r.body}, nil
}

func (r *Reader) nextRecord() (string, error) {
	if r.value != nil {
		if _, err := io.Copy(io.Discard, r.value); err != nil {
			return "", err
		}
		r.value, r.body = nil, nil
	}
	for {
		if r.block == nil {
			if len(r.blocks) == 0 {
				return "", io.EOF
			}
			in, err := r.open(r.blocks[0], r.codec)
			if err != nil {
				return "", err
			}
			r.block, r.blocks = in, r.blocks[1:]
		}
		n, err := readVLong(r.block)
		if errors.Is(err, io.EOF) {
			r.block = nil
			continue
		}
		if err != nil {
			return "", err
		}
		return r.readKey(n)
	}
}

func (r *Reader) readKey(n int64) (string, error) {
	if n < 2 || n > maxKeyBytes+2 {
		return "", fmt.Errorf("%w: key of %d bytes", ErrFormat, n)
	}
	in := r.block.(*bufio.Reader)
	key := make([]byte, n)
	if _, err := io.ReadFull(in, key); err != nil {
		return "", noEOF(err)
	}
	if int(binary.BigEndian.Uint16(key)) != len(key)-2 {
		return "", fmt.Errorf("%w: a key's length does not fit", ErrFormat)
	}
	r.value = &chunks{in: in}
	return fromModifiedUTF8(key[2:]), nil
}

// chunks is a record's value: chunks whose size is negated but for the last.
type chunks struct {
	in   *bufio.Reader
	left int64
	last bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.last {
			return 0, io.EOF
		}
		n, err := readVLong(c.in)
		if err != nil {
			return 0, noEOF(err)
		}
		c.last, c.left = n >= 0, n
		if n < 0 {
			c.left = -n
		}
		if c.left < 0 {
			return 0, fmt.Errorf("%w: chunk size", ErrFormat)
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, noEOF(err)
}

func readRegion(in io.ByteReader, limit int64) (region, error) {
	var v [3]int64
	for i := range v {
		n, err := readVLong(in)
		if err != nil {
			return region{}, noEOF(err)
		}
		v[i] = n
	}
	r := region{v[0], v[1], v[2]}
	if r.offset < 0 || r.stored < 0 || r.raw < 0 || r.offset > limit || r.stored > limit-r.offset {
		return region{}, fmt.Errorf("%w: a block lies outside the file", ErrFormat)
	}
	return r, nil
}

func readString(in *bufio.Reader) (string, error) {
	n, err := readVLong(in)
	if err != nil {
		return "", noEOF(err)
	}
	if n < 0 || n > maxKeyBytes {
		return "", fmt.Errorf("%w: text of %d bytes", ErrFormat, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return "", noEOF(err)
	}
	return string(b), nil
}

// readUTF answers io.EOF only where no byte of the text is left.
func readUTF(in io.Reader) (string, error) {
	var l [2]byte
	if _, err := io.ReadFull(in, l[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint16(l[:]))
	if _, err := io.ReadFull(in, b); err != nil {
		return "", noEOF(err)
	}
	return fromModifiedUTF8(b), nil
}
