package process

import "testing"

func FuzzStat(f *testing.F) {
	f.Add([]byte("1 (a) b) (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"))
	f.Add([]byte(") "))
	f.Add([]byte("7 (x) "))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseStat(b); ok && s.state == ' ' {
			t.Errorf("%q has a blank state: %+v", b, s)
		}
	})
}
