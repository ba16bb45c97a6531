package security

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
	"sync"
	"time"

	"heddle/hadoop/conf"
)

// maxCachedUsers bounds the cache against callers that make up names.
const maxCachedUsers = 10000

// Groups finds the groups of a user in the operating system, with static overrides
// and a cache. It is safe for concurrent use.
type Groups struct {
	overrides map[string][]string
	positive  time.Duration
	negative  time.Duration
	lookup    func(user string) ([]string, error)
	now       func() time.Time

	mu    sync.Mutex
	cache map[string]cachedGroups
}

type cachedGroups struct {
	groups []string
	until  time.Time
}

// unixMappings are Hadoop's names for asking the operating system; the rest is not built.
var unixMappings = map[string]bool{
	"org.apache.hadoop.security.JniBasedUnixGroupsMappingWithFallback": true,
	"org.apache.hadoop.security.JniBasedUnixGroupsMapping":             true,
	"org.apache.hadoop.security.ShellBasedUnixGroupsMapping":           true,
}

// NewGroups reads hadoop.user.group.static.mapping.overrides, the cache times and
// hadoop.security.group.mapping, of which only the operating system's are supported.
func NewGroups(c *conf.Config) (*Groups, error) {
	const mappingKey = "hadoop.security.group.mapping"
	const overridesKey = "hadoop.user.group.static.mapping.overrides"
	v := c.Values()
	g := &Groups{
		positive: v.Duration("hadoop.security.groups.cache.secs", 5*time.Minute, time.Second),
		negative: v.Duration("hadoop.security.groups.negative-cache.secs", 30*time.Second, time.Second),
		lookup:   systemGroups,
		now:      time.Now,
		cache:    map[string]cachedGroups{},
	}
	if m := v.String(mappingKey, ""); m != "" && !unixMappings[m] {
		v.Fail(fmt.Errorf("%w; other group mappings are not supported yet", c.Invalid(mappingKey, "org.apache.hadoop.security.JniBasedUnixGroupsMappingWithFallback")))
	}
	overrides, err := parseOverrides(v.String(overridesKey, ""))
	if err != nil {
		v.Fail(fmt.Errorf("%w: %w", c.Invalid(overridesKey, "user1=group1,group2;user2="), err))
	}
	g.overrides = overrides
	return g, v.Err()
}

func parseOverrides(text string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, entry := range strings.Split(text, ";") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, groups, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.Contains(groups, "=") {
			return nil, fmt.Errorf("%q is not user=groups", entry)
		}
		out[name] = names(groups)
	}
	return out, nil
}

// Of is the user's groups, the primary one first; a user the system does not know has none.
func (g *Groups) Of(name string) ([]string, error) {
	if groups, ok := g.overrides[name]; ok {
		return groups, nil
	}
	now := g.now()
	g.mu.Lock()
	c, ok := g.cache[name]
	g.mu.Unlock()
	if ok && now.Before(c.until) {
		return c.groups, nil
	}
	groups, err := g.lookup(name)
	if err != nil {
		return nil, fmt.Errorf("looking up the groups of %s: %w", name, err)
	}
	keep := g.positive
	if len(groups) == 0 {
		keep = g.negative
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.cache) >= maxCachedUsers {
		clear(g.cache)
	}
	g.cache[name] = cachedGroups{groups, now.Add(keep)}
	return groups, nil
}

// Func is Of for ACL.Allows: a failed lookup is reported and counts as no groups.
func (g *Groups) Func(report func(error)) func(string) []string {
	return func(name string) []string {
		groups, err := g.Of(name)
		if err != nil {
			report(err)
		}
		return groups
	}
}

// Refresh forgets what was cached (refreshUserToGroupsMappings).
func (g *Groups) Refresh() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.cache)
}

func systemGroups(name string) ([]string, error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	groups := make([]string, 0, len(ids))
	for _, id := range ids {
		g, err := user.LookupGroupId(id)
		if err != nil {
			groups = append(groups, id) // Hadoop keeps the number of a group without name
			continue
		}
		groups = append(groups, g.Name)
	}
	return groups, nil
}
