package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/yarn"
	"heddle/yarn/logs"
)

// storeLogs writes one node's upload of an application that no ResourceManager knows.
func storeLogs(t *testing.T, root, user string) {
	t.Helper()
	app, err := yarn.ParseApplicationID(unknown)
	if err != nil {
		t.Fatal(err)
	}
	dir := logs.NewLayout(root, "logs").AppDir(user, app)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "host_8041"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := logs.NewWriter(out, logs.Header{Owner: user}, logs.None)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Container("container_1700000000000_0099_01_000002"); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct{ name, text string }{{"stderr", ""}, {"stdout", "0123456789"}} {
		if err := w.File(f.name, int64(len(f.text)), strings.NewReader(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLogsOfAForgottenApplicationAreFoundByTheirFolder(t *testing.T) {
	run, _ := command(t)
	root := t.TempDir()
	storeLogs(t, root, "carol")
	at := "logs -D yarn.nodemanager.remote-app-log-dir=" + root + " -applicationId " + unknown
	out, errs, code := run(at + " -log_files stdout -size -4")
	if code != 0 || !strings.Contains(out, "LogLength:10\nLogContents:\n6789\nEnd of LogType:stdout\n") || !strings.HasPrefix(errs, "Unable to get ApplicationState.") {
		t.Errorf("code %d\n%s\n%s", code, out, errs)
	}
	if out, _, code := run(at + " -list_nodes"); code != 0 || out != "host_8041\n\n" {
		t.Errorf("code %d, %q", code, out)
	}
	if _, errs, code := run(at + " -appOwner dave"); code != 255 || !strings.Contains(errs, "Can not find any log file matching the pattern: [ALL] for the application: "+unknown) {
		t.Errorf("code %d, %s", code, errs)
	}
	if _, errs, code := run(strings.Replace(at, root, t.TempDir(), 1)); code != 255 || !strings.Contains(errs, "Can not find the appOwner.") {
		t.Errorf("code %d, %s", code, errs)
	}
}

func TestLogsGoIntoAFilePerContainer(t *testing.T) {
	run, _ := command(t)
	root, dir := t.TempDir(), t.TempDir()
	storeLogs(t, root, "alice")
	if out, errs, code := run("logs -D yarn.nodemanager.remote-app-log-dir=" + root + " -applicationId " + unknown + " -out " + dir); code != 0 || out != "" {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	b, err := os.ReadFile(filepath.Join(dir, "host_8041", "container_1700000000000_0099_01_000002"))
	if err != nil || strings.Count(string(b), "LogContents:") != 2 || !strings.Contains(string(b), "0123456789") {
		t.Errorf("%v: %s", err, b)
	}
}

func TestTheSizeLimitEndsTheRun(t *testing.T) {
	run, _ := command(t)
	root := t.TempDir()
	storeLogs(t, root, "alice")
	at := "logs -D yarn.nodemanager.remote-app-log-dir=" + root + " -applicationId " + unknown + " -size_limit_mb "
	for limit, want := range map[string]int{"0": 1, "1": 0, "-1": 0} {
		if _, errs, code := run(at + limit); code != want {
			t.Errorf("%s: code %d, %s", limit, code, errs)
		}
	}
}

func TestNodesListLogsInTwoShapes(t *testing.T) {
	const file = `{"containerLogInfo":[{"fileName":"a","fileSize":"3","lastModifiedTime":"x"}],"logAggregationType":"LOCAL","nodeId":"h:1"}`
	for _, text := range []string{`{"containerLogsInfo":` + file + `}`, `{"containerLogsInfo":[` + file + `]}`} {
		got, err := readNodeLogs(strings.NewReader(text))
		if err != nil || len(got) != 1 || len(got[0].Files) != 1 || got[0].Files[0].Name != "a" || got[0].Kind != "LOCAL" {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if _, err := readNodeLogs(strings.NewReader(`<html>`)); err == nil {
		t.Error("a page that is no JSON was read")
	}
}
