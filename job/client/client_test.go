package jobclient

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/conf"
	"heddle/job/status"
	"heddle/jobspec"
	"heddle/yarn"
	"heddle/yarn/logs"
	"heddle/yarn/wire"
)

func TestStatesFromReports(t *testing.T) {
	for _, tt := range []struct {
		state yarn.AppState
		final yarn.FinalStatus
		want  status.State
	}{
		{yarn.AppNewSaving, yarn.FinalUndefined, status.Waiting},
		{yarn.AppAccepted, yarn.FinalUndefined, status.Waiting},
		{yarn.AppRunning, yarn.FinalUndefined, status.Running},
		{yarn.AppFinished, yarn.FinalSucceeded, status.Succeeded},
		{yarn.AppFinished, yarn.FinalFailed, status.Failed},
		{yarn.AppFailed, yarn.FinalFailed, status.Failed},
		{yarn.AppKilled, yarn.FinalKilled, status.Stopped},
	} {
		j := jobOf(&yarnpb.ApplicationReportProto{
			ApplicationId: wire.AppID(yarn.ApplicationID{ClusterTimestamp: 1, ID: 2}), OriginalTrackingUrl: new("N/A"),
			YarnApplicationState: yarnpb.YarnApplicationStateProto(tt.state).Enum(), FinalApplicationStatus: yarnpb.FinalApplicationStatusProto(tt.final).Enum(),
		})
		if j.State != tt.want || j.Master != "" || j.ID.String() != "application_1_0002" {
			t.Errorf("%s, %s: %+v, want %s", tt.state, tt.final, j, tt.want)
		}
	}
}

func TestALogIsTakenOutOfItsFrame(t *testing.T) {
	const text = "one\nLogContents:\ntwo without an end"
	var b bytes.Buffer
	if err := logs.WriteText(&b, logs.Entry{Container: "c", Node: "n", Kind: "LOCAL", Name: "stdout", Size: int64(len(text)), Modified: time.Now(), Running: true}, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	body, err := unframe(&b)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printLog(&out, "worker-0", "stdout", body); err != nil || out.String() != "==> worker-0 stdout <==\n"+text+"\n\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	for _, odd := range []string{"", "LogContents:\n", "LogLength:x\nLogContents:\n", "LogLength:-4\nLogContents:\nx", strings.Repeat("x\n", maxFrame)} {
		if _, err := unframe(strings.NewReader(odd)); err == nil {
			t.Errorf("%.20q was taken for a log", odd)
		}
	}
}

func FuzzUnframe(f *testing.F) {
	f.Add([]byte("Container: c on n\nLogLength:3\nLogContents:\nabc\nEnd of LogType:stdout"))
	f.Add([]byte("LogLength:9223372036854775807\nLogContents:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := unframe(bytes.NewReader(b))
		if err != nil {
			return
		}
		if out, err := io.ReadAll(body); err != nil || len(out) > len(b) {
			t.Fatalf("%d bytes out of %d, %v", len(out), len(b), err)
		}
	})
}

func TestWhatDoesNotFitIsNamedAllAtOnce(t *testing.T) {
	f := &jobspec.Framework{Roles: []jobspec.Role{{Name: "a", MemoryMB: 5000, CPU: 2, GPUs: 1}, {Name: "b", MemoryMB: 100, CPU: 9}}}
	err := (&Client{}).fits(f, &yarnpb.ResourceProto{Memory: new(int64(4096)), VirtualCores: new(int32(8))})
	for _, want := range []string{"role a: memoryMB is 5000", "role a: gpu is 1", "role b: cpu is 9"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err := (&Client{}).fits(&jobspec.Framework{Roles: f.Roles[1:]}, &yarnpb.ResourceProto{Memory: new(int64(4096)), VirtualCores: new(int32(9))}); err != nil {
		t.Error(err)
	}
}

func TestWatchedAddressSpaceIsTakenCareOf(t *testing.T) {
	f := &jobspec.Framework{Roles: []jobspec.Role{{Name: "small", MemoryMB: 256}, {Name: "large", MemoryMB: 1024}}}
	c := &Client{conf: conf.New()}
	if w := c.Warnings(f); len(w) != 1 || !strings.Contains(w[0], "role small") || c.masterMemory() != 1024 {
		t.Errorf("%v, %d MB", w, c.masterMemory())
	}
	c.conf.Set("yarn.nodemanager.vmem-check-enabled", "false")
	if w := c.Warnings(f); len(w) != 0 || c.masterMemory() != 512 {
		t.Errorf("%v, %d MB", w, c.masterMemory())
	}
}
