package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"heddle/hadoop/fs"
	"heddle/hadoop/fs/shell"
	"heddle/yarn/client"
)

// fsCommand is HDFS and local files without Java.
func fsCommand() *cli.Command {
	return &cli.Command{
		Name: "fs", Usage: "list, copy and remove files on hdfs:// and file://",
		UsageText: "heddle fs [--config DIR] COMMAND …\n\n" + shell.Usage,
		Flags:     []cli.Flag{configFlag()},
		Action: func(c *cli.Context) error {
			cfg, err := clientConf(c)
			if err != nil {
				return err
			}
			s := &shell.Shell{Dialer: &fs.Dialer{Conf: cfg}, User: client.CurrentUser(os.Getenv), Out: os.Stdout}
			return errors.Join(s.Run(c.Args().Slice()), s.Close())
		},
	}
}
