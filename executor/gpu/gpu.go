// Package gpu finds the NVIDIA devices of a host: by the driver's library, else by
// nvidia-smi, narrowed to what the administrator allows.
package gpu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Device is one GPU, or one instance of a GPU that is split (MIG).
type Device struct {
	Index int
	Minor int    // of /dev/nvidia<minor>; -1 where the driver does not say
	UUID  string // what processes and containers are given
	Name  string
	Bus   string // "00000000:82:00.0"; empty where it is not known
	Fault string // why it is not to be used; empty when nothing is known against it
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
	Others  []Device // that the administrator does not allow
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
	found := d.Devices
	d.Devices, err = choose(found, allowed)
	for _, f := range found {
		if !slices.ContainsFunc(d.Devices, func(x Device) bool { return x.UUID == f.UUID }) {
			d.Others = append(d.Others, f)
		}
	}
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
				out, ok = append(out, f), true // all of a card that is split
			}
		}
		if !ok {
			return nil, fmt.Errorf("allowed GPU %d:%d is not among the %d devices of this host; correct yarn.nodemanager.resource-plugins.gpu.allowed-gpu-devices", a.Index, a.Minor, len(found))
		}
	}
	return out, nil
}
