package service

import (
	"context"
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/resourcemanager/core"
	"heddle/yarn"
)

// beat is a heartbeat read without a copy: its slices share memory with the request.
type beat struct {
	host               []byte
	port               int32
	responseID         int32
	statuses           []byte // the encoded NodeStatusProto, to walk its containers
	healthy, hasHealth bool
	report             []byte
	use                core.Utilization
	hasUse             bool
	containerKey       int32
	nmKey              int32
	sequence           int64
}

// quietHeartbeat answers a heartbeat that brings no news to a node for which there are no
// orders, which is nearly every one. It takes no memory, asks nobody but the node's session
// and declines whatever is unusual: that goes through nodeHeartbeat.
func (s *Service) quietHeartbeat(ctx context.Context, req, out []byte) ([]byte, bool) {
	var b beat
	if !b.read(req) {
		return nil, false
	}
	// The id only looks up the session and the lists; nobody keeps it.
	id := yarn.NodeID{Host: unsafe.String(unsafe.SliceData(b.host), len(b.host)), Port: b.port}
	if len(b.host) == 0 {
		return nil, false
	}
	sess, ok := s.Core.View().NodeSession(id)
	if !ok || fromElsewhere(ctx, sess) || !s.Hosts.Admits(id.Host) && !sess.Draining() || !sess.Call.TryLock() {
		return nil, false
	}
	defer sess.Call.Unlock()
	if b.responseID != sess.ResponseID || sess.Replaced() || !sess.Idle() || !b.known(sess) ||
		b.containerKey != s.Tokens.ContainerKeys().Newest().ID || b.nmKey != s.Tokens.NMKeys().Newest().ID {
		return nil, false
	}
	sess.Seen(s.Clock())
	if b.hasUse {
		sess.Measure(b.use)
	}
	sess.ResponseID, sess.LastReply, sess.Plain, sess.LastSequence = next(sess.ResponseID), nil, true, b.sequence
	return appendQuietReply(out, sess.ResponseID, s.interval(sess), b.sequence), true
}

// appendQuietReply encodes what plainReply says.
func appendQuietReply(out []byte, responseID int32, interval, sequence int64) []byte {
	out = appendVarint(out, 1, uint64(responseID))
	out = appendVarint(out, 4, uint64(yarnpb.NodeActionProto_NORMAL))
	out = appendVarint(out, 7, uint64(interval))
	return appendVarint(out, 19, uint64(sequence))
}

func appendVarint(out []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, field, protowire.VarintType), v)
}

// plainReply is the answer without orders and keys.
func plainReply(responseID int32, interval, sequence int64) *yarnpb.NodeHeartbeatResponseProto {
	return &yarnpb.NodeHeartbeatResponseProto{ResponseId: &responseID, NodeAction: yarnpb.NodeActionProto_NORMAL.Enum(),
		NextHeartBeatInterval: &interval, TokenSequenceNo: &sequence}
}

// fields visits the fields of an encoded message: bytes of a nested one, else the number.
// It reports whether the message is whole and visit took every field.
func fields(b []byte, visit func(field protowire.Number, v uint64, nested []byte) bool) bool {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var v uint64
		var nested []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var w uint32
			w, n = protowire.ConsumeFixed32(b)
			v = uint64(w)
		case protowire.BytesType:
			nested, n = protowire.ConsumeBytes(b)
		default:
			return false
		}
		if n < 0 || !visit(field, v, nested) {
			return false
		}
		b = b[n:]
	}
	return true
}

// read reads a NodeHeartbeatRequestProto; it declines fields that only news use.
func (b *beat) read(req []byte) bool {
	keys := 0
	ok := fields(req, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 1:
			b.statuses = nested
			return b.readStatus(nested)
		case 2:
			keys++
			return readKey(nested, &b.containerKey)
		case 3:
			keys++
			return readKey(nested, &b.nmKey)
		case 8:
			b.sequence = int64(v)
			return true
		}
		return false
	})
	return ok && keys == 2
}

func readKey(raw []byte, id *int32) bool {
	return fields(raw, func(field protowire.Number, v uint64, _ []byte) bool {
		if field == 1 {
			*id = int32(v)
		}
		return true
	})
}

func (b *beat) readStatus(raw []byte) bool {
	return fields(raw, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 1:
			return b.readNode(nested)
		case 2:
			b.responseID = int32(v)
		case 4:
			b.hasHealth = true
			return b.readHealth(nested)
		case 6:
			b.hasUse = true
			return readUse(nested, &b.use.ContainersPMemMB, &b.use.ContainersVMem, &b.use.ContainersCPU)
		case 7:
			b.hasUse = true
			return readUse(nested, &b.use.NodePMemMB, &b.use.NodeVMemMB, &b.use.NodeCPU)
		case 3, 5, 9: // containers are walked later; the others change nothing here
		default:
			return false
		}
		return true
	})
}

func (b *beat) readNode(raw []byte) bool {
	return fields(raw, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 1:
			b.host = nested
		case 2:
			b.port = int32(v)
		}
		return true
	})
}

func (b *beat) readHealth(raw []byte) bool {
	return fields(raw, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 1:
			b.healthy = v != 0
		case 2:
			b.report = nested
		}
		return true
	})
}

func readUse(raw []byte, pmem, vmem *int32, cpu *float32) bool {
	return fields(raw, func(field protowire.Number, v uint64, _ []byte) bool {
		switch field {
		case 1:
			*pmem = int32(v)
		case 2:
			*vmem = int32(v)
		case 3:
			*cpu = math.Float32frombits(uint32(v))
		}
		return true
	})
}

// known reports whether the node's health and containers are as it last said.
func (b *beat) known(sess *core.NodeSession) bool {
	if b.hasHealth && (b.healthy != sess.Healthy || string(b.report) != sess.Report) {
		return false
	}
	return fields(b.statuses, func(field protowire.Number, _ uint64, nested []byte) bool {
		if field != 3 {
			return true
		}
		var id yarn.ContainerID
		var state yarnpb.ContainerStateProto
		ok := fields(nested, func(field protowire.Number, v uint64, nested []byte) bool {
			switch field {
			case 1:
				return readContainerID(nested, &id)
			case 2:
				state = yarnpb.ContainerStateProto(v)
			}
			return true
		})
		if !ok {
			return false
		}
		said := sess.Started
		if state == yarnpb.ContainerStateProto_C_COMPLETE {
			said = sess.Ended
		}
		_, ok = said[id]
		return ok
	})
}

func readContainerID(raw []byte, id *yarn.ContainerID) bool {
	return fields(raw, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 2:
			return readAttemptID(nested, &id.Attempt)
		case 3:
			id.ID = int64(v)
		}
		return true
	})
}

func readAttemptID(raw []byte, id *yarn.AttemptID) bool {
	return fields(raw, func(field protowire.Number, v uint64, nested []byte) bool {
		switch field {
		case 1:
			return fields(nested, func(field protowire.Number, v uint64, _ []byte) bool {
				switch field {
				case 1:
					id.Application.ID = int32(v)
				case 2:
					id.Application.ClusterTimestamp = int64(v)
				}
				return true
			})
		case 2:
			id.Attempt = int32(v)
		}
		return true
	})
}
