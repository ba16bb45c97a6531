// Package keys says what Heddle makes of each of Hadoop's configuration keys, and which values stop a daemon's start. The
// table is keys.txt; docs/compatibility.md shows the same, and tests hold both against what the code reads.
package keys

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"heddle/hadoop/conf"
)

//go:embed keys.txt
var table string

// dropped are keys of the default files of Hadoop 2.10.2, 3.3.6 and 3.4.3 that package conf's defaults lack, one a line.
//
//go:embed dropped.txt
var dropped string

// Names are the keys of the default files of Hadoop 2.10.2 to 3.5.0.
func Names() []string { return append(conf.DefaultNames(), strings.Fields(dropped)...) }

// Verdict is what becomes of a key.
type Verdict string

// The verdicts. NotYet is a key of something that is not built: it has no effect, which may matter, and daemons warn.
const (
	Honoured Verdict = "honoured"
	Ignored  Verdict = "ignored"
	NotYet   Verdict = "later"
	Refused  Verdict = "refused"
)

// Key is one line of the table.
type Key struct {
	Section string
	Name    string // a star stands for any text
	Verdict Verdict
	Why     string // may be empty for Honoured

	literal int // how much of Name is no star
	match   *regexp.Regexp
}

type index struct {
	all      []Key
	exact    map[string]Key
	patterns []Key // the most literal first
	hadoops  map[string]bool
}

var parsed = sync.OnceValue(func() *index {
	x := &index{exact: map[string]Key{}, hadoops: map[string]bool{}}
	for _, n := range Names() {
		x.hadoops[n] = true
	}
	section := ""
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = name
		}
		if line == "" || line[0] == '#' {
			continue
		}
		verdict, rest, _ := strings.Cut(line, " ")
		name, why, _ := strings.Cut(rest, " ")
		k := Key{Section: section, Name: name, Verdict: Verdict(verdict), Why: why, literal: len(strings.ReplaceAll(name, "*", ""))}
		x.all = append(x.all, k)
		if !strings.Contains(name, "*") {
			x.exact[name] = k
			continue
		}
		k.match = regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, ".*") + "$")
		x.patterns = append(x.patterns, k)
	}
	slices.SortStableFunc(x.patterns, func(a, b Key) int { return b.literal - a.literal })
	return x
})

// All is the table, in its order.
func All() []Key { return parsed().all }

// Lookup finds the line for a key; ok is false for one that is not Hadoop's: what a pattern ignores must be in one of
// Hadoop's default files, or belong to those who name keys as they like.
func Lookup(name string) (k Key, ok bool) {
	if k, ok := parsed().exact[name]; ok {
		return k, true
	}
	for _, k := range parsed().patterns {
		if k.match.MatchString(name) {
			return k, k.Verdict != Ignored || parsed().hadoops[name] || slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(k.Name, f) })
		}
	}
	return Key{}, false
}

// free are the beginnings of keys that have parts of anybody's choice, or are not in those files.
var free = []string{"fs.", "dfs.", "ha.", "mapreduce.", "mapred.", "yarn.app.mapreduce.", "yarn.service.", "yarn.scheduler.capacity.", "yarn.scheduler.fair.", "yarn.nodemanager.aux-services."}

// Without are the keys that files of c set to something which is not built yet and which daemons of the given kind would
// read, one sentence each.
func Without(c *conf.Config, d Daemon) (sentences []string) {
	base := conf.WithDefaults()
	for _, name := range c.Keys() {
		if c.Source(name) == conf.SourceDefault || !d.concerned(name) {
			continue
		}
		k, ok := Lookup(name)
		if !ok || k.Verdict != NotYet {
			continue
		}
		value := c.String(name, "")
		if !asks(base, name, value) {
			continue
		}
		sentences = append(sentences, fmt.Sprintf("%s=%s (set in %s) has no effect yet: %s", name, value, c.Source(name), k.Why))
	}
	return sentences
}

// asks reports whether a value is another than Hadoop's own and wants something.
func asks(base *conf.Config, name, value string) bool {
	if def, has := base.Get(name); has {
		return value != def
	}
	return !slices.Contains(neutral, strings.ToLower(value))
}

// neutral values ask for nothing.
var neutral = []string{"", "*", "-1", "0", "false", "none"}

// Nearest is the key of Hadoop's that a name without one most resembles, or "" when none is near.
func Nearest(name string) string {
	best, least := "", max(2, len(name)/12)+1
	consider := func(candidate string) {
		if d := distance(name, candidate, least); d < least || d == least && best != "" && candidate < best {
			best, least = candidate, d
		}
	}
	for _, k := range All() {
		if !strings.Contains(k.Name, "*") {
			consider(k.Name)
		}
	}
	for _, n := range Names() {
		consider(n)
	}
	return best
}

// distance is how many letters must change to make b of a (Levenshtein's), or more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
