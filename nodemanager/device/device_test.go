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
	if n := s.Update([]GPU{{UUID: "b"}}); n != 1 {
		t.Errorf("%d usable", n)
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
