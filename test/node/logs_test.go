package node

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/logs"
)

func TestAContainerThatLogsTooMuchIsEnded(t *testing.T) {
	const prefix = "yarn.nodemanager.container-log-monitor."
	b := Start(t, Options{Site: map[string]string{prefix + "enable": "true", prefix + "interval-ms": "50", prefix + "dir-size-limit-bytes": "100000"}})
	am := b.AM(t, "alice", 1)
	loud := am.Start(t, Launch{Commands: []string{"while :; do echo noise; done > <LOG_DIR>/stdout"}})
	still := am.Start(t, Launch{Commands: []string{"head -c 50000 /dev/zero > <LOG_DIR>/stdout; exec sleep 1000"}})
	s := am.Done(t, loud)
	if s.GetExitStatus() != int32(yarn.ExitKilledForExcessLogs) || !strings.Contains(s.GetDiagnostics(), "is logging beyond the container single log directory limit. Limit: 100000 Log Directory Size: ") {
		t.Errorf("exit %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	am.Running(t, still)
}

// Logs of a running application are uploaded in parts, also by the NodeManager that follows a killed one, and all of
// their lines are there in the end.
func TestRollingOutlivesAKilledNodeManager(t *testing.T) {
	const key = "yarn.nodemanager.log-aggregation.roll-monitoring-interval-seconds"
	m := startMortal(t, map[string]string{"yarn.log-aggregation-enable": "true", key: "1", key + ".min": "1"})
	am := m.AM(t, "alice", 1)
	id := am.Start(t, Launch{Commands: []string{"{ echo line-1; until [ -e <LOG_DIR>/more ]; do sleep 0.02; done; echo line-2; until [ -e <LOG_DIR>/end ]; do sleep 0.02; done; echo line-3; }", "1><LOG_DIR>/stdout"},
		Logs: &yarnpb.LogAggregationContextProto{RolledLogsIncludePattern: new("stdout")}})
	am.Logged(t, id, "stdout", "line-1")
	uploaded := func() []string { return remoteLines(t, m.Dir) }
	Until(t, "the first part is uploaded", func() bool { return slices.Contains(uploaded(), "line-1") })
	m.kill(t)
	dirs, err := filepath.Glob(m.Dir + "/logs?/*/" + id.String())
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	writeFile(t, filepath.Join(dirs[0], "more"))
	am.Logged(t, id, "stdout", "line-2")
	m.start(t)
	Until(t, "the second part is uploaded", func() bool { return slices.Contains(uploaded(), "line-2") })
	writeFile(t, filepath.Join(dirs[0], "end"))
	am.Done(t, id)
	m.FinishApp(am.Attempt.Application)
	Until(t, "the upload is over", func() bool {
		r := m.LogReports(am.Attempt.Application)
		return len(r) > 0 && r[len(r)-1].GetLogAggregationStatus() == yarnpb.LogAggregationStatusProto_LOG_SUCCEEDED
	})
	for _, line := range []string{"line-1", "line-2", "line-3"} {
		if n := len(slices.DeleteFunc(uploaded(), func(l string) bool { return l != line })); n != 1 && (line != "line-1" || n != 2) { // the kill may have come before the note
			t.Errorf("%s was uploaded %d times", line, n)
		}
	}
}

// remoteLines are the lines of stdout in all aggregated files.
func remoteLines(t *testing.T, dir string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/remote/alice/*/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !strings.HasSuffix(name, logs.TempSuffix) {
			lines = append(lines, linesOf(t, name)...)
		}
	}
	return lines
}

func linesOf(t *testing.T, name string) (lines []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := logs.NewReader(f, fi.Size())
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := r.Next(); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		for {
			e, err := r.NextFile()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(e.Body)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == "stdout" {
				lines = append(lines, strings.Fields(string(body))...)
			}
		}
	}
}
