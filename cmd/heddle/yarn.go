package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"heddle/yarn/client"
	"heddle/yarn/shell"
)

// yarnCommand is Hadoop's yarn command, without Java.
func yarnCommand() *cli.Command {
	return &cli.Command{
		Name:  "yarn",
		Usage: "look at and end applications, nodes and queues; options and output are those of Hadoop's yarn",
		Flags: []cli.Flag{configFlag()},
		Subcommands: []*cli.Command{
			{Name: "application", Aliases: []string{"app"}, Usage: "list applications, show or kill one", Flags: []cli.Flag{
				&cli.BoolFlag{Name: "list", Usage: "list applications that have not ended"},
				&cli.StringFlag{Name: "appStates", Usage: "with -list: these states, with commas between, or ALL"},
				&cli.StringFlag{Name: "appTypes", Usage: "with -list: these types"},
				&cli.StringFlag{Name: "appTags", Usage: "with -list: these tags"},
				&cli.StringFlag{Name: "status", Usage: "show application `ID`"},
				&cli.StringFlag{Name: "kill", Usage: "end application `ID`"},
			}, Action: withShell(func(c *cli.Context, s *shell.Shell) error {
				switch {
				case c.String("status") != "":
					return s.Application(c.Context, c.String("status"))
				case c.String("kill") != "":
					return s.Kill(c.Context, c.String("kill"))
				case c.Bool("list"):
					return s.Applications(c.Context, shell.AppFilter{States: words(c.String("appStates")), Types: words(c.String("appTypes")), Tags: words(c.String("appTags"))})
				}
				return cli.ShowSubcommandHelp(c)
			})},
			{Name: "applicationattempt", Usage: "list an application's attempts, or show one", Flags: []cli.Flag{
				&cli.StringFlag{Name: "list", Usage: "list the attempts of application `ID`"},
				&cli.StringFlag{Name: "status", Usage: "show attempt `ID`"},
			}, Action: withShell(func(c *cli.Context, s *shell.Shell) error { return listOrStatus(c, s.Attempts, s.Attempt) })},
			{Name: "container", Usage: "list an attempt's containers, or show one", Flags: []cli.Flag{
				&cli.StringFlag{Name: "list", Usage: "list the containers of attempt `ID`"},
				&cli.StringFlag{Name: "status", Usage: "show container `ID`"},
			}, Action: withShell(func(c *cli.Context, s *shell.Shell) error { return listOrStatus(c, s.Containers, s.Container) })},
			{Name: "node", Usage: "list nodes, or show one", Flags: []cli.Flag{
				&cli.BoolFlag{Name: "list", Usage: "list the nodes that run"},
				&cli.BoolFlag{Name: "all", Usage: "with -list: every state"},
				&cli.StringFlag{Name: "states", Usage: "with -list: these states, with commas between"},
				&cli.BoolFlag{Name: "showDetails", Usage: "with -list: what nodes have and use"},
				&cli.StringFlag{Name: "status", Usage: "show node `ID` (host:port)"},
			}, Action: withShell(func(c *cli.Context, s *shell.Shell) error {
				switch {
				case c.String("status") != "":
					return s.Node(c.Context, c.String("status"))
				case c.Bool("list"):
					return s.Nodes(c.Context, shell.NodeFilter{States: words(c.String("states")), All: c.Bool("all")}, c.Bool("showDetails"))
				}
				return cli.ShowSubcommandHelp(c)
			})},
			{Name: "queue", Usage: "show a queue", Flags: []cli.Flag{&cli.StringFlag{Name: "status", Usage: "show queue `NAME`"}},
				Action: withShell(func(c *cli.Context, s *shell.Shell) error {
					if c.String("status") == "" {
						return cli.ShowSubcommandHelp(c)
					}
					return s.Queue(c.Context, c.String("status"))
				})},
		},
	}
}

func listOrStatus(c *cli.Context, list, status func(context.Context, string) error) error {
	switch {
	case c.String("list") != "":
		return list(c.Context, c.String("list"))
	case c.String("status") != "":
		return status(c.Context, c.String("status"))
	}
	return cli.ShowSubcommandHelp(c)
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// withShell connects to the ResourceManager for one command.
func withShell(do func(*cli.Context, *shell.Shell) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		cfg, err := clientConf(c)
		if err != nil {
			return err
		}
		s, err := shell.Open(cfg, client.CurrentUser(os.Getenv), c.App.Writer)
		if err != nil {
			return err
		}
		return errors.Join(do(c, s), s.Close())
	}
}
