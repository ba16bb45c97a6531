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
// process holds it.
func OpenBolt(path string) (*Bolt, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make the state store's directory: %w", err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open the state store %s: another process holds it; is a daemon with the same configuration running?", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state store %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("prepare the state store %s: %w", path, err)
	}
	return &Bolt{db}, nil
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

// Load visits the keys that begin with prefix.
func (b *Bolt) Load(prefix string, visit func(key string, value []byte) error) error {
	return b.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if err := visit(string(k), bytes.Clone(v)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close lets go of the file.
func (b *Bolt) Close() error { return b.db.Close() }
