package security

import (
	"fmt"
	"slices"
	"strings"

	"heddle/hadoop/conf"
)

// ACL is who may do something: everyone, or the named users and the members of the named groups.
type ACL struct {
	All    bool
	Users  []string
	Groups []string
}

// Everyone and Nobody are the two ends.
var (
	Everyone = ACL{All: true}
	Nobody   = ACL{}
)

// ParseACL reads Hadoop's text: "user1,user2 group1,group2", " group1" for groups
// alone, "*" for everyone, and empty or a space for nobody.
func ParseACL(text string) ACL {
	if strings.Contains(text, "*") {
		return Everyone
	}
	users, groups, _ := strings.Cut(text, " ")
	return ACL{Users: names(users), Groups: names(groups)}
}

// ACLFrom is the list under key, or def's when the key is not set. An empty value is nobody.
func ACLFrom(c *conf.Config, key, def string) ACL {
	text, ok := c.Untrimmed(key)
	if !ok {
		text = def
	}
	return ParseACL(text)
}

func names(list string) []string {
	var out []string
	for _, n := range strings.Split(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// String is the text that ParseACL reads.
func (a ACL) String() string {
	if a.All {
		return "*"
	}
	return strings.Join(a.Users, ",") + " " + strings.Join(a.Groups, ",")
}

// Allows reports whether user is on the list. groups is asked only when the user's own name does not decide.
func (a ACL) Allows(user string, groups func(user string) []string) bool {
	if a.All || slices.Contains(a.Users, user) {
		return true
	}
	if len(a.Groups) == 0 {
		return false
	}
	for _, g := range groups(user) {
		if slices.Contains(a.Groups, g) {
			return true
		}
	}
	return false
}

// AuthorizationError is a refusal in Hadoop's words; on the wire its class is
// org.apache.hadoop.security.authorize.AuthorizationException.
type AuthorizationError struct{ Message string }

func (e *AuthorizationError) Error() string { return e.Message }

func denied(format string, args ...any) error {
	return &AuthorizationError{Message: fmt.Sprintf(format, args...)}
}
