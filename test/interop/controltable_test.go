//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	clusterTime = regexp.MustCompile(`(application|appattempt|container)_\d{13}_`)
	millis      = regexp.MustCompile(`\b1[789]\d{11}\b`)
	dates       = regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [-+A-Z0-9]+ \d{4}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?([-+]\d+)?`)
	// traces are of Java's server, which sends them with its exceptions.
	traces = regexp.MustCompile(`(?m)^(\s+at .*|Caused by: .*|\s+\.\.\. \d+ more)\n`)
)

// plain is a text without what differs from run to run. Lists come in the order of hash maps, so lines are sorted.
func (s *side) plain(text string) string {
	text = clusterTime.ReplaceAllString(s.common.Replace(text), "${1}_T_")
	text = millis.ReplaceAllString(dates.ReplaceAllString(text, "<date>"), "<time>")
	lines := strings.Split(strings.TrimSpace(moving.ReplaceAllString(traces.ReplaceAllString(text, ""), "")), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	slices.Sort(lines)
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

// unequal are fields that move, or of which docs/compatibility.md says how ours are otherwise.
var unequal = regexp.MustCompile(`(elapsedTime|[sS]econds|remainingTimeInSeconds|resourceUtilization.*|[a-z]+Utilization|utilized.*|modelerType|resourceTypes|resourceSecondsMap.*|resourceInformations.*|amUsed.*|exportPorts|nodesBlacklistedBySystem|` +
	`resourceRequests.*|allocatedResources.*|BuildVersion|BuiltOn|[a-z]+ManagerVersion|rmStateStoreName|health|configuredCapacityVector|userAMResourceLimit.*|userAmLimit.*|amLimit.*|haZooKeeperConnectionState|lastHealthUpdate|lastNodeUpdateTime)$`)

// fields are the leaves of a JSON value with their paths; elements of lists have no place.
func fields(path string, v any) map[string]bool {
	out := map[string]bool{}
	add := func(path string, v any) {
		for f := range fields(path, v) {
			out[f] = true
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if !unequal.MatchString(k) {
				add(path+"."+k, x)
			}
		}
	case []any:
		for _, x := range v {
			name := ""
			if m, ok := x.(map[string]any); ok {
				for _, k := range []string{"id", "queueName", "username"} {
					if n, ok := m[k].(string); ok {
						name = n
					}
				}
			}
			add(path+"["+name+"]", x)
		}
	case float64:
		out[fmt.Sprintf("%s = %.3g", path, v)] = true
	default:
		out[fmt.Sprintf("%s = %v", path, v)] = true
	}
	return out
}

// apart leaves the lines that only one of two texts has.
func apart(a, b string) (onlyA, onlyB string) {
	only := func(x, y string) string {
		of := strings.Split(y, "\n")
		return strings.Join(slices.DeleteFunc(strings.Split(x, "\n"), func(l string) bool { return slices.Contains(of, l) }), "\n")
	}
	return only(a, b), only(b, a)
}

// controlCommands are commands of `yarn`, in order: later ones find what earlier ones have changed. @name is who runs the rest.
// ${F}, ${R}… are the applications of fill, with A an attempt, with M its AM's container, with C another; $N is the node.
var controlCommands = []string{
	"node -list", "node -list -all", "node -list -showDetails", "node -status $N", "node -status nosuch:1", "node -status nosuch", "node -list -states ASLEEP", "@bob node -status $N",

	"application -list", "application -list -appStates ALL", "application -list -appStates ALL -appTypes SPARK", "application -list -appStates ALL -appTags b", "application -list -appStates ALL -appTags none",
	"application -list -appStates WALKING", "application -list -appStates FAILED,KILLED", "@bob application -list -appStates ALL", "@alice application -list -appStates ALL", "@carol application -list -appStates ALL",
	"application -status ${F}", "application -status ${X}", "application -status ${K}", "application -status ${A}", "application -status ${B}", "application -status ${U}", "application -status ${R}",
	"@bob application -status ${F}", "@bob application -status ${X}", "@bob application -status ${R}", "@carol application -status ${A}", "@alice application -status ${A}",
	"application -status application_1_0001", "application -status application_x_1", "application -status application_1", "application -status name",

	"applicationattempt -list ${F}", "applicationattempt -list ${X}", "applicationattempt -list ${K}", "applicationattempt -list ${A}", "applicationattempt -list ${P}", "applicationattempt -list ${U}",
	"applicationattempt -list ${R}", "@bob applicationattempt -list ${R}", "applicationattempt -list application_1_0001", "applicationattempt -status ${FA}", "applicationattempt -status ${XA}",
	"applicationattempt -status ${AA}", "applicationattempt -status ${UA}", "applicationattempt -status ${RA}", "@bob applicationattempt -status ${RA}", "applicationattempt -status appattempt_1_0001_000001",
	"applicationattempt -status xx", "@bob applicationattempt -fail ${RA}", "applicationattempt -fail ${FA}", "applicationattempt -fail appattempt_1_0001_000001",

	"container -list ${RA}", "container -list ${FA}", "container -list ${PA}", "container -list ${UA}", "container -list appattempt_1_0001_000001", "@bob container -list ${RA}", "@carol container -list ${AA}",
	"container -status ${RC}", "container -status ${RM}", "container -status ${AM}", "container -status ${FC}", "@bob container -status ${RC}", "container -status container_1_0001_01_000001",
	"container -status xx", "container -signal ${FC}", "container -signal container_1_0001_01_000001", "container -signal ${RC} NONSENSE", "@bob container -signal ${RC} GRACEFUL_SHUTDOWN",

	"queue -status default", "queue -status root", "queue -status root.batch", "queue -status teams", "queue -status b", "queue -status root.teams.b", "queue -status stopped", "queue -status nosuch",
	"queue -list root", "queue -list all", "queue -list root.teams", "queue -list default", "@bob queue -status batch", "cluster -lnl", "cluster -lna",

	"logs -applicationId ${F} -log_files stdout", "logs -applicationId ${R} -show_application_log_info", "logs -applicationId ${R} -log_files stdout", "logs -applicationId ${R} -am ALL -log_files AppMaster.stdout",
	"logs -containerId ${RC} -log_files stdout", "logs -containerId ${RC} -log_files stdout -size 2", "logs -containerId ${RC} -log_files nosuch", "logs -containerId ${RC} -log_files prelaunch.out",
	"logs -applicationId ${P}", "logs -applicationId ${U}", "logs -applicationId application_1_0001", "@bob logs -applicationId ${F} -appOwner root",

	"schedulerconf", "schedulerconf -add root.x:capacity=10", "schedulerconf -getConf", "schedulerconf -format", "@bob schedulerconf -getConf", "@bob schedulerconf -update root.default:capacity=11",
	"nodeattributes", "nodeattributes -list", "nodeattributes -attributestonodes", "nodeattributes -nodestoattributes", "nodeattributes -nodestoattributes -nodes $N",

	"application -movetoqueue ${R} -queue stopped", "application -movetoqueue ${R} -queue batch", "application -movetoqueue ${F} -queue batch", "application -movetoqueue application_1_0001 -queue batch",
	"@bob application -movetoqueue ${R} -queue batch", "@alice application -movetoqueue ${A} -queue teams.a", "@alice application -movetoqueue ${A} -queue root.teams.a", "@alice application -movetoqueue ${A} -queue batch",
	"application -appId ${R} -changeQueue root.default", "application -appId ${R} -updatePriority 4", "application -appId ${R} -updatePriority 40", "application -appId ${F} -updatePriority 4",
	"application -appId ${X} -updatePriority 4", "application -appId ${U} -updatePriority 4", "application -appId ${P} -updatePriority 5", "application -appId application_1_0001 -updatePriority 4",
	"@bob application -appId ${R} -updatePriority 4", "@carol application -appId ${A} -updatePriority 4", "application -appId ${R} -updateLifetime 5000", "application -appId ${R} -updateLifetime -5",
	"application -appId ${F} -updateLifetime 50", "application -appId ${A} -updateLifetime 900000", "application -appId application_1_0001 -updateLifetime 50", "@bob application -appId ${R} -updateLifetime 50",
	"application -status ${R}", "application -status ${A}", "application -status ${U}",

	"@bob application -kill ${R}", "application -kill application_1_0001", "application -kill xx", "application -kill ${F} ${K}", "app -list -appStates KILLED", "logs -applicationId ${X} -am -1 -log_files stderr",
	"logs -applicationId ${X} -log_files stderr,stdout", "logs -applicationId ${R} -list_nodes", "@alice logs -applicationId ${R}", "logs -applicationId ${R} -am 5",

	"rmadmin -refreshQueues", "rmadmin -refreshNodes", "rmadmin -refreshNodesResources", "rmadmin -refreshSuperUserGroupsConfiguration", "rmadmin -refreshUserToGroupsMappings", "rmadmin -refreshAdminAcls",
	"rmadmin -refreshServiceAcl", "rmadmin -refreshClusterMaxPriority", "rmadmin -getGroups", "rmadmin -getGroups root nosuchuser", "rmadmin -addToClusterNodeLabels a,b", "rmadmin -removeFromClusterNodeLabels a",
	"rmadmin -replaceLabelsOnNode localhost=a", "rmadmin -updateNodeResource $N 4096 4", "rmadmin -updateNodeResource $N memory-mb=4096,nosuch=5", "rmadmin -updateNodeResource nosuch:1 4096 4",
	"rmadmin -updateNodeResource $N 8192 8", "rmadmin -getServiceState rm1", "@bob rmadmin -refreshQueues", "@bob rmadmin -refreshNodes", "@bob rmadmin -refreshAdminAcls", "@bob rmadmin -refreshServiceAcl",
	"@bob rmadmin -refreshUserToGroupsMappings", "@bob rmadmin -refreshSuperUserGroupsConfiguration", "@bob rmadmin -refreshClusterMaxPriority", "@bob rmadmin -refreshNodesResources",
	"@bob rmadmin -updateNodeResource $N 4096 4", "@bob rmadmin -addToClusterNodeLabels a", "@bob rmadmin -replaceLabelsOnNode localhost=a", "@bob rmadmin -getGroups alice", "node -status $N",
}

// controlRequests are requests for JSON, with a body in JSON.
var controlRequests = []string{
	"GET /ws/v1/cluster/info", "GET /ws/v1/cluster/metrics", "GET /ws/v1/cluster/scheduler", "GET /ws/v1/cluster/userinfo?user.name=bob", "GET /ws/v1/cluster/nodes", "GET /ws/v1/cluster/nodes?states=lost", "GET /ws/v1/cluster/nodes?states=nonsense",
	"GET /ws/v1/cluster/nodes/$N", "GET /ws/v1/cluster/nodes/nosuch:1", "GET /ws/v1/cluster/nodes/nosuch", "GET /ws/v1/cluster/nodes/$N/get-labels",
	"GET /ws/v1/cluster/apps?user.name=root&states=FINISHED,FAILED", "GET /ws/v1/cluster/apps?user.name=root&state=RUNNING", "GET /ws/v1/cluster/apps?states=nonsense", "GET /ws/v1/cluster/apps?user.name=root&finalStatus=FAILED",
	"GET /ws/v1/cluster/apps?finalStatus=nonsense", "GET /ws/v1/cluster/apps?queue=nosuch", "GET /ws/v1/cluster/apps?user.name=root&queue=root.batch", "GET /ws/v1/cluster/apps?user.name=root&user=alice",
	"GET /ws/v1/cluster/apps?user=nosuch", "GET /ws/v1/cluster/apps?limit=0", "GET /ws/v1/cluster/apps?limit=x", "GET /ws/v1/cluster/apps?startedTimeBegin=x", "GET /ws/v1/cluster/apps?startedTimeBegin=-1",
	"GET /ws/v1/cluster/apps?startedTimeBegin=5&startedTimeEnd=4", "GET /ws/v1/cluster/apps?finishedTimeBegin=5&finishedTimeEnd=4", "GET /ws/v1/cluster/apps?user.name=root&applicationTypes=spark",
	"GET /ws/v1/cluster/apps?user.name=root&applicationTags=B", "GET /ws/v1/cluster/apps?deSelects=nonsense", "GET /ws/v1/cluster/apps/${F}?user.name=root", "GET /ws/v1/cluster/apps/${X}?user.name=root",
	"GET /ws/v1/cluster/apps/${K}?user.name=root", "GET /ws/v1/cluster/apps/${A}?user.name=root", "GET /ws/v1/cluster/apps/${B}?user.name=root", "GET /ws/v1/cluster/apps/${R}?user.name=root",
	"GET /ws/v1/cluster/apps/application_1_0001", "GET /ws/v1/cluster/apps/xx", "GET /ws/v1/cluster/apps/application_x_1", "GET /ws/v1/cluster/apps/application_1",
	"GET /ws/v1/cluster/apps/${F}/appattempts?user.name=root", "GET /ws/v1/cluster/apps/${X}/appattempts?user.name=root", "GET /ws/v1/cluster/apps/${R}/appattempts?user.name=root",
	"GET /ws/v1/cluster/apps/application_1_0001/appattempts", "GET /ws/v1/cluster/apps/${F}/appattempts/${FA}?user.name=root", "GET /ws/v1/cluster/apps/${X}/appattempts/${XA}?user.name=root",
	"GET /ws/v1/cluster/apps/${R}/appattempts/${RA}?user.name=root", "GET /ws/v1/cluster/apps/${R}/appattempts/${FA}?user.name=root", "GET /ws/v1/cluster/apps/${R}/appattempts/xx?user.name=root",
	"GET /ws/v1/cluster/apps/${R}/appattempts/${RA}/containers?user.name=root", "GET /ws/v1/cluster/apps/${F}/appattempts/${FA}/containers?user.name=root",
	"GET /ws/v1/cluster/apps/${R}/appattempts/${RA}/containers/${RC}?user.name=root", "GET /ws/v1/cluster/apps/${R}/appattempts/${RA}/containers/container_1_0001_01_000001?user.name=root",
	"GET /ws/v1/cluster/apps/${R}/state?user.name=root", "GET /ws/v1/cluster/apps/application_1_0001/state", "GET /ws/v1/cluster/apps/${R}/priority?user.name=root", "GET /ws/v1/cluster/apps/${R}/queue?user.name=root",
	"GET /ws/v1/cluster/apps/${F}/timeouts?user.name=root", "GET /ws/v1/cluster/apps/${A}/timeouts/nonsense?user.name=root", "GET /ws/v1/cluster/apps/${F}/timeouts/LIFETIME?user.name=root",
	"GET /ws/v1/cluster/appstatistics", "GET /ws/v1/cluster/appstatistics?states=running,failed", "GET /ws/v1/cluster/appstatistics?states=nonsense", "GET /ws/v1/cluster/appstatistics?applicationTypes=SPARK,YARN",
	"GET /ws/v1/cluster/get-node-labels", "GET /ws/v1/cluster/get-rm-node-labels", "POST /ws/v1/cluster/add-node-labels?user.name=root {\"nodeLabelInfo\":[{\"name\":\"a\",\"exclusivity\":true}]}",
	"GET /ws/v1/cluster/queues/batch/access?user=bob&user.name=root", "GET /ws/v1/cluster/queues/batch/access?user=bob&user.name=carol", "GET /ws/v1/cluster/queues/batch/access?user=alice&user.name=carol",
	"GET /ws/v1/cluster/queues/nosuch/access?user=bob&user.name=carol", "GET /ws/v1/cluster/scheduler-conf?user.name=root", "GET /ws/v1/cluster/scheduler-conf?user.name=bob",
	"GET /ws/v1/cluster/scheduler-conf/version?user.name=root", "PUT /ws/v1/cluster/scheduler-conf?user.name=root {}", "GET /ws/v1/cluster/reservation/list?queue=default&user.name=root",
	"POST /ws/v1/cluster/apps?user.name=bob {}", "POST /ws/v1/cluster/apps?user.name=bob {\"application-id\":\"xx\"}",
	"PUT /ws/v1/cluster/apps/${R}/state?user.name=root {\"state\":\"RUNNING\"}", "PUT /ws/v1/cluster/apps/${R}/state?user.name=root {\"state\":\"nonsense\"}", "PUT /ws/v1/cluster/apps/${R}/state?user.name=bob {\"state\":\"KILLED\"}",
	"PUT /ws/v1/cluster/apps/${F}/state?user.name=root {\"state\":\"KILLED\"}", "PUT /ws/v1/cluster/apps/${K}/state?user.name=root {\"state\":\"KILLED\"}", "PUT /ws/v1/cluster/apps/application_1_0001/state?user.name=root {\"state\":\"KILLED\"}",
	"PUT /ws/v1/cluster/apps/${R}/priority?user.name=root {\"priority\":7}", "PUT /ws/v1/cluster/apps/${R}/priority?user.name=root {\"priority\":70}", "PUT /ws/v1/cluster/apps/${F}/priority?user.name=root {\"priority\":7}",
	"PUT /ws/v1/cluster/apps/${R}/priority?user.name=bob {\"priority\":7}", "PUT /ws/v1/cluster/apps/${R}/queue?user.name=bob {\"queue\":\"batch\"}", "PUT /ws/v1/cluster/apps/${F}/queue?user.name=root {\"queue\":\"batch\"}",
	"PUT /ws/v1/cluster/apps/${R}/timeout?user.name=bob {\"timeout\":{\"type\":\"LIFETIME\",\"expiryTime\":\"2036-12-05T17:21:00.104+0000\"}}",
	"PUT /ws/v1/cluster/apps/${F}/timeout?user.name=root {\"timeout\":{\"type\":\"LIFETIME\",\"expiryTime\":\"2036-12-05T17:21:00.104+0000\"}}",
	"POST /ws/v1/cluster/containers/${RC}/signal/nonsense?user.name=root", "POST /ws/v1/cluster/containers/xx/signal/OUTPUT_THREAD_DUMP?user.name=root",
	"POST /ws/v1/cluster/containers/container_1_0001_01_000001/signal/OUTPUT_THREAD_DUMP?user.name=root", "GET /jmx?get=Hadoop:service=ResourceManager,name=RMInfo::State",
	"GET nm:/ws/v1/node/info", "GET nm:/ws/v1/node/apps?state=nonsense", "GET nm:/ws/v1/node/apps?user=", "GET nm:/ws/v1/node/apps/application_1_0001", "GET nm:/ws/v1/node/apps/xx",
	"GET nm:/ws/v1/node/containers/${RC}?user.name=root", "GET nm:/ws/v1/node/containers/container_1_0001_01_000001", "GET nm:/ws/v1/node/containers/xx", "GET nm:/ws/v1/node/containers/${RC}/logs/stdout?user.name=root",
	"GET nm:/ws/v1/node/containers/${RC}/logs/stdout?user.name=root&size=2", "GET nm:/ws/v1/node/containers/${RC}/logs/stdout?user.name=root&size=-2",
	"GET nm:/ws/v1/node/resources/nosuch", "GET nm:/ws/v1/node/auxiliaryservices",
}
