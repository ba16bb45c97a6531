package main

import "github.com/urfave/cli/v2"

// daemonCommands are what runs a cluster; daemons are for Linux.
func daemonCommands() []*cli.Command {
	return []*cli.Command{resourceManagerCommand(), nodeManagerCommand(), sandboxCommand(), applicationMasterCommand()}
}
