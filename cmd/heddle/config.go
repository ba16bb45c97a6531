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
func configDir(c *cli.Context) (string, error) { return existingDir(namedDir(c.String("config"))) }

// namedDir is the directory that --config names, or the environment.
func namedDir(config string) string {
	return cmp.Or(config, os.Getenv("HADOOP_CONF_DIR"), os.Getenv("YARN_CONF_DIR"))
}

func existingDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no configuration directory: give --config DIR, or set HADOOP_CONF_DIR")
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return "", fmt.Errorf("configuration directory %s is not there; give another with --config", dir)
	}
	return dir, nil
}

// clientConf is a client command's configuration: that of configDir, or Hadoop's defaults where none is named.
func clientConf(c *cli.Context) (*conf.Config, error) { return clientConfOf(c.String("config")) }

func clientConfOf(config string) (*conf.Config, error) {
	dir := namedDir(config)
	if dir == "" {
		return conf.WithDefaults(), nil
	}
	if _, err := existingDir(dir); err != nil {
		return nil, err
	}
	return conf.Load(dir)
}
