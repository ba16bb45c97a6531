package launch

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Java finds out which Java the containers of this host use, since <ADD_OPENS> depends on it.
type Java struct {
	once    sync.Once
	version int
}

var javaVersion = regexp.MustCompile(`"(?:1\.)?(\d+)[^"]*"`)

// AddOpens is what <ADD_OPENS> stands for; the first call looks for Java: in JAVA_HOME, else on the PATH.
func (j *Java) AddOpens(host map[string]string) string {
	j.once.Do(func() { j.version = findJava(host) })
	if j.version >= 17 {
		return AddOpensJava17
	}
	return ""
}

// findJava returns Java's feature version, 0 where there is none.
func findJava(host map[string]string) int {
	home := host["JAVA_HOME"]
	binary := filepath.Join(home, "bin", "java")
	if home == "" {
		found, err := exec.LookPath("java")
		if err != nil {
			return 0
		}
		if binary, err = filepath.EvalSymlinks(found); err != nil {
			return 0
		}
		home = filepath.Dir(filepath.Dir(binary))
	}
	if b, err := os.ReadFile(filepath.Join(home, "release")); err == nil {
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "JAVA_VERSION=") {
				return featureVersion(line)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "-version").CombinedOutput()
	if err != nil {
		return 0
	}
	return featureVersion(string(out))
}

func featureVersion(text string) int {
	m := javaVersion.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n
}
