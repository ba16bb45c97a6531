package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// How many rows a page of a list has: by default, and at most.
const (
	rowsShown = 50
	rowsMost  = 500
)

// Column is a table's column over items of type T.
type Column[T any] struct {
	Title  string
	Key    string // what sort= calls it; empty: not to be sorted by
	Number bool   // right-aligned, and the largest first
	Down   bool   // the largest first, without being right-aligned
	Less   func(a, b T) int
	Cell   func(T) Cell // nil: not shown, to be sorted by only
}

// Cell is what a table shows at one place.
type Cell struct {
	Text  string
	Path  string // where a click leads, if not empty
	Note  string // a second, dimmer line
	Class string // a state's name colours the text
	Bar   *Bar
	Main  bool // the row's name
	Long  bool // text that may wrap
}

// Bar is a part of a whole.
type Bar struct {
	Percent int64 // 0 to 100
	Label   string
}

// List is what a request wants to see of a list: which rows, in which order.
type List struct {
	Path  string
	Query url.Values
	Sort  string
	Down  bool // the largest first
	Text  string
	page  int
	size  int
}

// ReadList reads q= (a text to look for), sort= (a column's key, "-" before it turns the order round), page= and size=.
// What makes no sense counts as left out.
func ReadList(r *http.Request) List {
	q := r.URL.Query()
	l := List{Path: r.URL.Path, Query: q, Text: strings.TrimSpace(q.Get("q")), page: 1, size: rowsShown}
	l.Sort, l.Down = strings.CutPrefix(q.Get("sort"), "-")
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
		l.page = n
	}
	if n, err := strconv.Atoi(q.Get("size")); err == nil && n > 0 {
		l.size = min(n, rowsMost)
	}
	return l
}

// Has reports whether one of the texts contains what the request looks for, without case.
func (l List) Has(texts ...string) bool {
	if l.Text == "" {
		return true
	}
	want := strings.ToLower(l.Text)
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), want) })
}

// with is the list's address with one parameter changed; an empty value takes it out.
func (l List) with(changes ...string) string {
	q := url.Values{}
	for k, v := range l.Query {
		q[k] = v
	}
	q.Del("page")
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			q.Del(changes[i])
			continue
		}
		q.Set(changes[i], changes[i+1])
	}
	if len(q) == 0 {
		return l.Path
	}
	return l.Path + "?" + q.Encode()
}

// Table is a list ready to be shown.
type Table struct {
	Caption        string
	Empty          string // said where there are no rows
	Heads          []Head
	Rows           [][]Cell
	First, Last    int // of Total, from 1
	Total          int
	Previous, Next string // addresses; empty: none
}

// Head is a column's head.
type Head struct {
	Title, Path string
	Number      bool
	Sorted      string // aria-sort
}

// Make sorts items and takes the wanted page of them. Without a known column in l items keep their order.
func Make[T any](caption, empty string, l List, columns []Column[T], items []T) Table {
	t := Table{Caption: caption, Empty: empty, Total: len(items)}
	l.page, l.size = max(1, l.page), cmp.Or(l.size, rowsShown)
	for _, c := range columns {
		h := Head{Title: c.Title, Number: c.Number}
		if c.Key != "" {
			next := c.Key
			if c.Number || c.Down {
				next = "-" + c.Key
			}
			if l.Sort == c.Key {
				h.Sorted = "ascending"
				next = "-" + c.Key
				if l.Down {
					h.Sorted, next = "descending", c.Key
				}
				slices.SortStableFunc(items, func(a, b T) int {
					if l.Down {
						a, b = b, a
					}
					return c.Less(a, b)
				})
			}
			h.Path = l.with("sort", next)
		}
		if c.Cell != nil {
			t.Heads = append(t.Heads, h)
		}
	}
	pages := max(1, (len(items)+l.size-1)/l.size)
	page := min(l.page, pages)
	from := (page - 1) * l.size
	shown := items[from:min(from+l.size, len(items))]
	t.First, t.Last = from+1, from+len(shown)
	if page > 1 {
		t.Previous = l.with("page", strconv.Itoa(page-1))
	}
	if page < pages {
		t.Next = l.with("page", strconv.Itoa(page+1))
	}
	for _, item := range shown {
		row := make([]Cell, 0, len(t.Heads))
		for _, c := range columns {
			if c.Cell != nil {
				row = append(row, c.Cell(item))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// By compares items by a value of theirs.
func By[T any, V cmp.Ordered](value func(T) V) func(a, b T) int {
	return func(a, b T) int { return cmp.Compare(value(a), value(b)) }
}

// Form is the filter above a table: a text, choices, and the order, which has no table head to click on a phone.
type Form struct {
	Path    string
	Text    string
	Hint    string
	Choices []Choice
	Active  bool // something is filtered
}

// Choice is a parameter with a few values.
type Choice struct {
	Title, Name string
	Options     []Option
}

// Option is one of them.
type Option struct {
	Value, Title string
	Chosen       bool
}

// Choose makes a choice of values, of which the request has one or none.
func Choose(title, name, none string, chosen string, values ...string) Choice {
	c := Choice{Title: title, Name: name, Options: []Option{{Title: none}}}
	known := chosen == ""
	for _, v := range values {
		c.Options = append(c.Options, Option{Value: v, Title: v, Chosen: v == chosen})
		known = known || v == chosen
	}
	if !known {
		c.Options = append(c.Options, Option{Value: chosen, Title: chosen, Chosen: true})
	}
	return c
}

// Orders is the choice of a table's order; first names the one that it has by itself.
func Orders[T any](l List, columns []Column[T], first string) Choice {
	c := Choice{Title: "Sort by", Name: "sort", Options: []Option{{Title: first}}}
	for _, col := range columns {
		if col.Key == "" {
			continue
		}
		for _, down := range []bool{col.Number || col.Down, !col.Number && !col.Down} {
			value, title := col.Key, col.Title+" ↑"
			if down {
				value, title = "-"+col.Key, col.Title+" ↓"
			}
			c.Options = append(c.Options, Option{value, title, l.Sort == col.Key && l.Down == down})
		}
	}
	return c
}
