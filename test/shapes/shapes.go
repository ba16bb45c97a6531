// Package shapes compares answers of our web services with those of a Hadoop daemon: which fields there
// are, and of which JSON types.
package shapes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
)

// Answer is what Hadoop answered: its status, and its JSON with the name of a type (str, int, float, bool, null)
// in the place of each value and one element in the place of each list.
type Answer struct {
	Status int
	Shape  any
}

// Exempt are the names of fields that may differ.
type Exempt struct {
	LeftOut   []string // we do not have them
	OtherForm []string // we have them in another form
}

// Read reads a file of answers by their paths.
func Read(file string) (map[string]Answer, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out map[string]Answer
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// Compare reports every difference of body, an answer of ours, from a.
func (a Answer) Compare(t *testing.T, body []byte, x Exempt) {
	t.Helper()
	var got any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Errorf("%v in %.300s", err, body)
		return
	}
	compare(t, "", a.Shape, got, x)
}

func compare(t *testing.T, at string, want, got any, x Exempt) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, want an object", at, got)
			return
		}
		objects(t, at, w, g, x)
	case []any:
		g, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T, want a list", at, got)
			return
		}
		for _, v := range g {
			if len(w) > 0 {
				compare(t, at+"[]", w[0], v, x)
			}
		}
	case string:
		if kind := Kind(got); kind != w && !(w == "float" && kind == "int") {
			t.Errorf("%s is %s (%v), want %s", at, kind, got, w)
		}
	}
}

func objects(t *testing.T, at string, want, got map[string]any, x Exempt) {
	t.Helper()
	if len(got) == 0 && onlyLists(want) {
		return // an empty list object is {}
	}
	for key, shape := range want {
		v, ok := got[key]
		if !ok && !slices.Contains(x.LeftOut, key) {
			t.Errorf("%s.%s is missing", at, key)
		}
		if ok && !slices.Contains(x.OtherForm, key) {
			compare(t, at+"."+key, shape, v, x)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok && len(want) > 0 {
			t.Errorf("%s.%s is not a field of Hadoop's", at, key)
		}
	}
}

func onlyLists(shape map[string]any) bool {
	for _, v := range shape {
		if _, ok := v.([]any); !ok {
			return false
		}
	}
	return true
}

// Kind is the name of a value's type in a shape; numbers are json.Number.
func Kind(v any) string {
	switch x := v.(type) {
	case string:
		return "str"
	case bool:
		return "bool"
	case json.Number:
		if _, err := x.Int64(); err == nil {
			return "int"
		}
		return "float"
	case nil:
		return "null"
	}
	return "object"
}

// Beans are the attributes of Hadoop's JMX beans with their types, by the beans' names.
type Beans map[string]map[string]string

// ReadBeans reads a file of them.
func ReadBeans(file string) (Beans, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out Beans
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// Compare reports every attribute of body, the answer of /jmx about the bean name of Hadoop's, that Hadoop does not have
// or has in another type, and each of must that is missing. It returns the bean.
func (b Beans) Compare(t *testing.T, name string, body []byte, must ...string) map[string]any {
	t.Helper()
	var answer struct{ Beans []map[string]any }
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil || len(answer.Beans) != 1 {
		t.Fatalf("%s: %d beans, %v", name, len(answer.Beans), err)
	}
	bean := answer.Beans[0]
	for _, attribute := range must {
		if _, ok := bean[attribute]; !ok {
			t.Errorf("%s has no %s", name, attribute)
		}
	}
	words := map[string]string{"str": "string", "null": "NoneType"}
	for attribute, v := range bean {
		kind, want := Kind(v), b[name][attribute]
		if w, ok := words[kind]; ok {
			kind = w
		}
		if attribute != "name" && kind != want && !(want == "float" && kind == "int") {
			t.Errorf("%s: %s is %s (%v), in Hadoop %q", name, attribute, kind, v, want)
		}
	}
	return bean
}
