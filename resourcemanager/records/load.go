package records

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heddle/resourcemanager/core"
	"heddle/store"
	"heddle/yarn"
)

// Unreadable is a record that cannot be read, with the application that cannot be recovered without it.
type Unreadable struct {
	App string
	Err error // names the record
}

// Load reads every application and attempt. Applications with a record that cannot be read are left out and told of.
func Load(s store.Store, codec Codec) (r core.Recovered, bad []Unreadable, err error) {
	r.Attempts = map[yarn.ApplicationID][]core.AttemptRecord{}
	err = s.Load(appRoot, func(key string, v []byte) error {
		app, attempt, ok := strings.Cut(strings.TrimPrefix(key, appRoot), "/")
		if ok {
			t, err := codec.attemptFrom(v)
			if err != nil {
				bad = append(bad, Unreadable{app, fmt.Errorf("read the record of %s: %w", attempt, err)})
				return nil
			}
			r.Attempts[t.ID.Application] = append(r.Attempts[t.ID.Application], t)
			return nil
		}
		a, err := codec.appFrom(v)
		if err != nil {
			bad = append(bad, Unreadable{app, fmt.Errorf("read the record of %s: %w", app, err)})
			return nil
		}
		r.Apps = append(r.Apps, a)
		return nil
	})
	r.Apps = slices.DeleteFunc(r.Apps, func(a core.AppRecord) bool {
		lost := slices.ContainsFunc(bad, func(u Unreadable) bool { return u.App == a.Submission.ID.String() })
		if lost {
			delete(r.Attempts, a.Submission.ID)
		}
		return lost
	})
	slices.SortFunc(r.Apps, func(a, b core.AppRecord) int { return a.Submission.ID.Compare(b.Submission.ID) })
	for _, list := range r.Attempts {
		slices.SortFunc(list, func(a, b core.AttemptRecord) int { return a.ID.Compare(b.ID) })
	}
	return r, bad, err
}

// SetAside moves every record of the applications to files in dir, which it makes.
func SetAside(s store.Store, bad []Unreadable, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("set damaged records aside: %w", err)
	}
	var ops []store.Op
	err := s.Load(appRoot, func(key string, v []byte) error {
		app, _, _ := strings.Cut(strings.TrimPrefix(key, appRoot), "/")
		if !slices.ContainsFunc(bad, func(u Unreadable) bool { return u.App == app }) {
			return nil
		}
		ops = append(ops, store.Op{Key: key})
		return writeSynced(filepath.Join(dir, strings.ReplaceAll(key, "/", ".")), v)
	})
	if err == nil {
		err = s.Apply(ops)
	}
	if err != nil {
		return fmt.Errorf("set damaged records aside: %w", err)
	}
	return nil
}

func writeSynced(file string, b []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// Remove removes one application and returns how many records it had.
func Remove(s store.Store, id yarn.ApplicationID) (int, error) {
	return remove(s, appRoot, func(key string) bool {
		app, _, _ := strings.Cut(strings.TrimPrefix(key, appRoot), "/")
		return app == id.String()
	})
}

// RemoveAll removes everything and returns how many records there were.
func RemoveAll(s store.Store) (int, error) {
	return remove(s, "", func(string) bool { return true })
}

func remove(s store.Store, prefix string, which func(key string) bool) (int, error) {
	var ops []store.Op
	err := s.Load(prefix, func(key string, _ []byte) error {
		if which(key) {
			ops = append(ops, store.Op{Key: key})
		}
		return nil
	})
	if err != nil || len(ops) == 0 {
		return 0, err
	}
	return len(ops), s.Apply(ops)
}
