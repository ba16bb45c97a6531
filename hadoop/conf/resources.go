package conf

import (
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"

	"heddle/yarn"
)

const resourceTypesKey = "yarn.resource-types"

// resourceName is an optional namespace (a host name) and a name, as in yarn.io/gpu.
var resourceName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// ResourceTypes reads yarn.resource-types with the units of each: memory and vcores
// come first, then the named types in the order given.
func ResourceTypes(c *Config) (*yarn.ResourceTypes, error) {
	var further []yarn.ResourceType
	for _, name := range c.Strings(resourceTypesKey) {
		if !resourceName.MatchString(name) {
			return nil, fmt.Errorf("resource type %q: want namespace/name of letters, digits and . _ -: %w", name, c.Invalid(resourceTypesKey, "a list of resource types"))
		}
		unit, err := resourceUnit(c, name)
		if err != nil {
			return nil, err
		}
		if name == yarn.MemoryName || name == yarn.VCoresName {
			continue
		}
		further = append(further, yarn.ResourceType{Name: name, Unit: unit})
	}
	types, err := yarn.NewResourceTypes(further...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", c.Invalid(resourceTypesKey, "a list of resource types"), err)
	}
	return types, nil
}

func resourceUnit(c *Config, name string) (string, error) {
	kindKey := resourceTypesKey + "." + name + ".type"
	if !strings.EqualFold(c.String(kindKey, "countable"), "countable") {
		return "", c.Invalid(kindKey, "countable, the only kind there is")
	}
	key := resourceTypesKey + "." + name + ".units"
	unit := c.String(key, "")
	if _, ok := unitFactor[unit]; !ok {
		return "", c.Invalid(key, "one of p n u m k M G T P Ki Mi Gi Ti Pi")
	}
	if fixed, ok := map[string]string{yarn.MemoryName: "Mi", yarn.VCoresName: ""}[name]; ok && unit != "" && unit != fixed {
		return "", c.Invalid(key, fmt.Sprintf("%q, which is fixed for %s", fixed, name))
	}
	return unit, nil
}

// AllocationLimits are the smallest and largest container of each type: the
// yarn.scheduler.* keys for memory and vcores, overridden by minimum-allocation and
// maximum-allocation of resource-types.xml.
func AllocationLimits(c *Config, types *yarn.ResourceTypes) (smallest, largest yarn.Resource, err error) {
	v := c.Values()
	smallest = yarn.NewResource(v.Int64("yarn.scheduler.minimum-allocation-mb", 1024), v.Int64("yarn.scheduler.minimum-allocation-vcores", 1))
	largest = yarn.NewResource(v.Int64("yarn.scheduler.maximum-allocation-mb", 8192), v.Int64("yarn.scheduler.maximum-allocation-vcores", 4))
	for i := range types.Len() {
		t := types.At(i)
		if i > yarn.VCores {
			largest[i] = math.MaxInt64
		}
		prefix := resourceTypesKey + "." + t.Name
		smallest[i] = v.amount(prefix+".minimum-allocation", t.Unit, smallest[i])
		largest[i] = v.amount(prefix+".maximum-allocation", t.Unit, largest[i])
		if smallest[i] > largest[i] || smallest[i] < 0 {
			v.Fail(fmt.Errorf("resource %s: minimum allocation %d and maximum allocation %d do not fit; correct yarn.scheduler.*-allocation or %s.*-allocation", t.Name, smallest[i], largest[i], prefix))
		}
	}
	return smallest, largest, v.Err()
}

// NodeResources are the amounts of yarn.nodemanager.resource-type.<name>, in each type's
// own unit; types that are not set are zero. Memory and vcores come from other keys.
func NodeResources(c *Config, types *yarn.ResourceTypes) (yarn.Resource, error) {
	const prefix = "yarn.nodemanager.resource-type."
	var out yarn.Resource
	v := c.Values()
	for name := range c.WithPrefix(prefix) {
		i := types.Index(name)
		if i < 0 {
			v.Fail(fmt.Errorf("%w: %s is not in %s", c.Invalid(prefix+name, "a resource type of the cluster"), name, resourceTypesKey))
			continue
		}
		out[i] = v.amount(prefix+name, types.At(i).Unit, 0)
	}
	return out, v.Err()
}

func (v *Values) amount(key, unit string, def int64) int64 {
	text, ok := v.Config.value(key)
	if !ok {
		return def
	}
	n, err := ParseAmount(text, unit)
	if err != nil {
		v.Fail(fmt.Errorf("%w: %w", v.Config.Invalid(key, "a whole number with an optional unit"), err))
		return def
	}
	return n
}

// unitFactor is a unit as numerator and denominator against one.
var unitFactor = map[string][2]uint64{
	"": {1, 1}, "p": {1, 1e12}, "n": {1, 1e9}, "u": {1, 1e6}, "m": {1, 1e3},
	"k": {1e3, 1}, "M": {1e6, 1}, "G": {1e9, 1}, "T": {1e12, 1}, "P": {1e15, 1},
	"Ki": {1 << 10, 1}, "Mi": {1 << 20, 1}, "Gi": {1 << 30, 1}, "Ti": {1 << 40, 1}, "Pi": {1 << 50, 1},
}

// ParseAmount reads a whole number with an optional unit ("4", "2Gi") into the given
// unit, rounding down. A number without unit is in that unit already.
func ParseAmount(text, unit string) (int64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("amount %q is not a whole number of zero or more", text)
	}
	from := strings.TrimSpace(text[len(digits):])
	if from == "" {
		return n, nil
	}
	return ConvertUnit(n, from, unit)
}

// ConvertUnit turns n of unit from into unit to, rounding down; it refuses unknown units and overflow.
func ConvertUnit(n int64, from, to string) (int64, error) {
	f, ok := unitFactor[from]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q; know p n u m k M G T P Ki Mi Gi Ti Pi", from)
	}
	t, ok := unitFactor[to]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q; know p n u m k M G T P Ki Mi Gi Ti Pi", to)
	}
	if from == to {
		return n, nil
	}
	over := fmt.Errorf("%d%s does not fit 63 bits in unit %q", n, from, to)
	high, numerator := bits.Mul64(f[0], t[1])
	if high != 0 {
		return 0, over
	}
	high, denominator := bits.Mul64(f[1], t[0])
	if high != 0 {
		return 0, nil // a whole unit of to is beyond any 63-bit amount of from
	}
	high, low := bits.Mul64(uint64(n), numerator)
	if high >= denominator {
		return 0, over
	}
	quotient, _ := bits.Div64(high, low, denominator)
	if quotient > math.MaxInt64 {
		return 0, over
	}
	return int64(quotient), nil
}
