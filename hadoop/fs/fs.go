// Package fs reads and writes the file systems that a cluster shares: hdfs:// and
// file://. A FileSystem belongs to one user and one authority; a Dialer opens them
// from URIs with the addresses of a Hadoop configuration.
package fs

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

// Info describes a file or directory.
type Info struct {
	Path    string // absolute, without scheme and authority
	Size    int64  // bytes; 0 for directories
	ModTime time.Time
	Mode    uint32 // permission bits as in chmod, the sticky bit (01000) included
	Dir     bool
	Owner   string
	Group   string
}

// Name is the last element of the path.
func (i Info) Name() string { return path.Base(i.Path) }

// ModMillis is the modification time in ms since 1970, the unit of YARN's timestamps.
func (i Info) ModMillis() int64 { return i.ModTime.UnixMilli() }

// File is an open file that is being read.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}

// FileSystem is one file system as one user sees it. Errors wrap fs.ErrNotExist,
// fs.ErrExist and fs.ErrPermission where these are the cause. It is safe for concurrent use.
type FileSystem interface {
	// Stat describes path; a symlink of file:// is followed.
	Stat(path string) (Info, error)
	// List describes a directory's entries, sorted by name.
	List(path string) ([]Info, error)
	Open(path string) (File, error)
	// Create makes a new file with exactly these permission bits; it replaces an existing file.
	// The data is durable once Close returned nil.
	Create(path string, mode uint32) (io.WriteCloser, error)
	// Mkdir makes one directory, MkdirAll also its missing parents; both set exactly these
	// permission bits on what they make, and MkdirAll accepts one that is there.
	Mkdir(path string, mode uint32) error
	MkdirAll(path string, mode uint32) error
	// Rename fails where the new path exists.
	Rename(from, to string) error
	// Replace renames a file over another one, at once; what from held is durable under to when it returns.
	Replace(from, to string) error
	// Remove removes a file or an empty directory, RemoveAll a whole tree; neither minds an absent path.
	Remove(path string) error
	RemoveAll(path string) error
	Chmod(path string, mode uint32) error
	Chgrp(path, group string) error
	// URI is the scheme and authority, "hdfs://nn:8020" or "file://".
	URI() string
	Close() error
}

// Settings is the part of a Hadoop configuration that addresses come from.
type Settings interface {
	Get(key string) (string, bool)
}

// Dialer opens file systems by URI.
type Dialer struct {
	Conf Settings // may be nil: then only file:// and hdfs://host:port work
}

// Open opens the file system of uri as user and returns it with the path inside it. A URI
// without scheme is on fs.defaultFS. The caller closes the file system.
func (d *Dialer) Open(uri, user string) (FileSystem, string, error) {
	u, err := d.resolve(uri)
	if err != nil {
		return nil, "", err
	}
	switch u.Scheme {
	case "file":
		return Local{}, u.Path, nil
	case "hdfs":
		f, err := d.dialHDFS(u.Host, user)
		if err != nil {
			return nil, "", fmt.Errorf("open %s as %s: %w", uri, user, err)
		}
		return f, u.Path, nil
	default:
		return nil, "", fmt.Errorf("open %s: file systems of scheme %q are not supported; use hdfs:// or file://", uri, u.Scheme)
	}
}

// Qualify returns uri with its scheme and authority filled in from fs.defaultFS.
func (d *Dialer) Qualify(uri string) (string, error) {
	u, err := d.resolve(uri)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host + u.Path, nil
}

func (d *Dialer) resolve(uri string) (location, error) {
	l, err := split(uri)
	if err != nil {
		return location{}, err
	}
	def := location{Scheme: "file"}
	if v, ok := d.get("fs.defaultFS"); ok && v != "" {
		if def, err = split(v); err != nil {
			return location{}, fmt.Errorf("fs.defaultFS: %w", err)
		}
	}
	if l.Scheme == "" {
		l.Scheme, l.Host = def.Scheme, def.Host
	}
	if l.Scheme == def.Scheme && l.Host == "" {
		l.Host = def.Host
	}
	if !strings.HasPrefix(l.Path, "/") {
		return location{}, fmt.Errorf("%q: the path must be absolute", uri)
	}
	l.Path = path.Clean(l.Path)
	return l, nil
}

func (d *Dialer) get(key string) (string, bool) {
	if d.Conf == nil {
		return "", false
	}
	return d.Conf.Get(key)
}

// location is a URI's parts, with the path as it is: file names may hold '#', '?' and '%'.
type location struct{ Scheme, Host, Path string }

func split(uri string) (location, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || strings.ContainsAny(scheme, "/") {
		return location{Path: uri}, nil
	}
	l := location{Scheme: scheme, Path: rest}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		i := strings.IndexByte(after, '/')
		if i < 0 {
			i = len(after)
		}
		l.Host, l.Path = after[:i], after[i:]
		if l.Path == "" {
			l.Path = "/"
		}
	}
	if _, err := url.Parse(scheme + "://" + l.Host); err != nil {
		return location{}, fmt.Errorf("%q is no URI: %w", uri, err)
	}
	return l, nil
}

// unixMode turns Go's mode into chmod's bits.
func unixMode(m os.FileMode) uint32 {
	bits := uint32(m.Perm())
	if m&os.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}

// goMode is the reverse of unixMode.
func goMode(bits uint32) os.FileMode {
	m := os.FileMode(bits & 0o777)
	if bits&0o1000 != 0 {
		m |= os.ModeSticky
	}
	return m
}
