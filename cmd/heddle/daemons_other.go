//go:build !linux

package main

import (
	"github.com/urfave/cli/v2"

	"heddle/hadoop/conf"
	"heddle/hadoop/conf/keys"
)

// daemonCommands is empty: elsewhere than on Linux heddle is a client.
func daemonCommands() []*cli.Command { return nil }

// secondLives has nothing to do without daemons.
func secondLives() {}

// starts knows what the table refuses; what else a start needs is known on Linux only.
func starts() map[keys.Daemon]func(dir string) error {
	refuse := func(d keys.Daemon) func(string) error {
		return func(dir string) error {
			c, err := conf.Load(dir)
			if err != nil {
				return err
			}
			return keys.Refuse(c, d)
		}
	}
	return map[keys.Daemon]func(string) error{keys.ResourceManager: refuse(keys.ResourceManager), keys.NodeManager: refuse(keys.NodeManager)}
}
