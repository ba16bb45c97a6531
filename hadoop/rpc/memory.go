package rpc

import (
	"fmt"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What a peer's bytes may cost in memory. Two bytes on the wire can be an element of a hundred bytes, so that a request within
// ipc.maximum.data.length could fill a machine; and many connections can begin large requests and not end them.

const (
	largeRequest  = 64 << 10 // below this nothing is counted
	mediumRequest = 1 << 20  // up to this a request may use the second half of the memory, which large ones leave free
	elementCost   = 96       // bytes that a decoded field takes at most, its content not counted
	rawCost       = 16       // times its size: what a request that its handler decodes itself may take
	deepest       = 200      // levels of messages that are looked into; no message of Hadoop has as many
)

// memory counts what large requests of all connections of a server hold.
type memory struct {
	limit int64
	held  atomic.Int64
}

// take reserves n bytes for a request of size bytes, or reports that there is no room.
func (m *memory) take(n, size int64) bool {
	limit := m.limit
	if size > mediumRequest {
		limit /= 2
	}
	if m.held.Add(n) > limit {
		m.held.Add(-n)
		return false
	}
	return true
}

func (m *memory) give(n int64) {
	if n != 0 {
		m.held.Add(-n)
	}
}

// weight is about how many bytes a request takes when it is decoded; 0 for small ones.
func (j *job) weight() int64 {
	if len(j.raw) < largeRequest {
		return 0
	}
	if j.method.Raw != nil {
		return int64(len(j.raw)) * rawCost
	}
	return int64(len(j.raw)) + elementCost*countFields(j.raw, j.method.New().ProtoReflect().Descriptor(), 0)
}

// countFields counts the fields of an encoded message and of all messages in it.
func countFields(b []byte, d protoreflect.MessageDescriptor, level int) (n int64) {
	if level > deepest {
		return int64(len(b))
	}
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return n // decoding will say what is wrong
		}
		b = b[size:]
		size = protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return n
		}
		value := b[:size]
		b = b[size:]
		n++
		f := d.Fields().ByNumber(number)
		if f == nil || kind != protowire.BytesType {
			continue
		}
		content, _ := protowire.ConsumeBytes(value)
		switch {
		case f.Message() != nil:
			n += countFields(content, f.Message(), level+1)
		case f.IsList() && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind:
			n += int64(len(content)) / 8 // packed numbers, of at most 8 bytes each
		}
	}
	return n
}

// crowdedOut is the answer to a request for which there is no room, now or ever.
func (m *memory) crowdedOut(method string, weight int64) *Error {
	class := ClassRetriable
	if weight > m.limit/2 {
		class = ClassRPCServer
	}
	return &Error{Class: class, Detail: ErrorRPCServer,
		Message: fmt.Sprintf("the request of %s would take about %d MB of memory, for which there is no room: ask for less at a time, or later", method, weight>>20)}
}
