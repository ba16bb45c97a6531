package pages

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Whatever a query says, a list shows rows that it has, and its links can be followed.
func FuzzList(f *testing.F) {
	for _, q := range []string{"", "sort=-n&page=2&size=3", "page=99999999999999999999&size=-1", "q=%zz&sort=;", "sort=--n&page=0&size=501", "q=a&q=b&page=2&page=3"} {
		f.Add(q, uint8(200))
	}
	f.Fuzz(func(t *testing.T, query string, n uint8) {
		r := httptest.NewRequest(http.MethodGet, "/list", nil)
		r.URL.RawQuery = query
		l := ReadList(r)
		columns := []Column[int]{{Title: "N", Key: "n", Number: true, Less: cmp.Compare[int], Cell: func(int) Cell { return Cell{} }}, {Title: "hidden", Key: "h", Less: cmp.Compare[int]}}
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		table := Make("a list", "", l, columns, items)
		if len(table.Rows) != table.Last-table.First+1 || table.Total != int(n) || table.Last > int(n) || len(table.Rows) > rowsMost || n > 0 && len(table.Rows) == 0 {
			t.Fatalf("%d rows, from %d to %d of %d", len(table.Rows), table.First, table.Last, n)
		}
		for _, link := range []string{table.Previous, table.Next, table.Heads[0].Path} {
			if u, err := url.Parse(link); err != nil || link != "" && u.Path != "/list" {
				t.Errorf("a link to %q: %v", link, err)
			}
		}
		Orders(l, columns, "first")
		l.Has(query, "text")
	})
}
