// Package arch holds the import arrows: which part of the project may import which.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows lists, for each folder, what its packages may import besides the standard library, other
// modules, their own folder and what stands under "anywhere". The longest matching folder decides.
// docs/architecture.md says why.
var arrows = map[string][]string{
	"hadoop-proto":              {},
	"statemachine":              {},
	"store":                     {},
	"persist":                   {},
	"yarn":                      {},
	"yarn/wire":                 {"yarn", "hadoop-proto"},
	"yarn/logs":                 {"yarn", "hadoop/fs"},
	"yarn/client":               {"yarn", "yarn/wire", "hadoop", "hadoop-proto"},
	"yarn/shell":                {"yarn", "yarn/client", "yarn/wire", "hadoop", "hadoop-proto"},
	"hadoop/rpc":                {"hadoop-proto"},
	"hadoop/conf":               {"yarn"}, // resource types are read from configuration
	"hadoop/security":           {"hadoop-proto", "hadoop/conf"},
	"hadoop/http":               {"hadoop/conf", "hadoop/security"},
	"hadoop/fs":                 {"hadoop"},
	"hadoop/topology":           {"hadoop/conf"},
	"executor":                  {"yarn"},
	"resourcemanager/scheduler": {"yarn"},
	"resourcemanager":           {"yarn", "hadoop", "hadoop-proto", "statemachine", "store", "persist"},
	"nodemanager":               {"yarn", "hadoop", "hadoop-proto", "executor", "statemachine", "store"},
	"jobspec":                   {},
	"job":                       {"yarn", "hadoop", "hadoop-proto", "jobspec"}, // what clients, AM and agents share of a running job
	"agent":                     {"hadoop/fs", "hadoop/security", "jobspec", "job/rendezvous"},
	"agent/embedded":            {},
	"applicationmaster":         {"yarn", "hadoop", "hadoop-proto", "jobspec", "statemachine", "job"},
	"jobserver":                 {"yarn", "hadoop", "hadoop-proto", "jobspec"},
	"sandbox":                   {"hadoop/conf"}, // its test reads what it wrote
	"simulator":                 {"yarn", "resourcemanager/scheduler"},
	"cmd":                       {""},
	"test":                      {""},
	"test/shapes":               {},
}

// yardsticks are what the tests, and only the tests, of every folder may import.
var yardsticks = []string{"test/shapes"}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportsFollowTheArrows(t *testing.T) {
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("only %d packages were listed", len(packages))
	}
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, "heddle/")
		folder, allowed, ok := rule(from)
		if !ok {
			t.Errorf("%s is in no folder of the table; add it with its arrows, here and in docs/architecture.md", from)
			continue
		}
		for i, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			to, inside := strings.CutPrefix(imported, "heddle/")
			if i >= len(p.Imports) && slices.Contains(yardsticks, to) {
				continue
			}
			if inside && !within(to, folder) && !slices.ContainsFunc(allowed, func(a string) bool { return within(to, a) }) {
				t.Errorf("%s imports %s; %s may import only %s", from, to, folder, strings.Join(allowed, ", "))
			}
		}
	}
}

func TestDaemonsDoNotImportEachOther(t *testing.T) {
	daemons := []string{"resourcemanager", "nodemanager", "applicationmaster", "jobserver"}
	for _, p := range list(t) {
		from := strings.TrimPrefix(p.ImportPath, "heddle/")
		for _, d := range daemons {
			for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
				to := strings.TrimPrefix(imported, "heddle/")
				if within(to, d) && !within(from, d) && slices.ContainsFunc(daemons, func(o string) bool { return within(from, o) }) {
					t.Errorf("%s imports %s: the wire is the only thing between two daemons", from, to)
				}
			}
		}
	}
}

// rule is the longest folder of the table that holds path.
func rule(path string) (folder string, allowed []string, ok bool) {
	for f, a := range arrows {
		if within(path, f) && len(f) >= len(folder) {
			folder, allowed, ok = f, a, true
		}
	}
	return folder, allowed, ok
}

func within(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags", "interop", "-json=ImportPath,Imports,TestImports,XTestImports", "heddle/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []pkg
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}
