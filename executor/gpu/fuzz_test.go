package gpu

import (
	"strings"
	"testing"
)

func FuzzDiscoveryText(f *testing.F) {
	f.Add([]byte(twoCards), "0:0,1:1")
	f.Add([]byte("<nvidia_smi_log><gpu><uuid>GPU-</uuid>"), "auto")
	f.Add([]byte("&"), "-1:0,,")
	f.Fuzz(func(t *testing.T, output []byte, allowed string) {
		d, _, err := parseSMI(output)
		parseInstances(string(output))
		for _, g := range d.Devices {
			if err == nil && !strings.HasPrefix(g.UUID, "GPU-") && !strings.HasPrefix(g.UUID, "MIG-") {
				t.Errorf("a device without a UUID: %+v", g)
			}
		}
		list, err := parseAllowed(allowed)
		for _, g := range list {
			if err == nil && (g.Index < 0 || g.Minor < 0) {
				t.Errorf("%q gives %+v", allowed, g)
			}
		}
	})
}
