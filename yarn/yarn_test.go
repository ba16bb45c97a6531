package yarn

import "testing"

func TestIDsRoundTripThroughText(t *testing.T) {
	app := ApplicationID{1795439786666, 7}
	att := AttemptID{app, 2}
	for _, c := range []struct {
		id   ContainerID
		text string
	}{
		{ContainerID{att, 3}, "container_1795439786666_0007_02_000003"},
		{ContainerID{att, 1<<EpochShift | 12345678}, "container_e01_1795439786666_0007_02_12345678"},
		{ContainerID{AttemptID{ApplicationID{5, 123456}, 1}, 1}, "container_5_123456_01_000001"},
	} {
		if got := c.id.String(); got != c.text {
			t.Errorf("%v is %s, want %s", c.id, got, c.text)
		}
		if back, err := ParseContainerID(c.text); err != nil || back != c.id {
			t.Errorf("parse %s: %v, %v", c.text, back, err)
		}
	}
	if app.String() != "application_1795439786666_0007" || att.String() != "appattempt_1795439786666_0007_000002" {
		t.Errorf("%s, %s", app, att)
	}
	if back, err := ParseAttemptID(att.String()); err != nil || back != att {
		t.Errorf("%v, %v", back, err)
	}
}

func TestBadIDsAreRefused(t *testing.T) {
	for _, s := range []string{"", "xx", "application_", "application_1", "application_1_2_3", "application_-1_2",
		"application_1_99999999999", "application_99999999999999999999_1", "container_1_2_3_4"} {
		if id, err := ParseApplicationID(s); err == nil {
			t.Errorf("%q parsed as %v", s, id)
		}
	}
	for _, s := range []string{"", ":1", "host", "host:", "host:-1", "host:70000"} {
		if id, err := ParseNodeID(s); err == nil {
			t.Errorf("%q parsed as %v", s, id)
		}
	}
	for _, s := range []string{"container_e_1_2_3_4", "container_ex_1_2_3_4", "container_e99999999_1_2_3_4", "container_1_2_3_1099511627776"} {
		if id, err := ParseContainerID(s); err == nil {
			t.Errorf("%q parsed as %v", s, id)
		}
	}
}

func FuzzParseContainerID(f *testing.F) {
	f.Add("container_e01_1795439786666_0007_02_000003")
	f.Add("container_1_2_3_4")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseContainerID(s)
		if err != nil {
			return
		}
		if back, err := ParseContainerID(id.String()); err != nil || back != id {
			t.Errorf("%q -> %v -> %s -> %v, %v", s, id, id, back, err)
		}
	})
}

func TestResourceTypesAreOrderedAndUnique(t *testing.T) {
	types, err := NewResourceTypes(ResourceType{GPUName, ""})
	if err != nil {
		t.Fatal(err)
	}
	r := NewResource(1024, 2)
	r[types.Index(GPUName)] = 4
	if got := types.Format(r); got != "<memory:1024, vCores:2, yarn.io/gpu: 4>" {
		t.Error(got)
	}
	if types.Index("fpga") != -1 || types.Index("memory") != Memory {
		t.Error("unknown names are -1 and memory is memory-mb")
	}
	if _, err := NewResourceTypes(ResourceType{VCoresName, ""}); err == nil {
		t.Error("vcores was declared twice without an error")
	}
}
