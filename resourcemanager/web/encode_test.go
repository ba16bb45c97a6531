package web

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

// FuzzAppendString: what is written by hand is what encoding/json writes.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", `"quoted\"`, "line\nbreak", "Größe", "\xff\x00", "<b>&</b>", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got := appendString(nil, s); !bytes.Equal(got, bytes.TrimSpace(want.Bytes())) {
			t.Errorf("%s, want %s", got, want.Bytes())
		}
	})
}

// Numbers without a form in JSON do not break the list that they stand in.
func TestEncoder(t *testing.T) {
	e := encoder{b: []byte("{")}
	e.float("nan", float32(math.NaN()))
	e.float("inf", float32(math.Inf(-1)))
	e.float("x", 41.67684)
	e.bool("yes", true)
	e.begin("inner")
	e.int("n", -1)
	e.end()
	e.end()
	if want := `{"nan":0,"inf":0,"x":41.67684,"yes":true,"inner":{"n":-1}}`; string(e.b) != want {
		t.Errorf("%s, want %s", e.b, want)
	}
}
