package main

import (
	"log/slog"
	"os"

	hadoophttp "heddle/hadoop/http"
)

// daemonLog is a daemon's log, and what its web server may do with it: the level can be changed
// while it runs, and the files lie where yarn-daemon.sh says (HADOOP_LOG_DIR).
func daemonLog() (*slog.Logger, hadoophttp.Operator) {
	level := new(slog.LevelVar)
	o := hadoophttp.Operator{Level: level}
	if dir := os.Getenv("HADOOP_LOG_DIR"); dir != "" {
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			o.LogDir = dir
		}
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), o
}
