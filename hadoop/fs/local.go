package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Local is file://, as the process's own user whatever user it was opened for.
type Local struct{}

var _ FileSystem = Local{}

// URI implements FileSystem.
func (Local) URI() string { return "file://" }

// Close implements FileSystem.
func (Local) Close() error { return nil }

// Stat implements FileSystem.
func (Local) Stat(path string) (Info, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Info{}, err
	}
	return localInfo(path, fi), nil
}

func localInfo(path string, fi os.FileInfo) Info {
	i := Info{Path: path, ModTime: fi.ModTime(), Mode: unixMode(fi.Mode()), Dir: fi.IsDir()}
	if !i.Dir {
		i.Size = fi.Size()
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		i.Owner, i.Group = userName(st.Uid), groupName(st.Gid)
	}
	return i
}

func userName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(s); err == nil {
		return u.Username
	}
	return s
}

func groupName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if g, err := user.LookupGroupId(s); err == nil {
		return g.Name
	}
	return s
}

// List implements FileSystem.
func (Local) List(path string) ([]Info, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	out := make([]Info, 0, len(entries))
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		fi, err := os.Stat(p)
		if errors.Is(err, os.ErrNotExist) { // a dangling link, or gone meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, localInfo(p, fi))
	}
	return out, nil
}

// Open implements FileSystem.
func (Local) Open(path string) (File, error) { return os.Open(path) }

// Create implements FileSystem.
func (Local) Create(path string, mode uint32) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, goMode(mode))
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(goMode(mode)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Mkdir implements FileSystem.
func (Local) Mkdir(path string, mode uint32) error {
	if err := os.Mkdir(path, goMode(mode)); err != nil {
		return err
	}
	return os.Chmod(path, goMode(mode)) // past the umask
}

// MkdirAll implements FileSystem.
func (l Local) MkdirAll(path string, mode uint32) error {
	switch fi, err := os.Stat(path); {
	case err == nil && fi.IsDir():
		return nil
	case err == nil:
		return &os.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if parent := filepath.Dir(path); parent != path {
		if err := l.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := l.Mkdir(path, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// Rename implements FileSystem.
func (Local) Rename(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, os.ErrExist)
	}
	return os.Rename(from, to)
}

// Replace implements FileSystem.
func (Local) Replace(from, to string) error {
	if err := sync(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return sync(filepath.Dir(to))
}

// sync waits until a file's data, or a folder's entries, are on disk.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Remove implements FileSystem.
func (Local) Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll implements FileSystem.
func (Local) RemoveAll(path string) error { return os.RemoveAll(path) }

// Chmod implements FileSystem.
func (Local) Chmod(path string, mode uint32) error { return os.Chmod(path, goMode(mode)) }

// Chgrp implements FileSystem.
func (Local) Chgrp(path, group string) error {
	g, err := user.LookupGroup(group)
	if err != nil {
		return &os.PathError{Op: "chgrp", Path: path, Err: err}
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return &os.PathError{Op: "chgrp", Path: path, Err: err}
	}
	return os.Chown(path, -1, id)
}
