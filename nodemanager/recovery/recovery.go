// Package recovery is the NodeManager's memory over its own death: a journal of small
// records, written in the order they came and grouped into few disk writes, which the
// next NodeManager of this host reads. Rooms keep their own records under their own keys.
//
//	room -> Save (waits) or Note (does not) -> queue -> one transaction for all that waits -> bbolt
package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"heddle/store"
)

// FileName is the journal's file in yarn.nodemanager.recovery.dir.
const FileName = "heddle-nm-state.db"

const (
	versionKey = "version"
	version    = 1
	// retryInterval is how long a write that failed waits for its next attempt.
	retryInterval = time.Second
)

// Change puts a value under a key, or deletes the key.
type Change struct {
	key   string
	value any
}

// Put is the change that sets key to value, which must have a JSON form.
func Put(key string, value any) Change { return Change{key, value} }

// Delete is the change that removes key.
func Delete(key string) Change { return Change{key: key} }

// Journal is the records of one host. It is safe for concurrent use. A nil Journal remembers
// nothing: recovery is off.
type Journal struct {
	kv  store.Store
	log *slog.Logger

	mu     sync.Mutex // guards queue and closed
	queue  []*write
	closed bool
	wake   chan struct{}
	ended  chan struct{}
}

// write is what one call wants; done is nil where nobody waits.
type write struct {
	ops  []store.Op
	done chan error
}

// Open opens or makes the journal in dir. A file that cannot be read as one is set aside, with a
// loud word, and a new one begun: the node then ends what it finds and goes on.
func Open(dir string, now time.Time, log *slog.Logger) (*Journal, error) {
	path := filepath.Join(dir, FileName)
	kv, err := openBolt(path)
	if errors.Is(err, store.ErrDamaged) {
		aside := fmt.Sprintf("%s.damaged-%d", path, now.UnixMilli())
		log.Error("the NodeManager's recovery file is damaged and is set aside; containers of the earlier NodeManager are ended", "file", path, "kept as", aside, "error", err)
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("set a damaged recovery file aside: %w", err)
		}
		kv, err = openBolt(path)
	}
	if err != nil {
		return nil, fmt.Errorf("yarn.nodemanager.recovery.dir: %w", err)
	}
	j, err := New(kv, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), kv.Close())
	}
	return j, nil
}

// openBolt opens the file and reads it once from end to end, so that damage shows here.
func openBolt(path string) (*store.Bolt, error) {
	kv, err := store.OpenBolt(path)
	if err != nil {
		return nil, err
	}
	err = kv.Load("", func(string, []byte) error { return nil })
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		err = errors.Join(err, kv.Close())
	}
	if err != nil {
		return nil, err
	}
	return kv, nil
}

// Discard removes the journal of an earlier NodeManager with recovery, for one without.
func Discard(dir string) error {
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the recovery file of an earlier NodeManager: %w", err)
	}
	return nil
}

// New makes a Journal over kv, which it closes in the end, and begins to write.
func New(kv store.Store, log *slog.Logger) (*Journal, error) {
	found := 0
	err := kv.Load(versionKey, func(_ string, v []byte) error { return json.Unmarshal(v, &found) })
	if err != nil {
		return nil, fmt.Errorf("read the version of the recovery records: %w", err)
	}
	switch found {
	case version:
	case 0:
		if err := kv.Apply([]store.Op{{Key: versionKey, Value: []byte(fmt.Sprint(version))}}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the recovery records have version %d, this NodeManager knows %d: start the NodeManager that wrote them, or remove the file, and what runs is ended", found, version)
	}
	j := &Journal{kv: kv, log: log, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go j.run()
	return j, nil
}

// errClosed refuses writes after Close.
var errClosed = errors.New("the recovery journal is closed")

// Save makes the changes durable together, after all that came before, and waits for it.
func (j *Journal) Save(changes ...Change) error {
	if j == nil {
		return nil
	}
	w, err := encode(changes)
	if err != nil {
		return err
	}
	w.done = make(chan error, 1)
	if !j.enqueue(w) {
		return errClosed
	}
	return <-w.done
}

// Note makes the changes durable soon and in the order of the calls; what fails is tried again.
func (j *Journal) Note(changes ...Change) {
	if j == nil {
		return
	}
	w, err := encode(changes)
	if err == nil && !j.enqueue(w) {
		err = errClosed
	}
	if err != nil {
		j.log.Error("something will not be remembered over a restart", "error", err)
	}
}

func encode(changes []Change) (*write, error) {
	w := &write{}
	for _, c := range changes {
		if c.value == nil {
			w.ops = append(w.ops, store.Op{Key: c.key})
			continue
		}
		b, err := json.Marshal(c.value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", c.key, err)
		}
		w.ops = append(w.ops, store.Op{Key: c.key, Value: b})
	}
	return w, nil
}

func (j *Journal) enqueue(w *write) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	j.queue = append(j.queue, w)
	j.signal()
	return true
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run writes until Close; all that waits goes into one transaction.
func (j *Journal) run() {
	defer close(j.ended)
	var backlog []store.Op // noted and not written yet
	for {
		j.mu.Lock()
		batch, last := j.queue, j.closed
		j.queue = nil
		j.mu.Unlock()
		backlog = j.flush(backlog, batch)
		if last {
			if len(backlog) > 0 {
				j.log.Error("changes were not remembered for the next NodeManager", "count", len(backlog))
			}
			return
		}
		var again <-chan time.Time
		if len(backlog) > 0 {
			again = time.After(retryInterval)
		}
		select {
		case <-j.wake:
		case <-again:
		}
	}
}

// flush writes backlog and batch in order and returns what must be tried again. Where the disk fails,
// those that wait are told and their changes dropped, and the noted ones are kept.
func (j *Journal) flush(backlog []store.Op, batch []*write) []store.Op {
	all := backlog
	for _, w := range batch {
		all = append(all, w.ops...)
	}
	if len(all) == 0 {
		return nil
	}
	err := j.kv.Apply(all)
	if err == nil {
		tell(batch, nil)
		return nil
	}
	j.log.Error("the recovery journal cannot be written; it is tried again", "changes", len(all), "error", err)
	tell(batch, err)
	keep := append([]store.Op(nil), backlog...)
	for _, w := range batch {
		if w.done == nil {
			keep = append(keep, w.ops...)
		}
	}
	return keep
}

func tell(batch []*write, err error) {
	for _, w := range batch {
		if w.done != nil {
			w.done <- err
		}
	}
}

// Load visits the records below prefix, in the order of their keys, of which it gives the rest. One
// that cannot be read is told of and forgotten.
func Load[T any](j *Journal, prefix string, visit func(rest string, value T) error) error {
	return LoadIf(j, prefix, func(string) bool { return true }, visit)
}

// LoadIf is Load for those records whose rest of the key is wanted.
func LoadIf[T any](j *Journal, prefix string, wanted func(rest string) bool, visit func(rest string, value T) error) error {
	if j == nil {
		return nil
	}
	return j.kv.Load(prefix, func(key string, raw []byte) error {
		if !wanted(key[len(prefix):]) {
			return nil
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			j.log.Error("a recovery record cannot be read and is forgotten", "key", key, "error", err)
			j.Note(Delete(key))
			return nil
		}
		return visit(key[len(prefix):], v)
	})
}

// Close writes what was noted and lets go of the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.signal()
	<-j.ended
	return j.kv.Close()
}
