package conf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Limits on one configuration file with everything it includes.
const (
	maxFileBytes    = 16 << 20
	maxIncludes     = 100
	maxIncludeDepth = 10
)

// parsed is one <property> as it was found.
type parsed struct {
	name, value, source string
	final               bool
}

// reader collects the properties of a file and of the files it includes.
type reader struct {
	open      func(string) (io.ReadCloser, error)
	found     []parsed
	including []string // the chain of files being read, outermost first
	includes  int
}

func newReader() *reader {
	return &reader{open: func(name string) (io.ReadCloser, error) { return os.Open(name) }}
}

func (r *reader) file(path string) error {
	for _, p := range r.including {
		if p == path {
			return fmt.Errorf("%s includes itself (%s)", path, strings.Join(append(r.including, path), " -> "))
		}
	}
	f, err := r.open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r.including = append(r.including, path)
	defer func() { r.including = r.including[:len(r.including)-1] }()
	return r.parse(path, f)
}

func (r *reader) parse(path string, in io.Reader) error {
	limited := &io.LimitedReader{R: in, N: maxFileBytes + 1}
	d := xml.NewDecoder(limited)
	d.CharsetReader = charset
	doc := document{reader: r, path: path, xml: d}
	err := doc.read()
	if limited.N == 0 {
		return fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return err
}

// charset reads the encodings that old files declare besides UTF-8.
func charset(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		return &latin1{in: in}, nil
	}
	return nil, fmt.Errorf("encoding %s is not supported; save the file as UTF-8", name)
}

type latin1 struct {
	in      io.Reader
	pending []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.pending) == 0 {
		var raw [512]byte
		n, err := l.in.Read(raw[:])
		if n == 0 {
			return 0, err
		}
		for _, b := range raw[:n] {
			l.pending = append(l.pending, string(rune(b))...)
		}
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}

// document reads one file's elements.
type document struct {
	reader *reader
	path   string
	xml    *xml.Decoder
}

func (d *document) errorf(format string, args ...any) error {
	line, _ := d.xml.InputPos()
	return fmt.Errorf("%s line %d: "+format, append([]any{d.path, line}, args...)...)
}

func (d *document) token() (xml.Token, error) {
	t, err := d.xml.Token()
	if err == nil || errors.Is(err, io.EOF) {
		return t, err
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("%s line %d: %s", d.path, syntax.Line, syntax.Msg)
	}
	return nil, d.errorf("%w", err)
}

func (d *document) read() error {
	for {
		t, err := d.token()
		if errors.Is(err, io.EOF) {
			return d.errorf("no <configuration> element")
		}
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "configuration" {
			return d.errorf("the top element is <%s>, want <configuration>", start.Name.Local)
		}
		if err := d.configuration(0); err != nil {
			return err
		}
		return d.rest()
	}
}

// rest demands that nothing but comments and space follows the top element.
func (d *document) rest() error {
	for {
		t, err := d.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := t.(xml.StartElement); ok {
			return d.errorf("<%s> after </configuration>", s.Name.Local)
		}
	}
}

func (d *document) configuration(depth int) error {
	if depth > maxIncludeDepth {
		return d.errorf("<configuration> elements nest deeper than %d", maxIncludeDepth)
	}
	for {
		t, err := d.token()
		if err != nil {
			return d.unexpectedEnd(err, "configuration")
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := d.child(t, depth); err != nil {
				return err
			}
		}
	}
}

func (d *document) child(t xml.StartElement, depth int) error {
	switch t.Name.Local {
	case "property":
		return d.property(t)
	case "configuration":
		return d.configuration(depth + 1)
	case "include":
		return d.include(t, depth)
	}
	return d.skip()
}

func (d *document) unexpectedEnd(err error, element string) error {
	if errors.Is(err, io.EOF) {
		return d.errorf("the file ends within <%s>", element)
	}
	return err
}

func (d *document) skip() error {
	if err := d.xml.Skip(); err != nil {
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("%s line %d: %s", d.path, syntax.Line, syntax.Msg)
		}
		return d.unexpectedEnd(err, "configuration")
	}
	return nil
}

// property reads <property><name/><value/><final/></property>, or the short form with attributes.
func (d *document) property(t xml.StartElement) error {
	p := parsed{source: d.path}
	hasValue := false
	set := func(element, text string) {
		switch element {
		case "name":
			p.name = strings.TrimSpace(text)
		case "value":
			p.value, hasValue = text, true
		case "final":
			p.final = strings.EqualFold(strings.TrimSpace(text), "true")
		}
	}
	for _, a := range t.Attr {
		set(a.Name.Local, a.Value)
	}
	for {
		t, err := d.token()
		if err != nil {
			return d.unexpectedEnd(err, "property")
		}
		if start, ok := t.(xml.StartElement); ok {
			text, err := d.text(start.Name.Local)
			if err != nil {
				return err
			}
			set(start.Name.Local, text)
		}
		if _, ok := t.(xml.EndElement); ok {
			break
		}
	}
	if p.name == "" {
		return d.errorf("<property> without a <name>")
	}
	if hasValue {
		d.reader.found = append(d.reader.found, p)
	}
	return nil
}

// text is the character data up to the end of the element; elements within are an error in
// name and value and passed over elsewhere (a description may hold markup).
func (d *document) text(element string) (string, error) {
	var b strings.Builder
	for {
		t, err := d.token()
		if err != nil {
			return "", d.unexpectedEnd(err, element)
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String(), nil
		case xml.StartElement:
			if element == "name" || element == "value" || element == "final" {
				return "", d.errorf("<%s> inside <%s>", t.Name.Local, element)
			}
			if err := d.skip(); err != nil {
				return "", err
			}
		}
	}
}

// include reads another file in this place (XInclude). When the file is not there the
// <fallback> children stand in; without one that is an error, as in Hadoop.
func (d *document) include(t xml.StartElement, depth int) error {
	if d.reader.includes++; d.reader.includes > maxIncludes {
		return d.errorf("more than %d includes", maxIncludes)
	}
	if len(d.reader.including) > maxIncludeDepth {
		return d.errorf("includes nest deeper than %d", maxIncludeDepth)
	}
	href := ""
	for _, a := range t.Attr {
		if a.Name.Local == "href" {
			href = strings.TrimSpace(a.Value)
		}
	}
	path, err := includePath(d.path, href)
	if err != nil {
		return d.errorf("%w", err)
	}
	missing := d.reader.file(path)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		return d.errorf("including %s: %w", href, missing)
	}
	hadFallback, err := d.fallback(missing != nil, depth)
	if err != nil {
		return err
	}
	if missing != nil && !hadFallback {
		return d.errorf("including %s, which has no <fallback>: %w", href, missing)
	}
	return nil
}

func includePath(from, href string) (string, error) {
	if href == "" {
		return "", errors.New("<include> without href")
	}
	u, err := url.Parse(href)
	if err != nil {
		return "", fmt.Errorf("include href %q: %w", href, err)
	}
	if u.Scheme != "" && u.Scheme != "file" {
		return "", fmt.Errorf("include href %q: only files can be included", href)
	}
	if filepath.IsAbs(u.Path) {
		return filepath.Clean(u.Path), nil
	}
	return filepath.Join(filepath.Dir(from), u.Path), nil
}

// fallback reads the rest of an <include>; use says whether its fallback counts.
func (d *document) fallback(use bool, depth int) (found bool, err error) {
	for {
		t, err := d.token()
		if err != nil {
			return false, d.unexpectedEnd(err, "include")
		}
		switch t := t.(type) {
		case xml.EndElement:
			return found, nil
		case xml.StartElement:
			if t.Name.Local != "fallback" || !use {
				if err := d.skip(); err != nil {
					return false, err
				}
				continue
			}
			found = true
			if err := d.configuration(depth + 1); err != nil {
				return false, err
			}
		}
	}
}
