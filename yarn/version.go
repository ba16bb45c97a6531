package yarn

import (
	"fmt"
	"strconv"
	"strings"
)

// HadoopVersion is the version whose protocols and shapes the daemons speak; they name it where a peer asks.
const HadoopVersion = "3.4.2"

// VersionBelow reports whether a Hadoop version is below another: "3.4.0-SNAPSHOT" is below "3.4.0", which is below "3.10".
// It fails where one is no version.
func VersionBelow(version, least string) (bool, error) {
	a, err := parseVersion(version)
	if err != nil {
		return false, err
	}
	b, err := parseVersion(least)
	if err != nil {
		return false, err
	}
	for i := range max(len(a.numbers), len(b.numbers)) {
		var x, y int
		if i < len(a.numbers) {
			x = a.numbers[i]
		}
		if i < len(b.numbers) {
			y = b.numbers[i]
		}
		if x != y {
			return x < y, nil
		}
	}
	return a.early && !b.early, nil
}

type version struct {
	numbers []int
	early   bool // a snapshot, an alpha, a release candidate
}

func parseVersion(s string) (v version, err error) {
	numbers, suffix, _ := strings.Cut(s, "-")
	for part := range strings.SplitSeq(numbers, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return v, fmt.Errorf("%q is no Hadoop version", s)
		}
		v.numbers = append(v.numbers, n)
	}
	suffix = strings.ToLower(suffix)
	for _, early := range []string{"snapshot", "alpha", "beta", "rc"} {
		v.early = v.early || strings.Contains(suffix, early)
	}
	return v, nil
}
