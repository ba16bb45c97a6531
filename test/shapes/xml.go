package shapes

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
)

// SameInXML reports every field that only one of two forms of an answer has.
func SameInXML(t *testing.T, inJSON, inXML []byte) {
	t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	var v any
	if err := json.Unmarshal(inJSON, &v); err != nil {
		t.Errorf("%v in %.300s", err, inJSON)
		return
	}
	empty := map[string]bool{}
	names(v, want, empty)
	d := xml.NewDecoder(bytes.NewReader(inXML))
	root := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%v in %.300s", err, inXML)
			return
		}
		if e, ok := token.(xml.StartElement); ok && root == "" {
			root = e.Name.Local
		} else if ok {
			got[e.Name.Local] = true
		}
	}
	for name := range empty {
		if !want[name] {
			delete(got, name)
		}
	}
	delete(want, root) // some answers have it in JSON too
	delete(got, root)
	if root == "" || !maps.Equal(want, got) {
		t.Errorf("in XML the root is %q and the fields are\n%q, in JSON they are\n%q", root, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// names collects the fields of v; those that hold nothing, which XML may have or not, in empty.
func names(v any, into, empty map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if list, ok := inner.([]any); inner == nil || ok && len(list) == 0 {
				empty[key] = true
			} else {
				into[key] = true
			}
			names(inner, into, empty)
		}
	case []any:
		for _, inner := range v {
			names(inner, into, empty)
		}
	}
}
