package hadoophttp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func read(contentType, body string) (*Tree, error) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return ReadTree(r, "app")
}

// The same content in JSON, with or without its root, and in XML is the same tree.
func TestBodiesOfBothKindsAreOneTree(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body string }{
		"json":        {"application/json", `{"name":"x & y","n":7,"yes":true,"none":null,"env":{"entry":[{"key":"A","value":"1"},{"key":"B","value":2}]},"tags":{"tag":"one"}}`},
		"rooted json": {"application/json; charset=UTF-8", `{"app":{"name":"x & y","n":7,"yes":true,"env":{"entry":[{"key":"A","value":"1"},{"key":"B","value":2}]},"tags":{"tag":["one"]}}}`},
		"xml": {"application/xml", `<?xml version="1.0"?><app xmlns="urn:x"><name>x &amp; y</name><n> 7 </n><yes>true</yes>
			<env><entry><key>A</key><value>1</value></entry><entry><key>B</key><value>2</value></entry></env><tags><tag>one</tag></tags></app>`},
	} {
		tree, err := read(c.contentType, c.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		env := tree.Entries("env")
		if tree.Text("name") != "x & y" || tree.Text("n") != "7" || tree.Text("yes") != "true" || tree.Has("none") || len(env) != 2 || env[1].Key != "B" || env[1].Text() != "2" ||
			len(tree.Get("tags").List("tag")) != 1 || tree.Get("nowhere").Text("at all") != "" {
			t.Errorf("%s: %+v", name, tree)
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		status            int
	}{
		"a form":               {"application/x-www-form-urlencoded", "a=b", http.StatusUnsupportedMediaType},
		"no type":              {"", "{}", http.StatusUnsupportedMediaType},
		"half of an object":    {"application/json", `{"a":`, http.StatusBadRequest},
		"two objects":          {"application/json", `{} {}`, http.StatusBadRequest},
		"a list of objects":    {"application/json", `[{},{}]`, http.StatusBadRequest},
		"deep lists":           {"application/json", strings.Repeat("[", 5000), http.StatusBadRequest},
		"deep objects":         {"application/json", strings.Repeat(`{"a":`, 5000), http.StatusBadRequest},
		"deep elements":        {"application/xml", strings.Repeat("<a>", 5000), http.StatusBadRequest},
		"many values":          {"application/json", `{"a":[` + strings.Repeat("1,", 200_000) + `1]}`, http.StatusBadRequest},
		"half of an element":   {"application/xml", `<a><b></a>`, http.StatusBadRequest},
		"entities of its own":  {"application/xml", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, http.StatusBadRequest},
		"more than the limit":  {"application/json", `{"a":"` + strings.Repeat("x", maxTreeBytes) + `"}`, http.StatusRequestEntityTooLarge},
		"nothing":              {"application/json", ``, http.StatusBadRequest},
		"a number of a number": {"application/json", `7`, http.StatusOK},
	} {
		_, err := read(c.contentType, c.body)
		status := http.StatusOK
		var e *Exception
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &e):
			status = e.Status
		case errors.As(err, &large):
			status = http.StatusRequestEntityTooLarge
		case err != nil:
			t.Errorf("%s: %v", name, err)
		}
		if status != c.status {
			t.Errorf("%s: %d (%v), want %d", name, status, err, c.status)
		}
	}
}

// FuzzReadTree: any body is a tree within the bounds or an error.
func FuzzReadTree(f *testing.F) {
	f.Add(true, `{"app":{"a":[1,null,{"b":"c"}]}}`)
	f.Add(false, `<app><a>1</a><a><b>c</b></a></app>`)
	f.Add(false, `<!DOCTYPE x><x/>`)
	f.Fuzz(func(t *testing.T, isJSON bool, body string) {
		media := "application/xml"
		if isJSON {
			media = "application/json"
		}
		tree, err := read(media, body)
		if (tree == nil) == (err == nil) {
			t.Errorf("%v, %v of %q", tree, err, body)
		}
	})
}
