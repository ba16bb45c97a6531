package keys_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../../.."

// readers are the folders whose code reads Hadoop's configuration.
var readers = []string{"applicationmaster", "cmd", "hadoop", "job", "nodemanager", "resourcemanager", "yarn"}

// silent are files that name keys and do not read them.
var silent = []string{"hadoop/conf/deprecated.go", "hadoop/conf/keys/refusals.go"}

var keyShape = regexp.MustCompile(`^(yarn|mapreduce|hadoop|ipc|fs|io|net|dfs|security)(\.[A-Za-z0-9_*-]+)+$`)

// read finds the keys that the code names: string constants in the shape of a key, put together as far as that can be
// seen from the text. What is known only when the program runs becomes a star.
func read(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, folder := range readers {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			pkgs, err := parser.ParseDir(token.NewFileSet(), path, func(i fs.FileInfo) bool { return !strings.HasSuffix(i.Name(), "_test.go") }, parser.SkipObjectResolution) //nolint:staticcheck // the folder is all that is wanted
			if err != nil {
				return err
			}
			for _, p := range pkgs {
				collect(p, found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func collect(p *ast.Package, found map[string]string) { //nolint:staticcheck // as above
	constants := map[string]string{}
	for _, f := range p.Files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				learn(g, constants)
			}
		}
	}
	for file, f := range p.Files {
		rel, err := filepath.Rel(root, file)
		if err != nil || slices.Contains(silent, rel) {
			continue
		}
		for _, d := range f.Decls {
			local := maps.Clone(constants)
			learn(d, local)
			note(d, local, rel, found)
		}
	}
}

// learn keeps what names stand for below n.
func learn(n ast.Node, constants map[string]string) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.ValueSpec:
			for i, name := range s.Names {
				if i < len(s.Values) {
					if text, known := fold(s.Values[i], constants); known {
						constants[name.Name] = text
					}
				}
			}
		case *ast.AssignStmt:
			for i, left := range s.Lhs {
				if name, ok := left.(*ast.Ident); ok && s.Tok == token.DEFINE && len(s.Lhs) == len(s.Rhs) {
					if text, known := fold(s.Rhs[i], constants); known {
						constants[name.Name] = text
					}
				}
			}
		}
		return true
	})
}

func note(n ast.Node, constants map[string]string, file string, found map[string]string) {
	ast.Inspect(n, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text, known := fold(e, constants)
		if !known {
			return true
		}
		if keyShape.MatchString(strings.TrimSuffix(text, ".")) {
			found[text] = file
		}
		return false // parts of it are no keys
	})
}

// fold is the text of an expression of string literals, known constants and, between them, stars.
func fold(e ast.Expr, constants map[string]string) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(x.Value)
		return s, err == nil
	case *ast.Ident:
		s, ok := constants[x.Name]
		return s, ok
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return "", false
		}
		left, known := fold(x.X, constants)
		right, also := fold(x.Y, constants)
		if !known && !also {
			return "", false
		}
		if !known {
			left = "*"
		}
		if !also {
			right = "*"
		}
		return left + right, true
	}
	return "", false
}
