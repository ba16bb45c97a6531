package conf

import (
	"io"
	"io/fs"
	"strings"
	"testing"
)

func FuzzReadXML(f *testing.F) {
	for _, seed := range []string{
		document0("a=1\nb!=${a}"), "<configuration/>", "<configuration><include href='x'/></configuration>",
		"<configuration><property name='a' value='${a}${b}'/><configuration><property/></configuration></configuration>",
		"<configuration xmlns:xi='u'><xi:include href='self'><xi:fallback/></xi:include></configuration>", "<configuration>&bad;", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader()
		r.open = func(name string) (io.ReadCloser, error) {
			if strings.HasSuffix(name, "self") {
				return io.NopCloser(strings.NewReader(text)), nil
			}
			return nil, fs.ErrNotExist
		}
		if err := r.file("/fuzz/self"); err != nil {
			return
		}
		c := New()
		for _, p := range r.found {
			c.add(p)
		}
		for _, key := range c.Keys() {
			if v, ok := c.Get(key); !ok || len(v) > maxExpandBytes+len(text) {
				t.Errorf("%q: %d bytes, %v", key, len(v), ok)
			}
		}
	})
}
