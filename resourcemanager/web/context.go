package web

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"strings"

	yarnpb "heddle/hadoop-proto/yarn"
	hadoophttp "heddle/hadoop/http"
	"heddle/hadoop/security"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// reader turns a body's fields into values and keeps the first error.
type reader struct{ err error }

func (x *reader) fail(format string, args ...any) {
	if x.err == nil {
		x.err = hadoophttp.BadRequest(format, args...)
	}
}

// integer is a field's number, or nil where it was left out.
func (x *reader) integer(t *hadoophttp.Tree, name string, least, most int64) *int64 {
	if !t.Has(name) {
		return nil
	}
	n, err := strconv.ParseInt(t.Text(name), 10, 64)
	if err != nil || n < least || n > most {
		x.fail("%s is %.60q, not a whole number from %d to %d", name, t.Text(name), least, most)
		return nil
	}
	return &n
}

func (x *reader) integer32(t *hadoophttp.Tree, name string) *int32 {
	n := x.integer(t, name, math.MinInt32, math.MaxInt32)
	if n == nil {
		return nil
	}
	return new(int32(*n))
}

func (x *reader) truth(t *hadoophttp.Tree, name string) *bool {
	if !t.Has(name) {
		return nil
	}
	b, err := strconv.ParseBool(t.Text(name))
	if err != nil {
		x.fail("%s is %.60q, neither true nor false", name, t.Text(name))
	}
	return &b
}

func text(t *hadoophttp.Tree, name string) *string {
	if !t.Has(name) {
		return nil
	}
	return new(t.Text(name))
}

// submissionContext reads the body of a submission (field names: rest.md §2). The error is a 400.
func submissionContext(t *hadoophttp.Tree) (*yarnpb.ApplicationSubmissionContextProto, error) {
	x := &reader{}
	id, err := yarn.ParseApplicationID(strings.TrimSpace(t.Text("application-id")))
	if err != nil {
		return nil, hadoophttp.BadRequest("Could not parse application id %.100s", t.Text("application-id"))
	}
	p := &yarnpb.ApplicationSubmissionContextProto{
		ApplicationId: wire.AppID(id), ApplicationName: text(t, "application-name"), Queue: text(t, "queue"),
		UnmanagedAm: x.truth(t, "unmanaged-AM"), MaxAppAttempts: x.integer32(t, "max-app-attempts"), ApplicationType: text(t, "application-type"),
		KeepContainersAcrossApplicationAttempts: x.truth(t, "keep-containers-across-application-attempts"),
		AttemptFailuresValidityInterval:         x.integer(t, "attempt-failures-validity-interval", -1, math.MaxInt64),
		NodeLabelExpression:                     new(t.Text("app-node-label-expression")),
		Resource:                                x.resource(t.Get("resource")),
		AmContainerSpec:                         x.launchContext(t.Get("am-container-spec")),
		LogAggregationContext:                   x.logContext(t.Get("log-aggregation-context")),
	}
	if n := x.integer32(t, "priority"); n != nil {
		p.Priority = wire.Priority(*n)
	}
	for _, tag := range t.Get("application-tags").List("tag") {
		p.ApplicationTags = append(p.ApplicationTags, strings.ToLower(tag.Value)) // as Java's clients do
	}
	if l := t.Text("am-container-node-label-expression"); l != "" {
		p.AmContainerResourceRequest = []*yarnpb.ResourceRequestProto{{ResourceName: new("*"), NumContainers: new(int32(1)), RelaxLocality: new(true), Capability: p.Resource, NodeLabelExpression: &l}}
	}
	if t.Text("reservation-id") != "" {
		x.fail("reservation-id: this ResourceManager has no reservation system")
	}
	for _, e := range t.Entries("application-timeouts") {
		seconds, err := strconv.ParseInt(e.Text(), 10, 64)
		if !strings.EqualFold(e.Key, "LIFETIME") || err != nil {
			x.fail("application-timeouts: %.60q of %.60q; the one type is LIFETIME, its value a number of seconds", e.Text(), e.Key)
		}
		p.ApplicationTimeouts = append(p.ApplicationTimeouts, &yarnpb.ApplicationTimeoutMapProto{ApplicationTimeoutType: yarnpb.ApplicationTimeoutTypeProto_APP_TIMEOUT_LIFETIME.Enum(), Timeout: &seconds})
	}
	return p, x.err
}

func (x *reader) resource(t *hadoophttp.Tree) *yarnpb.ResourceProto {
	if t == nil {
		return nil
	}
	p := &yarnpb.ResourceProto{Memory: x.integer(t, "memory", 0, math.MaxInt64), VirtualCores: x.integer32(t, "vCores")}
	for _, info := range t.Get("resourceInformations").List("resourceInformation") {
		name, amount := info.Text("name"), x.integer(info, "value", 0, math.MaxInt64)
		if name == "" || amount == nil {
			x.fail("resourceInformation: name and value are needed")
			continue
		}
		switch name {
		case yarn.MemoryName:
			p.Memory = amount
		case yarn.VCoresName:
			p.VirtualCores = new(int32(min(*amount, math.MaxInt32)))
		default:
			p.ResourceValueMap = append(p.ResourceValueMap, &yarnpb.ResourceInformationProto{Key: &name, Value: amount, Units: new(info.Text("units")), Type: yarnpb.ResourceTypesProto_COUNTABLE.Enum()})
		}
	}
	return p
}

func (x *reader) logContext(t *hadoophttp.Tree) *yarnpb.LogAggregationContextProto {
	if t == nil {
		return nil
	}
	return &yarnpb.LogAggregationContextProto{IncludePattern: text(t, "log-include-pattern"), ExcludePattern: text(t, "log-exclude-pattern"),
		RolledLogsIncludePattern: text(t, "rolled-log-include-pattern"), RolledLogsExcludePattern: text(t, "rolled-log-exclude-pattern"),
		LogAggregationPolicyClassName: text(t, "log-aggregation-policy-class-name"), LogAggregationPolicyParameters: text(t, "log-aggregation-policy-parameters")}
}

func (x *reader) launchContext(t *hadoophttp.Tree) *yarnpb.ContainerLaunchContextProto {
	p := &yarnpb.ContainerLaunchContextProto{Tokens: x.credentials(t.Get("credentials"))}
	for _, e := range t.Entries("local-resources") {
		p.LocalResources = append(p.LocalResources, &yarnpb.StringLocalResourceMapProto{Key: new(e.Key), Value: x.localResource(e.Key, e.Value)})
	}
	for _, e := range t.Entries("environment") {
		p.Environment = append(p.Environment, &yarnpb.StringStringMapProto{Key: new(e.Key), Value: new(e.Text())})
	}
	for _, c := range t.Get("commands").List("command") {
		p.Command = append(p.Command, c.Value)
	}
	for _, e := range t.Entries("service-data") {
		p.ServiceData = append(p.ServiceData, &yarnpb.StringBytesMapProto{Key: new(e.Key), Value: x.base64("service-data", e)})
	}
	for _, e := range t.Entries("application-acls") {
		kind, ok := yarnpb.ApplicationAccessTypeProto_value["APPACCESS_"+e.Key]
		if !ok {
			x.fail("application-acls: %.60q is neither VIEW_APP nor MODIFY_APP", e.Key)
		}
		p.Application_ACLs = append(p.Application_ACLs, &yarnpb.ApplicationACLMapProto{AccessType: yarnpb.ApplicationAccessTypeProto(kind).Enum(), Acl: new(e.Text())})
	}
	return p
}

// base64 reads bytes in either alphabet, with or without padding.
func (x *reader) base64(what string, e hadoophttp.Entry) []byte {
	clean := strings.NewReplacer("-", "+", "_", "/", "=", "", "\n", "", "\r", "", " ", "").Replace(e.Text())
	b, err := base64.RawStdEncoding.DecodeString(clean)
	if err != nil {
		x.fail("%s: the value of %.60q is no base64", what, e.Key)
	}
	return b
}

func (x *reader) credentials(t *hadoophttp.Tree) []byte {
	c := security.NewCredentials()
	for _, e := range t.Entries("tokens") {
		token, err := security.ParseURLString(e.Text())
		if err != nil {
			x.fail("Could not parse credentials data. Exception message = token %.60q: %v", e.Key, err)
			continue
		}
		c.Tokens[e.Key] = token
	}
	for _, e := range t.Entries("secrets") {
		c.Secrets[e.Key] = x.base64("secrets", e)
	}
	if len(c.Tokens) == 0 && len(c.Secrets) == 0 {
		return nil
	}
	return c.Marshal()
}

func (x *reader) localResource(name string, t *hadoophttp.Tree) *yarnpb.LocalResourceProto {
	kind, ok := yarnpb.LocalResourceTypeProto_value[strings.ToUpper(t.Text("type"))]
	if !ok {
		x.fail("local resource %.60q: type %.60q is none of ARCHIVE, FILE, PATTERN", name, t.Text("type"))
	}
	visibility, ok := yarnpb.LocalResourceVisibilityProto_value[strings.ToUpper(t.Text("visibility"))]
	if !ok {
		x.fail("local resource %.60q: visibility %.60q is none of PUBLIC, PRIVATE, APPLICATION", name, t.Text("visibility"))
	}
	return &yarnpb.LocalResourceProto{Resource: x.url(name, t.Text("resource")), Size: x.integer(t, "size", 0, math.MaxInt64), Timestamp: x.integer(t, "timestamp", 0, math.MaxInt64),
		Type: yarnpb.LocalResourceTypeProto(kind).Enum(), Visibility: yarnpb.LocalResourceVisibilityProto(visibility).Enum(), Pattern: text(t, "pattern")}
}

func (x *reader) url(name, raw string) *yarnpb.URLProto {
	u, err := url.Parse(raw)
	if err != nil || u.Path == "" {
		x.fail("local resource %.60q: %.200q is no address of a file", name, raw)
		return nil
	}
	p := &yarnpb.URLProto{Scheme: new(u.Scheme), File: new(u.Path), Port: new(int32(-1))}
	if u.Host != "" {
		p.Host = new(u.Hostname())
	}
	if n, err := strconv.ParseInt(u.Port(), 10, 32); err == nil {
		p.Port = new(int32(n))
	}
	if u.User != nil {
		p.UserInfo = new(u.User.String())
	}
	return p
}
