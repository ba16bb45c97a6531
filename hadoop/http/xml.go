package hadoophttp

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// marshalXML writes v under root with the names that its JSON has. Going through JSON keeps one
// set of names and rules for what is left out.
func marshalXML(root string, v any) ([]byte, error) {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`)
	if err := WriteXML(b, root, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteXML appends v as one element, for lists that are written piece by piece.
func WriteXML(b *bytes.Buffer, root string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x := xmlWriter{in: raw, out: b}
	if err := x.value(root); err != nil {
		return fmt.Errorf("writing <%s>: %w", root, err)
	}
	return nil
}

// xmlWriter walks through JSON that json.Marshal has written: it is well-formed and has no blanks.
type xmlWriter struct {
	in  []byte // what is left
	out *bytes.Buffer
}

var errShortJSON = errors.New("the JSON ends within a value")

// value writes the next JSON value as one element, or several for a list.
func (x *xmlWriter) value(name string) error {
	if len(x.in) == 0 {
		return errShortJSON
	}
	switch x.in[0] {
	case '[':
		return x.each(']', func() error { return x.value(name) })
	case '{':
		x.tag("<", name)
		err := x.each('}', func() error {
			key, err := x.text()
			if err != nil {
				return err
			}
			x.in = x.in[min(1, len(x.in)):] // the colon
			return x.value(string(key))
		})
		x.tag("</", name)
		return err
	case '"':
		text, err := x.text()
		if err != nil {
			return err
		}
		return x.leaf(name, text)
	}
	end := bytes.IndexAny(x.in, ",]}")
	if end < 0 {
		end = len(x.in)
	}
	literal := x.in[:end]
	x.in = x.in[end:]
	if string(literal) == "null" {
		return nil
	}
	return x.leaf(name, literal)
}

// each calls f at each member of a list or object, up to end.
func (x *xmlWriter) each(end byte, f func() error) error {
	x.in = x.in[1:]
	for len(x.in) > 0 {
		switch x.in[0] {
		case end:
			x.in = x.in[1:]
			return nil
		case ',':
			x.in = x.in[1:]
		}
		if err := f(); err != nil {
			return err
		}
	}
	return errShortJSON
}

// text is the next string.
func (x *xmlWriter) text() ([]byte, error) {
	escaped := false
	for i := 1; i < len(x.in); i++ {
		switch x.in[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			quoted := x.in[:i+1]
			x.in = x.in[i+1:]
			if !escaped {
				return quoted[1:i], nil
			}
			var s string
			err := json.Unmarshal(quoted, &s)
			return []byte(s), err
		}
	}
	return nil, errShortJSON
}

func (x *xmlWriter) leaf(name string, text []byte) error {
	x.tag("<", name)
	defer x.tag("</", name)
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\'' || c == '&' || c == '<' || c == '>' {
			return xml.EscapeText(x.out, text)
		}
	}
	x.out.Write(text)
	return nil
}

func (x *xmlWriter) tag(open, name string) {
	x.out.WriteString(open)
	x.out.WriteString(elementName(name))
	x.out.WriteByte('>')
}

// elementName makes a JSON key, which may hold anything, a legal element name.
func elementName(key string) string {
	if plainName(key) {
		return key
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, key)
	if clean == "" || clean[0] >= '0' && clean[0] <= '9' || clean[0] == '-' || clean[0] == '.' {
		return "_" + clean
	}
	return clean
}

// plainName reports whether a key is a legal element name as it is, as nearly all are.
func plainName(key string) bool {
	for i := range len(key) {
		c := key[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || key[i] < '0' || key[i] > '9') {
			return false
		}
	}
	return key != ""
}
