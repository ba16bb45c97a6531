package nodemanager

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"heddle/executor"
	"heddle/hadoop/conf"
	"heddle/nodemanager/launcher"
)

// accounts says who a user's containers run as.
type accounts struct {
	separate bool   // LinuxContainerExecutor
	single   string // everybody's account, else the submitter's own
	pattern  *regexp.Regexp
	rules    launcher.Rules
	launcher *launcher.Launcher
}

func readAccounts(c *conf.Config) (accounts, error) {
	const (
		key = "yarn.nodemanager.container-executor.class"
		lce = "yarn.nodemanager.linux-container-executor.nonsecure-mode."
	)
	class := c.String(key, "DefaultContainerExecutor")
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "DefaultContainerExecutor":
		return accounts{}, nil
	case "LinuxContainerExecutor":
	default:
		return accounts{}, c.Invalid(key, "DefaultContainerExecutor or LinuxContainerExecutor")
	}
	if os.Geteuid() != 0 {
		return accounts{}, fmt.Errorf("%s=%s (%s): running containers as other users needs root; start the NodeManager as root, or use DefaultContainerExecutor", key, class, c.Source(key))
	}
	limit, err := c.Bool(lce+"limit-users", true)
	if err != nil {
		return accounts{}, err
	}
	a := accounts{separate: true}
	if limit {
		a.single = c.String(lce+"local-user", "nobody")
	}
	a.pattern, err = regexp.Compile(c.String(lce+"user-pattern", `^[_.A-Za-z0-9][-@_.A-Za-z0-9]{0,255}?[$]?$`))
	if err != nil {
		return accounts{}, fmt.Errorf("%w: %w", c.Invalid(lce+"user-pattern", "a regular expression"), err)
	}
	return a, nil
}

// open reads the rules and readies what changes accounts.
func (a *accounts) open(configDir string) error {
	if !a.separate {
		return nil
	}
	file, err := filepath.Abs(filepath.Join(configDir, "container-executor.cfg"))
	if err != nil {
		return err
	}
	if a.rules, err = launcher.ReadRules(file); err != nil {
		return err
	}
	a.launcher, err = launcher.New(file)
	return err
}

// as is how the process executor runs a program as a user; nil where it never does.
func (a *accounts) as() func(user, dir string) []string {
	if a.launcher == nil {
		return nil
	}
	return a.launcher.Command
}

// of is the account for a user's containers; nil for the NodeManager's own.
func (a accounts) of(user string) (*executor.Account, error) {
	if !a.separate {
		return nil, nil
	}
	if !a.pattern.MatchString(user) {
		return nil, fmt.Errorf("Invalid user name %s: it does not match yarn.nodemanager.linux-container-executor.nonsecure-mode.user-pattern", user) //nolint:revive // Hadoop's text
	}
	name := user
	if a.single != "" {
		name = a.single
	}
	acc, err := executor.LookupAccount(name)
	if err != nil {
		return nil, err
	}
	return acc, a.rules.Check(acc)
}
