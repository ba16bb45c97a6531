// Package aggregation uploads the logs of ended applications, and where they want it of running
// ones, to the cluster's file system, in files per application and node which unmodified `yarn logs` reads.
package aggregation

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"path"
	"strconv"
	"sync/atomic"
	"time"

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
	Group      string // of the root where this node makes it, as folders below inherit it in HDFS; "" leaves it as made
	Codec      logs.Compression
	SystemUser string // makes the root directory where it is missing
	Node       func() yarn.NodeID
	Now        func() time.Time
	Policy     Policy        // of applications that name none
	Retry      time.Duration // the first pause between two attempts; the next are longer
	Patience   time.Duration // how long an upload that fails is tried again
	// SizeLimit is how many bytes of one container are uploaded; 0: all.
	SizeLimit   int64
	Rolling     time.Duration // how often logs of running applications are uploaded; 0: never
	FilesPerApp int           // that rolling keeps
	KeepLocal   bool          // do not remove local files
	Log         *slog.Logger
}

// Uploader implements container.Uploader.
type Uploader struct {
	cfg   Config
	slots chan struct{} // uploads at a time
	root  atomic.Bool   // the root directory is there
}

// atATime bounds the uploads that go on together, so that many applications that end at once do not
// need as many connections.
const atATime = 32

// maxPause bounds the pause between two attempts.
const maxPause = 5 * time.Minute

// New returns an Uploader.
func New(cfg Config) *Uploader { return &Uploader{cfg: cfg, slots: make(chan struct{}, atATime)} }

// Upload writes the application's file. Where the file system fails it tries again, in longer and longer
// pauses, for as long as logs are kept; what the application got wrong fails at once.
func (u *Uploader) Upload(ctx context.Context, app container.FinishedApp) error {
	f, err := newFilter(app.Logs.Include, app.Logs.Exclude)
	if err != nil {
		return err
	}
	chosen, err := u.choose(app)
	if err != nil || len(chosen) == 0 {
		return err
	}
	began := u.cfg.Now()
	for pause := u.cfg.Retry; ; pause = min(2*pause, maxPause) {
		err := u.one(ctx, app, chosen, f)
		if err == nil || u.cfg.Now().Sub(began) >= u.cfg.Patience {
			return err
		}
		u.cfg.Log.Warn("logs could not be uploaded; it is tried again", "application", app.ID, "pause", pause, "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (u *Uploader) one(ctx context.Context, app container.FinishedApp, chosen []container.FinishedContainer, f *filter) error {
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := u.upload(app, chosen, f, false)
	return err
}

// upload writes <node>.tmp and renames it when it is complete. It returns what it wrote.
func (u *Uploader) upload(app container.FinishedApp, chosen []container.FinishedContainer, f *filter, rolling bool) (done []*part, err error) {
	if rolling || len(app.Uploaded) > 0 {
		if news, err := u.news(app, chosen, f, rolling); err != nil || !news {
			return nil, err
		}
	}
	if err := u.makeRoot(); err != nil {
		return nil, err
	}
	fsys, root, err := u.cfg.Dialer.Open(u.cfg.Layout.Root, app.User)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	layout := logs.Layout{Root: root, Suffix: u.cfg.Layout.Suffix}
	first, err := u.makeDirs(fsys, layout, app)
	if errors.Is(err, iofs.ErrNotExist) { // somebody removed the root
		u.root.Store(false)
		if err = u.makeRoot(); err == nil {
			first, err = u.makeDirs(fsys, layout, app)
		}
	}
	if err != nil {
		return nil, err
	}
	dir := layout.AppDir(app.User, app.ID)
	final := path.Join(dir, logs.NodeFile(u.cfg.Node()))
	tmp := final + logs.TempSuffix
	if done, err = u.write(fsys, tmp, app, chosen, f, rolling); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", tmp, err), fsys.Remove(tmp))
	}
	another := final + "_" + strconv.FormatInt(u.cfg.Now().UnixMilli(), 10)
	if rolling {
		if err := fsys.Rename(tmp, another); err != nil {
			return nil, err
		}
		return done, u.prune(fsys, dir)
	}
	if first { // nothing can be there
		return done, fsys.Replace(tmp, final)
	}
	err = fsys.Rename(tmp, final)
	if errors.Is(err, iofs.ErrExist) { // of this node's earlier life: both are read
		err = fsys.Rename(tmp, another)
	}
	return done, err
}

// makeDirs makes the application's folder, and those above it only where they are missing: each question costs the
// NameNode. first says that the folder is new. Either all nodes but one find it, or there is only its parent to make.
func (u *Uploader) makeDirs(fsys fs.FileSystem, layout logs.Layout, app container.FinishedApp) (first bool, err error) {
	all := layout.Dirs(app.User, app.ID)
	own := all[len(all)-1]
	if _, err := fsys.Stat(own); !errors.Is(err, iofs.ErrNotExist) {
		return false, err
	}
	err = mkdirs(fsys, all[len(all)-2:])
	if errors.Is(err, iofs.ErrNotExist) {
		err = mkdirs(fsys, all)
	}
	if err != nil && !errors.Is(err, iofs.ErrExist) {
		return false, fmt.Errorf("make %s as %s: %w", own, app.User, err)
	}
	return err == nil, nil
}

// mkdirs makes folders, each in the one before. The error is ErrExist where the last was there.
func mkdirs(fsys fs.FileSystem, dirs []string) (err error) {
	for _, d := range dirs {
		if err = fsys.Mkdir(d, logs.DirMode); err != nil && !errors.Is(err, iofs.ErrExist) {
			return err
		}
	}
	return err
}

// makeRoot makes the root open to all users, as the NodeManager's user.
func (u *Uploader) makeRoot() (err error) {
	if u.root.Load() {
		return nil
	}
	fsys, root, err := u.cfg.Dialer.Open(u.cfg.Layout.Root, u.cfg.SystemUser)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, fsys.Close())
		u.root.Store(err == nil)
	}()
	if _, err := fsys.Stat(root); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := fsys.MkdirAll(path.Dir(root), 0o755); err != nil {
		return err
	}
	if err := fsys.Mkdir(root, logs.RootMode); errors.Is(err, iofs.ErrExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("make yarn.nodemanager.remote-app-log-dir %s: %w", root, err)
	}
	if u.cfg.Group == "" {
		return nil
	}
	if err := fsys.Chgrp(root, u.cfg.Group); err != nil { // users see their logs all the same
		u.cfg.Log.Error("the root of aggregated logs has not the group of yarn.nodemanager.remote-app-log-dir.groupname, by default the NodeManager's: a job history server may not be able to read them", "folder", root, "group", u.cfg.Group, "error", err)
	}
	return nil
}

// news reports whether there is anything to upload.
func (u *Uploader) news(app container.FinishedApp, chosen []container.FinishedContainer, f *filter, rolling bool) (bool, error) {
	for _, c := range chosen {
		parts, err := u.parts(app.Owner, c, f, app.Uploaded, rolling)
		closeAll(parts)
		if err != nil || len(parts) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// write writes the parts of each container under its name, and returns them.
func (u *Uploader) write(fsys fs.FileSystem, name string, app container.FinishedApp, chosen []container.FinishedContainer, f *filter, rolling bool) (done []*part, err error) {
	out, err := fsys.Create(name, logs.FileMode)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := logs.NewWriter(out, logs.Header{Owner: app.User, ACLs: app.ACLs}, u.cfg.Codec)
	if err != nil {
		return nil, err
	}
	for _, c := range chosen {
		parts, err := u.parts(app.Owner, c, f, app.Uploaded, rolling)
		if err == nil && (len(parts) > 0 || !rolling) {
			err = u.writeContainer(w, c, parts)
		}
		closeAll(parts)
		if err != nil {
			return nil, err
		}
		done = append(done, parts...)
	}
	return done, w.Close()
}

func (u *Uploader) writeContainer(w *logs.Writer, c container.FinishedContainer, parts []*part) error {
	if err := w.Container(c.ID.String()); err != nil {
		return err
	}
	left := u.cfg.SizeLimit
	if left == 0 {
		left = -1
	}
	for _, p := range parts {
		n, err := p.add(w, left)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", p.name, c.ID, err)
		}
		if left > 0 {
			left -= n
		}
	}
	return nil
}
