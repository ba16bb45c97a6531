package nodemanager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"heddle/executor"
	"heddle/hadoop/conf"
)

// accounts says who a user's containers run as.
type accounts struct {
	separate bool   // LinuxContainerExecutor
	single   string // everybody's account, else the submitter's own
	pattern  *regexp.Regexp
	rules    rules
}

// rules are those of container-executor.cfg, which Hadoop's setuid program keeps; so are the values that
// count where the file says nothing.
type rules struct {
	banned []string // banned.users
	minUID int      // min.user.id
	system []string // allowed.system.users, also below minUID
}

func readRules(file string) (rules, error) {
	cfg, err := readExecutorCfg(file)
	if err != nil {
		return rules{}, err
	}
	r := rules{banned: []string{"yarn", "mapred", "hdfs", "bin"}, minUID: 1000, system: cfg["allowed.system.users"]}
	if b := cfg["banned.users"]; len(b) > 0 {
		r.banned = b
	}
	if m := cfg["min.user.id"]; len(m) > 0 {
		if r.minUID, err = strconv.Atoi(m[0]); err != nil || len(m) > 1 {
			return rules{}, fmt.Errorf("min.user.id=%s in %s: want a number", strings.Join(m, ","), file)
		}
	}
	return r, nil
}

// check refuses accounts that containers may not run as, in Hadoop's words.
func (r rules) check(a *executor.Account) error {
	switch {
	case a.UID == 0:
		return errors.New("Running as root is not allowed") //nolint:revive // Hadoop's text
	case int(a.UID) < r.minUID && !slices.Contains(r.system, a.Name):
		return fmt.Errorf("Requested user %s is not whitelisted and has id %d,which is below the minimum allowed %d (min.user.id, allowed.system.users)", a.Name, a.UID, r.minUID) //nolint:revive // Hadoop's text
	case slices.Contains(r.banned, a.Name):
		return fmt.Errorf("Requested user %s is banned (banned.users)", a.Name) //nolint:revive // Hadoop's text
	}
	return nil
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

// open reads the rules and looks for what changes accounts.
func (a *accounts) open(configDir string) error {
	if !a.separate {
		return nil
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		return fmt.Errorf("LinuxContainerExecutor changes accounts by setpriv, which is part of util-linux: %w", err)
	}
	file := filepath.Join(configDir, "container-executor.cfg")
	if err := trusted(file); err != nil {
		return err
	}
	var err error
	a.rules, err = readRules(file)
	return err
}

// trusted refuses a file of rules that others than root can write, as Hadoop's setuid program does. It looks at the
// file, links followed, and not at the folders above. An absent file is fine: the built-in rules hold.
func trusted(file string) error {
	fi, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 || fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s says who containers run as, and must be owned by root and writable by nobody else (it is %v): chown root and chmod go-w it", file, fi.Mode())
	}
	return nil
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
	return acc, a.rules.check(acc)
}
