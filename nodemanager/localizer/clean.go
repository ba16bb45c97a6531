package localizer

import (
	"context"
	"slices"
	"time"

	"heddle/nodemanager/dirs"
	"heddle/nodemanager/recovery"
)

// Run cleans the caches every interval until ctx ends.
func (l *Localizer) Run(ctx context.Context, interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.Clean()
		}
	}
}

type victim struct {
	s   *scope
	key entryKey
	e   *entry
}

// Clean removes the longest unused resources that no container holds until the PUBLIC and
// PRIVATE caches are within their target size. It returns the bytes that it freed.
func (l *Localizer) Clean() int64 {
	chosen := l.choose()
	var freed int64
	for _, v := range chosen {
		if err := dirs.RemoveAll(v.e.dir); err != nil {
			l.cfg.Log.Warn("a cached resource could not be removed", "resource", v.key.url, "error", err)
			continue
		}
		freed += v.e.size
	}
	if len(chosen) > 0 {
		l.cfg.Log.Info("cache cleaned", "resources", len(chosen), "bytes", freed)
	}
	return freed
}

// choose takes the victims out of the caches; nobody gets them any more.
func (l *Localizer) choose() []victim {
	l.mu.Lock()
	defer l.mu.Unlock()
	var total int64
	var idle []victim
	for key, s := range l.scopes {
		if !key.app.IsZero() {
			continue
		}
		for k, e := range s.entries {
			select {
			case <-e.done:
			default:
				continue
			}
			if e.err != nil {
				continue
			}
			total += e.size
			if len(e.users) == 0 {
				idle = append(idle, victim{s, k, e})
			}
		}
	}
	slices.SortFunc(idle, func(a, b victim) int { return a.e.used.Compare(b.e.used) })
	n := 0
	for ; n < len(idle) && total > l.cfg.TargetBytes; n++ {
		total -= idle[n].e.size
		delete(idle[n].s.entries, idle[n].key)
		l.cfg.Journal.Note(recovery.Delete(keyResource + idle[n].e.dir))
	}
	return idle[:n]
}
