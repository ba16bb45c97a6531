package conf

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// defaultsText holds key=value lines: the keys and defaults of Hadoop 3.5.0's core,
// yarn and mapred sections, and those of 3.4.3 that 3.5.0 dropped.
//
//go:embed defaults.txt
var defaultsText string

var defaults = sync.OnceValue(func() map[string]string {
	m := make(map[string]string, 1500)
	for line := range strings.Lines(defaultsText) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if ok && value != "" {
			m[key] = value
		}
	}
	return m
})

// DefaultNames are the keys of Hadoop's default files, with or without a value, sorted.
func DefaultNames() []string {
	var names []string
	for line := range strings.Lines(defaultsText) {
		if key, _, ok := strings.Cut(line, "="); ok {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return names
}
