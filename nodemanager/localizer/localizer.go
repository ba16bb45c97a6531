// Package localizer brings the resources that containers name from hdfs:// and
// file:// to local disks, checks that they are the ones that were asked for, and
// keeps them in a cache: PUBLIC ones for everybody, PRIVATE ones for their user,
// APPLICATION ones until the application ends.
//
//	Localize -> entry of the scope's cache -> (first asker) fetch: check, download, unpack, rename -> path
package localizer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"path/filepath"
	"sync"
	"time"

	"heddle/executor"
	"heddle/hadoop/fs"
	"heddle/nodemanager/dirs"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
)

// Type is what is done with a resource after its download.
type Type int32

// Types; the numbers are Hadoop's LocalResourceType.
const (
	Archive Type = 1
	File    Type = 2
	Pattern Type = 3
)

func (t Type) String() string {
	return map[Type]string{Archive: "ARCHIVE", File: "FILE", Pattern: "PATTERN"}[t]
}

// Visibility is who shares a localized resource.
type Visibility int32

// Visibilities; the numbers are Hadoop's LocalResourceVisibility.
const (
	Public      Visibility = 1
	Private     Visibility = 2
	Application Visibility = 3
)

// Resource is one resource as a container's launch context names it.
type Resource struct {
	Name       string // link name in the work directory
	URL        string
	Timestamp  int64 // ms; must equal the source's modification time
	Type       Type
	Visibility Visibility
	Pattern    string
}

// Request is what one container needs.
type Request struct {
	Container yarn.ContainerID
	User      string
	Owner     *executor.Account // of the files; nil: the NodeManager's own user
	Resources []Resource
}

// Result says where resources are; paths are by link name.
type Result struct {
	Paths                                                    map[string]string
	BytesFetched, BytesCached, FilesFetched, FilesCached, Ms int64
}

// Dialer opens a file system as a user.
type Dialer interface {
	Open(uri, user string) (fs.FileSystem, string, error)
}

// Config sets a Localizer up.
type Config struct {
	Dirs        *dirs.Set
	Dialer      Dialer
	SystemUser  string            // reads PUBLIC resources
	Fetches     int               // downloads at a time
	TargetBytes int64             // of PUBLIC and PRIVATE caches together
	FilesPerDir int               // yarn.nodemanager.local-cache.max-files-per-directory
	Journal     *recovery.Journal // nil: nothing is remembered over a restart
	Now         func() time.Time
	Log         *slog.Logger
}

// Localizer owns the caches. It is safe for concurrent use.
type Localizer struct {
	cfg   Config
	slots chan struct{}
	ctx   context.Context // of downloads that nobody may be waiting for any more
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu     sync.Mutex // guards scopes, and the entries' references and times
	scopes map[scopeKey]*scope
}

// scopeKey names a cache: user and app are empty for PUBLIC, app for PRIVATE.
type scopeKey struct {
	user string
	app  yarn.ApplicationID
}

type scope struct {
	key     scopeKey
	entries map[entryKey]*entry
	next    int // number of the next entry's directory
	ctx     context.Context
	cancel  context.CancelFunc
}

type entryKey struct {
	url, pattern string
	timestamp    int64
	typ          Type
}

type entry struct {
	done  chan struct{} // closed when path or err is set
	path  string
	dir   string // what to delete
	size  int64
	err   error
	users map[yarn.ContainerID]bool
	used  time.Time
}

const firstNumber = 10 // Hadoop's caches count from here

// New returns a Localizer with empty caches.
func New(cfg Config) *Localizer {
	l := &Localizer{cfg: cfg, slots: make(chan struct{}, max(cfg.Fetches, 1)), scopes: map[scopeKey]*scope{}}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// Close ends all downloads and waits for them.
func (l *Localizer) Close() {
	l.stop()
	l.wg.Wait()
}

// Localize brings all resources of a request here, or returns the first failure in Hadoop's
// words. The container holds what it got until Release.
func (l *Localizer) Localize(ctx context.Context, r Request) (Result, error) {
	start := l.cfg.Now()
	res := Result{Paths: map[string]string{}}
	entries := make([]*entry, len(r.Resources))
	fresh := make([]bool, len(r.Resources))
	for i, x := range r.Resources {
		entries[i], fresh[i] = l.acquire(r, x)
	}
	for i, e := range entries {
		select {
		case <-ctx.Done():
			return res, ctx.Err()
		case <-e.done:
		}
		if e.err != nil {
			return res, e.err
		}
		res.Paths[r.Resources[i].Name] = e.path
		if fresh[i] {
			res.FilesFetched++
			res.BytesFetched += e.size
			continue
		}
		res.FilesCached++
		res.BytesCached += e.size
	}
	res.Ms = l.cfg.Now().Sub(start).Milliseconds()
	return res, nil
}

func scopeOf(r Request, v Visibility) scopeKey {
	switch v {
	case Public:
		return scopeKey{}
	case Private:
		return scopeKey{user: r.User}
	default:
		return scopeKey{r.User, r.Container.Attempt.Application}
	}
}

// acquire returns the entry of a resource, held by the container, and starts its download where nobody did.
func (l *Localizer) acquire(r Request, x Resource) (e *entry, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.scope(scopeOf(r, x.Visibility))
	key := entryKey{x.URL, x.Pattern, x.Timestamp, x.Type}
	if e := s.entries[key]; e != nil && !e.gone() {
		e.users[r.Container] = true
		e.used = l.cfg.Now()
		return e, false
	} else if e != nil {
		l.cfg.Journal.Note(recovery.Delete(keyResource + e.dir))
	}
	e = &entry{done: make(chan struct{}), users: map[yarn.ContainerID]bool{r.Container: true}, used: l.cfg.Now()}
	s.entries[key] = e
	number := s.next
	s.next++
	l.wg.Go(func() { l.fill(s, key, e, r, x, number) })
	return e, true
}

// gone reports whether a finished entry's files disappeared; somebody else may clean disks.
func (e *entry) gone() bool {
	select {
	case <-e.done:
		return e.err == nil && !exists(e.path)
	default:
		return false
	}
}

func (l *Localizer) scope(key scopeKey) *scope {
	s := l.scopes[key]
	if s == nil {
		s = &scope{key: key, entries: map[entryKey]*entry{}, next: firstNumber}
		s.ctx, s.cancel = context.WithCancel(l.ctx)
		l.scopes[key] = s
	}
	return s
}

// fill downloads an entry; a failed one is forgotten, so that the next asker tries again.
func (l *Localizer) fill(s *scope, key entryKey, e *entry, r Request, x Resource, number int) {
	defer close(e.done)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-s.ctx.Done():
		e.err = s.ctx.Err()
		return
	}
	e.dir, e.path, e.size, e.err = l.fetch(s, r, x, number)
	if e.err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.ctx.Err() == nil {
			l.remember(s, key, e)
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.entries[key] == e {
		delete(s.entries, key)
	}
}

// fetch puts the resource into the scope's cache directory of one local disk.
func (l *Localizer) fetch(s *scope, r Request, x Resource, number int) (dir, final string, size int64, err error) {
	disk, err := l.cfg.Dirs.NextLocal()
	if err != nil {
		return "", "", 0, err
	}
	cache := cacheDir(disk, s.key)
	dir = filepath.Join(cache, subDir(number-firstNumber, l.cfg.FilesPerDir), fmt.Sprint(number))
	name := path.Base(x.URL)
	f := &fetcher{dialer: l.cfg.Dialer, now: l.cfg.Now, public: x.Visibility == Public, owner: r.Owner, user: r.User, container: r.Container, res: x}
	if f.public {
		f.user, f.owner = l.cfg.SystemUser, nil
	}
	tmp := dir + "_tmp"
	err = f.owner.Do(func() error {
		if size, err = f.fetch(s.ctx, tmp, name); err != nil {
			return err
		}
		return publish(tmp, dir, f.public)
	})
	if err != nil {
		if cleanErr := errors.Join(dirs.RemoveAll(tmp), dirs.RemoveAll(dir)); cleanErr != nil {
			l.cfg.Log.Warn("a failed download could not be removed", "dir", dir, "error", cleanErr)
		}
		return "", "", 0, f.explain(err)
	}
	return dir, filepath.Join(dir, name), size, nil
}

func cacheDir(disk string, k scopeKey) string {
	if k.user == "" {
		return filepath.Join(disk, "filecache")
	}
	if k.app.IsZero() {
		return filepath.Join(dirs.UserDir(disk, k.user), "filecache")
	}
	return filepath.Join(dirs.AppDir(disk, k.user, k.app), "filecache")
}

// perDirReserve is how many of a directory's entries are kept for sub-directories: 0-9 and a-z.
const perDirReserve = 36

// subDir is where the n-th entry lies, so that no directory grows past the limit: the first in
// the cache itself, the next in "0", "1" … "z", then in "0/0" and so on.
func subDir(n, perDir int) string {
	per := max(perDir-perDirReserve, 1)
	var parts string
	for d := n / per; d > 0; d = (d - 1) / perDirReserve {
		parts = filepath.Join(string("0123456789abcdefghijklmnopqrstuvwxyz"[(d-1)%perDirReserve]), parts)
	}
	return parts
}

// Release drops a container's hold on everything it got.
func (l *Localizer) Release(c yarn.ContainerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.scopes {
		for _, e := range s.entries {
			delete(e.users, c)
		}
	}
}

// RemoveApp forgets an application's own resources and ends their downloads; the files go with
// the application's directory.
func (l *Localizer) RemoveApp(user string, app yarn.ApplicationID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := scopeKey{user, app}
	if s := l.scopes[key]; s != nil {
		s.cancel()
		for _, e := range s.entries {
			select {
			case <-e.done:
				l.cfg.Journal.Note(recovery.Delete(keyResource + e.dir))
			default: // not remembered yet, and not any more
			}
		}
		delete(l.scopes, key)
	}
}

// Pending tells of a container's resources by link name: localized, or still waited for.
func (l *Localizer) Pending(r Request) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]bool{}
	for _, x := range r.Resources {
		out[x.Name] = true
		s := l.scopes[scopeOf(r, x.Visibility)]
		if s == nil {
			continue
		}
		if e := s.entries[entryKey{x.URL, x.Pattern, x.Timestamp, x.Type}]; e != nil {
			select {
			case <-e.done:
				out[x.Name] = false
			default:
			}
		}
	}
	return out
}
