package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"path/filepath"

	"heddle/hadoop/fs"
)

const (
	dirMode  = 0o755
	fileMode = 0o644
	// copying marks a file that is not whole yet, as in Hadoop.
	copying = "._COPYING_"
)

func (s *Shell) get(o options, args []string) error { return transfer(o, args, s.find, local) }

func (s *Shell) put(o options, args []string) error { return transfer(o, args, local, s.find) }

// local is a path on this machine, whatever the default file system is.
func local(p string) (at, error) {
	abs, err := filepath.Abs(p)
	return at{fs.Local{}, abs}, err
}

// transfer copies all but the last of args to the last, which is a folder, or, for one source, may be a new name.
func transfer(o options, args []string, source, target func(string) (at, error)) error {
	last := len(args) - 1
	to, err := target(args[last])
	if err != nil {
		return err
	}
	fi, err := to.fs.Stat(to.path)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	folder := err == nil && fi.Dir
	if last > 1 && !folder {
		return fmt.Errorf("%s is no folder; several sources need one", to)
	}
	for _, src := range args[:last] {
		from, err := source(src)
		if err != nil {
			return err
		}
		dest := to
		if folder {
			dest = to.child(path.Base(from.path))
		}
		if err := copyTree(context.Background(), from, dest, o.force, nil); err != nil {
			return err
		}
	}
	return nil
}

// ErrTooLarge says that a tree has more bytes than its limit.
var ErrTooLarge = errors.New("too large")

// Fetch copies what lies at uri into the local directory dir, which exists: the entries of a folder, or one
// file. It stops with ErrTooLarge before it would write more than maxBytes.
func (s *Shell) Fetch(ctx context.Context, uri, dir string, maxBytes int64) error {
	from, err := s.find(uri)
	if err != nil {
		return err
	}
	fi, err := from.fs.Stat(from.path)
	if err != nil {
		return err
	}
	left := maxBytes
	to := at{fs.Local{}, dir}
	if !fi.Dir {
		return copyTree(ctx, from, to.child(fi.Name()), true, &left)
	}
	return copyEntries(ctx, from, to, true, &left)
}

func copyTree(ctx context.Context, from, to at, force bool, left *int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fi, err := from.fs.Stat(from.path)
	if err != nil {
		return err
	}
	if fi.Dir {
		if err := to.fs.MkdirAll(to.path, dirMode); err != nil {
			return err
		}
		return copyEntries(ctx, from, to, force, left)
	}
	if left != nil {
		if *left -= fi.Size; *left < 0 {
			return ErrTooLarge
		}
	}
	return copyFile(from, to, fi.Mode, force)
}

func copyEntries(ctx context.Context, from, to at, force bool, left *int64) error {
	entries, err := from.fs.List(from.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyTree(ctx, at{from.fs, e.Path}, to.child(e.Name()), force, left); err != nil {
			return err
		}
	}
	return nil
}

// copyFile writes beside the target and renames, so that nobody sees half a file.
func copyFile(from, to at, mode uint32, force bool) error {
	if _, err := to.fs.Stat(to.path); err == nil {
		if !force {
			return fmt.Errorf("%s exists; give -f to replace it: %w", to, iofs.ErrExist)
		}
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	part := at{to.fs, to.path + copying}
	if err := write(from, part, fileMode|mode&0o111); err != nil {
		return errors.Join(fmt.Errorf("copying %s to %s: %w", from, to, err), part.fs.Remove(part.path))
	}
	if err := to.fs.Remove(to.path); err != nil {
		return err
	}
	return to.fs.Rename(part.path, to.path)
}

func write(from, to at, mode uint32) error {
	in, err := from.fs.Open(from.path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := to.fs.Create(to.path, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
