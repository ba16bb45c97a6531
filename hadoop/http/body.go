package hadoophttp

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Bounds on the body of a REST request. The longest lawful one is a submission with its environment and resources.
const (
	maxTreeBytes = 4 << 20
	maxTreeDepth = 32
	maxTreeNodes = 100_000
)

// Tree is a request's body: what JSON and XML have in common. A list is a field that stands more than once; a list
// of one and a single value look the same, as Hadoop's servers take them. A nil Tree is empty.
type Tree struct {
	Value  string // of a leaf
	fields map[string][]*Tree
}

// Get is the first of a field's values, or nil.
func (t *Tree) Get(name string) *Tree {
	if list := t.List(name); len(list) > 0 {
		return list[0]
	}
	return nil
}

// List is all of a field's values.
func (t *Tree) List(name string) []*Tree {
	if t == nil {
		return nil
	}
	return t.fields[name]
}

// Text is the text of a leaf below t, empty where there is none.
func (t *Tree) Text(name string) string {
	if f := t.Get(name); f != nil {
		return f.Value
	}
	return ""
}

// Has reports whether a field was given.
func (t *Tree) Has(name string) bool { return len(t.List(name)) > 0 }

// Entries are the pairs of Hadoop's form of a map, {"entry":[{"key":…,"value":…}]}, in order.
func (t *Tree) Entries(name string) (out []Entry) {
	for _, e := range t.Get(name).List("entry") {
		out = append(out, Entry{e.Text("key"), e.Get("value")})
	}
	return out
}

// Entry is one pair of a map.
type Entry struct {
	Key   string
	Value *Tree // nil where it was left out
}

// Text is the value of a pair as text.
func (e Entry) Text() string {
	if e.Value == nil {
		return ""
	}
	return e.Value.Value
}

// ReadTree reads a request's body, JSON or XML by its Content-Type. root names the XML element; in JSON the object may
// stand alone, or below that name. The error is an *Exception to answer with.
func ReadTree(r *http.Request, root string) (*Tree, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		media = r.Header.Get("Content-Type")
	}
	body := http.MaxBytesReader(nil, r.Body, maxTreeBytes)
	var t *Tree
	switch media {
	case "application/json", "text/json":
		t, err = parseJSON(body)
	case "application/xml", "text/xml":
		t, err = parseXML(body)
	default:
		return nil, &Exception{http.StatusUnsupportedMediaType, "WebApplicationException", fmt.Sprintf("the Content-Type %q is neither application/json nor application/xml", media), "javax.ws.rs.WebApplicationException"}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, err
	}
	if err != nil {
		return nil, BadRequest("the body cannot be read: %v", err)
	}
	if inner := t.Get(root); inner != nil && len(t.fields) == 1 && inner.fields != nil {
		return inner, nil
	}
	return t, nil
}

// treeReader counts what it makes, so that a small body cannot become a large tree.
type treeReader struct{ nodes int }

func (x *treeReader) node(depth int) (*Tree, error) {
	x.nodes++
	if depth > maxTreeDepth || x.nodes > maxTreeNodes {
		return nil, fmt.Errorf("more than %d levels or %d values", maxTreeDepth, maxTreeNodes)
	}
	return &Tree{}, nil
}

func (t *Tree) add(name string, child *Tree) {
	if t.fields == nil {
		t.fields = map[string][]*Tree{}
	}
	t.fields[name] = append(t.fields[name], child)
}

func parseJSON(r io.Reader) (*Tree, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	x := treeReader{}
	holder := &Tree{}
	if err := x.json(d, holder, "", 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands after the object")
	}
	t := holder.Get("")
	if t == nil || len(holder.List("")) > 1 {
		return nil, errors.New("it is no object")
	}
	return t, nil
}

// json adds the next value to parent as name; a list adds all of its values, null none.
func (x *treeReader) json(d *json.Decoder, parent *Tree, name string, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token == nil {
		return nil
	}
	delim, composite := token.(json.Delim)
	if composite && delim == '[' {
		if depth >= maxTreeDepth {
			return fmt.Errorf("more than %d levels", maxTreeDepth)
		}
		for d.More() {
			if err := x.json(d, parent, name, depth+1); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	t, err := x.node(depth)
	if err != nil {
		return err
	}
	parent.add(name, t)
	if !composite {
		t.Value = fmt.Sprint(token)
		return nil
	}
	t.fields = map[string][]*Tree{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := x.json(d, t, fmt.Sprint(key), depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// parseXML reads one element. Namespaces and attributes carry nothing here; there are no entities but XML's own.
func parseXML(r io.Reader) (*Tree, error) {
	d := xml.NewDecoder(r)
	x := treeReader{}
	var stack []*Tree
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("there is no whole element")
			}
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			t, err := x.node(len(stack))
			if err != nil {
				return nil, err
			}
			if len(stack) > 0 {
				stack[len(stack)-1].add(token.Name.Local, t)
			}
			stack = append(stack, t)
			text.Reset()
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			t := stack[len(stack)-1] // the decoder pairs the elements
			if t.fields == nil {
				t.Value = strings.TrimSpace(text.String())
			}
			text.Reset()
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return t, nil
			}
		case xml.Directive:
			return nil, errors.New("a document type is not accepted")
		}
	}
}
