package resourcemanager_test

import (
	"strings"
	"testing"

	yarnpb "heddle/hadoop-proto/yarn"
)

// The pages of an attempt and of its containers, live and ended, for those who may see the application; a waiting
// application says why it waits, with the figures.
func TestPagesOfAttemptsAndContainers(t *testing.T) {
	r := start(t, nil)
	n := r.node("127.0.0.1", 8192, nil)
	id := appText(r.client("alice").submit(nil))
	await(t, "the AM's start", func() bool { return len(n.starts()) == 1 })
	am := r.masterIn(n.starts()[0])
	am.register()
	granted := am.allocate(0, anywhere(2, 1024)).GetAllocatedContainers()
	if len(granted) != 2 {
		t.Fatalf("%d containers", len(granted))
	}
	suffix := strings.TrimPrefix(id, "application_")
	attempt, first, second := "appattempt_"+suffix+"_000001", "container_"+suffix+"_01_000002", "container_"+suffix+"_01_000003"
	n.beat(&yarnpb.ContainerStatusProto{ContainerId: granted[0].GetId(), State: yarnpb.ContainerStateProto_C_COMPLETE.Enum(), ExitStatus: new(int32(7)), Diagnostics: new("<i>it broke</i>")})
	page := func(path, user string, status int) string { return string(r.ask(as(path, user), "text/html", status)) }
	await(t, "the container's end", func() bool { return strings.Contains(page("/cluster/container/"+first, "alice", 200), "Exit code") })
	for path, want := range map[string][]string{
		"/cluster/container/" + first:                     {"COMPLETED", ">7<", "&lt;i&gt;it broke&lt;/i&gt;", "/cluster/appattempt/" + attempt, "/node/containerlogs/" + first + "/alice"},
		"/cluster/container/" + second:                    {"NEW", "1 GB, 1 vcores", "127.0.0.1:"},
		"/cluster/appattempt/" + attempt:                  {"RUNNING", second, first, "Ended containers", "exit code 7", "am-host:4711"},
		"/cluster/app/" + id:                              {"AM launched", "Container 2", "completed, exit code 7", "Container 3", "/proxy/" + id, `class="failed"`},
		"/cluster/node/127.0.0.1:" + itoa(n.id.GetPort()): {second, "of memory"},
		"/cluster/scheduler":                              {"default", "alice", "at most 6000"},
	} {
		if body := page(path, "alice", 200); !containsAll(body, want...) {
			t.Errorf("%s: want %q in:\n%.3000s", path, want, body)
		}
	}
	for path, status := range map[string]int{"/cluster/container/" + first: 403, "/cluster/container/" + second: 403, "/cluster/appattempt/" + attempt: 403,
		"/cluster/container/container_" + suffix + "_01_000099": 404, "/cluster/nodelabels": 404, "/cluster/errors-and-warnings": 404, "/ui2": 404} {
		user := "bob"
		if status == 404 {
			user = "alice"
		}
		page(path, user, status)
	}
	if body := page("/cluster/node/127.0.0.1:"+itoa(n.id.GetPort()), "bob", 200); strings.Contains(body, second) || !strings.Contains(body, "of others are not shown") {
		t.Errorf("a stranger sees containers of alice: %s", body)
	}
	if body := page("/cluster/app/"+id, "bob", 200); strings.Contains(body, "Container 3") || strings.Contains(body, "it broke") {
		t.Errorf("a stranger sees containers of alice: %s", body)
	}
	am.allocate(1, anywhere(9, 4096))
	if body := page("/cluster/app/"+id, "alice", 200); !containsAll(body, "Why it waits", "The application waits for containers (", "more containers, in all") {
		t.Errorf("why it waits: %.3000s", body)
	}
}

// yarn.webapp.ui1.tools.enable takes the operators' links off the pages.
func TestPagesWithoutTools(t *testing.T) {
	for value, shown := range map[string]bool{"true": true, "false": false} {
		r := start(t, map[string]string{"yarn.webapp.ui1.tools.enable": value})
		if body := string(r.ask("/cluster", "text/html", 200)); strings.Contains(body, `href="/stacks"`) != shown {
			t.Errorf("%s: the links are shown: %v", value, !shown)
		}
	}
}
