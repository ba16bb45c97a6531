package web

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// encoder writes JSON objects by hand. An application list of ten thousand would spend most of its time in
// reflection and its memory on small objects otherwise.
type encoder struct{ b []byte }

func (e *encoder) key(name string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

// comma separates from what stands before, unless an object or list has just begun.
func (e *encoder) comma() {
	if n := len(e.b); n > 0 && e.b[n-1] != '{' && e.b[n-1] != '[' {
		e.b = append(e.b, ',')
	}
}

func (e *encoder) begin(name string) { e.key(name); e.b = append(e.b, '{') }
func (e *encoder) end()              { e.b = append(e.b, '}') }

func (e *encoder) str(name, v string) { e.key(name); e.b = appendString(e.b, v) }

func (e *encoder) int(name string, v int64) { e.key(name); e.b = strconv.AppendInt(e.b, v, 10) }

func (e *encoder) bool(name string, v bool) { e.key(name); e.b = strconv.AppendBool(e.b, v) }

// float writes a number that has no JSON form as 0.
func (e *encoder) float(name string, v float32) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		v = 0
	}
	e.key(name)
	e.b = strconv.AppendFloat(e.b, float64(v), 'f', -1, 32)
}

// appendString quotes s as encoding/json does without its escapes for HTML.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
