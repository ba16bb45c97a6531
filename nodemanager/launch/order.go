package launch

import (
	"maps"
	"slices"
	"strings"
)

// byDependence orders variables so that each comes after those that its value names, and by
// name otherwise. Variables that name each other in a circle come by name.
func byDependence(vars map[string]string) []variable {
	var out []variable
	done := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		for _, other := range references(vars[name]) {
			if _, ok := vars[other]; ok {
				visit(other)
			}
		}
		out = append(out, variable{name: name, value: vars[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		visit(name)
	}
	return out
}

// references lists the variables that bash would expand in a double-quoted value: $NAME and ${NAME…}.
func references(value string) []string {
	var out []string
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '$':
			rest := strings.TrimPrefix(value[i+1:], "{")
			if n := nameLen(rest); n > 0 {
				out = append(out, rest[:n])
			}
		}
	}
	return out
}

func nameLen(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// adminVariables reads yarn.nodemanager.admin-env, "A=x,B=$B": a name in a value stands for the
// client's value, else the NodeManager's, else nothing; what the client had set comes first, with a colon.
func adminVariables(admin string, client, host map[string]string) []variable {
	var out []variable
	for pair := range strings.SplitSeq(admin, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" {
			continue
		}
		value = expandAdmin(value, client, host)
		if had, ok := client[name]; ok {
			value = had + ":" + value
		}
		out = append(out, variable{name: name, value: value})
	}
	return out
}

func expandAdmin(value string, client, host map[string]string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(value, "$")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		n := nameLen(after)
		name := after[:n]
		if v, ok := client[name]; ok {
			b.WriteString(v)
		} else {
			b.WriteString(host[name])
		}
		value = after[n:]
	}
}
