package launch

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// FuzzLinkNames: a link name reaches `ln` as it is, whatever it holds, or is refused.
func FuzzLinkNames(f *testing.F) {
	for _, s := range []string{"plain", "a b", `q"uote`, "$(id)", "`id`", "-n", "文/深 处", "x\ny", "a\\", "!x", "'", "../up", "/abs", ".", "~", "*", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		lines, err := linkLines([]Link{{Name: name, Target: "/t"}})
		if err != nil {
			return
		}
		line := lines[len(lines)-1]
		args, ok := strings.CutPrefix(line, "ln -sf -- ")
		if !ok {
			t.Fatalf("%q", line)
		}
		out, err := exec.Command("/bin/bash", "-c", "printf '%s\\0' "+args).Output()
		if err != nil || string(out) != "/t\x00"+name+"\x00" {
			t.Errorf("%q reaches ln as %q, %v", name, out, err)
		}
	})
}

// FuzzValues: whatever a client's values hold, each variable is exported once and after those it names.
func FuzzValues(f *testing.F) {
	f.Add("$B/x", "/q", "{{A}}")
	f.Add("$C", "$A", "$B")
	f.Add("\\$B", "${B", "$")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		order := byDependence(map[string]string{"A": a, "B": b, "C": c})
		seen := map[string]bool{}
		for _, v := range order {
			if seen[v.name] {
				t.Errorf("%s comes twice", v.name)
			}
			seen[v.name] = true
		}
		if len(order) != 3 {
			t.Errorf("%d of 3 variables: %v", len(order), order)
		}
	})
}

func BenchmarkScript(b *testing.B) {
	s := spec("/w")
	s.Env = map[string]string{}
	for i := range 20 {
		s.Env[fmt.Sprintf("V%d", i)] = fmt.Sprintf("$V%d/x:{{PWD}}", (i+7)%20)
	}
	s.Commands = []string{"java <ADD_OPENS> Main", "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr"}
	for i := range 10 {
		s.Links = append(s.Links, Link{fmt.Sprintf("lib/%d.jar", i), fmt.Sprintf("/cache/%d/%d.jar", i, i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Script(s); err != nil {
			b.Fatal(err)
		}
	}
}
