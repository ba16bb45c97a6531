package conf

import (
	"errors"
	"time"
)

// Values reads many keys in a row and keeps every error, so that a daemon fills its
// typed settings line by line and reports all bad values at once with Err.
type Values struct {
	Config *Config
	errs   []error
}

// Values is a reader over c.
func (c *Config) Values() *Values { return &Values{Config: c} }

// Err joins what was wrong with the values read so far; nil when all were good.
func (v *Values) Err() error { return errors.Join(v.errs...) }

// Fail adds an error that the caller found, for instance a value out of range.
func (v *Values) Fail(err error) {
	if err != nil {
		v.errs = append(v.errs, err)
	}
}

func keep[T any](v *Values, value T, err error) T {
	v.Fail(err)
	return value
}

// String is Config.String.
func (v *Values) String(key, def string) string { return v.Config.String(key, def) }

// Strings is Config.Strings.
func (v *Values) Strings(key string, def ...string) []string { return v.Config.Strings(key, def...) }

// Int is Config.Int.
func (v *Values) Int(key string, def int) int {
	n, err := v.Config.Int(key, def)
	return keep(v, n, err)
}

// Int64 is Config.Int64.
func (v *Values) Int64(key string, def int64) int64 {
	n, err := v.Config.Int64(key, def)
	return keep(v, n, err)
}

// Bool is Config.Bool.
func (v *Values) Bool(key string, def bool) bool {
	b, err := v.Config.Bool(key, def)
	return keep(v, b, err)
}

// Float is Config.Float.
func (v *Values) Float(key string, def float64) float64 {
	f, err := v.Config.Float(key, def)
	return keep(v, f, err)
}

// Duration is Config.Duration.
func (v *Values) Duration(key string, def, unit time.Duration) time.Duration {
	d, err := v.Config.Duration(key, def, unit)
	return keep(v, d, err)
}

// Bytes is Config.Bytes.
func (v *Values) Bytes(key string, def int64) int64 {
	n, err := v.Config.Bytes(key, def)
	return keep(v, n, err)
}

// Addr is Config.Addr.
func (v *Values) Addr(key, def string) string {
	a, err := v.Config.Addr(key, def)
	return keep(v, a, err)
}

// ConnectAddr is Config.ConnectAddr.
func (v *Values) ConnectAddr(key, def string) string {
	a, err := v.Config.ConnectAddr(key, def)
	return keep(v, a, err)
}

// Positive is Config.Int64, refused when it is not above zero.
func (v *Values) Positive(key string, def int64) int64 {
	n := v.Int64(key, def)
	if n <= 0 && v.Config.Source(key) != "" {
		v.Fail(v.Config.Invalid(key, "a number above 0"))
	}
	return n
}
