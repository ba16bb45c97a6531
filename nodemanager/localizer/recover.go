package localizer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heddle/nodemanager/dirs"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// saved is a complete resource in the journal, under keyResource and its directory. Who uses it is not
// remembered: recovered containers say so with Hold.
type saved struct {
	User, App, URL, Pattern string
	Timestamp               int64
	Type                    Type
	Path                    string
	Size                    int64
	Used                    time.Time
}

const keyResource = "resource"

func (l *Localizer) remember(s *scope, k entryKey, e *entry) {
	r := saved{User: s.key.user, URL: k.url, Pattern: k.pattern, Timestamp: k.timestamp, Type: k.typ, Path: e.path, Size: e.size, Used: e.used}
	if !s.key.app.IsZero() {
		r.App = s.key.app.String()
	}
	l.cfg.Journal.Note(recovery.Put(keyResource+e.dir, r))
}

// Recover takes over the caches of an earlier NodeManager and returns the directories of half-made and
// unknown resources, which nobody uses, to delete. It is called before anything else.
func (l *Localizer) Recover(knownApp func(yarn.ApplicationID) bool) (strays []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := map[string]bool{}
	err = recovery.Load(l.cfg.Journal, keyResource, func(dir string, r saved) error {
		key := scopeKey{user: r.User}
		if r.App != "" {
			if key.app, err = yarn.ParseApplicationID(r.App); err != nil {
				return fmt.Errorf("record of the cached %s: %w", dir, err)
			}
		}
		if !exists(r.Path) || r.App != "" && !knownApp(key.app) {
			l.cfg.Journal.Note(recovery.Delete(keyResource + dir))
			return nil
		}
		e := &entry{done: make(chan struct{}), path: r.Path, dir: dir, size: r.Size, users: map[yarn.ContainerID]bool{}, used: r.Used}
		close(e.done)
		l.scope(key).entries[entryKey{r.URL, r.Pattern, r.Timestamp, r.Type}] = e
		known[dir] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, disk := range l.cfg.Dirs.Local() {
		more, err := l.scan(disk, known)
		if err != nil {
			return nil, err
		}
		strays = append(strays, more...)
	}
	return strays, nil
}

// scan looks at every cache of a disk, so that new resources get numbers that are free.
func (l *Localizer) scan(disk string, known map[string]bool) (strays []string, err error) {
	caches := []string{filepath.Join(disk, "filecache")}
	for _, pattern := range []string{filepath.Join(dirs.UserDir(disk, "*"), "filecache"), filepath.Join(dirs.UserDir(disk, "*"), "appcache", "*", "filecache")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		caches = append(caches, found...)
	}
	for _, c := range caches {
		key, ok := scopeOfCache(disk, c)
		if !ok {
			continue
		}
		more, err := l.scanCache(c, known, key)
		if err != nil {
			return nil, err
		}
		strays = append(strays, more...)
	}
	return strays, nil
}

func (l *Localizer) scanCache(cache string, known map[string]bool, key scopeKey) (strays []string, err error) {
	entries, err := os.ReadDir(cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p := filepath.Join(cache, e.Name())
		if len(e.Name()) == 1 { // a sub-directory of more entries
			more, err := l.scanCache(p, known, key)
			if err != nil {
				return nil, err
			}
			strays = append(strays, more...)
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), "_tmp")); err == nil {
			s := l.scope(key)
			s.next = max(s.next, n+1)
		}
		if !known[p] {
			strays = append(strays, p)
		}
	}
	return strays, nil
}

// scopeOfCache reads cacheDir backwards.
func scopeOfCache(disk, cache string) (scopeKey, bool) {
	rel, err := filepath.Rel(disk, cache)
	if err != nil {
		return scopeKey{}, false
	}
	switch f := strings.Split(rel, "/"); len(f) {
	case 1: // filecache
		return scopeKey{}, true
	case 3: // usercache/USER/filecache
		return scopeKey{user: f[1]}, true
	case 5: // usercache/USER/appcache/APP/filecache
		app, err := yarn.ParseApplicationID(f[3])
		return scopeKey{user: f[1], app: app}, err == nil
	}
	return scopeKey{}, false
}

// Hold makes a recovered container hold what it got before; what is not there any more is left out.
func (l *Localizer) Hold(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range r.Resources {
		s := l.scope(scopeOf(r, x.Visibility))
		if e := s.entries[entryKey{x.URL, x.Pattern, x.Timestamp, x.Type}]; e != nil {
			e.users[r.Container] = true
		}
	}
}
