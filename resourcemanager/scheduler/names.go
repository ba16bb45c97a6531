package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// Names are the queues' names at one moment; they never change and may be read from anywhere.
type Names struct {
	leaf   map[string]bool     // by path
	leaves map[string][]string // paths of the leaves, by short name
	parent map[string]string   // path of a parent, by short name
	paths  []string            // of the leaves, sorted
}

func namesOf(root *queue) *Names {
	n := &Names{leaf: map[string]bool{}, leaves: map[string][]string{}, parent: map[string]string{}}
	var walk func(*queue)
	walk = func(q *queue) {
		n.leaf[q.path] = q.leaf()
		if q.leaf() {
			n.leaves[q.cfg.Name] = append(n.leaves[q.cfg.Name], q.path)
			n.paths = append(n.paths, q.path)
		} else {
			n.parent[q.cfg.Name] = q.path
		}
		for _, c := range q.children {
			walk(c)
		}
	}
	walk(root)
	slices.Sort(n.paths)
	for _, l := range n.leaves {
		slices.Sort(l)
	}
	return n
}

// LeafPath resolves a queue name as clients give it, "a" or "root.a", to the path of a
// leaf. It fails where there is none, where a short name is ambiguous, or for a parent.
func (n *Names) LeafPath(name string) (string, error) {
	if leaf, ok := n.leaf[name]; ok {
		if !leaf {
			return "", fmt.Errorf("queue %s is not a leaf queue; submit to one of its children", name)
		}
		return name, nil
	}
	switch l := n.leaves[name]; len(l) {
	case 0:
		if path, ok := n.parent[name]; ok {
			return "", fmt.Errorf("queue %s is not a leaf queue; submit to one of its children", path)
		}
		return "", fmt.Errorf("unknown queue: %s; the queues that take applications are %s", name, n.some())
	case 1:
		return l[0], nil
	default:
		return "", fmt.Errorf("queue name %s is ambiguous: %v; use the whole path", name, l)
	}
}

// some lists the leaves for an error message, the first few of many.
func (n *Names) some() string {
	const most = 20
	if k := len(n.paths); k > most {
		return fmt.Sprintf("%s and %d more", strings.Join(n.paths[:most], ", "), k-most)
	}
	return strings.Join(n.paths, ", ")
}
