package gpu

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// usualPlaces are where drivers put nvidia-smi.
var usualPlaces = []string{"/usr/bin", "/bin", "/usr/local/nvidia/bin", "/usr/local/bin"}

func findSMI(configured string) (string, error) {
	if configured != "" {
		if fi, err := os.Stat(configured); err == nil && fi.IsDir() {
			configured = filepath.Join(configured, "nvidia-smi")
		}
		if _, err := os.Stat(configured); err != nil {
			return "", fmt.Errorf("yarn.nodemanager.resource-plugins.gpu.path-to-discovery-executables: %w", err)
		}
		return configured, nil
	}
	for _, d := range usualPlaces {
		if p := filepath.Join(d, "nvidia-smi"); exists(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("nvidia-smi is in none of %v; set yarn.nodemanager.resource-plugins.gpu.path-to-discovery-executables", usualPlaces)
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

func fromSMI(ctx context.Context, cfg Config) (Discovery, error) {
	bin, err := findSMI(cfg.SMI)
	if err != nil {
		return Discovery{}, err
	}
	out, err := ask(ctx, cfg, bin, "-q", "-x")
	if err != nil {
		return Discovery{}, err
	}
	d, split, err := parseSMI(out)
	if err != nil || len(split) == 0 {
		return d, err
	}
	list, err := ask(ctx, cfg, bin, "-L") // the XML does not name the instances of cards that are split
	if err != nil {
		return Discovery{}, err
	}
	return withInstances(d, split, parseInstances(string(list))), nil
}

// LostError says that a device has fallen from the bus, so that nvidia-smi tells nothing of any.
type LostError struct {
	Bus  string // "0000:82:00.0"
	Text string
}

func (e *LostError) Error() string { return e.Text }

var lostText = regexp.MustCompile(`(?i)GPU\s+([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]).*\blost\b`)

func ask(ctx context.Context, cfg Config, bin string, args ...string) ([]byte, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.WaitDelay = time.Second // its children may hold the pipe
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	said := string(out)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		said += string(exit.Stderr)
	}
	if m := lostText.FindStringSubmatch(said); m != nil {
		return nil, &LostError{m[1], fmt.Sprintf("%s %s: %s", bin, strings.Join(args, " "), strings.TrimSpace(m[0]))}
	}
	said, _, _ = strings.Cut(strings.TrimSpace(said), "\n")
	return nil, fmt.Errorf("%s %s: %w: %.200s", bin, strings.Join(args, " "), errors.Join(err, ctx.Err()), said)
}

// smiGPU is what is read of one card; older and newer drivers name some of it differently, and any of it may
// be missing or say that it is not known.
type smiGPU struct {
	Bus     string   `xml:"id,attr"`
	Name    string   `xml:"product_name"`
	UUID    string   `xml:"uuid"`
	Minor   string   `xml:"minor_number"`
	MIG     string   `xml:"mig_mode>current_mig"`
	ECC     []string `xml:"ecc_errors>volatile>double_bit>total"`
	DRAM    []string `xml:"ecc_errors>volatile>dram_uncorrectable"`
	SRAM    []string `xml:"ecc_errors>volatile>sram_uncorrectable"`
	Parity  []string `xml:"ecc_errors>volatile>sram_uncorrectable_parity"`
	SECDED  []string `xml:"ecc_errors>volatile>sram_uncorrectable_secded"`
	Retire  string   `xml:"retired_pages>pending_retirement"`
	Retire2 string   `xml:"retired_pages>pending_blacklist"`
	Remap   string   `xml:"remapped_rows>remapped_row_failure"`
	Reset   string   `xml:"gpu_reset_status>reset_required"`
}

// fault is why the card is not to be used; empty when nothing is known against it.
func (g smiGPU) fault() string {
	yes := func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "yes") }
	errors := int64(0)
	for _, list := range [][]string{g.ECC, g.DRAM, g.SRAM, g.Parity, g.SECDED} {
		for _, s := range list {
			if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil && n > 0 {
				errors += n
			}
		}
	}
	switch {
	case errors > 0:
		return eccFault(uint64(errors))
	case yes(g.Retire) || yes(g.Retire2):
		return retireFault
	case yes(g.Remap):
		return remapFault
	case yes(g.Reset):
		return "it must be reset"
	}
	return ""
}

const (
	retireFault = "memory pages wait to be retired: reset it"
	remapFault  = "memory rows could not be remapped: replace it"
)

func eccFault(n uint64) string {
	return fmt.Sprintf("%d memory errors that could not be corrected since it was reset", n)
}

// parseSMI reads nvidia-smi's XML. split are the positions in the list of cards that are divided into instances.
func parseSMI(b []byte) (d Discovery, split map[string]bool, err error) {
	var l struct {
		GPUs []smiGPU `xml:"gpu"`
	}
	dec := xml.NewDecoder(strings.NewReader(string(b)))
	dec.Strict = false
	if err := dec.Decode(&l); err != nil {
		return Discovery{}, nil, fmt.Errorf("output of nvidia-smi -q -x: %w", err)
	}
	d, split = Discovery{Source: "nvidia-smi"}, map[string]bool{}
	for i, g := range l.GPUs {
		uuid := strings.TrimSpace(g.UUID)
		if !strings.HasPrefix(uuid, "GPU-") && !strings.HasPrefix(uuid, "MIG-") {
			d.Notes = append(d.Notes, fmt.Sprintf("GPU %d is left out: its UUID reads %q", i, uuid))
			continue
		}
		minor, err := strconv.Atoi(strings.TrimSpace(g.Minor))
		if err != nil {
			minor = -1
		}
		if strings.EqualFold(strings.TrimSpace(g.MIG), "enabled") {
			split[uuid] = true
		}
		d.Devices = append(d.Devices, Device{Index: i, Minor: minor, UUID: uuid, Name: strings.TrimSpace(g.Name), Bus: strings.TrimSpace(g.Bus), Fault: g.fault()})
	}
	return d, split, nil
}

// instance is a part of a card (MIG), which is given away as a device of its own.
type instance struct{ name, uuid string }

var (
	cardLine     = regexp.MustCompile(`^GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)`)
	instanceLine = regexp.MustCompile(`^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)\s]+)\)`)
)

// parseInstances reads nvidia-smi -L into the instances of each card.
func parseInstances(text string) map[string][]instance {
	out := map[string][]instance{}
	card := ""
	for line := range strings.Lines(text) {
		if m := cardLine.FindStringSubmatch(line); m != nil {
			card = m[1]
		} else if m := instanceLine.FindStringSubmatch(line); m != nil && card != "" {
			out[card] = append(out[card], instance{m[1], m[2]})
		}
	}
	return out
}

// withInstances puts the instances of split cards in the place of the cards, which cannot be used whole.
func withInstances(d Discovery, split map[string]bool, instances map[string][]instance) Discovery {
	whole := d.Devices
	d.Devices = nil
	for _, g := range whole {
		if !split[g.UUID] {
			d.Devices = append(d.Devices, g)
			continue
		}
		if len(instances[g.UUID]) == 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("GPU %d is left out: it is in MIG mode and has no instances", g.Index))
		}
		for _, x := range instances[g.UUID] {
			part := g
			part.UUID, part.Name = x.uuid, strings.TrimSpace(g.Name+" MIG "+x.name)
			d.Devices = append(d.Devices, part)
		}
	}
	return d
}
