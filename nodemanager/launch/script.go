// Package launch turns a container's launch context into the bash script that
// becomes its process: environment in order of dependence, links to localized
// resources, commands. The script's text is the one that Hadoop's containers get.
package launch

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"heddle/yarn"
)

// Spec is all that the script depends on.
type Spec struct {
	Container yarn.ContainerID
	User      string
	WorkDir   string
	LogDir    string   // of this container; <LOG_DIR>
	AppDirs   []string // LOCAL_DIRS: the application's directory in each local directory
	UserDirs  []string // LOCAL_USER_DIRS
	LogDirs   []string // the container's log directories
	HomeDir   string
	TokenFile string

	NMHost   string
	NMPort   int
	HTTPPort int

	Env       map[string]string // the client's
	Commands  []string
	Links     []Link
	Aux       map[string][]byte // meta data of the auxiliary services
	Counters  Counters
	AddOpens  string // replaces <ADD_OPENS>
	Whitelist []string
	AdminEnv  string            // yarn.nodemanager.admin-env
	HostEnv   map[string]string // the NodeManager's own environment
	Extra     map[string]string // set by the node, over the client's values: GPU devices
	DebugInfo bool
}

// Link is a name in the work directory for a localized resource.
type Link struct{ Name, Target string }

// Counters is what localization cost, for LOCALIZATION_COUNTERS.
type Counters struct {
	BytesFetched, BytesCached, FilesFetched, FilesCached, Millis int64
}

func (c Counters) String() string {
	return fmt.Sprintf("%d,%d,%d,%d,%d", c.BytesFetched, c.BytesCached, c.FilesFetched, c.FilesCached, c.Millis)
}

// ErrDestination is Hadoop's text for a link name that is absolute.
var ErrDestination = errors.New("Destination must be relative") //nolint:revive // clients match on it

// AddOpensJava17 is what <ADD_OPENS> means from Java 17 on.
const AddOpensJava17 = "--add-opens=java.base/java.lang=ALL-UNNAMED --add-exports=java.base/sun.net.dns=ALL-UNNAMED --add-exports=java.base/sun.net.util=ALL-UNNAMED"

// Script is the text of launch_container.sh.
func Script(s *Spec) (string, error) {
	links, err := linkLines(s.Links)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("#!/bin/bash\n\nset -o pipefail -e")
	p(`export PRELAUNCH_OUT="%s/prelaunch.out"`, s.LogDir)
	p(`exec >"${PRELAUNCH_OUT}"`)
	p(`export PRELAUNCH_ERR="%s/prelaunch.err"`, s.LogDir)
	p(`exec 2>"${PRELAUNCH_ERR}"`)
	p(`echo "Setting up env variables"`)
	for _, v := range environment(s) {
		if v.fallback {
			p(`export %s=${%s:-"%s"}`, v.name, v.name, v.value)
			continue
		}
		p(`export %s="%s"`, v.name, v.value)
	}
	p(`echo "Setting up job resources"`)
	for _, l := range links {
		p("%s", l)
	}
	if s.DebugInfo {
		debugLines(p, s.LogDir)
	}
	p(`echo "Launching container"`)
	replace := s.replacer()
	commands := make([]string, len(s.Commands))
	for i, c := range s.Commands {
		commands[i] = replace.Replace(c)
	}
	p(`exec /bin/bash -c "%s"`, strings.Join(commands, " "))
	return b.String(), nil
}

func debugLines(p func(string, ...any), logDir string) {
	info := `"` + logDir + `/directory.info"`
	p(`echo "Copying debugging information"`)
	p("# Creating copy of launch script")
	p(`cp "launch_container.sh" "%s/launch_container.sh"`, logDir)
	p(`chmod 640 "%s/launch_container.sh"`, logDir)
	p("# Determining directory contents")
	p(`echo "ls -l:" 1>%s`, info)
	p("ls -l 1>>%s", info)
	p(`echo "find -L . -maxdepth 5 -ls:" 1>>%s`, info)
	p("find -L . -maxdepth 5 -ls 1>>%s", info)
	p(`echo "broken symlinks(find -L . -maxdepth 5 -type l -ls):" 1>>%s`, info)
	p("find -L . -maxdepth 5 -type l -ls 1>>%s", info)
}

// replacer replaces what the node knows in a client's command or value. Nothing is escaped:
// clients rely on their shell syntax reaching the shell.
func (s *Spec) replacer() *strings.Replacer {
	return strings.NewReplacer(
		"<LOG_DIR>", s.LogDir, "<CPS>", ":", "<ADD_OPENS>", s.AddOpens, "{{", "$", "}}", "",
	)
}

type variable struct {
	name, value string
	fallback    bool // only where the process has none
}

// environment lists what the script exports, in its order.
func environment(s *Spec) []variable {
	client, replace := map[string]string{}, s.replacer()
	for k, v := range s.Env {
		client[k] = replace.Replace(v)
	}
	maps.Copy(client, s.Extra)
	var out []variable
	for _, name := range s.Whitelist {
		value, ok := s.HostEnv[name]
		if _, set := client[name]; ok && !set {
			out = append(out, variable{name, value, true})
		}
	}
	own := s.own()
	for _, v := range own {
		delete(client, v.name)
	}
	admin := adminVariables(s.AdminEnv, client, s.HostEnv)
	for _, v := range admin {
		delete(client, v.name)
	}
	out = append(out, own...)
	out = append(out, byDependence(client)...)
	return append(out, admin...)
}

// own are the variables that the NodeManager sets whatever the client says.
func (s *Spec) own() []variable {
	v := func(name, value string) variable { return variable{name: name, value: value} }
	out := []variable{
		v("HADOOP_TOKEN_FILE_LOCATION", s.TokenFile),
		v("CONTAINER_ID", s.Container.String()),
		v("NM_PORT", strconv.Itoa(s.NMPort)),
		v("NM_HOST", s.NMHost),
		v("NM_HTTP_PORT", strconv.Itoa(s.HTTPPort)),
		v("LOCAL_DIRS", strings.Join(s.AppDirs, ",")),
		v("LOCAL_USER_DIRS", strings.Join(s.UserDirs, ",")),
		v("LOG_DIRS", strings.Join(s.LogDirs, ",")),
		v("USER", s.User),
		v("LOGNAME", s.User),
		v("HOME", s.HomeDir),
		v("PWD", s.WorkDir),
		v("LOCALIZATION_COUNTERS", s.Counters.String()),
		v("JVM_PID", "$$"),
	}
	for _, name := range slices.Sorted(maps.Keys(s.Aux)) {
		out = append(out, v("NM_AUX_SERVICE_"+name, base64.StdEncoding.EncodeToString(s.Aux[name])))
	}
	return out
}

// linkLines make the links; all links of one resource are made, unlike in Hadoop, where one wins.
func linkLines(links []Link) ([]string, error) {
	var out []string
	made := map[string]bool{}
	sorted := slices.SortedFunc(slices.Values(links), func(a, b Link) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range sorted {
		if err := CheckLink(l.Name); err != nil {
			return nil, err
		}
		if dir := path.Dir(l.Name); dir != "." && !made[dir] {
			made[dir] = true
			out = append(out, "mkdir -p "+word(dir))
		}
		out = append(out, "ln -sf -- "+word(l.Target)+" "+word(l.Name))
	}
	return out, nil
}

// CheckLink refuses a link name that leads out of the work directory.
func CheckLink(name string) error {
	if path.IsAbs(name) {
		return ErrDestination
	}
	if clean := path.Clean(name); clean == "." || !filepath.IsLocal(clean) || strings.Contains(name, "\x00") {
		return fmt.Errorf("%w to the work directory and inside it: link name %q leaves it", ErrDestination, name)
	}
	return nil
}

// word makes s one word of bash in double quotes.
func word(s string) string { return `"` + quoting.Replace(s) + `"` }

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")
