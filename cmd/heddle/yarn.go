package main

import (
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"heddle/yarn/client"
	"heddle/yarn/shell"
)

// yarnCommand is Hadoop's yarn command, without Java.
func yarnCommand() *cli.Command {
	return &cli.Command{
		Name:            "yarn",
		Usage:           "applications, attempts, containers, nodes, queues, logs and administration; options, output and exit codes are those of Hadoop's yarn",
		UsageText:       "heddle yarn [--config DIR] COMMAND [OPTIONS]",
		SkipFlagParsing: true, // Hadoop's options have one dash, and yarn/shell reads them
		Action: func(c *cli.Context) error {
			dir, args := takeConfig(c.Args().Slice())
			cfg, err := clientConfOf(dir)
			if err != nil {
				return err
			}
			command := &shell.Command{Conf: cfg, User: client.CurrentUser(os.Getenv), Version: version, Out: c.App.Writer, Err: os.Stderr, Program: "heddle yarn"}
			if size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ); err == nil { // else it is no terminal
				command.Rows, command.Cols = int(size.Row), int(size.Col)
			}
			if code := command.Run(c.Context, args); code != 0 {
				return cli.Exit("", code)
			}
			return nil
		},
	}
}

// takeConfig takes --config DIR, or --config=DIR, from the front of a command line.
func takeConfig(args []string) (dir string, rest []string) {
	for len(args) > 1 && (args[0] == "--config" || args[0] == "-config") {
		dir, args = args[1], args[2:]
	}
	return dir, args
}
