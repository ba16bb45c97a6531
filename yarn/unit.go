package yarn

import (
	"fmt"
	"math"
	"math/bits"
)

// unitFactor is a unit as numerator and denominator against one.
var unitFactor = map[string][2]uint64{
	"": {1, 1}, "p": {1, 1e12}, "n": {1, 1e9}, "u": {1, 1e6}, "m": {1, 1e3},
	"k": {1e3, 1}, "M": {1e6, 1}, "G": {1e9, 1}, "T": {1e12, 1}, "P": {1e15, 1},
	"Ki": {1 << 10, 1}, "Mi": {1 << 20, 1}, "Gi": {1 << 30, 1}, "Ti": {1 << 40, 1}, "Pi": {1 << 50, 1},
}

// ConvertUnit turns n of unit from into unit to, rounding down; it refuses unknown units and overflow.
func ConvertUnit(n int64, from, to string) (int64, error) {
	f, err := factor(from)
	if err != nil {
		return 0, err
	}
	if from == to {
		return n, nil
	}
	t, err := factor(to)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("amount %d%s is negative", n, from)
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

// KnownUnit reports whether unit is one of Hadoop's; the empty one, a plain count, is.
func KnownUnit(unit string) bool {
	_, ok := unitFactor[unit]
	return ok
}

func factor(unit string) ([2]uint64, error) {
	f, ok := unitFactor[unit]
	if !ok {
		return f, fmt.Errorf("unknown unit %q; know p n u m k M G T P Ki Mi Gi Ti Pi", unit)
	}
	return f, nil
}
