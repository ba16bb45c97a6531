package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"heddle/hadoop/conf/keys"
)

// confCommand looks at configuration directories.
func confCommand() *cli.Command {
	return &cli.Command{
		Name: "conf", Usage: "what becomes of a Hadoop configuration",
		Subcommands: []*cli.Command{{
			Name: "check", Usage: "say for each key of DIR whether it is honoured, ignored, without effect yet, refused or unknown",
			UsageText: "heddle conf check [--json] DIR\n\nThe code is 0 where both daemons would start on this machine, 1 where one would not, 2 where DIR cannot be read.",
			Flags:     []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			Action:    checkConf,
		}},
	}
}

func checkConf(c *cli.Context) error {
	if c.NArg() > 1 {
		return cli.Exit("heddle: conf check takes one directory, after its options", 2)
	}
	dir := namedDir(c.Args().First())
	if dir == "" {
		return cli.Exit("heddle: name a configuration directory, or set HADOOP_CONF_DIR", 2)
	}
	report, err := keys.Check(dir, starts())
	switch {
	case errors.Is(err, keys.ErrNoConfiguration):
		return cli.Exit(fmt.Sprint("heddle: ", err), 2)
	case err != nil:
		return cli.Exit(fmt.Sprint("heddle: the daemons would not start: ", err), 1)
	}
	if c.Bool("json") {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = report.Write(os.Stdout)
	}
	if err == nil && !report.OK() {
		return cli.Exit("", 1)
	}
	return err
}
