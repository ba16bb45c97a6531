package gpu

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
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
	found := []Device{{Index: 0, Minor: 4, UUID: "GPU-a"}, {Index: 1, Minor: 5, UUID: "GPU-b"}}
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

// card is one card of nvidia-smi's XML with more inside it.
func card(more string) string {
	return `<nvidia_smi_log><gpu id="00000000:04:00.0"><product_name>Card</product_name><uuid>GPU-a</uuid><minor_number>0</minor_number>` + more + `</gpu></nvidia_smi_log>`
}

// What older and newer drivers say of a card's health, each in its own form.
func TestCardsThatAreNotWell(t *testing.T) {
	const ecc = "memory errors that could not be corrected since it was reset"
	for name, tt := range map[string]struct{ more, fault string }{
		"nothing said":               {"", ""},
		"no ECC":                     {"<ecc_errors><volatile><double_bit><total>N/A</total></double_bit></volatile></ecc_errors>", ""},
		"not permitted":              {"<ecc_errors><volatile><dram_uncorrectable>Insufficient Permissions</dram_uncorrectable></volatile></ecc_errors>", ""},
		"unknown":                    {"<ecc_errors><volatile><dram_uncorrectable>Unknown Error</dram_uncorrectable></volatile></ecc_errors>", ""},
		"corrected only":             {"<ecc_errors><volatile><dram_correctable>7</dram_correctable><dram_uncorrectable>0</dram_uncorrectable></volatile></ecc_errors>", ""},
		"errors before the reset":    {"<ecc_errors><aggregate><dram_uncorrectable>7</dram_uncorrectable></aggregate></ecc_errors>", ""},
		"double-bit errors":          {"<ecc_errors><volatile><double_bit><device_memory>3</device_memory><total>3</total></double_bit></volatile></ecc_errors>", "3 " + ecc},
		"uncorrectable errors":       {"<ecc_errors><volatile><sram_uncorrectable>1</sram_uncorrectable><dram_uncorrectable>2</dram_uncorrectable></volatile></ecc_errors>", "3 " + ecc},
		"errors of the newest names": {"<ecc_errors><volatile><sram_uncorrectable_parity>0</sram_uncorrectable_parity><sram_uncorrectable_secded>4</sram_uncorrectable_secded></volatile></ecc_errors>", "4 " + ecc},
		"pages to be retired":        {"<retired_pages><pending_retirement>Yes</pending_retirement></retired_pages>", retireFault},
		"pages to be blacklisted":    {"<retired_pages><pending_blacklist>Yes</pending_blacklist></retired_pages>", retireFault},
		"pages that were retired":    {"<retired_pages><double_bit_retirement><retired_count>2</retired_count></double_bit_retirement><pending_retirement>No</pending_retirement></retired_pages>", ""},
		"rows to be remapped":        {"<remapped_rows><remapped_row_pending>Yes</remapped_row_pending><remapped_row_failure>No</remapped_row_failure></remapped_rows>", ""},
		"no rows left":               {"<remapped_rows><remapped_row_failure>Yes</remapped_row_failure></remapped_rows>", remapFault},
		"in need of a reset":         {"<gpu_reset_status><reset_required>Yes</reset_required></gpu_reset_status>", "it must be reset"},
	} {
		d, _, err := parseSMI([]byte(card(tt.more)))
		if err != nil || len(d.Devices) != 1 || d.Devices[0].Fault != tt.fault {
			t.Errorf("%s: %+v, %v; want %q", name, d, err, tt.fault)
		}
	}
}

func TestADeviceThatFellFromTheBusIsNamed(t *testing.T) {
	_, err := fromSMI(t.Context(), Config{SMI: smi(t, "echo 'Unable to determine the device handle for GPU 0000:82:00.0: GPU is lost.  Reboot the system to recover this GPU'; exit 15")})
	var lost *LostError
	if !errors.As(err, &lost) || lost.Bus != "0000:82:00.0" {
		t.Errorf("%v", err)
	}
}

func TestInstancesOfASplitCardAreDevices(t *testing.T) {
	script := `if [ $1 = -L ]; then cat <<'E'
GPU 0: Card (UUID: GPU-a)
  MIG 3g.20gb     Device  0: (UUID: MIG-GPU-a/1/0)
  MIG 1g.5gb      Device  1: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
GPU 1: Card (UUID: GPU-b)
GPU 2: Card (UUID: GPU-c)
E
exit; fi
cat <<'E'
<nvidia_smi_log>
<gpu id="1"><product_name>Card</product_name><uuid>GPU-a</uuid><minor_number>0</minor_number><mig_mode><current_mig>Enabled</current_mig></mig_mode></gpu>
<gpu id="2"><product_name>Card</product_name><uuid>GPU-b</uuid><minor_number>1</minor_number><mig_mode><current_mig>Disabled</current_mig></mig_mode></gpu>
<gpu id="3"><product_name>Card</product_name><uuid>GPU-c</uuid><minor_number>2</minor_number><mig_mode><current_mig>Enabled</current_mig></mig_mode></gpu>
</nvidia_smi_log>
E
`
	d, err := fromSMI(t.Context(), Config{SMI: smi(t, script)})
	var got []string
	for _, g := range d.Devices {
		got = append(got, g.UUID+" "+g.Name)
	}
	want := []string{"MIG-GPU-a/1/0 Card MIG 3g.20gb", "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f Card MIG 1g.5gb", "GPU-b Card"}
	if err != nil || !slices.Equal(got, want) || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "GPU 2 is left out") {
		t.Errorf("%q, %q, %v", got, d.Notes, err)
	}
	// the administrator's list names cards, and their instances come with them
	if got, err := choose(d.Devices, []Device{{Index: 0, Minor: 0}}); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}
