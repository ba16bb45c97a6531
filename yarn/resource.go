package yarn

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxResourceTypes bounds the resource types of a cluster: memory, vcores and up to six registered ones.
const MaxResourceTypes = 8

// Memory and VCores are the fixed positions of the two types that every cluster has.
const (
	Memory = 0 // MB
	VCores = 1
)

// Names of well-known resource types.
const (
	MemoryName = "memory-mb"
	VCoresName = "vcores"
	GPUName    = "yarn.io/gpu"
)

// Resource is an amount of each resource type, indexed by the type's position in
// the cluster's ResourceTypes. It is a value: comparing and copying allocate nothing.
type Resource [MaxResourceTypes]int64

// NewResource is memoryMB and vcores, and nothing of the other types.
func NewResource(memoryMB, vcores int64) Resource { return Resource{memoryMB, vcores} }

// Add returns r + o.
func (r Resource) Add(o Resource) Resource {
	for i := range r {
		r[i] += o[i]
	}
	return r
}

// Sub returns r - o; entries may become negative.
func (r Resource) Sub(o Resource) Resource {
	for i := range r {
		r[i] -= o[i]
	}
	return r
}

// Times returns r multiplied by n.
func (r Resource) Times(n int64) Resource {
	for i := range r {
		r[i] *= n
	}
	return r
}

// FitsIn reports whether no entry of r exceeds o's.
func (r Resource) FitsIn(o Resource) bool {
	for i := range r {
		if r[i] > o[i] {
			return false
		}
	}
	return true
}

// Min returns the smaller of each pair of entries.
func (r Resource) Min(o Resource) Resource {
	for i := range r {
		r[i] = min(r[i], o[i])
	}
	return r
}

// Max returns the larger of each pair of entries.
func (r Resource) Max(o Resource) Resource {
	for i := range r {
		r[i] = max(r[i], o[i])
	}
	return r
}

// IsZero reports whether every entry is zero.
func (r Resource) IsZero() bool { return r == Resource{} }

// AnyNegative reports whether some entry is below zero.
func (r Resource) AnyNegative() bool {
	for _, v := range r {
		if v < 0 {
			return true
		}
	}
	return false
}

// String is Hadoop's form without the registered types, "<memory:1024, vCores:1>".
// ResourceTypes.Format names them all.
func (r Resource) String() string {
	return "<memory:" + strconv.FormatInt(r[Memory], 10) + ", vCores:" + strconv.FormatInt(r[VCores], 10) + ">"
}

// ResourceType is one countable resource: its name, and the unit that amounts are kept in.
type ResourceType struct {
	Name string
	Unit string // "Mi" for memory-mb, "" for plain counts
}

// ResourceTypes is the ordered list of a cluster's resource types. It never changes after it was made.
type ResourceTypes struct {
	types []ResourceType
	index map[string]int
}

// NewResourceTypes is memory, vcores and the given further types in order.
// It refuses doubles, empty names and more than MaxResourceTypes in all.
func NewResourceTypes(further ...ResourceType) (*ResourceTypes, error) {
	t := &ResourceTypes{
		types: []ResourceType{{MemoryName, "Mi"}, {VCoresName, ""}},
		index: map[string]int{MemoryName: Memory, VCoresName: VCores},
	}
	for _, f := range further {
		if f.Name == "" {
			return nil, fmt.Errorf("resource type without a name")
		}
		if _, ok := t.index[f.Name]; ok {
			return nil, fmt.Errorf("resource type %s is declared twice", f.Name)
		}
		if len(t.types) == MaxResourceTypes {
			return nil, fmt.Errorf("resource type %s: at most %d types are supported, memory and vcores included", f.Name, MaxResourceTypes)
		}
		t.index[f.Name] = len(t.types)
		t.types = append(t.types, f)
	}
	return t, nil
}

// Len is the number of types.
func (t *ResourceTypes) Len() int { return len(t.types) }

// At is the type at position i.
func (t *ResourceTypes) At(i int) ResourceType { return t.types[i] }

// Index is the position of the named type, or -1. "memory" is an alias of memory-mb.
func (t *ResourceTypes) Index(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	if name == "memory" {
		return Memory
	}
	return -1
}

// Format is Hadoop's text of r with every registered type that is not zero:
// "<memory:1024, vCores:1, yarn.io/gpu: 2>".
func (t *ResourceTypes) Format(r Resource) string {
	s := strings.TrimSuffix(r.String(), ">")
	for i := 2; i < t.Len(); i++ {
		if r[i] != 0 {
			s += ", " + t.types[i].Name + ": " + strconv.FormatInt(r[i], 10) + t.types[i].Unit
		}
	}
	return s + ">"
}
