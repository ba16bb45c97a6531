package launcher

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"heddle/executor"
)

// Rules are those of container-executor.cfg, which Hadoop's setuid program keeps; so are the values that
// count where the file says nothing.
type Rules struct {
	banned []string // banned.users
	minUID int      // min.user.id
	system []string // allowed.system.users, also below minUID
}

// ReadRules reads the rules of a container-executor.cfg; without the file the built-in ones hold. It refuses a file
// that others than root can write, as Hadoop's program does: it looks at the file, links followed, and not at the folders above.
func ReadRules(file string) (Rules, error) {
	if err := trusted(file); err != nil {
		return Rules{}, err
	}
	cfg, err := ReadLists(file)
	if err != nil {
		return Rules{}, err
	}
	r := Rules{banned: []string{"yarn", "mapred", "hdfs", "bin"}, minUID: 1000, system: cfg["allowed.system.users"]}
	if b := cfg["banned.users"]; len(b) > 0 {
		r.banned = b
	}
	if m := cfg["min.user.id"]; len(m) > 0 {
		if r.minUID, err = strconv.Atoi(m[0]); err != nil || len(m) > 1 {
			return Rules{}, fmt.Errorf("min.user.id=%s in %s: want a number", strings.Join(m, ","), file)
		}
	}
	return r, nil
}

// Check refuses accounts that containers may not run as, in Hadoop's words.
func (r Rules) Check(a *executor.Account) error {
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

// ReadLists reads the lists of container-executor.cfg: key=value,value lines below [sections],
// whose keys are unique but for module.enabled, which is docker.module.enabled here. An absent file holds nothing.
func ReadLists(file string) (map[string][]string, error) {
	out := map[string][]string{}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	sc := bufio.NewScanner(f)
	section := ""
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(s, "]") + "."
		}
		if k, v, ok := strings.Cut(line, "="); ok {
			k = strings.TrimSpace(k)
			if k == "module.enabled" {
				k = section + k
			}
			for x := range strings.SplitSeq(v, ",") {
				if x = strings.TrimSpace(x); x != "" {
					out[k] = append(out[k], x)
				}
			}
		}
	}
	return out, sc.Err()
}
