//go:build interop

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/test/cluster"
)

// gang is a job of our own, whose tasks go on until it is ended.
const gang = `protocolVersion: 2
name: gang
type: job
prerequisites:
  - {type: dockerimage, name: img, uri: heddle/test}
taskRoles:
  worker:
    instances: 3
    dockerImage: img
    resourcePerInstance: {cpu: 1, memoryMB: 256, gpu: 0}
    commands: ["echo '<b>at work</b>'", "sleep 600"]
`

const evil = `<script>document.title='broken'</script>`

// world is a small cluster with queues and with applications in every state.
type world struct {
	*cluster.Cluster
	t   *testing.T
	ctx context.Context
	ids map[string]string // of the applications, by what they are for
}

func (w *world) send(method, path, body string, status int, into any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, "http://"+w.Address("web")+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		w.t.Fatalf("%s %s: status %d", method, path, resp.StatusCode)
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			w.t.Fatal(err)
		}
	}
}

// submit submits an application whose AM is a shell command.
func (w *world) submit(use, name, user, queue, command string, mb int) {
	w.t.Helper()
	var made struct {
		ID string `json:"application-id"`
	}
	w.send("POST", "/ws/v1/cluster/apps/new-application?user.name="+user, "", 200, &made)
	body, err := json.Marshal(map[string]any{"application-id": made.ID, "application-name": name, "queue": queue, "max-app-attempts": 1, "application-type": "SHELL",
		"application-tags": map[string]any{"tag": []string{evil}}, "resource": map[string]int{"memory": mb, "vCores": 1}, "am-container-spec": map[string]any{"commands": map[string]string{"command": command}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.send("POST", "/ws/v1/cluster/apps?user.name="+user, string(body), 202, nil)
	w.ids[use] = made.ID
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for !ok() {
		select {
		case <-w.ctx.Done():
			_, apps, _, err := w.Get("/ws/v1/cluster/apps?user.name=root", "application/json")
			w.t.Fatalf("%s: not in time\n%s\n%s\n%v", what, w.Logs(), apps, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *world) app(use string) (a struct {
	App struct {
		State, AMContainerLogs, AMHostHTTPAddress string
		RunningContainers                         int
	}
}) {
	w.t.Helper()
	if err := w.GetJSON("/ws/v1/cluster/apps/"+w.ids[use]+"?user.name=root", &a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func build(t *testing.T, ctx context.Context) *world {
	t.Helper()
	binary, err := filepath.Abs(os.Getenv("HEDDLE_BINARY"))
	if err != nil || os.Getenv("HEDDLE_BINARY") == "" {
		t.Fatalf("HEDDLE_BINARY names the binary under test (make interop sets it): %v", err)
	}
	queues := map[string]string{"yarn.scheduler.capacity.maximum-am-resource-percent": "0.3", "yarn.scheduler.capacity.resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
		"yarn.scheduler.capacity.root.queues":           "default,prod",
		"yarn.scheduler.capacity.root.default.capacity": "60", "yarn.scheduler.capacity.root.prod.capacity": "40", "yarn.scheduler.capacity.root.prod.maximum-capacity": "70",
		"yarn.scheduler.capacity.root.prod.queues": "etl,adhoc", "yarn.scheduler.capacity.root.prod.etl.capacity": "75", "yarn.scheduler.capacity.root.prod.adhoc.capacity": "25"}
	for _, leaf := range []string{"default", "prod.etl", "prod.adhoc"} {
		queues["yarn.scheduler.capacity.root."+leaf+".user-limit-factor"] = "10"
	}
	dir := t.TempDir()
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, RM: cluster.Heddle, NM: cluster.Heddle, Queues: queues, Command: []string{binary}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	w := &world{c, t, ctx, map[string]string{}}
	w.submit("failed", "ends badly", "alice", "default", "echo no; exit 3", 256)
	w.submit("done", evil, "bob", "default", "sleep 600", 256)
	file := filepath.Join(t.TempDir(), "gang.yaml")
	if err := os.WriteFile(file, []byte(gang), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, "job", "submit", "--executor", "process", file)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+c.ConfDir(), "HADOOP_USER_NAME=alice")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("submitting the job: %v\n%s", err, out)
	}
	w.until("the job's id", func() bool {
		var apps struct {
			Apps struct{ App []struct{ ID, Name string } }
		}
		if err := c.GetJSON("/ws/v1/cluster/apps?states=RUNNING&user.name=root", &apps); err != nil {
			t.Fatal(err)
		}
		for _, a := range apps.Apps.App {
			w.ids["running"] = a.ID
		}
		return len(apps.Apps.App) == 1
	})
	w.until("the job's tasks", func() bool { return w.app("running").App.RunningContainers == 4 })
	w.until("the failure", func() bool { return w.app("failed").App.State == "FAILED" })
	w.submit("starting", "never registers", "carol", "root.prod.etl", "sleep 600", 256)
	w.until("its start", func() bool { return w.app("starting").App.AMHostHTTPAddress != "" })
	for i := range 3 {
		w.submit("waiting", fmt.Sprintf("waits %d %s", i, evil), "dave", "root.prod.adhoc", "sleep 600", 400)
	}
	w.send("PUT", "/ws/v1/cluster/apps/"+w.ids["done"]+"/state?user.name=bob", `{"state":"KILLED"}`, 202, nil)
	w.until("the kill", func() bool { return w.app("done").App.State == "KILLED" })
	return w
}

// Every page opens on a screen and on a phone, in a light and in a dark room, complains about nothing, asks nobody else
// for anything, runs no script that a user put into a name, and is not wider than the screen. HEDDLE_PICTURES=DIR keeps pictures.
func TestPagesInABrowser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := build(t, ctx)
	b, err := Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}()
	rm, nm := "http://"+w.Address("web"), "http://"+w.Address("nmweb")
	attempt := "appattempt_" + strings.TrimPrefix(w.ids["running"], "application_") + "_000001"
	task := "container_" + strings.TrimPrefix(w.ids["running"], "application_") + "_01_000002"
	ended := "container_" + strings.TrimPrefix(w.ids["failed"], "application_") + "_01_000001"
	var nodes struct {
		Nodes struct{ Node []struct{ ID string } }
	}
	if err := w.GetJSON("/ws/v1/cluster/nodes", &nodes); err != nil || len(nodes.Nodes.Node) != 1 {
		t.Fatalf("%v, %v", nodes, err)
	}
	node := nodes.Nodes.Node[0].ID
	pages := []struct{ name, url, want string }{
		{"cluster", rm + "/cluster?user.name=root", "Newest applications"}, {"about", rm + "/cluster/cluster", "capacity scheduler"},
		{"apps", rm + "/cluster/apps", "waits 2 " + evil}, {"apps-running", rm + "/cluster/apps/RUNNING", w.ids["running"]},
		{"app-running", rm + "/cluster/app/" + w.ids["running"], "Timeline"}, {"app-waiting", rm + "/cluster/app/" + w.ids["waiting"], "share for ApplicationMasters"},
		{"app-starting", rm + "/cluster/app/" + w.ids["starting"], "has not registered yet"}, {"app-failed", rm + "/cluster/app/" + w.ids["failed"], "exit code 3"},
		{"app-killed", rm + "/cluster/app/" + w.ids["done"], evil},
		{"attempt", rm + "/cluster/appattempt/" + attempt, task}, {"container", rm + "/cluster/container/" + task, node}, {"container-ended", rm + "/cluster/container/" + ended, "Exit code"},
		{"nodes", rm + "/cluster/nodes", node}, {"node", rm + "/cluster/node/" + node, task}, {"scheduler", rm + "/cluster/scheduler#root.prod.adhoc", "adhoc"},
		{"nm-node", nm + "/node?user.name=root", "Containers"}, {"nm-apps", nm + "/node/allApplications", w.ids["running"]}, {"nm-app", nm + "/node/application/" + w.ids["running"], task},
		{"nm-containers", nm + "/node/allContainers", task}, {"nm-container", nm + "/node/container/" + task, "RUNNING"}, {"nm-logs", nm + "/node/containerlogs/" + task + "/alice", "stdout"},
		{"nm-log", nm + "/node/containerlogs/" + task + "/alice/stdout?start=-4096", "<b>at work</b>"},
	}
	for _, screen := range []struct {
		name          string
		width, height int
		phone, dark   bool
	}{{"screen", 1280, 800, false, false}, {"phone", 390, 844, true, true}} {
		if err := b.Screen(ctx, screen.width, screen.height, screen.phone, screen.dark); err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			seen, err := b.Open(ctx, p.url)
			if err != nil {
				t.Fatal(err)
			}
			w.clean(screen.name+" "+p.name, seen, rm, nm)
			var is struct {
				Title, Text  string
				Width, Boxes int
			}
			if err := b.Eval(ctx, `for(const d of document.querySelectorAll("details"))d.open=true;
				({Title: document.title, Text: document.body.innerText, Width: document.documentElement.scrollWidth, Boxes: [...document.querySelectorAll(".box")].filter(e => e.scrollWidth > e.clientWidth + 1).length})`, &is); err != nil {
				t.Fatal(err)
			}
			if is.Title == "broken" || !strings.HasSuffix(is.Title, "– Heddle") || !strings.Contains(is.Text, p.want) {
				t.Errorf("%s: %q is missing on the page %q:\n%.1500s", p.name, p.want, is.Title, is.Text)
			}
			if is.Width > screen.width || is.Boxes > 0 {
				t.Errorf("%s is %d pixels wide on a %s of %d; %d boxes have to be scrolled", p.name, is.Width, screen.name, screen.width, is.Boxes)
			}
			if dir := os.Getenv("HEDDLE_PICTURES"); dir != "" {
				if err := b.Picture(ctx, filepath.Join(dir, p.name+"-"+screen.name+".png")); err != nil {
					t.Error(err)
				}
			}
		}
	}
	w.sortAndFilter(b, rm, nm)
}

// clean checks that a page complained about nothing and asked only the cluster's daemons.
func (w *world) clean(page string, seen Seen, hosts ...string) {
	w.t.Helper()
	for _, trouble := range seen.Trouble {
		w.t.Errorf("%s: %s", page, trouble)
	}
	for _, asked := range seen.Requests {
		ok := false
		for _, h := range hosts {
			ok = ok || strings.HasPrefix(asked, h+"/")
		}
		if !ok {
			w.t.Errorf("%s asked for %s", page, asked)
		}
	}
}

// sortAndFilter clicks on heads of the application list and fills in its form.
func (w *world) sortAndFilter(b *Browser, rm, nm string) {
	t, ctx := w.t, w.ctx
	if err := b.Screen(ctx, 1280, 800, false, false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(ctx, rm+"/cluster/apps"); err != nil {
		t.Fatal(err)
	}
	users := func() string {
		var list []string
		if err := b.Eval(ctx, `[...document.querySelectorAll("tbody td[data-l=User]")].map(e => e.innerText.split(/\s/)[0])`, &list); err != nil {
			t.Fatal(err)
		}
		return strings.Join(list, " ")
	}
	head := func(name string) string {
		return `[...document.querySelectorAll("thead a")].find(a => a.innerText.startsWith("` + name + `")).click()`
	}
	for _, step := range []struct{ do, script, want string }{
		{"the newest first", "", "dave dave dave carol alice bob alice"},
		{"by user", head("User"), "alice alice bob carol dave dave dave"},
		{"and round", head("User"), "dave dave dave carol bob alice alice"},
		{"those with a text", `document.querySelector("input[name=q]").value = "WAITS"; document.forms[0].requestSubmit()`, "dave dave dave"},
		{"of them a state", `document.querySelector("input[name=q]").value = ""; document.querySelector("select[name=states]").value = "FAILED"; document.forms[0].requestSubmit()`, "alice"},
		{"a queue", `document.querySelector("select[name=states]").value = ""; document.querySelector("select[name=queue]").value = "root.prod.etl"; document.forms[0].requestSubmit()`, "carol"},
	} {
		if step.script != "" {
			seen, err := b.Do(ctx, step.script)
			if err != nil {
				t.Fatalf("%s: %v", step.do, err)
			}
			w.clean(step.do, seen, rm, nm)
		}
		if got := users(); got != step.want {
			t.Errorf("%s: the users are %q, want %q", step.do, got, step.want)
		}
	}
	if seen, err := b.Open(ctx, rm+"/cluster/apps?"+url.Values{"size": {"3"}, "sort": {"user"}}.Encode()); err != nil || users() != "alice alice bob" {
		t.Errorf("a page of three: %q, %v, %v", users(), seen, err)
	}
	if _, err := b.Do(ctx, `document.querySelector("a[rel=next]").click()`); err != nil || users() != "carol dave dave" {
		t.Errorf("the next three: %q, %v", users(), err)
	}
}
