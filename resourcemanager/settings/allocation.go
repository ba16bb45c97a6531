package settings

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"heddle/yarn"
)

// maximum reads the largest allocation of the queue at path, in which the queue above it counts for what is not set here;
// nil is the cluster's. Like Hadoop it may be larger than the one above, but not than the cluster's.
func (r *queueReader) maximum(path string, above *yarn.Resource) *yarn.Resource {
	key := prefix + path + ".maximum-allocation"
	var most yarn.Resource
	if text := r.conf.String(key, ""); text != "" {
		var err error
		if most, err = parseAllocation(text, r.types); err != nil {
			r.errs = append(r.errs, fmt.Errorf("%w: %w", r.conf.Invalid(key, "amounts such as memory-mb=2048,vcores=2"), err))
			return above
		}
	} else {
		own := []int64{yarn.Memory: r.values.Int64(key+"-mb", -1), yarn.VCores: r.values.Int64(key+"-vcores", -1)}
		if own[yarn.Memory] == -1 && own[yarn.VCores] == -1 {
			return above
		}
		for i := range most {
			most[i] = math.MaxInt64
			if above != nil {
				most[i] = above[i]
			}
			if i < len(own) && own[i] != -1 {
				most[i] = own[i]
			}
			if most[i] < 0 {
				r.errs = append(r.errs, r.conf.Invalid(key+[]string{"-mb", "-vcores"}[i], "no negative number"))
			}
		}
	}
	whole := most
	for i := range whole {
		if whole[i] == math.MaxInt64 {
			whole[i] = r.largest[i]
		}
	}
	if whole != whole.Min(r.largest) {
		r.errs = append(r.errs, fmt.Errorf("Queue maximum allocation cannot be larger than the cluster setting for queue %s max allocation per queue: %s cluster setting: %s", path, r.types.Format(whole), r.types.Format(r.largest))) //nolint:revive // Hadoop's text
	}
	return &most
}

var allocationShape = regexp.MustCompile(`^([^=]+)=(\d+)\s?([MmGg]?)$`)

// parseAllocation reads amounts such as "memory-mb=2g,vcores=2". As in Hadoop, of a type that is not named there is nothing,
// and memory (unlike memory-mb) without a unit is in bytes.
func parseAllocation(text string, types *yarn.ResourceTypes) (out yarn.Resource, err error) {
	for part := range strings.SplitSeq(text, ",") {
		m := allocationShape.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return out, fmt.Errorf("%q is not a valid resource type/amount pair; units are M and G", part)
		}
		n, err := strconv.ParseInt(m[2], 10, 52)
		if err != nil {
			return out, err
		}
		name := m[1]
		switch bytes := name == "memory"; {
		case bytes && m[3] == "":
			n >>= 20
		case strings.EqualFold(m[3], "g"):
			n <<= 10
		}
		switch name {
		case "memory":
			name = yarn.MemoryName
		case "gpu", "fpga":
			name = "yarn.io/" + name
		}
		i := types.Index(name)
		if i < 0 {
			return out, fmt.Errorf("unknown resource: %s", name)
		}
		if m[3] != "" && i != yarn.Memory {
			return out, fmt.Errorf("%s has no unit", name)
		}
		out[i] = n
	}
	return out, nil
}
