package launcher

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"heddle/executor"
)

func TestMain(m *testing.M) {
	Dispatch()
	os.Exit(m.Run())
}

// bench is a folder of the user daemon, whom the rules allow.
type bench struct {
	t                    *testing.T
	program, rules, work string
	user                 *executor.Account
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("running as other users needs root")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	top, err := os.MkdirTemp("/tmp", "heddle-launcher")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(top); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, program: program, rules: filepath.Join(top, "container-executor.cfg"), work: filepath.Join(top, "work")}
	if b.user, err = executor.LookupAccount("daemon"); err != nil {
		t.Fatal(err)
	}
	b.must(os.Chmod(top, 0o755))
	b.must(os.WriteFile(b.rules, []byte("allowed.system.users=daemon,games\nbanned.users=games\n"), 0o644))
	b.must(os.Mkdir(b.work, 0o755))
	b.must(os.Chown(b.work, int(b.user.UID), int(b.user.GID)))
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// run starts a program with the arguments, and a descriptor that is not its business, and returns its exit code and what it printed.
func (b *bench) run(attr *syscall.SysProcAttr, program string, args ...string) (int, string, string) {
	b.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = attr
	cmd.ExtraFiles = []*os.File{os.Stderr}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// bash runs a script as user in dir.
func (b *bench) bash(user, dir, script string) (int, string, string) {
	b.t.Helper()
	l, err := New(b.rules)
	b.must(err)
	words := append(l.Command(user, dir), "/bin/bash", "-c", script)
	return b.run(nil, words[0], words[1:]...)
}

// The program is the user and nothing of root: ids, groups, capabilities, descriptors, rights.
func TestTheProgramIsItsUser(t *testing.T) {
	b := newBench(t)
	groups, err := exec.Command("id", "-G", "daemon").Output()
	b.must(err)
	code, out, errs := b.bash("daemon", b.work, `id -ru; id -u; id -g; id -G; umask; pwd; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | tr -d '\t\n'; echo
		for f in /proc/$$/fd/*; do case ${f##*/} in 0|1|2|255) ;; *) [ ! -e $f ] || echo "open: ${f##*/}" ;; esac; done; [ -r /etc/shadow ] || echo closed; kill -0 1 2>&1 | grep -o 'not permitted'; exit 42`)
	const none = "0000000000000000"
	want := strings.Join([]string{"1", "1", "1", strings.TrimSpace(string(groups)), "0027", b.work,
		"CapInh:" + none + "CapPrm:" + none + "CapEff:" + none + "CapAmb:" + none, "closed", "not permitted", ""}, "\n")
	if code != 42 || out != want || errs != "" {
		t.Errorf("exit %d, %q, want %q, %s", code, out, want, errs)
	}
}

func TestTheLauncherTakesNobodysWord(t *testing.T) {
	b := newBench(t)
	link, others := filepath.Join(filepath.Dir(b.work), "link"), filepath.Join(filepath.Dir(b.work), "others")
	b.must(os.Symlink(b.work, link))
	b.must(os.Mkdir(others, 0o777))
	for _, tt := range []struct {
		user, dir string
		code      int
		want      string
	}{
		{"root", b.work, exitUser, "Running as root is not allowed"},
		{"mail", b.work, exitUser, "below the minimum allowed 1000"},
		{"games", b.work, exitUser, "Requested user games is banned"},
		{"no-such-user", b.work, exitUser, "not known to this host"},
		{"daemon", link, exitWorkDir, "not a directory"},
		{"daemon", others, exitWorkDir, "does not belong to daemon"},
		{"daemon", others + "/none", exitWorkDir, "no such file"},
	} {
		if code, out, errs := b.bash(tt.user, tt.dir, "id -u"); code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s in %s: exit %d, %q, %q", tt.user, tt.dir, code, out, errs)
		}
	}
	if code, _, errs := b.run(nil, b.program, word, "daemon", b.rules, b.work, "/none"); code != exitExec || !strings.Contains(errs, "no such file") {
		t.Errorf("no program: exit %d, %q", code, errs)
	}
	if code, _, errs := b.run(nil, b.program, word, "daemon", b.rules, b.work); code != exitArguments || !strings.Contains(errs, "want USER") {
		t.Errorf("no arguments: exit %d, %q", code, errs)
	}
	b.must(os.Chmod(b.rules, 0o666))
	if code, _, errs := b.bash("daemon", b.work, "id -u"); code != exitRules || !strings.Contains(errs, "writable by nobody else") {
		t.Errorf("rules for all to write: exit %d, %q", code, errs)
	}
}

// Only root may use it, and a setuid bit, which would make anybody root, makes it refuse.
func TestTheLauncherServesOnlyRoot(t *testing.T) {
	b := newBench(t)
	copied := filepath.Join(filepath.Dir(b.work), "copy")
	image, err := os.ReadFile(b.program)
	b.must(err)
	b.must(os.WriteFile(copied, image, 0o755))
	daemon := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1, Gid: 1}}
	args := []string{word, "daemon", b.rules, b.work, "/bin/bash", "-c", "id -u"}
	if code, out, errs := b.run(daemon, copied, args...); code != exitPermissions || out != "" || !strings.Contains(errs, "only root") {
		t.Errorf("an ordinary user: exit %d, %q, %q", code, out, errs)
	}
	b.must(os.Chmod(copied, 0o755|os.ModeSetuid))
	for name, attr := range map[string]*syscall.SysProcAttr{"root": nil, "an ordinary user": daemon} {
		if code, out, errs := b.run(attr, copied, args...); code != exitPermissions || out != "" {
			t.Errorf("setuid, by %s: exit %d, %q, %q", name, code, out, errs)
		}
	}
}
