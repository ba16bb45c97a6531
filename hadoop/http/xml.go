package hadoophttp

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	x := xmlWriter{in: d, out: b}
	if err := x.value(root); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("writing <%s>: %w", root, err)
	}
	return nil
}

type xmlWriter struct {
	in  *json.Decoder
	out *bytes.Buffer
}

// value writes the next JSON value as one element, or several for a list.
func (x xmlWriter) value(name string) error {
	t, err := x.in.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return x.list(name)
		}
		return x.object(name)
	case nil:
		return nil
	default:
		x.open(name)
		if err := xml.EscapeText(x.out, []byte(fmt.Sprint(t))); err != nil {
			return err
		}
		x.close(name)
		return nil
	}
}

func (x xmlWriter) list(name string) error {
	for x.in.More() {
		if err := x.value(name); err != nil {
			return err
		}
	}
	_, err := x.in.Token()
	return err
}

func (x xmlWriter) object(name string) error {
	x.open(name)
	for x.in.More() {
		key, err := x.in.Token()
		if err != nil {
			return err
		}
		if err := x.value(fmt.Sprint(key)); err != nil {
			return err
		}
	}
	x.close(name)
	_, err := x.in.Token()
	return err
}

func (x xmlWriter) open(name string)  { x.out.WriteString("<" + elementName(name) + ">") }
func (x xmlWriter) close(name string) { x.out.WriteString("</" + elementName(name) + ">") }

// elementName makes a JSON key, which may hold anything, a legal element name.
func elementName(key string) string {
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
