package security

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"heddle/hadoop/conf"
)

// policyKeys name the hadoop-policy.xml entry of each protocol we serve.
var policyKeys = map[string]string{
	"org.apache.hadoop.yarn.server.api.ResourceTrackerPB":                        "security.resourcetracker.protocol.acl",
	"org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB":  "security.resourcemanager-administration.protocol.acl",
	"org.apache.hadoop.yarn.api.ApplicationClientProtocolPB":                     "security.applicationclient.protocol.acl",
	"org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB":                     "security.applicationmaster.protocol.acl",
	"org.apache.hadoop.yarn.api.ContainerManagementProtocolPB":                   "security.containermanagement.protocol.acl",
	"org.apache.hadoop.yarn.server.nodemanager.api.LocalizationProtocolPB":       "security.resourcelocalizer.protocol.acl",
	"org.apache.hadoop.ha.HAServiceProtocol":                                     "security.ha.service.protocol.acl",
	"org.apache.hadoop.security.protocolPB.RefreshAuthorizationPolicyProtocolPB": "security.refresh.policy.protocol.acl",
	"org.apache.hadoop.security.protocolPB.RefreshUserMappingsProtocolPB":        "security.refresh.user.mappings.protocol.acl",
	"org.apache.hadoop.tools.protocolPB.GetUserMappingsProtocolPB":               "security.get.user.mappings.protocol.acl",
}

const defaultPolicyKey = "security.service.authorization.default.acl"

// ServiceACLs say who may use each protocol at all (hadoop-policy.xml). They hold only
// while hadoop.security.authorization is true.
type ServiceACLs struct {
	enabled bool
	rules   map[string]serviceRule
	other   serviceRule
}

type serviceRule struct {
	allowed, blocked    ACL
	hosts, blockedHosts *Hosts
}

const authorizationKey = "hadoop.security.authorization"

// Authorizes fails, in Hadoop's words, where c does not ask for service authorization.
func Authorizes(c *conf.Config) error {
	if on, err := c.Bool(authorizationKey, false); err != nil || !on {
		return errors.Join(err, fmt.Errorf("Service Authorization (%s) not enabled.", authorizationKey)) //nolint:revive // Hadoop's text
	}
	return nil
}

// NewServiceACLs reads the lists from c, into which hadoop-policy.xml was loaded.
func NewServiceACLs(c *conf.Config, resolve func(host string) ([]net.IP, error)) (*ServiceACLs, error) {
	v := c.Values()
	s := &ServiceACLs{enabled: v.Bool(authorizationKey, false), rules: map[string]serviceRule{}}
	rule := func(key string) serviceRule {
		key, fallback := strings.TrimSuffix(key, ".acl"), strings.TrimSuffix(defaultPolicyKey, ".acl")
		text := func(last, def string) string {
			if t, ok := c.Untrimmed(key + last); ok {
				return t
			}
			if t, ok := c.Untrimmed(fallback + last); ok {
				return t
			}
			return def
		}
		hosts, err := ParseHosts(text(".hosts", "*"), resolve)
		v.Fail(err)
		blockedHosts, err := ParseHosts(text(".hosts.blocked", ""), resolve)
		v.Fail(err)
		return serviceRule{ParseACL(text(".acl", "*")), ParseACL(text(".acl.blocked", "")), hosts, blockedHosts}
	}
	for protocol, key := range policyKeys {
		s.rules[protocol] = rule(key)
	}
	s.other = rule(defaultPolicyKey)
	return s, v.Err()
}

// Authorize decides whether user may use protocol from ip. A refusal is an *AuthorizationError in Hadoop's words.
func (s *ServiceACLs) Authorize(user, protocol string, groups func(user string) []string, ip net.IP) error {
	if !s.enabled {
		return nil
	}
	rule, ok := s.rules[protocol]
	if !ok {
		rule = s.other
	}
	if !rule.allowed.Allows(user, groups) || rule.blocked.Allows(user, groups) {
		return denied("User %s (auth:SIMPLE) is not authorized for protocol interface %s", user, protocol)
	}
	if !rule.hosts.Contains(ip) || rule.blockedHosts.Contains(ip) {
		return denied("Host %s is not authorized for protocol interface %s", ip, protocol)
	}
	return nil
}
