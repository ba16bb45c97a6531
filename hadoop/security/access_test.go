package security

import (
	"errors"
	"net"
	"os/user"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/hadoop/conf"
)

func groupsOf(m map[string][]string) func(string) []string {
	return func(u string) []string { return m[u] }
}

func TestACLText(t *testing.T) {
	groups := groupsOf(map[string][]string{"carol": {"staff", "dev"}})
	for _, c := range []struct {
		text, user string
		want       bool
	}{
		{"*", "anyone", true}, {" ", "alice", false}, {"", "alice", false}, {"alice,bob", "bob", true}, {"alice,bob", "carol", false},
		{"alice dev,ops", "carol", true}, {" dev", "carol", true}, {" dev", "dev", false}, {"alice , dev", "alice", true}, {"dev", "carol", false},
	} {
		acl := ParseACL(c.text)
		if got := acl.Allows(c.user, groups); got != c.want {
			t.Errorf("%q allows %s: %v, want %v", c.text, c.user, got, c.want)
		}
		if back := ParseACL(acl.String()); back.String() != acl.String() {
			t.Errorf("%q: %q became %q", c.text, acl, back)
		}
	}
}

func TestAnACLKeepsTheSpaceBeforeItsGroups(t *testing.T) {
	c := conf.New()
	c.Set("acl", " dev")
	groups := groupsOf(map[string][]string{"carol": {"dev"}})
	if !ACLFrom(c, "acl", "*").Allows("carol", groups) || ACLFrom(c, "acl", "*").Allows("dev", groups) {
		t.Error("the group was read as a user")
	}
	if !ACLFrom(c, "none", "*").Allows("x", groups) || ACLFrom(c, "none", " ").Allows("x", groups) {
		t.Error("the default is not used")
	}
}

func TestGroupsComeFromOverridesThenSystemThenCache(t *testing.T) {
	c := conf.New()
	c.Set("hadoop.user.group.static.mapping.overrides", "dr.who=;bob=a, b;")
	g, err := NewGroups(c)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	g.lookup = func(u string) ([]string, error) {
		asked++
		if u == "broken" {
			return nil, errors.New("no answer")
		}
		return map[string][]string{"alice": {"staff"}}[u], nil
	}
	now := start
	g.now = func() time.Time { return now }
	of := func(u string) string {
		t.Helper()
		l, err := g.Of(u)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(l, ",")
	}
	if of("bob") != "a,b" || of("dr.who") != "" || asked != 0 {
		t.Errorf("overrides: %q %q, %d lookups", of("bob"), of("dr.who"), asked)
	}
	if of("alice") != "staff" || of("alice") != "staff" || asked != 1 {
		t.Errorf("cache: %d lookups", asked)
	}
	now = now.Add(6 * time.Minute)
	if of("alice"); asked != 2 {
		t.Errorf("after the cache time: %d lookups", asked)
	}
	g.Refresh()
	if of("alice"); asked != 3 {
		t.Errorf("after a refresh: %d lookups", asked)
	}
	if _, err := g.Of("broken"); err == nil {
		t.Error("a failed lookup gave no error")
	}
	var reported error
	if l := g.Func(func(err error) { reported = err })("broken"); l != nil || reported == nil {
		t.Errorf("%v, %v", l, reported)
	}
}

func TestTheSystemsGroupsOfThisUser(t *testing.T) {
	g, err := NewGroups(conf.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	primary, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := g.Of(me.Username); err != nil || len(l) == 0 || l[0] != primary.Name {
		t.Errorf("%v, %v; want %s first", l, err, primary.Name)
	}
	if l, err := g.Of("nobody-has-this-name"); err != nil || len(l) != 0 {
		t.Errorf("an unknown user: %v, %v", l, err)
	}
}

func TestGroupMappingsThatAreNotBuiltAreRefused(t *testing.T) {
	for key, value := range map[string]string{
		"hadoop.security.group.mapping":              "org.apache.hadoop.security.LdapGroupsMapping",
		"hadoop.user.group.static.mapping.overrides": "bob",
	} {
		c := conf.New()
		c.Set(key, value)
		if _, err := NewGroups(c); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

func TestProxyUserRules(t *testing.T) {
	resolve := func(h string) ([]net.IP, error) {
		if h == "gateway" {
			return []net.IP{net.ParseIP("10.0.0.9")}, nil
		}
		return nil, errors.New("unknown host")
	}
	c := conf.New()
	for k, v := range map[string]string{
		"hadoop.proxyuser.oozie.hosts": "gateway,unknown", "hadoop.proxyuser.oozie.groups": "dev",
		"hadoop.proxyuser.root.hosts": "*", "hadoop.proxyuser.root.groups": "*",
		"hadoop.proxyuser.knox.hosts": "192.168.0.0/16,127.0.0.1", "hadoop.proxyuser.knox.users": "alice",
		"hadoop.proxyuser.first.last.hosts": "*", "hadoop.proxyuser.first.last.users": "*",
		"hadoop.proxyuser.nohosts.users": "*",
	} {
		c.Set(k, v)
	}
	p, err := NewProxyUsers(c, resolve)
	if err != nil {
		t.Fatal(err)
	}
	groups := groupsOf(map[string][]string{"alice": {"dev"}})
	for _, r := range []struct{ real, effective, ip, want string }{
		{"oozie", "alice", "10.0.0.9", ""},
		{"oozie", "bob", "10.0.0.9", "User: oozie is not allowed to impersonate bob"},
		{"oozie", "alice", "10.0.0.8", "Unauthorized connection for super-user: oozie from IP 10.0.0.8"},
		{"root", "bob", "1.2.3.4", ""},
		{"knox", "alice", "192.168.7.7", ""},
		{"knox", "alice", "127.0.0.1", ""},
		{"knox", "bob", "127.0.0.1", "User: knox is not allowed to impersonate bob"},
		{"first.last", "bob", "127.0.0.1", ""},
		{"nohosts", "bob", "127.0.0.1", "Unauthorized connection for super-user: nohosts from IP 127.0.0.1"},
		{"alice", "bob", "127.0.0.1", "User: alice is not allowed to impersonate bob"},
	} {
		err := p.Authorize(r.real, r.effective, groups, net.ParseIP(r.ip))
		var refused *AuthorizationError
		if r.want == "" && err == nil {
			continue
		}
		if !errors.As(err, &refused) || refused.Message != r.want {
			t.Errorf("%s for %s from %s: %v, want %q", r.real, r.effective, r.ip, err, r.want)
		}
	}
	c.Set("hadoop.proxyuser.bad.hosts", "10.0.0.0/99")
	if _, err := NewProxyUsers(c, resolve); err == nil || !strings.Contains(err.Error(), "10.0.0.0/99") {
		t.Errorf("a bad network: %v", err)
	}
}

// Each of Hadoop's four lists of a protocol, and of the default for it, is heeded.
func TestListsOfAProtocol(t *testing.T) {
	const client, other = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB", "org.apache.hadoop.yarn.server.api.ResourceTrackerPB"
	for _, tt := range []struct {
		keys           map[string]string
		user, protocol string
		ip             string
		ok             bool
	}{
		{nil, "alice", client, "10.0.0.1", true},
		{map[string]string{"applicationclient.protocol.acl.blocked": "alice"}, "alice", client, "10.0.0.1", false},
		{map[string]string{"applicationclient.protocol.acl.blocked": "alice"}, "alice", other, "10.0.0.1", true},
		{map[string]string{"service.authorization.default.acl.blocked": "alice"}, "alice", client, "10.0.0.1", false},
		{map[string]string{"service.authorization.default.acl.blocked": "alice", "applicationclient.protocol.acl.blocked": " "}, "alice", client, "10.0.0.1", true},
		{map[string]string{"applicationclient.protocol.hosts": "10.0.0.1"}, "alice", client, "10.0.0.1", true},
		{map[string]string{"applicationclient.protocol.hosts": "10.0.0.1"}, "alice", client, "10.0.0.2", false},
		{map[string]string{"applicationclient.protocol.hosts.blocked": "10.0.0.0/30"}, "alice", client, "10.0.0.2", false},
		{map[string]string{"service.authorization.default.hosts": "10.0.0.1"}, "alice", other, "10.0.0.2", false},
		{map[string]string{"service.authorization.default.hosts.blocked": "10.0.0.2"}, "alice", client, "10.0.0.2", false},
		{map[string]string{"service.authorization.default.hosts.blocked": "10.0.0.2"}, "alice", client, "10.0.0.1", true},
	} {
		c := conf.New()
		c.Set("hadoop.security.authorization", "true")
		for k, v := range tt.keys {
			c.Set("security."+k, v)
		}
		s, err := NewServiceACLs(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Authorize(tt.user, tt.protocol, groupsOf(nil), net.ParseIP(tt.ip)); (err == nil) != tt.ok {
			t.Errorf("%v: %s from %s: %v", tt.keys, tt.user, tt.ip, err)
		}
	}
}

func TestServiceACLsHoldOnlyWhenAuthorizationIsOn(t *testing.T) {
	const client = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB"
	c := conf.New()
	c.Set("security.applicationclient.protocol.acl", "alice dev")
	c.Set("security.applicationclient.protocol.acl.blocked", "eve")
	c.Set("security.service.authorization.default.acl", "admin")
	for _, on := range []bool{false, true} {
		c.Set("hadoop.security.authorization", map[bool]string{true: "true", false: "false"}[on])
		s, err := NewServiceACLs(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		groups := groupsOf(map[string][]string{"eve": {"dev"}, "bob": {"dev"}})
		var got []string
		for _, u := range []string{"alice", "bob", "eve", "mallory"} {
			if s.Authorize(u, client, groups, nil) == nil {
				got = append(got, u)
			}
		}
		want := map[bool][]string{true: {"alice", "bob"}, false: {"alice", "bob", "eve", "mallory"}}[on]
		if !slices.Equal(got, want) {
			t.Errorf("authorization %v: %v may, want %v", on, got, want)
		}
		if on && s.Authorize("alice", "some.other.Protocol", groups, nil) == nil {
			t.Error("the default list was not asked")
		}
	}
}
