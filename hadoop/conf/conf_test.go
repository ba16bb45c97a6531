package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/yarn"
)

// write makes a configuration directory of name -> properties in the short notation
// "key=value" or "key!=value" (final), or whole XML when it starts with "<".
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if !strings.HasPrefix(text, "<") {
			text = document0(text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func document0(text string) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<configuration>\n")
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		final := strings.HasSuffix(key, "!")
		b.WriteString("<property><name>" + strings.TrimSuffix(key, "!") + "</name><value>" + value + "</value>")
		if final {
			b.WriteString("<final>true</final>")
		}
		b.WriteString("</property>\n")
	}
	return b.String() + "</configuration>\n"
}

func load(t *testing.T, files map[string]string) *Config {
	t.Helper()
	c, err := Load(write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLaterFilesOverrideEarlierOnesExceptFinal(t *testing.T) {
	c := load(t, map[string]string{
		"core-site.xml": "a=core\nb!=core\nc=core",
		"yarn-site.xml": "a=yarn\nb=yarn",
	})
	for key, want := range map[string]string{"a": "yarn", "b": "core", "c": "core", "yarn.resourcemanager.am.max-attempts": "2"} {
		if got := c.String(key, ""); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasSuffix(c.Source("b"), "core-site.xml") || !strings.HasSuffix(c.Source("a"), "yarn-site.xml") {
		t.Errorf("sources: a %s, b %s", c.Source("a"), c.Source("b"))
	}
	if c.Source("yarn.acl.enable") != SourceDefault || c.Source("nothing") != "" {
		t.Errorf("sources: %q, %q", c.Source("yarn.acl.enable"), c.Source("nothing"))
	}
}

func TestTheSchedulersFileDoesNotLeakIntoTheBase(t *testing.T) {
	dir := write(t, map[string]string{"capacity-scheduler.xml": "yarn.scheduler.capacity.root.queues=a,b", "yarn-site.xml": "x=1"})
	base, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := LoadScheduler(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Strings("yarn.scheduler.capacity.root.queues"); len(got) != 2 || s.String("x", "") != "1" {
		t.Errorf("queues %v, x %q", got, s.String("x", ""))
	}
	if _, ok := base.Get("yarn.scheduler.capacity.root.queues"); ok {
		t.Error("the base configuration changed")
	}
}

func TestVariables(t *testing.T) {
	c := New()
	c.system = map[string]string{"user.name": "alice"}
	c.getenv = func(name string) (string, bool) {
		v, ok := map[string]string{"HOME": "/home/a", "EMPTY": ""}[name]
		return v, ok
	}
	for k, v := range map[string]string{
		"one": "1", "two": "${one}2", "three": "${two}${one}3", "which": "two",
		"loop.a": "x${loop.b}", "loop.b": "y${loop.a}", "self": "s${self}",
	} {
		c.Set(k, v)
	}
	for in, want := range map[string]string{
		"plain":                          "plain",
		"${one}":                         "1",
		"${three}/${one}":                "1213/1",
		"/tmp/hadoop-${user.name}":       "/tmp/hadoop-alice",
		"${env.HOME}/x":                  "/home/a/x",
		"${env.NONE}":                    "${env.NONE}",
		"${env.NONE-d}|${env.NONE:-d}":   "d|d",
		"${env.EMPTY-d}|${env.EMPTY:-d}": "|d",
		"${${which}}":                    "12",
		"${nothing} ${one}":              "${nothing} 1",
		"a ${not a name} $ ${ ${one":     "a ${not a name} $ ${ ${one",
		"${loop.a}":                      "${loop.a}",
		"${self}":                        "${self}",
	} {
		if got := c.expand(in); got != want {
			t.Errorf("%s expands to %s, want %s", in, got, want)
		}
	}
}

func TestVariablesCannotGrowWithoutBound(t *testing.T) {
	c := New()
	c.Set("v0", strings.Repeat("x", 100))
	for i := range 15 {
		c.Set("v"+string(rune('a'+i)), strings.Repeat("${v"+map[bool]string{true: "0", false: string(rune('a' + i - 1))}[i == 0]+"}", 10))
	}
	if got := c.String("vo", ""); len(got) > maxExpandBytes {
		t.Errorf("a small file grew to %d bytes", len(got))
	}
}

func TestIncludes(t *testing.T) {
	c := load(t, map[string]string{
		"core-site.xml": `<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
			<xi:include href="more.xml"/>
			<xi:include href="absent.xml"><xi:fallback><property><name>f</name><value>fallback</value></property></xi:fallback></xi:include>
			<xi:include href="more.xml"><xi:fallback><property><name>unused</name><value>1</value></property></xi:fallback></xi:include>
			<property name="short" value="form" final="true"/>
			</configuration>`,
		"more.xml": "m=more",
	})
	for key, want := range map[string]string{"m": "more", "f": "fallback", "short": "form", "unused": ""} {
		if got := c.String(key, ""); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasSuffix(c.Source("m"), "more.xml") || !c.Final("short") {
		t.Errorf("m from %s; short final %v", c.Source("m"), c.Final("short"))
	}
}

func TestMalformedFilesNameFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not closed":         {"<configuration>\n<property>\n", "yarn-site.xml line 3"},
		"wrong end":          {"<configuration>\n<property></configuration>\n", "yarn-site.xml line 2"},
		"wrong top element":  {"<conf/>", "want <configuration>"},
		"no name":            {"<configuration>\n\n<property><value>1</value></property></configuration>", "yarn-site.xml line 3: <property> without a <name>"},
		"markup in a value":  {"<configuration><property><name>a</name><value>1<b/></value></property></configuration>", "<b> inside <value>"},
		"two documents":      {"<configuration/><configuration/>", "after </configuration>"},
		"included not there": {"<configuration><include href='gone.xml'/></configuration>", "gone.xml, which has no <fallback>"},
		"included by itself": {"<configuration><include href='yarn-site.xml'/></configuration>", "includes itself"},
		"include over http":  {"<configuration><include href='http://x/y'/></configuration>", "only files"},
		"an entity":          {"<!DOCTYPE c [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><configuration><property><name>a</name><value>&e;</value></property></configuration>", "line 1"},
		"strange encoding":   {"<?xml version='1.0' encoding='EBCDIC'?><configuration/>", "UTF-8"},
	} {
		_, err := Load(write(t, map[string]string{"yarn-site.xml": c.text}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "yarn-site.xml") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Load(t.TempDir()); err != nil {
		t.Errorf("no files at all: %v", err)
	}
	dir := write(t, map[string]string{"yarn-site.xml": "<?xml version='1.0' encoding='ISO-8859-1'?><configuration><property><name>a</name><value>\xe9</value></property></configuration>"})
	if c, err := Load(dir); err != nil || c.String("a", "") != "é" {
		t.Errorf("latin-1: %v", err)
	}
}

func TestDeprecatedNamesAreTheNewOnes(t *testing.T) {
	c := load(t, map[string]string{"core-site.xml": "fs.default.name=hdfs://n:1"})
	if c.String("fs.defaultFS", "") != "hdfs://n:1" || c.String("fs.default.name", "") != "hdfs://n:1" {
		t.Errorf("fs.defaultFS is %q", c.String("fs.defaultFS", ""))
	}
}

func TestTypedValues(t *testing.T) {
	c := New()
	for k, v := range map[string]string{"i": " 42 ", "hex": "0x10", "b": "TRUE", "f": "0.25f", "l": "a, b,,c", "empty": "",
		"ms": "15", "s": "3s", "d": "2d", "min": "10M", "k": "4k", "g": "2g", "plain": "7", "forever": "9223372036854775807"} {
		c.Set(k, v)
	}
	v := c.Values()
	check := func(name string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	check("i", v.Int("i", 0), 42)
	check("hex", v.Int64("hex", 0), int64(16))
	check("b", v.Bool("b", false), true)
	check("f", v.Float("f", 0), 0.25)
	check("l", strings.Join(v.Strings("l"), "|"), "a|b|c")
	check("empty int", v.Int("empty", 9), 9)
	check("unset", v.Int("none", 9), 9)
	check("ms", v.Duration("ms", 0, time.Millisecond), 15*time.Millisecond)
	check("s", v.Duration("s", 0, time.Millisecond), 3*time.Second)
	check("d", v.Duration("d", 0, time.Millisecond), 48*time.Hour)
	check("min", v.Duration("min", 0, time.Second), 10*time.Minute)
	check("forever", v.Duration("forever", 0, time.Second), time.Duration(1<<63-1))
	check("k", v.Bytes("k", 0), int64(4096))
	check("g", v.Bytes("g", 0), int64(2<<30))
	check("plain", v.Bytes("plain", 0), int64(7))
	if err := v.Err(); err != nil {
		t.Error(err)
	}
}

func TestBadValuesNameKeyValueAndFileAllAtOnce(t *testing.T) {
	c := load(t, map[string]string{"yarn-site.xml": "i=many\nb=yes\nd=3 weeks\ns=1z\nf=x\na=host:port"})
	v := c.Values()
	v.Int("i", 0)
	v.Bool("b", false)
	v.Duration("d", 0, time.Second)
	v.Bytes("s", 0)
	v.Float("f", 0)
	v.Addr("a", "0.0.0.0:1")
	err := v.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`i = "many"`, `b = "yes"`, `d = "3 weeks"`, `s = "1z"`, `f = "x"`, `a = "host:port"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if n := strings.Count(err.Error(), "yarn-site.xml"); n != 6 {
		t.Errorf("the file is named %d times, want 6", n)
	}
}

func TestAddressesAndTheBindHostRule(t *testing.T) {
	for _, c := range []struct{ name, site, key, def, listen, connect string }{
		{"default host", "", "yarn.resourcemanager.address", "0.0.0.0:8032", "0.0.0.0:8032", "0.0.0.0:8032"},
		{"host by hostname", "yarn.resourcemanager.hostname=rm1", "yarn.resourcemanager.scheduler.address", "0.0.0.0:8030", "rm1:8030", "rm1:8030"},
		{"bind-host changes only what is listened on", "yarn.resourcemanager.hostname=rm1\nyarn.resourcemanager.bind-host=0.0.0.0",
			"yarn.resourcemanager.webapp.address", "0.0.0.0:8088", "0.0.0.0:8088", "rm1:8088"},
		{"no port", "yarn.nodemanager.webapp.address=nm1", "yarn.nodemanager.webapp.address", "0.0.0.0:8042", "nm1:8042", "nm1:8042"},
		{"IPv6", "yarn.nodemanager.address=[::1]:0", "yarn.nodemanager.address", "0.0.0.0:0", "[::1]:0", "[::1]:0"},
	} {
		conf := load(t, map[string]string{"yarn-site.xml": c.site})
		listen, err := conf.Addr(c.key, c.def)
		if err != nil || listen != c.listen {
			t.Errorf("%s: listens on %s, %v; want %s", c.name, listen, err, c.listen)
		}
		connect, err := conf.ConnectAddr(c.key, c.def)
		if err != nil || connect != c.connect {
			t.Errorf("%s: connects to %s, %v; want %s", c.name, connect, err, c.connect)
		}
	}
}

func TestResourceTypesFromConfiguration(t *testing.T) {
	c := load(t, map[string]string{
		"resource-types.xml": "yarn.resource-types=yarn.io/gpu, acme.com/disk\nyarn.resource-types.acme.com/disk.units=Gi\n" +
			"yarn.resource-types.yarn.io/gpu.maximum-allocation=8\nyarn.resource-types.acme.com/disk.minimum-allocation=1024Mi\nyarn.resource-types.memory-mb.maximum-allocation=4Gi",
		"node-resources.xml": "yarn.nodemanager.resource-type.acme.com/disk=2Ti\nyarn.nodemanager.resource-type.yarn.io/gpu=4",
	})
	types, err := ResourceTypes(c)
	if err != nil {
		t.Fatal(err)
	}
	if types.Len() != 4 || types.At(2).Name != yarn.GPUName || types.At(3) != (yarn.ResourceType{Name: "acme.com/disk", Unit: "Gi"}) {
		t.Errorf("types: %v %v", types.At(2), types.At(3))
	}
	low, high, err := AllocationLimits(c, types)
	if err != nil {
		t.Fatal(err)
	}
	if low != (yarn.Resource{1024, 1, 0, 1}) || high != (yarn.Resource{4096, 4, 8, 1<<63 - 1}) {
		t.Errorf("limits %v %v", low[:4], high[:4])
	}
	node, err := NodeResources(c, types)
	if err != nil || node != (yarn.Resource{0, 0, 4, 2048}) {
		t.Errorf("node %v, %v", node[:4], err)
	}
}

func TestBadResourceTypesAreRefused(t *testing.T) {
	for _, site := range []string{
		"yarn.resource-types=a b", "yarn.resource-types=x/y/z", "yarn.resource-types=g,g",
		"yarn.resource-types=g\nyarn.resource-types.g.units=furlong", "yarn.resource-types=g\nyarn.resource-types.g.type=liquid",
		"yarn.resource-types=memory-mb\nyarn.resource-types.memory-mb.units=Gi",
		"yarn.resource-types=a,b,c,d,e,f,g,h",
	} {
		_, err := ResourceTypes(load(t, map[string]string{"resource-types.xml": site}))
		if err == nil || !strings.Contains(err.Error(), "resource-types.xml") {
			t.Errorf("%q: %v", site, err)
		}
	}
	c := load(t, map[string]string{"node-resources.xml": "yarn.nodemanager.resource-type.fpga=1"})
	types, _ := yarn.NewResourceTypes()
	if _, err := NodeResources(c, types); err == nil || !strings.Contains(err.Error(), "fpga") {
		t.Errorf("an unknown type on a node: %v", err)
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		text, unit string
		want       int64
		bad        bool
	}{
		{"4", "", 4, false}, {"4", "Mi", 4, false}, {"2Gi", "Mi", 2048, false}, {"1500m", "", 1, false}, {"1k", "m", 1000000, false},
		{"1Pi", "p", 0, true}, {"9300P", "", 0, true}, {"9223P", "", 9223000000000000000, false}, {"-1", "", 0, true}, {"", "", 0, true},
		{"5x", "", 0, true}, {"1p", "Pi", 0, false}, {"1M", "Mi", 0, false}, {"3M", "Mi", 2, false},
	} {
		got, err := ParseAmount(c.text, c.unit)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%s in %q is %d, %v; want %d, error %v", c.text, c.unit, got, err, c.want, c.bad)
		}
	}
}

// Where the start scripts say nothing of logs they lie with the daemon's other files, not in a folder named after the variable.
func TestTheFolderForLogs(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"/var/log/x":         {"HADOOP_LOG_DIR": "/var/log/x", "YARN_LOG_DIR": "/y", "HADOOP_HOME": "/h"},
		"/y":                 {"YARN_LOG_DIR": "/y"},
		"/h/logs":            {"HADOOP_HOME": "/h"},
		"/tmp/hadoop-x/logs": {},
	} {
		c := WithDefaults()
		c.Set("hadoop.tmp.dir", "/tmp/hadoop-x")
		c.system = map[string]string{"yarn.log.dir": logDir(func(name string) string { return env[name] })}
		if got := c.String("yarn.nodemanager.log-dirs", ""); got != want+"/userlogs" {
			t.Errorf("%v: %s", env, got)
		}
	}
}
