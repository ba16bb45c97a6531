package jobspec

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Parse reads a job file of either protocol. A file with mistakes gives Problems.
// warnings are things that are allowed and seldom meant.
func Parse(file []byte) (f *Framework, warnings Problems, err error) {
	if len(file) > MaxBytes {
		return nil, nil, Problems{{1, "", fmt.Sprintf("the file has %d bytes, allowed are %d", len(file), MaxBytes)}}
	}
	root, err := parseTree(file)
	if err != nil {
		return nil, nil, err
	}
	d := new(diagnosis)
	o := d.object(root)
	switch {
	case o.has("protocolVersion"):
		f = d.v2(o)
	case o.has("jobName"):
		f = d.v1(o)
	default:
		d.problem(root, "is no job: protocol 2 starts with protocolVersion, protocol 1 has a jobName")
	}
	if err := d.err(); err != nil {
		return nil, d.warnings, err
	}
	return f, d.warnings, nil
}

func (o *object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// parseTree reads YAML, of which JSON is a part but for tabs, which JSON has only between values.
func parseTree(file []byte) (root node, err error) {
	if trimmed := bytes.TrimSpace(file); len(trimmed) > 0 && trimmed[0] == '{' {
		file = bytes.ReplaceAll(file, []byte("\t"), []byte(" "))
	}
	defer func() { // yaml.v3 panics on some malformed input
		if p := recover(); p != nil {
			err = Problems{{1, "", fmt.Sprintf("is not readable: %v", p)}}
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(file, &doc); err != nil {
		line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1])
			text = m[2]
		}
		return node{}, Problems{{line, "", "neither YAML nor JSON: " + text}}
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return node{}, Problems{{1, "", "the file is empty"}}
	}
	return node{y: resolve(doc.Content[0])}, nil
}

// checkCompletion warns of rules that end a job earlier than most people mean.
func (d *diagnosis) checkCompletion(n node, r *Role) {
	if r.MinFailed > 1 && r.MinFailed <= r.Instances/2 {
		d.warn(n, "role %s: the job fails with %d of %d tasks", r.Name, r.MinFailed, r.Instances)
	}
	if r.MinSucceeded > 0 && r.MinSucceeded < r.Instances {
		d.warn(n, "role %s: the job succeeds, and ends all others, with %d of %d tasks", r.Name, r.MinSucceeded, r.Instances)
	}
}
