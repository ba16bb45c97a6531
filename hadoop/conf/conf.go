// Package conf reads Hadoop's XML configuration: built-in defaults under the files
// of a configuration directory, final properties, variables, includes, deprecated
// names, and getters that know Hadoop's units and name key, value and file in errors.
package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config is a set of properties. It is built at start-up and then only read;
// Set and AddFile must not run beside other calls.
type Config struct {
	properties map[string]property
	getenv     func(string) (string, bool)
	system     map[string]string // Java system properties that values refer to, such as user.name
}

type property struct {
	value  string
	source string
	final  bool
}

// SourceDefault is what Source says of a built-in default.
const SourceDefault = "built-in default"

// SourceProgram is what Source says of a value that Set stored.
const SourceProgram = "command line"

// siteFiles are read by Load when no names are given; later ones override earlier ones.
var siteFiles = []string{"core-site.xml", "hdfs-site.xml", "mapred-site.xml", "yarn-site.xml", "resource-types.xml", "node-resources.xml", "hadoop-policy.xml"}

// New is an empty configuration: no built-in defaults, nothing but what is added.
func New() *Config {
	return &Config{properties: map[string]property{}, getenv: os.LookupEnv, system: systemProperties()}
}

// WithDefaults is a configuration that holds Hadoop's defaults and no file.
func WithDefaults() *Config {
	c := New()
	for key, value := range defaults() {
		c.properties[key] = property{value: value, source: SourceDefault}
	}
	return c
}

// Load reads the named files of dir over the built-in defaults, in order. A name
// may leave out ".xml"; without names the site files of a cluster are read
// (core, hdfs, mapred, yarn, resource-types, node-resources, hadoop-policy). A missing file is
// no error, a malformed one is.
func Load(dir string, names ...string) (*Config, error) {
	if len(names) == 0 {
		names = siteFiles
	}
	c := WithDefaults()
	for _, name := range names {
		if err := c.addIfPresent(filepath.Join(dir, xmlName(name))); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// LoadScheduler reads capacity-scheduler.xml of dir over a copy of base.
func LoadScheduler(dir string, base *Config) (*Config, error) {
	c := base.Clone()
	if err := c.addIfPresent(filepath.Join(dir, "capacity-scheduler.xml")); err != nil {
		return nil, err
	}
	return c, nil
}

func xmlName(name string) string {
	if strings.HasSuffix(name, ".xml") {
		return name
	}
	return name + ".xml"
}

func (c *Config) addIfPresent(path string) error {
	err := c.AddFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// AddFile reads one file over what c holds; properties that an earlier file declared final keep their value.
func (c *Config) AddFile(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("reading configuration %s: %w", path, err)
	}
	reader := newReader()
	if err := reader.file(abs); err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	for _, p := range reader.found {
		c.add(p)
	}
	return nil
}

func (c *Config) add(p parsed) {
	for _, key := range currentNames(p.name) {
		if old, ok := c.properties[key]; ok && old.final {
			continue
		}
		c.properties[key] = property{value: p.value, source: p.source, final: p.final}
	}
}

// Clone is an independent copy.
func (c *Config) Clone() *Config {
	d := *c
	d.properties = maps.Clone(c.properties)
	return &d
}

// Set stores a value over anything a file said, final or not.
func (c *Config) Set(key, value string) {
	for _, k := range currentNames(key) {
		c.properties[k] = property{value: value, source: SourceProgram}
	}
}

// Unset removes a key.
func (c *Config) Unset(key string) {
	for _, k := range currentNames(key) {
		delete(c.properties, k)
	}
}

// Get is the value of key with its variables expanded and surrounding space
// removed, and whether the key is set at all.
func (c *Config) Get(key string) (string, bool) {
	p, ok := c.lookup(key)
	if !ok {
		return "", false
	}
	return strings.TrimSpace(c.expand(p.value)), true
}

// Untrimmed is Get without removing surrounding space, which means something in
// access lists (" dev" is the group dev, "dev" the user).
func (c *Config) Untrimmed(key string) (string, bool) {
	p, ok := c.lookup(key)
	return c.expand(p.value), ok
}

// Raw is the value of key as written, variables not expanded.
func (c *Config) Raw(key string) (string, bool) {
	p, ok := c.lookup(key)
	return p.value, ok
}

// Source names the file that set key, SourceDefault, SourceProgram, or "" when nothing did.
func (c *Config) Source(key string) string {
	p, _ := c.lookup(key)
	return p.source
}

// Final reports whether the file that set key declared it final.
func (c *Config) Final(key string) bool {
	p, _ := c.lookup(key)
	return p.final
}

func (c *Config) lookup(key string) (property, bool) {
	p, ok := c.properties[currentNames(key)[0]]
	return p, ok
}

// Keys are all keys that are set, sorted.
func (c *Config) Keys() []string { return slices.Sorted(maps.Keys(c.properties)) }

// WithPrefix is every key that starts with prefix, the prefix cut off, with its expanded value.
func (c *Config) WithPrefix(prefix string) map[string]string {
	out := map[string]string{}
	for key := range c.properties {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest], _ = c.Get(key)
		}
	}
	return out
}
