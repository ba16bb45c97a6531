package gpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const twoCards = `<?xml version="1.0" ?><!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v11.dtd"><nvidia_smi_log><driver_version>535</driver_version>
<gpu id="00000000:04:00.0"><product_name>Tesla P100</product_name><uuid>GPU-a</uuid><minor_number>0</minor_number></gpu>
<gpu id="00000000:82:00.0"><product_name>N/A</product_name><uuid>GPU-b</uuid><minor_number>N/A</minor_number></gpu>
<gpu id="x"><product_name>GPU is lost</product_name><uuid>GPU is lost</uuid></gpu></nvidia_smi_log>`

// smi is a fake nvidia-smi.
func smi(t *testing.T, script string) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNvidiaSmiIsReadWithItsGaps(t *testing.T) {
	d, err := fromSMI(t.Context(), Config{SMI: smi(t, "cat <<'E'\n"+twoCards+"\nE\n")})
	if err != nil || len(d.Devices) != 2 || d.Devices[0].Minor != 0 || d.Devices[1].Minor != -1 || d.Devices[1].UUID != "GPU-b" || len(d.Notes) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAHangingNvidiaSmiTimesOut(t *testing.T) {
	if _, err := fromSMI(t.Context(), Config{SMI: smi(t, "exec sleep 60"), Timeout: 50 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("%v", err)
	}
	for name, script := range map[string]string{"fails": "echo no >&2; exit 9", "garbage": "echo nothing"} {
		if d, err := fromSMI(t.Context(), Config{SMI: smi(t, script)}); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestTheAdministratorsListChooses(t *testing.T) {
	found := []Device{{0, 4, "GPU-a", ""}, {1, 5, "GPU-b", ""}}
	allowed, err := parseAllowed("1:5")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := choose(found, allowed); err != nil || len(got) != 1 || got[0].UUID != "GPU-b" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := choose(found, []Device{{Index: 2, Minor: 9}}); err == nil {
		t.Errorf("a missing device was accepted: %v", got)
	}
	if all, err := parseAllowed("auto"); all != nil || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	for _, bad := range []string{"0", "a:b", "0:0,,1:1", "-1:0"} {
		if _, err := parseAllowed(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
