package soak

import (
	"math/rand/v2"
	"testing"
)

func TestTrends(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	series := func(f func(i int) float64) (out []float64) {
		for i := range 360 {
			out = append(out, f(i))
		}
		return out
	}
	for _, c := range []struct {
		name  string
		f     func(i int) float64
		grows bool
	}{
		{"constant", func(int) float64 { return 100 }, false},
		{"noise", func(int) float64 { return 100 + 40*random.Float64() }, false},
		{"a garbage collector's saw", func(i int) float64 { return 100 + float64(i%17)*6 }, false},
		{"warming up in the first sixth only", func(i int) float64 { return 100 + float64(min(i, 60)) }, false},
		{"two peaks at the end", func(i int) float64 {
			if i > 340 && i%9 == 0 {
				return 1000
			}
			return 100
		}, false},
		{"falling", func(i int) float64 { return 500 - float64(i) }, false},
		{"less than the margin", func(i int) float64 { return 100 + float64(i)/40 }, false},
		{"a leak", func(i int) float64 { return 100 + float64(i)/4 }, true},
		{"a leak under noise", func(i int) float64 { return 100 + float64(i)/4 + 30*random.Float64() }, true},
		{"a leak under a saw", func(i int) float64 { return 100 + float64(i)/2 + float64(i%17)*6 }, true},
		{"from nothing", func(i int) float64 { return float64(i) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := trendOf(series(c.f), 5)
			if err != nil || got.grows != c.grows {
				t.Errorf("%+v, %v; grows should be %v", got, err, c.grows)
			}
		})
	}
}

func TestATrendWantsSamples(t *testing.T) {
	if _, err := trendOf(make([]float64, least-1), 1); err == nil {
		t.Error("too few samples were judged")
	}
	if got, err := trendOf(make([]float64, least), 1); err != nil || got.grows {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMedian(t *testing.T) {
	for want, of := range map[float64][]float64{0: nil, 3: {3}, 2.5: {4, 1, 2, 3}, 2: {9, 1, 2}} {
		if got := median(of); got != want {
			t.Errorf("median of %v is %v", of, got)
		}
	}
	if s := slope([]float64{1, 3, 5, 7, 100}); s != 2 {
		t.Errorf("slope %v", s)
	}
}
