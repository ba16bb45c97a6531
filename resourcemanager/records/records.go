// Package records keeps the ResourceManager's applications, attempts and keys in a
// key-value store, in the records of Hadoop's state stores.
//
// Keys are the paths that Hadoop uses below its store's root:
//
//	EpochNode
//	RMAppRoot/<application id>                     ApplicationStateDataProto
//	RMAppRoot/<application id>/<attempt id>        ApplicationAttemptStateDataProto
//	AMRMTokenSecretManagerRoot                     AMRMTokenSecretManagerStateProto
//	RMDTSecretManagerRoot/...                      delegation keys and tokens
//
// One goroutine writes; what arrives while it waits for the disk is written together.
package records

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/store"
	"heddle/yarn"
)

const (
	epochKey = "EpochNode"
	appRoot  = "RMAppRoot/"
	amrmKey  = "AMRMTokenSecretManagerRoot"
)

// Writer makes records durable in the order in which they come.
type Writer struct {
	store store.Store
	codec Codec
	log   *slog.Logger
	queue chan write
	done  chan struct{}
}

type write struct {
	ops  []store.Op
	err  error // the record could not be encoded
	done func(error)
}

// maxBatch bounds how many records share one write.
const maxBatch = 512

// NewWriter begins to write to s; Close ends it.
func NewWriter(s store.Store, codec Codec, log *slog.Logger) *Writer {
	w := &Writer{store: s, codec: codec, log: log, queue: make(chan write, 4096), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *Writer) run() {
	defer close(w.done)
	for first := range w.queue {
		batch := []write{first}
		for len(batch) < maxBatch && len(w.queue) > 0 {
			if next, ok := <-w.queue; ok {
				batch = append(batch, next)
			}
		}
		w.flush(batch)
	}
}

func (w *Writer) flush(batch []write) {
	var ops []store.Op
	for _, b := range batch {
		if b.err == nil {
			ops = append(ops, b.ops...)
		}
	}
	err := w.store.Apply(ops)
	for _, b := range batch {
		if b.done != nil {
			b.done(errors.Join(b.err, err))
		} else if err := errors.Join(b.err, err); err != nil {
			w.log.Error("a record could not be stored", "error", err)
		}
	}
}

// Close writes what is queued and stops. No call may come after it.
func (w *Writer) Close() {
	close(w.queue)
	<-w.done
}

// SaveApp implements core.Recorder.
func (w *Writer) SaveApp(r core.AppRecord, done func(error)) {
	b, err := w.codec.app(r)
	w.queue <- write{[]store.Op{{Key: appRoot + r.Submission.ID.String(), Value: b}}, err, done}
}

// SaveAttempt implements core.Recorder.
func (w *Writer) SaveAttempt(r core.AttemptRecord, done func(error)) {
	b, err := w.codec.attempt(r)
	w.queue <- write{[]store.Op{{Key: appRoot + r.ID.Application.String() + "/" + r.ID.String(), Value: b}}, err, done}
}

// RemoveApp implements core.Recorder.
func (w *Writer) RemoveApp(id yarn.ApplicationID, attempts []yarn.AttemptID) {
	ops := []store.Op{{Key: appRoot + id.String()}}
	for _, t := range attempts {
		ops = append(ops, store.Op{Key: appRoot + id.String() + "/" + t.String()})
	}
	w.queue <- write{ops, nil, nil}
}

// SaveAMRMKeys stores the keys behind AMRM tokens and waits until they are durable.
func (w *Writer) SaveAMRMKeys(ctx context.Context, k security.Keys) error {
	state := &yarnpb.AMRMTokenSecretManagerStateProto{CurrentMasterKey: k.Current.Proto()}
	if k.Next != nil {
		state.NextMasterKey = k.Next.Proto()
	}
	b, err := proto.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode the AMRM keys: %w", err)
	}
	saved := make(chan error, 1)
	w.queue <- write{[]store.Op{{Key: amrmKey, Value: b}}, nil, func(err error) { saved <- err }}
	select {
	case err := <-saved:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// LoadAMRMKeys reads the keys behind AMRM tokens; ok is false where none are stored.
func LoadAMRMKeys(s store.Store) (k security.Keys, ok bool, err error) {
	err = s.Load(amrmKey, func(key string, v []byte) error {
		var state yarnpb.AMRMTokenSecretManagerStateProto
		if err := proto.Unmarshal(v, &state); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		k.Current = security.MasterKeyFromProto(state.GetCurrentMasterKey())
		if state.NextMasterKey != nil {
			next := security.MasterKeyFromProto(state.NextMasterKey)
			k.Next = &next
		}
		ok = true
		return nil
	})
	return k, ok, err
}

// NextEpoch returns this start's epoch and stores the next one.
func NextEpoch(s store.Store) (int64, error) {
	var p yarnpb.EpochProto
	err := s.Load(epochKey, func(key string, v []byte) error {
		if err := proto.Unmarshal(v, &p); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	epoch := p.GetEpoch()
	b, err := proto.Marshal(&yarnpb.EpochProto{Epoch: new(epoch + 1)})
	if err != nil {
		return 0, fmt.Errorf("encode the epoch: %w", err)
	}
	return epoch, s.Apply([]store.Op{{Key: epochKey, Value: b}})
}

// None is a Recorder that keeps nothing, for a cluster without recovery.
type None struct{}

// SaveApp implements core.Recorder.
func (None) SaveApp(_ core.AppRecord, done func(error)) { go done(nil) }

// SaveAttempt implements core.Recorder.
func (None) SaveAttempt(_ core.AttemptRecord, done func(error)) { go done(nil) }

// RemoveApp implements core.Recorder.
func (None) RemoveApp(yarn.ApplicationID, []yarn.AttemptID) {}
