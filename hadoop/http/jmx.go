package hadoophttp

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// Attributes are a bean's values by attribute name.
type Attributes map[string]any

// Beans is the register behind /jmx: object names with functions that read their
// attributes at each request. It is safe for concurrent use; mu guards the maps.
type Beans struct {
	mu      sync.RWMutex
	single  map[string]bean
	sources []func(add func(name, modelerType string, a Attributes))
}

type bean struct {
	modelerType string
	read        func() Attributes
}

// NewBeans is an empty register.
func NewBeans() *Beans { return &Beans{single: map[string]bean{}} }

// Register adds a bean, such as "Hadoop:service=ResourceManager,name=ClusterMetrics". modelerType
// is what Hadoop shows of its class.
func (b *Beans) Register(name, modelerType string, read func() Attributes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.single[name] = bean{modelerType, read}
}

// RegisterMany adds a source of beans whose number varies, such as one for each queue.
func (b *Beans) RegisterMany(source func(add func(name, modelerType string, a Attributes))) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sources = append(b.sources, source)
}

// Query is the beans whose object name matches the pattern, in order of names.
func (b *Beans) Query(pattern string) ([]map[string]any, error) {
	p, err := parseObjectName(pattern)
	if err != nil {
		return nil, err
	}
	b.mu.RLock()
	single, sources := maps.Clone(b.single), slices.Clone(b.sources)
	b.mu.RUnlock()
	found := map[string]map[string]any{}
	add := func(name, modelerType string, a Attributes) {
		if n, err := parseObjectName(name); err == nil && p.matches(n) {
			out := map[string]any{"name": name, "modelerType": modelerType}
			maps.Copy(out, a)
			found[name] = out
		}
	}
	for name, s := range single {
		if n, err := parseObjectName(name); err == nil && p.matches(n) {
			add(name, s.modelerType, s.read())
		}
	}
	for _, source := range sources {
		source(add)
	}
	out := make([]map[string]any, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out, nil
}

// ServeHTTP answers /jmx, /jmx?qry=<pattern> and /jmx?get=<name>::<attribute>.
func (b *Beans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	query := r.URL.Query()
	pattern, attribute := query.Get("qry"), ""
	if get := query.Get("get"); get != "" {
		var ok bool
		if pattern, attribute, ok = strings.Cut(get, "::"); !ok || attribute == "" {
			prettyAnswer(w, http.StatusOK, map[string]any{"result": "ERROR", "message": "query format is not as expected."})
			return
		}
	}
	if pattern == "" {
		pattern = "*:*"
	}
	beans, err := b.Query(pattern)
	if err != nil {
		prettyAnswer(w, http.StatusBadRequest, map[string]any{"result": "ERROR", "message": err.Error()})
		return
	}
	if attribute != "" {
		beans = only(beans, attribute)
	}
	prettyAnswer(w, http.StatusOK, map[string]any{"beans": beans})
}

// only keeps one attribute. Java answers with 200 where there is none, and says so in the bean.
func only(beans []map[string]any, attribute string) []map[string]any {
	for i, bean := range beans {
		beans[i] = map[string]any{"name": bean["name"], "modelerType": bean["modelerType"]}
		if v, ok := bean[attribute]; ok {
			beans[i][attribute] = v
			continue
		}
		beans[i]["result"], beans[i]["message"] = "ERROR", "No attribute with name "+attribute+" was found."
	}
	return beans
}

func prettyAnswer(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	err := appendPretty(&body, v, "")
	writeJSON(w, status, body.Bytes(), err)
}

func compactAnswer(w http.ResponseWriter, status int, v any) {
	body, err := marshalJSON(v)
	writeJSON(w, status, body, err)
}

func writeJSON(w http.ResponseWriter, status int, body []byte, err error) {
	if err != nil {
		http.Error(w, fmt.Sprintf("encoding beans: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller is gone: nobody is left to tell
}

// objectName is a JMX name or pattern: domain:key=value,… where domain and values may hold * and ?,
// and a final * stands for further keys.
type objectName struct {
	domain string
	keys   map[string]string
	open   bool
}

func parseObjectName(s string) (objectName, error) {
	domain, rest, ok := strings.Cut(s, ":")
	if !ok {
		if s == "*" {
			return objectName{domain: "*", open: true}, nil
		}
		return objectName{}, fmt.Errorf("object name %q has no ':'", s)
	}
	n := objectName{domain: domain, keys: map[string]string{}}
	for _, part := range strings.Split(rest, ",") {
		if part == "*" {
			n.open = true
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" {
			return objectName{}, fmt.Errorf("object name %q: %q is not key=value", s, part)
		}
		n.keys[key] = value
	}
	return n, nil
}

func (p objectName) matches(n objectName) bool {
	if !wildcard(p.domain, n.domain) || (!p.open && len(p.keys) != len(n.keys)) {
		return false
	}
	for key, pattern := range p.keys {
		if value, ok := n.keys[key]; !ok || !wildcard(pattern, value) {
			return false
		}
	}
	return true
}

// wildcard matches * and ?; other signs that path.Match knows are taken as they are.
func wildcard(pattern, s string) bool {
	if pattern == "*" || pattern == "" {
		return true
	}
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`, "/", "\x00")
	ok, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(s, "/", "\x00"))
	return err == nil && ok
}
