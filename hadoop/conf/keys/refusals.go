package keys

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// Daemon is who reads a configuration.
type Daemon string

// The daemons.
const (
	ResourceManager Daemon = "ResourceManager"
	NodeManager     Daemon = "NodeManager"
)

func (d Daemon) concerned(key string) bool {
	return d == NodeManager == (strings.HasPrefix(key, "yarn.nodemanager.") || strings.HasPrefix(key, "mapreduce.shuffle."))
}

// Refusal is a key some of whose values stop a start, since the cluster would be less safe than it is configured, or wrong.
type Refusal struct {
	Key     string
	Daemons []Daemon
	Accepts []string // values that are taken, the first is the default; a class may be named without its package
	Why     string
	Remedy  string
}

var (
	both    = []Daemon{ResourceManager, NodeManager}
	rmOnly  = []Daemon{ResourceManager}
	nmOnly  = []Daemon{NodeManager}
	off     = []string{"false"}
	remove  = "remove the key or keep the Java ResourceManager"
	setItTo = "set it to false"
)

// fileFormats is a list: the writer takes the first, readers try all.
const fileFormats = "yarn.log-aggregation.file-formats"

// Refusals are all of them. What is refused inside a value, such as a single queue's, is told by who reads it.
var Refusals = []Refusal{
	{"hadoop.security.authentication", both, []string{"simple"}, "Kerberos comes with the security release, only simple authentication is supported", "set it to simple, or keep Hadoop's daemons"},
	{"yarn.http.policy", both, []string{"HTTP_ONLY"}, "TLS comes with the security release", "set it to HTTP_ONLY"},
	{"yarn.resourcemanager.ha.enabled", rmOnly, off, "high availability comes with the ZooKeeper store", remove},
	{"yarn.resourcemanager.scheduler.class", rmOnly, []string{"CapacityScheduler"}, "only the capacity scheduler is built", remove},
	{"yarn.resourcemanager.configuration.provider-class", rmOnly, []string{"LocalConfigurationProvider"}, "configuration is read from local files", remove},
	{"yarn.resourcemanager.application-https.policy", rmOnly, []string{"NONE"}, "AMs get no certificates", "set it to NONE"},
	{"yarn.scheduler.configuration.store.class", rmOnly, []string{"file"}, "queues are read from capacity-scheduler.xml", "write them there and remove the key"},
	{"yarn.node-labels.enabled", rmOnly, off, "node labels are not built, and applications that name one would run anywhere", remove},
	{"yarn.federation.enabled", rmOnly, off, "federation is not planned", remove},
	{"yarn.nodemanager.aux-services.mapreduce_shuffle.class", nmOnly, []string{"ShuffleHandler"}, "another class than Hadoop's cannot be loaded", "remove the key"},
	{"yarn.nodemanager.aux-services.manifest.enabled", nmOnly, off, "auxiliary services are Java classes", setItTo},
	{"yarn.nodemanager.amrmproxy.enabled", nmOnly, off, "the proxy is not built", setItTo},
	{"yarn.nodemanager.distributed-scheduling.enabled", nmOnly, off, "opportunistic containers are not built", setItTo},
	{fileFormats, nmOnly, []string{"TFile"}, "logs are written as TFiles, which readers of other formats alone would not find", "add TFile to the list"},
	{"mapreduce.shuffle.ssl.enabled", nmOnly, off, "map outputs are not encrypted on their way", setItTo},
}

// Refuse says no to a configuration that a daemon must not start with.
func Refuse(c *conf.Config, d Daemon) error {
	var errs []error
	for _, r := range Refusals {
		if slices.Contains(r.Daemons, d) && !r.takes(c.String(r.Key, r.Accepts[0])) {
			errs = append(errs, fmt.Errorf("%s=%s (set in %s) is not supported yet: %s; %s", r.Key, c.String(r.Key, ""), c.Source(r.Key), r.Why, r.Remedy))
		}
	}
	return errors.Join(errs...)
}

func (r Refusal) takes(value string) bool {
	if r.Key == fileFormats {
		return slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return slices.Contains(r.Accepts, strings.TrimSpace(v)) })
	}
	class := value[strings.LastIndexByte(value, '.')+1:]
	return slices.ContainsFunc(r.Accepts, func(a string) bool { return strings.EqualFold(a, value) || a == class })
}
