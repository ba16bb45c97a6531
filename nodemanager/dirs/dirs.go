// Package dirs is the NodeManager's directories on local disks: where caches, work
// directories, private files and logs lie, with which modes, and which disks are usable.
package dirs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/yarn"
)

// Limits says when a disk counts as unusable.
type Limits struct {
	MaxUsedPercent float64 // yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage
	MinFreeMB      int64   // yarn.nodemanager.disk-health-checker.min-free-space-per-disk-mb
	MinHealthy     float64 // fraction of the disks that must be usable for the node to be healthy
	// A disk that was too full is used again at these, which keep it from coming and going.
	BackUsedPercent float64 // yarn.nodemanager.disk-health-checker.disk-utilization-watermark-low-per-disk-percentage
	BackFreeMB      int64   // yarn.nodemanager.disk-health-checker.min-free-space-per-disk-watermark-high-mb
}

// Set is the configured directories. It is safe for concurrent use.
type Set struct {
	local, log []string
	limits     Limits
	statfs     func(dir string, st *syscall.Statfs_t) error
	state      atomic.Pointer[state]
	turn       atomic.Uint32
}

// state is the outcome of the last check.
type state struct {
	local, log []string // usable ones
	report     string   // what is wrong with disks; empty when nothing is
	healthy    bool     // whether enough are usable
	at         time.Time
}

// Open makes the directories where they are missing and checks the disks.
func Open(local, log []string, limits Limits) (*Set, error) {
	s := &Set{local: local, log: log, limits: limits, statfs: syscall.Statfs}
	if len(local) == 0 || len(log) == 0 {
		return nil, errors.New("no local or log directories; set yarn.nodemanager.local-dirs and yarn.nodemanager.log-dirs")
	}
	s.Check(time.Now())
	if st := s.state.Load(); len(st.local) == 0 || len(st.log) == 0 {
		return nil, fmt.Errorf("no usable local or log directory: %s", st.report)
	}
	return s, nil
}

// modes of a local directory's own sub-directories.
var layout = []struct {
	name string
	mode fs.FileMode
}{{"filecache", 0o755}, {"usercache", 0o755}, {"nmPrivate", 0o700}}

// errFull marks a disk that works and has no room.
type errFull struct{ text string }

func (e *errFull) Error() string { return e.text }

// Check looks at every disk again. The report is worded as Hadoop's.
func (s *Set) Check(now time.Time) {
	before := s.state.Load()
	st := &state{at: now}
	var local, log string
	st.local, local = s.look("local-dirs", s.local, before.usable(s.local), prepareLocal)
	st.log, log = s.look("log-dirs", s.log, before.usable(s.log), func(d string) error { return mkdir(d, 0o755, nil) })
	st.report = local + log
	enough := func(good, all []string) bool {
		return len(good) > 0 && float64(len(good)) >= s.limits.MinHealthy*float64(len(all))
	}
	st.healthy = st.report == "" || enough(st.local, s.local) && enough(st.log, s.log)
	s.state.Store(st)
}

// usable are those of dirs that were usable; all of them before the first check.
func (st *state) usable(dirs []string) map[string]bool {
	out := map[string]bool{}
	for _, d := range dirs {
		out[d] = st == nil || slices.Contains(st.local, d) || slices.Contains(st.log, d)
	}
	return out
}

// look tells usable directories from others, and says in Hadoop's words what is wrong with those.
func (s *Set) look(kind string, all []string, was map[string]bool, prepare func(string) error) (good []string, report string) {
	var errored, full []string
	for _, d := range all {
		err := cmp.Or(prepare(d), s.diskError(d, was[d]))
		var f *errFull
		switch {
		case err == nil:
			good = append(good, d)
		case errors.As(err, &f):
			full = append(full, d+" : "+err.Error())
		default:
			errored = append(errored, d+" : "+err.Error())
		}
	}
	say := func(bad []string, what string) {
		if len(bad) > 0 {
			report += fmt.Sprintf("%d/%d %s %s [ %s ] ; ", len(bad), len(all), kind, what, strings.Join(bad, ", "))
		}
	}
	say(errored, "have errors: ")
	say(full, "usable space is below configured utilization percentage/no more usable space")
	return good, report
}

func prepareLocal(d string) error {
	if err := mkdir(d, 0o755, nil); err != nil {
		return err
	}
	for _, l := range layout {
		if err := mkdir(filepath.Join(d, l.name), l.mode, nil); err != nil {
			return err
		}
	}
	return nil
}

// diskError tries a directory. One that was too full must have more room to be good again.
func (s *Set) diskError(d string, usable bool) error {
	var st syscall.Statfs_t
	if err := s.statfs(d, &st); err != nil {
		return err
	}
	probe := filepath.Join(d, ".probe-"+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(probe, nil, 0o600); errors.Is(err, syscall.ENOSPC) {
		return &errFull{"no space is left"}
	} else if err != nil {
		return err
	}
	if err := os.Remove(probe); err != nil {
		return err
	}
	maxUsed, minFree := s.limits.MaxUsedPercent, s.limits.MinFreeMB
	if !usable {
		maxUsed, minFree = min(maxUsed, s.limits.BackUsedPercent), max(minFree, s.limits.BackFreeMB)
	}
	free := int64(st.Bavail) * int64(st.Bsize) >> 20 //nolint:unconvert // not everywhere 64 bits wide
	used := 100 * (1 - float64(st.Bavail)/float64(max(st.Blocks, 1)))
	if s.limits.MaxUsedPercent > 0 && (used > maxUsed || used >= 100) {
		return &errFull{fmt.Sprintf("used space above threshold of %.1f%%", s.limits.MaxUsedPercent)}
	}
	if free < minFree {
		return &errFull{fmt.Sprintf("free space below limit of %dMB", s.limits.MinFreeMB)}
	}
	return nil
}

// Health is the report for the ResourceManager, and when it was made.
func (s *Set) Health() (healthy bool, report string, at time.Time) {
	st := s.state.Load()
	return st.healthy, st.report, st.at
}

// Local lists the usable local directories.
func (s *Set) Local() []string { return s.state.Load().local }

// Log lists the usable log directories.
func (s *Set) Log() []string { return s.state.Load().log }

// AllLocal and AllLog also list those that are not usable now: files may still be there.
func (s *Set) AllLocal() []string { return s.local }

// AllLog is AllLocal for logs.
func (s *Set) AllLog() []string { return s.log }

// NextLocal takes the usable local directories in turn.
func (s *Set) NextLocal() (string, error) {
	l := s.Local()
	if len(l) == 0 {
		return "", errors.New("no local directory is usable; see the node's health report")
	}
	return l[int(s.turn.Add(1)-1)%len(l)], nil
}

// UserDir is the user's directory in local directory l.
func UserDir(l, user string) string { return filepath.Join(l, "usercache", user) }

// AppDir is the application's directory in local directory l.
func AppDir(l, user string, app yarn.ApplicationID) string {
	return filepath.Join(UserDir(l, user), "appcache", app.String())
}

// ContainerDir is a container's work directory in l.
func ContainerDir(l, user string, c yarn.ContainerID) string {
	return filepath.Join(AppDir(l, user, c.Attempt.Application), c.String())
}

// PrivateDir is the directory in l that only the NodeManager sees of a container.
func PrivateDir(l string, c yarn.ContainerID) string {
	return filepath.Join(l, "nmPrivate", c.Attempt.Application.String(), c.String())
}

// LogDir is a container's directory in a log directory.
func LogDir(l string, c yarn.ContainerID) string {
	return filepath.Join(l, c.Attempt.Application.String(), c.String())
}

// MakeUser makes the user's directories in every usable local directory; owner may be nil.
func (s *Set) MakeUser(user string, owner *executor.Account) error {
	for _, l := range s.Local() {
		u := UserDir(l, user)
		if err := mkdir(u, 0o750, owner); err != nil {
			return err
		}
		if err := mkdirs(owner, modeDir{u + "/filecache", 0o710}, modeDir{u + "/appcache", 0o710}); err != nil {
			return err
		}
	}
	return nil
}

// MakeApp makes the application's directories in every usable local directory.
func (s *Set) MakeApp(user string, app yarn.ApplicationID, owner *executor.Account) error {
	if err := s.MakeUser(user, owner); err != nil {
		return err
	}
	for _, l := range s.Local() {
		a := AppDir(l, user, app)
		if err := mkdirs(owner, modeDir{a, 0o710}, modeDir{a + "/filecache", 0o710}); err != nil {
			return err
		}
	}
	return nil
}

// MakeContainer makes a container's work, private and log directories.
func (s *Set) MakeContainer(user string, c yarn.ContainerID, owner *executor.Account, logMode fs.FileMode) error {
	for _, l := range s.Local() {
		w := ContainerDir(l, user, c)
		if err := mkdirs(owner, modeDir{w, 0o710}, modeDir{w + "/tmp", 0o710}); err != nil {
			return err
		}
		p := PrivateDir(l, c)
		if err := mkdirs(nil, modeDir{filepath.Dir(p), 0o755}, modeDir{p, 0o755}); err != nil {
			return err
		}
	}
	for _, l := range s.Log() {
		d := LogDir(l, c)
		if err := mkdir(filepath.Dir(d), logMode, owner); err != nil {
			return err
		}
		if err := mkdirs(owner, modeDir{d, logMode}); err != nil {
			return err
		}
	}
	return nil
}

type modeDir struct {
	path string
	mode fs.FileMode
}

// mkdirs makes directories inside the owner's own ones, with no more than the owner's rights.
func mkdirs(owner *executor.Account, dirs ...modeDir) error {
	return owner.Do(func() error {
		for _, d := range dirs {
			if err := mkdir(d.path, d.mode, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// MakeParents makes the folder that path lies in, and those above, such that everybody can enter them.
func MakeParents(path string) error { return mkdir(filepath.Dir(path), 0o755, nil) }

// mkdir makes one directory with exactly this mode and owner, and its parents such that everybody can enter, whatever the
// daemon's umask: containers of other accounts must get through.
// The directory above must be the daemon's own, unless it runs with the owner's rights.
func mkdir(path string, mode fs.FileMode, owner *executor.Account) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := MakeParents(path); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.UID), int(owner.GID))
}
