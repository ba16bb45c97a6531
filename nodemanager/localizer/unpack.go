package localizer

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"heddle/hadoop/fs"
)

// maxLink bounds a link's target inside a zip.
const maxLink = 4096

// An archive may unpack to bombRatio times its own size, and to bombFloor in any case; an entry counts as entryBytes beside
// its content. What is larger is taken for one that was made to fill disks: whole file systems of zeros compress about a
// thousandfold, software and data seldom more than twentyfold.
const (
	bombRatio  = 200
	bombFloor  = 1 << 30
	entryBytes = 1 << 10
)

func allowance(size int64) int64 { return max(bombFloor, size*bombRatio) }

// unpacker writes an archive's entries below root. Links may point anywhere, but nothing is
// ever written through one that leaves root: os.Root refuses it.
type unpacker struct {
	root *os.Root
	dir  string // for messages
	ctx  context.Context
	left int64 // bytes that may still be written
}

// newUnpacker makes dir for an archive of size bytes.
func newUnpacker(ctx context.Context, dir string, size int64) (*unpacker, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	return &unpacker{root, dir, ctx, allowance(size)}, err
}

func (u *unpacker) bomb() error {
	return fmt.Errorf("expanding into %s would take more than %d times the archive's size and more than %d MB: it is taken for a bomb", u.dir, bombRatio, bombFloor>>20)
}

// local checks that an entry's name stays inside, and counts the entry.
func (u *unpacker) local(name string) (string, error) {
	if u.left -= entryBytes; u.left < 0 {
		return "", u.bomb()
	}
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("expanding %s would create file outside of %s", name, u.dir)
	}
	return clean, nil
}

func (u *unpacker) parents(name string) error {
	if d := path.Dir(name); d != "." {
		return u.root.MkdirAll(d, 0o755)
	}
	return nil
}

func (u *unpacker) file(name string, mode iofs.FileMode, r io.Reader) error {
	if err := u.parents(name); err != nil {
		return err
	}
	if err := u.clear(name); err != nil {
		return err
	}
	out, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm()|0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(cancelable{u.ctx, r}, u.left+1))
	if u.left -= n; err == nil && u.left < 0 {
		err = u.bomb()
	}
	return errors.Join(err, out.Close())
}

func (u *unpacker) link(name, target string) error {
	if err := u.parents(name); err != nil {
		return err
	}
	if err := u.clear(name); err != nil {
		return err
	}
	return u.root.Symlink(target, name)
}

// clear removes an earlier entry of the same name: the last one counts, and none is written through.
func (u *unpacker) clear(name string) error {
	err := u.root.Remove(name)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *fetcher) untar(ctx context.Context, fsys fs.FileSystem, info fs.Info, to string) error {
	in, err := fsys.Open(info.Path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	var r io.Reader = in
	if !strings.HasSuffix(strings.ToLower(info.Name()), ".tar") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		r = z
	}
	u, err := newUnpacker(ctx, to, info.Size)
	if err != nil {
		return err
	}
	defer u.root.Close() //nolint:errcheck // a directory handle
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.tarEntry(t, h); err != nil {
			return err
		}
	}
}

func (u *unpacker) tarEntry(t *tar.Reader, h *tar.Header) error {
	name, err := u.local(h.Name)
	if err != nil {
		return err
	}
	mode := iofs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		return u.root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		return u.file(name, mode, t)
	case tar.TypeSymlink:
		return u.link(name, h.Linkname)
	case tar.TypeLink:
		target, err := u.local(h.Linkname)
		if err != nil {
			return err
		}
		if err := u.clear(name); err != nil {
			return err
		}
		return u.root.Link(target, name)
	}
	return nil // devices and pipes have no place in a resource
}

// unzip needs the whole archive on disk. With pattern only entries that match are unpacked, and
// the archive itself stays beside them.
func (f *fetcher) unzip(ctx context.Context, fsys fs.FileSystem, info fs.Info, to string, pattern bool) error {
	var match *regexp.Regexp
	if pattern {
		var err error
		if match, err = regexp.Compile("^(?:" + f.res.Pattern + ")$"); err != nil {
			return fmt.Errorf("pattern of the resource: %w", err)
		}
	}
	archive := to + ".download"
	if err := copyFile(ctx, fsys, info, archive); err != nil {
		return err
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s is no zip archive: %w", info.Name(), err)
	}
	defer z.Close() //nolint:errcheck // only read
	u, err := newUnpacker(ctx, to, info.Size)
	if err != nil {
		return err
	}
	defer u.root.Close() //nolint:errcheck // a directory handle
	for _, e := range z.File {
		if match != nil && !match.MatchString(e.Name) {
			continue
		}
		if err := u.zipEntry(e); err != nil {
			return err
		}
	}
	if pattern {
		return os.Rename(archive, filepath.Join(to, info.Name()))
	}
	return os.Remove(archive)
}

func (u *unpacker) zipEntry(e *zip.File) error {
	name, err := u.local(e.Name)
	if err != nil {
		return err
	}
	mode := e.Mode()
	if mode.IsDir() || strings.HasSuffix(e.Name, "/") {
		return u.root.MkdirAll(name, 0o755)
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	if mode&iofs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(r, maxLink))
		if err != nil {
			return err
		}
		return u.link(name, string(target))
	}
	if err := u.file(name, mode, r); err != nil {
		return err
	}
	return u.root.Chtimes(name, e.Modified, e.Modified)
}
