package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"heddle/yarn"
)

func spec(dir string) *Spec {
	return &Spec{
		Container: yarn.ContainerID{Attempt: yarn.AttemptID{Application: yarn.ApplicationID{ClusterTimestamp: 9, ID: 1}, Attempt: 1}, ID: 2},
		User:      "alice", WorkDir: dir, LogDir: dir + "/logs", AppDirs: []string{"/l1/a", "/l2/a"}, UserDirs: []string{"/l1/usercache/alice/"},
		LogDirs: []string{dir + "/logs"}, HomeDir: "/home/", TokenFile: dir + "/container_tokens", NMHost: "localhost", NMPort: 8041, HTTPPort: 8042,
		Aux: map[string][]byte{"mapreduce_shuffle": {0, 0, 0xa1, 0x2d}}, AdminEnv: "MALLOC_ARENA_MAX=$MALLOC_ARENA_MAX",
		Whitelist: []string{"JAVA_HOME", "PATH", "TZ"}, HostEnv: map[string]string{"JAVA_HOME": "/java", "PATH": "/nm/bin", "SECRET": "x"},
		DebugInfo: true, AddOpens: AddOpensJava17,
	}
}

// execute runs the script in a clean environment, as the executor does.
func execute(t *testing.T, s *Spec) (out, errs string, err error) {
	t.Helper()
	text, err := Script(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.LogDir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.WorkDir, "launch_container.sh")
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/bash", file)
	cmd.Dir, cmd.Env = s.WorkDir, []string{}
	err = cmd.Run()
	o, _ := os.ReadFile(s.LogDir + "/prelaunch.out")
	e, _ := os.ReadFile(s.LogDir + "/prelaunch.err")
	return strings.TrimPrefix(string(o), "Setting up env variables\nSetting up job resources\nCopying debugging information\nLaunching container\n"), string(e), err
}

func TestTheScriptIsHadoops(t *testing.T) {
	s := spec("/w")
	s.Env = map[string]string{"A": "{{PWD}}/x<CPS><LOG_DIR>"}
	s.Commands = []string{"java <ADD_OPENS> Main", "1><LOG_DIR>/stdout"}
	s.Links = []Link{{"job.jar", "/c/10/job.jar"}, {"a/b/c d", "/c/11/z"}}
	got, err := Script(s)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/launch_container.sh")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("script differs from testdata/launch_container.sh:\n%s", got)
	}
}

func TestValuesMayNameEachOtherInAnyOrder(t *testing.T) {
	s := spec(t.TempDir())
	s.Env = map[string]string{"A": "$B/x", "B": "/q", "Z": "{{A}}:${B}", "CIRCLE1": "$CIRCLE2", "CIRCLE2": "$CIRCLE1", "SELF": "$SELF:1"}
	s.Commands = []string{"echo", `\"$A $Z\"`}
	if out, errs, err := execute(t, s); err != nil || out != "/q/x /q/x:/q\n" {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

func TestShellSyntaxInValuesReachesTheShell(t *testing.T) {
	s := spec(t.TempDir())
	s.Env = map[string]string{"TICK": "`echo ran`", "LINES": "one\ntwo", "DOLLAR": `\$PATH`, "BLANK": "a  b '文'"}
	s.Commands = []string{`printf '%s|' \"$TICK\" \"$LINES\" '$DOLLAR' \"$BLANK\"`}
	out, errs, err := execute(t, s)
	if err != nil || out != "ran|one\ntwo|$PATH|a  b '文'|" {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

func TestTheNodesOwnNamesWin(t *testing.T) {
	s := spec(t.TempDir())
	s.Env = map[string]string{"USER": "mallory", "CONTAINER_ID": "x", "PATH": "/client:$PATH", "MALLOC_ARENA_MAX": "2"}
	s.Extra = map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-1"}
	s.Commands = []string{"echo $USER $CONTAINER_ID ${PATH%%:*} $JAVA_HOME $MALLOC_ARENA_MAX $SECRET $CUDA_VISIBLE_DEVICES"}
	if out, errs, err := execute(t, s); err != nil || out != "alice container_9_0001_01_000002 /client /java 2:2 GPU-1\n" {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

func TestANameThatBashRefusesFailsTheScript(t *testing.T) {
	s := spec(t.TempDir())
	s.Env = map[string]string{"1BAD": "x"}
	if _, errs, err := execute(t, s); err == nil || !strings.Contains(errs, "not a valid identifier") {
		t.Errorf("%q, %v", errs, err)
	}
}

func TestLinksKeepOddNames(t *testing.T) {
	s := spec(t.TempDir())
	target := filepath.Join(s.WorkDir, "target $x \"q\"")
	if err := os.WriteFile(target, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Links = []Link{{"deep/er/资料 x y", target}, {"z#`y`", target}, {"-n", target}}
	s.Commands = []string{"cat 'deep/er/资料 x y' z#*y* ./-n"}
	if out, errs, err := execute(t, s); err != nil || out != "contentcontentcontent" {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
	for _, name := range []string{"/abs", "..", "../x", "a/../../x", ".", "a/..", "x\x00y"} {
		s.Links = []Link{{name, target}}
		if _, err := Script(s); !errors.Is(err, ErrDestination) {
			t.Errorf("link name %q: %v", name, err)
		}
	}
}

func TestJavaVersions(t *testing.T) {
	for text, want := range map[string]int{
		`JAVA_VERSION="17.0.15"`: 17, `java version "1.8.0_392"`: 8, `openjdk version "21" 2023`: 21, "nothing": 0,
	} {
		if got := featureVersion(text); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}
