package yarn

import (
	"math"
	"testing"
)

func TestConvertUnit(t *testing.T) {
	for _, c := range []struct {
		n        int64
		from, to string
		want     int64
		bad      bool
	}{
		{n: 2, from: "Gi", to: "Mi", want: 2048},
		{n: 2047, from: "Mi", to: "Gi", want: 1},
		{n: 3, from: "G", to: "M", want: 3000},
		{n: 1, from: "p", to: "P", want: 0},
		{n: math.MaxInt64, from: "Ti", to: "Ti", want: math.MaxInt64},
		{n: math.MaxInt64, from: "Gi", to: "Mi", bad: true},
		{n: 1, from: "furlong", to: "furlong", bad: true},
		{n: 1, from: "Mi", to: "furlong", bad: true},
		{n: -1, from: "Mi", to: "Gi", bad: true},
	} {
		got, err := ConvertUnit(c.n, c.from, c.to)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%d%s in %q is %d, %v; want %d, error %v", c.n, c.from, c.to, got, err, c.want, c.bad)
		}
	}
}
