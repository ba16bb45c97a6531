package shell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"heddle/yarn"
)

const (
	titleApplication = "application"
	titleAttempt     = "applicationattempt"
	titleContainer   = "container"
)

const helpCluster = "Accepted as Hadoop does; there is one cluster, that of the configuration."

var helpOption = option{name: "help", help: "Shows the options."}

const services = " Not offered: there are no YARN services."

var applicationOptions = options{
	helpOption,
	{name: "status", arg: "Application ID", help: "Shows an application."},
	{name: "list", help: "Lists applications that have not ended; -appStates, -appTypes and -appTags choose others."},
	{name: "appStates", arg: "States", count: many, comma: true, help: "With -list: applications in these states, with commas between; ALL, NEW, NEW_SAVING, SUBMITTED, ACCEPTED, RUNNING, FINISHED, FAILED, KILLED."},
	{name: "appTypes", arg: "Types", count: many, comma: true, help: "With -list: applications of these types."},
	{name: "appTags", arg: "Tags", count: many, comma: true, help: "With -list: applications with one of these tags."},
	{name: "kill", arg: "Application ID", count: many, help: "Ends applications; several with spaces between."},
	{name: "movetoqueue", arg: "Application ID", help: "Moves an application to the queue of -queue; -changeQueue does the same."},
	{name: "queue", arg: "Queue Name", help: "With -movetoqueue: where to."},
	{name: "appId", arg: "Application ID", help: "The application of -updatePriority, -updateLifetime and -changeQueue."},
	{name: "changeQueue", arg: "Queue Name", help: "Moves the application of -appId to a queue."},
	{name: "updatePriority", arg: "Priority", help: "Gives the application of -appId a priority."},
	{name: "updateLifetime", arg: "Timeout", help: "Lets the application of -appId live for so many seconds from now."},
	{name: "clusterId", arg: "Cluster ID", help: helpCluster},
	{name: "launch", arg: "Application Name> <File Name", count: 2, help: "Starts a service." + services},
	{name: "save", arg: "Application Name> <File Name", count: 2, help: "Saves a service." + services},
	{name: "start", arg: "Application Name", help: "Starts a saved service." + services},
	{name: "stop", arg: "Application Name or ID", help: "Stops a service." + services},
	{name: "destroy", arg: "Application Name", help: "Removes a service." + services},
	{name: "flex", arg: "Application Name or ID", help: "Changes a service's size." + services},
	{name: "component", arg: "Component Name> <Count", count: 2, help: "With -flex." + services},
	{name: "enableFastLaunch", arg: "Destination Folder", opt: true, help: "Uploads what services need." + services},
	{name: "upgrade", arg: "Application Name", help: "Upgrades a service." + services},
	{name: "express", arg: "arg", help: "With -upgrade." + services},
	{name: "initiate", arg: "File Name", help: "With -upgrade." + services},
	{name: "autoFinalize", help: "With -upgrade." + services},
	{name: "finalize", help: "With -upgrade." + services},
	{name: "cancel", help: "With -upgrade." + services},
	{name: "instances", arg: "Component Instances", count: many, comma: true, help: "With -upgrade or -decommission." + services},
	{name: "components", arg: "Components", count: many, comma: true, help: "With -upgrade." + services},
	{name: "decommission", arg: "Application Name", help: "Ends instances of a service." + services},
}

var attemptOptions = options{
	helpOption,
	{name: "status", arg: "Application Attempt ID", help: "Shows an attempt."},
	{name: "list", arg: "Application ID", help: "Lists an application's attempts."},
	{name: "fail", arg: "Application Attempt ID", help: "Fails an attempt; the application tries again where it may."},
	{name: "clusterId", arg: "Cluster ID", help: helpCluster},
}

var containerOptions = options{
	helpOption,
	{name: "status", arg: "Container ID", help: "Shows a container."},
	{name: "list", arg: "Application Name or Attempt ID", help: "Lists an attempt's containers."},
	{name: "signal", arg: "container ID [signal command]", count: 3, help: "Signals a container: OUTPUT_THREAD_DUMP (where none is named), GRACEFUL_SHUTDOWN or FORCEFUL_SHUTDOWN."},
	{name: "shell", arg: "Container ID [bash|sh]", count: 3, help: "Opens a shell in a container. Not offered: NodeManagers have no terminals."},
	{name: "appTypes", arg: "Types", help: "With -list of a service." + services},
	{name: "version", arg: "arg", help: "With -list of a service." + services},
	{name: "components", arg: "arg", count: many, comma: true, help: "With -list of a service." + services},
	{name: "states", arg: "arg", count: many, comma: true, help: "With -list of a service." + services},
	{name: "clusterId", arg: "Cluster ID", help: helpCluster},
}

// noServices answers what Hadoop hands to the client of a YARN service.
func noServices(what string) error {
	return fmt.Errorf("%s is not offered: there are no YARN services (long-running applications from a specification file) in this cluster", what)
}

// application is `yarn application`, also as `yarn app`. Where several commands are named, the first of Hadoop's order wins.
func (c *Command) application(ctx context.Context, args []string) error {
	p, err := c.parse(applicationOptions, titleApplication, args)
	if err != nil {
		return err
	}
	wrong := showUsage(applicationOptions, titleApplication)
	switch {
	case len(p.args) > 0:
		return wrong
	case p.has("status"):
		return c.applicationStatus(ctx, p, wrong)
	case p.has("list"):
		filter := AppFilter{p.values["appStates"], p.values["appTypes"], p.values["appTags"]}
		return c.with(func(s *Shell) error { return s.Applications(ctx, filter) })
	case p.has("kill"):
		if p.hasOther("kill") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.KillAll(ctx, p.values["kill"]) })
	case p.has("movetoqueue"):
		if !p.has("queue") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.Move(ctx, p.get("movetoqueue"), p.get("queue")) })
	case p.has("updatePriority"):
		if !p.has("appId") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.UpdatePriority(ctx, p.get("appId"), p.get("updatePriority")) })
	}
	if err, found := serviceCommand(p, wrong); found {
		return err
	}
	switch {
	case p.has("updateLifetime"):
		if !p.has("appId") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.UpdateLifetime(ctx, p.get("appId"), p.get("updateLifetime")) })
	case p.has("changeQueue"):
		if !p.has("appId") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.Move(ctx, p.get("appId"), p.get("changeQueue")) })
	case p.has("upgrade"):
		return noServices("-upgrade")
	case p.has("decommission"):
		if !p.has("instances") {
			return wrong
		}
		return noServices("-decommission")
	case p.has("help"):
		return refusal{out: applicationOptions.usage(titleApplication)}
	}
	return invalid(applicationOptions, titleApplication, 0)
}

// serviceCommand answers the commands of services that come before the others in Hadoop's order.
func serviceCommand(p parsed, wrong error) (error, bool) { //nolint:revive // an error is the answer here
	for _, name := range []string{"launch", "stop", "start", "save", "destroy", "flex", "enableFastLaunch"} {
		if !p.has(name) {
			continue
		}
		if name == "flex" && !p.has("component") {
			return wrong, true
		}
		return noServices("-" + name), true
	}
	return nil, false
}

func (c *Command) applicationStatus(ctx context.Context, p parsed, wrong error) error {
	if p.hasOther("status", "appTypes") {
		return wrong
	}
	id := p.get("status")
	if _, err := yarn.ParseApplicationID(id); err != nil {
		return fmt.Errorf("%s is no application id, and %w", id, noServices("the status of an application by name"))
	}
	return c.with(func(s *Shell) error { return s.Application(ctx, id) })
}

// attempt is `yarn applicationattempt`.
func (c *Command) attempt(ctx context.Context, args []string) error {
	p, err := c.parse(attemptOptions, titleAttempt, args)
	if err != nil {
		return err
	}
	wrong := showUsage(attemptOptions, titleAttempt)
	switch {
	case len(p.args) > 0:
		return wrong
	case p.has("status"):
		if p.hasOther("status") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.Attempt(ctx, p.get("status")) })
	case p.has("list"):
		if p.hasOther("list") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.Attempts(ctx, p.get("list")) })
	case p.has("fail"):
		return c.with(func(s *Shell) error { return s.FailAttempt(ctx, p.get("fail")) })
	case p.has("help"):
		return refusal{out: attemptOptions.usage(titleAttempt)}
	}
	return invalid(attemptOptions, titleAttempt, 0)
}

// container is `yarn container`.
func (c *Command) container(ctx context.Context, args []string) error {
	p, err := c.parse(containerOptions, titleContainer, args)
	if err != nil {
		return err
	}
	wrong := showUsage(containerOptions, titleContainer)
	switch {
	case len(p.args) > 0:
		return wrong
	case p.has("status"):
		if p.hasOther("status") {
			return wrong
		}
		return c.with(func(s *Shell) error { return s.Container(ctx, p.get("status")) })
	case p.has("list"):
		return c.containerList(ctx, p, wrong)
	case p.has("signal"):
		return c.containerSignal(ctx, p, wrong)
	case p.has("shell"):
		if p.hasOther("shell") {
			return wrong
		}
		return errors.New("container -shell is not offered: NodeManagers have no terminals; read its logs with `yarn logs -containerId`")
	case p.has("help"):
		return refusal{out: containerOptions.usage(titleContainer)}
	}
	return invalid(containerOptions, titleContainer, 0)
}

func (c *Command) containerList(ctx context.Context, p parsed, wrong error) error {
	if p.hasOther("list", "appTypes", "version", "components", "states") {
		return wrong
	}
	id := p.get("list")
	if _, err := yarn.ParseAttemptID(id); err != nil {
		return fmt.Errorf("%s is no attempt id, and %w", id, noServices("the list of a service's containers"))
	}
	return c.with(func(s *Shell) error { return s.Containers(ctx, id) })
}

func (c *Command) containerSignal(ctx context.Context, p parsed, wrong error) error {
	if p.hasOther("signal") {
		return wrong
	}
	command := "OUTPUT_THREAD_DUMP"
	if v := p.values["signal"]; len(v) == 2 {
		command = v[1]
	}
	return c.with(func(s *Shell) error { return s.Signal(ctx, p.get("signal"), command) })
}

// number reads an option's number.
func number(what, text string, bits int) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s %q is no number", what, text)
	}
	return n, nil
}
