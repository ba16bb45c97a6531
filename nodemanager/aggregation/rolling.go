package aggregation

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/hadoop/fs"
	"heddle/nodemanager/container"
	"heddle/yarn/logs"
)

// Interval is how often logs of running applications that want it are uploaded; 0: never.
func (u *Uploader) Interval() time.Duration { return u.cfg.Rolling }

// Roll uploads what came to the logs of an application that runs, and returns what was uploaded in all. Files
// that are complete there and open in no process are removed here.
func (u *Uploader) Roll(app container.FinishedApp) (map[string]container.Uploaded, error) {
	f, err := newFilter(app.Logs.RolledInclude, app.Logs.RolledExclude)
	if err != nil {
		return nil, err
	}
	chosen, err := u.choose(app)
	if err != nil || len(chosen) == 0 {
		return app.Uploaded, err
	}
	u.slots <- struct{}{}
	defer func() { <-u.slots }()
	done, err := u.upload(app, chosen, f, true)
	if err != nil || len(done) == 0 {
		return app.Uploaded, err
	}
	all := maps.Clone(app.Uploaded)
	if all == nil {
		all = map[string]container.Uploaded{}
	}
	for _, p := range done {
		all[p.inode] = container.Uploaded{Bytes: p.to, Head: p.head}
	}
	return all, nil
}

// Clean removes files of a Roll once it is remembered what was uploaded, and returns what is to be
// remembered of those that stay.
func (u *Uploader) Clean(app container.FinishedApp) map[string]container.Uploaded {
	open, ok := openFiles()
	f, err := newFilter(app.Logs.RolledInclude, app.Logs.RolledExclude)
	if err != nil { // Roll said so
		return app.Uploaded
	}
	stay := map[string]container.Uploaded{}
	for _, c := range app.Containers {
		parts, err := u.parts(app.Owner, c, f, nil, true)
		for _, p := range parts {
			had, known := app.Uploaded[p.inode]
			if known {
				stay[p.inode] = had
			}
			if u.cfg.KeepLocal || !ok || !known || had.Bytes != p.to || had.Head != p.head || open[p.inode] {
				continue
			}
			if err := app.Owner.Do(func() error { return os.Remove(p.path) }); err != nil {
				u.cfg.Log.Warn("an uploaded log could not be removed", "file", p.path, "error", err)
			}
		}
		closeAll(parts)
		if err != nil {
			u.cfg.Log.Warn("uploaded logs could not be looked at", "container", c.ID, "error", err)
			return app.Uploaded
		}
	}
	return stay
}

// openFiles lists, as inodes, what processes have open; ok is false where one of our own user's cannot be asked.
// Processes of other users are asked as far as the daemon may.
func openFiles() (open map[string]bool, ok bool) {
	open = map[string]bool{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, false
	}
	self := "/proc/" + strconv.Itoa(os.Getpid())
	for _, p := range processes {
		if p == self {
			continue
		}
		fds, err := os.ReadDir(p + "/fd")
		if err != nil {
			if fi, gone := os.Stat(p); gone == nil && fi.Sys().(*syscall.Stat_t).Uid == uint32(os.Geteuid()) {
				return nil, false
			}
			continue
		}
		for _, fd := range fds {
			var st syscall.Stat_t
			if syscall.Stat(p+"/fd/"+fd.Name(), &st) == nil {
				open[strconv.FormatUint(uint64(st.Dev), 10)+":"+strconv.FormatUint(st.Ino, 10)] = true
			}
		}
	}
	return open, true
}

// prune removes the node's oldest files of an application beyond the number that is kept.
func (u *Uploader) prune(fsys fs.FileSystem, dir string) error {
	entries, err := fsys.List(dir)
	if err != nil {
		return err
	}
	prefix := logs.NodeFile(u.cfg.Node()) + "_"
	entries = slices.DeleteFunc(entries, func(i fs.Info) bool {
		return !strings.HasPrefix(i.Name(), prefix) || strings.HasSuffix(i.Name(), logs.TempSuffix)
	})
	slices.SortFunc(entries, func(a, b fs.Info) int { return a.ModTime.Compare(b.ModTime) })
	for len(entries) > u.cfg.FilesPerApp && u.cfg.FilesPerApp > 0 {
		if err := fsys.Remove(path.Join(dir, entries[0].Name())); err != nil {
			return fmt.Errorf("remove old logs: %w", err)
		}
		entries = entries[1:]
	}
	return nil
}
