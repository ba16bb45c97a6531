package nodemanager

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"heddle/hadoop/conf"
)

const (
	shuffleName  = "mapreduce_shuffle"
	shuffleClass = "org.apache.hadoop.mapred.ShuffleHandler"
)

// refuse stops a start that would leave the node unsafe or wrong in silence.
func refuse(c *conf.Config) error {
	var errs []error
	no := func(key, why, remedy string) {
		errs = append(errs, fmt.Errorf("%s=%s (%s): %s; %s", key, c.String(key, ""), c.Source(key), why, remedy))
	}
	if v := c.String("hadoop.security.authentication", "simple"); !strings.EqualFold(v, "simple") {
		no("hadoop.security.authentication", "only simple authentication is supported yet", "set it to simple, or run this node with Hadoop's NodeManager")
	}
	if v := c.String("yarn.http.policy", "HTTP_ONLY"); v != "HTTP_ONLY" {
		no("yarn.http.policy", "web pages over TLS are not supported yet", "set it to HTTP_ONLY")
	}
	for _, name := range c.Strings("yarn.nodemanager.aux-services") {
		if name != shuffleName {
			no("yarn.nodemanager.aux-services", name+" is a Java class that this NodeManager cannot load; "+shuffleName+" is built in", "remove it from the list, or run this node with Hadoop's NodeManager")
		}
	}
	if key := "yarn.nodemanager.aux-services." + shuffleName + ".class"; c.String(key, shuffleClass) != shuffleClass {
		no(key, "another class than Hadoop's ShuffleHandler cannot be loaded", "remove the key")
	}
	for _, key := range []string{"yarn.nodemanager.aux-services.manifest.enabled", "yarn.nodemanager.amrmproxy.enabled",
		"yarn.nodemanager.distributed-scheduling.enabled", "yarn.nodemanager.pluggable-device-framework.enabled", "mapreduce.shuffle.ssl.enabled"} {
		if strings.EqualFold(c.String(key, "false"), "true") {
			no(key, "this is not supported yet", "set it to false")
		}
	}
	return errors.Join(errs...)
}

// warn names what the configuration asks for and this NodeManager does not do yet, where that is harmless.
func warn(c *conf.Config, log *slog.Logger) {
	for _, key := range []string{"yarn.nodemanager.health-checker.script.path", "yarn.nodemanager.node-labels.provider", "yarn.nodemanager.node-attributes.provider"} {
		if c.String(key, "") != "" {
			log.Warn("a key is not supported yet and has no effect", "key", key, "value", c.String(key, ""), "file", c.Source(key))
		}
	}
}
