package yarn

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// ApplicationID names an application: the ResourceManager's start time in ms and a
// number that counts from 1. Its text is application_<timestamp>_<number, at least 4 digits>.
type ApplicationID struct {
	ClusterTimestamp int64
	ID               int32
}

// AttemptID names one attempt, counted from 1, to run an application's AM.
type AttemptID struct {
	Application ApplicationID
	Attempt     int32
}

// ContainerID names a container of an attempt. The upper bits of ID, from bit 40 on,
// are the ResourceManager's epoch; the lower 40 are a sequence number from 1.
type ContainerID struct {
	Attempt AttemptID
	ID      int64
}

// NodeID names a NodeManager by the host name it registered with and its ContainerManagement port.
type NodeID struct {
	Host string
	Port int32
}

// EpochShift is the position of the ResourceManager's epoch inside ContainerID.ID.
const EpochShift = 40

func (a ApplicationID) String() string {
	return "application_" + a.suffix()
}

func (a ApplicationID) suffix() string {
	return strconv.FormatInt(a.ClusterTimestamp, 10) + "_" + pad(int64(a.ID), 4)
}

// Compare orders by cluster timestamp, then number.
func (a ApplicationID) Compare(b ApplicationID) int {
	return cmp.Or(cmp.Compare(a.ClusterTimestamp, b.ClusterTimestamp), cmp.Compare(a.ID, b.ID))
}

// IsZero reports whether the id was never set.
func (a ApplicationID) IsZero() bool { return a == ApplicationID{} }

func (a AttemptID) String() string {
	return "appattempt_" + a.Application.suffix() + "_" + pad(int64(a.Attempt), 6)
}

// Compare orders by application, then attempt number.
func (a AttemptID) Compare(b AttemptID) int {
	return cmp.Or(a.Application.Compare(b.Application), cmp.Compare(a.Attempt, b.Attempt))
}

func (c ContainerID) String() string {
	prefix := "container_"
	if e := c.Epoch(); e > 0 {
		prefix += "e" + pad(e, 2) + "_"
	}
	return prefix + c.Attempt.Application.suffix() + "_" + pad(int64(c.Attempt.Attempt), 2) + "_" + pad(c.Sequence(), 6)
}

// Epoch is the number of ResourceManager restarts before the container was granted.
func (c ContainerID) Epoch() int64 { return c.ID >> EpochShift }

// Sequence is the container's number within its attempt and epoch.
func (c ContainerID) Sequence() int64 { return c.ID & (1<<EpochShift - 1) }

// Compare orders by attempt, then number.
func (c ContainerID) Compare(b ContainerID) int {
	return cmp.Or(c.Attempt.Compare(b.Attempt), cmp.Compare(c.ID, b.ID))
}

func (n NodeID) String() string { return n.Host + ":" + strconv.Itoa(int(n.Port)) }

// Compare orders by host, then port.
func (n NodeID) Compare(b NodeID) int {
	return cmp.Or(strings.Compare(n.Host, b.Host), cmp.Compare(n.Port, b.Port))
}

func pad(n int64, width int) string {
	s := strconv.FormatInt(n, 10)
	if len(s) >= width {
		return s
	}
	return "000000"[:width-len(s)] + s
}

// ParseApplicationID reads the text form of an application id.
func ParseApplicationID(s string) (ApplicationID, error) {
	rest, ok := strings.CutPrefix(s, "application_")
	if !ok {
		return ApplicationID{}, fmt.Errorf("invalid ApplicationId prefix: %s. The valid ApplicationId should start with prefix application", s)
	}
	n, err := numbers(rest, 2)
	if err != nil {
		return ApplicationID{}, fmt.Errorf("invalid ApplicationId: %s", s)
	}
	return ApplicationID{ClusterTimestamp: n[0], ID: int32(n[1])}, nil
}

// ParseAttemptID reads the text form of an application attempt id.
func ParseAttemptID(s string) (AttemptID, error) {
	rest, ok := strings.CutPrefix(s, "appattempt_")
	if !ok {
		return AttemptID{}, fmt.Errorf("invalid AppAttemptId prefix: %s", s)
	}
	n, err := numbers(rest, 3)
	if err != nil {
		return AttemptID{}, fmt.Errorf("invalid AppAttemptId: %s", s)
	}
	return AttemptID{ApplicationID{n[0], int32(n[1])}, int32(n[2])}, nil
}

// ParseContainerID reads the text form of a container id, with or without an epoch.
func ParseContainerID(s string) (ContainerID, error) {
	bad := fmt.Errorf("invalid ContainerId: %s", s)
	rest, ok := strings.CutPrefix(s, "container_")
	if !ok {
		return ContainerID{}, bad
	}
	var epoch int64
	if e, after, found := strings.Cut(rest, "_"); found && strings.HasPrefix(e, "e") {
		v, err := numbers(e[1:], 1)
		if err != nil || v[0] >= 1<<23 {
			return ContainerID{}, bad
		}
		epoch, rest = v[0], after
	}
	n, err := numbers(rest, 4)
	if err != nil || n[3] >= 1<<EpochShift {
		return ContainerID{}, bad
	}
	return ContainerID{AttemptID{ApplicationID{n[0], int32(n[1])}, int32(n[2])}, epoch<<EpochShift | n[3]}, nil
}

// ParseNodeID reads host:port.
func ParseNodeID(s string) (NodeID, error) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return NodeID{}, fmt.Errorf("invalid NodeId [%s]. Expected host:port", s)
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil {
		return NodeID{}, fmt.Errorf("invalid port: %s", s[i+1:])
	}
	return NodeID{s[:i], int32(port)}, nil
}

// numbers splits s at underscores into exactly count non-negative numbers; every
// number but the first must fit 31 bits unless it is the last of four (a container's).
func numbers(s string, count int) ([]int64, error) {
	parts := strings.Split(s, "_")
	if len(parts) != count {
		return nil, fmt.Errorf("want %d numbers, have %d", count, len(parts))
	}
	out := make([]int64, count)
	for i, p := range parts {
		bits := 31
		if i == 0 || i == 3 {
			bits = 63
		}
		n, err := strconv.ParseUint(p, 10, bits)
		if err != nil {
			return nil, err
		}
		out[i] = int64(n)
	}
	return out, nil
}
