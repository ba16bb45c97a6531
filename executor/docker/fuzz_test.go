package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest: whatever a container's environment says, it gets nothing that the administrator did not allow.
func FuzzRequest(f *testing.F) {
	open, err := filepath.EvalSymlinks(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	link := filepath.Join(open, "link")
	if err := os.Symlink("/etc", link); err != nil {
		f.Fatal(err)
	}
	f.Add("img", "host", open+":/data:ro,"+link+":/x:ro", "/tmp", "64m", "nofile=1:2", "true", "host")
	f.Add("img", "bridge", open+"/../..:/root:rw", "", "1g", "core=-1", "", "")
	f.Add("-v /:/", "none", "/:/host", ",", "99999999999t", "stack", "true", "")
	f.Fuzz(func(t *testing.T, image, network, mounts, tmpfs, shm, ulimits, privileged, pid string) {
		p := &Policy{Networks: []string{"host", "none"}, DefaultNetwork: "none", RWMounts: []string{open}, Ulimits: []string{"nofile"}}
		d, err := p.Request(map[string]string{
			prefix + "IMAGE": image, prefix + "CONTAINER_NETWORK": network, prefix + "MOUNTS": mounts, prefix + "TMPFS_MOUNTS": tmpfs,
			prefix + "SHM_SIZE": shm, prefix + "ULIMITS": ulimits, prefix + "RUN_PRIVILEGED_CONTAINER": privileged, prefix + "CONTAINER_PID_NAMESPACE": pid,
		}, "ann", 1024)
		if err != nil {
			return
		}
		if d.Privileged || d.PIDNamespace != "" || !slices.Contains(p.Networks, d.Network) || d.ShmBytes < 0 || d.ShmBytes > 1024<<20 {
			t.Errorf("%+v", d)
		}
		for _, m := range d.Mounts {
			if m.Source != open && !strings.HasPrefix(m.Source, open+"/") {
				t.Errorf("mount of %s", m.Source)
			}
		}
		for _, u := range d.Ulimits {
			if u.Name != "nofile" {
				t.Errorf("ulimit %s", u.Name)
			}
		}
	})
}
