package statemachine

import (
	"errors"
	"strings"
	"testing"
)

type door struct{ locked bool }

var doors = Compile(Table[string, string, *door]{
	{"shut", "open", []string{"open"}, nil},
	{"open", "close", []string{"shut", "locked"}, func(d *door) string {
		if d.locked {
			return "locked"
		}
		return "shut"
	}},
	{"locked", "kick", []string{"open", "shut"}, func(*door) string { return "gone" }},
})

func TestOnlyListedStepsAreLegal(t *testing.T) {
	if s, err := doors.Fire("shut", "open", nil); err != nil || s != "open" {
		t.Errorf("%s, %v", s, err)
	}
	if s, err := doors.Fire("open", "close", &door{locked: true}); err != nil || s != "locked" {
		t.Errorf("%s, %v", s, err)
	}
	s, err := doors.Fire("locked", "open", nil)
	var invalid *InvalidStep
	if !errors.As(err, &invalid) || s != "locked" || !strings.Contains(err.Error(), "open is not legal in state locked") {
		t.Errorf("%s, %v", s, err)
	}
	if s, err := doors.Fire("locked", "kick", nil); err == nil || s != "locked" {
		t.Errorf("an action chose an unlisted state: %s, %v", s, err)
	}
}

func TestTwoStepsForOnePairPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Compile(Table[int, int, any]{{1, 1, []int{2}, nil}, {1, 1, []int{3}, nil}})
}
