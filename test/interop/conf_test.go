//go:build interop

package interop

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/hadoop/conf"
)

// `heddle conf check` says by its code whether the daemons would start.
func TestConfCheckAnswersByItsCode(t *testing.T) {
	refused := t.TempDir()
	if err := os.WriteFile(filepath.Join(refused, "yarn-site.xml"), conf.XML(map[string]string{"yarn.http.policy": "HTTPS_ONLY"}), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{shared.main.ConfDir()}, 0, "The ResourceManager would start.\nThe NodeManager would start.\n"},
		{[]string{refused}, 1, "yarn.http.policy = HTTPS_ONLY"},
		{[]string{"--json", refused}, 1, `"verdict": "refused"`},
		{[]string{"/nowhere"}, 2, "/nowhere is not there"},
		{[]string{t.TempDir()}, 2, "holds none of"},
	} {
		cmd := exec.CommandContext(limited(t, time.Minute), shared.binary, append([]string{"conf", "check"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("conf check %v: code %d, want %d and %q in\n%s", c.args, cmd.ProcessState.ExitCode(), c.code, c.want, out)
		}
		if c.args[0] == "--json" && !json.Valid(out) {
			t.Errorf("that is no JSON:\n%s", out)
		}
	}
}
