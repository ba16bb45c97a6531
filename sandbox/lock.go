package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// mark is the file that shows that a directory is a sandbox's.
const mark = ".heddle-sandbox"

// Lock makes this process the only sandbox in dir until unlock; the kernel lets go when the process ends, however it ends.
// A directory with files of somebody else is refused, since a sandbox clears what is its own.
func Lock(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, mark)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return nil, fmt.Errorf("%s is not empty and not a sandbox's; give another --dir", dir)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w; choose another place with --dir", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		who := make([]byte, 16)
		n, _ := f.Read(who) // only for the message
		_ = f.Close()       // nothing was written
		return nil, fmt.Errorf("a sandbox runs already in %s (process %s): stop it, or give another --dir", dir, strings.TrimSpace(string(who[:n])))
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return func() { _ = f.Close() }, nil // lets go of the lock
}
