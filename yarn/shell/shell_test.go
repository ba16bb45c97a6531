package shell

import "testing"

func TestNumbersAreWrittenAsJavaDoes(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{javaFloat(0), "0.0"}, {javaFloat(1.5), "1.5"}, {javaFloat(2), "2.0"}, {javaFloat(0.0033344447), "0.0033344447"},
		{percent(0), "0%"}, {percent(0.125), "12.5%"}, {percent(0.33333), "33.33%"}, {percent(1), "100%"},
		{twoDigits(0), ".00"}, {twoDigits(60), "60.00"}, {twoDigits(-1), "-1.00"}, {twoDigits(0.5), ".50"},
		{javaTime(0), "N/A"}, {orNull(""), "null"}, {brackets([]string{"a", "b"}), "[a, b]"}, {brackets([]string(nil)), "[]"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

func TestStatesAreSetsInTheirOwnOrder(t *testing.T) {
	got, err := appStates([]string{"running", " ACCEPTED", "RUNNING"})
	if err != nil || brackets(got) != "[ACCEPTED, RUNNING]" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := appStates([]string{"WALKING"}); err == nil {
		t.Error("an unknown application state was taken")
	}
	if _, err := nodeStates([]string{"ASLEEP"}, false); err == nil {
		t.Error("an unknown node state was taken")
	}
}
