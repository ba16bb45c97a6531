package shell

import (
	"fmt"
	"slices"
	"strings"
)

// option is one option of a command, as Hadoop's option parser (commons-cli's GnuParser) takes it: with one dash or two.
type option struct {
	name  string
	arg   string // what its argument is called in the help; "" is an option without one
	help  string
	count int  // how many arguments it takes at most; many for no limit; 0 with arg set means one
	opt   bool // its argument may be left out
	comma bool // its arguments are also separated by commas
}

// many is an option's number of arguments without a limit.
const many = 1 << 30

func (o option) limit() int {
	switch {
	case o.arg == "":
		return 0
	case o.count == 0:
		return 1
	}
	return o.count
}

// options is what a command understands.
type options []option

func (os options) find(arg string) (option, bool) {
	name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
	i := slices.IndexFunc(os, func(o option) bool { return o.name == name })
	if i < 0 || name == arg {
		return option{}, false
	}
	return os[i], true
}

// parsed is a command line.
type parsed struct {
	values map[string][]string // by option; present options without arguments have none
	args   []string            // what belongs to no option
}

func (p parsed) has(name string) bool { _, ok := p.values[name]; return ok }

func (p parsed) get(name string) string {
	if v := p.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// hasOther says whether an option beside the named ones was given.
func (p parsed) hasOther(names ...string) bool {
	for n := range p.values {
		if !slices.Contains(names, n) {
			return true
		}
	}
	return false
}

// missingArgument says that an option came without its argument.
type missingArgument string

func (m missingArgument) Error() string { return "Missing argument for option: " + string(m) }

// parse reads a command line. An unknown option is an error, and so is one without its argument.
func (os options) parse(args []string) (parsed, error) {
	p := parsed{values: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			p.args = append(p.args, args[i+1:]...)
			return p, nil
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			p.args = append(p.args, arg)
			continue
		}
		name, inline, hasInline := strings.Cut(arg, "=")
		o, ok := os.find(arg)
		if !ok && hasInline {
			o, ok = os.find(name)
		}
		if !ok {
			return p, fmt.Errorf("Unrecognized option: %s", arg) //nolint:revive // Hadoop's words
		}
		values := p.values[o.name]
		before := len(values)
		if _, whole := os.find(arg); !whole {
			values = o.add(values, inline)
		}
		for len(values)-before < o.limit() && i+1 < len(args) {
			if _, next := os.find(args[i+1]); next {
				break
			}
			i++
			values = o.add(values, args[i])
		}
		if len(values) == before && o.arg != "" && !o.opt {
			return p, missingArgument(o.name)
		}
		p.values[o.name] = values
	}
	return p, nil
}

func (o option) add(values []string, arg string) []string {
	if !o.comma {
		return append(values, arg)
	}
	return append(values, strings.Split(arg, ",")...)
}

const helpWidth = 74

// usage is the help of a command, in the layout of Hadoop's.
func (os options) usage(syntax string) string {
	sorted := slices.Clone(os)
	slices.SortFunc(sorted, func(a, b option) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	heads, width := make([]string, len(sorted)), 0
	for i, o := range sorted {
		heads[i] = " -" + o.name
		if o.arg != "" {
			heads[i] += " <" + o.arg + ">"
		}
		width = max(width, len(heads[i]))
	}
	width += 3
	var t text
	t.line("usage: %s", syntax)
	for i, o := range sorted {
		lines := wrap(o.help, helpWidth-width)
		t.line("%-*s%s", width, heads[i], lines[0])
		for _, l := range lines[1:] {
			t.line("%*s%s", width, "", l)
		}
	}
	return t.String()
}

// wrap breaks s into lines of at most width bytes, at spaces where there are some.
func wrap(s string, width int) []string {
	var lines []string
	for len(s) > width {
		cut := strings.LastIndexByte(s[:width+1], ' ')
		if cut <= 0 {
			cut = width
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = strings.TrimLeft(s[cut:], " ")
	}
	return append(lines, s)
}
