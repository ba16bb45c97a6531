package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// Command runs `yarn NOUN …` as Hadoop's command of that name does.
type Command struct {
	Conf    *conf.Config
	User    string // who asks
	Version string
	Out     io.Writer
	Err     io.Writer
	Program string // how the user calls it, for messages; "yarn" where empty
	Rows    int    // the terminal's size; zero where the output is none
	Cols    int
}

// Exit codes of Hadoop's tools: what a Java main returns for -1, and what the JVM returns for an exception.
const (
	exitRefused = 255
	exitFailed  = 1
)

// refusal ends a command in Hadoop's words.
type refusal struct {
	out, err string // for standard output and standard error
	code     int
}

func (r refusal) Error() string { return strings.TrimSpace(r.out + r.err) }

// says is a refusal on standard output.
func says(format string, args ...any) error {
	return refusal{out: fmt.Sprintf(format, args...) + "\n", code: exitRefused}
}

// complains is a refusal on standard error.
func complains(format string, args ...any) error {
	return refusal{err: fmt.Sprintf(format, args...) + "\n", code: exitRefused}
}

// nouns are the sub-commands that work.
var nouns = map[string]func(*Command, context.Context, []string) error{
	"app":                (*Command).application,
	"application":        (*Command).application,
	"applicationattempt": (*Command).attempt,
	"cluster":            (*Command).cluster,
	"container":          (*Command).container,
	"daemonlog":          (*Command).daemonlog,
	"logs":               (*Command).logs,
	"node":               (*Command).node,
	"queue":              (*Command).queue,
	"rmadmin":            (*Command).rmadmin,
	"top":                (*Command).top,
	"version":            (*Command).version,
}

// absent are Hadoop's sub-commands that are not offered, with the reason.
var absent = map[string]string{
	"classpath":             "there are no Java classes; Hadoop's own client programs keep theirs",
	"envvars":               "there is no Hadoop installation to describe",
	"fs2cs":                 "the FairScheduler is not built",
	"jar":                   "it runs Java programs; use Hadoop's yarn or hadoop command, which works with this ResourceManager",
	"nodeattributes":        "node attributes are not built yet",
	"proxyserver":           "the ResourceManager has the proxy inside",
	"registrydns":           "the registry is not built",
	"router":                "federation is not built",
	"routeradmin":           "federation is not built",
	"schedulerconf":         "scheduler configuration cannot be changed by a call yet; edit capacity-scheduler.xml and use rmadmin -refreshQueues",
	"scmadmin":              "the shared cache is not built",
	"sharedcachemanager":    "the shared cache is not built",
	"timelinereader":        "the timeline service is not built",
	"timelineserver":        "the timeline service is not built",
	"resourcemanager":       "start it with `heddle resourcemanager`",
	"nodemanager":           "start it with `heddle nodemanager`",
	"globalpolicygenerator": "federation is not built",
}

// Run runs one command and returns its exit code.
func (c *Command) Run(ctx context.Context, args []string) int {
	err := c.run(ctx, args)
	var r refusal
	switch {
	case err == nil:
		return 0
	case errors.As(err, &r):
		fmt.Fprint(c.Out, r.out)
		fmt.Fprint(c.Err, r.err)
		return r.code
	}
	fmt.Fprintf(c.Err, "%s: %v\n", c.program(), err)
	return exitFailed
}

func (c *Command) program() string {
	if c.Program == "" {
		return "yarn"
	}
	return c.Program
}

func (c *Command) run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "-help" || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		_, err := io.WriteString(c.Out, c.overview())
		return err
	}
	noun, rest := args[0], args[1:]
	do, ok := nouns[noun]
	if !ok {
		if why, known := absent[noun]; known {
			return fmt.Errorf("%s is not offered: %s", noun, why)
		}
		return refusal{err: fmt.Sprintf("%s: %s is no command\n%s", c.program(), noun, c.overview()), code: exitFailed}
	}
	rest, err := c.generic(rest)
	if err != nil {
		return err
	}
	return do(c, ctx, rest)
}

func (c *Command) overview() string {
	var t text
	t.line("usage: %s COMMAND [OPTIONS]; commands are those of Hadoop's yarn:", c.program())
	var names []string
	for n := range nouns {
		names = append(names, n)
	}
	slices.Sort(names)
	t.line("  %s", strings.Join(names, ", "))
	t.line("Each shows its options with -help.")
	return t.String()
}

// generic takes Hadoop's generic options from the front of a command line: -D key=value, -fs URI and -jt host:port.
func (c *Command) generic(args []string) ([]string, error) {
	for len(args) > 0 {
		switch {
		case args[0] == "-D" && len(args) > 1, strings.HasPrefix(args[0], "-D") && len(args[0]) > 2:
			pair := strings.TrimPrefix(args[0], "-D")
			if pair == "" {
				pair, args = args[1], args[1:]
			}
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, fmt.Errorf("-D %s: want key=value", pair)
			}
			c.Conf.Set(key, value)
			args = args[1:]
		case args[0] == "-fs" && len(args) > 1:
			c.Conf.Set("fs.defaultFS", args[1])
			args = args[2:]
		case args[0] == "-jt" && len(args) > 1:
			c.Conf.Set("yarn.resourcemanager.address", args[1])
			args = args[2:]
		case (args[0] == "-conf" || args[0] == "--conf") && len(args) > 1:
			if err := c.Conf.AddFile(args[1]); err != nil {
				return nil, err
			}
			args = args[2:]
		default:
			return args, nil
		}
	}
	return args, nil
}

// open connects a shell for one command.
func (c *Command) open() (*Shell, error) { return Open(c.Conf, c.User, c.Out) }

// with runs do with a connection to the ResourceManager.
func (c *Command) with(do func(*Shell) error) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

// parse reads a command line; Hadoop answers a missing argument with the usage.
func (c *Command) parse(os options, title string, args []string) (parsed, error) {
	p, err := os.parse(args)
	var missing missingArgument
	if errors.As(err, &missing) {
		return p, refusal{out: "Missing argument for options\n" + os.usage(title), code: exitRefused}
	}
	return p, err
}

// showUsage is what Hadoop answers to options that do not go together.
func showUsage(os options, title string) error {
	return refusal{out: os.usage(title), code: exitRefused}
}

// invalid is what Hadoop answers where no command was named.
func invalid(os options, title string, code int) error {
	return refusal{out: os.usage(title), err: "Invalid Command Usage : \n", code: code}
}

func (c *Command) version(context.Context, []string) error {
	_, err := fmt.Fprintf(c.Out, "Heddle %s\nProtocols of Hadoop 3.4; clients of 2.10 to 3.5 work with it.\n", c.Version)
	return err
}
