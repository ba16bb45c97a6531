// Package environment is what a task's command sees: OpenPAI's PAI_* variables, with the
// names of all its generations, and TF_CONFIG.
package environment

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"heddle/job/rendezvous"
	"heddle/jobspec"
)

// MaxPlaces is the number of tasks up to which every task's places have variables of their own; with more,
// a process could not be started (ARG_MAX).
const MaxPlaces = 500

// maxValue is the longest variable that Linux lets a process have (MAX_ARG_STRLEN), less the name.
const maxValue = 128<<10 - 512

// never is how OpenPAI writes a completion rule that is off.
const never = -1

// Task is what the variables are made of.
type Task struct {
	rendezvous.Assignment
	Places    []rendezvous.Place // all, in order of roles and indexes
	WorkDir   string
	Container string // id
}

type vars map[string]string

func (v vars) number(name string, n int) { v[name] = strconv.Itoa(n) }

// Variables are the task's variables. The job's own come last and win. left names variables that are too
// long for a process and were left out.
func Variables(t *Task) (out map[string]string, left []string, err error) {
	role, ok := t.Framework.Role(t.Role)
	me := t.place(t.Role, t.Index)
	if !ok || me == nil {
		return nil, nil, fmt.Errorf("the ApplicationMaster's roster has no place for %s-%d", t.Role, t.Index)
	}
	v := vars{}
	t.job(v)
	t.current(v, role)
	t.container(v, role, me)
	for i := range t.Framework.Roles {
		t.role(v, &t.Framework.Roles[i])
	}
	if v["TF_CONFIG"], err = TFConfig(t); err != nil {
		return nil, nil, err
	}
	for name, value := range t.Framework.Env {
		v[name] = value
	}
	for name, value := range v {
		if len(name)+len(value) > maxValue {
			left = append(left, name)
			delete(v, name)
		}
	}
	slices.Sort(left)
	return v, left, nil
}

func (t *Task) place(role string, index int) *rendezvous.Place {
	i := slices.IndexFunc(t.Places, func(p rendezvous.Place) bool { return p.Role == role && p.Index == index })
	if i < 0 {
		return nil
	}
	return &t.Places[i]
}

// JobName is the framework's name as OpenPAI has it, user~job.
func JobName(f *jobspec.Framework) string { return f.User + "~" + f.Name }

func (t *Task) job(v vars) {
	f := &t.Framework
	names := make([]string, len(f.Roles))
	for i, r := range f.Roles {
		names[i] = r.Name
	}
	list := strings.Join(names, ",")
	for _, name := range []string{"PAI_JOB_NAME", "PAI_FRAMEWORK_NAME", "FRAMEWORK_NAME"} {
		v[name] = JobName(f)
	}
	for _, name := range []string{"PAI_USER_NAME", "PAI_USERNAME", "HADOOP_USER_NAME"} {
		v[name] = f.User
	}
	for _, name := range []string{"PAI_JOB_VC_NAME", "PAI_VIRTUAL_CLUSTER"} {
		v[name] = f.Queue
	}
	v["PAI_DEFAULT_FS_URI"], v["PAI_WORK_DIR"] = f.DefaultFS, t.WorkDir
	v["PAI_DATA_DIR"], v["PAI_OUTPUT_DIR"], v["PAI_CODE_DIR"] = f.DataDir, f.OutputDir, f.CodeDir
	for _, name := range []string{"PAI_JOB_TASK_COUNT", "PAI_TASKS_NUM"} {
		v.number(name, f.Tasks())
	}
	for _, name := range []string{"PAI_JOB_TASK_ROLE_COUNT", "PAI_TASK_ROLE_COUNT", "PAI_TASK_ROLES_NUM"} {
		v.number(name, len(f.Roles))
	}
	for _, name := range []string{"PAI_JOB_TASK_ROLE_LIST", "PAI_TASK_ROLE_LIST"} {
		v[name] = list
	}
}

func (t *Task) current(v vars, r *jobspec.Role) {
	const current = "PAI_CURRENT_TASK_ROLE_"
	v[current+"NAME"], v["PAI_TASK_ROLE_NAME"] = r.Name, r.Name
	for name, n := range map[string]int{
		current + "TASK_COUNT": r.Instances, "PAI_TASK_ROLE_NUM": r.Instances,
		current + "CPU_COUNT": r.CPU, "PAI_TASK_CPU_NUM": r.CPU,
		current + "MEM_MB": r.MemoryMB, "PAI_TASK_MEM_MB": r.MemoryMB,
		current + "SHM_MB":    r.ShmMB,
		current + "GPU_COUNT": r.GPUs, "PAI_TASK_GPU_NUM": r.GPUs,
		current + "MIN_FAILED_TASK_COUNT":    orNever(r.MinFailed),
		current + "MIN_SUCCEEDED_TASK_COUNT": orNever(r.MinSucceeded),
		current + "CURRENT_TASK_INDEX":       t.Index, "PAI_TASK_INDEX": t.Index,
		"PAI_TASK_ROLE_INDEX": slices.IndexFunc(t.Framework.Roles, func(x jobspec.Role) bool { return x.Name == r.Name }),
	} {
		v.number(name, n)
	}
	v["PAI_RESOURCE"] = resources(r)
	if r.Data != "" {
		v["PAI_DATA_DIR"] = r.Data
	}
	if r.Output != "" {
		v["PAI_OUTPUT_DIR"] = r.Output
	}
}

func orNever(n int) int {
	if n == 0 {
		return never
	}
	return n
}

func resources(r *jobspec.Role) string {
	return fmt.Sprintf("%d,%d,%d,%d", r.GPUs, r.CPU, r.MemoryMB, r.ShmMB)
}

func (t *Task) container(v vars, r *jobspec.Role, me *rendezvous.Place) {
	v["PAI_CONTAINER_ID"], v["APP_ID"] = t.Container, t.Application
	v["PAI_CONTAINER_HOST_IP"], v["PAI_CURRENT_CONTAINER_IP"] = me.Host, me.Host
	var list strings.Builder
	for _, p := range r.Ports {
		numbers := numberList(me.Ports[p.Label])
		list.WriteString(p.Label + ":" + numbers + ";")
		v["PAI_CONTAINER_HOST_"+p.Label+"_PORT_LIST"] = numbers
	}
	v["PAI_CONTAINER_HOST_PORT_LIST"], v["CONTAINER_PORTS"] = list.String(), list.String()
	v["PAI_CONTAINER_HOST_PORT"] = firstPort(me, jobspec.PortHTTP)
	v["PAI_CURRENT_CONTAINER_PORT"] = v["PAI_CONTAINER_HOST_PORT"]
	v["PAI_CONTAINER_SSH_PORT"] = firstPort(me, jobspec.PortSSH)
}

func (t *Task) role(v vars, r *jobspec.Role) {
	v.number("PAI_TASK_ROLE_TASK_COUNT_"+r.Name, r.Instances)
	v["PAI_RESOURCE_"+r.Name] = resources(r)
	v.number("PAI_MIN_FAILED_TASK_COUNT_"+r.Name, orNever(r.MinFailed))
	v.number("PAI_MIN_SUCCEEDED_TASK_COUNT_"+r.Name, orNever(r.MinSucceeded))
	var hosts []string
	for i := range t.Places {
		p := &t.Places[i]
		if p.Role != r.Name {
			continue
		}
		hosts = append(hosts, net.JoinHostPort(p.Host, firstPort(p, jobspec.PortHTTP)))
		if len(t.Places) > MaxPlaces {
			continue
		}
		suffix := r.Name + "_" + strconv.Itoa(p.Index)
		v["PAI_HOST_IP_"+suffix] = p.Host
		for label, ports := range p.Ports {
			v["PAI_PORT_LIST_"+suffix+"_"+label] = numberList(ports)
			v["PAI_"+suffix+"_"+label+"_PORT"] = numberList(ports)
		}
	}
	v["PAI_TASK_ROLE_"+r.Name+"_HOST_LIST"] = strings.Join(hosts, ",")
}

func firstPort(p *rendezvous.Place, label string) string {
	if len(p.Ports[label]) == 0 {
		return ""
	}
	return strconv.Itoa(p.Ports[label][0])
}

func numberList(ports []int) string {
	out := make([]string, len(ports))
	for i, p := range ports {
		out[i] = strconv.Itoa(p)
	}
	return strings.Join(out, ",")
}

// Roles that TensorFlow knows under another name.
var tensorFlowTypes = map[string]string{"coordinator": "chief", "ps_server": "ps", "parameter_server": "ps"}

// tfEvaluator takes no part in the cluster, only its own task says so.
const tfEvaluator = "evaluator"

// PortTF is the label of the port that TensorFlow's servers listen on; a role without it uses its http port.
const PortTF = "tf"

// TFConfig is TensorFlow's description of the cluster and of this task in it.
func TFConfig(t *Task) (string, error) {
	type task struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}
	cluster := map[string][]string{}
	me := task{}
	for i := range t.Places {
		p := &t.Places[i]
		kind := tensorFlowType(p.Role)
		if p.Role == t.Role && p.Index == t.Index {
			me = task{kind, len(cluster[kind])}
			if kind == tfEvaluator {
				me.Index = p.Index
			}
		}
		if kind == tfEvaluator {
			continue
		}
		port := firstPort(p, PortTF)
		if port == "" {
			port = firstPort(p, jobspec.PortHTTP)
		}
		cluster[kind] = append(cluster[kind], net.JoinHostPort(p.Host, port))
	}
	text, err := json.Marshal(struct {
		Cluster map[string][]string `json:"cluster"`
		Task    task                `json:"task"`
	}{cluster, me})
	return string(text), err
}

func tensorFlowType(role string) string {
	if kind, ok := tensorFlowTypes[role]; ok {
		return kind
	}
	return role
}
