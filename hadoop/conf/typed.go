package conf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// value is the text of key; ok is false when key is unset or empty, where the caller's default holds.
func (c *Config) value(key string) (string, bool) {
	v, _ := c.Get(key)
	return v, v != ""
}

// Invalid is the error for a value that cannot be used: it names key, value and the file that set it.
func (c *Config) Invalid(key, want string) error {
	v, _ := c.Get(key)
	return fmt.Errorf("%s = %q (set in %s): want %s", key, v, c.Source(key), want)
}

// String is the value of key, or def when it is unset or empty.
func (c *Config) String(key, def string) string {
	if v, ok := c.value(key); ok {
		return v
	}
	return def
}

// Strings is the comma-separated list under key without empty entries, or def when key is unset or empty.
func (c *Config) Strings(key string, def ...string) []string {
	v, ok := c.value(key)
	if !ok {
		return def
	}
	var out []string
	for _, s := range strings.Split(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Int is the number under key, decimal or 0x hexadecimal.
func (c *Config) Int(key string, def int) (int, error) {
	n, err := c.integer(key, int64(def), strconv.IntSize)
	return int(n), err
}

// Int64 is the number under key, decimal or 0x hexadecimal.
func (c *Config) Int64(key string, def int64) (int64, error) {
	return c.integer(key, def, 64)
}

func (c *Config) integer(key string, def int64, bits int) (int64, error) {
	v, ok := c.value(key)
	if !ok {
		return def, nil
	}
	n, err := parseInt(v, bits)
	if err != nil {
		return 0, c.Invalid(key, "a whole number")
	}
	return n, nil
}

func parseInt(v string, bits int) (int64, error) {
	if hex, ok := strings.CutPrefix(strings.ToLower(v), "0x"); ok {
		return strconv.ParseInt(hex, 16, bits)
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(v), "-0x"); ok {
		return strconv.ParseInt("-"+hex, 16, bits)
	}
	return strconv.ParseInt(v, 10, bits)
}

// Bool is true or false under key, in any case. Hadoop takes a misspelt value for
// the default in silence; here it is an error.
func (c *Config) Bool(key string, def bool) (bool, error) {
	v, ok := c.value(key)
	if !ok {
		return def, nil
	}
	switch strings.ToLower(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, c.Invalid(key, "true or false")
}

// Float is the number under key.
func (c *Config) Float(key string, def float64) (float64, error) {
	v, ok := c.value(key)
	if !ok {
		return def, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(v, "f"), 64)
	if err != nil || f != f {
		return 0, c.Invalid(key, "a number")
	}
	return f, nil
}

// timeUnits are Hadoop's suffixes, the longer ones first where one ends in another.
var timeUnits = []struct {
	suffix string
	unit   time.Duration
}{
	{"ns", time.Nanosecond}, {"us", time.Microsecond}, {"ms", time.Millisecond},
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// Duration is the time under key: a whole number with one of Hadoop's suffixes (ns us ms
// s m h d), or without one in the given unit. def is the value when key is unset.
func (c *Config) Duration(key string, def, unit time.Duration) (time.Duration, error) {
	v, ok := c.value(key)
	if !ok {
		return def, nil
	}
	number := strings.ToLower(v)
	for _, u := range timeUnits {
		if n, found := strings.CutSuffix(number, u.suffix); found {
			number, unit = strings.TrimSpace(n), u.unit
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, c.Invalid(key, "a whole number with an optional unit ns, us, ms, s, m, h or d")
	}
	d := time.Duration(n) * unit
	if n != 0 && (d/unit != time.Duration(n)) {
		// Long.MAX_VALUE stands for "for ever" in Hadoop's defaults.
		d = 1<<63 - 1
		if n < 0 {
			d = -d
		}
	}
	return d, nil
}

const sizeSuffixes = "kmgtpe"

// Bytes is the size under key: a whole number with an optional binary suffix k, m, g, t, p or e.
func (c *Config) Bytes(key string, def int64) (int64, error) {
	v, ok := c.value(key)
	if !ok {
		return def, nil
	}
	number, shift := strings.ToLower(v), 0
	if i := strings.IndexByte(sizeSuffixes, number[len(number)-1]); i >= 0 {
		number, shift = strings.TrimSpace(number[:len(number)-1]), 10*(i+1)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n<<shift>>shift != n {
		return 0, c.Invalid(key, "a whole number of bytes with an optional suffix k, m, g, t, p or e")
	}
	return n << shift, nil
}
