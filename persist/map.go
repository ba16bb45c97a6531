// Package persist has an immutable map for readers that never wait.
//
// A writer changes a Map through a Builder, which copies only the parts that change;
// every Map that was taken before stays as it was.
package persist

import (
	"hash/maphash"
	"iter"
)

const (
	fan     = 64
	fanBits = 6
)

// Map is an immutable hash map: two levels of 64 and small buckets, made for up to some
// hundred thousand entries. The zero Map is empty.
type Map[K comparable, V any] struct {
	root *[fan]*branch[K, V]
	len  int
}

type branch[K comparable, V any] struct {
	buckets [fan][]entry[K, V]
	owner   *byte // the batch that may change it in place
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

var seed = maphash.MakeSeed()

func place[K comparable](k K) (int, int) {
	h := maphash.Comparable(seed, k)
	return int(h & (fan - 1)), int(h >> fanBits & (fan - 1))
}

// Get returns the value of k.
func (m Map[K, V]) Get(k K) (v V, ok bool) {
	if m.root == nil {
		return v, false
	}
	i, j := place(k)
	b := m.root[i]
	if b == nil {
		return v, false
	}
	for n := range b.buckets[j] {
		if b.buckets[j][n].key == k {
			return b.buckets[j][n].value, true
		}
	}
	return v, false
}

// Len is the number of entries.
func (m Map[K, V]) Len() int { return m.len }

// All visits every entry in no particular order.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.root == nil {
			return
		}
		for _, b := range m.root {
			if b == nil {
				continue
			}
			for _, bucket := range b.buckets {
				for n := range bucket {
					if !yield(bucket[n].key, bucket[n].value) {
						return
					}
				}
			}
		}
	}
}

// Builder makes the next Map out of the present one. One goroutine owns it.
type Builder[K comparable, V any] struct {
	m     Map[K, V]
	batch *byte // marks what the present batch has copied already
	owned bool  // the root was copied in the present batch
}

// Set puts k to v.
func (b *Builder[K, V]) Set(k K, v V) {
	i, j := place(k)
	br := b.branch(i)
	bucket := br.buckets[j]
	for n := range bucket {
		if bucket[n].key == k {
			next := append([]entry[K, V](nil), bucket...)
			next[n].value = v
			br.buckets[j] = next
			return
		}
	}
	br.buckets[j] = append(bucket[:len(bucket):len(bucket)], entry[K, V]{k, v})
	b.m.len++
}

// Delete removes k.
func (b *Builder[K, V]) Delete(k K) {
	if _, ok := b.m.Get(k); !ok {
		return
	}
	i, j := place(k)
	br := b.branch(i)
	var next []entry[K, V]
	for _, e := range br.buckets[j] {
		if e.key != k {
			next = append(next, e)
		}
	}
	br.buckets[j] = next
	b.m.len--
}

// Get returns the value of k as of now.
func (b *Builder[K, V]) Get(k K) (V, bool) { return b.m.Get(k) }

// Map ends the batch and returns the map as of now.
func (b *Builder[K, V]) Map() Map[K, V] {
	b.batch, b.owned = nil, false
	return b.m
}

// branch returns branch i for writing, copied once a batch.
func (b *Builder[K, V]) branch(i int) *branch[K, V] {
	if b.batch == nil {
		b.batch = new(byte)
	}
	if !b.owned {
		root := new([fan]*branch[K, V])
		if b.m.root != nil {
			*root = *b.m.root
		}
		b.m.root, b.owned = root, true
	}
	br := b.m.root[i]
	if br != nil && br.owner == b.batch {
		return br
	}
	next := &branch[K, V]{}
	if br != nil {
		next.buckets = br.buckets
	}
	next.owner = b.batch
	b.m.root[i] = next
	return next
}
