package records

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/store"
	"heddle/yarn"
)

func codec(t testing.TB) Codec {
	t.Helper()
	types, err := yarn.NewResourceTypes(yarn.ResourceType{Name: yarn.GPUName})
	if err != nil {
		t.Fatal(err)
	}
	return Codec{Types: types, Submission: func(p *yarnpb.ApplicationSubmissionContextProto, raw []byte, user string, at int64) (core.Submission, error) {
		id := p.GetApplicationId()
		return core.Submission{ID: yarn.ApplicationID{ClusterTimestamp: id.GetClusterTimestamp(), ID: id.GetId()}, Name: p.GetApplicationName(), User: user, Queue: p.GetQueue(),
			Priority: p.GetPriority().GetPriority(), Context: raw, SubmitTime: at}, nil
	}}
}

func open(t *testing.T) *store.Bolt {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "rm.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func app(t testing.TB, n int32) core.AppRecord {
	t.Helper()
	id := yarn.ApplicationID{ClusterTimestamp: 7, ID: n}
	raw, err := proto.Marshal(&yarnpb.ApplicationSubmissionContextProto{ApplicationId: &yarnpb.ApplicationIdProto{ClusterTimestamp: new(int64(7)), Id: &n},
		ApplicationName: new("job"), Queue: new("root.default"), Priority: &yarnpb.PriorityProto{Priority: new(int32(4))}})
	if err != nil {
		t.Fatal(err)
	}
	return core.AppRecord{Submission: core.Submission{ID: id, Name: "job", User: "alice", Queue: "root.default", Priority: 4, Context: raw, SubmitTime: 10, Expires: 5}, Start: 11, Launch: 12}
}

func attempt(n int32, try int32) core.AttemptRecord {
	id := yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 7, ID: n}, Attempt: try}
	return core.AttemptRecord{ID: id, Start: 20, FinalStatus: yarn.FinalUndefined, ExitStatus: yarn.ExitInvalid,
		AM: &core.Grant{ID: yarn.ContainerID{Attempt: id, ID: 1}, Node: yarn.NodeID{Host: "n1", Port: 2}, NodeHTTP: "n1:8042",
			Resource: yarn.Resource{1024, 1, 1}, Key: scheduler.AskKey{Priority: 0, AllocationID: -1}, AM: true}}
}

// What is written comes back the same, from the file.
func TestRecordsComeBack(t *testing.T) {
	s, c := open(t), codec(t)
	w := NewWriter(s, c, slog.New(slog.DiscardHandler))
	running, ended, gone := app(t, 1), app(t, 2), app(t, 3)
	ended.Final, ended.State, ended.Finish, ended.Diagnostics = true, yarn.AppFailed, 99, "it failed"
	first, second := attempt(2, 1), attempt(2, 2)
	second.Final, second.State, second.Finish, second.FinalStatus, second.ExitStatus, second.TrackingURL, second.Diagnostics, second.MemorySeconds, second.VCoreSeconds =
		true, yarn.AttemptFailed, 98, yarn.FinalFailed, 7, "http://am/", "exit 7", 1000, 10
	unmanaged := attempt(1, 1)
	unmanaged.AM = nil
	saved := make(chan error, 8)
	done := func(err error) { saved <- err }
	w.SaveApp(running, done)
	w.SaveApp(ended, done)
	w.SaveApp(gone, done)
	w.SaveAttempt(second, done)
	w.SaveAttempt(first, done)
	w.SaveAttempt(unmanaged, done)
	for range 6 {
		if err := <-saved; err != nil {
			t.Fatal(err)
		}
	}
	w.RemoveApp(gone.Submission.ID, nil)
	w.Close()
	r, _, err := Load(s, c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []core.AppRecord{running, ended}; !reflect.DeepEqual(r.Apps, want) {
		t.Errorf("applications\n got %+v\nwant %+v", r.Apps, want)
	}
	first.ExitStatus = yarn.ExitInvalid
	if got := r.Attempts[ended.Submission.ID]; len(got) != 2 || !reflect.DeepEqual(got[1], second) || got[0].ID != first.ID || !reflect.DeepEqual(got[0].AM, first.AM) || got[0].Final {
		t.Errorf("attempts\n got %+v\nwant %+v, %+v", got, first, second)
	}
	if got := r.Attempts[running.Submission.ID]; len(got) != 1 || got[0].AM != nil {
		t.Errorf("the unmanaged attempt came back as %+v", got)
	}
}

// broken is a store that cannot write.
type broken struct{ store.Store }

func (broken) Apply([]store.Op) error { return errors.New("no space left on device") }

func TestWriterReportsWhatItCouldNotWrite(t *testing.T) {
	w := NewWriter(broken{}, codec(t), slog.New(slog.DiscardHandler))
	saved := make(chan error, 1)
	w.SaveApp(app(t, 1), func(err error) { saved <- err })
	if err := <-saved; err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
	bad := app(t, 1)
	bad.Submission.Context = []byte{0xff}
	w.SaveApp(bad, func(err error) { saved <- err })
	if err := <-saved; err == nil || !strings.Contains(err.Error(), "application_7_0001") {
		t.Errorf("%v", err)
	}
	if err := w.SaveAMRMKeys(context.Background(), security.Keys{}); err == nil {
		t.Error("keys were saved on a broken store")
	}
	w.Close()
}

func TestEpochCountsStarts(t *testing.T) {
	s := open(t)
	for want := range int64(3) {
		if got, err := NextEpoch(s); err != nil || got != want {
			t.Errorf("%d, %v; want %d", got, err, want)
		}
	}
}

func TestKeysComeBack(t *testing.T) {
	s := open(t)
	if _, ok, err := LoadAMRMKeys(s); ok || err != nil {
		t.Errorf("an empty store has keys: %v", err)
	}
	w := NewWriter(s, codec(t), slog.New(slog.DiscardHandler))
	want := security.Keys{Current: security.MasterKey{ID: -5, Bytes: []byte("current")}, Next: &security.MasterKey{ID: -4, Bytes: []byte("next")}}
	if err := w.SaveAMRMKeys(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, ok, err := LoadAMRMKeys(s); !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	d := Delegation{Store: s}
	key := security.DelegationKey{MasterKey: security.MasterKey{ID: 3, Bytes: []byte("12345678")}, Expires: time.UnixMilli(55)}
	token := security.DelegationToken{Identifier: &yarnpb.YARNDelegationTokenIdentifierProto{Owner: new("alice"), SequenceNumber: new(int32(12)), MasterKeyId: new(int32(3))}, RenewBefore: time.UnixMilli(77)}
	if err := errors.Join(d.SaveKey(key), d.SaveToken(token)); err != nil {
		t.Fatal(err)
	}
	keys, tokens, sequence, err := d.Load()
	if err != nil || len(keys) != 1 || !reflect.DeepEqual(keys[0], key) || len(tokens) != 1 || !proto.Equal(tokens[0].Identifier, token.Identifier) || !tokens[0].RenewBefore.Equal(token.RenewBefore) || sequence != 12 {
		t.Errorf("%+v %+v %d %v", keys, tokens, sequence, err)
	}
	if err := errors.Join(d.DeleteKey(3), d.DeleteToken(12)); err != nil {
		t.Fatal(err)
	}
	if keys, tokens, sequence, err := d.Load(); len(keys)+len(tokens) != 0 || sequence != 12 || err != nil {
		t.Errorf("%v %v %d %v; a sequence number is never used again", keys, tokens, sequence, err)
	}
}

// A record that cannot be read is told of by its name, and its application is left out.
func TestUnreadableRecord(t *testing.T) {
	for key, want := range map[string]string{appRoot + "application_7_0001": "application_7_0001", appRoot + "application_7_0001/appattempt_7_0001_000001": "appattempt_7_0001_000001"} {
		s, dir := open(t), filepath.Join(t.TempDir(), "aside")
		w := NewWriter(s, codec(t), slog.New(slog.DiscardHandler))
		saved := make(chan error, 3)
		for _, n := range []int32{1, 2} {
			w.SaveApp(app(t, n), func(err error) { saved <- err })
		}
		w.Close()
		if err := errors.Join(<-saved, <-saved, s.Apply([]store.Op{{Key: key, Value: []byte{0xff, 0xff}}})); err != nil {
			t.Fatal(err)
		}
		r, bad, err := Load(s, codec(t))
		if err != nil || len(bad) != 1 || bad[0].App != "application_7_0001" || !strings.Contains(bad[0].Err.Error(), want) {
			t.Fatalf("%v, %v", bad, err)
		}
		if len(r.Apps) != 1 || r.Apps[0].Submission.ID.ID != 2 {
			t.Errorf("read beside it: %v", r.Apps)
		}
		if err := SetAside(s, bad, dir); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(key, "/", "."))); err != nil || !bytes.Equal(b, []byte{0xff, 0xff}) {
			t.Errorf("set aside: %q, %v", b, err)
		}
		if r, bad, err := Load(s, codec(t)); len(r.Apps) != 1 || len(bad) != 0 || err != nil {
			t.Errorf("afterwards: %v, %v, %v", r.Apps, bad, err)
		}
		if n, err := Remove(s, r.Apps[0].Submission.ID); n != 1 || err != nil {
			t.Errorf("removed %d, %v", n, err)
		}
		if n, err := RemoveAll(s); n != 0 || err != nil {
			t.Errorf("left were %d, %v", n, err)
		}
	}
}

// None keeps nothing and says so at once.
func TestNone(t *testing.T) {
	saved := make(chan error, 2)
	None{}.SaveApp(core.AppRecord{}, func(err error) { saved <- err })
	None{}.SaveAttempt(core.AttemptRecord{}, func(err error) { saved <- err })
	None{}.RemoveApp(yarn.ApplicationID{}, nil)
	if err := errors.Join(<-saved, <-saved); err != nil {
		t.Error(err)
	}
}

// Whatever stands in a record, reading it gives a record that is written and read the same.
func FuzzRecords(f *testing.F) {
	c := codec(f)
	for _, r := range []core.AppRecord{app(f, 1)} {
		b, err := c.app(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b, err := c.attempt(attempt(1, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := c.appFrom(b); err == nil {
			again, err := c.app(r)
			if err != nil {
				t.Fatal(err)
			}
			if r2, err := c.appFrom(again); err != nil || r2.Final != r.Final || r2.State != r.State || r2.Diagnostics != r.Diagnostics || r2.Start != r.Start {
				t.Errorf("%+v came back as %+v, %v", r, r2, err)
			}
		}
		if r, err := c.attemptFrom(b); err == nil {
			again, err := c.attempt(r)
			if err != nil {
				t.Fatal(err)
			}
			if r2, err := c.attemptFrom(again); err != nil || r2.ID != r.ID || r2.Final != r.Final || r2.State != r.State {
				t.Errorf("%+v came back as %+v, %v", r, r2, err)
			}
		}
	})
}
