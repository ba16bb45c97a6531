// Package filestore is a store.Store in the layout of Hadoop's FileSystemRMStateStore (version 1.3), on file://
// or hdfs://: a Java ResourceManager goes on from what it wrote, and it from what Java wrote.
//
// Below the configured folder:
//
//	FSRMStateRoot/RMVersionNode, EpochNode
//	FSRMStateRoot/RMAppRoot/<application>/<application>, .../<attempt>
//	FSRMStateRoot/AMRMTokenSecretManagerRoot/AMRMTokenSecretManagerNode
//	FSRMStateRoot/RMDTSecretManagerRoot/DelegationKey_n, RMDelegationToken_n, RMDTSequenceNumber_n (its name is its value)
//
// Keys are those of package records. Each record is replaced at once or not at all; unlike in bbolt, a batch of
// several records may be written in part when Apply fails.
package filestore

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/fs"
	"heddle/store"
)

const (
	rootName     = "FSRMStateRoot"
	versionName  = "RMVersionNode"
	epochName    = "EpochNode"
	appRoot      = "RMAppRoot"
	amrmRoot     = "AMRMTokenSecretManagerRoot"
	amrmName     = "AMRMTokenSecretManagerNode"
	secretRoot   = "RMDTSecretManagerRoot"
	sequenceName = "RMDTSequenceNumber"

	majorVersion = 1
	minorVersion = 3

	temporary = ".tmp" // being written, of no use after a crash
	complete  = ".new" // Java's next version of a record: complete, but not yet in its place

	maxRecord = 64 << 20 // bytes; no record comes near it
	parallel  = 16       // applications that are written or read side by side
)

// Options are how often a failing operation is tried again.
type Options struct {
	Retries  int           // yarn.resourcemanager.fs.state-store.num-retries
	Interval time.Duration // yarn.resourcemanager.fs.state-store.retry-interval-ms
	Sleep    func(time.Duration)
}

// Store is the state store in one folder of a file system.
type Store struct {
	fs   fs.FileSystem
	root string
	opts Options
	log  *slog.Logger

	mu       sync.Mutex
	sequence string // the present RMDTSequenceNumber file, "" for none
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the store below folder. It finishes what a crash interrupted, and fails where the store
// was written in an incompatible layout. The store closes the file system.
func Open(f fs.FileSystem, folder string, opts Options, log *slog.Logger) (*Store, error) {
	if opts.Sleep == nil {
		opts.Sleep = time.Sleep
	}
	s := &Store{fs: f, root: path.Join(folder, rootName), opts: opts, log: log}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open the state store %s%s: %w", f.URI(), s.root, err)
	}
	return s, nil
}

func (s *Store) prepare() error {
	err := s.retry(func() error {
		if err := s.fs.MkdirAll(path.Dir(s.root), 0o755); err != nil {
			return err
		}
		for _, d := range []string{s.root, s.at(appRoot), s.at(amrmRoot), s.at(secretRoot)} {
			if err := s.fs.MkdirAll(d, 0o700); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range []string{s.root, s.at(amrmRoot), s.at(secretRoot)} {
		if _, err := s.settle(d); err != nil {
			return err
		}
	}
	if err := s.checkVersion(); err != nil {
		return err
	}
	return s.findSequence()
}

func (s *Store) checkVersion() error {
	b, err := s.read(s.at(versionName))
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		b, err := proto.Marshal(&yarnpb.VersionProto{MajorVersion: new(int32(majorVersion)), MinorVersion: new(int32(minorVersion))})
		if err != nil {
			return err
		}
		return s.replace(s.at(versionName), b)
	case err != nil:
		return err
	}
	var v yarnpb.VersionProto
	if err := proto.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read %s: %w", versionName, err)
	}
	if v.GetMajorVersion() != majorVersion {
		return fmt.Errorf("its layout has version %d.%d, and %d.x is understood; keep the ResourceManager that wrote it, or give another yarn.resourcemanager.fs.state-store.uri",
			v.GetMajorVersion(), v.GetMinorVersion(), majorVersion)
	}
	return nil
}

// findSequence remembers the file that carries the highest sequence number.
func (s *Store) findSequence() error {
	highest := int64(-1)
	infos, err := s.list(s.at(secretRoot))
	if err != nil {
		return err
	}
	for _, i := range infos {
		if n, ok := sequenceOf(i.Name()); ok && n > highest {
			highest, s.sequence = n, i.Name()
		}
	}
	return nil
}

func sequenceOf(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, sequenceName+"_")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return n, err == nil
}

func (s *Store) at(name string) string { return path.Join(s.root, name) }

// file is where a key's record stands.
func (s *Store) file(key string) (string, error) {
	top, rest, nested := strings.Cut(key, "/")
	switch {
	case key == epochName:
		return s.at(epochName), nil
	case key == amrmRoot:
		return s.at(amrmRoot + "/" + amrmName), nil
	case top == secretRoot && nested && rest != "" && !strings.Contains(rest, "/"):
		return s.at(key), nil
	case top == appRoot && nested && rest != "":
		app, attempt, ok := strings.Cut(rest, "/")
		if !ok {
			attempt = app
		}
		if app != "" && attempt != "" && !strings.Contains(attempt, "/") {
			return s.at(appRoot + "/" + app + "/" + attempt), nil
		}
	}
	return "", fmt.Errorf("the state store has no place for the key %q", key)
}

// Apply implements store.Store. Records of different applications are written side by side, those of one in
// their order; of several changes to one record only the last is written.
func (s *Store) Apply(ops []store.Op) error {
	last := make(map[string]int, len(ops))
	for i, op := range ops {
		last[op.Key] = i
	}
	groups := map[string][]store.Op{}
	var names []string
	for i, op := range ops {
		if last[op.Key] != i {
			continue
		}
		g := ""
		if rest, ok := strings.CutPrefix(op.Key, appRoot+"/"); ok {
			g, _, _ = strings.Cut(rest, "/")
		}
		if groups[g] == nil {
			names = append(names, g)
		}
		groups[g] = append(groups[g], op)
	}
	err := sideBySide(len(names), func(i int) error {
		for _, op := range groups[names[i]] {
			if err := s.apply(op); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %d records to %s%s: %w", len(ops), s.fs.URI(), s.root, err)
	}
	return nil
}

func (s *Store) apply(op store.Op) error {
	file, err := s.file(op.Key)
	if err != nil {
		return err
	}
	if op.Key == secretRoot+"/"+sequenceName {
		return s.setSequence(op.Value)
	}
	if op.Value != nil {
		if dir := path.Dir(file); path.Dir(dir) == s.at(appRoot) {
			if err := s.retry(func() error { return s.fs.MkdirAll(dir, 0o700) }); err != nil {
				return err
			}
		}
		return s.replace(file, op.Value)
	}
	if dir := path.Dir(file); path.Base(dir) == path.Base(file) { // an application goes with its attempts
		return s.retry(func() error { return s.fs.RemoveAll(dir) })
	}
	return s.retry(func() error { return errors.Join(s.fs.Remove(checksum(file)), s.fs.Remove(file)) })
}

// setSequence replaces the file that carries the sequence number; nil removes it.
func (s *Store) setSequence(value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, old := "", s.sequence
	if value != nil {
		next = sequenceName + "_" + string(value)
		if _, ok := sequenceOf(next); !ok {
			return fmt.Errorf("%q is no sequence number", value)
		}
	}
	if next == old {
		return nil
	}
	if next != "" {
		if err := s.replace(s.at(secretRoot+"/"+next), nil); err != nil {
			return err
		}
	}
	s.sequence = next
	if old == "" {
		return nil
	}
	file := s.at(secretRoot + "/" + old)
	return s.retry(func() error { return errors.Join(s.fs.Remove(checksum(file)), s.fs.Remove(file)) })
}

// checksum is the file in which Java's local file system keeps a file's checksums. One that is older than its
// file makes the file unreadable to Java; without one it reads the file as it is.
func checksum(file string) string { return path.Join(path.Dir(file), "."+path.Base(file)+".crc") }

// replace makes file hold b, at once and durably.
func (s *Store) replace(file string, b []byte) error {
	return s.retry(func() error {
		w, err := s.fs.Create(file+temporary, 0o600)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
		if s.fs.URI() == "file://" {
			if err := s.fs.Remove(checksum(file)); err != nil {
				return err
			}
		}
		return s.fs.Replace(file+temporary, file)
	})
}

// retry repeats f as the options say. What is not there will not come by waiting.
func (s *Store) retry(f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if err == nil || try >= s.opts.Retries || errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		s.log.Warn("state store: trying again", "try", try+1, "of", s.opts.Retries, "error", err)
		s.opts.Sleep(s.opts.Interval)
	}
}

func (s *Store) read(file string) (b []byte, err error) {
	err = s.retry(func() error {
		r, err := s.fs.Open(file)
		if err != nil {
			return err
		}
		b, err = io.ReadAll(io.LimitReader(r, maxRecord+1))
		return errors.Join(err, r.Close())
	})
	if err == nil && len(b) > maxRecord {
		err = errors.New("it is larger than any record can be")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return b, nil
}

func (s *Store) list(dir string) (infos []fs.Info, err error) {
	err = s.retry(func() error { infos, err = s.fs.List(dir); return err })
	return infos, err
}

// Close implements store.Store.
func (s *Store) Close() error { return s.fs.Close() }
