package digestmd5

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxMessage bounds a challenge or response; a token identifier in base64 is well below it.
const maxMessage = 64 << 10

var errFormat = errors.New("DIGEST-MD5: not a list of name=value directives")

// parseDirectives reads the list of RFC 2831 section 7.1: name=value or name="value",
// separated by commas, in any order. A directive given twice is refused.
func parseDirectives(msg []byte) (map[string]string, error) {
	if len(msg) > maxMessage {
		return nil, fmt.Errorf("DIGEST-MD5: message of %d bytes is above %d", len(msg), maxMessage)
	}
	out := make(map[string]string, 12)
	rest := string(msg)
	for {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		if rest == "" {
			return out, nil
		}
		name, after, ok := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, "\", \t") {
			return nil, errFormat
		}
		value, tail, err := directiveValue(strings.TrimLeft(after, " \t"))
		if err != nil {
			return nil, err
		}
		if _, double := out[name]; double {
			return nil, fmt.Errorf("DIGEST-MD5: directive %q is given twice", name)
		}
		out[name], rest = value, tail
	}
}

// directiveValue reads one value and returns what follows it.
func directiveValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ", \t\r\n")
		if i < 0 {
			return s, "", nil
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
			if i == len(s) {
				return "", "", errFormat
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errFormat
}

func quote(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

func splitList(s, empty string) []string {
	if s == "" {
		s = empty
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// parseMaxBuffer reads maxbuf, which RFC 2831 bounds to 17…16777215.
func parseMaxBuffer(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n <= confOverhead || n > 1<<24-1 {
		return 0, fmt.Errorf("DIGEST-MD5: maxbuf %q is not usable", s)
	}
	return n, nil
}
