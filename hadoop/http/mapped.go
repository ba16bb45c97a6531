package hadoophttp

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// AnswerMapped is AnswerBare for the objects that Hadoop up to 3.4 writes in its older notation: every scalar is a
// string, a list of one is its element, what is empty is null (rest.md §1). XML is not touched by it.
func AnswerMapped(w http.ResponseWriter, r *http.Request, status int, xmlRoot string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		Fail(w, r, err)
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var b bytes.Buffer
	if err := mapped(d, &b, 0); err != nil {
		Fail(w, r, err)
		return
	}
	write(w, r, status, xmlRoot, json.RawMessage(b.Bytes()), v)
}

// mapped copies the next value. The outermost object stays an object where it is empty.
func mapped(d *json.Decoder, b *bytes.Buffer, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return mappedList(d, b, depth)
		}
		return mappedObject(d, b, depth)
	case nil:
		b.WriteString("null")
	case string:
		return quote(b, t)
	case json.Number:
		b.WriteString(`"` + t.String() + `"`)
	case bool:
		if t {
			b.WriteString(`"true"`)
		} else {
			b.WriteString(`"false"`)
		}
	}
	return nil
}

func mappedList(d *json.Decoder, b *bytes.Buffer, depth int) error {
	var items bytes.Buffer
	n := 0
	for ; d.More(); n++ {
		if n > 0 {
			items.WriteByte(',')
		}
		if err := mapped(d, &items, depth+1); err != nil {
			return err
		}
	}
	switch n {
	case 0:
		b.WriteString("null")
	case 1:
		b.Write(items.Bytes())
	default:
		b.WriteString("[" + items.String() + "]")
	}
	_, err := d.Token()
	return err
}

func mappedObject(d *json.Decoder, b *bytes.Buffer, depth int) error {
	if !d.More() && depth > 0 {
		b.WriteString("null")
		_, err := d.Token()
		return err
	}
	b.WriteByte('{')
	for n := 0; d.More(); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := quote(b, key.(string)); err != nil { // the decoder gives no other keys
			return err
		}
		b.WriteByte(':')
		if err := mapped(d, b, depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	_, err := d.Token()
	return err
}

func quote(b *bytes.Buffer, s string) error {
	raw, err := marshalJSON(s)
	b.Write(raw)
	return err
}
