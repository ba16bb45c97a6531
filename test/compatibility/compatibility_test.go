// Package compatibility holds docs/compatibility.md against the code: what it promises is tested, and
// nothing that Hadoop's protocols have is left unsaid.
package compatibility

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "heddle/hadoop-proto/admin"
	_ "heddle/hadoop-proto/common"
	_ "heddle/hadoop-proto/yarn"
)

const root = "../.."

// line is one row of a table of the document.
type line struct {
	service string // the section's service; empty in tables of paths
	name    string
	state   string
	remark  string
}

var (
	heading  = regexp.MustCompile("^## .*\\(`(\\w+)`\\)$")
	rowShape = regexp.MustCompile("^\\| `([^`]+)` \\| ([a-z ]+) \\| (.*) \\|$")
	proof    = regexp.MustCompile("`([a-z0-9/-]+) (Test\\w+)`")
)

func document(t *testing.T) (lines []line) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docs/compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	service := ""
	for text := range strings.Lines(string(b)) {
		text = strings.TrimSuffix(text, "\n")
		if strings.HasPrefix(text, "#") {
			service = ""
		}
		if m := heading.FindStringSubmatch(text); m != nil {
			service = m[1]
		}
		if m := rowShape.FindStringSubmatch(text); m != nil {
			lines = append(lines, line{service, m[1], m[2], m[3]})
		} else if strings.HasPrefix(text, "| `") {
			t.Errorf("this row cannot be read: %s", text)
		}
	}
	if len(lines) == 0 {
		t.Fatal("the document has no rows")
	}
	return lines
}

// Every method of every service is listed once, and no other.
func TestEveryMethodIsListed(t *testing.T) {
	want := map[string]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(f.Package()), "heddle.hadoop") {
			return true
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				want[string(s.Name())+"."+string(s.Methods().Get(j).Name())] = true
			}
		}
		return true
	})
	if len(want) < 100 {
		t.Fatalf("only %d methods are registered", len(want))
	}
	seen := map[string]bool{}
	for _, l := range document(t) {
		if l.service == "" {
			continue
		}
		name := l.service + "." + l.name
		if seen[name] || !want[name] {
			t.Errorf("%s is listed twice, or is no method of our schema", name)
		}
		seen[name] = true
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

// Each "works" and "differs" names a test that exists.
func TestPromisesAreTested(t *testing.T) {
	tests := testsByFolder(t)
	for _, l := range document(t) {
		proofs := proof.FindAllStringSubmatch(l.remark, -1)
		switch l.state {
		case "honoured", "ignored", "later", "refused":
			continue // of a configuration key, see TestConfigurationKeysAreThoseOfTheTable
		case "works", "differs":
			if len(proofs) == 0 {
				t.Errorf("%s %s: no test is named", l.service, l.name)
			}
		case "not yet", "never":
			if strings.TrimSpace(l.remark) == "" {
				t.Errorf("%s %s: what happens instead is not said", l.service, l.name)
			}
		default:
			t.Errorf("%s %s: state %q", l.service, l.name, l.state)
		}
		for _, p := range proofs {
			if !slices.Contains(tests[p[1]], p[2]) {
				t.Errorf("%s %s: there is no %s in %s", l.service, l.name, p[2], p[1])
			}
		}
	}
}

// Other mentions of tests in the document's text exist too.
func TestMentionedTestsExist(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "docs/compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsByFolder(t)
	for _, p := range proof.FindAllStringSubmatch(string(b), -1) {
		if p[2] != "TestName" && !slices.Contains(tests[p[1]], p[2]) {
			t.Errorf("there is no %s in %s", p[2], p[1])
		}
	}
}

// served are the services that daemons of ours answer, and where their methods stand.
var served = map[string]string{
	"ApplicationClientProtocolService":             "resourcemanager/service/client.go",
	"ApplicationMasterProtocolService":             "resourcemanager/service/am.go",
	"ResourceTrackerService":                       "resourcemanager/service/tracker.go",
	"ResourceManagerAdministrationProtocolService": "resourcemanager/service/admin.go",
	"ContainerManagementProtocolService":           "nodemanager/service/service.go",
}

var built = regexp.MustCompile(`"(\w+)":\s+(?:rpc\.Unary|s\.)`)

// A method is listed as answered exactly where a daemon has a handler for it.
func TestWhatIsListedIsWhatIsBuilt(t *testing.T) {
	handlers := map[string]map[string]bool{}
	for service, file := range served {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		handlers[service] = map[string]bool{}
		for _, m := range built.FindAllStringSubmatch(string(b), -1) {
			handlers[service][m[1]] = true
		}
		if len(handlers[service]) == 0 {
			t.Errorf("no handler was found in %s", file)
		}
	}
	for _, l := range document(t) {
		if h, ok := handlers[l.service]; ok {
			if answered := l.state == "works" || l.state == "differs"; answered != h[l.name] {
				t.Errorf("%s.%s is listed as %q; a handler exists: %v", l.service, l.name, l.state, h[l.name])
			}
		}
	}
}

// testsByFolder are the names of all test functions by their folder, whatever their build tags.
func testsByFolder(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				out[folder] = append(out[folder], fn.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
