package keys

import (
	"bufio"
	"cmp"
	_ "embed" // the table
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// executorCfg is the file of Hadoop's setuid program, in sections of key=value lines.
const executorCfg = "container-executor.cfg"

//go:embed executorcfg.txt
var executorTable string

// executorKeys are that file's keys (those of Hadoop's container-executor and its modules): verdict, key and why. Of those that
// several sections have, the section goes before.
var executorKeys = func() map[string]Key {
	out := map[string]Key{}
	for line := range strings.Lines(executorTable) {
		verdict, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, why, _ := strings.Cut(rest, " ")
		out[name] = Key{Name: name, Verdict: Verdict(verdict), Why: why}
	}
	return out
}()

// executorSettings are the settings of a directory's container-executor.cfg, none where it is not there.
func executorSettings(dir string) ([]Setting, error) {
	f, err := os.Open(filepath.Join(dir, executorCfg))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	var out []Setting
	section, sc := "", bufio.NewScanner(f)
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(s, "]") + "."
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if key = strings.TrimSpace(key); key == "module.enabled" {
			key = section + key
		}
		s := Setting{Key: key, Value: strings.TrimSpace(value), File: executorCfg, Verdict: Unknown}
		if k, ok := executorKeys[key]; ok {
			s.Verdict, s.Why = k.Verdict, k.Why
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return out, sc.Err()
}

// WithoutInExecutorCfg are sentences on what a directory's container-executor.cfg asks for in vain.
func WithoutInExecutorCfg(dir string) (sentences []string, err error) {
	settings, err := executorSettings(dir)
	for _, s := range settings {
		switch s.Verdict {
		case NotYet:
			sentences = append(sentences, s.Key+" of "+executorCfg+" has no effect yet: "+s.Why)
		case Unknown:
			sentences = append(sentences, s.Key+" of "+executorCfg+" is no key of Hadoop's")
		}
	}
	return sentences, err
}
