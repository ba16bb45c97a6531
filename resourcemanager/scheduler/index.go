package scheduler

import "heddle/yarn"

// fitIndex finds a node with enough free capacity without looking at all of them. It is
// a segment tree over the nodes' slots; each inner entry is the component-wise maximum
// of what the nodes below offer, so a subtree that cannot fit an ask is left out whole.
type fitIndex struct {
	nodes  []*node         // by slot; nil where a node was removed
	most   []yarn.Resource // most[size+slot] is a leaf, most[1] the root
	size   int             // number of leaves, a power of two
	vacant []int           // slots to use again, last in first out
	cursor int             // where the next search begins, so that grants spread over the nodes
}

// add gives n a slot.
func (x *fitIndex) add(n *node) int {
	if k := len(x.vacant); k > 0 {
		slot := x.vacant[k-1]
		x.vacant = x.vacant[:k-1]
		x.nodes[slot] = n
		return slot
	}
	x.nodes = append(x.nodes, n)
	if len(x.nodes) > x.size {
		x.grow()
	}
	return len(x.nodes) - 1
}

func (x *fitIndex) grow() {
	size := max(1, x.size*2)
	most := make([]yarn.Resource, 2*size)
	copy(most[size:], x.most[x.size:])
	x.size, x.most = size, most
	for i := size - 1; i > 0; i-- {
		x.most[i] = x.most[2*i].Max(x.most[2*i+1])
	}
}

func (x *fitIndex) remove(slot int) {
	x.set(slot, nothing)
	x.nodes[slot] = nil
	x.vacant = append(x.vacant, slot)
}

// set says how much the node in slot offers now.
func (x *fitIndex) set(slot int, free yarn.Resource) {
	i := x.size + slot
	x.most[i] = free
	for i >>= 1; i > 0; i >>= 1 {
		m := x.most[2*i].Max(x.most[2*i+1])
		if m == x.most[i] {
			return
		}
		x.most[i] = m
	}
}

// next returns the first node, from the cursor on and round, that offers need and that
// ok accepts, and moves the cursor behind it. It returns nil if there is none.
func (x *fitIndex) next(c *Config, need yarn.Resource, ok func(*node) bool) *node {
	if x.size == 0 {
		return nil
	}
	n := x.search(c, 1, 0, x.size, x.cursor, x.size, need, ok)
	if n == nil {
		n = x.search(c, 1, 0, x.size, 0, x.cursor, need, ok)
	}
	return n
}

// search looks at the slots of [from, to) below entry i, which covers [low, high).
func (x *fitIndex) search(c *Config, i, low, high, from, to int, need yarn.Resource, ok func(*node) bool) *node {
	if high <= from || low >= to || !c.fits(need, x.most[i]) {
		return nil
	}
	if i >= x.size {
		if low >= len(x.nodes) || x.nodes[low] == nil || !ok(x.nodes[low]) {
			return nil
		}
		x.cursor = (low + 1) % len(x.nodes)
		return x.nodes[low]
	}
	mid := (low + high) / 2
	if n := x.search(c, 2*i, low, mid, from, to, need, ok); n != nil {
		return n
	}
	return x.search(c, 2*i+1, mid, high, from, to, need, ok)
}
