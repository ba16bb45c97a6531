package plugin

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/executor"
	"heddle/yarn"
)

const fpga = "example.com/fpga"

func nothing(executor.DeviceFile) bool { return false }

func types(t *testing.T) *yarn.ResourceTypes {
	t.Helper()
	r, err := yarn.NewResourceTypes(yarn.ResourceType{Name: fpga})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// program is a plug-in whose answers are the cases of a shell script.
func program(t *testing.T, cases string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(p, []byte("#!/bin/bash\ncase $1 in\n"+cases+"\nesac\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

const registers = `register) echo '{"resource": "` + fpga + `"}';;`

func TestWhatIsRefusedOfAProgram(t *testing.T) {
	for name, tt := range map[string]struct{ cases, want string }{
		"nothing":             {"", "not the JSON that is wanted"},
		"a failure":           {"register) echo broken >&2; exit 3;;", "exit status 3: broken"},
		"a hanging one":       {"register) sleep 1000;;", "deadline"},
		"an endless one":      {"register) yes;;", "deadline"},
		"an unknown resource": {`register) echo '{"resource": "other.com/x"}';;`, "add it to yarn.resource-types"},
		"memory":              {`register) echo '{"resource": "memory-mb"}';;`, "not a resource that the cluster counts beside"},
		"GPUs":                {`register) echo '{"resource": "yarn.io/gpu"}';;`, "not a resource that the cluster counts beside"},
		"an empty id":         {registers + `devices) echo '{"devices": [{"id": ""}]}';;`, "is empty or there twice"},
		"an id twice":         {registers + `devices) echo '{"devices": [{"id": "a"}, {"id": "a"}]}';;`, "is empty or there twice"},
		"too many":            {registers + `devices) echo '{"devices": ['; for i in {1..2000}; do echo "{\"id\": \"$i\"},"; done; echo '{"id": "last"}]}';;`, "at most 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := time.Minute
			if tt.want == "deadline" {
				timeout = 200 * time.Millisecond
			}
			if _, err := Open(t.Context(), program(t, tt.cases), timeout, types(t), nothing); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Open(t.Context(), "org.apache.hadoop.SomePlugin", time.Minute, types(t), nothing); err == nil || !strings.Contains(err.Error(), "Java classes cannot be loaded") {
		t.Errorf("a Java class: %v", err)
	}
}

func TestWhatIsRefusedOfAnAllocation(t *testing.T) {
	for answer, want := range map[string]string{
		`{"env": {"A B": "x"}}`:          "is no name of a variable",
		`{"mounts": ["/a"]}`:             "want /source:/target:ro",
		`{"mounts": ["a:/b"]}`:           "want /source:/target:ro",
		`{"mounts": ["/a:/b:exec"]}`:     "want /source:/target:ro",
		`{"mounts": ["/a:/b"], "env": 7`: "not the JSON that is wanted",
	} {
		p, err := Open(t.Context(), program(t, registers+`devices) echo '{"devices": [{"id": "a"}]}';; allocate) echo '`+answer+`';;`), time.Minute, types(t), nothing)
		if err != nil {
			t.Fatal(err)
		}
		s := &Set{Plugins: []*Plugin{p}, Log: slog.New(slog.DiscardHandler)}
		if _, err := s.Assign(t.Context(), yarn.ContainerID{ID: 1}, yarn.Resource{0, 0, 1}, "docker"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", answer, err, want)
		}
	}
}

func TestADeviceFromGrantToReturn(t *testing.T) {
	dir := t.TempDir()
	calls := func() string { b, _ := os.ReadFile(dir + "/calls"); return string(b) }
	state := func(text string) {
		t.Helper()
		if err := os.WriteFile(dir+"/devices", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state(`{"devices": [{"id": "f0"}, {"id": "f1", "healthy": true}, {"id": "f2", "healthy": false, "reason": "too hot"}]}`)
	cases := fmt.Sprintf(`%s devices) cat %[2]s/devices;;
allocate) echo "allocate $(cat)" >> %[2]s/calls; echo '{"env": {"FPGA": "f"}, "devices": ["/dev/f"], "mounts": ["/lib/f:/lib/f", "/var/f:/f:rw"]}';;
release) echo "release $(cat)" >> %[2]s/calls;;`, registers, dir)
	p, err := Open(t.Context(), program(t, cases), time.Minute, types(t), nothing)
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{Plugins: []*Plugin{p}, Log: slog.New(slog.DiscardHandler)}
	if r := s.Offer(yarn.Resource{9, 9, 9}); r[2] != 2 || r[0] != 9 {
		t.Errorf("offered: %v", r)
	}
	c, two := yarn.ContainerID{ID: 1}, yarn.Resource{0, 0, 2}
	g, err := s.Assign(t.Context(), c, two, "default")
	wantMounts := []executor.Mount{{Source: "/lib/f", Target: "/lib/f", ReadOnly: true}, {Source: "/var/f", Target: "/f"}}
	if err != nil || !slices.Equal(g.Held[fpga], []string{"f0", "f1"}) || g.Env["FPGA"] != "f" || !slices.Equal(g.Devices, []string{"/dev/f"}) || !slices.Equal(g.Mounts, wantMounts) {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := s.Assign(t.Context(), yarn.ContainerID{ID: 2}, yarn.Resource{0, 0, 1}, "default"); err == nil || !strings.Contains(err.Error(), "1 "+fpga+"s were granted") {
		t.Errorf("a device that is taken, or not well: %v", err)
	}
	if s.Same(two, yarn.Resource{0, 0, 1}) || !s.Same(two, yarn.Resource{7, 7, 2}) {
		t.Error("sizes are mistaken")
	}
	state(`{"devices": [{"id": "f1"}]}`)
	s.Look(t.Context())
	words, stranded := s.Trouble()
	if len(words) != 2 || stranded[c] != fpga+" f0" || s.Offer(yarn.Resource{})[2] != 1 {
		t.Errorf("%q, %v", words, stranded)
	}
	state("broken")
	s.Look(t.Context())
	if s.Offer(yarn.Resource{})[2] != 1 {
		t.Error("a program that fails changed what was known")
	}
	s.Release(t.Context(), c)
	s.Release(t.Context(), c)
	in := fmt.Sprintf(`{"container":%q,"devices":["f0","f1"]`, c)
	if got := calls(); got != "allocate "+in+`,"runtime":"default"}`+"\nrelease "+in+"}\n" {
		t.Errorf("the program heard %s", got)
	}
	if g, err := s.Assign(t.Context(), yarn.ContainerID{ID: 2}, yarn.Resource{0, 0, 1}, "docker"); err != nil || g.Held[fpga][0] != "f1" {
		t.Errorf("%v, %v", g, err)
	}
	s.Restore(yarn.ContainerID{ID: 3}, map[string][]string{fpga: {"f1"}})
	if got := p.set.Of(yarn.ContainerID{ID: 3}); !slices.Equal(got, []string{"f1"}) {
		t.Errorf("restored: %v", got)
	}
}

func TestADeviceThatIsNotTakenBackGoesToNobody(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := registers + `devices) echo '{"devices": [{"id": "f0"}]}';; allocate) echo '{}';; release) if [ -e ` + broken + ` ]; then echo stuck >&2; exit 1; fi;;`
	p, err := Open(t.Context(), program(t, cases), time.Minute, types(t), nothing)
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{Plugins: []*Plugin{p}, Log: slog.New(slog.DiscardHandler), ReleaseFailed: make(chan struct{}, 1)}
	first, second, one := yarn.ContainerID{ID: 1}, yarn.ContainerID{ID: 2}, yarn.Resource{0, 0, 1}
	if _, err := s.Assign(t.Context(), first, one, "default"); err != nil {
		t.Fatal(err)
	}
	s.Release(t.Context(), first)
	if len(s.ReleaseFailed) != 1 {
		t.Error("nobody heard of it")
	}
	s.Look(t.Context()) // fails again
	words, stranded := s.Trouble()
	if len(words) != 1 || !strings.Contains(words[0], "f0") || !strings.Contains(words[0], "does not take it back from "+first.String()) || !strings.Contains(words[0], "stuck") || len(stranded) != 0 {
		t.Errorf("%q, %v", words, stranded)
	}
	if n := s.Offer(yarn.Resource{})[2]; n != 0 {
		t.Errorf("%d are offered", n)
	}
	if _, err := s.Assign(t.Context(), second, one, "default"); err == nil {
		t.Error("another container got it")
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	s.Look(t.Context())
	if words, _ := s.Trouble(); len(words) != 0 || s.Offer(yarn.Resource{})[2] != 1 {
		t.Errorf("it was taken back, and %q", words)
	}
	if _, err := s.Assign(t.Context(), second, one, "default"); err != nil {
		t.Error(err)
	}
}
