package persist

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// One map with the changes to another put into it is the other, whichever came first.
func TestChangesLeadFromOneMapToAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	var b Builder[int, int]
	taken := []Map[int, int]{{}}
	for range 60 {
		for range r.IntN(40) {
			if k := r.IntN(20_000); r.IntN(3) == 0 {
				b.Delete(k)
			} else {
				b.Set(k, r.Int())
			}
		}
		taken = append(taken, b.Map())
	}
	for range 500 {
		from, to := taken[r.IntN(len(taken))], taken[r.IntN(len(taken))]
		got := maps.Collect(from.All())
		for k, c := range to.Changes(from) {
			if delete(got, k); c.OK {
				got[k] = c.Value
			}
		}
		if !maps.Equal(got, maps.Collect(to.All())) {
			t.Fatal("the changes do not lead there")
		}
	}
}

// A change in a large map is found without looking at all of it.
func TestChangesAreFew(t *testing.T) {
	var b Builder[int, int]
	for k := range 10_000 {
		b.Set(k, k)
	}
	old := b.Map()
	b.Set(7, 0)
	b.Delete(8)
	n := 0
	for range b.Map().Changes(old) {
		n++
	}
	if n < 2 || n > 40 {
		t.Errorf("%d changes of two", n)
	}
	for range old.Changes(old) {
		t.Error("a map differs from itself")
	}
}
