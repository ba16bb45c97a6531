package conf

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
)

// XML is a configuration file that holds the properties, in the order of their names.
func XML(properties map[string]string) []byte {
	var b bytes.Buffer // whose writes do not fail
	b.WriteString(xml.Header + "<configuration>\n")
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		b.WriteString("  <property><name>")
		_ = xml.EscapeText(&b, []byte(key))
		b.WriteString("</name><value>")
		_ = xml.EscapeText(&b, []byte(properties[key]))
		b.WriteString("</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	return b.Bytes()
}
