package hadoophttp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// appendPretty writes v in the layout of Hadoop's /jmx, which scripts search as text: a line for each attribute of a bean,
// blanks around colons, the name first.
func appendPretty(out *bytes.Buffer, v any, indent string) error {
	switch v := v.(type) {
	case []map[string]any:
		return appendList(out, v, indent)
	case []any:
		return appendList(out, v, indent)
	case map[string]any:
		if len(v) == 0 {
			out.WriteString("{ }")
			return nil
		}
		separator := "{\n"
		for _, key := range beanOrder(v) {
			name, err := marshalJSON(key)
			if err != nil {
				return err
			}
			out.WriteString(separator + indent + "  " + string(name) + " : ")
			if err := appendPretty(out, v[key], indent+"  "); err != nil {
				return err
			}
			separator = ",\n"
		}
		out.WriteString("\n" + indent + "}")
		return nil
	}
	text, err := marshalJSON(v)
	if err != nil {
		return err
	}
	if c := text[0]; c == '{' || c == '[' { // of another type: what it holds is laid out too
		var held any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&held); err != nil {
			return err
		}
		return appendPretty(out, held, indent)
	}
	out.Write(text)
	return nil
}

func appendList[T any](out *bytes.Buffer, list []T, indent string) error {
	separator := "[ "
	for _, x := range list {
		out.WriteString(separator)
		if err := appendPretty(out, x, indent); err != nil {
			return err
		}
		separator = ", "
	}
	if len(list) == 0 {
		out.WriteString("[")
	}
	out.WriteString(" ]")
	return nil
}

// beanOrder is the keys of a bean: its name, its class, its attributes.
func beanOrder(bean map[string]any) []string {
	rank := func(key string) int { return slices.Index([]string{"modelerType", "name"}, key) }
	keys := make([]string, 0, len(bean))
	for key := range bean {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := rank(b) - rank(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}
