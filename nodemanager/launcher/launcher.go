// Package launcher runs a container as its user where the NodeManager is root: the part of Hadoop's container-executor
// that no other process may be trusted with. It is a second life of the program that the NodeManager is in, and has no
// setuid bit: only root can start it, and it takes nobody's word for who may run.
//
//	session.sh (root) -> heddle launch-container USER RULES DIR PROGRAM… -> PROGRAM as USER in DIR
package launcher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"heddle/executor"
)

// word is the argument that makes a program the launcher.
const word = "launch-container"

// The exit codes are those of Hadoop's container-executor (its util.h).
const (
	exitArguments   = 1
	exitUser        = 2
	exitIdentity    = 6
	exitExec        = 7
	exitPermissions = 22
	exitRules       = 24
	exitWorkDir     = 35
)

var dispatched bool

// Dispatch becomes the launcher, and does not return, where that is what the program was started for. Who runs a
// NodeManager calls it first in main.
func Dispatch() {
	dispatched = true
	if len(os.Args) > 1 && os.Args[1] == word {
		os.Exit(launch(os.Args[2:], os.Stderr))
	}
}

// Launcher starts containers as users.
type Launcher struct{ program, rules string }

// New makes a launcher of this program that keeps the rules of a container-executor.cfg.
func New(rules string) (*Launcher, error) {
	if !dispatched {
		return nil, errors.New("LinuxContainerExecutor starts this program again to change accounts: its main must call launcher.Dispatch first")
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("LinuxContainerExecutor starts this program again to change accounts: %w", err)
	}
	return &Launcher{program, rules}, nil
}

// Command is what goes before a program's path and arguments to have it run as a user in a folder of that user.
func (l *Launcher) Command(user, dir string) []string {
	return []string{l.program, word, user, l.rules, dir}
}

// launch is the launcher's main; it returns only what went wrong.
func launch(args []string, errs io.Writer) int {
	runtime.LockOSThread() // the thread that becomes the user is the one that execs
	code, err := exitArguments, errors.New("want USER RULES DIR PROGRAM ARGUMENT…; the NodeManager calls this")
	if len(args) >= 4 {
		code, err = become(args[0], args[1], args[2])
	}
	if err == nil {
		code, err = exitExec, syscall.Exec(args[3], args[3:], os.Environ())
	}
	fmt.Fprintf(errs, "heddle %s: %v\n", word, err)
	return code
}

// become checks all anew, enters the folder and takes the user's identity.
func become(user, file, dir string) (int, error) {
	if err := lawful(); err != nil {
		return exitPermissions, err
	}
	rules, err := ReadRules(file)
	if err != nil {
		return exitRules, err
	}
	account, err := executor.LookupAccount(user)
	if err == nil {
		err = rules.Check(account)
	}
	if err != nil {
		return exitUser, err
	}
	if err := enter(dir, account); err != nil {
		return exitWorkDir, err
	}
	if err := keepStandard(); err != nil {
		return exitPermissions, err
	}
	syscall.Umask(0o027) // as Hadoop's
	if err := account.Become(); err != nil {
		return exitIdentity, fmt.Errorf("become %s: %w", user, err)
	}
	return 0, nil
}

// keepStandard hands on no descriptor but input, output and error, whatever the NodeManager was started with.
func keepStandard() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range open {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		if fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// lawful refuses to serve anybody but root, and to be a setuid program.
func lawful() error {
	if os.Getuid() != 0 || os.Geteuid() != 0 {
		return errors.New("only root may start it")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	fi, err := os.Stat(program)
	if err != nil {
		return err
	}
	if fi.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
		return fmt.Errorf("%s must not have a setuid or setgid bit: chmod ug-s it", program)
	}
	return nil
}

// enter changes to the folder itself, which is not a link and is the user's.
func enter(dir string, a *executor.Account) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Uid != a.UID {
		return fmt.Errorf("%s does not belong to %s", dir, a.Name)
	}
	return f.Chdir()
}
