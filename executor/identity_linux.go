package executor

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Do runs f with the account's rights on files instead of the daemon's, so that links and renames of
// a user in the user's own folders lead nowhere that the user could not go. f runs on a thread of its
// own and must not hand files work to other goroutines. A nil account is the daemon's own user.
func (a *Account) Do(f func() error) error {
	if a == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread with its changed identity ends here
		if err := a.become(); err != nil {
			done <- fmt.Errorf("take the rights of user %s: %w", a.Name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// become changes the calling thread only; the wrappers of package syscall would change all threads.
func (a *Account) become() error {
	groups := a.groups
	if len(groups) == 0 {
		groups = []uint32{a.GID}
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); e != 0 {
		return fmt.Errorf("setgroups: %w", e)
	}
	for _, id := range []struct {
		call, want uintptr
		name       string
	}{{syscall.SYS_SETFSGID, uintptr(a.GID), "setfsgid"}, {syscall.SYS_SETFSUID, uintptr(a.UID), "setfsuid"}} {
		_, _, _ = syscall.RawSyscall(id.call, id.want, 0, 0)        // answers with the old one, also when it refuses
		now, _, _ := syscall.RawSyscall(id.call, ^uintptr(0), 0, 0) // an impossible one only asks
		if uint32(now) != uint32(id.want) {
			return fmt.Errorf("%s: refused; the daemon must run as root", id.name)
		}
	}
	return nil
}

// Become makes this process the account for good: its groups, its ids, and no capability. The caller is locked to its
// thread, and executes the account's program there next.
func (a *Account) Become() error {
	groups := []int{int(a.GID)}
	for _, g := range a.groups {
		groups = append(groups, int(g))
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setresgid(int(a.GID), int(a.GID), int(a.GID)); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(int(a.UID), int(a.UID), int(a.UID)); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	var none [2]unix.CapUserData // what a daemon in a container may have inherited would pass through exec
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}
