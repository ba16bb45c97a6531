package jobspec

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const tfJob = `protocolVersion: 2
name: mnist_ps
type: job
prerequisites:
  - type: dockerimage
    name: tf
    uri: heddle/tensorflow
  - type: data
    name: digits
    uri: [hdfs:///data/digits, hdfs:///data/more]
parameters:
  epochs: 3
  list: [a, b]
taskRoles:
  worker:
    instances: 2
    completion: {minFailedInstances: 1, minSucceededInstances: 2}
    dockerImage: tf
    data: digits
    extraContainerOptions: {shmMB: 128}
    resourcePerInstance: {cpu: 1, memoryMB: 2048, gpu: 0, ports: {tf: 1}}
    commands:
      - echo <% $data.uri[0] %>
      - train --epochs=<%$parameters.epochs%> <% $parameters.list.1 %>
  ps:
    completion: {minFailedInstances: null, minSucceededInstances: -1}
    dockerImage: tf
    resourcePerInstance: {cpu: 1, memoryMB: 512, gpu: 1}
    commands: [serve]
defaults: {virtualCluster: lab}
jobRetryCount: 2
extras: {submitFrom: me, gangAllocation: true}
`

func TestProtocol2(t *testing.T) {
	f, warnings, err := Parse([]byte(tfJob))
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	std := []Port{{"http", 1, 0}, {"ssh", 1, 0}}
	want := &Framework{Name: "mnist_ps", Queue: "lab", RetryCount: 2, Roles: []Role{
		{Name: "worker", Instances: 2, Image: "heddle/tensorflow", CPU: 1, MemoryMB: 2048, ShmMB: 128, MinFailed: 1, MinSucceeded: 2,
			Command: "echo hdfs:///data/digits\ntrain --epochs=3 b", Data: "hdfs:///data/digits", Ports: append([]Port{{"tf", 1, 0}}, std...)},
		{Name: "ps", Instances: 1, Image: "heddle/tensorflow", CPU: 1, MemoryMB: 512, GPUs: 1, ShmMB: 512, Command: "serve", Ports: std},
	}}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
	text, err := json.Marshal(f)
	back := new(Framework)
	if err != nil || json.Unmarshal(text, back) != nil || !reflect.DeepEqual(f, back) {
		t.Errorf("JSON round trip: %s", text)
	}
	if f.Tasks() != 3 || !slices.Equal(f.Images(), []string{"heddle/tensorflow"}) {
		t.Errorf("%d tasks, images %v", f.Tasks(), f.Images())
	}
}

func TestProtocol1(t *testing.T) {
	f, warnings, err := Parse([]byte(`{
	"jobName": "old", "image": "img", "codeDir": "$PAI_DEFAULT_FS_URI/code/$PAI_USER_NAME", "retryCount": -1,
	"killAllOnCompletedTaskNumber": 2, "jobEnvs": {"A": "b", "isDebug": false}, "authFile": "", "gpuType": "",
	"taskRoles": [{"name": "main", "taskNumber": 4, "memoryMB": 32, "command": "run \"it\"", "minFailedTaskCount": 2,
		"minSucceededTaskCount": null, "portList": [{"label": "web", "beginAt": 5000, "portNumber": 2}]}]
}`))
	if err != nil || len(warnings) != 2 {
		t.Fatal(err, warnings)
	}
	r := Role{Name: "main", Instances: 4, Image: "img", CPU: 1, MemoryMB: 32, ShmMB: 32, Command: `run "it"`, MinFailed: 2,
		Ports: []Port{{"web", 2, 5000}, {"http", 1, 0}, {"ssh", 1, 0}}}
	if !reflect.DeepEqual(f.Roles, []Role{r}) || f.RetryCount != -1 || f.Env["A"] != "b" || f.Queue != DefaultQueue {
		t.Errorf("%+v", f)
	}
	f.User, f.DefaultFS, f.Roles[0].Data = "alice", "hdfs://nn:8020", "$PAI_DEFAULT_FS_URI/data"
	f.Expand()
	if f.CodeDir != "hdfs://nn:8020/code/alice" || f.Roles[0].Data != "hdfs://nn:8020/data" {
		t.Errorf("codeDir %s, data %s", f.CodeDir, f.Roles[0].Data)
	}
}

func TestEveryMistakeIsNamedWithItsLine(t *testing.T) {
	_, _, err := Parse([]byte(`protocolVersion: 3
name: "not ok!"
type: job
secrets: {a: b}
prerequisites:
  - {type: dockerimage, name: tf, uri: x, auth: {username: me}}
  - {type: dockerimage, name: tf, uri: y}
  - {type: floppy, name: z, uri: "<% $parameters.a %>"}
taskRoles:
  1st:
    dockerImage: missing
    instances: none
    taskRetryCount: 3
    completion: {minFailedInstances: 9}
    resourcePerInstance: {cpu: 0, memoryMB: 100}
    commands:
      - run <% $parameters.epochs %>
      - run <% $data.uri %>
      - run <% open
  two:
    color: red
extras: {gangAllocation: false, hivedScheduler: {}}
unheard: of
`))
	var p Problems
	if !errors.As(err, &p) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"line 1: protocolVersion: must be 2",
		`line 2: name: "not ok!" must match`,
		"line 4: secrets: is not supported yet",
		"line 6: prerequisites[0].auth: is not supported yet",
		"line 7: prerequisites[1]: another dockerimage is called tf, too",
		`line 8: prerequisites[2]: type "floppy" is none of`,
		"line 10: taskRoles.1st: role names must match",
		"line 11: taskRoles.1st.dockerImage: no prerequisite of type dockerimage is called missing",
		`line 12: taskRoles.1st.instances: must be a whole number, not "none"`,
		"line 13: taskRoles.1st.taskRetryCount: single tasks are not retried yet",
		"line 14: taskRoles.1st.completion.minFailedInstances: is 9, allowed are 1 to 1",
		"line 15: taskRoles.1st.resourcePerInstance.cpu: is 0, allowed are 1 to",
		"line 15: taskRoles.1st.resourcePerInstance: gpu is missing",
		"line 17: taskRoles.1st.commands[0]: <% $parameters.epochs %> names nothing in this job",
		"line 18: taskRoles.1st.commands[1]: <% $data.uri %>: this role has no data",
		"line 19: taskRoles.1st.commands[2]: <% without %>",
		"line 21: taskRoles.two: dockerImage is missing",
		"line 21: taskRoles.two.color: is no field",
		"line 22: extras.gangAllocation: only true is supported yet",
		"line 22: extras.hivedScheduler: is not supported yet",
		"line 23: unheard: is no field of the job protocol here",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q", want)
		}
	}
	if !slices.IsSortedFunc(p, func(a, b Problem) int { return a.Line - b.Line }) {
		t.Error("not in order of lines")
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestOtherMistakes(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"empty", "", "line 1: the file is empty"},
		{"no job", "a: b", "line 1: is no job"},
		{"a list", "- a", "must be an object"},
		{"broken YAML", "a: [\nb: c", "neither YAML nor JSON"},
		{"templates elsewhere", "{jobName: x, image: '<% $parameters.i %>', taskRoles: [{name: a, command: b}]}", "image: templates (<% … %>) are only replaced in commands"},
		{"a role twice", "{jobName: x, image: i, taskRoles: [{name: a, command: b}, {name: a, command: b}]}", "another role is called a, too"},
		{"a key twice", "jobName: x\njobName: y", "given twice"},
		{"two documents of merges", "a: &a\n  <<: *a\njobName: x", "is no field"},
		{"authentication files", "{jobName: x, image: i, authFile: hdfs:///a, taskRoles: [{name: a, command: b}]}", "authFile: is not supported yet"},
		{"too large", strings.Repeat("#", MaxBytes+1), "allowed are"},
	}
	for _, tt := range tests {
		if _, _, err := Parse([]byte(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	file := strings.Replace(tfJob, "    resourcePerInstance: {cpu: 1, memoryMB: 2048, gpu: 0, ports: {tf: 1}}", "    resourcePerInstance: &res {cpu: 1, memoryMB: 2048, gpu: 0, ports: {tf: 1}}", 1)
	file = strings.Replace(file, "    resourcePerInstance: {cpu: 1, memoryMB: 512, gpu: 1}", "    resourcePerInstance: {<<: *res, gpu: 1}", 1)
	f, _, err := Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if ps, _ := f.Role("ps"); ps.MemoryMB != 2048 || ps.GPUs != 1 {
		t.Errorf("%+v", ps)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(tfJob))
	f.Add([]byte(`{"jobName": "x", "image": "i", "taskRoles": [{"name": "a", "command": "b"}]}`))
	f.Add([]byte("a: &a\n  <<: *a\n  b: *a\nprotocolVersion: 2"))
	f.Add([]byte("protocolVersion: 2\nparameters: &p {a: *p}\ntaskRoles: {a: {commands: ['<% $parameters.a.a.a %>']}}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		job, _, err := Parse(file)
		if (job == nil) == (err == nil) {
			t.Fatalf("job %v, error %v", job, err)
		}
		if job != nil && (job.Name == "" || len(job.Roles) == 0) {
			t.Fatalf("accepted without name or roles: %+v", job)
		}
	})
}
