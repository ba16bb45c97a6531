package jobspec

import (
	"regexp"
	"strings"
)

var (
	v1JobName   = regexp.MustCompile(`^[A-Za-z0-9\-._~]+$`)
	v1RoleName  = regexp.MustCompile(`^[A-Za-z0-9._~]+$`)
	v1EnvName   = regexp.MustCompile(`^\w+$`)
	truthy      = regexp.MustCompile(`^(?i:true|1|yes|on)$`)
	maxName     = 255
	maxCPU      = 1 << 16
	maxMemoryMB = 1 << 30
	maxGPUs     = 1 << 10
)

// v1 renders protocol version 1.
func (d *diagnosis) v1(o *object) *Framework {
	f := &Framework{
		Name:       o.name("jobName", v1JobName, maxName),
		Queue:      DefaultQueue,
		CodeDir:    o.text("codeDir", false),
		DataDir:    o.text("dataDir", false),
		OutputDir:  o.text("outputDir", false),
		RetryCount: o.integer("retryCount", 0, -2, 1<<20),
	}
	if q := o.text("virtualCluster", false); q != "" {
		f.Queue = q
	}
	image := o.text("image", true)
	d.emptyOnly(o, "authFile", "gpuType")
	if n, ok := o.take("killAllOnCompletedTaskNumber"); ok && !n.isNull() {
		d.warn(n, "is obsolete and has no effect; use minSucceededTaskCount of a role")
	}
	o.take("extras") // the portal's and the SDK's own notes
	f.Env = d.v1Env(o)
	roles := o.list("taskRoles")
	if len(roles) == 0 {
		o.missing("taskRoles")
	}
	seen := make(map[string]bool)
	for _, n := range roles {
		r := d.v1Role(n, image)
		if seen[r.Name] {
			d.problem(n, "another role is called %s, too", r.Name)
		}
		seen[r.Name] = true
		f.Roles = append(f.Roles, r)
	}
	o.finish()
	return f
}

// emptyOnly refuses fields that are not built unless they say nothing.
func (d *diagnosis) emptyOnly(o *object, names ...string) {
	for _, name := range names {
		if n, ok := o.fields[name]; ok && n.y.Value == "" && len(n.y.Content) == 0 {
			o.take(name)
		}
	}
	o.unsupported(names...)
}

func (d *diagnosis) v1Env(o *object) map[string]string {
	n, ok := o.take("jobEnvs")
	if !ok || n.isNull() {
		return nil
	}
	env := make(map[string]string)
	vars := d.object(n)
	for _, name := range vars.order {
		value := d.string(vars.fields[name])
		if (name == "isDebug" || name == "paiAzRDMA") && truthy.MatchString(value) {
			d.problem(vars.fields[name], "is not supported yet; remove it")
		}
		if !v1EnvName.MatchString(name) {
			d.problem(vars.key(name), "variable names have letters, digits and _ only")
		}
		env[name] = value
	}
	return env
}

func (d *diagnosis) v1Role(n node, image string) Role {
	o := d.object(n)
	r := Role{
		Name:      o.name("name", v1RoleName, maxName),
		Image:     image,
		Instances: o.integer("taskNumber", 1, 1, MaxInstances),
		CPU:       o.integer("cpuNumber", 1, 1, maxCPU),
		MemoryMB:  o.integer("memoryMB", 100, 1, maxMemoryMB),
		GPUs:      o.integer("gpuNumber", 0, 0, maxGPUs),
		Command:   strings.TrimSpace(o.raw("command", true)),
	}
	r.ShmMB = o.integer("shmMB", min(64, r.MemoryMB), 1, r.MemoryMB)
	r.MinFailed = o.count("minFailedTaskCount", 1, r.Instances)
	r.MinSucceeded = o.count("minSucceededTaskCount", 0, r.Instances)
	labels := make(map[string]bool)
	for _, pn := range o.list("portList") {
		po := d.object(pn)
		p := Port{
			Label: po.name("label", v1RoleName, maxName),
			Start: po.integer("beginAt", 0, 0, 65535),
			Count: po.integer("portNumber", 1, 1, MaxPorts),
		}
		if labels[p.Label] {
			d.problem(pn, "another port is called %s, too", p.Label)
		}
		labels[p.Label] = true
		po.finish()
		r.Ports = append(r.Ports, p)
	}
	r.Ports = withDefaultPorts(r.Ports)
	o.finish()
	d.checkCompletion(n, &r)
	return r
}
