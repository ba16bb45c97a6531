package localizer

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"heddle/executor"
	"heddle/hadoop/fs"
	"heddle/nodemanager/dirs"
	"heddle/yarn"
)

// fetcher downloads one resource.
type fetcher struct {
	dialer    Dialer
	now       func() time.Time
	public    bool
	owner     *executor.Account
	user      string
	container yarn.ContainerID
	res       Resource
}

// failure is an error with the Java class that clients expect to read with it.
type failure struct {
	class, message string
	cause          string // the reason of a failed unpacking
}

func (f *failure) Error() string { return f.message }

const (
	classIO       = "java.io.IOException"
	classNotFound = "java.io.FileNotFoundException"
	classAccess   = "org.apache.hadoop.security.AccessControlException"
	classUnpack   = "java.lang.reflect.UndeclaredThrowableException"
	javaTime      = "2006-01-02T15:04:05.000-0700"
)

// fetch checks the source and downloads it to dir/name. It returns the bytes on disk.
func (f *fetcher) fetch(ctx context.Context, dir, name string) (int64, error) {
	if name == "" || name == "." || name == ".." || name == "/" {
		return 0, &failure{class: classIO, message: "Resource " + f.res.URL + " has no file name"}
	}
	fsys, src, err := f.dialer.Open(f.res.URL, f.user)
	if err != nil {
		return 0, f.sourceError(err)
	}
	defer fsys.Close() //nolint:errcheck // nothing was written
	info, err := fsys.Stat(src)
	if err != nil {
		return 0, f.sourceError(err)
	}
	if info.ModMillis() != f.res.Timestamp {
		return 0, &failure{class: classIO, message: fmt.Sprintf(
			`Resource %s changed on src filesystem - expected: "%s", was: "%s", current time: "%s"`, javaPath(f.res.URL),
			time.UnixMilli(f.res.Timestamp).Format(javaTime), info.ModTime.Format(javaTime), f.now().Format(javaTime))}
	}
	if err := f.access(fsys, info); err != nil {
		return 0, err
	}
	if err := dirs.MakeParents(dir); err != nil {
		return 0, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return 0, err
	}
	if err := f.store(ctx, fsys, info, dir, name); err != nil {
		return 0, err
	}
	return diskSize(dir)
}

// access applies the rule of the visibility: a PUBLIC source must be readable for everybody. A
// file:// source of others is read with the NodeManager's rights, so that the user's are checked here.
func (f *fetcher) access(fsys fs.FileSystem, info fs.Info) error {
	if f.public {
		bad, err := notPublic(fsys, info)
		if err != nil {
			return f.sourceError(err)
		}
		if bad != "" {
			return &failure{class: classIO, message: "Resource " + javaPath(f.res.URL) +
				" is not publicly accessible and as such cannot be part of the public cache. Others may not read or enter " + bad}
		}
		return nil
	}
	if f.owner != nil && fsys.URI() == "file://" {
		if bad := executor.Unreadable(f.owner, info.Path); bad != "" {
			return &failure{class: classAccess, message: fmt.Sprintf("Permission denied: user=%s, access=READ, inode=%q", f.user, bad)}
		}
	}
	return nil
}

// notPublic returns the first path that others may not read or, for a folder, enter.
func notPublic(fsys fs.FileSystem, info fs.Info) (string, error) {
	const enter = 1
	bad, err := closedBelow(fsys, info)
	if err != nil || bad != "" {
		return bad, err
	}
	for p := path.Dir(info.Path); ; p = path.Dir(p) {
		parent, err := fsys.Stat(p)
		if err != nil {
			return "", err
		}
		if parent.Mode&enter == 0 {
			return p, nil
		}
		if p == "/" {
			return "", nil
		}
	}
}

func closedBelow(fsys fs.FileSystem, info fs.Info) (string, error) {
	if !info.Dir {
		if info.Mode&4 == 0 {
			return info.Path, nil
		}
		return "", nil
	}
	if info.Mode&5 != 5 {
		return info.Path, nil
	}
	list, err := fsys.List(info.Path)
	if err != nil {
		return "", err
	}
	for _, i := range list {
		if bad, err := closedBelow(fsys, i); err != nil || bad != "" {
			return bad, err
		}
	}
	return "", nil
}

// store downloads and, where the type says so, unpacks.
func (f *fetcher) store(ctx context.Context, fsys fs.FileSystem, info fs.Info, dir, name string) error {
	to := filepath.Join(dir, name)
	kind := archiveKind(name)
	if info.Dir || f.res.Type == File || kind == "" {
		return copyTree(ctx, fsys, info, to)
	}
	var err error
	switch {
	case kind == "tar":
		err = f.untar(ctx, fsys, info, to)
	default:
		err = f.unzip(ctx, fsys, info, to, kind == "jar" && f.res.Type == Pattern)
	}
	if err != nil {
		return &failure{class: classUnpack, cause: err.Error()}
	}
	return nil
}

// archiveKind goes by the name, as Hadoop does.
func archiveKind(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".jar"):
		return "jar"
	case strings.HasSuffix(name, ".zip"):
		return "zip"
	case strings.HasSuffix(name, ".tar"), strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return "tar"
	}
	return ""
}

func copyTree(ctx context.Context, fsys fs.FileSystem, info fs.Info, to string) error {
	if !info.Dir {
		return copyFile(ctx, fsys, info, to)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	list, err := fsys.List(info.Path)
	if err != nil {
		return err
	}
	for _, i := range list {
		if err := copyTree(ctx, fsys, i, filepath.Join(to, i.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, fsys fs.FileSystem, info fs.Info, to string) error {
	in, err := fsys.Open(info.Path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, cancelable{ctx, in}); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

// cancelable ends a copy between two reads.
type cancelable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// sourceError puts what the source's file system said into Hadoop's words.
func (f *fetcher) sourceError(err error) error {
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return &failure{class: classNotFound, message: "File does not exist: " + javaPath(f.res.URL)}
	case errors.Is(err, iofs.ErrPermission):
		return &failure{class: classAccess, message: fmt.Sprintf("Permission denied: user=%s, access=READ, resource=%s", f.user, javaPath(f.res.URL))}
	}
	return err
}

// explain is the text of a container's diagnostics; the caller puts the time before it.
func (f *fetcher) explain(err error) error {
	fail := &failure{class: classIO, message: err.Error()}
	if !errors.As(err, &fail) {
		if known := f.sourceError(err); known != err { //nolint:errorlint // sourceError gives err itself back where it has no better one
			errors.As(known, &fail)
		}
	}
	detail := fail.class + ": " + fail.message
	if fail.cause != "" {
		detail = fail.class + "\nCaused by: org.apache.hadoop.yarn.exceptions.YarnException: Download and unpack failed\nCaused by: " +
			classIO + ": " + fail.cause
	}
	if !f.public {
		return errors.New(fail.message + "\n" + detail + "\n")
	}
	pattern := f.res.Pattern
	if pattern == "" {
		pattern = "null"
	}
	return fmt.Errorf("Failed to download resource { { %s, %d, %s, %s },pending,[(%s)],%d,DOWNLOADING} %s", //nolint:revive // Hadoop's text
		javaPath(f.res.URL), f.res.Timestamp, f.res.Type, pattern, f.container, f.now().UnixMilli(), detail)
}

// javaPath is how Java prints the URI: without the empty authority of file://.
func javaPath(uri string) string {
	if p, ok := strings.CutPrefix(uri, "file:///"); ok {
		return "file:/" + p
	}
	return uri
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

func diskSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d iofs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		n += i.Size()
		return nil
	})
	return n, err
}

// publish sets the modes of a complete download and gives it its final name.
func publish(tmp, dir string, public bool) error {
	folder, file := iofs.FileMode(0o700), iofs.FileMode(0o500)
	if public {
		folder, file = 0o755, 0o555
	}
	err := filepath.WalkDir(tmp, func(p string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && p == tmp:
			err = os.Chmod(p, 0o755)
		case d.IsDir():
			err = os.Chmod(p, folder)
		case d.Type().IsRegular():
			err = os.Chmod(p, file)
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}
