// Command heddle is every daemon and every client command of the cluster manager.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

// version is set by the linker.
var version = "dev"

func main() {
	secondLives()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	app := &cli.App{
		Name:    "heddle",
		Usage:   "a YARN cluster manager and job platform",
		Version: version,
		Commands: append(daemonCommands(),
			fsCommand(),
			yarnCommand(),
			jobCommand(),
			confCommand(),
		),
	}
	err := app.RunContext(ctx, os.Args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "heddle:", err)
		os.Exit(1)
	}
}
