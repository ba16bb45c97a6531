package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/yarn"
	"heddle/yarn/logs"
	"heddle/yarn/wire"
)

const titleLogs = "yarn logs -applicationId <application ID> [OPTIONS]"

var logsOptions = options{
	helpOption,
	{name: "applicationId", arg: "Application ID", help: "The application; may be left out beside -containerId."},
	{name: "applicationAttemptId", arg: "Application Attempt ID", help: "Only containers of this attempt."},
	{name: "containerId", arg: "Container ID", help: "Only this container."},
	{name: "nodeAddress", arg: "Node Address", help: "Only what is of this node, named host:port."},
	{name: "appOwner", arg: "Application Owner", help: "Whose application it is, where the ResourceManager has forgotten it."},
	{name: "am", arg: "AM Containers", help: "Only the ApplicationMasters' containers: numbers of attempts with commas between, -1 for the last, or ALL."},
	{name: "log_files", arg: "Log File Name", count: many, comma: true, help: "Only files of these names; ALL or * for every file."},
	{name: "log_files_pattern", arg: "Log File Pattern", count: many, comma: true, help: "Only files in whose name one of these regular expressions is found."},
	{name: "logFiles", arg: "Log File Name", count: many, comma: true, help: "The old name of -log_files."},
	{name: "list_nodes", help: "Lists the nodes that uploaded logs."},
	{name: "show_application_log_info", help: "Lists the containers with logs."},
	{name: "show_container_log_info", help: "Lists the log files of the containers."},
	{name: "out", arg: "Local Directory", help: "Writes a file per container below this directory, in a folder per node."},
	{name: "size", arg: "size", help: "Only the first so many bytes of each file; the last where negative."},
	{name: "size_limit_mb", arg: "Size Limit", help: "Ends with an error once the logs are larger than so many MB; 10240 where not given, -1 for no limit."},
	{name: "client_max_retries", arg: "Max Retries", help: "Accepted as Hadoop does; a node that does not answer is an error at once."},
	{name: "client_retry_interval_ms", arg: "Retry Interval", help: "Accepted as Hadoop does."},
	{name: "clusterId", arg: "Cluster ID", help: helpCluster},
}

// maxSize is a -size that was not given.
const maxSize = math.MaxInt64

// defaultLogLimitMB is Hadoop's limit on what one run prints.
const defaultLogLimitMB = 10240

// logQuery is what one run of `yarn logs` looks for.
type logQuery struct {
	app        yarn.ApplicationID
	attempt    *yarn.AttemptID
	containers []yarn.ContainerID // empty: all
	node       string             // host_port; empty: all
	owner      string
	names      []string // of files; empty: all
	patterns   []*regexp.Regexp
	size       int64 // bytes of each file, from the end where negative
	left       int64 // bytes that may still be printed
	limitMB    int64
	dir        string // where to write, instead of the output
	list       listing
}

// listing says whether names are wanted instead of texts.
type listing int

const (
	texts listing = iota
	containersOnly
	filesOnly
)

func (q *logQuery) wantsFile(name string) bool {
	if len(q.patterns) > 0 {
		return slices.ContainsFunc(q.patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
	}
	return len(q.names) == 0 || slices.Contains(q.names, name)
}

func (q *logQuery) wantsContainer(id string) bool {
	c, err := yarn.ParseContainerID(id)
	if err != nil || q.attempt != nil && c.Attempt != *q.attempt {
		return false
	}
	return len(q.containers) == 0 || slices.Contains(q.containers, c)
}

// pattern is how Hadoop's messages name the wanted files.
func (q *logQuery) pattern() string {
	switch {
	case len(q.patterns) > 0:
		return brackets(q.patterns)
	case len(q.names) > 0:
		return brackets(q.names)
	}
	return "[ALL]"
}

// logs is `yarn logs`.
func (c *Command) logs(ctx context.Context, args []string) error {
	usage := "Retrieve logs for YARN applications.\n" + logsOptions.usage(titleLogs+"\n\ngeneral options are:")
	p, err := logsOptions.parse(args)
	switch {
	case err != nil:
		return refusal{out: usage, err: fmt.Sprintf("options parsing failed: %v\n", err), code: exitRefused}
	case p.has("help"):
		return refusal{out: usage}
	case len(args) == 0:
		return refusal{out: usage, code: exitRefused}
	}
	q, err := newLogQuery(p)
	var wrong misuse
	if errors.As(err, &wrong) {
		return refusal{out: usage, err: wrong.Error() + "\n", code: exitRefused}
	}
	if err != nil {
		return err
	}
	return c.with(func(s *Shell) error {
		return (&logRun{logQuery: q, command: c, shell: s}).run(ctx, p.get("am"), p.has("list_nodes"))
	})
}

// newLogQuery checks what does not need the cluster.
func newLogQuery(p parsed) (*logQuery, error) {
	q := &logQuery{owner: p.get("appOwner"), node: strings.ReplaceAll(p.get("nodeAddress"), ":", "_"), dir: p.get("out"), size: maxSize}
	if err := q.ids(p); err != nil {
		return nil, err
	}
	if err := q.files(p); err != nil {
		return nil, err
	}
	for _, name := range []string{"client_max_retries", "client_retry_interval_ms"} {
		if p.has(name) {
			if _, err := number(name, p.get(name), 64); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case p.has("show_application_log_info") && p.has("show_container_log_info"):
		return nil, complains("Invalid options. Can only accept one of show_application_log_info/show_container_log_info.")
	case p.has("show_application_log_info"):
		q.list = containersOnly
	case p.has("show_container_log_info"):
		q.list = filesOnly
	case q.node != "" && len(q.containers) == 0:
		return nil, misused("Should at least provide ContainerId!")
	}
	if am := p.get("am"); am != "" && am != "ALL" {
		for _, w := range strings.Split(am, ",") {
			if n, err := strconv.Atoi(strings.TrimSpace(w)); err != nil || n == 0 || n < -1 {
				return nil, misused("Invalid input for option -am. Valid inputs are 'ALL', -1 and any other integer which is larger than 0.")
			}
		}
	}
	return q, nil
}

func (q *logQuery) ids(p parsed) error {
	var err error
	if p.has("applicationId") {
		if q.app, err = yarn.ParseApplicationID(p.get("applicationId")); err != nil {
			return complains("Invalid ApplicationId specified")
		}
	}
	if p.has("applicationAttemptId") {
		id, err := yarn.ParseAttemptID(p.get("applicationAttemptId"))
		if err != nil {
			return complains("Invalid AppAttemptId specified")
		}
		q.attempt, q.app = &id, id.Application
	}
	if p.has("containerId") {
		id, err := yarn.ParseContainerID(p.get("containerId"))
		if err != nil {
			return complains("Invalid ContainerId specified")
		}
		q.containers, q.app = []yarn.ContainerID{id}, id.Attempt.Application
	}
	if q.app == (yarn.ApplicationID{}) {
		return misused("None of applicationId, appAttemptId and containerId is available,  one of them must be specified.")
	}
	return nil
}

func (q *logQuery) files(p parsed) error {
	names := append(p.values["log_files"], p.values["logFiles"]...)
	if len(names) > 0 && p.has("log_files_pattern") {
		return complains("Invalid options. Can only accept one of log_files/log_files_pattern.")
	}
	if !slices.Contains(names, "ALL") && !slices.Contains(names, "*") {
		q.names = names
	}
	for _, text := range p.values["log_files_pattern"] {
		re, err := regexp.Compile(text)
		if err != nil {
			return fmt.Errorf("-log_files_pattern %s: %w", text, err)
		}
		q.patterns = append(q.patterns, re)
	}
	var err error
	if p.has("size") {
		if q.size, err = number("size", p.get("size"), 64); err != nil {
			return err
		}
	}
	q.limitMB = defaultLogLimitMB
	if p.has("size_limit_mb") {
		if q.limitMB, err = number("size limit", p.get("size_limit_mb"), 64); err != nil {
			return err
		}
	}
	q.left = math.MaxInt64
	if q.limitMB >= 0 && q.limitMB < math.MaxInt64>>20 {
		q.left = q.limitMB << 20
	}
	return nil
}

// logRun is a query with what it needs to be answered.
type logRun struct {
	*logQuery
	command *Command
	shell   *Shell

	last  string // the container that was listed last
	found bool
}

// run answers the query: from nodes while the application runs, and from where logs were uploaded.
func (r *logRun) run(ctx context.Context, am string, nodesOnly bool) error {
	report, err := r.shell.report(ctx, r.app)
	over := true
	switch {
	case err != nil:
		fmt.Fprintln(r.command.Err, "Unable to get ApplicationState. Attempting to fetch logs directly from the filesystem.")
	default:
		over = ended(report)
		if r.owner == "" {
			r.owner = report.GetUser()
		}
	}
	stored, err := r.stored()
	if err != nil {
		return err
	}
	defer stored.close()
	if r.owner == "" {
		if r.owner, err = stored.findOwner(r.command.User); err != nil {
			return err
		}
		if r.owner == "" {
			return complains("Can not find the appOwner. Please specify the correct appOwner\nCould not locate application logs for %s", r.app)
		}
	}
	if nodesOnly {
		if !over {
			return complains("The -list_nodes command can be only used with finished applications")
		}
		return stored.listNodes()
	}
	if am != "" {
		if err := r.masters(ctx, am); err != nil {
			return err
		}
	}
	if r.list == containersOnly {
		state := map[bool]string{true: "Completed", false: "Running"}[over]
		if err := r.shell.say("Application State: %s.", state); err != nil {
			return err
		}
	}
	if !over {
		if err := r.live(ctx); err != nil {
			return err
		}
	}
	if err := stored.show(); err != nil {
		return err
	}
	return r.nothingFound()
}

// nothingFound is Hadoop's answer where no file was wanted; nil where one was.
func (r *logRun) nothingFound() error {
	if r.found {
		return nil
	}
	const none = "Can not find any log file matching the pattern: %s for the "
	if len(r.containers) > 0 {
		return complains(none+"container: %s within the application: %s", r.pattern(), r.containers[0], r.app)
	}
	return complains(none+"application: %s\nCan not find the logs for the application: %s with the appOwner: %s", r.pattern(), r.app, r.app, r.owner)
}

// masters narrows the query to the containers of ApplicationMasters.
func (r *logRun) masters(ctx context.Context, which string) error {
	resp, err := r.shell.RM.GetApplicationAttempts(ctx, &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: wire.AppID(r.app)})
	if err != nil {
		return fmt.Errorf("finding the ApplicationMasters of %s: %w", r.app, err)
	}
	var all []yarn.ContainerID
	for _, a := range resp.GetApplicationAttempts() {
		if a.GetAmContainerId() != nil {
			all = append(all, wire.ContainerIDFrom(a.GetAmContainerId()))
		}
	}
	slices.SortFunc(all, func(a, b yarn.ContainerID) int { return int(a.Attempt.Attempt - b.Attempt.Attempt) })
	if len(all) == 0 {
		return complains("Unable to get AM container informations for the application:%s", r.app)
	}
	r.containers = nil
	if which == "ALL" {
		r.containers = all
		return r.shell.say("\nSpecified ALL for -am option. Printed logs for all am containers.")
	}
	for _, w := range strings.Split(which, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil {
			return err
		}
		if n == -1 {
			n = len(all)
		}
		if n > len(all) {
			return complains("ERROR: Specified AM containerId (%d) exceeds the number of AM containers (%d).", n, len(all))
		}
		r.containers = append(r.containers, all[n-1])
	}
	return nil
}

// logFile is one file of a container, wherever it was found.
type logFile struct {
	logs.Entry
	read func() (io.ReadCloser, error) // its text; framed where live
	live bool
}

// showFile prints a file, or lists it.
func (r *logRun) showFile(f *logFile) error {
	if r.list == containersOnly {
		r.found = true
		return r.listContainer(f)
	}
	if !r.wantsFile(f.Name) {
		return nil
	}
	r.found = true
	if r.list == filesOnly {
		return r.listFile(f)
	}
	if r.left -= min(f.Size, abs(r.size)); r.left < 0 || r.limitMB == 0 {
		return fmt.Errorf("the logs are larger than the limit of %d MB; choose files, give -size, or lift the limit with -size_limit_mb -1", r.limitMB)
	}
	out, done, err := r.open(f)
	if err != nil {
		return err
	}
	return errors.Join(r.copy(out, f), done())
}

func abs(n int64) int64 {
	if n < 0 {
		return max(-n, 0)
	}
	return n
}

// copy writes a file in the frame of `yarn logs`.
func (r *logRun) copy(out io.Writer, f *logFile) error {
	in, err := f.read()
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	if f.live {      // the node framed it
		if _, err := io.Copy(out, in); err != nil {
			return fmt.Errorf("log %s of %s: %w", f.Name, f.Container, err)
		}
		_, err := fmt.Fprintln(out)
		return err
	}
	n := f.Size
	if r.size >= 0 {
		n = min(n, r.size)
	} else if skip := f.Size + r.size; skip > 0 {
		n = -r.size
		if _, err := io.CopyN(io.Discard, in, skip); err != nil {
			return fmt.Errorf("log %s of %s: %w", f.Name, f.Container, err)
		}
	}
	return logs.WriteText(out, f.Entry, io.LimitReader(in, n))
}

// open is where a container's text goes.
func (r *logRun) open(f *logFile) (io.Writer, func() error, error) {
	if r.dir == "" {
		return r.command.Out, func() error { return nil }, nil
	}
	dir := filepath.Join(r.dir, strings.ReplaceAll(f.Node, ":", "_"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	out, err := os.OpenFile(filepath.Join(dir, f.Container), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	return out, out.Close, nil
}

func (r *logRun) listContainer(f *logFile) error {
	if r.last == f.Container {
		return nil
	}
	r.last = f.Container
	return r.shell.say("Container: %s on %s", f.Container, f.Node)
}

const logRow = "%30s\t%30s\t%30s\t%30s"

func (r *logRun) listFile(f *logFile) error {
	if r.last != f.Container {
		r.last = f.Container
		title := fmt.Sprintf("Container: %s on %s", f.Container, f.Node)
		head := fmt.Sprintf(logRow, "LogFile", "LogLength", "LastModificationTime", "LogAggregationType")
		if err := r.shell.say("%s\n%s\n%s\n%s", title, strings.Repeat("=", len(title)), head, strings.Repeat("=", 2*len(title))); err != nil {
			return err
		}
	}
	return r.shell.say(logRow, f.Name, strconv.FormatInt(f.Size, 10), f.Modified.Format(logs.TimeForm), f.Kind)
}
