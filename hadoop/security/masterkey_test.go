package security

import (
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"
)

func TestPasswordIsHMACSHA1(t *testing.T) {
	// RFC 2202, test case 2.
	k := MasterKey{Bytes: []byte("Jefe")}
	if got := hex.EncodeToString(k.Password([]byte("what do ya want for nothing?"))); got != "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" {
		t.Error(got)
	}
	tok := k.Token(KindNM, "s", []byte("x"))
	if !k.Signed(tok.Identifier, tok.Password) || k.Signed([]byte("y"), tok.Password) {
		t.Error("a signature holds for its own identifier only")
	}
}

var start = time.UnixMilli(1_700_000_000_000)

func TestKeysRollWithAnActivationDelay(t *testing.T) {
	r, err := NewKeyRing(time.Hour, 10*time.Minute, rand.Reader, start)
	if err != nil {
		t.Fatal(err)
	}
	first := r.Keys().Current
	tick := func(at time.Duration) bool {
		t.Helper()
		changed, err := r.Tick(start.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if tick(59*time.Minute) || r.Keys().Next != nil {
		t.Error("rolled too early")
	}
	if !tick(time.Hour) || r.Keys().Next == nil || r.Keys().Current.ID != first.ID || r.Keys().Newest().ID != first.ID+1 {
		t.Errorf("after the interval: %+v", r.Keys())
	}
	if _, ok := r.Keys().Find(first.ID + 1); !ok {
		t.Error("the next key is not found")
	}
	if tick(time.Hour + 9*time.Minute) {
		t.Error("activated before the delay")
	}
	if !tick(time.Hour+10*time.Minute) || r.Keys().Current.ID != first.ID+1 || r.Keys().Next != nil {
		t.Errorf("after the delay: %+v", r.Keys())
	}
	if _, ok := r.Keys().Find(first.ID); ok {
		t.Error("the old key is still good")
	}
	if !tick(2 * time.Hour) {
		t.Error("the second roll did not come an interval after the first")
	}
}

func TestARingWhoseIntervalIsTooShortIsRefused(t *testing.T) {
	if _, err := NewKeyRing(20*time.Minute, 10*time.Minute, rand.Reader, start); err == nil {
		t.Error("an interval of twice the delay was accepted")
	}
}

func TestARestoredNextKeyWaitsAFullDelay(t *testing.T) {
	next := MasterKey{8, []byte{2}}
	r, err := RestoreKeyRing(Keys{MasterKey{7, []byte{1}}, &next}, time.Hour, 10*time.Minute, rand.Reader, start)
	if err != nil {
		t.Fatal(err)
	}
	if changed, _ := r.Tick(start.Add(9 * time.Minute)); changed {
		t.Error("activated early")
	}
	if changed, _ := r.Tick(start.Add(10 * time.Minute)); !changed || r.Keys().Current.ID != 8 {
		t.Errorf("%+v", r.Keys())
	}
}

func TestANodeAcceptsTheCurrentAndThePreviousKey(t *testing.T) {
	var r ReceivedKeys
	if _, ok := r.Find(0); ok {
		t.Error("a key before the first one")
	}
	r.Set(MasterKey{1, []byte{1}})
	if _, ok := r.Find(0); ok {
		t.Error("the empty previous key matched id 0")
	}
	r.Set(MasterKey{2, []byte{2}})
	r.Set(MasterKey{2, []byte{2}})
	r.Set(MasterKey{3, []byte{3}})
	for id, want := range map[int32]bool{1: false, 2: true, 3: true} {
		if _, ok := r.Find(id); ok != want {
			t.Errorf("key %d found: %v, want %v", id, ok, want)
		}
	}
	r.Reset(MasterKey{9, []byte{9}})
	if _, ok := r.Find(3); ok {
		t.Error("a key of an earlier ResourceManager is still good")
	}
}
