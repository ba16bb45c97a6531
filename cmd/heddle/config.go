package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"heddle/hadoop/conf"
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

// clientConf is a client command's configuration: that of configDir, or Hadoop's defaults where none is named.
func clientConf(c *cli.Context) (*conf.Config, error) {
	if cmp.Or(c.String("config"), os.Getenv("HADOOP_CONF_DIR"), os.Getenv("YARN_CONF_DIR")) == "" {
		return conf.WithDefaults(), nil
	}
	dir, err := configDir(c)
	if err != nil {
		return nil, err
	}
	return conf.Load(dir)
}
