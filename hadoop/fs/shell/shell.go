// Package shell is `heddle fs`: ls, get, put, cat, rm and mkdir on every file system
// that package fs opens, with the options and the look of Hadoop's FsShell.
package shell

import (
	"errors"
	"flag"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"path/filepath"
	"strings"

	"heddle/hadoop/fs"
)

// Shell runs commands as one user. It opens each file system once and closes them in Close.
type Shell struct {
	Dialer *fs.Dialer
	User   string
	Out    io.Writer

	open map[string]fs.FileSystem // by scheme and authority
}

// Usage is one line for each command.
const Usage = `ls [-R] PATH...           list files
get [-f] SRC... DST       copy files or folders to this machine
put [-f] SRC... DST       copy files or folders of this machine
cat PATH...               print files
rm [-r] [-f] PATH...      remove files, with -r folders
mkdir [-p] PATH...        make folders
PATH is hdfs://…, file://…, or a path on the default file system (fs.defaultFS)`

// ErrUsage says that a command was not understood; its text ends with Usage.
var ErrUsage = errors.New("usage")

func usage(format string, args ...any) error {
	return fmt.Errorf("%s\n%w:\n%s", fmt.Sprintf(format, args...), ErrUsage, Usage)
}

type options struct{ recursive, force, parents bool }

type command struct {
	flags string // which of R, r, f, p
	least int    // arguments
	run   func(*Shell, options, []string) error
}

var commands = map[string]command{
	"ls":    {"R", 0, (*Shell).ls},
	"get":   {"f", 2, (*Shell).get},
	"put":   {"f", 2, (*Shell).put},
	"cat":   {"", 1, (*Shell).cat},
	"rm":    {"rRf", 1, (*Shell).rm},
	"mkdir": {"p", 1, (*Shell).mkdir},
}

// Run runs one command line, such as "ls", "-R", "/data". Hadoop's leading dash ("-ls") is accepted.
func (s *Shell) Run(args []string) error {
	if len(args) == 0 {
		return usage("fs: which command?")
	}
	name := strings.TrimPrefix(args[0], "-")
	c, ok := commands[name]
	if !ok {
		return usage("fs: %s is no command", args[0])
	}
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, f := range c.flags {
		target := map[rune]*bool{'R': &o.recursive, 'r': &o.recursive, 'f': &o.force, 'p': &o.parents}[f]
		flags.BoolVar(target, string(f), false, "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return usage("fs %s: %v", name, err)
	}
	if flags.NArg() < c.least {
		return usage("fs %s: needs %d arguments, %d were given", name, c.least, flags.NArg())
	}
	if err := c.run(s, o, flags.Args()); err != nil {
		return fmt.Errorf("fs %s: %w", name, err)
	}
	return nil
}

// Close closes what the commands opened.
func (s *Shell) Close() error {
	var errs []error
	for _, f := range s.open {
		errs = append(errs, f.Close())
	}
	s.open = nil
	return errors.Join(errs...)
}

// at is a place on a file system.
type at struct {
	fs   fs.FileSystem
	path string
}

func (a at) String() string { return a.fs.URI() + a.path }

func (a at) child(name string) at { return at{a.fs, path.Join(a.path, name)} }

// find opens the file system of a URI or path. A relative path is below the user's home on
// HDFS, as in Hadoop, and below the working directory on file://.
func (s *Shell) find(uri string) (at, error) {
	if !strings.Contains(uri, ":") && !strings.HasPrefix(uri, "/") {
		root, err := s.Dialer.Qualify("/")
		if err != nil {
			return at{}, err
		}
		if strings.HasPrefix(root, "file:") {
			if uri, err = filepath.Abs(uri); err != nil {
				return at{}, err
			}
		} else {
			uri = path.Join("/user", s.User, uri)
		}
	}
	q, err := s.Dialer.Qualify(uri)
	if err != nil {
		return at{}, err
	}
	scheme, rest, _ := strings.Cut(q, "://")
	host, _, _ := strings.Cut(rest, "/")
	key, p := scheme+"://"+host, strings.TrimPrefix(rest, host)
	if f := s.open[key]; f != nil {
		return at{f, p}, nil
	}
	f, p, err := s.Dialer.Open(q, s.User)
	if err != nil {
		return at{}, err
	}
	if s.open == nil {
		s.open = map[string]fs.FileSystem{}
	}
	s.open[key] = f
	return at{f, p}, nil
}

func (s *Shell) ls(o options, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, uri := range args {
		a, err := s.find(uri)
		if err != nil {
			return err
		}
		fi, err := a.fs.Stat(a.path)
		if err != nil {
			return err
		}
		if !fi.Dir {
			s.line(fi)
			continue
		}
		if err := s.list(a, o.recursive); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shell) list(a at, recursive bool) error {
	entries, err := a.fs.List(a.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		s.line(e)
		if e.Dir && recursive {
			if err := s.list(at{a.fs, e.Path}, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Shell) line(i fs.Info) {
	kind := iofs.FileMode(0)
	if i.Dir {
		kind = iofs.ModeDir
	}
	mode := (kind | iofs.FileMode(i.Mode&0o777)).String()
	fmt.Fprintf(s.Out, "%s   - %-10s %-10s %12d %s %s\n", mode, i.Owner, i.Group, i.Size, i.ModTime.UTC().Format("2006-01-02 15:04"), i.Path)
}

func (s *Shell) cat(_ options, args []string) error {
	for _, uri := range args {
		a, err := s.find(uri)
		if err != nil {
			return err
		}
		if err := a.copyTo(s.Out); err != nil {
			return err
		}
	}
	return nil
}

func (a at) copyTo(w io.Writer) error {
	f, err := a.fs.Open(a.path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}

func (s *Shell) rm(o options, args []string) error {
	for _, uri := range args {
		a, err := s.find(uri)
		if err != nil {
			return err
		}
		fi, err := a.fs.Stat(a.path)
		switch {
		case errors.Is(err, iofs.ErrNotExist) && o.force:
			continue
		case err != nil:
			return err
		case fi.Dir && !o.recursive:
			return fmt.Errorf("%s is a folder; give -r to remove it with all it holds", a)
		case a.path == "/":
			return fmt.Errorf("%s is the root of the file system and is never removed", a)
		}
		if err := a.fs.RemoveAll(a.path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shell) mkdir(o options, args []string) error {
	for _, uri := range args {
		a, err := s.find(uri)
		if err != nil {
			return err
		}
		mk := a.fs.Mkdir
		if o.parents {
			mk = a.fs.MkdirAll
		}
		if err := mk(a.path, dirMode); err != nil {
			return err
		}
	}
	return nil
}
