package security

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVLongIsHadoopsEncoding(t *testing.T) {
	for n, want := range map[int64]string{
		0: "00", 127: "7f", -112: "90", 128: "8f80", -113: "8770", 255: "8fff", 256: "8e0100", -256: "87ff", -257: "860100",
		0x01a231bfddd6: "8a01a231bfddd6", math.MaxInt64: "887fffffffffffffff", math.MinInt64: "807fffffffffffffff",
	} {
		b := AppendVLong(nil, n)
		if hex.EncodeToString(b) != want {
			t.Errorf("%d is %x, want %s", n, b, want)
		}
		w := NewWritable(b)
		if got := w.VLong(); got != n || w.Err() != nil || len(w.Rest()) != 0 {
			t.Errorf("%x reads as %d, %v", b, got, w.Err())
		}
	}
}

func TestHostileLengthsAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"negative length":   {0xff},
		"length too large":  {0x7f, 1},
		"VInt over 32 bits": {0x8a, 1, 2, 3, 4, 5, 6},
		"cut VLong":         {0x8a, 1},
		"invalid UTF-8":     {1, 0xff},
		"nothing":           {},
	} {
		w := NewWritable(b)
		if s := w.Text(); w.Err() == nil || s != "" {
			t.Errorf("%s: %q, %v", name, s, w.Err())
		}
	}
}

func TestDelegationKeyIsHadoopsStoredForm(t *testing.T) {
	raw := unhex(t, "02 8a01a231bfddeb 08 0102030405060708")
	k, err := ParseDelegationKey(raw)
	if err != nil || k.ID != 2 || !k.Expires.Equal(time.UnixMilli(0x01a231bfddeb)) || len(k.Bytes) != 8 {
		t.Fatalf("%v, %v", k, err)
	}
	if got := k.AppendWritable(nil); string(got) != string(raw) {
		t.Errorf("%x, want %x", got, raw)
	}
	if k, err := ParseDelegationKey([]byte{1, 0, 0xff}); err != nil || k.Bytes != nil {
		t.Errorf("a key without bytes: %v, %v", k, err)
	}
	if _, err := ParseDelegationKey([]byte{1, 0, 9, 1}); err == nil {
		t.Error("a cut key was read")
	}
}
