package environment

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"heddle/job/rendezvous"
	"heddle/jobspec"
)

const golden = "testdata/worker-1.env"

func task(role string, index int) *Task {
	std := []jobspec.Port{{Label: "http", Count: 1}, {Label: "ssh", Count: 1}}
	t := &Task{WorkDir: "/work", Container: "container_1_0001_01_000004", Assignment: rendezvous.Assignment{
		Role: role, Index: index, Application: "application_1_0001",
		Framework: jobspec.Framework{Name: "mnist", User: "alice", Queue: "lab", DefaultFS: "hdfs://nn:8020", DataDir: "hdfs://nn:8020/data", Env: map[string]string{"EPOCHS": "3"},
			Roles: []jobspec.Role{
				{Name: "coordinator", Instances: 1, CPU: 1, MemoryMB: 512, ShmMB: 64, Ports: std, MinSucceeded: 1},
				{Name: "ps_server", Instances: 1, CPU: 1, MemoryMB: 512, ShmMB: 64, Ports: std},
				{Name: "worker", Instances: 2, CPU: 4, MemoryMB: 2048, GPUs: 1, ShmMB: 512, MinFailed: 1, Ports: append([]jobspec.Port{{Label: "tf", Count: 2}}, std...)},
				{Name: "evaluator", Instances: 1, CPU: 1, MemoryMB: 512, ShmMB: 64, Ports: std},
			}}}}
	port := 20000
	for _, r := range t.Framework.Roles {
		for i := range r.Instances {
			p := rendezvous.Place{Role: r.Name, Index: i, Host: fmt.Sprintf("10.0.0.%d", len(t.Places)+1), Ports: map[string][]int{}}
			for _, l := range r.Ports {
				for range l.Count {
					p.Ports[l.Label] = append(p.Ports[l.Label], port)
					port++
				}
			}
			t.Places = append(t.Places, p)
		}
	}
	return t
}

// The golden file is made by hand once, and read: HEDDLE_GOLDEN=write go test ./agent/environment
func TestVariablesOfAWorker(t *testing.T) {
	v, left, err := Variables(task("worker", 1))
	if err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(&b, "%s=%s\n", name, v[name])
	}
	if os.Getenv("HEDDLE_GOLDEN") == "write" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the variables are\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTFConfig(t *testing.T) {
	const cluster = `{"cluster":{"chief":["10.0.0.1:20000"],"ps":["10.0.0.2:20002"],"worker":["10.0.0.3:20004","10.0.0.4:20008"]},"task":`
	for _, tt := range []struct {
		role  string
		index int
		want  string
	}{
		{"coordinator", 0, `{"type":"chief","index":0}}`},
		{"ps_server", 0, `{"type":"ps","index":0}}`},
		{"worker", 1, `{"type":"worker","index":1}}`},
		{"evaluator", 0, `{"type":"evaluator","index":0}}`},
	} {
		if got, err := TFConfig(task(tt.role, tt.index)); err != nil || got != cluster+tt.want {
			t.Errorf("%s-%d: %s, %v", tt.role, tt.index, got, err)
		}
	}
}

func TestTheJobsOwnVariablesWin(t *testing.T) {
	j := task("worker", 0)
	j.Framework.Env = map[string]string{"PAI_JOB_NAME": "mine", "TF_CONFIG": "", "HUGE": strings.Repeat("x", 200<<10)}
	v, left, err := Variables(j)
	if err != nil || v["PAI_JOB_NAME"] != "mine" || v["TF_CONFIG"] != "" {
		t.Errorf("%q, %q, %v", v["PAI_JOB_NAME"], v["TF_CONFIG"], err)
	}
	if !slices.Equal(left, []string{"HUGE"}) {
		t.Errorf("left out: %v", left)
	}
}

func TestAGangOfThousandsStillStarts(t *testing.T) {
	j := task("worker", 0)
	j.Places = j.Places[:3]
	for i := range 4000 {
		j.Places = append(j.Places, rendezvous.Place{Role: "worker", Index: i + 1, Host: "10.0.0.1", Ports: map[string][]int{"http": {20000 + i}, "tf": {30000 + i}}})
	}
	v, _, err := Variables(j)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, value := range v {
		total += len(name) + len(value) + 2
	}
	if total > 1<<20 || v["PAI_TASK_ROLE_worker_HOST_LIST"] == "" {
		t.Errorf("%d bytes of environment", total)
	}
}

func TestATaskWithoutAPlaceIsAnError(t *testing.T) {
	j := task("worker", 7)
	if _, _, err := Variables(j); err == nil {
		t.Error("no error")
	}
}
