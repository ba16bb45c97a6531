//go:build linux

package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"heddle/hadoop/conf"
	"heddle/nodemanager"
	"heddle/yarn"
)

// nodeManagerCommand runs a NodeManager in the foreground.
func nodeManagerCommand() *cli.Command {
	return &cli.Command{
		Name:  "nodemanager",
		Usage: "run a NodeManager: containers of this host for a ResourceManager, ours or Hadoop's",
		Flags: []cli.Flag{configFlag()},
		Action: func(c *cli.Context) error {
			dir, err := configDir(c)
			if err != nil {
				return err
			}
			cfg, err := conf.Load(dir)
			if err != nil {
				return err
			}
			ctx, stop := daemonSignals(c.Context, os.Stdout)
			defer stop()
			log, operator := daemonLog()
			return nodemanager.Run(ctx, cfg, nodemanager.Options{Version: version, ConfigDir: dir, Log: log, Operator: operator, Ready: func(n yarn.NodeID, web string) {
				log.Info("NodeManager is ready", "node", n, "web", "http://"+web)
			}})
		},
	}
}
