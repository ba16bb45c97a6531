package node

import (
	"strings"
	"testing"
)

func TestWithoutAnEngineDockerContainersSayWhatIsMissing(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	b := Start(t, Options{Site: map[string]string{"yarn.nodemanager.runtime.linux.allowed-runtimes": "default,docker"}})
	if !strings.Contains(b.Log.String(), "docker is an allowed runtime and its engine does not answer") {
		t.Errorf("the log is silent about it:\n%s", b.Log)
	}
	am := b.AM(t, "alice", 1)
	s := am.Done(t, am.Start(t, Launch{Commands: []string{"true"}, Env: map[string]string{"YARN_CONTAINER_RUNTIME_TYPE": "docker", "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE": "img"}}))
	if s.GetExitStatus() != -1 || !strings.Contains(s.GetDiagnostics(), "image img: ") || !strings.Contains(s.GetDiagnostics(), "127.0.0.1:1") {
		t.Errorf("it ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
	if s := am.Done(t, am.Start(t, Launch{Commands: []string{"true"}})); s.GetExitStatus() != 0 {
		t.Errorf("a process ended with %d: %s", s.GetExitStatus(), s.GetDiagnostics())
	}
}
