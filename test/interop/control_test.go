//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/test/cluster"
)

// controlQueues have what commands can run against: rights, a stopped queue, one whose AM share is small, bounds of time and priority.
var controlQueues = map[string]string{
	"yarn.scheduler.capacity.root.queues":                              "default,batch,teams,stopped",
	"yarn.scheduler.capacity.root.default.capacity":                    "50",
	"yarn.scheduler.capacity.root.batch.capacity":                      "30",
	"yarn.scheduler.capacity.root.teams.capacity":                      "15",
	"yarn.scheduler.capacity.root.stopped.capacity":                    "5",
	"yarn.scheduler.capacity.root.stopped.state":                       "STOPPED",
	"yarn.scheduler.capacity.root.teams.queues":                        "a,b",
	"yarn.scheduler.capacity.root.teams.a.capacity":                    "60",
	"yarn.scheduler.capacity.root.teams.b.capacity":                    "40",
	"yarn.scheduler.capacity.root.teams.b.maximum-capacity":            "50",
	"yarn.scheduler.capacity.root.teams.b.maximum-am-resource-percent": "0.01",
	"yarn.scheduler.capacity.root.batch.default-application-priority":  "1",
	"yarn.scheduler.capacity.root.batch.maximum-application-lifetime":  "200000",
	"yarn.scheduler.capacity.root.default.user-limit-factor":           "10",
	"yarn.scheduler.capacity.root.batch.user-limit-factor":             "10",
	"yarn.scheduler.capacity.root.acl_submit_applications":             " ",
	"yarn.scheduler.capacity.root.acl_administer_queue":                " ",
	"yarn.scheduler.capacity.root.default.acl_submit_applications":     "*",
	"yarn.scheduler.capacity.root.batch.acl_submit_applications":       "alice",
	"yarn.scheduler.capacity.root.batch.acl_administer_queue":          "carol",
	"yarn.scheduler.capacity.root.teams.acl_submit_applications":       "alice,bob",
	"yarn.scheduler.capacity.root.stopped.acl_submit_applications":     "*",
	"yarn.scheduler.capacity.maximum-am-resource-percent":              "0.6",
	"yarn.scheduler.capacity.resource-calculator":                      "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
}

// side is one of the two clusters that are compared.
type side struct {
	c      *cluster.Cluster
	java   *hadoopsYarn
	words  *strings.Replacer // the names in the tables to what this cluster calls them
	common *strings.Replacer // what only this cluster has to what both have
}

// TestBothResourceManagersAnswerAlike brings a cluster of ours and one of Java's to the same state, and asks both the same by Hadoop's
// own client and by REST. Of answers that differ on purpose docs/compatibility.md tells; they are not in the tables.
func TestBothResourceManagersAnswerAlike(t *testing.T) {
	ctx := limited(t, 4*time.Minute)
	stop := filepath.Join(t.TempDir(), "stop")
	if err := os.Chmod(filepath.Dir(stop), 0o755); err != nil {
		t.Fatal(err)
	}
	sides := make([]*side, 2)
	errs := make([]error, 2)
	both := func(f func(i int)) {
		var wg sync.WaitGroup
		wg.Go(func() { f(0) })
		f(1)
		wg.Wait()
	}
	both(func(i int) {
		sides[i], errs[i] = startSide(t, ctx, []cluster.Kind{cluster.Heddle, cluster.Java}[i], stop)
	})
	t.Cleanup(func() {
		if err := os.WriteFile(stop, nil, 0o644); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	ask := func(what string, answer func(s *side) (string, error)) {
		t.Run(what, func(t *testing.T) {
			var got [2]string
			both(func(i int) { got[i], errs[i] = answer(sides[i]) })
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			if got[0] != got[1] {
				ours, javas := apart(got[0], got[1])
				t.Errorf("ours:\n%s\nJava's:\n%s", ours, javas)
			}
		})
	}
	for _, line := range controlCommands {
		ask(line, func(s *side) (string, error) { return s.command(line) })
	}
	for _, line := range controlRequests {
		ask(line, func(s *side) (string, error) { return s.request(line) })
	}
}

// startSide starts a cluster of one kind; its running application ends when there is a file stop.
func startSide(t *testing.T, ctx context.Context, kind cluster.Kind, stop string) (*side, error) {
	o := shared.options("control-"+string(kind), kind, kind)
	o.Queues = controlQueues
	o.Site = map[string]string{"yarn.cluster.max-application-priority": "10", "yarn.node-attribute.fs-store.root-dir": filepath.Join(o.Dir, "attributes")}
	c, err := cluster.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	t.Cleanup(c.Stop)
	s := &side{c: c}
	pairs := []string{c.Dir(), "<dir>", "127.0.0.1", "localhost"}
	for _, name := range []string{"rm", "scheduler", "tracker", "admin", "web", "nm", "localizer", "nmweb", "shuffle"} {
		_, port, _ := strings.Cut(c.Address(name), ":")
		pairs = append(pairs, ":"+port, ":<"+name+">", "_"+port, "_<"+name+">")
	}
	s.common = strings.NewReplacer(pairs...)
	words, err := s.fill(t, ctx, stop)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	s.words = strings.NewReplacer(words...)
	s.java = startHadoopsYarn(t, ctx, c)
	return s, nil
}

// fill brings the cluster to the state that it is asked about: applications that have ended well (F), failed (X), were killed (K),
// run (R), whose AMs have not registered (A, B), wait (P), and one without an AM (U).
func (s *side) fill(t *testing.T, ctx context.Context, stop string) (words []string, err error) {
	shells := []string{"echo compared", "echo runs; while [ ! -e " + stop + " ]; do sleep 0.2; done"}
	for i, command := range shells {
		var wg sync.WaitGroup
		wg.Go(func() {
			run, err := s.c.Shell(ctx, "", "-shell_command", command, "-num_containers", "1", "-master_memory", "256", "-container_memory", "128", "-priority", fmt.Sprint(3-i))
			if ctx.Err() == nil && (err != nil || run.Code != 0) {
				t.Logf("DistributedShell: %v, code %d: %s", err, run.Code, end(run.Out))
			}
		})
		t.Cleanup(wg.Wait)
		if err := s.await("a submission", func() error {
			var list struct {
				Apps struct{ App []struct{ ID string } }
			}
			if err := s.c.GetJSON("/ws/v1/cluster/apps?user.name=root", &list); err != nil || len(list.Apps.App) != i+1 {
				return errors.Join(err, fmt.Errorf("%d applications", len(list.Apps.App)))
			}
			id := slices.MaxFunc(list.Apps.App, func(a, b struct{ ID string }) int { return strings.Compare(a.ID, b.ID) }).ID
			words = append(words, named(id, string("FR"[i]))...)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	for _, a := range []struct{ name, user, queue, more, command string }{
		{"X", "root", "default", `"application-name":"fails","application-type":"SPARK","application-tags":{"tag":["b"]},"priority":2`, "echo no >&2; exit 3"},
		{"K", "alice", "batch", `"application-name":"killed","application-type":"YARN","priority":0`, "sleep 1000"},
		{"A", "alice", "batch", `"application-name":"accepted","application-type":"YARN","priority":1,"application-timeouts":{"entry":[{"key":"LIFETIME","value":"100000"}]}`, "sleep 1000"},
		{"B", "bob", "root.teams.b", `"application-name":"first","application-type":"YARN","priority":0`, "sleep 1000"},
		{"P", "bob", "root.teams.b", `"application-name":"waits","application-type":"YARN","priority":0`, "sleep 1000"},
		{"U", "root", "default", `"application-name":"unmanaged","application-type":"YARN","unmanaged-AM":true,"priority":0`, "true"},
	} {
		id, err := s.submit(a.user, a.queue, a.more, a.command)
		if err != nil {
			return nil, err
		}
		words = append(words, named(id, a.name)...)
		if a.name == "K" {
			if err := s.await("the start of "+id, func() error { return s.runs(words[len(words)-1]) }); err != nil {
				return nil, err
			}
			if code, body, _, err := s.do(http.MethodPut, "/ws/v1/cluster/apps/"+id+"/state?user.name=alice", `{"state":"KILLED"}`, jsonType); err != nil || code != http.StatusAccepted {
				return nil, fmt.Errorf("killing %s: %d %s, %w", id, code, body, err)
			}
		}
	}
	ids := strings.NewReplacer(words...)
	for what, ok := range map[string]func() error{
		"ended applications": func() error {
			return errors.Join(s.ended(ids.Replace("${F}"), "FINISHED"), s.ended(ids.Replace("${X}"), "FAILED"), s.ended(ids.Replace("${K}"), "KILLED"))
		},
		"running containers": func() error {
			return errors.Join(s.runs(ids.Replace("${RC}")), s.runs(ids.Replace("${AM}")), s.runs(ids.Replace("${BM}")))
		},
	} {
		if err := s.await(what, ok); err != nil {
			return nil, err
		}
	}
	var nodes struct {
		Nodes struct{ Node []struct{ ID string } }
	}
	if err := s.c.GetJSON("/ws/v1/cluster/nodes", &nodes); err != nil {
		return nil, err
	}
	return append(words, "$N", nodes.Nodes.Node[0].ID), nil
}

// named are an application's id, its first attempt's, that one's second container's and its AM's after the names of the tables.
func named(app, name string) []string {
	n := strings.TrimPrefix(app, "application")
	return []string{"${" + name + "}", app, "${" + name + "A}", "appattempt" + n + "_000001", "${" + name + "C}", "container" + n + "_01_000002", "${" + name + "M}", "container" + n + "_01_000001"}
}

var jsonType = map[string]string{"Content-Type": "application/json", "Accept": "application/json"}

// submit runs command as an AM of 256 MB.
func (s *side) submit(user, queue, more, command string) (string, error) {
	code, body, _, err := s.do(http.MethodPost, "/ws/v1/cluster/apps/new-application?user.name="+user, "", nil)
	var id struct {
		ID string `json:"application-id"`
	}
	if err != nil || code != http.StatusOK || json.Unmarshal(body, &id) != nil {
		return "", fmt.Errorf("a new application: %d %s, %w", code, body, err)
	}
	text := fmt.Sprintf(`{"application-id":%q,"queue":%q,"am-container-spec":{"commands":{"command":%q}},"resource":{"memory":256,"vCores":1},%s}`, id.ID, queue, command, more)
	if code, body, _, err = s.do(http.MethodPost, "/ws/v1/cluster/apps?user.name="+user, text, jsonType); err != nil || code != http.StatusAccepted {
		return "", fmt.Errorf("submitting %s: %d %s, %w", text, code, body, err)
	}
	return id.ID, nil
}

// ended reports whether an application is in a final state and its logs are where they belong.
func (s *side) ended(app, state string) error {
	var a struct {
		App struct{ State, LogAggregationStatus string }
	}
	if err := s.c.GetJSON("/ws/v1/cluster/apps/"+app+"?user.name=root", &a); err != nil {
		return err
	}
	if a.App.State != state || a.App.LogAggregationStatus != "SUCCEEDED" {
		return fmt.Errorf("%s: %+v", app, a.App)
	}
	return nil
}

// runs reports whether a container runs on the node.
func (s *side) runs(id string) error {
	code, body, _, err := s.do(http.MethodGet, "nm:/ws/v1/node/containers/"+id+"/logs/prelaunch.out?user.name=root", "", nil)
	if err != nil || code != http.StatusOK || !strings.Contains(string(body), "Launching container") {
		return fmt.Errorf("%s: %d %.200s, %w", id, code, body, err)
	}
	return nil
}

func (s *side) await(what string, ok func() error) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ok()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// controlClient follows no redirects: they too are answers.
var controlClient = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do asks the ResourceManager's web server, or the NodeManager's where the path begins with "nm:".
func (s *side) do(method, path, body string, header map[string]string) (int, []byte, http.Header, error) {
	base := s.c.Address("web")
	if p, ok := strings.CutPrefix(path, "nm:"); ok {
		base, path = s.c.Address("nmweb"), p
	}
	r, err := http.NewRequest(method, "http://"+base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := controlClient.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, resp.Header, err
}

// command is the answer of Hadoop's client to a line of the table.
func (s *side) command(line string) (string, error) {
	a, err := s.java.run(strings.Fields(s.words.Replace(line)))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("code %d\n%s\n%s", a.code, s.plain(a.out), s.plain(a.err)), nil
}

// request is the answer, in JSON but for logs, to a line of the table: a method, a path, and maybe a body in JSON.
func (s *side) request(line string) (string, error) {
	method, rest, _ := strings.Cut(s.words.Replace(line), " ")
	path, text, _ := strings.Cut(rest, " ")
	asked := jsonType
	if strings.Contains(path, "/logs/") {
		asked = map[string]string{"Accept": "text/plain"}
	}
	code, body, header, err := s.do(method, path, text, asked)
	if err != nil {
		return "", err
	}
	var v any
	if strings.Contains(header.Get("Content-Type"), "json") && json.Unmarshal(body, &v) == nil {
		body = []byte(strings.Join(slices.Sorted(maps.Keys(fields("", v))), "\n"))
	}
	return fmt.Sprintf("%d %s\n%s", code, header.Get("Location"), s.plain(string(body))), nil
}
