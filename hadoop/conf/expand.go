package conf

import (
	"os"
	"os/user"
	"strings"
)

// Limits on what variables may grow to.
const (
	maxExpandDepth = 20      // Hadoop's own limit
	maxExpandBytes = 1 << 20 // a short file can otherwise ask for gigabytes
)

func systemProperties() map[string]string {
	p := map[string]string{"java.io.tmpdir": "/tmp", "file.separator": "/", "path.separator": ":"}
	if u, err := user.Current(); err == nil {
		p["user.name"], p["user.home"] = u.Username, u.HomeDir
	}
	if dir, err := os.Getwd(); err == nil {
		p["user.dir"] = dir
	}
	for _, part := range []string{"hadoop", "yarn"} {
		p[part+".log.dir"] = logDir(os.Getenv)
	}
	return p
}

// logDir is the folder for logs that Hadoop's start scripts hand to Java: that of HADOOP_LOG_DIR, else logs in
// HADOOP_HOME. A daemon that was started without either keeps them with its other files.
func logDir(getenv func(string) string) string {
	for _, name := range []string{"HADOOP_LOG_DIR", "YARN_LOG_DIR"} {
		if dir := getenv(name); dir != "" {
			return dir
		}
	}
	if home := getenv("HADOOP_HOME"); home != "" {
		return home + "/logs"
	}
	return "${hadoop.tmp.dir}/logs"
}

// expand replaces ${key}, ${env.X}, ${env.X-default} (X unset) and ${env.X:-default}
// (X unset or empty). A reference that means nothing stays as it is; a value whose
// references form a cycle, nest too deep or grow too large stays whole as it is.
func (c *Config) expand(value string) string {
	e := expansion{conf: c, budget: maxExpandBytes}
	out, ok := e.text(value, nil)
	if !ok {
		return value
	}
	return out
}

type expansion struct {
	conf   *Config
	budget int
}

// text expands s, innermost references first, so that ${a.${b}} works.
func (e *expansion) text(s string, active []string) (string, bool) {
	if len(active) > maxExpandDepth {
		return "", false
	}
	from := 0
	for {
		start, end := nextReference(s, from)
		if start < 0 {
			return s, true
		}
		value, known, ok := e.reference(s[start+2:end], active)
		if !ok {
			return "", false
		}
		if !known {
			from = end + 1
			continue
		}
		if e.budget -= len(value) + 1; e.budget < 0 {
			return "", false
		}
		s = s[:start] + value + s[end+1:]
		from = enclosing(s, start, from)
	}
}

// enclosing is where to go on after a reference at start was replaced: at the one
// around it, if it was nested, else behind what is done.
func enclosing(s string, start, from int) int {
	if i := strings.LastIndex(s[:start], "${"); i >= from {
		return i
	}
	return max(from, start)
}

// reference is the value of one ${name}: known is false where it means nothing.
func (e *expansion) reference(name string, active []string) (value string, known, ok bool) {
	if rest, isEnv := strings.CutPrefix(name, "env."); isEnv {
		value, known = e.environment(rest)
		return value, known, true
	}
	if v, isSystem := e.conf.system[name]; isSystem {
		return v, true, true
	}
	p, found := e.conf.lookup(name)
	if !found {
		return "", false, true
	}
	for _, a := range active {
		if a == name {
			return "", false, false
		}
	}
	value, ok = e.text(p.value, append(active[:len(active):len(active)], name))
	return value, true, ok
}

func (e *expansion) environment(ref string) (string, bool) {
	name, fallback := ref, ""
	hasDefault, orEmpty := false, false
	if i := strings.IndexByte(ref, '-'); i >= 0 {
		name, fallback, hasDefault = ref[:i], ref[i+1:], true
		if strings.HasSuffix(name, ":") {
			name, orEmpty = name[:i-1], true
		}
	}
	v, set := e.conf.getenv(name)
	if set && (v != "" || !orEmpty) {
		return v, true
	}
	return fallback, hasDefault
}

// nextReference finds the first innermost ${name} at or after from: no space, $
// or brace within. start is -1 when there is none.
func nextReference(s string, from int) (start, end int) {
	for i := from; i < len(s); {
		j := strings.Index(s[i:], "${")
		if j < 0 {
			return -1, -1
		}
		start = i + j
		k := strings.IndexAny(s[start+2:], "} $")
		if k < 0 {
			return -1, -1
		}
		end = start + 2 + k
		if s[end] == '}' && k > 0 {
			return start, end
		}
		i = start + 2
	}
	return -1, -1
}
