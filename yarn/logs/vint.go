package logs

import (
	"errors"
	"fmt"
	"io"
)

// appendVLong writes TFile's own variable-length integer; it is not the one of Hadoop's Writables.
func appendVLong(b []byte, n int64) []byte {
	if n >= -32 && n < 128 {
		return append(b, byte(n))
	}
	if f := n >> 8; f >= -20 && f < 20 {
		return append(b, byte(f-52), byte(n))
	}
	if f := n >> 16; f >= -16 && f < 16 {
		return append(b, byte(f-88), byte(n>>8), byte(n))
	}
	if f := n >> 24; f >= -8 && f < 8 {
		return append(b, byte(f-112), byte(n>>16), byte(n>>8), byte(n))
	}
	size := 4
	for size < 8 && n>>(8*size-1) != 0 && n>>(8*size-1) != -1 {
		size++
	}
	b = append(b, byte(size-129))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

func readVLong(r io.ByteReader) (int64, error) {
	c, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	first := int64(int8(c))
	if first >= -32 {
		return first, nil
	}
	var n int64
	var more int
	switch (first + 128) / 8 {
	case 11, 10, 9, 8, 7:
		n, more = first+52, 1
	case 6, 5, 4, 3:
		n, more = first+88, 2
	case 2, 1:
		n, more = first+112, 3
	default:
		if more = int(first + 129); more < 4 || more > 8 {
			return 0, fmt.Errorf("%w: integer of %d bytes", ErrFormat, more)
		}
		if c, err = r.ReadByte(); err != nil {
			return 0, noEOF(err)
		}
		n, more = int64(int8(c)), more-1
	}
	for ; more > 0; more-- {
		if c, err = r.ReadByte(); err != nil {
			return 0, noEOF(err)
		}
		n = n<<8 | int64(c)
	}
	return n, nil
}

// noEOF makes the end of input inside a value an error that no caller takes for a clean end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func appendString(b []byte, s string) []byte {
	return append(appendVLong(b, int64(len(s))), s...)
}

// appendUTF writes a string as Java's DataOutput.writeUTF does, for the characters that
// occur in names; NUL and those beyond the basic plane take Java's own forms.
func appendUTF(b []byte, s string) ([]byte, error) {
	enc := modifiedUTF8(s)
	if len(enc) > 65535 {
		return nil, fmt.Errorf("name of %d bytes is too long for an aggregated log", len(enc))
	}
	return append(append(b, byte(len(enc)>>8), byte(len(enc))), enc...), nil
}

func modifiedUTF8(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == 0:
			out = append(out, 0xc0, 0x80)
		case r < 0x10000:
			out = append(out, string(r)...)
		default:
			r -= 0x10000
			out = appendSurrogate(out, 0xd800+r>>10)
			out = appendSurrogate(out, 0xdc00+r&0x3ff)
		}
	}
	return out
}

func appendSurrogate(b []byte, r rune) []byte {
	return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

// fromModifiedUTF8 decodes Java's form; what is not valid is kept byte for byte.
func fromModifiedUTF8(b []byte) string {
	var out []rune
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c < 0x80:
			out = append(out, rune(c))
			i++
		case c&0xe0 == 0xc0 && i+1 < len(b):
			out = append(out, rune(c&0x1f)<<6|rune(b[i+1]&0x3f))
			i += 2
		case c&0xf0 == 0xe0 && i+2 < len(b):
			r := rune(c&0xf)<<12 | rune(b[i+1]&0x3f)<<6 | rune(b[i+2]&0x3f)
			i += 3
			if n := len(out); r >= 0xdc00 && r < 0xe000 && n > 0 && out[n-1] >= 0xd800 && out[n-1] < 0xdc00 {
				out[n-1] = (out[n-1]-0xd800)<<10 + (r - 0xdc00) + 0x10000
				continue
			}
			out = append(out, r)
		default:
			return string(b)
		}
	}
	return string(out)
}
