//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
)

func resourceManagerCommand() *cli.Command {
	return &cli.Command{
		Name:  "resourcemanager",
		Usage: "run the ResourceManager in the foreground",
		Flags: []cli.Flag{configFlag()},
		Action: func(c *cli.Context) error {
			dir, err := configDir(c)
			if err != nil {
				return err
			}
			s, err := settings.Load(dir)
			if err != nil {
				return fmt.Errorf("the ResourceManager does not start: %w", err)
			}
			log, operator := daemonLog()
			rm, err := resourcemanager.Start(s, version, log, resourcemanager.WithOperator(operator))
			if err != nil {
				return fmt.Errorf("the ResourceManager does not start: %w", err)
			}
			defer rm.Shutdown()
			select {
			case <-c.Done():
				log.Info("ResourceManager stops")
				return nil
			case err := <-rm.Failed():
				return errors.Join(errors.New("the ResourceManager failed"), err)
			}
		},
	}
}
