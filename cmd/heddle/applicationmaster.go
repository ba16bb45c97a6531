//go:build linux

package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"heddle/applicationmaster"
	"heddle/hadoop/conf"
	"heddle/job/rendezvous"
	"heddle/job/staging"
)

// applicationMasterCommand runs a job's ApplicationMaster; `heddle job submit` makes containers call it.
func applicationMasterCommand() *cli.Command {
	return &cli.Command{
		Name:  "applicationmaster",
		Usage: "run the ApplicationMaster of a job, inside the container that `heddle job submit` asked for",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "launch", Value: staging.LaunchFile, Usage: "what to run, a `FILE` that submit wrote"},
			&cli.StringFlag{Name: "configuration", Value: rendezvous.ConfName, Usage: "the cluster's configuration, a `FILE` that submit wrote"},
		},
		Action: func(c *cli.Context) error {
			launch, err := applicationmaster.ReadLaunch(c.String("launch"))
			if err != nil {
				return err
			}
			cfg := conf.WithDefaults()
			if err := cfg.AddFile(c.String("configuration")); err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, nil))
			ctx, stop := daemonSignals(c.Context, os.Stdout)
			defer stop()
			err = applicationmaster.Run(ctx, applicationmaster.Options{Getenv: os.Getenv, Conf: cfg, Launch: launch, Log: log})
			if errors.Is(err, applicationmaster.ErrJobFailed) {
				return nil // the ResourceManager knows; a code of our own would start another attempt
			}
			return err
		},
	}
}
