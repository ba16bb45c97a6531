package jobspec

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	v2JobName  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

const defaultShmMB = 512

// Types of prerequisites.
const (
	typeImage  = "dockerimage"
	typeData   = "data"
	typeScript = "script"
	typeOutput = "output"
)

// prerequisite is one thing that roles refer to by its name.
type prerequisite struct {
	node
	kind, name string
	uri        []string
}

// v2Job is what the roles of a job share while it is rendered.
type v2Job struct {
	d             *diagnosis
	prerequisites map[string]prerequisite // by type and name
	parameters    node                    // y is nil without parameters
}

// v2 renders protocol version 2.
func (d *diagnosis) v2(o *object) *Framework {
	if n, _ := o.take("protocolVersion"); n.y.Value != "2" {
		d.problem(n, "must be 2")
	}
	f := &Framework{Name: o.name("name", v2JobName, maxName), Queue: DefaultQueue}
	if t := o.text("type", true); t != "" && t != "job" {
		d.problem(o.key("type"), "must be job, not %s", t)
	}
	for _, note := range []string{"version", "contributor", "description"} {
		o.raw(note, false)
	}
	f.RetryCount = o.integer("jobRetryCount", 0, -2, 1<<20)
	o.unsupported("secrets", "deployments")
	d.v2Defaults(o, f)
	d.v2Extras(o)
	job := &v2Job{d: d, prerequisites: d.v2Prerequisites(o)}
	if n, ok := o.take("parameters"); ok && !n.isNull() {
		d.object(n)
		job.parameters = n
	}
	roles, ok := o.take("taskRoles")
	if !ok {
		o.missing("taskRoles")
	} else {
		f.Roles = job.roles(roles)
	}
	o.finish()
	return f
}

func (d *diagnosis) v2Defaults(o *object, f *Framework) {
	n, ok := o.take("defaults")
	if !ok || n.isNull() {
		return
	}
	defaults := d.object(n)
	if q := defaults.text("virtualCluster", false); q != "" {
		f.Queue = q
	}
	defaults.unsupported("deployment")
	defaults.finish()
}

// v2Extras refuses the extras that would change how the job runs; the rest are free notes.
func (d *diagnosis) v2Extras(o *object) {
	n, ok := o.take("extras")
	if !ok || n.isNull() {
		return
	}
	extras := d.object(n)
	if g, ok := extras.take("gangAllocation"); ok && g.y.Value != "true" {
		d.problem(g, "only true is supported yet: the tasks of a job start together")
	}
	extras.unsupported("hivedScheduler", "com.microsoft.pai.runtimeplugin", "storages", "tensorBoard", "jobStatusChangeNotification")
}

func (d *diagnosis) v2Prerequisites(o *object) map[string]prerequisite {
	out := make(map[string]prerequisite)
	for _, n := range o.list("prerequisites") {
		p := d.v2Prerequisite(n)
		key := p.kind + " " + p.name
		if _, double := out[key]; double {
			d.problem(n, "another %s is called %s, too", p.kind, p.name)
		}
		out[key] = p
	}
	return out
}

func (d *diagnosis) v2Prerequisite(n node) prerequisite {
	o := d.object(n)
	p := prerequisite{node: n, kind: o.text("type", true), name: o.text("name", true)}
	for _, note := range []string{"protocolVersion", "version", "contributor", "description"} {
		o.raw(note, false)
	}
	switch p.kind {
	case typeImage, typeScript, typeOutput:
		p.uri = []string{o.text("uri", true)}
	case typeData:
		for _, item := range o.list("uri") {
			p.uri = append(p.uri, d.string(item))
		}
		if len(p.uri) == 0 {
			d.problem(n, "uri must list at least one URI")
		}
	case "":
	default:
		d.problem(n, "type %q is none of %s, %s, %s, %s", p.kind, typeImage, typeData, typeScript, typeOutput)
	}
	o.unsupported("auth", "plugin", "require", "failurePolicy", "callbacks")
	o.finish()
	return p
}

func (j *v2Job) roles(n node) []Role {
	roles := j.d.object(n)
	if len(roles.order) == 0 {
		j.d.problem(n, "must have at least one role")
	}
	var out []Role
	for _, name := range roles.order {
		if !identifier.MatchString(name) {
			j.d.problem(roles.key(name), "role names must match %s", identifier)
		}
		out = append(out, j.role(name, roles.fields[name]))
	}
	return out
}

func (j *v2Job) role(name string, n node) Role {
	d := j.d
	o := d.object(n)
	r := Role{Name: name, Instances: o.integer("instances", 1, 1, MaxInstances), MinFailed: 1, ShmMB: defaultShmMB}
	if c, ok := o.take("completion"); ok && !c.isNull() {
		co := d.object(c)
		r.MinFailed = co.count("minFailedInstances", 1, r.Instances)
		r.MinSucceeded = co.count("minSucceededInstances", 0, r.Instances)
		co.finish()
	}
	if t, ok := o.take("taskRetryCount"); ok && d.integer(t, 0, -2, 1<<20) != 0 {
		d.problem(t, "single tasks are not retried yet; use jobRetryCount, or 0")
	}
	chosen := map[string]prerequisite{}
	r.Image = first(j.choose(o, "dockerImage", typeImage, true, chosen).uri)
	r.Data = first(j.choose(o, "data", typeData, false, chosen).uri)
	r.Output = first(j.choose(o, "output", typeOutput, false, chosen).uri)
	j.choose(o, "script", typeScript, false, chosen)
	o.unsupported("prerequisites")
	j.options(o, &r)
	j.resources(o, &r)
	r.Command = j.commands(o, chosen)
	o.finish()
	d.checkCompletion(n, &r)
	return r
}

func first(uris []string) string {
	if len(uris) == 0 {
		return ""
	}
	return uris[0]
}

// choose resolves a role's reference to a prerequisite.
func (j *v2Job) choose(o *object, field, kind string, required bool, chosen map[string]prerequisite) prerequisite {
	name := o.text(field, required)
	if name == "" {
		return prerequisite{}
	}
	p, ok := j.prerequisites[kind+" "+name]
	if !ok {
		j.d.problem(o.key(field), "no prerequisite of type %s is called %s", kind, name)
		return prerequisite{}
	}
	chosen[kind] = p
	return p
}

func (j *v2Job) options(o *object, r *Role) {
	n, ok := o.take("extraContainerOptions")
	if !ok || n.isNull() {
		return
	}
	options := j.d.object(n)
	r.ShmMB = options.integer("shmMB", defaultShmMB, 1, maxMemoryMB)
	if i, ok := options.take("infiniband"); ok && i.y.Value != "false" {
		j.d.problem(i, "is not supported yet; remove it")
	}
	options.finish()
}

func (j *v2Job) resources(o *object, r *Role) {
	n, ok := o.take("resourcePerInstance")
	if !ok {
		o.missing("resourcePerInstance")
		return
	}
	res := j.d.object(n)
	r.CPU = res.required("cpu", 1, maxCPU)
	r.MemoryMB = res.required("memoryMB", 1, maxMemoryMB)
	r.GPUs = res.required("gpu", 0, maxGPUs)
	if p, ok := res.take("ports"); ok && !p.isNull() {
		ports := j.d.object(p)
		for _, label := range ports.order {
			if !identifier.MatchString(label) {
				j.d.problem(ports.key(label), "port labels must match %s", identifier)
			}
			r.Ports = append(r.Ports, Port{Label: label, Count: j.d.integer(ports.fields[label], 1, 1, MaxPorts)})
		}
	}
	r.Ports = withDefaultPorts(r.Ports)
	res.finish()
}

// commands renders a role's commands; they run one after the other in one shell.
func (j *v2Job) commands(o *object, chosen map[string]prerequisite) string {
	n, ok := o.take("commands")
	if !ok || n.isNull() {
		o.missing("commands")
		return ""
	}
	items := j.d.items(n)
	if len(items) == 0 && n.y.Kind == yaml.SequenceNode {
		j.d.problem(n, "must have at least one command")
	}
	var lines []string
	for _, item := range items {
		t := template{job: j, chosen: chosen, at: item}
		lines = append(lines, strings.TrimSpace(t.render(j.d.string(item))))
	}
	return strings.Join(lines, "\n")
}
