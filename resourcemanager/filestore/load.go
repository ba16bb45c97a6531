package filestore

import (
	"cmp"
	"errors"
	iofs "io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"heddle/hadoop/fs"
	"heddle/store"
)

// Load implements store.Store. Applications are read side by side and visited in the order of their keys.
func (s *Store) Load(prefix string, visit func(key string, value []byte) error) error {
	var records []store.Op
	for _, top := range []struct {
		name string
		read func() ([]store.Op, error)
	}{
		{amrmRoot, func() ([]store.Op, error) { return s.readOne(amrmRoot) }},
		{epochName, func() ([]store.Op, error) { return s.readOne(epochName) }},
		{appRoot, s.readApps},
		{secretRoot, s.readSecrets},
	} {
		if !strings.HasPrefix(top.name+"/", prefix) && !strings.HasPrefix(prefix, top.name) {
			continue
		}
		found, err := top.read()
		if err != nil {
			return err
		}
		records = append(records, found...)
	}
	slices.SortFunc(records, func(a, b store.Op) int { return cmp.Compare(a.Key, b.Key) })
	for _, r := range records {
		if strings.HasPrefix(r.Key, prefix) {
			if err := visit(r.Key, r.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) readOne(key string) ([]store.Op, error) {
	file, err := s.file(key)
	if err != nil {
		return nil, err
	}
	b, err := s.read(file)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	return []store.Op{{Key: key, Value: b}}, err
}

func (s *Store) readApps() ([]store.Op, error) {
	dirs, err := s.list(s.at(appRoot))
	if err != nil {
		return nil, err
	}
	dirs = slices.DeleteFunc(dirs, func(i fs.Info) bool { return !i.Dir })
	found := make([][]store.Op, len(dirs))
	err = sideBySide(len(dirs), func(i int) error {
		app := dirs[i].Name()
		files, err := s.settle(s.at(appRoot + "/" + app))
		for _, name := range files {
			b, err := s.read(s.at(appRoot + "/" + app + "/" + name))
			if err != nil {
				return err
			}
			key := appRoot + "/" + app
			if name != app {
				key += "/" + name
			}
			found[i] = append(found[i], store.Op{Key: key, Value: b})
		}
		if len(files) > 0 && !slices.Contains(files, app) { // its first record was not finished: nobody was told of it
			s.log.Warn("state store: attempts without their application are left alone", "application", app)
			found[i] = nil
		}
		return err
	})
	return slices.Concat(found...), err
}

func (s *Store) readSecrets() ([]store.Op, error) {
	files, err := s.settle(s.at(secretRoot))
	if err != nil {
		return nil, err
	}
	var found []store.Op
	for _, name := range files {
		if strings.HasPrefix(name, sequenceName) {
			continue
		}
		b, err := s.read(s.at(secretRoot + "/" + name))
		if err != nil {
			return nil, err
		}
		found = append(found, store.Op{Key: secretRoot + "/" + name, Value: b})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sequence != "" {
		found = append(found, store.Op{Key: secretRoot + "/" + sequenceName, Value: []byte(strings.TrimPrefix(s.sequence, sequenceName+"_"))})
	}
	return found, nil
}

// settle ends what a crash left in a folder: a complete new version takes its place, a part of one goes. It
// returns the records' names.
func (s *Store) settle(dir string) ([]string, error) {
	infos, err := s.list(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range infos {
		name := i.Name()
		file := path.Join(dir, name)
		switch {
		case i.Dir || strings.HasPrefix(name, "."): // Java's checksums
		case strings.HasSuffix(name, temporary):
			s.log.Info("state store: a record that was not finished is removed", "file", file)
			if err := s.retry(func() error { return errors.Join(s.fs.Remove(checksum(file)), s.fs.Remove(file)) }); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, complete):
			whole := strings.TrimSuffix(file, complete)
			s.log.Info("state store: an interrupted update is finished", "file", whole)
			err := s.retry(func() error {
				if err := errors.Join(s.fs.Remove(checksum(whole)), s.fs.Remove(checksum(file))); err != nil {
					return err
				}
				return s.fs.Replace(file, whole)
			})
			if err != nil {
				return nil, err
			}
			if whole = path.Base(whole); !slices.Contains(names, whole) {
				names = append(names, whole)
			}
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

// sideBySide calls f with 0 to n-1, a few at a time. After the first error no new call begins.
func sideBySide(n int, f func(int) error) error {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		errs   []error
	)
	for range min(n, parallel) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.Store(true)
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
