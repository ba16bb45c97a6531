package keys

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// Unknown is the verdict on a key that is not Hadoop's.
const Unknown Verdict = "unknown"

// Files are those of a configuration directory that daemons read.
var Files = []string{"core-site.xml", "hdfs-site.xml", "mapred-site.xml", "yarn-site.xml", "capacity-scheduler.xml", "resource-types.xml", "node-resources.xml", "dynamic-resources.xml", "hadoop-policy.xml"}

// Setting is a key that a file sets.
type Setting struct {
	Key     string  `json:"key"`
	Value   string  `json:"value"`
	File    string  `json:"file"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
	Nearest string  `json:"nearest,omitempty"` // of an unknown key
}

// Start is whether a daemon would start.
type Start struct {
	Daemon  Daemon `json:"daemon"`
	Starts  bool   `json:"starts"`
	Problem string `json:"problem,omitempty"`
}

// Report is what Heddle makes of a configuration directory.
type Report struct {
	Directory string    `json:"directory"`
	Settings  []Setting `json:"settings"`
	Starts    []Start   `json:"starts"`
}

// ErrNoConfiguration is a directory that cannot be read, or holds none of Files.
var ErrNoConfiguration = errors.New("no configuration directory")

// Check reads dir. starts tell for each daemon what its start with dir would fail with; they are asked when the files are
// well-formed.
func Check(dir string, starts map[Daemon]func(dir string) error) (*Report, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is not there, or is no directory", ErrNoConfiguration, dir)
	}
	r := &Report{Directory: dir}
	base, whole := conf.WithDefaults(), conf.WithDefaults()
	found := map[string]*conf.Config{}
	for _, name := range Files {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		found[name] = conf.New()
		for _, c := range []*conf.Config{found[name], whole} {
			if err := c.AddFile(path); errors.Is(err, os.ErrPermission) {
				return nil, fmt.Errorf("%w: %w", ErrNoConfiguration, err)
			} else if err != nil {
				return nil, err
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s holds none of %s", ErrNoConfiguration, dir, strings.Join(Files, ", "))
	}
	for _, name := range Files {
		c := found[name]
		if c == nil {
			continue
		}
		for _, key := range c.Keys() {
			r.Settings = append(r.Settings, judge(c, base, whole, key, name))
		}
	}
	more, err := executorSettings(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfiguration, err)
	}
	r.Settings = append(r.Settings, more...)
	for _, d := range both {
		start, ok := starts[d]
		if !ok {
			continue
		}
		s := Start{Daemon: d, Starts: true}
		if err := start(dir); err != nil {
			s.Starts, s.Problem = false, err.Error()
			r.blame(s.Problem)
		}
		r.Starts = append(r.Starts, s)
	}
	slices.SortStableFunc(r.Settings, func(a, b Setting) int {
		return cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict))
	})
	return r, nil
}

// secret are keys whose values are not shown.
var secret = regexp.MustCompile(`(?i)(secret|password|credential|\.key$|account\.key)`)

// expanded is the key under which judge has a value's variables replaced.
const expanded = "heddle.conf.check"

// judge judges what a file, c, sets key to. Variables in it may come from the other files, which are in whole.
func judge(c, base, whole *conf.Config, key, file string) Setting {
	raw, _ := c.Raw(key)
	whole.Set(expanded, raw)
	value, _ := whole.Get(expanded)
	s := Setting{Key: key, Value: value, File: file}
	if secret.MatchString(key) {
		s.Value = "<redacted>"
	}
	k, ok := Lookup(key)
	if !ok {
		s.Verdict, s.Nearest = Unknown, Nearest(key)
		return s
	}
	s.Verdict, s.Why = k.Verdict, k.Why
	if k.Verdict == NotYet && !asks(base, key, value) {
		s.Verdict, s.Why = Ignored, "the value asks for nothing"
	}
	if k.Verdict == Refused {
		s.Verdict, s.Why = Honoured, "" // until a daemon says otherwise
		for _, r := range Refusals {
			if r.Key == key && !r.takes(value) {
				s.Verdict, s.Why = Refused, k.Why+": "+r.Why
			}
		}
	}
	return s
}

// blame marks the settings that a failed start names.
func (r *Report) blame(problem string) {
	for i := range r.Settings {
		s := &r.Settings[i]
		named := regexp.MustCompile(`(^|[\s,(])` + regexp.QuoteMeta(s.Key) + `($|[\s=,:)])`)
		for line := range strings.Lines(problem) {
			if s.Verdict != Refused && named.MatchString(line) {
				s.Verdict, s.Why = Refused, strings.TrimSpace(line)
			}
		}
	}
}

// OK reports whether all daemons would start.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Starts, func(s Start) bool { return !s.Starts })
}

var (
	order  = []Verdict{Refused, Unknown, NotYet, Ignored, Honoured}
	titles = map[Verdict]string{Refused: "Refused", Unknown: "Unknown: no key of Hadoop's", NotYet: "Without effect yet; the daemons warn", Ignored: "Ignored, and harmless", Honoured: "Honoured"}
)

const width = 100

// Write prints the report for a terminal.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, v := range order {
		n := 0
		for _, s := range r.Settings {
			if s.Verdict == v {
				n++
			}
		}
		if n == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s (%d)\n", titles[v], n)
		for _, s := range r.Settings {
			if s.Verdict == v {
				s.write(&b)
			}
		}
		b.WriteByte('\n')
	}
	for _, s := range r.Starts {
		if s.Starts {
			fmt.Fprintf(&b, "The %s would start.\n", s.Daemon)
			continue
		}
		fmt.Fprintf(&b, "The %s would not start:\n", s.Daemon)
		for line := range strings.Lines(s.Problem) {
			fold(&b, "    ", strings.TrimSpace(line))
		}
	}
	b.WriteString("More: docs/compatibility.md, Configuration keys.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Setting) write(b *strings.Builder) {
	line, room := []rune(fmt.Sprintf("  %s = %s", s.Key, strings.Join(strings.Fields(s.Value), " "))), width-len(s.File)-2
	if len(line) > room {
		line = append(line[:room-1], '…')
	}
	fmt.Fprintf(b, "%-*s  %s\n", room, string(line), s.File)
	if s.Nearest != "" {
		fold(b, "      ", "did you mean "+s.Nearest+"?")
	}
	if s.Why != "" {
		fold(b, "      ", s.Why)
	}
}

// fold writes text in lines of the report's width.
func fold(b *strings.Builder, indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+len(word)+1 > width && line != indent {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
