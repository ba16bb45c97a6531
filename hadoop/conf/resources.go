package conf

import (
	"fmt"
	"math"
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
	if !yarn.KnownUnit(unit) {
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
	return yarn.ConvertUnit(n, from, unit)
}
