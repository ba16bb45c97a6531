package main

import (
	"github.com/urfave/cli/v2"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
	"heddle/nodemanager"
	"heddle/nodemanager/launcher"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/settings"
)

// daemonCommands are what runs a cluster; daemons are for Linux.
func daemonCommands() []*cli.Command {
	return []*cli.Command{resourceManagerCommand(), nodeManagerCommand(), sandboxCommand(), applicationMasterCommand()}
}

// secondLives are what a daemon starts this program for.
func secondLives() { launcher.Dispatch() }

// starts read a configuration as the daemons' starts do.
func starts() map[keys.Daemon]func(dir string) error {
	return map[keys.Daemon]func(string) error{
		keys.ResourceManager: func(dir string) error {
			s, err := settings.Load(dir)
			if err == nil {
				_, err = scheduler.New(s.Scheduler)
			}
			return err
		},
		keys.NodeManager: func(dir string) error {
			c, err := conf.Load(dir)
			if err != nil {
				return err
			}
			return nodemanager.Check(c)
		},
	}
}
