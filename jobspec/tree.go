package jobspec

import (
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// node is a value of the file with the path that leads to it.
type node struct {
	y    *yaml.Node
	path string
}

func (n node) line() int { return n.y.Line }

func (n node) child(y *yaml.Node, name string) node {
	if n.path != "" {
		name = n.path + "." + name
	}
	return node{resolve(y), name}
}

func (n node) isNull() bool { return n.y.Kind == yaml.ScalarNode && n.y.Tag == "!!null" }

// resolve follows an alias to its anchor; anchors of anchors do not exist in YAML.
func resolve(y *yaml.Node) *yaml.Node {
	if y.Kind == yaml.AliasNode && y.Alias != nil {
		return y.Alias
	}
	return y
}

// object is a mapping whose fields are taken one by one; what is left over at the end is a mistake.
type object struct {
	node
	d      *diagnosis
	fields map[string]node
	order  []string
	keys   map[string]*yaml.Node
	merges int
}

// object reads n as a mapping. Merge keys (<<) fill in what the mapping itself does not name.
func (d *diagnosis) object(n node) *object {
	o := &object{node: n, d: d, fields: make(map[string]node), keys: make(map[string]*yaml.Node)}
	if n.y.Kind != yaml.MappingNode {
		d.problem(n, "must be an object with named fields")
		return o
	}
	o.merge(n.y)
	return o
}

// maxMerges bounds the merge keys that one object follows: an anchor can merge itself.
const maxMerges = 32

func (o *object) merge(m *yaml.Node) {
	var merged []*yaml.Node
	seen := make(map[string]bool)
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		if key.Tag == "!!merge" {
			merged = append(merged, mergeSources(value)...)
			continue
		}
		if seen[key.Value] {
			o.d.problem(o.child(key, key.Value), "is given twice")
		}
		seen[key.Value] = true
		if _, have := o.fields[key.Value]; !have {
			o.fields[key.Value] = o.child(value, key.Value)
			o.order = append(o.order, key.Value)
			o.keys[key.Value] = key
		}
	}
	for _, s := range merged {
		if o.merges++; o.merges > maxMerges {
			o.d.problem(o.node, "merges more than %d objects", maxMerges)
			return
		}
		if s.Kind != yaml.MappingNode {
			o.d.problem(o.node, "<< must name an object")
			continue
		}
		o.merge(s)
	}
}

func mergeSources(value *yaml.Node) []*yaml.Node {
	value = resolve(value)
	if value.Kind != yaml.SequenceNode {
		return []*yaml.Node{value}
	}
	out := make([]*yaml.Node, len(value.Content))
	for i, c := range value.Content {
		out[i] = resolve(c)
	}
	return out
}

// take removes a field and returns it; ok is false when it is absent.
func (o *object) take(name string) (node, bool) {
	n, ok := o.fields[name]
	delete(o.fields, name)
	return n, ok
}

// key is the place of a field's name, for mistakes that are about the name.
func (o *object) key(name string) node { return o.child(o.keys[name], name) }

// unsupported refuses fields that the protocol has and this program has not.
func (o *object) unsupported(names ...string) {
	for _, name := range names {
		if n, ok := o.take(name); ok && !n.isNull() {
			o.d.problem(n, "is not supported yet; remove it")
		}
	}
}

// finish refuses what nobody has taken.
func (o *object) finish() {
	for _, name := range o.order {
		if _, left := o.fields[name]; left {
			o.d.problem(o.key(name), "is no field of the job protocol here")
		}
	}
}

func (o *object) missing(name string) {
	o.d.problem(o.node, "%s is missing", name)
}

// text takes a string (or number); a template in it is a mistake, because only commands are rendered.
func (o *object) text(name string, required bool) string {
	s := o.raw(name, required)
	if n, ok := o.keys[name]; ok && strings.Contains(s, "<%") {
		o.d.problem(o.child(n, name), "templates (<%% … %%>) are only replaced in commands")
	}
	return s
}

func (o *object) raw(name string, required bool) string {
	n, ok := o.take(name)
	if !ok || n.isNull() {
		if required {
			o.missing(name)
		}
		return ""
	}
	if n.y.Kind != yaml.ScalarNode {
		o.d.problem(n, "must be a string")
		return ""
	}
	if required && n.y.Value == "" {
		o.d.problem(n, "must not be empty")
	}
	return n.y.Value
}

// name takes a string that must match a pattern.
func (o *object) name(field string, pattern *regexp.Regexp, maxLen int) string {
	s := o.text(field, true)
	if s != "" && (!pattern.MatchString(s) || len(s) > maxLen) {
		o.d.problem(o.key(field), "%q must match %s and have at most %d characters", s, pattern, maxLen)
	}
	return s
}

// integer takes a whole number between lo and hi, def when absent.
func (o *object) integer(name string, def, lo, hi int) int {
	n, ok := o.take(name)
	if !ok {
		return def
	}
	return o.d.integer(n, def, lo, hi)
}

func (d *diagnosis) integer(n node, def, lo, hi int) int {
	v, err := strconv.Atoi(strings.TrimSpace(n.y.Value))
	if n.y.Kind != yaml.ScalarNode || err != nil {
		d.problem(n, "must be a whole number, not %s", n.describe())
		return def
	}
	if v < lo || v > hi {
		d.problem(n, "is %d, allowed are %d to %d", v, lo, hi)
		return def
	}
	return v
}

// required is integer for a field that must be there.
func (o *object) required(name string, lo, hi int) int {
	if _, ok := o.fields[name]; !ok {
		o.missing(name)
		return lo
	}
	return o.integer(name, lo, lo, hi)
}

// count takes a number of tasks for a completion policy: null and -1 mean never, which is 0 here.
func (o *object) count(name string, def, instances int) int {
	n, ok := o.take(name)
	if !ok {
		return def
	}
	if n.isNull() || n.y.Value == "-1" {
		return 0
	}
	return o.d.integer(n, def, 1, instances)
}

func (n node) describe() string {
	switch n.y.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.y.Value)
}

// list takes a list; its items come with their index in the path.
func (o *object) list(name string) []node {
	n, ok := o.take(name)
	if !ok || n.isNull() {
		return nil
	}
	return o.d.items(n)
}

func (d *diagnosis) items(n node) []node {
	if n.y.Kind != yaml.SequenceNode {
		d.problem(n, "must be a list")
		return nil
	}
	out := make([]node, len(n.y.Content))
	for i, c := range n.y.Content {
		out[i] = node{resolve(c), n.path + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

// string reads a scalar item.
func (d *diagnosis) string(n node) string {
	if n.y.Kind != yaml.ScalarNode || n.isNull() {
		d.problem(n, "must be a string")
		return ""
	}
	return n.y.Value
}
