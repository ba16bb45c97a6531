package device

import (
	"slices"
	"testing"

	"heddle/yarn"
)

func TestADeviceHasOneOwnerUntilItIsReleased(t *testing.T) {
	s := New(2, []GPU{{Index: 0, UUID: "a"}, {Index: 1, UUID: "b"}})
	c := func(n int64) yarn.ContainerID { return yarn.ContainerID{ID: n} }
	one, two := yarn.Resource{0, 0, 1}, yarn.Resource{0, 0, 2}
	first, err := s.Assign(c(1), one)
	if err != nil || !slices.Equal(first, []string{"a"}) {
		t.Fatal(first, err)
	}
	if again, err := s.Assign(c(1), one); err != nil || !slices.Equal(again, first) {
		t.Errorf("%v, %v", again, err)
	}
	if got, err := s.Assign(c(2), two); err == nil {
		t.Errorf("a taken device was given away: %v", got)
	}
	s.Update([]GPU{{UUID: "b"}})
	if n := s.Usable(); n != 1 {
		t.Errorf("%d usable", n)
	}
	if words, stranded := s.Trouble(); len(words) != 1 || stranded[c(1)] != "GPU a" || len(stranded) != 1 {
		t.Errorf("%q, %v", words, stranded)
	}
	s.Release(c(1))
	if got, err := s.Assign(c(3), two); err == nil {
		t.Errorf("a lost device was given away: %v", got)
	}
	s.Update([]GPU{{UUID: "a"}, {UUID: "b"}})
	if got, err := s.Assign(c(3), two); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := New(-1, nil).Assign(c(1), two); err != nil || got != nil {
		t.Errorf("a node that counts no GPUs assigns none: %v, %v", got, err)
	}
}

func TestADeviceThatIsNotWellIsGivenToNobody(t *testing.T) {
	s := New(2, []GPU{{Index: 0, UUID: "a", Bus: "00000000:04:00.0"}, {Index: 1, UUID: "b", Bus: "00000000:82:00.0"}})
	one := yarn.Resource{0, 0, 1}
	s.Update([]GPU{{Index: 0, UUID: "a", Bus: "00000000:04:00.0", Fault: "3 errors"}, {Index: 1, UUID: "b", Bus: "00000000:82:00.0"}, {Index: 2, UUID: "c"}})
	for _, want := range []string{"b", "c"} {
		if got, err := s.Assign(yarn.ContainerID{ID: int64(want[0])}, one); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%v, %v; want %s", got, err, want)
		}
	}
	if got, err := s.Assign(yarn.ContainerID{ID: 1}, one); err == nil {
		t.Errorf("a device with a fault was given away: %v", got)
	}
	if s.Lose("0000:83:00.0") || !s.Lose("0000:82:00.0") {
		t.Error("a place of the bus was mistaken")
	}
	words, stranded := s.Trouble()
	if !slices.Equal(words, []string{"GPU 0 (a): 3 errors", "GPU 1 (b): it is lost"}) || stranded[yarn.ContainerID{ID: 'b'}] != "GPU b" || s.Usable() != 1 {
		t.Errorf("%q, %v, %d usable", words, stranded, s.Usable())
	}
}
