package dirs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heddle/yarn"
)

// RemoveWork removes a container's work directories.
func (s *Set) RemoveWork(user string, c yarn.ContainerID) error {
	var errs []error
	for _, l := range s.local {
		errs = append(errs, RemoveAll(ContainerDir(l, user, c)))
	}
	return errors.Join(errs...)
}

// RemovePrivate removes what only the NodeManager has of a container.
func (s *Set) RemovePrivate(c yarn.ContainerID) error {
	var errs []error
	for _, l := range s.local {
		errs = append(errs, RemoveAll(PrivateDir(l, c)))
	}
	return errors.Join(errs...)
}

// RemoveApp removes an application's directories but for its logs.
func (s *Set) RemoveApp(user string, app yarn.ApplicationID) error {
	var errs []error
	for _, l := range s.local {
		errs = append(errs, RemoveAll(AppDir(l, user, app)), RemoveAll(filepath.Join(l, "nmPrivate", app.String())))
	}
	return errors.Join(errs...)
}

// RemoveAppLogs removes an application's local logs.
func (s *Set) RemoveAppLogs(app yarn.ApplicationID) error {
	var errs []error
	for _, l := range s.log {
		errs = append(errs, RemoveAll(filepath.Join(l, app.String())))
	}
	return errors.Join(errs...)
}

// RemoveAll removes a tree, also one with directories that their owner closed.
func RemoveAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil {
		return nil
	}
	walk := func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			if err := os.Chmod(p, 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	for range 64 { // a closed directory hides those below it
		if walkErr := filepath.WalkDir(path, walk); walkErr != nil {
			return errors.Join(err, walkErr)
		}
		if err = os.RemoveAll(path); err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrPermission) {
			break
		}
	}
	return fmt.Errorf("remove %s: %w", path, err)
}

// deleted marks what SetAside renamed.
const deleted = "_DEL_"

// SetAside moves what an earlier NodeManager left in the caches out of the way, makes them
// anew, and returns the paths to delete.
func (s *Set) SetAside(now time.Time) ([]string, error) {
	var old []string
	for _, l := range s.Local() {
		entries, err := os.ReadDir(l)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p := filepath.Join(l, e.Name())
			if strings.Contains(e.Name(), deleted) {
				old = append(old, p)
				continue
			}
			if e.Name() != "filecache" && e.Name() != "usercache" && e.Name() != "nmPrivate" {
				continue
			}
			to := p + deleted + strconv.FormatInt(now.UnixMilli(), 10)
			if err := os.Rename(p, to); err != nil {
				return nil, err
			}
			old = append(old, to)
		}
		if err := prepareLocal(l); err != nil {
			return nil, err
		}
	}
	return old, nil
}

// Strays lists the directories of applications that are not known any more, for a NodeManager that
// takes an earlier one's caches over, and what SetAside left.
func (s *Set) Strays(known func(yarn.ApplicationID) bool) ([]string, error) {
	var out []string
	for _, l := range s.local {
		aside, err := filepath.Glob(filepath.Join(l, "*"+deleted+"*"))
		if err != nil {
			return nil, err
		}
		out = append(out, aside...)
		for _, pattern := range []string{filepath.Join(l, "nmPrivate", "*"), filepath.Join(UserDir(l, "*"), "appcache", "*")} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return nil, err
			}
			for _, p := range found {
				if id, err := yarn.ParseApplicationID(filepath.Base(p)); err == nil && !known(id) {
					out = append(out, p)
				}
			}
		}
	}
	return out, nil
}

// FindFile looks for a path below every local directory, such as usercache/…/file.out.
func (s *Set) FindFile(rel string) (string, error) {
	for _, l := range s.local {
		p := filepath.Join(l, rel)
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s in any of the directories: %w", rel, fs.ErrNotExist)
}
