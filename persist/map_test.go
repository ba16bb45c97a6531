package persist

import (
	"math/rand/v2"
	"testing"
)

func TestMapsTakenBeforeStayAsTheyWere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b Builder[int, int]
	type snapshot struct {
		m    Map[int, int]
		want map[int]int
	}
	model := map[int]int{}
	var taken []snapshot
	for range 200 {
		for range 50 {
			k := r.IntN(2000)
			if r.IntN(3) == 0 {
				b.Delete(k)
				delete(model, k)
			} else {
				v := r.Int()
				b.Set(k, v)
				model[k] = v
			}
		}
		want := map[int]int{}
		for k, v := range model {
			want[k] = v
		}
		taken = append(taken, snapshot{b.Map(), want})
	}
	for i, s := range taken {
		if s.m.Len() != len(s.want) {
			t.Fatalf("snapshot %d has %d entries, want %d", i, s.m.Len(), len(s.want))
		}
		seen := 0
		for k, v := range s.m.All() {
			seen++
			if s.want[k] != v {
				t.Fatalf("snapshot %d: %d is %d, want %d", i, k, v, s.want[k])
			}
		}
		if seen != len(s.want) {
			t.Fatalf("snapshot %d visits %d entries", i, seen)
		}
		for k, v := range s.want {
			if got, ok := s.m.Get(k); !ok || got != v {
				t.Fatalf("snapshot %d: %d is %d, %v", i, k, got, ok)
			}
		}
	}
}

func BenchmarkSetInLargeMap(b *testing.B) {
	var m Builder[int, *int]
	for i := range 50000 {
		m.Set(i, nil)
	}
	m.Map()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Set(i%50000, nil)
		m.Map()
	}
}
