// Command heddle-agent is what a task runs under inside its container. Called as
// `heddle` there, it offers `heddle fs` to images that have no Hadoop client.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"heddle/agent"
	"heddle/hadoop/conf"
	"heddle/hadoop/fs"
	"heddle/hadoop/fs/shell"
	"heddle/job/rendezvous"
)

// version is set by the linker.
var version = "dev"

const help = `usage: heddle-agent run          run the task of this container
       heddle fs COMMAND …       files of the cluster
`

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch args[0] {
	case "run":
		os.Exit(run())
	case "fs":
		if err := files(args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
			os.Exit(1)
		}
	case "version", "--version":
		fmt.Println("heddle-agent", version)
	default:
		fmt.Fprint(os.Stderr, help, shell.Usage, "\n")
		os.Exit(2)
	}
}

func run() int {
	note := func(err error) int {
		fmt.Fprintln(os.Stderr, "heddle-agent:", err)
		return agent.ExitPrepare
	}
	dir, err := os.Getwd()
	if err != nil {
		return note(err)
	}
	c, err := configuration()
	if err != nil {
		return note(err)
	}
	return agent.Run(context.Background(), &agent.Options{
		WorkDir: dir, Getenv: os.Getenv, Environ: os.Environ(), Conf: c, Log: os.Stderr, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

func files(args []string, out io.Writer) error {
	c, err := configuration()
	if err != nil {
		return err
	}
	s := &shell.Shell{Dialer: &fs.Dialer{Conf: c}, User: os.Getenv("HADOOP_USER_NAME"), Out: out}
	err = s.Run(args)
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

// configuration is what the ApplicationMaster gave the container, else a configuration directory's.
func configuration() (*conf.Config, error) {
	if file := os.Getenv(rendezvous.EnvConf); file != "" {
		c := conf.WithDefaults()
		return c, c.AddFile(file)
	}
	if dir := os.Getenv("HADOOP_CONF_DIR"); dir != "" {
		return conf.Load(dir)
	}
	return conf.WithDefaults(), nil
}
