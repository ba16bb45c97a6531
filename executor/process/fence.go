package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"

	"heddle/executor"
)

var errNotAsked = errors.New("nobody asked for it")

// openDevices takes the devices controller of version 1, where it is there and this daemon may use it.
func (h *hierarchy) openDevices(root, parent string) error {
	root = filepath.Join(root, "devices")
	if !fileExists(filepath.Join(root, "devices.deny")) {
		return fmt.Errorf("the devices controller is not mounted at %s", root)
	}
	dir := filepath.Join(root, parent)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := h.openFence(dir); err != nil {
		return err
	}
	h.dirs["devices"] = dir
	return nil
}

// oldest is the first kernel that counts programs to their group. Before, a few dozen of them reach the limit of locked
// memory, which containers have from this daemon.
const oldest = 5<<16 | 11<<8

// openFence tries in a group of its own whether devices can be denied: being root is not enough everywhere.
func (h *hierarchy) openFence(dir string) (err error) {
	if v, err := features.LinuxVersionCode(); h.v2 && (err != nil || v < oldest) {
		return errors.Join(errors.New("with cgroups of version 2 it needs Linux 5.11 or newer"), err)
	}
	probe, err := os.MkdirTemp(dir, "fence-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(probe)) }()
	some := []executor.DeviceFile{{Major: 195}} // any: nothing ever runs in this group
	if h.v2 {
		return denyV2(probe, some)
	}
	return denyV1(probe, some)
}

// fence keeps a group's processes from opening devices; those that are open stay open.
func (h *hierarchy) fence(g *cgroup, denied []executor.DeviceFile) error {
	switch {
	case h == nil || h.unfenced != nil || len(denied) == 0:
		return nil
	case h.v2:
		return denyV2(g.dirs[""], denied)
	}
	return denyV1(g.dirs["devices"], denied)
}

func denyV1(dir string, denied []executor.DeviceFile) error {
	for _, f := range denied { // the kernel takes one rule a write
		if err := os.WriteFile(filepath.Join(dir, "devices.deny"), []byte(f.String()+" rwm"), 0o200); err != nil {
			return fmt.Errorf("deny device %v: %w", f, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "devices.list"))
	if err != nil {
		return err
	}
	rules := string(b)
	if strings.HasPrefix(rules, "a ") { // all but what is denied
		return nil
	}
	// Nothing but what is listed, as inside a container: a denial takes only a rule of the very same numbers away.
	for rule := range strings.Lines(rules) {
		for _, f := range denied {
			if allows(strings.Fields(rule), f) {
				return fmt.Errorf("deny device %v: the cgroup that this NodeManager is in allows it by the rule %q: name single devices there", f, strings.TrimSpace(rule))
			}
		}
	}
	return nil
}

// allows reports whether a rule, such as c 195:* rwm, lets a device be read or written.
func allows(rule []string, f executor.DeviceFile) bool {
	if len(rule) != 3 || rule[0] != f.String()[:1] || !strings.ContainsAny(rule[2], "rw") {
		return false
	}
	major, minor, _ := strings.Cut(rule[1], ":")
	is := func(text string, n uint32) bool { return text == "*" || text == strconv.FormatUint(uint64(n), 10) }
	return is(major, f.Major) && is(minor, f.Minor)
}

// denyV2 attaches a program that the kernel asks for each device that is opened or made. It stays with the group, also
// when the daemon is gone, and goes with it.
func denyV2(dir string, denied []executor.DeviceFile) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "heddle_devices", Type: ebpf.CGroupDevice, License: "Apache-2.0", Instructions: denyProgram(denied)})
	if err != nil {
		return fmt.Errorf("deny devices: %w", err)
	}
	defer p.Close() //nolint:errcheck // the group keeps it
	group, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer group.Close() //nolint:errcheck // only read
	err = link.RawAttachProgram(link.RawAttachProgramOptions{Target: int(group.Fd()), Program: p, Attach: ebpf.AttachCGroupDevice, Flags: allowMulti})
	if err != nil {
		return fmt.Errorf("deny devices in %s: %w", dir, err)
	}
	return nil
}

const allowMulti = 2 // BPF_F_ALLOW_MULTI: beside programs of others, such as systemd's, all of which must agree

// denyProgram compares what the kernel hands it (struct bpf_cgroup_dev_ctx: kind in the lower half of a word, major,
// minor) with each device, and answers 0 to one that is denied, else 1.
func denyProgram(denied []executor.DeviceFile) asm.Instructions {
	const block, char = 1, 2 // BPF_DEVCG_DEV_BLOCK and _CHAR
	kind, major, minor := asm.R2, asm.R3, asm.R4
	out := asm.Instructions{
		asm.LoadMem(kind, asm.R1, 0, asm.Word), asm.And.Imm(kind, 0xffff),
		asm.LoadMem(major, asm.R1, 4, asm.Word), asm.LoadMem(minor, asm.R1, 8, asm.Word),
	}
	for i, f := range denied {
		want, next := int32(char), fmt.Sprintf("next%d", i+1)
		if f.Block {
			want = block
		}
		rule := asm.Instructions{asm.JNE.Imm(kind, want, next), asm.JNE.Imm(major, int32(f.Major), next), asm.JNE.Imm(minor, int32(f.Minor), next),
			asm.Mov.Imm(asm.R0, 0), asm.Return()}
		if i > 0 {
			rule[0] = rule[0].WithSymbol(fmt.Sprintf("next%d", i))
		}
		out = append(out, rule...)
	}
	return append(out, asm.Mov.Imm(asm.R0, 1).WithSymbol(fmt.Sprintf("next%d", len(denied))), asm.Return())
}
