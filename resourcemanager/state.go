package resourcemanager

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"path/filepath"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/fs"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/filestore"
	"heddle/resourcemanager/records"
	"heddle/resourcemanager/service"
	"heddle/resourcemanager/settings"
	"heddle/store"
	"heddle/yarn"
)

// openState opens the store and reads what it holds; without recovery there is none.
func (r *ResourceManager) openState(s *settings.Settings) (epoch int64, rec core.Recovered, err error) {
	if !s.Recovery {
		return 0, rec, nil
	}
	if r.store, err = openStore(s, r.log); err != nil {
		return 0, rec, err
	}
	epoch, err = records.NextEpoch(r.store)
	if err != nil {
		return 0, rec, err
	}
	codec := r.codec(s)
	rec, bad, err := records.Load(r.store, codec)
	if err == nil && len(bad) > 0 {
		err = r.damaged(s, bad)
	}
	if err != nil {
		return 0, rec, fmt.Errorf("state store %s: %w", cmp.Or(s.StoreURI, s.StorePath), err)
	}
	r.writer = records.NewWriter(r.store, codec, r.log)
	return epoch, rec, nil
}

func openStore(s *settings.Settings, log *slog.Logger) (store.Store, error) {
	if s.StoreURI != "" {
		return openFiles(s, log)
	}
	b, err := store.OpenBolt(s.StorePath)
	if err != nil {
		return nil, err // not b: a nil *store.Bolt in an interface would not be nil
	}
	return b, nil
}

// damaged sets applications aside that cannot be read, where that is wanted; else it is an error that names them.
func (r *ResourceManager) damaged(s *settings.Settings, bad []records.Unreadable) error {
	if !r.setAside {
		var errs []error
		for _, b := range bad {
			errs = append(errs, b.Err)
		}
		return fmt.Errorf("%w\nstart it once with -set-damaged-aside to go on without these applications (their records are kept in files), or put a copy of the store in its place", errors.Join(errs...))
	}
	dir := filepath.Join(filepath.Dir(s.StorePath), fmt.Sprintf("damaged-%d", r.clock().UnixMilli()))
	for _, b := range bad {
		r.log.Error("an application's record cannot be read; the application is set aside", "error", b.Err, "kept in", dir)
	}
	return records.SetAside(r.store, bad, dir)
}

// FormatStateStore removes everything from the state store, as the option of Hadoop's ResourceManager does. It fails
// while a ResourceManager has the store open.
func FormatStateStore(s *settings.Settings, log *slog.Logger) error {
	return inStore(s, log, func(st store.Store) (string, error) {
		n, err := records.RemoveAll(st)
		return fmt.Sprintf("%d records were removed", n), err
	})
}

// RemoveFromStateStore removes one application. It fails where the store does not hold it.
func RemoveFromStateStore(s *settings.Settings, id yarn.ApplicationID, log *slog.Logger) error {
	return inStore(s, log, func(st store.Store) (string, error) {
		n, err := records.Remove(st, id)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s is not in the state store %s", id, cmp.Or(s.StoreURI, s.StorePath))
		}
		return fmt.Sprintf("%s was removed", id), err
	})
}

func inStore(s *settings.Settings, log *slog.Logger, f func(store.Store) (string, error)) error {
	if !s.Recovery {
		return errors.New("yarn.resourcemanager.recovery.enabled is false: there is no state store")
	}
	st, err := openStore(s, log)
	if err != nil {
		return err
	}
	did, err := f(st)
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	log.Info(did, "store", cmp.Or(s.StoreURI, s.StorePath))
	return nil
}

// openFiles opens Hadoop's file system store, as the user that runs the ResourceManager.
func openFiles(s *settings.Settings, log *slog.Logger) (store.Store, error) {
	u, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("find the user that opens the state store: %w", err)
	}
	f, folder, err := (&fs.Dialer{Conf: s.Conf}).Open(s.StoreURI, u.Username)
	if err != nil {
		return nil, fmt.Errorf("yarn.resourcemanager.fs.state-store.uri: %w", err)
	}
	st, err := filestore.Open(f, folder, s.StoreTry, log)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return st, nil
}

func (r *ResourceManager) codec(s *settings.Settings) records.Codec {
	return records.Codec{Types: s.Types, Submission: func(p *yarnpb.ApplicationSubmissionContextProto, raw []byte, user string, at int64) (core.Submission, error) {
		return service.Submission(&s.Scheduler, s.Scheduler.Maximum, p, raw, user, at)
	}}
}
