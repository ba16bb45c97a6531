package sandbox

import (
	"fmt"
	"heddle/hadoop/conf"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// write makes the configuration directory that daemons and clients share.
func (b *Box) write(o Options) error {
	files := map[string]map[string]string{
		"core-site.xml": {
			"fs.defaultFS":                      b.DefaultFS,
			"hadoop.tmp.dir":                    filepath.Join(b.Dir, "data"),
			"ipc.client.connect.retry.interval": "200",
			"hadoop.http.staticuser.user":       o.User,
		},
		"yarn-site.xml":   b.yarnSite(o),
		"mapred-site.xml": b.mapredSite(),
		"capacity-scheduler.xml": {
			"yarn.scheduler.capacity.root.queues":                    "default",
			"yarn.scheduler.capacity.root.default.capacity":          "100",
			"yarn.scheduler.capacity.root.default.user-limit-factor": "1",
			"yarn.scheduler.capacity.maximum-am-resource-percent":    "0.5",
			"yarn.scheduler.capacity.resource-calculator":            "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
		},
		"resource-types.xml": {"yarn.resource-types": "yarn.io/gpu"},
	}
	for name, properties := range files {
		if err := os.WriteFile(filepath.Join(b.ConfDir, name), conf.XML(properties), 0o644); err != nil {
			return fmt.Errorf("write the sandbox's configuration: %w", err)
		}
	}
	return nil
}

func (b *Box) yarnSite(o Options) map[string]string {
	data := filepath.Join(b.Dir, "data")
	site := map[string]string{
		"yarn.resourcemanager.hostname":                 Host,
		"yarn.resourcemanager.address":                  b.Address("client"),
		"yarn.resourcemanager.scheduler.address":        b.Address("scheduler"),
		"yarn.resourcemanager.resource-tracker.address": b.Address("tracker"),
		"yarn.resourcemanager.admin.address":            b.Address("admin"),
		"yarn.resourcemanager.webapp.address":           b.Address("web"),
		"yarn.resourcemanager.recovery.enabled":         "true",
		"yarn.resourcemanager.leveldb-state-store.path": filepath.Join(data, "rm"),
		"yarn.admin.acl":                                o.User,

		"yarn.nodemanager.hostname":                Host,
		"yarn.nodemanager.address":                 b.Address("nm"),
		"yarn.nodemanager.localizer.address":       b.Address("localizer"),
		"yarn.nodemanager.webapp.address":          b.Address("nmweb"),
		"yarn.nodemanager.aux-services":            "mapreduce_shuffle",
		"mapreduce.shuffle.port":                   strconv.Itoa(b.ports["shuffle"]),
		"mapreduce.shuffle.listen.address":         Host,
		"yarn.nodemanager.resource.memory-mb":      strconv.FormatInt(b.MemoryMB, 10),
		"yarn.nodemanager.resource.cpu-vcores":     strconv.FormatInt(b.VCores, 10),
		"yarn.nodemanager.vmem-check-enabled":      "false",
		"yarn.nodemanager.local-dirs":              filepath.Join(data, "nm-local"),
		"yarn.nodemanager.log-dirs":                filepath.Join(data, "nm-logs"),
		"yarn.log-aggregation-enable":              "true",
		"yarn.scheduler.minimum-allocation-mb":     "64",
		"yarn.scheduler.maximum-allocation-mb":     strconv.FormatInt(b.MemoryMB, 10),
		"yarn.scheduler.maximum-allocation-vcores": strconv.FormatInt(b.VCores, 10),

		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99",
	}
	if strings.HasPrefix(b.DefaultFS, "file:") { // an ordinary user cannot write /tmp/logs of another
		site["yarn.nodemanager.remote-app-log-dir"] = filepath.Join(b.Dir, "logs", "applications")
	}
	if o.GPUs {
		site["yarn.nodemanager.resource-plugins"] = "yarn.io/gpu"
	}
	if o.Docker {
		const prefix = "yarn.nodemanager.runtime.linux."
		site[prefix+"allowed-runtimes"] = "default,docker"
		var mounts []string
		for _, dir := range append([]string{b.Shared}, o.Mounts...) {
			mounts = append(mounts, dir+":"+dir)
		}
		site[prefix+"docker.default-rw-mounts"] = strings.Join(mounts, ",")
	}
	return site
}

func (b *Box) mapredSite() map[string]string {
	return map[string]string{
		"mapreduce.framework.name":          "yarn",
		"yarn.app.mapreduce.am.staging-dir": b.stagingDir(),
		"mapreduce.shuffle.port":            strconv.Itoa(b.ports["shuffle"]),
	}
}

// stagingDir is where clients put an application's files: below Dir on the local file system, else as Hadoop's.
func (b *Box) stagingDir() string {
	if strings.HasPrefix(b.DefaultFS, "file:") {
		return filepath.Join(b.Dir, "staging")
	}
	return "/user"
}
