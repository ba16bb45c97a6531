package nodemanager

import (
	"errors"
	"fmt"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
)

const shuffleName = "mapreduce_shuffle"

// Check reads a configuration as a start would, and says why one would fail on this machine.
func Check(c *conf.Config) error {
	_, err := read(c)
	return err
}

// refuse stops a start that would leave the node unsafe or wrong in silence.
func refuse(c *conf.Config) error {
	errs := []error{keys.Refuse(c, keys.NodeManager)}
	const services = "yarn.nodemanager.aux-services"
	for _, name := range c.Strings(services) {
		if name != shuffleName {
			errs = append(errs, fmt.Errorf("%s=%s (set in %s): %s is a Java class that this NodeManager cannot load, only %s is built in; remove it from the list, or run this node with Hadoop's NodeManager",
				services, c.String(services, ""), c.Source(services), name, shuffleName))
		}
	}
	return errors.Join(errs...)
}
