package conf

// deprecated maps a name that Hadoop still accepts to the names that replaced it.
// A value set under the old name counts as set under each new one.
var deprecated = map[string][]string{
	"fs.default.name":                            {"fs.defaultFS"},
	"dfs.umask":                                  {"fs.permissions.umask-mode"},
	"hadoop.native.lib":                          {"io.native.lib.available"},
	"hadoop.configured.node.mapping":             {"net.topology.configured.node.mapping"},
	"topology.node.switch.mapping.impl":          {"net.topology.node.switch.mapping.impl"},
	"topology.script.file.name":                  {"net.topology.script.file.name"},
	"topology.script.number.args":                {"net.topology.script.number.args"},
	"hadoop.pipes.executable":                    {"mapreduce.pipes.executable"},
	"io.sort.mb":                                 {"mapreduce.task.io.sort.mb"},
	"io.sort.factor":                             {"mapreduce.task.io.sort.factor"},
	"job.end.notification.url":                   {"mapreduce.job.end-notification.url"},
	"mapred.cache.files":                         {"mapreduce.job.cache.files"},
	"mapred.input.dir":                           {"mapreduce.input.fileinputformat.inputdir"},
	"mapred.job.map.memory.mb":                   {"mapreduce.map.memory.mb"},
	"mapred.job.name":                            {"mapreduce.job.name"},
	"mapred.job.priority":                        {"mapreduce.job.priority"},
	"mapred.job.queue.name":                      {"mapreduce.job.queuename"},
	"mapred.job.reduce.memory.mb":                {"mapreduce.reduce.memory.mb"},
	"mapred.map.tasks":                           {"mapreduce.job.maps"},
	"mapred.output.dir":                          {"mapreduce.output.fileoutputformat.outputdir"},
	"mapred.reduce.tasks":                        {"mapreduce.job.reduces"},
	"mapred.task.timeout":                        {"mapreduce.task.timeout"},
	"yarn.client.max-nodemanagers-proxies":       {"yarn.client.max-cached-nodemanagers-proxies"},
	"yarn.client.app-submission.poll-interval":   {"yarn.client.application-client-protocol.poll-interval-ms"},
	"yarn.resourcemanager.display.per-user-apps": {"yarn.webapp.filter-entity-list-by-user"},
	"yarn.resourcemanager.zk-num-retries":        {"hadoop.zk.num-retries"},
	"yarn.resourcemanager.zk-retry-interval-ms":  {"hadoop.zk.retry-interval-ms"},
	"yarn.resourcemanager.zk-timeout-ms":         {"hadoop.zk.timeout-ms"},
	"yarn.resourcemanager.zk-acl":                {"hadoop.zk.acl"},
	"yarn.resourcemanager.zk-auth":               {"hadoop.zk.auth"},
}

// currentNames are the names under which a property is kept; the first one answers reads.
func currentNames(key string) []string {
	if names, ok := deprecated[key]; ok {
		return names
	}
	return []string{key}
}
