// Package executor says how a command runs on a host: as processes (executor/process)
// or in a Docker container (executor/docker). Its users see tasks, the processes that
// came of them, and nothing of cgroups or engines. Tasks outlive the daemon that
// started them; Reattach finds them again.
package executor

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Task is what to run. Paths are absolute and exist, but for PidFile and ExitFile.
type Task struct {
	ID         string // unique on the host, usable as a file name
	WorkDir    string
	Script     string // bash script in WorkDir that becomes the task
	PrivateDir string // the daemon's own directory of this task, closed to others
	PidFile    string // gets the task's process id, which is also its group and session
	ExitFile   string // gets the exit code, also when the daemon is gone by then
	RunAs      *Account
	Limits     Limits
	GPUs       []string // UUIDs
	Docker     *Docker  // nil for processes
	// Denied are devices that no process of the task may open, as far as this host can hold it to that. Docker
	// containers have only the devices of their request.
	Denied []DeviceFile `json:",omitempty"`
}

// DeviceFile is what the files of a device are told by, whatever their names; the zero value is none.
type DeviceFile struct {
	Block        bool
	Major, Minor uint32
}

// Known reports whether it is one.
func (f DeviceFile) Known() bool { return f.Major != 0 }

func (f DeviceFile) String() string {
	kind := "c"
	if f.Block {
		kind = "b"
	}
	return fmt.Sprintf("%s %d:%d", kind, f.Major, f.Minor)
}

// Account is an operating-system user other than the daemon's own.
type Account struct {
	Name     string
	UID, GID uint32
	groups   []uint32 // all of them, GID first
}

// Limits is what a task was granted.
type Limits struct {
	MemoryMB int64
	VCores   int64
	// HardMemory and HardCPU make the kernel hold the task to its grant; without them CPU time
	// is only weighed and memory is not limited here.
	HardMemory, HardCPU bool
	MilliCores          int64 // that HardCPU holds the task to, in thousandths of a processor
	PIDs                int64 // most processes and threads; 0: no limit
}

// Docker is a task's request for a container, after the administrator's rules were applied.
type Docker struct {
	Image           string
	UpdateImage     bool // pull even where the image is present
	OwnEntry        bool // run the image's own entry point instead of the script
	Env             []string
	Network         string
	Hostname        string
	PIDNamespace    string // "" or "host"
	Runtime         string
	Privileged      bool
	NoNewPrivileges bool
	Capabilities    []string
	Mounts          []Mount
	Devices         []string // of the host, under the same names inside
	Tmpfs           []string // paths
	Ports           []string // host:container
	ShmBytes        int64    // 0: the engine's default
	Ulimits         []Ulimit
	ReadOnlyRoot    bool
	KeepContainer   bool // do not remove the ended container
	StopSeconds     int
}

// Mount makes a host path visible in a container.
type Mount struct {
	Source, Target string
	ReadOnly       bool
	Propagation    string // "", shared, rshared, slave, rslave, private, rprivate
}

// Ulimit is one resource limit of a container's processes.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// ErrLost says that a task ended and nobody could learn how.
var ErrLost = errors.New("the task ended while nobody watched, and left no exit code")

// ErrOutOfMemory says that the kernel ended a task at its own memory limit; the exit code counts too.
var ErrOutOfMemory = errors.New("the kernel ended the task at its memory limit")

// Usage is what a task uses now.
type Usage struct {
	Processes  int
	ResidentMB int64 // resident memory; pages shared by the task's processes count once where the kernel tells
	VirtualMB  int64
	CPUMillis  int64 // processor time since the start
	OOMKills   int64 // processes that the kernel ended at the task's own memory limit
}

// Executor prepares, starts and finds tasks.
type Executor interface {
	// Prepare checks all that a start needs and would fail on, such as an image; it starts nothing.
	Prepare(ctx context.Context, t *Task) error
	// Start starts the task and returns once it has a process id. Where it fails and something may be there all the
	// same, the error comes with a process that must be removed.
	Start(ctx context.Context, t *Task) (Process, error)
	// Reattach finds a task that an earlier daemon started; ErrLost where there is neither
	// a live process nor an exit code.
	Reattach(ctx context.Context, t *Task) (Process, error)
}

// Process is a started task.
type Process interface {
	PID() int
	// Addresses are the task's own IP addresses; empty where it shares the host's.
	Addresses() []string
	// Wait returns the exit code, 128+n after signal n, once the task's main process ended.
	Wait(ctx context.Context) (int, error)
	// Signal sends a signal: KILL to every process of the task, others to its process group.
	Signal(ctx context.Context, s syscall.Signal) error
	Usage(ctx context.Context) (Usage, error)
	// Resize holds the running task to other limits than it was started with.
	Resize(ctx context.Context, l Limits) error
	// Remove ends what is left of an ended task and frees what the host keeps for it.
	Remove(ctx context.Context) error
}
