package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

// configFlag is the --config of every daemon.
func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "configuration `DIR`; else HADOOP_CONF_DIR or YARN_CONF_DIR"}
}

// configDir is where the Hadoop configuration files are.
func configDir(c *cli.Context) (string, error) {
	dir := cmp.Or(c.String("config"), os.Getenv("HADOOP_CONF_DIR"), os.Getenv("YARN_CONF_DIR"))
	if dir == "" {
		return "", errors.New("no configuration directory: give --config DIR, or set HADOOP_CONF_DIR")
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return "", fmt.Errorf("configuration directory %s is not there; give another with --config", dir)
	}
	return dir, nil
}
