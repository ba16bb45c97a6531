//go:build interop

package cluster

import (
	"fmt"
	"heddle/hadoop/conf"
	"os"
	"path/filepath"
	"strings"
)

const openLang = "--add-opens=java.base/java.lang=ALL-UNNAMED"

// WriteXML writes a Hadoop configuration file.
func WriteXML(path string, properties map[string]string) error {
	return os.WriteFile(path, conf.XML(properties), 0o644)
}

const log4j = `log4j.rootLogger=INFO,stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
`

// DefaultQueues are two queues, interactive and batch, beside default.
var DefaultQueues = map[string]string{
	"yarn.scheduler.capacity.root.queues":                          "default,batch",
	"yarn.scheduler.capacity.root.default.capacity":                "60",
	"yarn.scheduler.capacity.root.batch.capacity":                  "40",
	"yarn.scheduler.capacity.root.default.user-limit-factor":       "10",
	"yarn.scheduler.capacity.root.batch.user-limit-factor":         "10",
	"yarn.scheduler.capacity.root.acl_submit_applications":         " ",
	"yarn.scheduler.capacity.root.default.acl_submit_applications": "*",
	"yarn.scheduler.capacity.root.batch.acl_submit_applications":   "*",
	"yarn.scheduler.capacity.maximum-am-resource-percent":          "0.6",
	"yarn.scheduler.capacity.resource-calculator":                  "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
}

func (c *Cluster) writeConf() error {
	dir, data := c.ConfDir(), filepath.Join(c.options.Dir, "data")
	for _, d := range []string{dir, data} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	queues := c.options.Queues
	if queues == nil {
		queues = DefaultQueues
	}
	files := map[string]map[string]string{
		"core-site.xml": {
			"fs.defaultFS": "file:///", "hadoop.tmp.dir": filepath.Join(data, "tmp"),
			"hadoop.proxyuser.root.hosts": "*", "hadoop.proxyuser.root.groups": "*",
			"ipc.client.connect.retry.interval": "200",
		},
		"mapred-site.xml":        c.mapredSite(),
		"yarn-site.xml":          c.yarnSite(data),
		"capacity-scheduler.xml": queues,
		"resource-types.xml":     {"yarn.resource-types": "yarn.io/gpu"},
	}
	if h := c.options.HDFS; h != nil {
		files["core-site.xml"]["fs.defaultFS"] = h.URI()
	}
	if c.options.Outside {
		moveOutside(files["yarn-site.xml"])
	}
	for key, value := range c.options.Site {
		file := "core-site.xml"
		switch {
		case strings.HasPrefix(key, "yarn."):
			file = "yarn-site.xml"
		case strings.HasPrefix(key, "mapreduce."): // core-site.xml is read before mapred-default.xml
			file = "mapred-site.xml"
		}
		files[file][key] = value
	}
	for name, properties := range files {
		if err := WriteXML(filepath.Join(dir, name), properties); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "log4j.properties"), []byte(log4j), 0o644)
}

func (c *Cluster) mapredSite() map[string]string {
	return map[string]string{
		"mapreduce.framework.name": "yarn", "mapreduce.application.classpath": c.jars + "/*",
		"yarn.app.mapreduce.am.resource.mb": "512", "yarn.app.mapreduce.am.command-opts": "-Xmx320m " + openLang,
		"mapreduce.map.memory.mb": "400", "mapreduce.reduce.memory.mb": "400", "mapred.child.java.opts": "-Xmx240m " + openLang,
		"mapreduce.shuffle.port": fmt.Sprint(c.ports["shuffle"]), "yarn.app.mapreduce.am.staging-dir": "/user",
	}
}

func (c *Cluster) yarnSite(data string) map[string]string {
	const prefix = "org.apache.hadoop.yarn.server.resourcemanager."
	return map[string]string{
		"yarn.resourcemanager.address":                  c.Address("rm"),
		"yarn.resourcemanager.scheduler.address":        c.Address("scheduler"),
		"yarn.resourcemanager.resource-tracker.address": c.Address("tracker"),
		"yarn.resourcemanager.admin.address":            c.Address("admin"),
		"yarn.resourcemanager.webapp.address":           c.Address("web"),
		"yarn.nodemanager.address":                      c.Address("nm"),
		"yarn.nodemanager.localizer.address":            c.Address("localizer"),
		"yarn.nodemanager.webapp.address":               c.Address("nmweb"),

		"yarn.resourcemanager.scheduler.class":                             prefix + "scheduler.capacity.CapacityScheduler",
		"yarn.resourcemanager.recovery.enabled":                            "true",
		"yarn.resourcemanager.store.class":                                 prefix + "recovery.FileSystemRMStateStore",
		"yarn.resourcemanager.fs.state-store.uri":                          "file://" + data + "/rm-store",
		"yarn.resourcemanager.leveldb-state-store.path":                    data + "/rm-store-db",
		"yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": "0",
		"yarn.resourcemanager.connect.retry-interval.ms":                   "500",
		"yarn.acl.enable":                      "true",
		"yarn.admin.acl":                       "root",
		"yarn.scheduler.minimum-allocation-mb": "128",
		"yarn.log-aggregation-enable":          "true",
		"yarn.nodemanager.remote-app-log-dir":  "/tmp/logs",
		"yarn.nodemanager.aux-services":        "mapreduce_shuffle",
		"yarn.nodemanager.resource.memory-mb":  "8192",
		"yarn.nodemanager.resource.cpu-vcores": "8",
		"yarn.nodemanager.vmem-check-enabled":  "false",
		"yarn.nodemanager.local-dirs":          data + "/nm-local",
		"yarn.nodemanager.log-dirs":            data + "/nm-logs",
		"yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
		"yarn.nodemanager.recovery.enabled":                                             "true",
		"yarn.nodemanager.recovery.dir":                                                 data + "/nm-recovery",
		"yarn.application.classpath":                                                    c.ConfDir() + "," + c.jars + "/*",
	}
}
