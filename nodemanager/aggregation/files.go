package aggregation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"heddle/executor"
	"heddle/nodemanager/container"
	"heddle/nodemanager/dirs"
	"heddle/yarn/logs"
)

// filter is the patterns of names; Hadoop looks for them anywhere in a name.
type filter struct{ include, exclude *regexp.Regexp }

func newFilter(include, exclude string) (*filter, error) {
	f := &filter{}
	var err error
	if include != "" && include != ".*" {
		if f.include, err = regexp.Compile(include); err != nil {
			return nil, fmt.Errorf("pattern of logs to include: %w", err)
		}
	}
	if exclude != "" {
		if f.exclude, err = regexp.Compile(exclude); err != nil {
			return nil, fmt.Errorf("pattern of logs to exclude: %w", err)
		}
	}
	return f, nil
}

func (f *filter) wants(name string) bool {
	return (f.include == nil || f.include.MatchString(name)) && (f.exclude == nil || !f.exclude.MatchString(name))
}

// part is what of a log file is to be uploaded. A file is known by its inode, so that a log that is rolled
// on to another name is not uploaded again, and by its first bytes, since inodes are used again.
type part struct {
	name, path string
	file       *os.File
	inode      string
	from, to   int64
	head       string
}

// headBytes is how much of a file's begin tells it from another.
const headBytes = 4096

// parts opens the log files of a container that the filter wants; the caller closes them. In rolling, files
// without news are left out.
func (u *Uploader) parts(owner *executor.Account, c container.FinishedContainer, f *filter, had map[string]container.Uploaded, rolling bool) (out []*part, err error) {
	for _, l := range u.cfg.Dirs.AllLog() {
		dir := dirs.LogDir(l, c.ID)
		names, err := list(owner, dir)
		if err != nil {
			return out, err
		}
		for _, name := range names {
			if !f.wants(name) {
				continue
			}
			p, err := open(owner, dir, name, had)
			if err != nil {
				return out, err
			}
			if p == nil {
				continue
			}
			if p.to == p.from && (rolling || p.from > 0) {
				_ = p.file.Close() // only read
				continue
			}
			out = append(out, p)
		}
	}
	return out, nil
}

func list(owner *executor.Account, dir string) (names []string, err error) {
	var entries []os.DirEntry
	err = owner.Do(func() (err error) {
		entries, err = os.ReadDir(dir)
		return err
	})
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// open opens one regular file behind what was uploaded of it; nil where it is none.
func open(owner *executor.Account, dir, name string, had map[string]container.Uploaded) (*part, error) {
	p := &part{name: name, path: filepath.Join(dir, name)}
	err := owner.Do(func() (err error) {
		p.file, err = openInside(dir, name)
		return err
	})
	if err != nil || p.file == nil {
		return nil, err
	}
	fi, err := p.file.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(err, p.file.Close())
	}
	p.to = fi.Size()
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return p, nil
	}
	p.inode = strconv.FormatUint(uint64(st.Dev), 10) + ":" + strconv.FormatUint(st.Ino, 10)
	before, known := had[p.inode]
	if known && before.Bytes <= p.to && before.Head == headOf(p.file, before.Bytes) {
		p.from = before.Bytes
	}
	p.head = headOf(p.file, p.to)
	return p, nil
}

// headOf is a digest of a file's begin, of at most n bytes.
func headOf(f *os.File, n int64) string {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, min(n, headBytes))); err != nil {
		return "" // it is not the file that it was
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
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

// add writes a part, of which at most limit bytes where that is positive: the begin and the end, with a
// word between them. It returns how many bytes of the limit it took.
func (p *part) add(w *logs.Writer, limit int64) (int64, error) {
	size := p.to - p.from
	if limit < 0 || size <= limit {
		return size, w.File(p.name, size, io.NewSectionReader(p.file, p.from, size))
	}
	half := limit / 2
	marker := fmt.Appendf(nil, "\n[... %d bytes of %s are left out here: the container's logs are above yarn.nodemanager.log-aggregation.container-size-limit-mb ...]\n", size-2*half, p.name)
	body := io.MultiReader(io.NewSectionReader(p.file, p.from, half), bytes.NewReader(marker), io.NewSectionReader(p.file, p.to-half, half))
	return limit, w.File(p.name, 2*half+int64(len(marker)), body)
}

func closeAll(parts []*part) {
	for _, p := range parts {
		_ = p.file.Close() // only read
	}
}
