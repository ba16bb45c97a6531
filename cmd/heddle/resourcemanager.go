//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"heddle/resourcemanager"
	"heddle/resourcemanager/settings"
	"heddle/yarn"
)

func resourceManagerCommand() *cli.Command {
	return &cli.Command{
		Name:  "resourcemanager",
		Usage: "run the ResourceManager in the foreground",
		Flags: []cli.Flag{configFlag(),
			&cli.BoolFlag{Name: "format-state-store", Usage: "remove everything from the state store, and end"},
			&cli.StringFlag{Name: "remove-application-from-state-store", Usage: "remove the application with this `id` from the state store, and end"},
			&cli.BoolFlag{Name: "set-damaged-aside", Usage: "start without applications whose records cannot be read; the records are kept in files"},
		},
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
			if c.Bool("format-state-store") {
				return resourcemanager.FormatStateStore(s, log)
			}
			if text := c.String("remove-application-from-state-store"); text != "" {
				id, err := yarn.ParseApplicationID(text)
				if err != nil {
					return err
				}
				return resourcemanager.RemoveFromStateStore(s, id, log)
			}
			ctx, stop := daemonSignals(c.Context, os.Stdout)
			defer stop()
			options := []resourcemanager.Option{resourcemanager.WithOperator(operator)}
			if c.Bool("set-damaged-aside") {
				options = append(options, resourcemanager.WithDamagedSetAside())
			}
			rm, err := resourcemanager.Start(s, version, log, options...)
			if err != nil {
				return fmt.Errorf("the ResourceManager does not start: %w", err)
			}
			defer rm.Shutdown()
			select {
			case <-ctx.Done():
				log.Info("ResourceManager stops")
				return nil
			case err := <-rm.Failed():
				return errors.Join(errors.New("the ResourceManager failed"), err)
			}
		},
	}
}
