// Package gpu finds the NVIDIA devices of a host: by the driver's library, else by
// nvidia-smi, narrowed to what the administrator allows.
package gpu

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Device is one GPU.
type Device struct {
	Index int
	Minor int    // of /dev/nvidia<minor>; -1 where the driver does not say
	UUID  string // what processes and containers are given
	Name  string
}

// Config says how to look.
type Config struct {
	// Allowed is yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices: "auto", or index:minor pairs.
	Allowed string
	// SMI is nvidia-smi's path or its folder; empty looks in the usual places.
	SMI     string
	Timeout time.Duration
}

// Auto allows every device.
const Auto = "auto"

// Discovery is what was found.
type Discovery struct {
	Devices []Device
	Source  string   // where the list comes from
	Notes   []string // devices that are there and not usable, and ways that did not work
}

// Discover finds the host's devices. It fails where the administrator names devices that a
// working discovery does not see, or where nothing can look and nothing is named.
func Discover(ctx context.Context, cfg Config) (Discovery, error) {
	allowed, err := parseAllowed(cfg.Allowed)
	if err != nil {
		return Discovery{}, err
	}
	d, err := look(ctx, cfg)
	if err != nil {
		if allowed == nil {
			return Discovery{}, err
		}
		return Discovery{Devices: allowed, Source: "allowed-gpu-devices", Notes: []string{err.Error()}}, nil
	}
	if allowed == nil {
		return d, nil
	}
	d.Devices, err = choose(d.Devices, allowed)
	return d, err
}

func look(ctx context.Context, cfg Config) (Discovery, error) {
	d, libErr := fromLibrary()
	if libErr == nil {
		return d, nil
	}
	d, err := fromSMI(ctx, cfg)
	if err != nil {
		return Discovery{}, errors.Join(libErr, err)
	}
	d.Notes = append(d.Notes, libErr.Error())
	return d, nil
}

// parseAllowed reads "0:0,1:2"; nil is all.
func parseAllowed(s string) ([]Device, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.EqualFold(s, Auto) {
		return nil, nil
	}
	var out []Device
	for pair := range strings.SplitSeq(s, ",") {
		i, m, ok := strings.Cut(strings.TrimSpace(pair), ":")
		index, err1 := strconv.Atoi(i)
		minor, err2 := strconv.Atoi(m)
		if !ok || err1 != nil || err2 != nil || index < 0 || minor < 0 {
			return nil, fmt.Errorf("allowed GPU %q: want auto, or index:minor pairs such as 0:0,1:1", pair)
		}
		out = append(out, Device{Index: index, Minor: minor, UUID: strconv.Itoa(index)})
	}
	return out, nil
}

func choose(found, allowed []Device) ([]Device, error) {
	var out []Device
	for _, a := range allowed {
		ok := false
		for _, f := range found {
			if f.Minor == a.Minor || f.Minor < 0 && f.Index == a.Index {
				out, ok = append(out, f), true
				break
			}
		}
		if !ok {
			return nil, fmt.Errorf("allowed GPU %d:%d is not among the %d devices of this host; correct yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices", a.Index, a.Minor, len(found))
		}
	}
	return out, nil
}

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
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-q", "-x")
	cmd.WaitDelay = time.Second // its children may hold the pipe
	out, err := cmd.Output()
	if err != nil {
		return Discovery{}, fmt.Errorf("%s -q -x: %w", bin, errors.Join(err, ctx.Err()))
	}
	return parseSMI(out)
}

type smiLog struct {
	GPUs []struct {
		Name  string `xml:"product_name"`
		UUID  string `xml:"uuid"`
		Minor string `xml:"minor_number"`
	} `xml:"gpu"`
}

// parseSMI reads nvidia-smi's XML; each field may be missing or say that it is not known.
func parseSMI(b []byte) (Discovery, error) {
	var l smiLog
	dec := xml.NewDecoder(strings.NewReader(string(b)))
	dec.Strict = false
	if err := dec.Decode(&l); err != nil {
		return Discovery{}, fmt.Errorf("output of nvidia-smi -q -x: %w", err)
	}
	d := Discovery{Source: "nvidia-smi"}
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
		d.Devices = append(d.Devices, Device{Index: i, Minor: minor, UUID: uuid, Name: strings.TrimSpace(g.Name)})
	}
	return d, nil
}
