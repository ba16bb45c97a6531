package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"heddle/hadoop/security"
	"heddle/job/rendezvous"
	"heddle/jobspec"
)

// master runs one task alone.
type master struct {
	framework jobspec.Framework
	secret    []byte
	place     rendezvous.Place
	exit      *rendezvous.Exit
	abort     error
}

func (m *master) Secret(string) ([]byte, bool) { return m.secret, true }
func (m *master) Hello(context.Context, string) (*rendezvous.Assignment, error) {
	return &rendezvous.Assignment{Framework: m.framework, Role: "main", Application: "application_1_0001"}, nil
}
func (m *master) Ready(_ context.Context, _ string, r rendezvous.Ready) error {
	m.place = rendezvous.Place{Role: "main", Host: r.Host, Ports: r.Ports}
	return nil
}
func (m *master) Roster(context.Context, string) (*rendezvous.Roster, error) {
	return &rendezvous.Roster{Whole: true, Places: []rendezvous.Place{m.place}}, m.abort
}
func (m *master) Exit(_ context.Context, _ string, e rendezvous.Exit) error { m.exit = &e; return nil }

type result struct {
	code             int
	out, notes, work string
	exit             *rendezvous.Exit
}

// runAgent runs the agent as a container would, with a command of the only role.
func runAgent(t *testing.T, m *master, command string) result {
	t.Helper()
	work := t.TempDir()
	m.secret = rendezvous.NewSecret()
	m.framework.Name, m.framework.User = "job", "alice"
	if m.framework.Roles == nil {
		m.framework.Roles = []jobspec.Role{{Name: "main", Instances: 1, Ports: []jobspec.Port{{Label: "http", Count: 1}, {Label: "ssh", Count: 1}}}}
	}
	m.framework.Roles[0].Command = command
	mux := http.NewServeMux()
	rendezvous.NewServer(m, slog.New(slog.DiscardHandler)).Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	credentials := security.NewCredentials()
	credentials.Secrets[rendezvous.SecretAlias] = m.secret
	tokens := filepath.Join(work, "container_tokens")
	if err := os.WriteFile(tokens, credentials.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{rendezvous.EnvAddress: strings.TrimPrefix(server.URL, "http://"), "CONTAINER_ID": "container_1_0001_01_000002", "HADOOP_TOKEN_FILE_LOCATION": tokens}
	out, err := os.Create(filepath.Join(work, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var notes strings.Builder
	code := Run(t.Context(), &Options{WorkDir: work, Getenv: func(k string) string { return env[k] }, Environ: []string{"INHERITED=yes"}, Log: &notes, Stdout: out, Stderr: out})
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return result{code, string(text), notes.String(), work, m.exit}
}

func TestACommandRunsWithItsEnvironment(t *testing.T) {
	m := &master{}
	r := runAgent(t, m, `echo "$PAI_CURRENT_TASK_ROLE_NAME $INHERITED $(pwd) $PAI_CONTAINER_HOST_PORT" && command -v heddle && read x || echo "no input"`)
	if r.code != 0 || r.exit == nil || r.exit.Code != 0 || r.exit.Reason != "" {
		t.Fatalf("code %d, exit %+v, %s%s", r.code, r.exit, r.notes, r.out)
	}
	port := m.place.Ports["http"][0]
	if port < firstPort || port >= lastPort {
		t.Errorf("port %d was taken, want one from %d to %d", port, firstPort, lastPort-1)
	}
	for _, want := range []string{fmt.Sprintf("USER COMMAND START\nmain yes %s %d\n", r.work, port), "/.heddle/bin/heddle\n", "no input\nUSER COMMAND END\n"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in the output:\n%s", want, r.out)
		}
	}
}

func TestExitsAreTold(t *testing.T) {
	for _, tt := range []struct {
		command string
		code    int
		reason  string
	}{
		{"exit 3", 3, "exited with code 3"},
		{"no-such-program", 127, "was not found"},
		{"kill -SEGV $$", 128 + int(syscall.SIGSEGV), "signal 11"},
		{"kill -KILL $$", 137, "memory ran out"},
		{"(sleep 600 &) ; exit 4", 4, "exited with code 4"},
	} {
		r := runAgent(t, &master{}, tt.command)
		if r.code != tt.code || r.exit == nil || r.exit.Code != tt.code || !strings.Contains(r.exit.Reason, tt.reason) {
			t.Errorf("%s: code %d, told %+v", tt.command, r.code, r.exit)
		}
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	r := runAgent(t, &master{}, fmt.Sprintf(`trap 'echo caught; exit 5' TERM; kill -TERM %d; while :; do sleep 0.01; done`, os.Getpid()))
	if r.code != 5 || !strings.Contains(r.out, "caught") {
		t.Errorf("code %d: %s", r.code, r.out)
	}
}

func TestCodeIsCopiedIntoTheWorkingDirectory(t *testing.T) {
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "train.sh"), []byte("echo trained\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := runAgent(t, &master{framework: jobspec.Framework{CodeDir: "file://" + code}}, "./train.sh")
	if r.code != 0 || !strings.Contains(r.out, "trained") {
		t.Errorf("code %d: %s", r.code, r.out)
	}
	r = runAgent(t, &master{framework: jobspec.Framework{CodeDir: "file://" + code + "/absent"}}, "true")
	if r.code != ExitPrepare || !strings.Contains(r.exit.Reason, "fetching codeDir file://"+code+"/absent") {
		t.Errorf("absent code: %d, %+v", r.code, r.exit)
	}
}

func TestAnAbortedGangDoesNotRun(t *testing.T) {
	r := runAgent(t, &master{abort: errors.New("the job has ended")}, "echo ran")
	if r.code != ExitBarrier || strings.Contains(r.out, "ran") || !strings.Contains(r.exit.Reason, "the job has ended") {
		t.Errorf("code %d, %+v: %s", r.code, r.exit, r.out)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	m := &master{framework: jobspec.Framework{Roles: []jobspec.Role{{Name: "main", Instances: 1, Ports: []jobspec.Port{{Label: "web", Count: 1, Start: port}}}}}}
	r := runAgent(t, m, "true")
	if r.code != ExitPorts || !strings.Contains(r.exit.Reason, strconv.Itoa(port)+" of label web is taken") {
		t.Errorf("code %d, %+v", r.code, r.exit)
	}
}

func TestWithoutAMasterTheAgentSaysWhatItIs(t *testing.T) {
	var notes strings.Builder
	code := Run(t.Context(), &Options{Getenv: func(string) string { return "" }, Log: io.MultiWriter(&notes)})
	if code != ExitPrepare || !strings.Contains(notes.String(), "runs inside the container of a task") {
		t.Errorf("code %d: %s", code, notes.String())
	}
}

func TestPortsAreDifferentAndFree(t *testing.T) {
	ports, held, err := TakePorts([]jobspec.Port{{Label: "a", Count: 20}, {Label: "b", Count: 20}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, list := range ports {
		for _, p := range list {
			if seen[p] {
				t.Errorf("port %d twice", p)
			}
			seen[p] = true
		}
	}
	held.Close()
	if len(seen) != 40 {
		t.Errorf("%d ports", len(seen))
	}
}
