package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"heddle/executor"
)

// writeScripts writes the two small shells into the task's private directory, where the task
// cannot change them, and returns the first.
func (e *Executor) writeScripts(t *executor.Task, joins []string) (string, error) {
	session := filepath.Join(t.PrivateDir, "session.sh")
	wrapper := filepath.Join(t.PrivateDir, "wrapper.sh")
	var before []string
	if e.cfg.Nice != 0 {
		before = []string{"nice", "-n", strconv.Itoa(e.cfg.Nice)}
	}
	if t.RunAs != nil {
		before = append(before, e.cfg.As(t.RunAs.Name, t.WorkDir)...)
	}
	if err := writeScript(session, sessionScript(t, joins, before)); err != nil {
		return "", err
	}
	return wrapper, writeScript(wrapper, wrapperScript(session, t.ExitFile))
}

func writeScript(path, text string) error {
	err := os.Remove(path) // a shell may still be reading that of the task's process before
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(path, []byte(text), 0o700)
	}
	if err != nil {
		return fmt.Errorf("write start script: %w", err)
	}
	return nil
}

// wrapperScript waits for the task and notes its exit code; it outlives the daemon. Its own
// stderr is closed since a shell reports killed children there.
func wrapperScript(session, exitFile string) string {
	return fmt.Sprintf(`#!/bin/bash
trap : HUP INT TERM
exec 3>&2 2>/dev/null
setsid /bin/bash %s 2>&3 3>&-
rc=$?
echo $rc > %s
/bin/mv -f %s %s
exit $rc
`, quote(session), quote(exitFile+".tmp"), quote(exitFile+".tmp"), quote(exitFile))
}

// sessionScript runs in a session of its own: it joins the cgroups, notes its birth and its pid and becomes the
// task, so that the noted pid is the task's process, group and session from the moment that it can be read. The
// pid file must be new: one that is there says that nobody waits for this task any more (see fence).
func sessionScript(t *executor.Task, joins, before []string) string {
	var b strings.Builder
	b.WriteString("#!/bin/bash\nset -e\n")
	for _, f := range joins {
		fmt.Fprintf(&b, "echo $$ > %s\n", quote(f))
	}
	fmt.Fprintf(&b, "read -r boot < %s\nread -r stat < /proc/$$/stat\necho \"$boot $stat\" > %s\n", bootIDFile, quote(birthFile(t)))
	fmt.Fprintf(&b, "set -C\necho $$ > %s\nset +C\nexec ", quote(t.PidFile))
	for _, w := range before {
		b.WriteString(quote(w) + " ")
	}
	fmt.Fprintf(&b, "/bin/bash %s\n", quote(t.Script))
	return b.String()
}

// quote makes s one word of a shell, whatever it holds.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
