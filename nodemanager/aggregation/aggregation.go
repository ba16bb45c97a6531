// Package aggregation uploads the logs of ended applications to the cluster's file
// system, one file per application and node, which unmodified `yarn logs` reads.
package aggregation

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/executor"
	"heddle/hadoop/fs"
	"heddle/nodemanager/container"
	"heddle/nodemanager/dirs"
	"heddle/yarn"
	"heddle/yarn/logs"
)

// Dialer opens a file system as a user.
type Dialer interface {
	Open(uri, user string) (fs.FileSystem, string, error)
}

// Config sets an Uploader up.
type Config struct {
	Dirs       *dirs.Set
	Dialer     Dialer
	Layout     logs.Layout
	Codec      logs.Compression
	SystemUser string // makes the root directory where it is missing
	Node       func() yarn.NodeID
	Now        func() time.Time
	Retry      time.Duration // between two attempts
	Log        *slog.Logger
}

// Uploader implements container.Uploader.
type Uploader struct{ cfg Config }

// New returns an Uploader.
func New(cfg Config) *Uploader { return &Uploader{cfg} }

// attempts bounds how often an upload is tried.
const attempts = 4

// Upload writes the application's file, with a few attempts where the file system fails.
func (u *Uploader) Upload(ctx context.Context, app container.FinishedApp) error {
	chosen, err := choose(app)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return nil
	}
	for try := 1; ; try++ {
		err := u.upload(app, chosen)
		if err == nil || try == attempts {
			return err
		}
		u.cfg.Log.Warn("logs could not be uploaded; it is tried again", "application", app.ID, "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(u.cfg.Retry):
		}
	}
}

// policies are Hadoop's aggregation policies that need nothing but the exit status.
var policies = map[string]func(container.FinishedContainer) bool{
	"":                                            func(container.FinishedContainer) bool { return true },
	"AllContainerLogAggregationPolicy":            func(container.FinishedContainer) bool { return true },
	"NoneContainerLogAggregationPolicy":           func(container.FinishedContainer) bool { return false },
	"AMOnlyLogAggregationPolicy":                  func(c container.FinishedContainer) bool { return c.Master },
	"FailedContainerLogAggregationPolicy":         failed,
	"FailedOrKilledContainerLogAggregationPolicy": func(c container.FinishedContainer) bool { return c.Exit != yarn.ExitSuccess },
	"AMOrFailedContainerLogAggregationPolicy":     func(c container.FinishedContainer) bool { return c.Master || failed(c) },
}

func failed(c container.FinishedContainer) bool {
	return c.Exit != yarn.ExitSuccess && c.Exit != yarn.ExitForceKilled && c.Exit != yarn.ExitTerminated
}

// choose applies the application's policy; an unknown one fails rather than lose logs in silence.
func choose(app container.FinishedApp) ([]container.FinishedContainer, error) {
	name := app.Logs.Policy[strings.LastIndexByte(app.Logs.Policy, '.')+1:]
	wanted, ok := policies[name]
	if !ok {
		return nil, fmt.Errorf("log aggregation policy %s is not supported; known are %v", app.Logs.Policy, slices.Sorted(keys(policies)))
	}
	var out []container.FinishedContainer
	for _, c := range app.Containers {
		if wanted(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b container.FinishedContainer) int { return a.ID.Compare(b.ID) })
	return out, nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// upload writes <node>.tmp and renames it when it is complete.
func (u *Uploader) upload(app container.FinishedApp, chosen []container.FinishedContainer) (err error) {
	filter, err := newFilter(app.Logs)
	if err != nil {
		return err
	}
	if err := u.makeRoot(); err != nil {
		return err
	}
	fsys, root, err := u.cfg.Dialer.Open(u.cfg.Layout.Root, app.User)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	layout := logs.Layout{Root: root, Suffix: u.cfg.Layout.Suffix}
	for _, d := range layout.Dirs(app.User, app.ID) {
		if err := makeDir(fsys, d); err != nil {
			return fmt.Errorf("make %s as %s: %w", d, app.User, err)
		}
	}
	final := path.Join(layout.AppDir(app.User, app.ID), logs.NodeFile(u.cfg.Node()))
	tmp := final + logs.TempSuffix
	if err := u.write(fsys, tmp, app, chosen, filter); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", tmp, err), fsys.Remove(tmp))
	}
	if _, err := fsys.Stat(final); err == nil { // of this node's earlier life: both are read
		final += "_" + strconv.FormatInt(u.cfg.Now().UnixMilli(), 10)
	}
	return fsys.Rename(tmp, final)
}

// makeRoot makes the root open to all users, as the NodeManager's user.
func (u *Uploader) makeRoot() (err error) {
	fsys, root, err := u.cfg.Dialer.Open(u.cfg.Layout.Root, u.cfg.SystemUser)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	if _, err := fsys.Stat(root); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := fsys.MkdirAll(path.Dir(root), 0o755); err != nil {
		return err
	}
	if err := makeDirMode(fsys, root, logs.RootMode); err != nil {
		return fmt.Errorf("make yarn.nodemanager.remote-app-log-dir %s: %w", root, err)
	}
	return nil
}

func makeDir(fsys fs.FileSystem, d string) error { return makeDirMode(fsys, d, logs.DirMode) }

func makeDirMode(fsys fs.FileSystem, d string, mode uint32) error {
	if _, err := fsys.Stat(d); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := fsys.Mkdir(d, mode); err != nil && !errors.Is(err, iofs.ErrExist) {
		return err
	}
	return nil
}

func (u *Uploader) write(fsys fs.FileSystem, name string, app container.FinishedApp, chosen []container.FinishedContainer, f *filter) (err error) {
	out, err := fsys.Create(name, logs.FileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := logs.NewWriter(out, logs.Header{Owner: app.User, ACLs: app.ACLs}, u.cfg.Codec)
	if err != nil {
		return err
	}
	for _, c := range chosen {
		if err := w.Container(c.ID.String()); err != nil {
			return err
		}
		for _, l := range u.cfg.Dirs.AllLog() {
			if err := addFiles(w, app.Owner, dirs.LogDir(l, c.ID), f); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

func addFiles(w *logs.Writer, owner *executor.Account, dir string, f *filter) error {
	var entries []os.DirEntry
	err := owner.Do(func() (err error) {
		entries, err = os.ReadDir(dir)
		return err
	})
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !f.wants(e.Name()) {
			continue
		}
		if err := addFile(w, owner, dir, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// addFile adds one regular file.
func addFile(w *logs.Writer, owner *executor.Account, dir, name string) error {
	var in *os.File
	err := owner.Do(func() (err error) {
		in, err = openInside(dir, name)
		return err
	})
	if err != nil || in == nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	fi, err := in.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return err
	}
	return w.File(name, fi.Size(), io.Reader(in))
}

// openInside opens a log file; nil where it is a link to nowhere or out of the folder: the container
// could point it at what only the NodeManager may read.
func openInside(dir, name string) (*os.File, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // a dangling link has no content
	}
	home, err := filepath.EvalSymlinks(dir)
	if err != nil || filepath.Dir(real) != home {
		return nil, err
	}
	return os.OpenFile(real, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

type filter struct{ include, exclude *regexp.Regexp }

func newFilter(l container.LogContext) (*filter, error) {
	f := &filter{}
	var err error
	if l.Include != "" && l.Include != ".*" {
		if f.include, err = regexp.Compile(l.Include); err != nil {
			return nil, fmt.Errorf("pattern of logs to include: %w", err)
		}
	}
	if l.Exclude != "" {
		if f.exclude, err = regexp.Compile(l.Exclude); err != nil {
			return nil, fmt.Errorf("pattern of logs to exclude: %w", err)
		}
	}
	return f, nil
}

func (f *filter) wants(name string) bool {
	return (f.include == nil || f.include.MatchString(name)) && (f.exclude == nil || !f.exclude.MatchString(name))
}
