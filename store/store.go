// Package store is the small key-value interface behind which daemons keep what must
// survive a crash, and its form on bbolt.
//
// Keys are slash-separated paths. Apply is atomic and durable when it returns.
package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Op puts Value under Key, or deletes Key where Value is nil.
type Op struct {
	Key   string
	Value []byte
}

// Store keeps keys and values.
type Store interface {
	// Apply makes all ops durable, or none.
	Apply(ops []Op) error
	// Load visits every key that begins with prefix, in order. The value is the visitor's to keep.
	Load(prefix string, visit func(key string, value []byte) error) error
	Close() error
}

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = 2 * time.Second

var bucket = []byte("heddle")

// ErrDamaged says that a file is not, or no longer, what a Store wrote.
var ErrDamaged = errors.New("the file is damaged")

// guard turns what bbolt does on a damaged page, a panic or a fault beyond the end of the file, into an error.
func guard(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: reading it failed badly: %v", ErrDamaged, p)
		}
		if err != nil {
			err = fmt.Errorf("state store %s: %w", path, err)
		}
	}()
	return f()
}

// Bolt is a Store in one bbolt file.
type Bolt struct {
	db *bolt.DB
}

// makeDir makes a directory that is closed to others. Those above it are not: they may be hadoop.tmp.dir, which
// the containers of other users pass through.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// OpenBolt opens or creates the file at path, and its directory. It fails where another
// process holds it, and with ErrDamaged where it is no whole store.
func OpenBolt(path string) (b *Bolt, err error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make the state store's directory: %w", err)
	}
	err = guard(path, func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout})
		switch {
		case errors.Is(err, bolterrors.ErrTimeout):
			return errors.New("another process holds it; is a daemon with the same configuration running?")
		case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case err != nil:
			return fmt.Errorf("open: %w", err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucket)
			return err
		})
		if err != nil {
			return errors.Join(fmt.Errorf("prepare: %w", err), db.Close())
		}
		b = &Bolt{db}
		return nil
	})
	return b, err
}

// Apply writes ops in one transaction and waits until they are on disk.
func (b *Bolt) Apply(ops []Op) error {
	err := b.db.Update(func(tx *bolt.Tx) error {
		bk := tx.Bucket(bucket)
		for _, op := range ops {
			if op.Value == nil {
				if err := bk.Delete([]byte(op.Key)); err != nil {
					return fmt.Errorf("delete %s: %w", op.Key, err)
				}
				continue
			}
			if err := bk.Put([]byte(op.Key), op.Value); err != nil {
				return fmt.Errorf("put %s: %w", op.Key, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %d records to %s: %w", len(ops), b.db.Path(), err)
	}
	return nil
}

// Load visits the keys that begin with prefix. On ErrDamaged the Bolt must not be used or closed any more.
func (b *Bolt) Load(prefix string, visit func(key string, value []byte) error) error {
	return b.db.View(func(tx *bolt.Tx) error {
		var c *bolt.Cursor
		for {
			var k, v []byte
			err := guard(b.db.Path(), func() error { // not around the visitor, whose panics are its own
				if c == nil {
					c = tx.Bucket(bucket).Cursor()
					k, v = c.Seek([]byte(prefix))
				} else {
					k, v = c.Next()
				}
				if k, v = bytes.Clone(k), bytes.Clone(v); k != nil && v == nil {
					v = []byte{}
				}
				return nil
			})
			if err != nil || k == nil || !bytes.HasPrefix(k, []byte(prefix)) {
				return err
			}
			if err := visit(string(k), v); err != nil {
				return err
			}
		}
	})
}

// Close lets go of the file.
func (b *Bolt) Close() error { return b.db.Close() }
