//go:build !linux

package main

import "github.com/urfave/cli/v2"

// daemonCommands is empty: elsewhere than on Linux heddle is a client.
func daemonCommands() []*cli.Command { return nil }
