package persist

import "iter"

// Changes visits, in no particular order, every key that m holds with another value than old, or that only one of them holds, and a
// few beside them. What both share is left out unseen, so that it takes as long as there are
// changes. It works between any two maps of one Builder, in both directions.
func (m Map[K, V]) Changes(old Map[K, V]) iter.Seq2[K, Change[V]] {
	return func(yield func(K, Change[V]) bool) {
		if m.root == old.root {
			return
		}
		var none branch[K, V]
		for i := range fan {
			now, before := m.branch(i), old.branch(i)
			if now == before {
				continue
			}
			if now == nil {
				now = &none
			}
			if before == nil {
				before = &none
			}
			for j := range fan {
				if !changed(now.buckets[j], before.buckets[j], yield) {
					return
				}
			}
		}
	}
}

// Change is what a map holds for a key.
type Change[V any] struct {
	Value V
	OK    bool // false: nothing
}

func (m Map[K, V]) branch(i int) *branch[K, V] {
	if m.root == nil {
		return nil
	}
	return m.root[i]
}

// changed visits the keys of two buckets unless they are the same one.
func changed[K comparable, V any](now, before []entry[K, V], yield func(K, Change[V]) bool) bool {
	if len(now) == len(before) && (len(now) == 0 || &now[0] == &before[0]) {
		return true
	}
	for _, e := range now {
		if !yield(e.key, Change[V]{e.value, true}) {
			return false
		}
	}
	for _, e := range before {
		if !holds(now, e.key) && !yield(e.key, Change[V]{}) {
			return false
		}
	}
	return true
}

func holds[K comparable, V any](bucket []entry[K, V], k K) bool {
	for i := range bucket {
		if bucket[i].key == k {
			return true
		}
	}
	return false
}
