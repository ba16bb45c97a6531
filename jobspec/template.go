package jobspec

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// template renders <% $root.path %> in one command. Roots are $parameters and the
// role's own $data, $script and $output. A name that leads nowhere is a mistake.
type template struct {
	job    *v2Job
	chosen map[string]prerequisite
	at     node
}

func (t *template) render(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "<%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		inside, after, closed := strings.Cut(rest, "%>")
		if !closed {
			t.job.d.problem(t.at, "<%% without %%>")
			return b.String()
		}
		b.WriteString(t.lookup(strings.TrimSpace(inside)))
		s = after
	}
}

// lookup resolves a dotted path; [n] is another way to write .n.
func (t *template) lookup(expr string) string {
	path := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(expr), ".")
	y, problem := t.root(path[0])
	for _, step := range path[1:] {
		if y == nil {
			break
		}
		y = descend(y, step)
	}
	switch {
	case problem != "":
		t.job.d.problem(t.at, "<%% %s %%>: %s", expr, problem)
	case y == nil:
		t.job.d.problem(t.at, "<%% %s %%> names nothing in this job", expr)
	case y.Kind != yaml.ScalarNode:
		t.job.d.problem(t.at, "<%% %s %%> names a whole list or object, not a value", expr)
	default:
		return y.Value
	}
	return ""
}

// root finds what a path starts from; a nil node without a problem is something absent.
func (t *template) root(name string) (y *yaml.Node, problem string) {
	switch name {
	case "$parameters":
		return t.job.parameters.y, ""
	case "$data", "$script", "$output":
		p, ok := t.chosen[name[1:]]
		if !ok {
			return nil, "this role has no " + name[1:]
		}
		return p.y, ""
	case "$secrets":
		return nil, "secrets are not supported yet"
	}
	return nil, "known are $parameters, $data, $script and $output"
}

func descend(y *yaml.Node, step string) *yaml.Node {
	switch y.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			if y.Content[i].Value == step {
				return resolve(y.Content[i+1])
			}
		}
	case yaml.SequenceNode:
		if n, err := strconv.Atoi(step); err == nil && n >= 0 && n < len(y.Content) {
			return resolve(y.Content[n])
		}
	}
	return nil
}
