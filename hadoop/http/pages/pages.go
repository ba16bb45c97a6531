// Package pages is the look that the web pages of all daemons share: a frame, sortable tables, bars and
// timelines, made on the server. A page has no script and loads nothing from anywhere else, and says so to the
// browser (Content-Security-Policy); every text that a user chose is escaped by html/template.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	hadoophttp "heddle/hadoop/http"
)

//go:embed assets
var assets embed.FS

// policy is what a page may load: this server's style and icon, nothing else, and no script at all.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

// Link leads to a page.
type Link struct{ Title, Path string }

// Site is a daemon's set of pages.
type Site struct {
	Daemon string // "ResourceManager host"
	Foot   string // its version and start
	Home   string // the first page's path
	Nav    []Link // the main pages
	Tools  []Link // what operators use
	Log    *slog.Logger

	CSS, Icon string // paths, by New
	pages     map[string]*template.Template
	css, icon []byte
}

// Page is one answer: what the frame shows, and what its template gets.
type Page struct {
	*Site
	Title   string
	Active  string // the path of the Nav entry that it belongs to
	Parents []Link // the way to it
	Data    any
}

// New compiles the templates of content, NAME.html for each page and parts.html for what several use, beside the shared ones. s gets the rest of its fields.
func New(s Site, content fs.FS, funcs template.FuncMap) (*Site, error) {
	base, err := template.New("frame.html").Funcs(shared).Funcs(funcs).ParseFS(assets, "assets/*.html")
	if err == nil {
		base, err = base.ParseFS(content, "parts.html")
	}
	if err != nil {
		return nil, fmt.Errorf("the embedded pages: %w", err)
	}
	s.pages = map[string]*template.Template{}
	files, err := fs.Glob(content, "*.html")
	if err != nil {
		return nil, fmt.Errorf("the embedded pages: %w", err)
	}
	for _, name := range files {
		if name == "parts.html" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(content, name)
		}
		if err != nil {
			return nil, fmt.Errorf("the embedded page %s: %w", name, err)
		}
		s.pages[strings.TrimSuffix(name, ".html")] = t
	}
	s.pages["failure"] = base // its own main
	if s.css, err = assets.ReadFile("assets/heddle.css"); err == nil {
		s.icon, err = assets.ReadFile("assets/heddle.svg")
	}
	s.CSS, s.Icon = "/static/heddle-"+version(s.css)+".css", "/static/heddle-"+version(s.icon)+".svg"
	return &s, err
}

// version names content by what is in it, so that browsers may keep it.
func version(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
}

// Register serves the style and the icon.
func (s *Site) Register(mux *hadoophttp.Mux) {
	const ever, day = "public, max-age=31536000, immutable", "public, max-age=86400"
	asset := func(path, kind, keep string, body []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", keep)
			w.Header().Del("Pragma")
			_, _ = w.Write(body) // the caller is gone: nobody is left to tell
		})
	}
	asset(s.CSS, "text/css; charset=utf-8", ever, s.css)
	asset(s.Icon, "image/svg+xml", ever, s.icon)
	asset("/favicon.ico", "image/svg+xml", day, s.icon)
	asset("/static/hadoop-st.png", "image/svg+xml", day, s.icon) // the picture that the pages of MapReduce's AM take from their proxy's host
}

// Handle answers a path with the page that data makes; an error becomes a page with its status.
func (s *Site) Handle(mux *hadoophttp.Mux, pattern, name string, data func(*http.Request) (Page, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		p, err := data(r)
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		s.Write(w, r, http.StatusOK, name, p)
	})
}

// Write answers with a page.
func (s *Site) Write(w http.ResponseWriter, r *http.Request, status int, name string, p Page) {
	p.Site = s
	var b bytes.Buffer
	if err := s.pages[name].Execute(&b, p); err != nil {
		s.Log.Error("making a page", "page", name, "error", err)
		http.Error(w, "This page could not be made; the daemon's log says why.", http.StatusInternalServerError)
		return
	}
	for name, value := range map[string]string{"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Referrer-Policy": "same-origin",
		"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"} {
		w.Header().Set(name, value)
	}
	out, finish := hadoophttp.Compressed(w, r)
	w.WriteHeader(status)
	_, err := b.WriteTo(out)
	if err == nil {
		err = finish()
	}
	if err != nil {
		s.Log.Debug("a page was not sent whole", "page", name, "error", err)
	}
}

// Fail answers with an error in words: an *hadoophttp.Exception with its status, anything else as a 500.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, err.Error()
	var e *hadoophttp.Exception
	if errors.As(err, &e) {
		status, text = e.Status, e.Message
		for _, class := range []string{"java.lang.Exception: ", "java.lang.IllegalArgumentException: "} {
			text = strings.TrimPrefix(text, class)
		}
	}
	s.Write(w, r, status, "failure", Page{Title: http.StatusText(status), Data: text})
}
